"""torchvision's transforms as the oracle, on a list of image files.

Reads {files, resize, interpolation: bilinear by default, crop, mean, std, augmentation: {size, scale, ratio, flip} | null, seed}.
Writes safetensors: tensor.<i> (torchvision's tensor path), pil.<i> (PIL's path; evaluation only), and prints the crops.
"""

import json

import torch
from common import request, save
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional as F

args = request()
normalize = transforms.Normalize(args.mean, args.std)
augmentation = args.augmentation
interpolation = transforms.InterpolationMode(getattr(args, "interpolation", "bilinear"))
out, crops = {}, []


def evaluation(image):
    if args.resize is not None:
        image = F.resize(image, args.resize, interpolation, antialias=True)
    if args.crop is not None:
        image = F.center_crop(image, args.crop)
    return image


def to_input(image):
    return normalize(F.to_tensor(image) if isinstance(image, Image.Image) else F.convert_image_dtype(image))


torch.manual_seed(args.seed)
for i, path in enumerate(args.files):
    pil = Image.open(path).convert("RGB")
    image = F.pil_to_tensor(pil)
    if augmentation is None:
        out[f"tensor.{i}"] = to_input(evaluation(image))
        out[f"pil.{i}"] = to_input(evaluation(pil))
        continue
    crop = transforms.RandomResizedCrop.get_params(image, augmentation["scale"], augmentation["ratio"])
    result = F.resized_crop(image, *crop, augmentation["size"], interpolation, antialias=True)
    # RandomHorizontalFlip's draw.
    flip = bool(torch.rand(1) < augmentation["flip"]) if augmentation["flip"] > 0 else False
    out[f"tensor.{i}"] = to_input(F.hflip(result) if flip else result)
    crops.append([*crop, int(flip)])
save(out, args.out)
print(json.dumps(crops))
