"""Networks of torchvision, timm, branches.py or drops.py with random weights, and their export, for the oracle and the benchmark."""

import warnings

import torch
import torchvision
from branches import Branches
from drops import Drops


def made(name, classes):
    if name == "branches":
        return Branches(classes)
    if name.startswith("drops-"):
        return Drops(classes, name.removeprefix("drops-"))
    if hasattr(torchvision.models, name):
        return torchvision.models.get_model(name, weights=None, num_classes=classes)
    import timm

    return timm.create_model(name, num_classes=classes)


def export(model, images, path):
    """Writes the program of a model, for a batch of any number of images."""
    batch = torch.export.Dim("batch", min=2, max=4096)
    with warnings.catch_warnings():
        # Of export's own code.
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(model, (images,), dynamic_shapes=({0: batch},)), path)
