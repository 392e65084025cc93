"""Empirical risk minimization in plain PyTorch, the article's recipe: the oracle of `spurmem train erm`.

Reads a dataset folder in the Waterbirds layout whose images all have the model's input size, and prints, as JSON, each
epoch's losses, group accuracies and seconds, and the epoch with the best validation worst-group accuracy.
"""

import argparse
import json
import time
from typing import NamedTuple

import small_resnet  # noqa: F401, registers resnet20
import torch
import torchvision
from safetensors.torch import load_file, save_file
from torch.utils.data import DataLoader
from waterbirds import Waterbirds


class Epoch(NamedTuple):
    """The yield of train() after each epoch."""

    metrics: dict
    best_epoch: int
    model: torch.nn.Module


def parse(words=None):
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--arch", default="resnet18")
    parser.add_argument("--weights")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--lr", type=float, required=True)
    parser.add_argument("--loss", choices=["cross-entropy", "double-softmax"], default="cross-entropy")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--device", default="cpu", help="float32 without TF32 there")
    parser.add_argument("--memory-format", choices=["channels_last", "contiguous"], default="channels_last")
    parser.add_argument("--fused", choices=["yes", "no"], default="yes", help="one kernel for all of Adam")
    parser.add_argument("--precision", choices=["float32", "bf16"], default="float32", help="bf16: under autocast")
    parser.add_argument("--deterministic", choices=["yes", "no"], default="no", help="kernels with the same bits in each run")
    parser.add_argument("--workers", type=int, default=0, help="processes of each DataLoader")
    parser.add_argument("--out", help="where the last epoch's weights go, as safetensors")
    return parser.parse_args(words)


def loss_of(kind, logits, labels, reduction="mean"):
    outputs = logits.softmax(dim=1) if kind == "double-softmax" else logits
    return torch.nn.functional.cross_entropy(outputs, labels, reduction=reduction)


def accuracies(correct, total):
    return [(c / t) if t else None for c, t in zip(correct, total)]


def train(args):
    """Trains a network; yields an Epoch after each."""
    torch.set_num_threads(args.threads)
    torch.backends.cudnn.allow_tf32 = False
    torch.use_deterministic_algorithms(args.deterministic == "yes")
    torch.backends.cudnn.deterministic = args.deterministic == "yes"
    train_set, val_set = Waterbirds(args.data, 0), Waterbirds(args.data, 1)
    num_groups = train_set.num_classes * train_set.num_spurious

    torch.manual_seed(args.seed)
    model = torchvision.models.get_model(args.arch, weights=None, num_classes=train_set.num_classes)
    if args.weights:
        state = load_file(args.weights)
        if state["fc.weight"].shape != model.fc.weight.shape:
            state = {name: value for name, value in state.items() if not name.startswith("fc.")}
        model.load_state_dict(state, strict=False)
    autocast = torch.autocast(torch.device(args.device).type, torch.bfloat16, enabled=args.precision == "bf16")
    layout = torch.channels_last if args.memory_format == "channels_last" else torch.contiguous_format
    model = model.to(args.device, memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=0, fused=args.fused == "yes" or None)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    loading = {"batch_size": args.batch_size, "num_workers": args.workers, "persistent_workers": args.workers > 0}
    loading["pin_memory"] = args.device != "cpu"
    train_loader = DataLoader(train_set, shuffle=True, **loading)
    # With a generator of its own, so that iterating it draws nothing from the default one.
    val_loader = DataLoader(val_set, generator=torch.Generator(), **loading)

    def logits_of(images):
        with autocast:
            logits = model(images.to(args.device, memory_format=layout))
        return logits.float()

    def count(logits, labels, groups):
        for right, group in zip((logits.argmax(1) == labels).tolist(), groups.tolist()):
            correct[group] += right
            total[group] += 1

    best, best_epoch = -1.0, 0
    for epoch in range(1, args.epochs + 1):
        start = time.perf_counter()
        model.train()
        loss_sum = 0.0
        correct, total = [0] * num_groups, [0] * num_groups
        for images, labels, groups in train_loader:
            labels = labels.to(args.device)
            logits = logits_of(images)
            loss = loss_of(args.loss, logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(labels)
            count(logits, labels, groups)
        train_loss = loss_sum / len(train_set)
        train_accuracy = accuracies(correct, total)

        model.eval()
        val_loss_sum = 0.0
        correct, total = [0] * num_groups, [0] * num_groups
        with torch.no_grad():
            for images, labels, groups in val_loader:
                labels = labels.to(args.device)
                logits = logits_of(images)
                val_loss_sum += loss_of(args.loss, logits, labels, "none").double().sum().item()
                count(logits, labels, groups)
        val_accuracy = accuracies(correct, total)
        lr = optimizer.param_groups[0]["lr"]
        scheduler.step(train_loss)
        if min(val_accuracy) > best:
            best, best_epoch = min(val_accuracy), epoch
        val_loss = val_loss_sum / len(val_set)
        metrics = {"lr": lr, "trainLoss": train_loss, "train": train_accuracy, "valLoss": val_loss, "val": val_accuracy}
        metrics["seconds"] = time.perf_counter() - start
        yield Epoch(metrics, best_epoch, model)


if __name__ == "__main__":
    args = parse()
    epochs = list(train(args))
    _, best_epoch, model = epochs[-1]
    if args.out:
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, args.out)
    print(json.dumps({"epochs": [epoch.metrics for epoch in epochs], "bestEpoch": best_epoch}))
