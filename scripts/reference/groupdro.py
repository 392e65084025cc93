"""GroupDRO's online algorithm (Sagawa et al. 2020) in plain PyTorch: the oracle of `spurmem train groupdro`.

Reads a dataset folder in the Waterbirds layout. Prints, as JSON, the groups' weights at the end of each epoch, the same by the
published code's update, how many steps there were, and in how many of them a group was missing; writes the model's last weights.
"""

import json

import torch
from common import channels_last, create, request, save
from torch.utils.data import DataLoader, WeightedRandomSampler
from waterbirds import Waterbirds

args = request()

train = Waterbirds(args.data, 0)
groups = torch.tensor(train.groups)
counts = torch.bincount(groups)
num_groups = len(counts)

torch.manual_seed(args.seed)
model = create("resnet20", train.num_classes)
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, fused=True)
if args.sampling == "shuffled":
    loader = DataLoader(train, batch_size=args.batchSize, shuffle=True)
else:
    weights = (len(train) / counts.double())[groups]
    loader = DataLoader(train, batch_size=args.batchSize, sampler=WeightedRandomSampler(weights, len(train)))

# The weights in float64, and in float32 by the published update, from the same losses.
q = torch.full((num_groups,), 1 / num_groups, dtype=torch.double)
published = q.float()
epochs, published_epochs, steps, without = [], [], 0, 0
for _ in range(args.epochs):
    model.train()
    for images, labels, group in loader:
        logits = model(channels_last(images))
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        members = torch.nn.functional.one_hot(group, num_groups)
        present = members.sum(0)
        means = (members.double().T @ losses.detach().double()) / present.clamp(min=1)
        adjusted = means + args.groupDroAdjustment / counts.double().sqrt()
        q = q * torch.where(present > 0, torch.exp(args.groupDroStep * adjusted), 1.0)
        q = q / q.sum()
        published = published * torch.exp(args.groupDroStep * (means.float() + args.groupDroAdjustment / counts.sqrt()))
        published = published / published.sum()
        optimizer.zero_grad()
        (losses * (q / present)[group].float()).sum().backward()
        optimizer.step()
        steps += 1
        without += bool((present == 0).any())
    epochs.append(q.tolist())
    published_epochs.append(published.tolist())

save(model.state_dict(), args.out)
result = {"groupWeights": epochs, "published": published_epochs, "steps": steps, "stepsWithoutAGroup": without}
print(json.dumps(result))
