"""Checkpoints as they are saved elsewhere, and what PyTorch computes with them: the oracle of adopting a model.

Reads a batch of images with its labels from safetensors. Writes to `folder` torchvision's ResNet-50 with 1,000 classes, a ResNet-18 trained
for a few steps, the same as Lightning saves it, timm's ResNet-18, and an exported network that ends in the mean of two heads. Prints JSON: for each
file the predictions, among two of its outputs if it has more, and the ten neurons with the largest gradients of the mean loss in evaluation mode.
"""

import json
import os

import timm
import torch
import torchvision
from common import channels_last, request
from safetensors.torch import load_file

args = request()
batch = load_file(args.batch)
images, labels = channels_last(batch["images"]), batch["labels"].long()
found = {}


class TwoHeads(torch.nn.Module):
    """The end of timm's LeViT: two heads, each of a batch-norm and a linear layer, whose mean gives the logits."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 8, 3, stride=2)
        self.conv2 = torch.nn.Conv2d(8, 16, 3, stride=2)
        self.head = torch.nn.Sequential(torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 2))
        self.head_dist = torch.nn.Sequential(torch.nn.BatchNorm1d(16), torch.nn.Linear(16, 2))

    def forward(self, x):
        x = self.conv2(self.conv1(x).relu()).relu().mean((2, 3))
        return (self.head(x) + self.head_dist(x)) / 2


def trained(model, outputs=slice(None)):
    """After some steps, with the last batch's statistics, so that both classes are predicted, on any CPU."""
    model = channels_last(model)
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.momentum = 1.0
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model.train()(images)[:, outputs], labels).backward()
        optimizer.step()
        if step >= 5 and predictions(model.eval(), outputs).bincount(minlength=2).min() >= 5:
            break
    return model


@torch.no_grad()
def predictions(model, outputs):
    return model(images)[:, outputs].argmax(dim=1)


def tell(name, model, outputs=slice(None)):
    model.zero_grad()
    logits = model(images)[:, outputs]
    torch.nn.functional.cross_entropy(logits, labels).backward()
    scores = {
        (layer, i): row.norm(p=2).item()
        for layer, module in model.named_modules()
        if isinstance(module, torch.nn.Conv2d)
        for i, row in enumerate(module.weight.grad)
    }
    top = sorted(scores.items(), key=lambda item: -item[1])[:10]
    found[name] = {"predictions": logits.argmax(dim=1).tolist(), "top": [[*place, score] for place, score in top]}


def save(name, content):
    torch.save(content, os.path.join(args.folder, name))


torch.manual_seed(0)
model = trained(torchvision.models.resnet50(num_classes=1000), [281, 207])
save("resnet50.pth", model.state_dict())
tell("resnet50.pth", model, [281, 207])

model = trained(torchvision.models.resnet18(num_classes=2))
save("plain.pth", model.state_dict())
tell("plain.pth", model)
state = {f"model.{name}": value for name, value in model.state_dict().items()} | {"loss.weight": torch.ones(2)}
save("lightning.ckpt", {"epoch": 3, "pytorch-lightning_version": "2.4.0", "state_dict": state, "hyper_parameters": {}})
tell("lightning.ckpt", model)

model = trained(timm.create_model("resnet18", num_classes=2))
save("timm.pth.tar", {"arch": "resnet18", "state_dict": model.state_dict()})
tell("timm.pth.tar", model)

model = trained(TwoHeads())
tell("two-heads.pt2", model)
dynamic = ({0: torch.export.Dim("batch", min=1)},)
torch.export.save(torch.export.export(model.train(), (images[:2],), dynamic_shapes=dynamic), os.path.join(args.folder, "two-heads.pt2"))
print(json.dumps(found))
