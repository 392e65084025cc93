"""Reads a weights file with strict=True into torchvision's model, runs it, and writes the model's weights again.

Writes safetensors: logits (eval mode, of `input`'s `input`) to `logits`, and the state dict to `out`.
"""

import torch
from common import channels_last, request, save, trained
from safetensors.torch import load_file

args = request()
model = trained(args)
with torch.no_grad():
    save({"logits": model(channels_last(load_file(args.input)["input"]))}, args.logits)
save(model.state_dict(), args.out)
