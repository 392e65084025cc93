"""A plain PyTorch vision transformer with timm's parameter names and initial values, as the oracle.

Writes one safetensors file: init.<name>, input, labels, logits, logits.autocast (bfloat16), grad.<name>, norms.weight,
norms.gradient, gradient-x-weight; without `gradients`, the names up to logits.
"""

import math

import torch
from common import channels_last, gradients_and_scores, named, request, save
from torch import nn

WIDTHS = {
    "vit_tiny_patch16_224": 192,
    "vit_small_patch16_224": 384,
    "deit_small_patch16_224": 384,
    "vit_base_patch16_224": 768,
}
HEAD_SIZE = 64


@torch.no_grad()
def trunc_normal_(tensor, std, low=-2.0, high=2.0):
    """timm.layers.trunc_normal_; torch.nn.init's of PyTorch 2.15 draws otherwise."""

    def cdf(x):
        return (1 + math.erf(x / math.sqrt(2))) / 2

    tensor.uniform_(2 * cdf(low / std) - 1, 2 * cdf(high / std) - 1)
    tensor.erfinv_().mul_(std * math.sqrt(2)).add_(0.0).clamp_(min=low, max=high)


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        heads = width // HEAD_SIZE
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, heads, HEAD_SIZE).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))


class Mlp(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(nn.functional.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = Attention(width)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.mlp = Mlp(width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self, width, patch):
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class VisionTransformer(nn.Module):
    def __init__(self, width, classes, height, image_width, patch, eps):
        super().__init__()
        tokens = (height // patch) * (image_width // patch) + 1
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, tokens, width))
        self.patch_embed = PatchEmbed(width, patch)
        self.blocks = nn.Sequential(*[Block(width, eps) for _ in range(12)])
        self.norm = nn.LayerNorm(width, eps=eps)
        self.head = nn.Linear(width, classes)
        trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        x = self.patch_embed(x)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1) + self.pos_embed
        return self.head(self.norm(self.blocks(x))[:, 0])


if __name__ == "__main__":
    args = request()
    torch.manual_seed(args.seed)
    model = VisionTransformer(WIDTHS[args.arch], args.classes, args.height, args.width, args.patch, args.eps)
    out = named("init", ((name, value.clone()) for name, value in model.state_dict().items()))
    model = channels_last(model).eval()
    generator = torch.Generator().manual_seed(args.seed + 1)
    images = torch.randn(args.batch, 3, args.height, args.width, generator=generator)
    labels = torch.randint(0, args.classes, (args.batch,), generator=generator)
    out["input"], out["labels"] = images, labels.to(torch.int32)
    logits = model(channels_last(images))
    out["logits"] = logits
    if not args.gradients:
        save(out, args.out)
        raise SystemExit
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        out["logits.autocast"] = model(channels_last(images)).float()
    nn.functional.cross_entropy(logits, labels).backward()
    neurons = [p for n, p in model.named_parameters() if n.startswith("blocks") and p.dim() == 2]
    save({**out, **gradients_and_scores(model, neurons)}, args.out)
