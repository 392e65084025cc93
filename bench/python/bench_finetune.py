"""Steps of fine-tuning in plain PyTorch, as sides of `spurmem bench`: both branches by torch.func.functional_call, or the
published code's step written afresh from its description (three forward passes in training mode, softmax outputs contrasted,
cross-entropy of the softmax, one view)."""

import time

import torch
import torch.nn.functional as F
import torchvision

from bench_protocol import serve, synchronize
from nt_xent import nt_xent, published_nt_xent

TEMPERATURE = 0.5


def steps(settings, device):
    released, size, batch = settings["released"], settings["size"], settings["batch"]
    layout = torch.channels_last if settings["memoryFormat"] == "channels_last" else torch.contiguous_format
    torch.manual_seed(0)
    model = torchvision.models.get_model(settings["arch"], weights=None, num_classes=2)
    model = model.to(device, memory_format=layout).train()
    width = model.fc.in_features
    head = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 128)).to(device)
    images = torch.randn(batch, 3, size, size).to(device, memory_format=layout)
    labels = (torch.arange(batch) % 2).to(device)
    masks = {}
    for layer, channel in settings["mask"]:
        name = f"{layer}.weight"
        masks.setdefault(name, torch.ones(len(model.get_parameter(name)), 1, 1, 1, device=device))[channel] = 0
    features = {}
    if not released:
        model.fc.register_forward_pre_hook(lambda module, inputs: features.update(last=inputs[0]))
    parameters = list(model.parameters()) if released else [*model.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=2e-4, fused=settings["fused"] or None)

    def auxiliary():
        masked = {name: model.get_parameter(name) * mask for name, mask in masks.items()}
        return torch.func.functional_call(model, masked, (images,))

    def article_loss():
        logits = model(images)
        target = features["last"]
        auxiliary()
        contrast = nt_xent(head(target), head(features["last"]), TEMPERATURE)
        return contrast + 10 * F.mse_loss(logits.softmax(dim=1), F.one_hot(labels, 2).float())

    def released_loss():
        target = model(images).softmax(dim=1)
        contrast = published_nt_xent(target, auxiliary().softmax(dim=1), TEMPERATURE)
        return contrast + 0.2 * F.cross_entropy(model(images).softmax(dim=1), labels)

    def run():
        synchronize(device)
        start = time.perf_counter()
        for _ in range(settings["steps"]):
            loss = released_loss() if released else article_loss()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
        synchronize(device)
        return {"seconds": time.perf_counter() - start}

    return batch * settings["steps"], run


serve(steps)
