"""Forward hooks on torchvision's ResNets, the plain vision transformer of vit.py and the network of branches.py, as the oracle.

Writes one safetensors file: images, and for each of `layers`, {name, neurons}, outputs.<name> [N, K, positions] of these neurons in eval
mode, over the positions of a feature map or over tokens; highest.<name> and places.<name>, the highest output and its first position,
and means.<name>, the mean over positions, [N, K] each.
"""

import torch
from branches import Branches
from common import channels_last, create, request, save
from vit import WIDTHS, VisionTransformer

args = request()

torch.manual_seed(args.seed)
if args.network in WIDTHS:
    model = VisionTransformer(WIDTHS[args.network], 3, args.height, args.width, args.patch, eps=1e-6)
elif args.network == "branches":
    model = Branches(3)
else:
    model = create(args.network, 3)
model = channels_last(model).eval()
generator = torch.Generator().manual_seed(args.seed + 1)
images = torch.randn(args.batch, 3, args.height, args.width, generator=generator)
out = {"images": images}
seen = {}
for layer in args.layers:
    name = layer["name"]
    model.get_submodule(name).register_forward_hook(
        lambda module, inputs, output, name=name: seen.update({name: output.clone()})
    )
with torch.no_grad():
    model(channels_last(images))
for layer in args.layers:
    name, neurons = layer["name"], layer["neurons"]
    values = seen[name]
    outputs = values[:, neurons].flatten(2) if values.dim() == 4 else values[..., neurons].transpose(1, 2)
    out[f"outputs.{name}"] = outputs
    out[f"highest.{name}"], places = outputs.max(dim=2)
    out[f"places.{name}"] = places.to(torch.int32)
    out[f"means.{name}"] = outputs.mean(dim=2)
save(out, args.out)
