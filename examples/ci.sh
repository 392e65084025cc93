#!/usr/bin/env bash
# A CI job of a project that depends on spurmem. Keep ~/.cache/spurmem between jobs: it has the addon where it was compiled, and
# decoded images. On Debian 13, first: apt-get install libtorch-dev libopenblas0-openmp cmake make g++
set -euo pipefail
npm ci --no-audit --no-fund
# A prebuild that fits is loaded as it is; else this compiles once (seconds where the cache has it).
npx spurmem doctor --quiet || npx spurmem build --quiet
npx spurmem doctor
node "${1:-trace.mjs}" "${2:-data/dominoes}" runs/ci
