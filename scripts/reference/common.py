"""Shared by the oracles of the parity tests: their request, models, and tensors in files."""

import json
import sys
from types import SimpleNamespace

import small_resnet  # noqa: F401, registers resnet20
import torch
import torchvision
from safetensors.torch import load_file, save_file


def request():
    """A test's settings, JSON on stdin, by their names; `threads`, where there are some, is set."""
    settings = SimpleNamespace(**json.load(sys.stdin))
    if hasattr(settings, "threads"):
        torch.set_num_threads(settings.threads)
    return settings


def save(tensors, path):
    """Values alone, row by row."""
    save_file({name: value.detach().clone().contiguous() for name, value in tensors.items()}, path)


def channels_last(tensor_or_model):
    return tensor_or_model.to(memory_format=torch.channels_last)


def create(arch, classes=2):
    """torchvision's model with its initial weights."""
    return channels_last(torchvision.models.get_model(arch, weights=None, num_classes=classes))


def trained(args):
    """The model of a weights file, in eval mode."""
    model = create(args.arch, args.classes)
    model.load_state_dict(load_file(args.weights), strict=True)
    return model.eval()


def last_features(model):
    """Has at `last` what entered the classifier in the last forward pass."""
    features = {}
    model.fc.register_forward_pre_hook(lambda module, inputs: features.update(last=inputs[0]))
    return features


def named(prefix, items):
    return {f"{prefix}.{name}": value for name, value in items}


def convolutions(model):
    return {name: one for name, one in model.named_modules() if isinstance(one, torch.nn.Conv2d)}


def gradients_and_scores(model, neurons):
    """The gradient of each parameter; of each row of the neurons' weights the norms, and minus gradient times weight."""
    weights = [weight.detach().flatten(1) for weight in neurons]
    gradients = [weight.grad.flatten(1) for weight in neurons]
    return {
        **named("grad", ((name, parameter.grad) for name, parameter in model.named_parameters())),
        "norms.weight": torch.cat([weight.norm(dim=1) for weight in weights]),
        "norms.gradient": torch.cat([gradient.norm(dim=1) for gradient in gradients]),
        "gradient-x-weight": torch.cat([-(g * w).sum(1) for g, w in zip(gradients, weights)]),
    }
