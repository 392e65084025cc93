"""Steps and epochs of fine-tuning in plain PyTorch, as sides of `npm run bench`: both branches by torch.func.functional_call, or the
published code's step written afresh from its description (three forward passes in training mode, softmax outputs contrasted,
cross-entropy of the softmax, one view)."""

import math
import os
import time

import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms

from bench_protocol import serve, synchronize
from nt_xent import nt_xent, published_nt_xent
from waterbirds import Waterbirds

TEMPERATURE = 0.5
SCALE = (0.7, 1.0)


class Labelled(Dataset):
    """Images and labels of a data set, without the groups."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.dataset[index][:2]


class Views(Waterbirds):
    """Gives two augmented views of a training image instead of the image."""

    def __init__(self, folder):
        super().__init__(folder, 0)
        width, height = self.open(0).size
        crop = transforms.RandomResizedCrop((height, width), scale=SCALE)
        self.views = transforms.Compose([crop, transforms.RandomHorizontalFlip(), self.transform])

    def open(self, index):
        return Image.open(os.path.join(self.folder, self.rows[index]["img_filename"])).convert("RGB")

    def __getitem__(self, index):
        image = self.open(index)
        return self.views(image), self.views(image), self.labels[index]


def create(settings, device):
    """The model, its masks by parameter, its step on two views and labels, its precision, and its memory format."""
    released = settings["released"]
    layout = torch.channels_last if settings["memoryFormat"] == "channels_last" else torch.contiguous_format
    torch.manual_seed(0)
    model = torchvision.models.get_model(settings["arch"], weights=None, num_classes=2)
    model = model.to(device, memory_format=layout).train()
    width = model.fc.in_features
    head = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 128)).to(device)
    masks = {}
    for layer, channel in settings.get("mask", []):
        name = f"{layer}.weight"
        masks.setdefault(name, torch.ones(len(model.get_parameter(name)), 1, 1, 1, device=device))[channel] = 0
    features = {}
    if not released:
        model.fc.register_forward_pre_hook(lambda module, inputs: features.update(last=inputs[0]))
    parameters = list(model.parameters()) if released else [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2e-4, fused=settings["fused"] or None)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=settings.get("precision") == "bf16")

    def auxiliary(images):
        masked = {name: model.get_parameter(name) * mask for name, mask in masks.items()}
        return torch.func.functional_call(model, masked, (images,))

    def article_loss(first, second, labels):
        with autocast:
            logits = model(first)
            target = features["last"]
            auxiliary(second)
            projections = head(target), head(features["last"])
        contrast = nt_xent(*[projection.float() for projection in projections], TEMPERATURE)
        return contrast + 10 * F.mse_loss(logits.float().softmax(dim=1), F.one_hot(labels, 2).float())

    def released_loss(first, second, labels):
        target = model(first).softmax(dim=1)
        contrast = published_nt_xent(target, auxiliary(second).softmax(dim=1), TEMPERATURE)
        return contrast + 0.2 * F.cross_entropy(model(first).softmax(dim=1), labels)

    def step(first, second, labels):
        loss = (released_loss if released else article_loss)(first, second, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return model, masks, step, autocast, layout


def steps(settings, device):
    """Steps on the same noise."""
    _, _, step, _, layout = create(settings, device)
    size, batch = settings["size"], settings["batch"]
    images = torch.randn(batch, 3, size, size).to(device, memory_format=layout)
    labels = (torch.arange(batch) % 2).to(device)

    def run():
        synchronize(device)
        start = time.perf_counter()
        for loss in [step(images, images, labels) for _ in range(settings["steps"])]:
            loss.item()
        synchronize(device)
        return {"seconds": time.perf_counter() - start}

    return batch * settings["steps"], run


def epochs(settings, device):
    """Epochs as the article has them: the worst samples choose the masked neurons, both branches are trained, the target is
    validated."""
    model, masks, step, autocast, layout = create(settings, device)
    training, validation, views = [Waterbirds(settings["data"], split) for split in (0, 1)] + [Views(settings["data"])]
    layers = {f"{name}.weight": module.weight for name, module in model.named_modules() if isinstance(module, nn.Conv2d)}

    def batches(dataset, **options):
        for *images, labels in DataLoader(dataset, settings["batchSize"], **options):
            yield [image.to(device, memory_format=layout) for image in images], labels.to(device)

    def losses_of(images, labels):
        with autocast:
            logits = model(images)
        return F.cross_entropy(logits.float(), labels, reduction="none"), logits.argmax(1)

    def choose():
        model.eval()
        with torch.no_grad():
            losses = torch.cat([losses_of(images, labels)[0] for (images,), labels in batches(Labelled(training))])
        worst = losses.topk(min(settings["gradientWorst"], len(losses))).indices
        drawn = worst[torch.randperm(len(worst))[: settings["gradientDrawn"]]].tolist()
        model.zero_grad()
        for (images,), labels in batches(Subset(Labelled(training), drawn)):
            (losses_of(images, labels)[0].sum() / len(drawn)).backward()
        norms = torch.cat([weight.grad.flatten(1).norm(dim=1) for weight in layers.values()])
        owners = [(name, channel) for name, weight in layers.items() for channel in range(len(weight))]
        masks.clear()
        for place in norms.topk(math.ceil(settings["fraction"] * len(owners))).indices.tolist():
            name, channel = owners[place]
            masks.setdefault(name, torch.ones(len(layers[name]), 1, 1, 1, device=device))[channel] = 0

    def run():
        start = time.perf_counter()
        choose()
        model.train()
        for (first, second), labels in batches(views, shuffle=True):
            step(first, second, labels)
        model.eval()
        with torch.no_grad():
            for (images,), labels in batches(Labelled(validation)):
                (losses_of(images, labels)[1] == labels).tolist()
        return {"seconds": time.perf_counter() - start}

    return len(views) + len(validation), run


serve(lambda settings, device: (epochs if "data" in settings else steps)(settings, device))
