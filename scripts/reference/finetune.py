"""Fine-tuning against spurious memorization in plain PyTorch, as the oracle: NT-Xent as published, and steps of both
branches, where the auxiliary branch is torch.func.functional_call with masked weights.

Writes nt.a, nt.b, nt.value, and nt.grad.<name> of the projection head that a and b go through; x1.<step>, x2.<step>,
labels.<step>; contrast, supervised [steps]; final.<name>, head.<name>.
"""

import torch
import torch.nn.functional as F
from common import channels_last, create, last_features, named, request, save
from nt_xent import nt_xent, published_nt_xent

args = request()
generator = torch.Generator().manual_seed(args.seed + 1)
out = {}
torch.manual_seed(args.seed)
model = create("resnet18")
head = torch.nn.Sequential(torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 128))
a, b = torch.randn(2, 16, 512, generator=generator)
value = published_nt_xent(head(a), head(b), args.temperature)
value.backward()
out.update({"nt.a": a, "nt.b": b, "nt.value": value})
out.update(named("nt.grad", ((name, parameter.grad.clone()) for name, parameter in head.named_parameters())))
features = last_features(model)
optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=args.lr, fused=True)
masks = {}
for place in args.mask:
    layer, channel = place.split(":")
    name = f"{layer}.weight"
    if name not in masks:
        masks[name] = torch.ones(len(model.get_parameter(name)), 1, 1, 1)
    masks[name][int(channel)] = 0
contrast, supervised = [], []
for step in range(args.steps):
    x1 = torch.randn(8, 3, 64, 32, generator=generator)
    x2 = torch.randn(8, 3, 64, 32, generator=generator)
    labels = torch.randint(0, 2, (8,), generator=generator)
    out[f"x1.{step}"], out[f"x2.{step}"], out[f"labels.{step}"] = x1, x2, labels.to(torch.int32)
    model.train()
    logits = model(channels_last(x1))
    target = features["last"]
    masked = {name: model.get_parameter(name) * mask for name, mask in masks.items()}
    if args.statistics == "frozen":
        model.eval()
    if args.statistics == "separate":
        masked.update({name: buffer.clone() for name, buffer in model.named_buffers()})
    torch.func.functional_call(model, masked, (channels_last(x2),))
    auxiliary = features["last"]
    nt = nt_xent(head(target), head(auxiliary), args.temperature)
    error = F.mse_loss(torch.softmax(logits, dim=1), F.one_hot(labels, 2).float())
    optimizer.zero_grad()
    (nt + args.weight * error).backward()
    optimizer.step()
    contrast.append(nt.item())
    supervised.append(error.item())
out["contrast"], out["supervised"] = torch.tensor(contrast), torch.tensor(supervised)
states = {**named("final", model.state_dict().items()), **named("head", head.state_dict().items())}
save({**out, **states}, args.out)
