"""Networks of torchvision, small ones of its families, timm, branches.py or drops.py with random weights, and their export, for the oracle and the benchmark."""

import warnings

import torch
import torchvision
from branches import Branches
from drops import Drops


def small(name, classes):
    """torchvision's families with a block or two of each kind: few weights, and the same graph."""
    if name == "mobilenet_v3":
        from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3

        # Input, kernel, expanded, out, squeeze-and-excitation, activation, stride, dilation, width.
        blocks = [(16, 3, 16, 16, True, "RE", 2, 1, 1), (16, 3, 72, 24, False, "RE", 2, 1, 1), (24, 5, 96, 40, True, "HS", 2, 1, 1)]
        return MobileNetV3([InvertedResidualConfig(*block) for block in blocks], 64, num_classes=classes)
    if name == "convnext":
        from torchvision.models.convnext import CNBlockConfig, ConvNeXt

        blocks = [CNBlockConfig(24, 48, 2), CNBlockConfig(48, None, 1)]
        return ConvNeXt(blocks, stochastic_depth_prob=0.5, num_classes=classes)
    from torchvision.models.swin_transformer import SwinTransformer

    design = {"patch_size": [4, 4], "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4], "window_size": [7, 7]}
    return SwinTransformer(**design, stochastic_depth_prob=0.2, num_classes=classes)


def made(name, classes):
    if name.startswith("small-"):
        return small(name.removeprefix("small-"), classes)
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
