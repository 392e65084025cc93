"""A parity test's request: JSON on stdin, read into a namespace."""

import json
import sys
from types import SimpleNamespace

import torch


def request():
    """The settings of a script by their names; `threads`, where there are some, is set."""
    settings = SimpleNamespace(**json.load(sys.stdin))
    if hasattr(settings, "threads"):
        torch.set_num_threads(settings.threads)
    return settings
