"""Neurons that are rewound or mean-ablated, in plain PyTorch, as the oracle.

Writes `earlier`, the state_dict of another model, and `out` with state.<name>, input, means (of all neurons' outputs over
the images and positions, float64, layer after layer), logits, logits.rewound (the other model's weights in the neurons'
place) and logits.ablated (a forward hook puts their mean in place of what they give).
"""

import torch
import torchvision
from request import request
from safetensors.torch import save_file
from vit import WIDTHS, VisionTransformer

args = request()

generator = torch.Generator().manual_seed(args.seed)
images = torch.randn(args.batch, 3, args.height, args.width, generator=generator)
channels_last = images.to(memory_format=torch.channels_last)


def make(seed):
    torch.manual_seed(seed)
    if args.arch in WIDTHS:
        model = VisionTransformer(WIDTHS[args.arch], 2, args.height, args.width, 8, 1e-6)
    else:
        model = torchvision.models.get_model(args.arch, weights=None, num_classes=2)
        # So that batch-norm does something in eval mode.
        for name, tensor in model.state_dict().items():
            if tensor.dim() == 1:
                tensor.mul_(0.8).add_(0.3 * torch.rand(tensor.shape, generator=generator))
    return model.eval().to(memory_format=torch.channels_last)


def layers_of(model):
    kind = torch.nn.Linear if args.arch in WIDTHS else torch.nn.Conv2d
    return {name: m for name, m in model.named_modules() if isinstance(m, kind) and name != "head"}


@torch.no_grad()
def logits_of(model, hooks):
    handles = [layer.register_forward_hook(hook) for layer, hook in hooks]
    logits = model(channels_last)
    for handle in handles:
        handle.remove()
    return logits


def neuron_dimension(output):
    return 1 if output.dim() == 4 else 2


model, earlier = make(args.seed), make(args.seed + 1)
layers = layers_of(model)
neurons = [(name, int(index)) for name, index in (neuron.split(":") for neuron in args.neurons)]
out = {f"state.{name}": value.clone() for name, value in model.state_dict().items()}
out["input"] = images
save_file({name: value.contiguous() for name, value in earlier.state_dict().items()}, args.earlier)

means = {}


def measure(name):
    def hook(_, __, output):
        channels = neuron_dimension(output)
        means[name] = output.double().mean([d for d in range(output.dim()) if d != channels])

    return hook


out["logits"] = logits_of(model, [(layer, measure(name)) for name, layer in layers.items()])
out["means"] = torch.cat([means[name] for name in layers])


def ablate(name, index):
    def hook(_, __, output):
        output.select(neuron_dimension(output), index).fill_(means[name][index].float())

    return hook


out["logits.ablated"] = logits_of(model, [(layers[name], ablate(name, index)) for name, index in neurons])

with torch.no_grad():
    for name, index in neurons:
        layers[name].weight[index] = layers_of(earlier)[name].weight[index]
out["logits.rewound"] = logits_of(model, [])
save_file({name: value.contiguous() for name, value in out.items()}, args.out)
