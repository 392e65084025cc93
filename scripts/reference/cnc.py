"""Correct-n-Contrast (Zhang et al. 2022) in plain PyTorch: the oracle of `spurmem train cnc`.

Reads a dataset folder in the Waterbirds layout, and ERM's predictions for its training split from a safetensors file
(`predictions`). Prints, as JSON, the training examples that each epoch shows, the losses of the last epoch's batches, the
images of a set, and how far the contrastive loss of a batch was at most from the paper's equation. Writes model.<name>, the last
weights; loss.given, loss.value and loss.grad.<name> of two sets of one anchor, two positives and three negatives behind a
projection head.
"""

import json

import torch
import torch.nn.functional as F
from common import channels_last, create, last_features, named, request, save
from safetensors.torch import load_file
from torch.utils.data import RandomSampler
from waterbirds import Waterbirds

args = request()

train = Waterbirds(args.data, 0)
y = torch.tensor(train.labels)
p = load_file(args.predictions)["predictions"].long()


def contrastive_loss(anchor, positives, negatives, temperature):
    """The paper's equation for one anchor, term by term."""
    above = torch.exp(F.cosine_similarity(anchor.unsqueeze(0), positives) / temperature)
    below = above.sum() + torch.exp(F.cosine_similarity(anchor.unsqueeze(0), negatives) / temperature).sum()
    return -torch.log(above / below).mean()


def loss_of_sets(features, anchors, positives, negatives, temperature):
    """The mean of the same over sets of rows [S], [S, M] and [S, N]: Adam makes whole steps of what rounding leaves of a small
    gradient, so that ten steps can be compared only where both sides compute in the same order."""
    unit = F.normalize(features)
    others = torch.cat([positives, negatives], 1)
    of_others = unit.index_select(0, others.flatten()).view(*others.shape, -1)
    similarity = (unit.index_select(0, anchors).unsqueeze(1) * of_others).sum(2) / temperature
    return -F.log_softmax(similarity, 1)[:, : positives.shape[1]].mean()


def rows(condition):
    return condition.nonzero().flatten().tolist()


def positives_of(label):
    return rows((y == label) & (p != label)) or rows(y == label)


def negatives_of(label, predicted):
    return rows((y != label) & (p == predicted)) or rows(y != label)


def draw(pool, count):
    """Floyd's sampling without replacement."""
    chosen = []
    for last in range(len(pool) - count, len(pool)):
        place = int(torch.randint(0, last + 1, ()))
        chosen.append(last if place in chosen else place)
    return [pool[place] for place in chosen]


anchors = rows(y == p)
right = sorted({int(y[row]) for row in anchors})
num_anchors = min([args.anchors] + [len(rows((y == c) & (p == c))) for c in right])
num_positives = min([args.positives] + [len(positives_of(c)) for c in right])
pairs = [(c, c) for c in right] + [(c, int(p[row])) for c in right for row in positives_of(c)]
num_negatives = min([args.negatives] + [len(negatives_of(c, predicted)) for c, predicted in pairs])
size = num_anchors + num_positives + 2 * num_negatives


def draw_set(anchor):
    label = int(y[anchor])
    alike = draw(rows((y == label) & (p == label)), num_anchors - 1)
    drawn = draw(positives_of(label), num_positives)
    positives = [drawn[place] for place in torch.randperm(num_positives)]
    negatives = draw(negatives_of(label, label), num_negatives)
    return [anchor, *alike, *positives, *negatives, *draw(negatives_of(label, int(p[positives[0]])), num_negatives)]


torch.manual_seed(args.seed)
model = create("resnet20", train.num_classes)
optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, fused=True)
features = last_features(model)
shown, losses, worst = [], [], 0.0
for _ in range(args.epochs):
    count = min(len(anchors), max(1, round(len(y) / size)))
    # As DataLoader(anchors, shuffle=True) draws: a base seed, then the sampler's.
    torch.empty((), dtype=torch.int64).random_()
    order = list(RandomSampler(anchors))[:count]
    epoch = [row for position in order for row in draw_set(anchors[position])]
    shown.append(epoch)
    losses = []
    per_step = args.batchSize // size * size
    for start in range(0, len(epoch), per_step):
        batch = epoch[start : start + per_step]
        images = torch.stack([train[row][0] for row in batch])
        labels = y[batch]
        model.train(args.statistics == "shared")
        logits = model(channels_last(images))
        sets = torch.arange(len(batch)).view(-1, size)
        alike, positives, negatives, others = sets.split([num_anchors, num_positives, num_negatives, num_negatives], 1)
        first = loss_of_sets(features["last"], alike[:, 0], positives, negatives, args.temperature)
        swapped = loss_of_sets(features["last"], positives[:, 0], alike, others, args.temperature)
        contrast = first + swapped
        by_equation = sum(
            contrastive_loss(one[0], one[num_anchors : num_anchors + num_positives], one[size - 2 * num_negatives : size - num_negatives], args.temperature)
            + contrastive_loss(one[num_anchors], one[:num_anchors], one[size - num_negatives :], args.temperature)
            for one in features["last"].detach().split(size)
        ) / len(sets)
        worst = max(worst, abs(by_equation.item() - contrast.item()))
        supervised = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        (args.contrastWeight * contrast + (1 - args.contrastWeight) * supervised).backward()
        optimizer.step()
        losses.append([len(batch), contrast.item(), supervised.item()])

torch.manual_seed(args.seed)
head = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 16))
given = torch.randn(12, 64)
projected = head(given)
value = sum(
    contrastive_loss(projected[first], projected[first + 1 : first + 3], projected[first + 3 : first + 6], args.temperature)
    for first in (0, 6)
)
value = value / 2
value.backward()
gradients = ((name, parameter.grad) for name, parameter in head.named_parameters())
result = {"loss.given": given, "loss.value": value, **named("loss.grad", gradients)}
save({**result, **named("model", model.state_dict().items())}, args.out)
print(json.dumps({"shown": shown, "losses": losses, "size": size, "byEquation": worst}))
