"""A dataset folder in the Waterbirds layout as a torch Dataset, for images that all have the model's input size."""

import csv
import os

from PIL import Image
from torch.utils.data import Dataset
from torchvision import transforms


class Waterbirds(Dataset):
    """Gives (image [3, H, W], class, group) of a split: 0 training, 1 validation, 2 test."""

    def __init__(self, folder, split):
        with open(os.path.join(folder, "metadata.csv")) as table:
            rows = list(csv.DictReader(table))
        self.num_classes = max(int(row["y"]) for row in rows) + 1
        self.num_spurious = max(int(row["place"]) for row in rows) + 1
        self.rows = [row for row in rows if int(row["split"]) == split]
        self.labels = [int(row["y"]) for row in self.rows]
        self.groups = [int(row["y"]) * self.num_spurious + int(row["place"]) for row in self.rows]
        self.folder = folder
        self.transform = transforms.Compose(
            [
                transforms.ToTensor(),
                transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            ]
        )

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        image = Image.open(os.path.join(self.folder, self.rows[index]["img_filename"])).convert("RGB")
        return self.transform(image), self.labels[index], self.groups[index]
