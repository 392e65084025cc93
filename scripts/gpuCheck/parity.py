"""PyTorch's results for the weights and images in a folder, on a device in float32 without TF32: logits in eval mode, and the
gradients of the mean cross-entropy. parity.py ARCH DEVICE FOLDER"""

import sys
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file, save_file

sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "reference"))
from vit import WIDTHS, VisionTransformer  # noqa: E402


def main(arch, device, folder):
    torch.backends.cudnn.allow_tf32 = False
    batch = load_file(f"{folder}/batch.safetensors")
    size = batch["images"].shape[-1]
    if arch in WIDTHS:
        model = VisionTransformer(WIDTHS[arch], 2, size, size, 16, 1e-6)
    else:
        model = torchvision.models.get_model(arch, weights=None, num_classes=2)
    model.load_state_dict(load_file(f"{folder}/weights.safetensors"))
    model = model.to(device, memory_format=torch.channels_last).eval()
    images = batch["images"].to(device, memory_format=torch.channels_last)
    logits = model(images)
    torch.nn.functional.cross_entropy(logits, batch["labels"].long().to(device)).backward()
    results = {f"gradient.{name}": parameter.grad for name, parameter in model.named_parameters()}
    results["logits"] = logits.detach()
    save_file({name: value.cpu().contiguous() for name, value in results.items()}, f"{folder}/theirs.safetensors")


main(*sys.argv[1:])
