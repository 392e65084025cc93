"""How fast plain PyTorch computes what the study's cost table counts, as the published code runs it: float32, NCHW, Adam as it comes, each
image read and decoded for each pass. Prints images a second as JSON, and how many cores that kept busy: `python3 rates.py FOLDER SIZE
[ARCH]`, a folder with images, the side of the square that the network takes in pixels, and resnet18 or another architecture of torchvision."""

import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

BATCH = 64
IMAGES = 1024


class Images(Dataset):
    """Image files below a folder, resized to a square; their labels take part in no time."""

    def __init__(self, folder, size):
        self.paths = sorted(path for path in Path(folder).rglob("*") if path.suffix in (".jpg", ".png"))[:IMAGES]
        normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
        self.transform = transforms.Compose([transforms.Resize((size, size)), transforms.ToTensor(), normalize])

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        return self.transform(Image.open(self.paths[index]).convert("RGB")), index % 2


folder, size = sys.argv[1], int(sys.argv[2])
loader = DataLoader(Images(folder, size), BATCH, shuffle=True)
model = torchvision.models.get_model(sys.argv[3] if len(sys.argv) > 3 else "resnet18", num_classes=2)
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
    for number, (images, labels) in enumerate(loader):
        if number == 1:
            start = time.perf_counter()
        work(images, labels)
        seen += len(labels) if number > 0 else 0
    return seen / (time.perf_counter() - start)


start, used = time.perf_counter(), time.process_time()
rates = {"forward": rate(forward, False), "erm": rate(erm, True), "finetune": rate(finetune, True)}
print(json.dumps({**rates, "cores": (time.process_time() - used) / (time.perf_counter() - start)}))
