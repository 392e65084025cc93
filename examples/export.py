# Writes a network of torchvision or timm for spurmem: python export.py NAME FILE.pt2 [SIDE] [--random | --weights FILE.pth]
import argparse

import torch
import torchvision

parser = argparse.ArgumentParser()
parser.add_argument("name")
parser.add_argument("path")
parser.add_argument("side", type=int, nargs="?", default=224)
parser.add_argument("--random", action="store_true", help="random weights; default: ImageNet's, which are downloaded")
parser.add_argument("--weights", help="weights of your own, as torch.save(model.state_dict(), FILE) writes them")
args = parser.parse_args()

state = torch.load(args.weights, map_location="cpu") if args.weights else None
# The last tensor is the head's bias.
classes = {} if state is None else {"num_classes": len([*state.values()][-1])}
pretrained = state is None and not args.random
if hasattr(torchvision.models, args.name):
    model = torchvision.models.get_model(args.name, weights="DEFAULT" if pretrained else None, **classes)
else:
    import timm

    model = timm.create_model(args.name, pretrained=pretrained, **classes)
# A module of your own: model = MyNetwork()
if state is not None:
    model.load_state_dict(state)

# In training mode, so that batch-norm and dropout train as they do in PyTorch; for a batch of any number of images.
images = torch.randn(2, 3, args.side, args.side)
batch = torch.export.Dim("batch", min=2, max=4096)
torch.export.save(torch.export.export(model.train(), (images,), dynamic_shapes=({0: batch},)), args.path)
