"""Steps of torch.optim.Adam(fused=True) with ReduceLROnPlateau on fixed batches, as the oracle.

Writes one safetensors file: input.<step>, labels.<step>, final.<name>; prints the learning rate of each step as JSON.
"""

import json

import torch
import torchvision
from request import request
from safetensors.torch import save_file

args = request()

torch.manual_seed(args.seed)
model = torchvision.models.resnet18(num_classes=2).to(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=0, fused=True)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
generator = torch.Generator().manual_seed(args.seed + 1)
out, rates = {}, []
model.train()
for step in range(args.steps):
    images = torch.randn(8, 3, 64, 32, generator=generator)
    labels = torch.randint(0, 2, (8,), generator=generator)
    out[f"input.{step}"], out[f"labels.{step}"] = images, labels.to(torch.int32)
    rates.append(optimizer.param_groups[0]["lr"])
    loss = torch.nn.functional.cross_entropy(model(images.to(memory_format=torch.channels_last)), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step(args.metrics[step])
for name, value in model.state_dict().items():
    out[f"final.{name}"] = value
save_file({name: value.contiguous() for name, value in out.items()}, args.out)
print(json.dumps(rates))
