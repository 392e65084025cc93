#!/usr/bin/env bash
# A CI job of a project that depends on spurmem. First: pip install torch. Keep ~/.cache/spurmem between jobs: it has the addon where
# it was compiled, PyTorch where spurmem build installed it, and decoded images.
set -euo pipefail
npm ci --no-audit --no-fund
# The addon of the package is loaded as it is where it fits the PyTorch; else this compiles one, which takes cmake and g++.
npx spurmem doctor --quiet || npx spurmem build --quiet
npx spurmem doctor
node "${1:-trace.mjs}" "${2:-data/dominoes}" runs/ci
