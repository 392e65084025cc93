#!/usr/bin/env bash
# A CI job of a project that depends on spurmem. First: pip install torch. Keep ~/.cache/spurmem between jobs: it holds a compiled
# addon, the PyTorch that spurmem build installed, and decoded images.
set -euo pipefail
npm ci --no-audit --no-fund
# Loads the package's addon where it fits the PyTorch; else compiles one, with cmake and g++.
npx spurmem doctor --quiet || npx spurmem build --quiet
npx spurmem doctor
node "${1:-trace.mjs}" "${2:-data/dominoes}" runs/ci
