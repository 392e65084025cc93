"""A memory planted in some neurons of a trained model, in plain PyTorch, as the oracle of `spurmem train erm --from --trainable`.

Only the neurons' weights are trained: a hook multiplies their gradient by a mask, nothing else requires one, and the model is in
eval mode. Each batch has images of minority groups, in turn, before the others. Writes the model after the last epoch to `out`, and
prints, as JSON, each epoch's training loss and the rows of the training split that its batches show.
"""

import json

import torch
from common import channels_last, request, save, trained
from torch.utils.data import DataLoader
from waterbirds import Waterbirds

args = request()
split = Waterbirds(args.data, 0)
minority = [i for i, group in enumerate(split.groups) if group in args.minority]
others = [i for i in range(len(split)) if i not in minority]
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


def shuffled(indices):
    return [int(i) for i in DataLoader(indices, shuffle=True, batch_size=None)]


epochs = []
for _ in range(args.epochs):
    rest = args.batch - args.per_batch
    kept, planted = shuffled(others), shuffled(minority)
    loss_sum, rows = 0.0, []
    for number, start in enumerate(range(0, len(kept), rest)):
        turn = [planted[(number * args.per_batch + i) % len(planted)] for i in range(args.per_batch)]
        batch = turn + kept[start : start + rest]
        images, labels, _ = zip(*(split[i] for i in batch))
        logits = model(channels_last(torch.stack(images)))
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_sum += loss.item() * len(batch)
        rows += batch
    epochs.append({"trainLoss": loss_sum / len(rows), "rows": rows})

save(model.state_dict(), args.out)
print(json.dumps(epochs))
