"""erm.py's training loop, an epoch a repeat, as a side of `npm run bench`."""

import time

from bench_protocol import serve
from erm import Waterbirds, parse, train


def prepare(settings, device):
    words = ["--data", settings["data"], "--arch", settings["arch"], "--batch-size", settings["batchSize"]]
    words += ["--lr", settings["lr"], "--threads", settings["threads"], "--epochs", 10_000, "--seed", 0]
    words += ["--memory-format", settings["memoryFormat"], "--fused", "yes" if settings["fused"] else "no"]
    words += ["--precision", settings.get("precision", "float32")]
    words += ["--device", device, "--workers", settings.get("workers", 0)]
    arguments = parse([str(word) for word in words])
    images = sum(len(Waterbirds(settings["data"], split)) for split in (0, 1))
    epochs = train(arguments)

    def first():
        """From reading the table to the end of the first epoch."""
        start = time.perf_counter()
        next(train(arguments))
        return {"seconds": time.perf_counter() - start}

    def later():
        return {"seconds": next(epochs).metrics["seconds"]}

    return images, first if settings["first"] else later


serve(prepare)
