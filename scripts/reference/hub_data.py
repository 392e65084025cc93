"""Data sets as the Hugging Face Hub, `save_to_disk` and WebDataset have them: the oracle of importing.

Writes parquet files (of several codecs, with and without an index of pages), Arrow files and tar files to `folder`. Prints JSON: for each folder the rows that
pyarrow reads, as [split, SHA-256 of the image's bytes, class, place].
"""

import hashlib
import io
import json
import os

import datasets
import numpy
import pyarrow.parquet
import webdataset
from common import request
from PIL import Image

args = request()
datasets.disable_progress_bars()
random = numpy.random.default_rng(0)
CLASSES, PLACES = ["land bird", "water bird"], ["water", "land"]
SPLITS = {"test": 20, "train": args.train, "validation": 30}


def image(number):
    side = int(random.integers(8, 40))
    file = io.BytesIO()
    pixels = random.integers(0, 256, (side, side, 3), dtype=numpy.uint8)
    Image.fromarray(pixels).save(file, ["PNG", "JPEG", "WEBP"][number % 3])
    return {"bytes": file.getvalue(), "path": f"../{number}.png"}


features = datasets.Features(
    {
        "image": datasets.Image(),
        "label": datasets.ClassLabel(names=CLASSES),
        "place": datasets.ClassLabel(names=PLACES),
        "caption": datasets.Value("string"),
        "box": datasets.Sequence(datasets.Value("int64")),
    }
)
whole = datasets.DatasetDict(
    {
        split: datasets.Dataset.from_dict(
            {
                "image": [image(i) for i in range(count)],
                "label": [i % 2 for i in range(count)],
                "place": [i // 2 % 2 for i in range(count)],
                "caption": [f'a "bird",\n number {i}' for i in range(count)],
                "box": [[i, i] for i in range(count)],
            },
            features=features,
        )
        for split, count in SPLITS.items()
    }
)
expected = [
    [{"validation": "val"}.get(split, split), hashlib.sha256(row["image"]["bytes"]).hexdigest(), CLASSES[row["label"]], PLACES[row["place"]]]
    for split, part in whole.items()
    for row in part.data.table.to_pylist()
]


def folder(name):
    path = os.path.join(args.folder, name)
    os.makedirs(path)
    return path


whole.save_to_disk(os.path.join(args.folder, "disk"))
parquet = folder("parquet")
for split, part in whole.items():
    part.to_parquet(os.path.join(parquet, f"{split}-00000-of-00001.parquet"))
for codec in ["zstd", "gzip", "brotli", "lz4", "none"]:
    place = folder(codec)
    for split in SPLITS:
        table = pyarrow.parquet.read_table(os.path.join(parquet, f"{split}-00000-of-00001.parquet"))
        pyarrow.parquet.write_table(table, os.path.join(place, f"{split}.parquet"), compression=codec, row_group_size=70)
# One file of all splits, and text instead of numbers.
words = [{"picture": row["image"], "kind": CLASSES[row["label"]], "fold": split} for split, part in whole.items() for row in part.data.table.to_pylist()]
pyarrow.parquet.write_table(pyarrow.Table.from_pylist(words), os.path.join(folder("one"), "all.parquet"))
unlabelled = {"image": [image(0), image(1)], "label": [0, None]}
datasets.Dataset.from_dict(unlabelled, features=datasets.Features({name: features[name] for name in unlabelled})).to_parquet(
    os.path.join(folder("unlabelled"), "train.parquet")
)
tars = folder("tar")
for split, part in whole.items():
    with webdataset.TarWriter(os.path.join(tars, f"{split}-000000.tar")) as writer:
        for number, row in enumerate(part.data.table.to_pylist()):
            ending = ["png", "jpg", "webp"][number % 3]
            json_ = {"place": PLACES[row["place"]], "kind": CLASSES[row["label"]]}
            writer.write({"__key__": f"a/{number:06d}", ending: row["image"]["bytes"], "json": json_})
print(json.dumps(expected))
