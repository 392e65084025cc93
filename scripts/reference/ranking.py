"""Neuron rankings as the authors' published code makes them, and by gradient x weight, in plain PyTorch: the oracle of
score and select.

Reads weights, and a batch with its labels, from safetensors. The gradient criterion scores every convolution, in eval
mode, once with each loss, and so does its product with the weights; magnitude scores the same ones, and those outside
ResNet's shortcuts. The top k come by successive maxima: the largest score is taken and masked, and the search repeats.
Prints JSON: for each ranking its convolutions, channels, and the top k as [layer, channel, score].
"""

import json

import torch
import torchvision
from request import request
from safetensors.torch import load_file

args = request()


def ranking(tensors, score=lambda channel: channel.norm(p=2)):
    """The top k output channels, by default by their l2 norms, in the order of the tensors."""
    by_channel = {(name, i): score(channel).item() for name, tensor in tensors for i, channel in enumerate(tensor)}
    names, scores = list(by_channel), torch.tensor(list(by_channel.values()))
    top = []
    for _ in range(args.top_k):
        place = scores.argmax().item()
        top.append([*names[place], scores[place].item()])
        scores[place] = -torch.inf
    return {"convolutions": len(tensors), "channels": len(names), "top": top}


model = torchvision.models.get_model(args.arch, weights=None, num_classes=args.classes)
model.load_state_dict(load_file(args.weights), strict=True)
model = model.eval().to(memory_format=torch.channels_last)
batch = load_file(args.batch)
logits = model(batch["images"].to(memory_format=torch.channels_last))
convolutions = [(name, m.weight) for name, m in model.named_modules() if isinstance(m, torch.nn.Conv2d)]


def gradients(outputs):
    model.zero_grad()
    torch.nn.functional.cross_entropy(outputs, batch["labels"].long()).backward(retain_graph=True)
    return [(name, weight.grad) for name, weight in convolutions]


def products(outputs):
    """What zeroing adds to the loss, to first order: minus gradient times weight."""
    return [(name, -grad * weight.detach()) for (name, grad), (_, weight) in zip(gradients(outputs), convolutions)]


weights = [(name, weight.detach()) for name, weight in convolutions]
rankings = {
    "gradient, cross-entropy": ranking(gradients(logits)),
    "gradient, double-softmax": ranking(gradients(logits.softmax(dim=1))),
    "gradient-x-weight": ranking(products(logits), torch.sum),
    "magnitude, all": ranking(weights),
    "magnitude, no-downsample": ranking([item for item in weights if "downsample" not in item[0]]),
}
print(json.dumps(rankings))
