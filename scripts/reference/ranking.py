"""Neuron rankings as the authors' published code makes them, and by gradient x weight, in plain PyTorch: the oracle of
score and select.

Reads weights, and a batch with its labels, from safetensors; without a batch, magnitude alone ranks. The gradient criterion scores every convolution, in eval
mode, once with each loss, and so does its product with the weights; magnitude scores the same ones, and those outside
ResNet's shortcuts. The top k come by successive maxima: the largest score is taken and masked, and the search repeats.
Prints JSON: for each ranking its convolutions, channels, and the top k as [layer, channel, score].
"""

import json

import torch
from common import channels_last, convolutions, request, trained
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


model = trained(args)
layers = convolutions(model)
weights = [(name, layer.weight.detach()) for name, layer in layers.items()]
rankings = {
    "magnitude, all": ranking(weights),
    "magnitude, no-downsample": ranking([item for item in weights if "downsample" not in item[0]]),
}
if args.batch is None:
    print(json.dumps(rankings))
    raise SystemExit
batch = load_file(args.batch)
logits = model(channels_last(batch["images"]))


def gradients(outputs):
    model.zero_grad()
    torch.nn.functional.cross_entropy(outputs, batch["labels"].long()).backward(retain_graph=True)
    return [(name, layer.weight.grad) for name, layer in layers.items()]


# The loss that zeroing adds, to first order: minus gradient times weight.
products = [(name, -grad * layers[name].weight.detach()) for name, grad in gradients(logits)]
rankings |= {
    "gradient, cross-entropy": ranking(gradients(logits)),
    "gradient, double-softmax": ranking(gradients(logits.softmax(dim=1))),
    "gradient-x-weight": ranking(products, torch.sum),
}
print(json.dumps(rankings))
