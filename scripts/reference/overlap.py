"""Percentile ranks of neurons by magnitude in the three readings of the article's Fig. 3, in plain PyTorch.

Reads weights from safetensors and neurons as JSON [[layer, channel], ...]. Prints JSON: for each neuron its rank among the l2
norms of all channels, among those of its layer, and the median rank of its single weights' absolute values among all single
weights; and how many of the latter lie in each bin.
"""

import json

import torch
from common import request
from safetensors.torch import load_file

args = request()

weights = {name[: -len(".weight")]: value for name, value in load_file(args.weights).items() if value.dim() == 4}
norms = {name: value.flatten(1).norm(dim=1) for name, value in weights.items()}
all_norms = torch.cat(list(norms.values()))
all_weights = torch.cat([value.abs().flatten() for value in weights.values()]).sort().values


def percentile(among, value):
    return 100 * (among <= value).sum().item() / among.numel()


ranks = []
counts = torch.zeros(round(100 / args.bin), dtype=torch.int64)
for layer, channel in args.neurons:
    norm = norms[layer][channel]
    own = weights[layer][channel].abs().flatten()
    of_weights = 100 * torch.searchsorted(all_weights, own, right=True).double() / all_weights.numel()
    bins = (of_weights / args.bin).floor().long().clamp(max=len(counts) - 1)
    counts += torch.bincount(bins, minlength=len(counts))
    ranks.append(
        {
            "model": percentile(all_norms, norm),
            "layer": percentile(norms[layer], norm),
            "weights": of_weights.quantile(0.5).item(),
        }
    )
print(json.dumps({"ranks": ranks, "counts": counts.tolist()}))
