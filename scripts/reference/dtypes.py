"""Writes safetensors files of every dtype to the folder `out`, and next to each the values that should be read.

values.safetensors has single tensors; float64, float16 and bfloat16.safetensors are a ResNet-18's state dict in that
dtype. NAME.expected.safetensors has `value.float()` of every float kind, and of bool the bytes.
"""

import os

import torch
import torchvision
from common import request
from safetensors.torch import save_file

args = request()
os.chdir(args.out)
torch.manual_seed(0)


def write(name, tensors):
    save_file(tensors, name + ".safetensors")
    expected = {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
    save_file(
        {key: value.to(torch.uint8) if value.dtype == torch.bool else value for key, value in expected.items()},
        name + ".expected.safetensors",
    )


every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
write(
    "values",
    {
        "every.half": every.view(torch.float16).clone(),
        "every.bfloat16": every.view(torch.bfloat16).clone(),
        "scalar": torch.tensor(3.5, dtype=torch.float16),
        "empty": torch.zeros(0, 4, dtype=torch.bfloat16),
        "int64": torch.tensor([-(2**63), 2**63 - 1]),
        "int32": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
        "uint8": torch.arange(256).to(torch.uint8),
        "bool": torch.tensor([True, False, True]),
    },
)

model = torchvision.models.resnet18(weights=None, num_classes=7)
model(torch.randn(2, 3, 64, 64))
state = model.state_dict()
# Up to the largest number that the dtype and float32 hold, down to subnormal ones, and halfway between two float32.
wide = torch.randn(7, 512, dtype=torch.float64) * 10.0 ** torch.empty(7, 512, dtype=torch.float64).uniform_(-50, 42)
wide[0, :3] = 1 + torch.tensor([1, 3, 5], dtype=torch.float64) * 2.0**-24
for dtype in (torch.float64, torch.float16, torch.bfloat16):
    halved = {name: value.to(dtype) if value.is_floating_point() else value for name, value in state.items()}
    most = min(torch.finfo(dtype).max, torch.finfo(torch.float32).max)
    write(str(dtype)[6:], {**halved, "fc.weight": wide.clamp(-most, most).to(dtype)})
