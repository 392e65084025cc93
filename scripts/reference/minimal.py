"""One step of the search for minimal neurons (Maini et al. 2023), in plain PyTorch: the oracle of `minimalScores`.

Reads weights, and images with their labels of which the first is the example, from safetensors. Neurons are zeroed by writing
zeros into their weights. Writes, in eval mode, scores: of each output channel, minus the product of its weights and their
gradient of [cross-entropy of the example - mean cross-entropy of the others].
"""

import small_resnet  # noqa: F401
import torch
import torchvision
from request import request
from safetensors.torch import load_file, save_file

args = request()

model = torchvision.models.get_model(args.arch, weights=None, num_classes=args.classes)
model.load_state_dict(load_file(args.weights), strict=True)
model = model.eval().to(memory_format=torch.channels_last)
with torch.no_grad():
    for neuron in args.zeroed:
        layer, channel = neuron.split(":")
        model.get_submodule(layer).weight[int(channel)] = 0
batch = load_file(args.batch)
logits = model(batch["images"].to(memory_format=torch.channels_last))
losses = torch.nn.functional.cross_entropy(logits, batch["labels"].long(), reduction="none")
(losses[0] - losses[1:].mean()).backward()
weights = [module.weight for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
scores = [-(weight.grad * weight.detach()).flatten(1).sum(1) for weight in weights]
save_file({"scores": torch.cat(scores)}, args.out)
