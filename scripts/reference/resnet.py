"""torchvision's ResNets and that of small_resnet.py as the oracle: initial weights, logits, gradients and scores of neurons.

Writes one safetensors file: init.<name>, input, labels, logits.eval, logits.train, training.grad.<name> and grad.<name> (of the
mean cross-entropy in training and in eval mode), norms.weight, norms.gradient, gradient-x-weight.
"""

import small_resnet  # noqa: F401
import torch
import torchvision
from request import request
from safetensors.torch import save_file

args = request()

memory_format = torch.channels_last if args.memory_format == "channels_last" else torch.contiguous_format

torch.manual_seed(args.seed)
model = torchvision.models.get_model(args.arch, weights=None, num_classes=args.classes)
out = {f"init.{name}": value.clone() for name, value in model.state_dict().items()}
model = model.to(memory_format=memory_format)

generator = torch.Generator().manual_seed(args.seed + 1)
images = torch.randn(args.batch, 3, args.height, args.width, generator=generator)
labels = torch.randint(0, args.classes, (args.batch,), generator=generator)
out["input"], out["labels"] = images, labels.to(torch.int32)
images = images.to(memory_format=memory_format)

# A step in training mode first, so that eval mode has batch statistics that are not 0 and 1.
model.train()
with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16"):
    logits = model(images).float()
out["logits.train"] = logits.detach()
torch.nn.functional.cross_entropy(logits, labels).backward()
for name, parameter in model.named_parameters():
    out[f"training.grad.{name}"] = parameter.grad
model.zero_grad()

model.eval()
with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16"):
    logits = model(images).float()
out["logits.eval"] = logits.detach()
torch.nn.functional.cross_entropy(logits, labels).backward()
convolutions = [module for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
for name, parameter in model.named_parameters():
    out[f"grad.{name}"] = parameter.grad
out["norms.weight"] = torch.cat([c.weight.detach().flatten(1).norm(dim=1) for c in convolutions])
out["norms.gradient"] = torch.cat([c.weight.grad.flatten(1).norm(dim=1) for c in convolutions])
out["gradient-x-weight"] = torch.cat([-(c.weight.grad * c.weight.detach()).flatten(1).sum(1) for c in convolutions])
save_file({name: value.contiguous() for name, value in out.items()}, args.out)
