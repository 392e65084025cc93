"""Neuron rankings as the authors' published code makes them, in plain PyTorch: the oracle of score and select.

Reads weights, and a batch with its labels, from safetensors. The gradient criterion scores every convolution, in eval
mode, once with each loss; magnitude scores the same ones, and those outside ResNet's shortcuts. The top k come by successive maxima: the
largest score is taken and masked, and the search repeats. Prints JSON: for each ranking its convolutions, channels, and
the top k as [layer, channel, score].
"""

import argparse
import json

import torch
import torchvision
from safetensors.torch import load_file

parser = argparse.ArgumentParser()
parser.add_argument("--arch", required=True)
parser.add_argument("--classes", type=int, required=True)
parser.add_argument("--weights", required=True)
parser.add_argument("--batch", required=True, help="safetensors with images and labels")
parser.add_argument("--top-k", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
args = parser.parse_args()
torch.set_num_threads(args.threads)


def channel_norms(tensors):
    """The l2 norm of each output channel, in the order of the tensors."""
    return {(name, i): channel.norm(p=2).item() for name, tensor in tensors for i, channel in enumerate(tensor)}


def ranking(tensors):
    norms = channel_norms(tensors)
    names, scores = list(norms), torch.tensor(list(norms.values()))
    top = []
    for _ in range(args.top_k):
        place = scores.argmax().item()
        top.append([*names[place], scores[place].item()])
        scores[place] = -1.0
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


weights = [(name, weight.detach()) for name, weight in convolutions]
rankings = {
    "gradient, cross-entropy": ranking(gradients(logits)),
    "gradient, double-softmax": ranking(gradients(logits.softmax(dim=1))),
    "magnitude, all": ranking(weights),
    "magnitude, no-downsample": ranking([item for item in weights if "downsample" not in item[0]]),
}
print(json.dumps(rankings))
