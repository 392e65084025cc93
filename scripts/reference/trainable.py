"""ERM of some neurons of a trained model, in plain PyTorch, as the oracle of `spurmem train erm --from --trainable`.

Only the neurons' weights are trained: a hook multiplies their gradient by a mask, nothing else requires one, and the model is in
eval mode. Writes the model after the last epoch to `out`, and prints, as JSON, each epoch's training loss.
"""

import json

import torch
from common import channels_last, request, save, trained
from torch.utils.data import DataLoader
from waterbirds import Waterbirds

args = request()
split = Waterbirds(args.data, 0)
model = trained(args)

for parameter in model.parameters():
    parameter.requires_grad_(False)
weights = []
for layer, indices in args.neurons.items():
    weight = model.get_submodule(layer).weight
    mask = torch.zeros_like(weight)
    mask[indices] = 1
    weight.requires_grad_(True).register_hook(lambda gradient, mask=mask: gradient * mask)
    weights.append(weight)
optimizer = torch.optim.Adam(weights, lr=args.lr, fused=True)

# As in a run, whose model is drawn before its weights are loaded.
torch.manual_seed(args.seed)
torch.set_rng_state(torch.tensor(args.state, dtype=torch.uint8))

losses = []
for _ in range(args.epochs):
    loss_sum = 0.0
    for batch in DataLoader(range(len(split)), shuffle=True, batch_size=args.batch):
        images, labels, _ = zip(*(split[int(i)] for i in batch))
        loss = torch.nn.functional.cross_entropy(model(channels_last(torch.stack(images))), torch.tensor(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(batch)
    losses.append(loss_sum / len(split))

save(model.state_dict(), args.out)
print(json.dumps(losses))
