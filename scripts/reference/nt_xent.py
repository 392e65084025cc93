"""NT-Xent of two views [N, D]: as published, and in the usual few lines."""

import torch
import torch.nn.functional as F


def published_nt_xent(a, b, temperature):
    """The published function: positives against all negatives, summed cross-entropy over 2N rows."""
    n = len(a)
    both = torch.cat([b, a])
    similarity = F.cosine_similarity(both.unsqueeze(1), both.unsqueeze(0), dim=-1)
    positives = torch.cat([torch.diag(similarity, n), torch.diag(similarity, -n)]).view(2 * n, 1)
    partner = torch.eye(2 * n) + torch.diag(torch.ones(n), n) + torch.diag(torch.ones(n), -n)
    negatives = similarity[partner == 0].view(2 * n, -1)
    logits = torch.cat([positives, negatives], dim=1) / temperature
    return F.cross_entropy(logits, torch.zeros(2 * n, dtype=torch.long), reduction="sum") / (2 * n)


def nt_xent(a, b, temperature):
    """The same in the usual few lines."""
    features = F.normalize(torch.cat([a, b]))
    similarity = features @ features.T / temperature
    similarity = similarity.masked_fill(torch.eye(len(features), dtype=torch.bool, device=features.device), -torch.inf)
    return F.cross_entropy(similarity, (torch.arange(len(features), device=features.device) + len(a)) % len(features))
