"""Grad-CAM with hooks on torchvision's ResNets and the plain vision transformer of vit.py, as the oracle.

Writes one safetensors file: images [N, 3, H, W] and, for each layer, cam.<layer> [N, H, W] and cells.<layer>, the rows and
columns of its feature map. The patch tokens [N, 1 + T, C] of a vision transformer's layer become a feature map
[N, C, H / patch, W / patch]; the class token is left out.
"""

import torch
import torch.nn.functional as F
from common import channels_last, create, request, save
from vit import WIDTHS, VisionTransformer

args = request()

torch.manual_seed(args.seed)
if args.arch in WIDTHS:
    model = channels_last(VisionTransformer(WIDTHS[args.arch], 2, args.height, args.width, args.patch, eps=1e-6))
else:
    model = create(args.arch)
model.eval()
generator = torch.Generator().manual_seed(args.seed + 1)
images = torch.randn(4, 3, args.height, args.width, generator=generator)
out = {"images": images}


def as_map(tensor):
    if tensor.dim() == 4:
        return tensor
    tokens = tensor[:, 1:].reshape(len(tensor), args.height // args.patch, args.width // args.patch, -1)
    return tokens.permute(0, 3, 1, 2)


for layer in args.layers:
    seen = {}

    def keep(module, inputs, output):
        seen["features"] = output
        output.register_hook(lambda gradient: seen.update(gradient=gradient))

    handle = model.get_submodule(layer).register_forward_hook(keep)
    model.zero_grad()
    model(channels_last(images))[:, args.output].sum().backward()
    handle.remove()
    weights = as_map(seen["gradient"]).mean(dim=(2, 3), keepdim=True)
    cam = (weights * as_map(seen["features"])).sum(dim=1, keepdim=True).relu()
    out[f"cells.{layer}"] = torch.tensor(cam.shape[2:], dtype=torch.int32)
    cam = F.interpolate(cam, size=images.shape[2:], mode="bilinear", align_corners=False).squeeze(1)
    highest = cam.amax(dim=(1, 2), keepdim=True)
    out[f"cam.{layer}"] = cam / torch.where(highest > 0, highest, torch.ones_like(highest))
save(out, args.out)
