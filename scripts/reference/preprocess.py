"""torchvision's transforms as the oracle, on a list of image files.

Reads a JSON request from stdin: {files, resize, crop, mean, std, augmentation: {size, scale, ratio, flip} | null, seed}.
Writes safetensors: tensor.<i> (torchvision's tensor path), pil.<i> (PIL's path; evaluation only), and prints the crops.
"""

import json
import sys

import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision import transforms
from torchvision.transforms import functional as F

request = json.load(sys.stdin)
normalize = transforms.Normalize(request["mean"], request["std"])
augmentation = request["augmentation"]
out, crops = {}, []


def evaluation(image):
    if request["resize"] is not None:
        image = F.resize(image, request["resize"], antialias=True)
    if request["crop"] is not None:
        image = F.center_crop(image, request["crop"])
    return image


def to_input(image):
    return normalize(F.to_tensor(image) if isinstance(image, Image.Image) else F.convert_image_dtype(image))


torch.manual_seed(request["seed"])
for i, path in enumerate(request["files"]):
    pil = Image.open(path).convert("RGB")
    image = F.pil_to_tensor(pil)
    if augmentation is None:
        out[f"tensor.{i}"] = to_input(evaluation(image))
        out[f"pil.{i}"] = to_input(evaluation(pil))
        continue
    crop = transforms.RandomResizedCrop.get_params(image, augmentation["scale"], augmentation["ratio"])
    result = F.resized_crop(image, *crop, augmentation["size"], antialias=True)
    # RandomHorizontalFlip's draw.
    flip = bool(torch.rand(1) < augmentation["flip"]) if augmentation["flip"] > 0 else False
    out[f"tensor.{i}"] = to_input(F.hflip(result) if flip else result)
    crops.append([*crop, int(flip)])
save_file({name: value.contiguous() for name, value in out.items()}, request["out"])
print(json.dumps(crops))
