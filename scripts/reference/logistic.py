"""Logistic regression with an L1 penalty and a free intercept, by accelerated proximal gradient in float64, run until its step
is nothing but rounding: the oracle of last-layer retraining's fits.

Reads x [N, D] and y [N] (0 or 1) from safetensors. Writes weights [D] and intercept [1] for each value of C, as
weights.<i>, intercept.<i>, and steps.<i>.
"""

import torch
from common import request, save
from safetensors.torch import load_file

args = request()

data = load_file(args.data)
x, y = data["x"].double(), data["y"].double()
design = torch.cat([x, torch.ones(len(x), 1, dtype=torch.double)], dim=1)
step = 4 / torch.linalg.matrix_norm(design, 2) ** 2
out = {}
for i, c in enumerate(args.c):
    w = torch.zeros(design.shape[1], dtype=torch.double)
    ahead, momentum = w, 1.0
    for count in range(2_000_000):
        gradient = design.T @ (torch.sigmoid(design @ ahead) - y)
        moved = ahead - step * gradient
        shrunk = torch.sign(moved) * (moved.abs() - step / c).clamp(min=0)
        new = torch.cat([shrunk[:-1], moved[-1:]])
        change = (new - w).abs().max()
        # Starts over where momentum leads uphill.
        uphill = torch.dot(ahead - new, new - w) > 0
        following = 1.0 if uphill else (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = new if uphill else new + (momentum - 1) / following * (new - w)
        w, momentum = new, following
        if change < 1e-13:
            break
    out[f"weights.{i}"], out[f"intercept.{i}"] = w[:-1], w[-1:]
    out[f"steps.{i}"] = torch.tensor([count])
save(out, args.out)
