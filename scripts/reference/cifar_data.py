"""Folders of CIFAR-10 and CIFAR-100 as Python 2 pickled them, and the images that torchvision reads: the oracle of importing.

Writes `py2/cifar-10-batches-py` (opcodes of Python 2), `py3/cifar-10-batches-py` (protocol 2 of Python 3) and `py2/cifar-100-python` to `folder`. Prints JSON:
the rows of CIFAR-10, then of CIFAR-100, as [split, SHA-256 of the pixels, class].
"""

import hashlib
import json
import os
import pickle
import struct

import numpy
import torchvision.datasets.cifar as cifar
from common import request

args = request()
random = numpy.random.default_rng(0)
COUNT = 30


def python2(value):
    if isinstance(value, dict):
        return b"}(" + b"".join(python2(key) + python2(item) for key, item in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(python2, value)) + b"e"
    if isinstance(value, int):
        return b"K" + bytes([value])
    if isinstance(value, bytes):
        return (b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + struct.pack("<i", len(value))) + value
    none = b"J\xff\xff\xff\xff"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNN" + none + none + b"K\x00tb"
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    rows, width = value.shape
    shape = b"M" + struct.pack("<H", rows) + b"M" + struct.pack("<H", width) + b"\x86"
    return made + b"(K\x01" + shape + dtype + b"\x89" + python2(value.tobytes()) + b"tb"


def write(folder, name, value, dump):
    os.makedirs(os.path.join(args.folder, folder), exist_ok=True)
    with open(os.path.join(args.folder, folder, name), "wb") as file:
        file.write(dump(value))


def hand(value):
    return b"\x80\x02" + python2(value) + b"."


def again(value):
    return pickle.dumps(value, 2)


def batch(name, labels):
    data = random.integers(0, 256, (COUNT, 3072), dtype=numpy.uint8)
    files = [b"%d.png" % i for i in range(COUNT)]
    own = {key: [int(random.integers(0, count)) for _ in range(COUNT)] for key, count in labels.items()}
    return {b"batch_label": name.encode(), **own, b"data": data, b"filenames": files}


for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
    made = batch(name, {b"labels": 10})
    write("py2/cifar-10-batches-py", name, made, hand)
    write("py3/cifar-10-batches-py", name, made, again)
names = {b"num_cases_per_batch": COUNT, b"label_names": [b"class %d" % i for i in range(10)], b"num_vis": 12}
write("py2/cifar-10-batches-py", "batches.meta", names, hand)
write("py3/cifar-10-batches-py", "batches.meta", names, again)
for name in ["train", "test"]:
    write("py2/cifar-100-python", name, batch(name, {b"coarse_labels": 20, b"fine_labels": 100}), hand)
kinds = {b"fine_label_names": [b"fine %d" % i for i in range(100)], b"coarse_label_names": [b"coarse %d" % i for i in range(20)]}
write("py2/cifar-100-python", "meta", kinds, hand)

cifar.check_integrity = lambda *_: True


def rows(kind):
    root = os.path.join(args.folder, "py2")
    sets = {split: kind(root, train=split == "train") for split in ["train", "test"]}
    return [
        [split, hashlib.sha256(pixels.tobytes()).hexdigest(), images.classes[label]]
        for split, images in sets.items()
        for pixels, label in zip(images.data, images.targets)
    ]


print(json.dumps([rows(cifar.CIFAR10), rows(cifar.CIFAR100)]))
