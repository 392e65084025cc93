"""torchvision's ResNets and that of small_resnet.py as the oracle: initial weights, logits, gradients and scores of neurons.

Writes one safetensors file: init.<name>, input, labels, logits.eval, logits.train, training.grad.<name> and grad.<name> (of the
mean cross-entropy in training and in eval mode), norms.weight, norms.gradient, gradient-x-weight; without `gradients` none of those.
"""

import torch
from common import convolutions, create, gradients_and_scores, named, request, save

args = request()
memory_format = torch.channels_last if args.memory_format == "channels_last" else torch.contiguous_format

torch.manual_seed(args.seed)
model = create(args.arch, args.classes).to(memory_format=memory_format)
out = named("init", ((name, value.clone()) for name, value in model.state_dict().items()))
generator = torch.Generator().manual_seed(args.seed + 1)
images = torch.randn(args.batch, 3, args.height, args.width, generator=generator)
labels = torch.randint(0, args.classes, (args.batch,), generator=generator)
out["input"], out["labels"] = images, labels.to(torch.int32)


def passed(training):
    """The logits, and the gradients in the model."""
    model.train(training).zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.precision == "bf16"):
        logits = model(images.to(memory_format=memory_format)).float()
    torch.nn.functional.cross_entropy(logits, labels).backward()
    return logits


if not args.gradients:
    with torch.no_grad():
        out["logits.eval"] = model.eval()(images.to(memory_format=memory_format))
    save(out, args.out)
    raise SystemExit
# A step in training mode first, so that eval mode has batch statistics that are not 0 and 1.
out["logits.train"] = passed(True)
out.update(named("training.grad", ((name, one.grad.clone()) for name, one in model.named_parameters())))
out["logits.eval"] = passed(False)
out.update(gradients_and_scores(model, [one.weight for one in convolutions(model).values()]))
save(out, args.out)
