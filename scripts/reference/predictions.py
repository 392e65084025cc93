"""Each image of a dataset under trained weights, in plain PyTorch: the oracle of `spurmem evaluate --csv`."""

import json

import torch
from common import request, trained
from torch.utils.data import DataLoader
from waterbirds import Waterbirds


@torch.no_grad()
def rows(args):
    model = trained(args)
    for split in range(3):
        data = Waterbirds(args.data, split)
        files = iter(row["img_filename"] for row in data.rows)
        for images, labels, groups in DataLoader(data, batch_size=args.batchSize):
            logits = model(images.to(memory_format=torch.channels_last))
            own = logits.gather(1, labels[:, None])[:, 0]
            others = logits.scatter(1, labels[:, None], -torch.inf).amax(1)
            losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
            values = zip(groups, logits.argmax(1), own - others, losses, logits.softmax(1), files)
            for *numbers, probabilities, file in values:
                yield [file, split, *(number.item() for number in numbers), probabilities.tolist()]


if __name__ == "__main__":
    print(json.dumps(list(rows(request()))))
