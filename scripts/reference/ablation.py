"""Neurons that are rewound or mean-ablated, in plain PyTorch, as the oracle.

Writes `earlier`, the state_dict of another model, and `out` with state.<name>, input, means (of all neurons' outputs over
the images and positions, float64, layer after layer), logits, logits.rewound (the other model's weights in the neurons'
place) and logits.ablated (a forward hook puts their mean in place of what they give).
"""

import torch
from common import channels_last, convolutions, create, named, request, save
from vit import WIDTHS, VisionTransformer

args = request()
generator = torch.Generator().manual_seed(args.seed)
images = torch.randn(args.batch, 3, args.height, args.width, generator=generator)


def make(seed):
    torch.manual_seed(seed)
    if args.arch in WIDTHS:
        model = VisionTransformer(WIDTHS[args.arch], 2, args.height, args.width, 8, 1e-6)
    else:
        model = create(args.arch)
        # So that batch-norm does something in eval mode.
        for name, tensor in model.state_dict().items():
            if tensor.dim() == 1:
                tensor.mul_(0.8).add_(0.3 * torch.rand(tensor.shape, generator=generator))
    return channels_last(model).eval()


def layers_of(model):
    if args.arch not in WIDTHS:
        return convolutions(model)
    return {name: m for name, m in model.named_modules() if isinstance(m, torch.nn.Linear) and name != "head"}


@torch.no_grad()
def logits_of(model, hooks):
    handles = [layer.register_forward_hook(hook) for layer, hook in hooks]
    logits = model(channels_last(images))
    for handle in handles:
        handle.remove()
    return logits


def neuron_dimension(output):
    return 1 if output.dim() == 4 else 2


model, earlier = make(args.seed), make(args.seed + 1)
layers = layers_of(model)
neurons = [(name, int(index)) for name, index in (neuron.split(":") for neuron in args.neurons)]
out = {"input": images, **named("state", ((name, value.clone()) for name, value in model.state_dict().items()))}
save(earlier.state_dict(), args.earlier)

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
save(out, args.out)
