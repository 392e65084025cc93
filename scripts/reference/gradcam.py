"""Grad-CAM with hooks on torchvision models, as the oracle.

Writes one safetensors file: images [N, 3, H, W] and, for each layer, cam.<layer> [N, H, W].
"""

import argparse

import torch
import torch.nn.functional as F
import torchvision
from safetensors.torch import save_file

parser = argparse.ArgumentParser()
parser.add_argument("--arch", required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--layers", nargs="+", required=True)
parser.add_argument("--output", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--out", required=True)
args = parser.parse_args()

torch.set_num_threads(args.threads)
torch.manual_seed(args.seed)
model = getattr(torchvision.models, args.arch)(num_classes=2).eval()
images = torch.randn(4, 3, 64, 96, generator=torch.Generator().manual_seed(args.seed + 1))
out = {"images": images}
for layer in args.layers:
    seen = {}

    def keep(module, inputs, output):
        seen["features"] = output
        output.register_hook(lambda gradient: seen.update(gradient=gradient))

    handle = model.get_submodule(layer).register_forward_hook(keep)
    model.zero_grad()
    model(images)[:, args.output].sum().backward()
    handle.remove()
    weights = seen["gradient"].mean(dim=(2, 3), keepdim=True)
    cam = (weights * seen["features"]).sum(dim=1, keepdim=True).relu()
    cam = F.interpolate(cam, size=images.shape[2:], mode="bilinear", align_corners=False).squeeze(1)
    highest = cam.amax(dim=(1, 2), keepdim=True)
    out[f"cam.{layer}"] = cam / torch.where(highest > 0, highest, torch.ones_like(highest))
save_file({name: value.detach().contiguous() for name, value in out.items()}, args.out)
