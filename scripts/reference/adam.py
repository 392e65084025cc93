"""Steps of torch.optim.Adam(fused=True) with ReduceLROnPlateau on fixed batches, as the oracle.

Writes one safetensors file: input.<step>, labels.<step>, final.<name>; prints the learning rate of each step as JSON.
"""

import json

import torch
from common import channels_last, create, named, request, save

args = request()
torch.manual_seed(args.seed)
model = create("resnet20").train()
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=0, fused=True)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
generator = torch.Generator().manual_seed(args.seed + 1)
out, rates = {}, []
for step in range(args.steps):
    images = torch.randn(8, 3, 64, 32, generator=generator)
    labels = torch.randint(0, 2, (8,), generator=generator)
    out[f"input.{step}"], out[f"labels.{step}"] = images, labels.to(torch.int32)
    rates.append(optimizer.param_groups[0]["lr"])
    loss = torch.nn.functional.cross_entropy(model(channels_last(images)), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step(args.metrics[step])
save({**out, **named("final", model.state_dict().items())}, args.out)
print(json.dumps(rates))
