"""Exports a network of torchvision or timm with random weights: python export_network.py NAME SIDE CLASSES FILE.pt2."""

import sys

import bench_protocol  # noqa: F401  the oracles' folder
import torch
from exporting import export, made

name, side, classes, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
torch.manual_seed(0)
export(made(name, classes).train(), torch.randn(2, 3, side, side), path)
