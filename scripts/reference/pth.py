"""Writes files of torch.save to the folder `out`, and next to each loadable one what torch.load makes of it.

NAME.pth (or .pt, .pth.tar) is the file and NAME.safetensors its state dict with plain parameter names, in row-major
order, float16 and bfloat16 as float32, bool as uint8. `only` takes some of the names.
"""

import argparse
import collections
import datetime
import functools
import os
import pathlib
import random
import tarfile
import zipfile

import numpy
import torch
import torchvision
from common import request
from safetensors.torch import save_file

args = request()
os.chdir(args.out)
torch.manual_seed(0)


@functools.cache
def resnet18():
    model = torchvision.models.resnet18(weights=None, num_classes=7)
    model(torch.randn(2, 3, 64, 64))
    return model


def small():
    return torch.nn.Sequential(collections.OrderedDict(conv=torch.nn.Conv2d(3, 8, 3), fc=torch.nn.Linear(8, 2)))


def checkpoint(model):
    """Entries that training scripts save with the weights; none may disturb."""
    optimizer = torch.optim.Adam(model.parameters())
    sum(parameter.sum() for parameter in model.parameters()).backward()
    optimizer.step()
    return {
        "epoch": 3,
        "best": numpy.float64(0.5),
        "loss": torch.tensor(0.25),
        "args": argparse.Namespace(lr=1e-3, out=pathlib.Path("runs"), device=torch.device("cpu")),
        "optimizer": optimizer.state_dict(),
        "scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1).state_dict(),
        "numbers": [2**31, -(2**40), 2**63, -(2**63), 2**70, 1.5, None, True],
        "rng": {
            "torch": torch.get_rng_state(),
            "python": random.getstate(),
            "numpy": numpy.random.get_state(),
            "pcg64": numpy.random.default_rng(0).bit_generator.state,
        },
        "other": [{1, 2}, frozenset({3}), b"bytes", bytearray(b"more"), datetime.datetime(2025, 1, 1), complex(1, 2)],
        "history": collections.defaultdict(list, {"loss": [numpy.float32(1.0)], "array": numpy.arange(3)}),
        "model_ema": {"conv.weight": torch.zeros(1)},
        "dtype": torch.float32,
        "model_state_dict": model.state_dict(),
    }


def sequential_head(name):
    model = torch.nn.Module()
    model.conv = torch.nn.Conv2d(3, 8, 3)
    setattr(model, name, torch.nn.Sequential(torch.nn.Linear(8, 2)))
    return model


def views():
    base = torch.randn(6, 5, 4, 3)
    integers = torch.arange(24).reshape(4, 6)
    return {
        "channels_last": base.to(memory_format=torch.channels_last),
        "permuted": base.permute(3, 1, 0, 2),
        "every_second": base[::2, 1:, :, 2],
        "transposed.int64": integers.t(),
        "transposed.double": torch.randn(3, 4, dtype=torch.float64).t(),
        "transposed.half": torch.randn(3, 4).half().t(),
        "transposed.uint8": integers.to(torch.uint8).t(),
        "expanded": torch.ones(3, 1).expand(3, 4),
        "slice": torch.arange(10.0)[3:7],
        "element": torch.arange(10.0)[4],
        "ones": torch.randn(1, 5, 1).permute(2, 1, 0),
    }


def dtypes():
    values = torch.tensor([0.0, -0.0, 1.5, -2.25, 1e-7, 65504.0, float("inf"), float("nan")])
    named = {str(dtype)[6:]: values.to(dtype) for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16)}
    integers = torch.tensor([0, 1, 255])
    named.update({str(dtype)[6:]: integers.to(dtype) for dtype in (torch.int64, torch.int32, torch.uint8, torch.bool)})
    named["int64.extremes"] = torch.tensor([-(2**63), 2**63 - 1])
    every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16)
    return {
        **named,
        "every.half": every.view(torch.float16).clone(),
        "every.bfloat16": every.view(torch.bfloat16).clone(),
        "scalar": torch.tensor(3.5),
        "empty": torch.zeros(0),
        "empty.matrix": torch.zeros(3, 0),
    }


def shared():
    weight = torch.randn(6, 4)
    return {"tied": weight, "again": weight, "rows": weight[2:4], "transposed": weight.t(), "flat": weight.view(-1)}


def parameters():
    tagged = torch.nn.Parameter(torch.randn(2))
    tagged.note = "a"
    tensor = torch.randn(3)
    tensor.note = {"b": 1}
    return {**dict(small().named_parameters()), "tagged": tagged, "tensor": tensor, "buffer": torch.nn.Buffer(tensor)}


def plain(state):
    """Names without wrappers, values as they should be read."""
    result = {}
    for name, value in state.items():
        name = name.replace("module.", "").replace("_orig_mod.", "")
        name = name.replace("fc.0.", "fc.").replace("head.0.", "head.")
        value = value.detach()
        if value.dtype in (torch.float16, torch.bfloat16):
            value = value.float()
        if value.dtype == torch.bool:
            value = value.to(torch.uint8)
        # A new tensor each, without attributes or shared storages, which save_file refuses.
        result[name] = torch.empty(value.shape, dtype=value.dtype).copy_(value)
    return result


def saved(make, keys=(), suffix=".pth", **options):
    def write(name):
        torch.save(make(), name + suffix, **options)
        state = torch.load(name + suffix, weights_only=False)
        for key in keys:
            state = state[key]
        save_file(plain(state), name + ".safetensors")

    return write


def refused(make, suffix=".pth", **options):
    return lambda name: torch.save(make(), name + suffix, **options)


def without_checksums(name):
    torch.serialization.set_crc32_options(False)
    saved(lambda: small().state_dict())(name)
    torch.serialization.set_crc32_options(True)


def big_endian(name):
    torch.save(small().state_dict(), "little.pth")
    with zipfile.ZipFile("little.pth") as source, zipfile.ZipFile(name + ".pth", "w") as target:
        for entry in source.namelist():
            target.writestr(entry, b"big" if entry.endswith("/byteorder") else source.read(entry))


def large(name):
    """More than 4 GiB in offsets and in one size; nothing is written but the directory."""
    with torch.serialization.skip_data():
        state = {"before": torch.empty(2**30 + 1, device="cpu"), "state_dict": {"weight": torch.ones(3)}}
        torch.save(state, name + ".pth")


def tar(name):
    torch.save(small().state_dict(), "inner.pth")
    with tarfile.open(name + ".pth.tar", "w") as archive:
        archive.add("inner.pth")


def compiled():
    return {"model": {"state_dict": torch.nn.DataParallel(torch.compile(small())).state_dict()}}


def named_model():
    return {"model": "resnet18", "acc1": torch.ones(1), "state_dict": small().state_dict()}


def tiny():
    """The content of test/models/pthTiny.pth."""
    weight = torch.arange(24.0).reshape(2, 3, 2, 2).to(memory_format=torch.channels_last)
    head = torch.arange(6).reshape(2, 3).half().t()
    state = {"module.conv.weight": weight, "module.fc.0.weight": head, "module.count": torch.tensor(7)}
    return {"epoch": 3, "args": argparse.Namespace(lr=0.1), "state_dict": state}


FILES = {
    "resnet18": saved(lambda: resnet18().state_dict()),
    "checkpoint": saved(lambda: checkpoint(resnet18()), ["model_state_dict"], suffix=".pth.tar"),
    "data-parallel": saved(lambda: {"state_dict": torch.nn.DataParallel(small()).state_dict()}, ["state_dict"]),
    "compiled": saved(compiled, ["model", "state_dict"]),
    "deit": saved(lambda: {"model": sequential_head("head").state_dict(), "args": argparse.Namespace()}, ["model"]),
    "fc-head": saved(lambda: sequential_head("fc").state_dict(), suffix=".pt"),
    "named-model": saved(named_model, ["state_dict"]),
    "pthTiny": saved(tiny, ["state_dict"]),
    "views": saved(views),
    "dtypes": saved(dtypes),
    "shared": saved(shared),
    "parameters": saved(parameters),
    "protocol-3": saved(lambda: checkpoint(small()), ["model_state_dict"], pickle_protocol=3),
    "protocol-4": saved(lambda: checkpoint(small()), ["model_state_dict"], pickle_protocol=4),
    "protocol-5": saved(lambda: checkpoint(small()), ["model_state_dict"], pickle_protocol=5),
    "without-checksums": without_checksums,
    "numpy-values": refused(lambda: {name: value.numpy() for name, value in small().state_dict().items()}),
    "int8": refused(lambda: {"weight": torch.zeros(2, dtype=torch.int8)}),
    "complex64": refused(lambda: {"weight": torch.zeros(2, dtype=torch.complex64)}),
    "quantized": refused(lambda: {"weight": torch.quantize_per_tensor(torch.zeros(2), 1.0, 0, torch.qint8)}),
    "sparse": refused(lambda: {"weight": torch.eye(2).to_sparse()}),
    "negated": refused(lambda: {"weight": torch._neg_view(torch.ones(2))}),
    "tensor": refused(lambda: torch.zeros(2)),
    "nothing": refused(lambda: {"epoch": 1, "optimizer": {}}),
    "module": refused(lambda: torchvision.models.resnet18(num_classes=7)),
    "module-inside": refused(lambda: {"model": torchvision.models.resnet18(num_classes=7)}),
    "legacy": saved(lambda: small().state_dict(), _use_new_zipfile_serialization=False),
    "torchscript": lambda name: torch.jit.script(small()).save(name + ".pth"),
    "big-endian": big_endian,
    "tar": tar,
    "large": large,
}

for name, write in FILES.items():
    if name in getattr(args, "only", [name]):
        write(name)
