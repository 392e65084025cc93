"""Exports a network of torchvision or timm with random weights: python export_network.py NAME SIDE CLASSES FILE.pt2."""

import sys
import warnings

import torch
import torchvision

name, side, classes, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
# Of export's own code.
warnings.simplefilter("ignore")
torch.manual_seed(0)
if hasattr(torchvision.models, name):
    model = torchvision.models.get_model(name, weights=None, num_classes=classes)
else:
    import timm

    model = timm.create_model(name, num_classes=classes)
batch = torch.export.Dim("batch", min=2, max=4096)
images = torch.randn(2, 3, side, side)
torch.export.save(torch.export.export(model.train(), (images,), dynamic_shapes=({0: batch},)), path)
