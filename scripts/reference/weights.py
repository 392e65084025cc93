"""Reads a weights file with strict=True into torchvision's model, runs it, and writes the model's weights again.

Writes safetensors: logits (eval mode, of `input`'s `input`) to `logits`, and the state dict to `out`.
"""

import small_resnet  # noqa: F401
import torch
import torchvision
from request import request
from safetensors.torch import load_file, save_file

args = request()

model = torchvision.models.get_model(args.arch, weights=None, num_classes=args.classes)
model.load_state_dict(load_file(args.weights), strict=True)
model = model.eval().to(memory_format=torch.channels_last)
with torch.no_grad():
    logits = model(load_file(args.input)["input"].to(memory_format=torch.channels_last))
save_file({"logits": logits}, args.logits)
save_file({name: value.contiguous() for name, value in model.state_dict().items()}, args.out)
