"""torchvision's transforms and DataLoader over a folder of pictures, as a side of `npm run bench`."""

import csv
import os
import time

from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from bench_protocol import serve

EVALUATION = [transforms.Resize((256, 256)), transforms.CenterCrop(224)]
TRAINING = [transforms.RandomResizedCrop(224, scale=(0.7, 1.0)), transforms.RandomHorizontalFlip()]
TO_INPUT = [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]


class Pictures(Dataset):
    def __init__(self, folder, transform):
        with open(os.path.join(folder, "metadata.csv")) as table:
            rows = [row for row in csv.DictReader(table) if row["split"] == "0"]
        self.items = [(os.path.join(folder, row["img_filename"]), int(row["y"])) for row in rows]
        self.transform = transform

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        path, label = self.items[index]
        return self.transform(Image.open(path).convert("RGB")), label


def prepare(settings, _device):
    transform = transforms.Compose((TRAINING if settings["training"] else EVALUATION) + TO_INPUT)
    pictures = Pictures(settings["data"], transform)
    workers = settings["workers"]
    # Workers that stay: their start is not measured.
    loader = DataLoader(
        pictures, settings["batch"], settings["training"], num_workers=workers, persistent_workers=workers > 0
    )

    def run():
        start = time.perf_counter()
        for _batch in loader:
            pass
        return {"seconds": time.perf_counter() - start}

    return len(pictures), run


if __name__ == "__main__":
    serve(prepare)
