"""Epochs of indices as DataLoader draws them through WeightedRandomSampler with the default generator.

Reads the weight of each example. Prints, as JSON, the indices of each epoch.
"""

import json

import torch
from common import request
from torch.utils.data import DataLoader, WeightedRandomSampler

args = request()

weights = args.weights
torch.manual_seed(args.seed)
loader = DataLoader(range(len(weights)), batch_size=16, sampler=WeightedRandomSampler(weights, len(weights)))
print(json.dumps([[index for batch in loader for index in batch.tolist()] for _ in range(args.epochs)]))
