"""Loads repaired models in transformers and in timm, as the guide says: the oracle of taking models back.

Prints JSON: for each model and library the logits of each of `images`.
"""

import json
import os
from functools import partial

import timm
import torch
import transformers
from common import request
from PIL import Image
from safetensors.torch import load_file

transformers.logging.disable_progress_bar()
args = request()
pictures = [Image.open(os.path.join(args.data, name)).convert("RGB") for name in args.images]
found = {}


@torch.no_grad()
def tell(name, logits):
    found[name] = logits.double().tolist()


for one in args.back:
    processor = transformers.AutoImageProcessor.from_pretrained(one["exported"])
    pixels = processor(pictures, return_tensors="pt")["pixel_values"]
    model, problems = transformers.AutoModelForImageClassification.from_pretrained(one["exported"], output_loading_info=True)
    assert not any(problems.values()), problems
    assert [model.config.id2label[i] for i in range(2)] == args.classes
    tell(f"{one['name']} transformers", model.eval()(pixels).logits.detach())
    size = {"img_size": tuple(pixels.shape[2:]), "norm_layer": partial(torch.nn.LayerNorm, eps=one["eps"])} if "vit" in one["arch"] else {}
    model = timm.create_model(one["arch"], num_classes=2, **size)
    model.load_state_dict(load_file(one["weights"]), strict=True)
    tell(f"{one['name']} timm", model.eval()(pixels).detach())
print(json.dumps(found))
