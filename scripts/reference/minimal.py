"""One step of the search for minimal neurons (Maini et al. 2023), in plain PyTorch: the oracle of `minimalScores`.

Reads weights, and images with their labels of which the first is the example, from safetensors. Neurons are zeroed by writing
zeros into their weights. Writes, in eval mode, scores: of each output channel, minus the product of its weights and their
gradient of [cross-entropy of the example - mean cross-entropy of the others].
"""

import torch
from common import channels_last, convolutions, gradients_and_scores, request, save, trained
from safetensors.torch import load_file

args = request()
model = trained(args)
with torch.no_grad():
    for neuron in args.zeroed:
        layer, channel = neuron.split(":")
        model.get_submodule(layer).weight[int(channel)] = 0
batch = load_file(args.batch)
logits = model(channels_last(batch["images"]))
losses = torch.nn.functional.cross_entropy(logits, batch["labels"].long(), reduction="none")
(losses[0] - losses[1:].mean()).backward()
weights = [one.weight for one in convolutions(model).values()]
save({"scores": gradients_and_scores(model, weights)["gradient-x-weight"]}, args.out)
