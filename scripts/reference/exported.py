"""Networks of torchvision or timm, and one of two branches, exported by torch.export: the oracle for spurmem's own run of that file.

Writes the program to `program`, and one safetensors file: init.<name>, input, labels, logits.train, training.grad.<name>, logits.eval,
grad.<name>, norms.weight, norms.gradient, gradient-x-weight (of the weights that `layers` names), cam.<layer> of the
second output in eval mode (Grad-CAM, of the modules that `maps` names), and, where there are `steps`, logits.steps [steps, N, classes]
of as many steps of Adam with their weights at the end, final.<name>. Every pass in training mode draws by the next seed. `mode` is that
of the export.
"""

import torch
from common import gradients_and_scores, named, request, save
from exporting import export, made

args = request()

torch.manual_seed(args.seed)
model = made(args.network, args.classes).to(memory_format=torch.channels_last)
generator = torch.Generator().manual_seed(args.seed + 1)
images = torch.randn(args.batch, 3, args.height, args.width, generator=generator)
labels = torch.randint(0, args.classes, (args.batch,), generator=generator)
# As a user does it, in the usual memory format.
export(model.train(args.mode == "train").to(memory_format=torch.contiguous_format), images, args.program)
model = model.to(memory_format=torch.channels_last)
images = images.to(memory_format=torch.channels_last)
out = named("init", ((name, value.clone()) for name, value in model.state_dict().items()))
out["input"], out["labels"] = images, labels.to(torch.int32)
passes = 0


def passed(training):
    """The logits, and the gradients in the model."""
    global passes
    model.train(training).zero_grad()
    if training:
        torch.manual_seed(args.seed + passes)
        passes += 1
    logits = model(images)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    return logits


out["logits.train"] = passed(True)
out.update(named("training.grad", ((name, one.grad.clone()) for name, one in model.named_parameters())))
out["logits.eval"] = passed(False)


def as_map(values, module):
    """[N, C, H, W] of a convolution, of a LayerNorm over [N, H, W, C], or over tokens, of which a square of patches comes last."""
    if not isinstance(module, torch.nn.LayerNorm):
        return values
    if values.dim() == 3:
        side = int(values.size(1) ** 0.5)
        values = values[:, values.size(1) - side * side :].reshape(len(values), side, side, -1)
    return values.permute(0, 3, 1, 2)


for layer in args.maps:
    seen = {}
    module = model.get_submodule(layer)

    def keep(module, inputs, output):
        seen["features"] = output
        output.register_hook(lambda gradient: seen.update(gradient=gradient))

    handle = module.register_forward_hook(keep)
    model.eval()(images)[:, 1].sum().backward()
    handle.remove()
    weights = as_map(seen["gradient"], module).mean(dim=(2, 3), keepdim=True)
    cam = (weights * as_map(seen["features"], module)).sum(dim=1, keepdim=True).relu()
    cam = torch.nn.functional.interpolate(cam, size=images.shape[2:], mode="bilinear", align_corners=False).squeeze(1)
    highest = cam.amax(dim=(1, 2), keepdim=True)
    out[f"cam.{layer}"] = cam / torch.where(highest > 0, highest, torch.ones_like(highest))
    passed(False)
parameters = dict(model.named_parameters())
out.update(gradients_and_scores(model, [parameters[name] for name in args.layers]) if args.layers else {})
if not args.layers:
    out.update(named("grad", ((name, one.grad.clone()) for name, one in model.named_parameters())))
if args.steps > 0:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    logits = []
    for _ in range(args.steps):
        logits.append(passed(True).detach().clone())
        optimizer.step()
    out["logits.steps"] = torch.stack(logits)
    out.update(named("final", model.state_dict().items()))
save(out, args.out)
