"""Self-damaging contrastive learning (Jiang et al. 2021) in plain PyTorch, as the oracle: steps of both branches, where the
pruned branch is torch.func.functional_call with masked weights and batch-norms of its own, and masks by the published rule.

Writes one safetensors file: nt.value, nt.published; mask.<epoch>.<layer>; x1.<step>, x2.<step>, labels.<step>; contrast,
supervised [steps]; final.<name>, head.<name>, norms.<name>.
"""

import math

import torch
import torch.nn.functional as F
from common import channels_last, convolutions, create, last_features, named, request, save
from nt_xent import nt_xent

args = request()


def sdclr_loss(a, b, temperature):
    """The published loss: the positive against the positive and all negatives, as a mean of -log of shares."""
    n = len(a)
    a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
    both = torch.cat([a, b])
    exponentials = torch.exp(both @ both.T / temperature)
    negatives = (exponentials * ~torch.eye(n, dtype=torch.bool).repeat(2, 2)).sum(1)
    positives = torch.exp((a * b).sum(1) / temperature).repeat(2)
    return -torch.log(positives / (positives + negatives)).mean()


generator = torch.Generator().manual_seed(args.seed + 1)
torch.manual_seed(args.seed)
model = create("resnet20")
head = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 128))
layers = convolutions(model)
batch_norms = {name: one for name, one in model.named_modules() if isinstance(one, torch.nn.BatchNorm2d)}
norms = {}
for name, module in batch_norms.items():
    for key, value in module.state_dict().items():
        norms[f"{name}.{key}"] = value.detach().clone().requires_grad_(key in ("weight", "bias"))
features = last_features(model)
own = [value for value in norms.values() if value.requires_grad]
optimizer = torch.optim.Adam([*model.parameters(), *head.parameters(), *own], lr=args.lr, fused=True)

out = {}
a, b = torch.randn(2, 16, 64, generator=generator)
out["nt.a"], out["nt.b"] = a, b
out["nt.value"] = sdclr_loss(head(a), head(b), args.temperature)
contrast, supervised = [], []
for epoch in range(args.epochs):
    weights = torch.cat([one.weight.detach().abs().flatten() for one in layers.values()])
    pruned = math.ceil(args.share * len(weights))
    threshold = torch.sort(weights).values[min(pruned, len(weights) - 1)]
    masks = {name: one.weight.detach().abs() >= threshold for name, one in layers.items()}
    out.update(named(f"mask.{epoch}", ((name, mask.to(torch.uint8)) for name, mask in masks.items())))
    for step in range(epoch * args.steps, (epoch + 1) * args.steps):
        x1 = torch.randn(8, 3, 32, 16, generator=generator)
        x2 = torch.randn(8, 3, 32, 16, generator=generator)
        labels = torch.randint(0, 2, (8,), generator=generator)
        out[f"x1.{step}"], out[f"x2.{step}"], out[f"labels.{step}"] = x1, x2, labels.to(torch.int32)
        model.train()
        logits = model(channels_last(x1))
        target = features["last"]
        if args.supervision == "last-layer":
            logits = model.fc(target.detach())
        variant = {f"{name}.weight": one.weight * masks[name].float() for name, one in layers.items()}
        torch.func.functional_call(model, {**variant, **norms}, (channels_last(x2),))
        nt = nt_xent(head(target), head(features["last"]), args.temperature)
        error = F.cross_entropy(logits, labels)
        optimizer.zero_grad()
        (nt + args.weight * error).backward()
        optimizer.step()
        contrast.append(nt.item())
        supervised.append(error.item())
out["contrast"], out["supervised"] = torch.tensor(contrast), torch.tensor(supervised)
states = {"final": model.state_dict(), "head": head.state_dict(), "norms": norms}
for prefix, state in states.items():
    out.update(named(prefix, state.items()))
save(out, args.out)
