"""The authors' procedure for zeroing neurons, in plain PyTorch from its description, as a side of `npm run bench`.

For each group, the 200 samples with the highest loss give a gradient in eval mode; channels are scored one by one, and the
top ones found by successive maxima, over the whole model or within each layer. For each selection the model is copied, its
channels are zeroed, and the copy is evaluated on the whole training split, whose images are decoded for each pass. Its
repeats are left out: they would evaluate the same zeroed model 3 or 10 times.
"""

import copy
import time

import torch
import torchvision
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Subset

from bench_protocol import serve
from erm import Waterbirds

WORST = 200


def convolutions(model):
    return [(name, module) for name, module in model.named_modules() if isinstance(module, torch.nn.Conv2d)]


def channel_scores(tensors):
    return {(name, i): channel.norm(p=2).item() for name, tensor in tensors for i, channel in enumerate(tensor)}


def top(scores, k):
    names, values = list(scores), torch.tensor(list(scores.values()))
    found = []
    for _ in range(min(k, len(names))):
        place = values.argmax().item()
        found.append(names[place])
        values[place] = -1.0
    return found


def evaluate(model, loader, num_groups, device):
    correct, total = [0] * num_groups, [0] * num_groups
    with torch.no_grad():
        for images, labels, groups in loader:
            predictions = model(images.to(device)).argmax(1)
            for right, group in zip((predictions == labels.to(device)).tolist(), groups.tolist()):
                correct[group] += right
                total[group] += 1
    return [c / t for c, t in zip(correct, total)]


def gradient_scores(model, data, group, batch, device):
    """Scores from the group's worst predicted samples, in one batch."""
    members = [i for i, row in enumerate(data.rows) if int(row["y"]) * data.num_spurious + int(row["place"]) == group]
    losses = []
    with torch.no_grad():
        for images, labels, _ in DataLoader(Subset(data, members), batch):
            losses += cross_entropy(model(images.to(device)), labels.to(device), reduction="none").tolist()
    order = torch.tensor(losses).argsort(descending=True)[:WORST].tolist()
    worst = Subset(data, [members[i] for i in order])
    images, labels, _ = next(iter(DataLoader(worst, len(worst))))
    model.zero_grad()
    cross_entropy(model(images.to(device)), labels.to(device)).backward()
    return channel_scores([(name, module.weight.grad) for name, module in convolutions(model)])


def selections(scores, settings):
    """The neurons that are zeroed together: the top of the model, or of each layer, for each k."""
    if settings["kind"] == "unstructured":
        return [top(scores, k) for k in settings["topK"]]
    layers = dict.fromkeys(name for name, _ in scores)
    of_layer = {layer: {place: score for place, score in scores.items() if place[0] == layer} for layer in layers}
    return [top(of_layer[layer], k) for layer in layers for k in settings["topK"]]


def evenly(items, most):
    if most >= len(items):
        return items
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]


def prepare(settings, device):
    data = Waterbirds(settings["data"], 0)
    num_groups = data.num_classes * data.num_spurious
    model = torchvision.models.get_model(settings["arch"], weights=None, num_classes=data.num_classes)
    model.load_state_dict(load_file(settings["weights"]))
    model.to(device).eval()
    loader = DataLoader(data, settings["batch"], shuffle=True)

    def score(criterion, group):
        if criterion == "gradient":
            return gradient_scores(model, data, group, settings["batch"], device)
        weights = [(name, module.weight.detach()) for name, module in convolutions(model)]
        return channel_scores([item for item in weights if "downsample" not in item[0]])

    def run():
        start = time.perf_counter()
        chosen = []
        for criterion in settings["criteria"]:
            # Magnitude does not depend on the group.
            for group in range(num_groups) if criterion == "gradient" else [0]:
                chosen += selections(score(criterion, group), settings)
        scored = time.perf_counter() - start
        measured = evenly(chosen, settings["most"])
        start = time.perf_counter()
        for places in measured:
            perturbed = copy.deepcopy(model)
            modules = dict(perturbed.named_modules())
            for layer, channel in places:
                modules[layer].weight.data[channel] = 0
            evaluate(perturbed, loader, num_groups, device)
        seconds = scored + (time.perf_counter() - start) * len(chosen) / len(measured)
        if len(measured) == len(chosen):
            return {"seconds": seconds}
        return {"seconds": seconds, "scaled": {"measured": len(measured), "of": len(chosen), "what": "variants"}}

    return 1, run


serve(prepare)
