"""Forward passes, ERM steps and per-neuron gradient norms in plain PyTorch, and the bare kernels below them, as sides of
`npm run bench`.

`floor` takes every convolution and linear layer that a pass of the model runs, and measures each distinct one alone, at
its best of several calls, with its backward pass where training is asked for: the sum is a time that a pass of the model
cannot beat with these kernels. It reports the rates of these layers and of a large matrix product as well.
"""

import time
from collections import Counter

import torch
import torchvision
from torch import nn
from torch.nn.functional import cross_entropy

from bench_protocol import serve, synchronize
from vit import WIDTHS, VisionTransformer

CLASSES = 2
FLOOR_CALLS = 4
MATRIX_SIDE = 2048


def memory_format(settings):
    return torch.channels_last if settings["memoryFormat"] == "channels_last" else torch.contiguous_format


def create(settings, device):
    arch, size = settings["arch"], settings["size"]
    torch.manual_seed(0)
    if arch in WIDTHS:
        model = VisionTransformer(WIDTHS[arch], CLASSES, size, size, 16, 1e-6)
    else:
        model = torchvision.models.get_model(arch, weights=None, num_classes=CLASSES)
    model = model.to(device, memory_format=memory_format(settings))
    images = torch.randn(settings["batch"], 3, size, size).to(device, memory_format=memory_format(settings))
    labels = (torch.arange(settings["batch"]) % CLASSES).to(device)
    return model, images, labels


def autocast(settings, device):
    enabled = settings.get("precision") == "bf16"
    # A graph may not keep weights that were cast before it.
    kept = not settings.get("graphed")
    return torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=enabled, cache_enabled=kept)


def compiled(model, settings):
    mode = settings.get("compiled")
    return torch.compile(model, mode=mode) if mode else model


def graphed(step):
    """The calls of a step as one CUDA graph, recorded after three calls on another stream, as PyTorch asks for."""
    warming = torch.cuda.Stream()
    warming.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(warming):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(warming)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = step()

    def replay():
        graph.replay()
        # The next replay writes over it.
        return result.clone()

    return replay


def repeat(settings, device, step):
    """A repeat is several steps; a compiled model's first one, which compiles it, is timed apart."""
    measures = {}
    if settings.get("graphed"):
        step = graphed(step)
    if settings.get("compiled"):
        start = time.perf_counter()
        step()
        measures["seconds of the first call, which compiles"] = time.perf_counter() - start

    def run():
        synchronize(device)
        start = time.perf_counter()
        # Read in the end, so that no step waits for the host: a GPU would stand still meanwhile.
        for value in [step() for _ in range(settings["steps"])]:
            value.numpy(force=True)
        synchronize(device)
        return {"seconds": time.perf_counter() - start, "measures": measures}

    return settings["batch"] * settings["steps"], run


def forward(settings, device):
    model, images, _ = create(settings, device)
    model.eval()
    if settings.get("compiled"):
        # Weights become constants, and batch-norm is folded: what PyTorch has for inference.
        from torch._inductor import config

        config.freezing = True
    model = compiled(model, settings)

    @torch.no_grad()
    def step():
        with autocast(settings, device):
            return model(images).argmax(1)

    return repeat(settings, device, step)


def erm_step(settings, device):
    model, images, labels = create(settings, device)
    model.train()
    adam = {"fused": settings["fused"] or None, "capturable": bool(settings.get("graphed"))}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, **adam)
    model = compiled(model, settings)

    def step():
        with autocast(settings, device):
            loss = cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return repeat(settings, device, step)


def neuron_norms(settings, device):
    model, images, labels = create(settings, device)
    model.eval()
    cross_entropy(model(images), labels).backward()
    weights = [module.weight for module in model.modules() if isinstance(module, nn.Conv2d)]

    def all_at_once():
        return torch.cat([weight.grad.flatten(1).norm(dim=1) for weight in weights])

    def one_by_one():
        return torch.tensor([channel.norm(p=2).item() for weight in weights for channel in weight.grad])

    _, run = repeat(settings, device, one_by_one if settings["oneByOne"] else all_at_once)
    return settings["steps"] * sum(len(weight) for weight in weights), run


def floor(settings, device):
    model, images, _ = create(settings, device)
    calls = []

    def note(module, inputs, _output):
        calls.append((module, inputs[0].detach().clone(memory_format=torch.preserve_format)))

    layers = [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    hooks = [layer.register_forward_hook(note) for layer in layers]
    if settings.get("precision") == "bf16":
        model, images = model.to(torch.bfloat16), images.to(torch.bfloat16)
    with torch.no_grad():
        model.eval()(images)
    for hook in hooks:
        hook.remove()
    described = [(str(module), tuple(inputs.shape)) for module, inputs in calls]
    counts = Counter(described)
    distinct = dict(zip(described, calls))
    first = described[0]
    training = settings["training"]

    def once(module, inputs, needs_input_gradient):
        if not training:
            with torch.no_grad():
                start = time.perf_counter()
                module(inputs)
                synchronize(device)
                return time.perf_counter() - start
        # The images need no gradient; every other layer's input does.
        inputs = inputs.detach().requires_grad_(needs_input_gradient)
        wanted = [module.weight] + ([inputs] if needs_input_gradient else [])
        output_gradient = torch.ones_like(module(inputs))
        synchronize(device)
        start = time.perf_counter()
        torch.autograd.grad(module(inputs), wanted, output_gradient)
        synchronize(device)
        return time.perf_counter() - start

    def flops(module, inputs):
        with torch.no_grad():
            positions = module(inputs).numel()
        each = module.weight[0].numel()
        return 2 * positions * each * (3 if training else 1)

    work = sum(counts[key] * flops(*call) for key, call in distinct.items())
    a, b = torch.randn(2, MATRIX_SIDE, MATRIX_SIDE, device=device)

    def matrix_product():
        synchronize(device)
        start = time.perf_counter()
        torch.mm(a, b)
        synchronize(device)
        return time.perf_counter() - start

    def run():
        seconds = 0.0
        for key, (module, inputs) in distinct.items():
            best = min(once(module, inputs, key != first) for _ in range(FLOOR_CALLS))
            seconds += counts[key] * best
        product = min(matrix_product() for _ in range(FLOOR_CALLS))
        measures = {
            "layers GFLOP/s": work / seconds / 1e9,
            "matrix product GFLOP/s": 2 * MATRIX_SIDE**3 / product / 1e9,
        }
        return {"seconds": seconds, "measures": measures}

    return settings["batch"], run


WORK = {"forward": forward, "erm-step": erm_step, "neuron-norms": neuron_norms, "floor": floor}
serve(lambda settings, device: WORK[settings["work"]](settings, device))
