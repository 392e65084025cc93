"""How a script serves as one side of `npm run bench`: one JSON request a line on stdin, one JSON reply a line on stdout.

The first request is `prepare` with the case's settings, device and threads; each `run` after it is one repeat.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import torch

# The sides import what the oracles have: models, losses, erm.py's loop. They import this module first.
sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "scripts" / "reference"))


def serve(prepare):
    """Answers requests until stdin ends. `prepare(settings, device)` returns (units a repeat, run), and run() a dict with
    the repeat's seconds."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get between the replies
    run = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["request"] == "prepare":
                torch.set_num_threads(request["threads"])
                allow_tf32(bool(request["settings"].get("tf32")))
                units, run = prepare(request["settings"], torch.device(request["device"]))
                reply = {"units": units}
            else:
                reply = run()
        except Exception as error:
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


def allow_tf32(is_allowed):
    """TF32 in a GPU's float32 products: in convolutions and matrix products, or in none."""
    torch.backends.cudnn.allow_tf32 = is_allowed
    torch.set_float32_matmul_precision("high" if is_allowed else "highest")


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)
