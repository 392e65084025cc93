# Writes a network of torchvision or timm for spurmem: python export.py NAME FILE.pt2 [SIDE] [--random | --weights FILE.pth]
# NAME may be a state dict (.pth, .safetensors): it is of the network whose parameters have its names and shapes (of timm's this takes minutes).
# With --hf, NAME is a folder of transformers (save_pretrained) or timm (save_for_hf).
import argparse
import json
import pathlib
import warnings

import torch
import torchvision

parser = argparse.ArgumentParser()
parser.add_argument("name")
parser.add_argument("path")
parser.add_argument("side", type=int, nargs="?", help="of the images in pixels; default: 224, or the folder's")
parser.add_argument("--hf", action="store_true", help="NAME is a model's folder")
parser.add_argument("--random", action="store_true", help="random weights; default: ImageNet's, which are downloaded")
parser.add_argument("--weights", help="weights of your own, as torch.save(model.state_dict(), FILE) writes them")
args = parser.parse_args()


def from_folder(folder):
    """The model of a folder, and the height and width of its images."""
    described = json.loads((folder / "config.json").read_text())
    if "architecture" in described:
        import timm

        still = {"drop_path_rate": 0.0} if "drop_path_rate" in described.get("model_args", {}) else {}
        return timm.create_model(f"local-dir:{folder.resolve()}", pretrained=True, **still), described["pretrained_cfg"]["input_size"][1:]
    import transformers

    config = transformers.AutoConfig.from_pretrained(folder)
    # Stochastic depth draws numbers of torch.rand, which spurmem does not have.
    if hasattr(config, "drop_path_rate"):
        config.drop_path_rate = 0.0
    model = transformers.AutoModelForImageClassification.from_pretrained(folder, config=config)
    size = described.get("image_size", 224)
    processor = folder / "preprocessor_config.json"
    given = json.loads(processor.read_text()) if processor.exists() else {"do_resize": False}
    if given.get("do_resize", True):
        shorter = lambda one: one["shortest_edge"] if isinstance(one, dict) and "shortest_edge" in one else one
        size = shorter(given["crop_size"] if given.get("do_center_crop") else given.get("size") or size)
        size = [size["height"], size["width"]] if isinstance(size, dict) else size
    return model, size if isinstance(size, list) else [size, size]


def read(path):
    if path.endswith(".safetensors"):
        import safetensors.torch

        return safetensors.torch.load_file(path)
    held = torch.load(path, map_location="cpu")
    held = next((held[key] for key in ("state_dict", "model") if key in held), held)
    return {name.removeprefix("module."): value for name, value in held.items()}


def makers():
    """The networks of torchvision, then those of timm: how each is made, and its name."""
    yield from ((torchvision.models.get_model, name) for name in torchvision.models.list_models(module=torchvision.models))
    import timm

    yield from ((timm.create_model, name) for name in timm.list_models())


def fits(make, name):
    try:
        with torch.device("meta"), warnings.catch_warnings(action="ignore"):
            own = make(name, **classes).state_dict()
    except Exception:
        return False
    return own.keys() == state.keys() and all(value.shape == state[key].shape for key, value in own.items())


is_state = pathlib.Path(args.name).is_file()
weights = args.name if is_state else args.weights
state = read(weights) if weights else None
# The last tensor is the head's bias.
classes = {} if state is None else {"num_classes": len([*state.values()][-1])}
pretrained = state is None and not args.random
size = [224, 224]
if is_state:
    make, name = next((one for one in makers() if fits(*one)), (None, None))
    if make is None:
        raise SystemExit(f"No network of torchvision or timm has the parameters of {args.name}.")
    print(f"{args.name} is of {name}.")
    model = make(name, **classes)
elif args.hf:
    model, size = from_folder(pathlib.Path(args.name))
elif hasattr(torchvision.models, args.name):
    model = torchvision.models.get_model(args.name, weights="DEFAULT" if pretrained else None, **classes)
else:
    import timm

    model = timm.create_model(args.name, pretrained=pretrained, **classes)
# A module of your own: model = MyNetwork()
if state is not None:
    model.load_state_dict(state)

# In training mode, so that batch-norm and dropout train as they do in PyTorch; for a batch of any number of images.
images = torch.randn(2, 3, *([args.side] * 2 if args.side else size))
batch = torch.export.Dim("batch", min=2, max=4096)
with torch.no_grad():
    given = model.eval()(images)
if isinstance(given, dict) and len(given) > 1:
    forward = model.forward
    model.forward = lambda images: forward(images).logits
torch.export.save(torch.export.export(model.train(), (images,), dynamic_shapes=({0: batch},)), args.path)
