# Writes a network for spurmem: python export.py NAME FILE.pt2 [SIDE]. NAME is torchvision's, timm's, or the class of your own module.
import sys

import torch
import torchvision

name, path, side = sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 224
if hasattr(torchvision.models, name):
    model = torchvision.models.get_model(name, weights="DEFAULT")  # ImageNet's weights; None: random ones
else:
    import timm

    model = timm.create_model(name, pretrained=True)
# A module of your own: model = MyNetwork(); model.load_state_dict(torch.load("mine.pth"))

# In training mode, so that batch-norm and dropout train as they do in PyTorch; for a batch of any number of images.
images = torch.randn(2, 3, side, side)
batch = torch.export.Dim("batch", min=2, max=4096)
torch.export.save(torch.export.export(model.train(), (images,), dynamic_shapes=({0: batch},)), path)
