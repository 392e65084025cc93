"""Folders of models as transformers' save_pretrained and timm's save_for_hf write them, and the probabilities that these libraries give: the oracle of
adopting a folder.

Writes to `folder` models of random weights, and prints JSON: for each folder its classes' probabilities of each image of `images`, in the order of
`classes`. No tensor is trivial, and both classes are predicted.
"""

import json
import os

import timm
import torch
import transformers
from common import request
from PIL import Image
from safetensors.torch import save_file

transformers.logging.disable_progress_bar()
args = request()
torch.manual_seed(0)
pictures = [Image.open(os.path.join(args.data, name)).convert("RGB") for name in args.images]
height, width = pictures[0].height, pictures[0].width
labels = {"id2label": {0: args.classes[1].upper(), 1: args.classes[0]}, "label2id": {args.classes[1].upper(): 0, args.classes[0]: 1}}
found = {}


def drawn(model, pixels, logits):
    """The model in evaluation mode with other values in all tensors: trained a little if it has batch-norm, whose random features would cancel out;
    else with a head that tells classes apart."""
    torch.manual_seed(1)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    for module in norms:
        module.momentum = 1.0
    labels = torch.arange(len(pixels)) % 2
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(40 if norms else 0):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits(model.train()(pixels)), labels)
        loss.backward()
        optimizer.step()
        if loss < 0.3:
            break
    return model.eval() if norms else noisy(model.eval(), pixels, logits)


@torch.no_grad()
def noisy(model, pixels, logits):
    for value in model.state_dict().values():
        if value.dtype.is_floating_point:
            value.add_(0.03 * torch.randn_like(value))
    heads = [module for module in model.modules() if isinstance(module, torch.nn.Linear) and module.out_features == 2]
    margins = (lambda out: out[:, 1] - out[:, 0])(logits(model(pixels)))
    for module in heads:
        module.weight.mul_(1 / margins.std())
        module.bias.mul_(1 / margins.std())
    margins = (lambda out: out[:, 1] - out[:, 0])(logits(model(pixels)))
    for module in heads:
        module.bias[0] += margins.quantile(0.5)
    return model


@torch.no_grad()
def tell(name, model, pixels, logits, order):
    found[name] = logits(model(pixels)).double().softmax(1)[:, order].tolist()


def hugging_face(name, model, processor, shards=None):
    pixels = processor(pictures, return_tensors="pt")["pixel_values"]
    model = drawn(model, pixels, lambda out: out.logits)
    path = os.path.join(args.folder, name)
    model.save_pretrained(path, **({"max_shard_size": shards} if shards else {}))
    processor.save_pretrained(path)
    tell(name, model, pixels, lambda out: out.logits, [1, 0])


def vit(**more):
    return transformers.ViTForImageClassification(
        transformers.ViTConfig(hidden_size=192, num_attention_heads=3, intermediate_size=768, image_size=[height, width], **labels, **more)
    )


plain = {"do_resize": False, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
hugging_face("hf-vit", vit(), transformers.ViTImageProcessor(**plain), shards="8MB")
hugging_face("hf-vit-unbiased", vit(qkv_bias=False, layer_norm_eps=1e-5), transformers.ViTImageProcessor(**plain))
basic = transformers.ResNetConfig(layer_type="basic", depths=[2, 2, 2, 2], hidden_sizes=[64, 128, 256, 512], **labels)
hugging_face("hf-resnet", transformers.ResNetForImageClassification(basic), transformers.ViTImageProcessor(**plain))
hugging_face("hf-resnet50", transformers.ResNetForImageClassification(transformers.ResNetConfig(**labels)), transformers.ViTImageProcessor(**plain))

# The tensors by the names of state_dict() in transformers 5, which differ from those of save_pretrained.
model = transformers.ViTForImageClassification.from_pretrained(os.path.join(args.folder, "hf-vit")).eval()
path = os.path.join(args.folder, "hf-vit-state")
model.config.save_pretrained(path)
transformers.ViTImageProcessor(**plain).save_pretrained(path)
torch.save(model.state_dict(), os.path.join(path, "pytorch_model.bin"))
found["hf-vit-state"] = found["hf-vit"]

# Models that no plan has, in the networks that examples/export.py writes of them.
small = {"image_size": [height, width], "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 128, **labels}
swin = transformers.SwinConfig(image_size=[height, width], embed_dim=24, depths=[2, 2], num_heads=[2, 4], window_size=4, **labels)
hugging_face("hf-swin", transformers.SwinForImageClassification(swin), transformers.ViTImageProcessor(**plain))
hugging_face("hf-deit", transformers.DeiTForImageClassificationWithTeacher(transformers.DeiTConfig(**small)), transformers.ViTImageProcessor(**plain))

for name in args.refused:
    config = transformers.ViTConfig(**{"hidden_size": 192, "intermediate_size": 768, "num_attention_heads": 3, **args.refused[name], **labels})
    config.save_pretrained(os.path.join(args.folder, name))

# timm's.
for name in ["vit_tiny_patch16_224", "resnet18"]:
    size = {"img_size": (height, width)} if name.startswith("vit") else {}
    model = timm.create_model(name, num_classes=2, **size)
    config = {"input_size": (3, height, width), "crop_pct": 1.0, "crop_mode": "squash", "mean": (0.5,) * 3, "std": (0.25,) * 3, "interpolation": "bicubic"}
    transform = timm.data.create_transform(**config)
    pixels = torch.stack([transform(picture) for picture in pictures])
    model = drawn(model, pixels, lambda out: out)
    timm.models.save_for_hf(model, os.path.join(args.folder, f"timm-{name}"), model_config={"label_names": list(labels["id2label"].values())}, data_config=config, safe_serialization=True)
    tell(f"timm-{name}", model, pixels, lambda out: out, [1, 0])


# Checkpoints in parts: a backbone as DINO, MAE and a linear probe save theirs, and the head in another file.
model = timm.create_model("vit_tiny_patch16_224", num_classes=2, img_size=(height, width))
pixels = transformers.ViTImageProcessor(**plain)(pictures, return_tensors="pt")["pixel_values"]
model = drawn(model, pixels, lambda out: out)
tell("parts", model, pixels, lambda out: out, [0, 1])
state = {name: value for name, value in model.state_dict().items() if not name.startswith("head.")}


def save(name, content):
    torch.save(content, os.path.join(args.folder, name))


dino = {f"backbone.{name}": value for name, value in state.items()} | {"head.mlp.0.weight": torch.ones(4, 4), "head.mlp.0.bias": torch.ones(4)}
save("dino.pth", {"student": {f"module.{name}": value * 2 for name, value in dino.items()}, "teacher": dino, "epoch": 3})
save("head.pth", {"state_dict": {f"module.linear.{name}": value for name, value in model.head.state_dict().items()}})
save("mae.pth", {"model": state | {"mask_token": torch.ones(1, 1, 4), "decoder_embed.weight": torch.ones(4, 4)}})
pooled = drawn(timm.create_model("vit_tiny_patch16_224", num_classes=2, global_pool="avg"), torch.rand(4, 3, 224, 224), lambda out: out)
save("mae-finetuned.pth", {"model": pooled.state_dict()})


class TwoOutputs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3)
        self.aside = torch.nn.Linear(8, 5)
        self.fc = torch.nn.Linear(8, 2)

    def forward(self, images):
        features = self.conv(images).relu().mean((2, 3))
        return self.aside(features), self.fc(features)


class Random(TwoOutputs):
    def forward(self, images):
        kept = torch.rand(images.shape[0], 1) > 0.1
        return self.fc(kept * self.conv(images).relu().mean((2, 3)))


def export(name, model):
    dynamic = ({0: torch.export.Dim("batch", min=2, max=4096)},)
    torch.export.save(torch.export.export(model.train(), (pixels[:2],), dynamic_shapes=dynamic), os.path.join(args.folder, name))


model = drawn(TwoOutputs(), pixels, lambda out: out[1])
export("two.pt2", model)
tell("two", model, pixels, lambda out: out[1], [0, 1])
export("random.pt2", Random())
print(json.dumps(found))
