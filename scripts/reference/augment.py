"""SimCLR's augmentations by torchvision's transforms as the oracle, on a list of image files.

Reads {files, augmentation as in a dataset's preprocessing, seed, out}.
Writes safetensors: image.<i> (uint8, [3, H, W]), and state, that of torch's default generator after the last image.
"""

import torch
from common import request, save
from PIL import Image
from torchvision import transforms
from torchvision.transforms import functional as F

args = request()
augmentation = args.augmentation


def kernel(image):
    """As SimCLR's random_blur: kernel_size = height // 10, radius = kernel_size / 2, of the shorter side and at least 3."""
    radius = min(image.shape[-2:]) // 10 // 2
    return max(3, 2 * radius + 1)


def blurred(image, sigma):
    return transforms.GaussianBlur(kernel(image), sigma)(image)


def pipeline():
    crop, jitter, blur = (augmentation.get(name) for name in ("randomResizedCrop", "colorJitter", "gaussianBlur"))
    if crop:
        yield transforms.RandomResizedCrop(crop["size"], crop["scale"], crop["ratio"], antialias=True)
    if augmentation["horizontalFlip"] > 0:
        yield transforms.RandomHorizontalFlip(augmentation["horizontalFlip"])
    if jitter:
        probability = jitter.pop("probability")
        yield transforms.RandomApply([transforms.ColorJitter(**jitter)], probability)
    if "grayscale" in augmentation:
        yield transforms.RandomGrayscale(augmentation["grayscale"])
    if blur:
        yield transforms.RandomApply([lambda image: blurred(image, blur["sigma"])], blur["probability"])


transform = transforms.Compose(list(pipeline()))
torch.manual_seed(args.seed)
out = {}
for i, path in enumerate(args.files):
    out[f"image.{i}"] = transform(F.pil_to_tensor(Image.open(path).convert("RGB")))
out["state"] = torch.get_rng_state()
save(out, args.out)
