#!/usr/bin/env bash
# Compares exported networks with PyTorch: scripts/exported.sh [NAME:SIDE]..., by default a long list of torchvision's and timm's.
# Weights, logits, gradients, scores of neurons, stages, ten steps of Adam; timm's networks need timm as well.
set -euo pipefail
cd "$(dirname "$0")/.."
networks=("$@")
if [ ${#networks[@]} = 0 ]; then
  networks=(resnet50:64 resnet101:64 wide_resnet50_2:64 mobilenet_v3_small:64 densenet121:64 convnext_tiny:64 efficientnet_b0:64
    regnet_y_400mf:64 swin_t:64 vit_b_16:224 resnet26d:64 deit_tiny_patch16_224:224 convit_tiny:224)
fi
SPURMEM_EXPORTED="${networks[*]}" exec scripts/jest.sh test/parity/exported.slow.test.ts -t '^\S+, \d+ x'
