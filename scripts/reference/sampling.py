"""Epochs of indices as DataLoader draws them through WeightedRandomSampler with the default generator.

Reads the weight of each example as JSON from stdin. Prints, as JSON, the indices of each epoch.
"""

import argparse
import json
import sys

import torch
from torch.utils.data import DataLoader, WeightedRandomSampler

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--epochs", type=int, required=True)
args = parser.parse_args()

weights = json.load(sys.stdin)
torch.manual_seed(args.seed)
loader = DataLoader(range(len(weights)), batch_size=16, sampler=WeightedRandomSampler(weights, len(weights)))
print(json.dumps([[index for batch in loader for index in batch.tolist()] for _ in range(args.epochs)]))
