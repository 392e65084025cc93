"""How fast plain PyTorch computes what the study's cost table counts, as the published code runs it: float32, NCHW, Adam as it comes, each
image read and decoded for each pass. Prints images a second as JSON: `python3 rates.py FOLDER [ARCH]`, a benchmark's folder, and
resnet18 or another architecture of torchvision."""

import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from torch.utils.data import DataLoader

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "reference"))
from waterbirds import Waterbirds  # noqa: E402

BATCH = 64
loader = DataLoader(Waterbirds(sys.argv[1], 0), BATCH, shuffle=True)
model = torchvision.models.get_model(sys.argv[2] if len(sys.argv) > 2 else "resnet18", num_classes=2)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)


def forward(images, _labels):
    with torch.no_grad():
        model(images).argmax(1).tolist()


def step(loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    loss.item()


def erm(images, labels):
    step(F.cross_entropy(model(images), labels))


def finetune(images, labels):
    """Three forward passes, two of which the contrast needs (bench_finetune.py has the whole of its loss)."""
    first, second = model(images).softmax(1), model(images).softmax(1)
    step(F.cosine_similarity(first, second).mean() + F.cross_entropy(model(images).softmax(1), labels))


def rate(work, training):
    model.train(training)
    start = seen = 0
    for number, (images, labels, _) in enumerate(loader):
        if number == 1:
            start = time.perf_counter()
        work(images, labels)
        seen += len(labels) if number > 0 else 0
    return seen / (time.perf_counter() - start)


print(json.dumps({"forward": rate(forward, False), "erm": rate(erm, True), "finetune": rate(finetune, True)}))
