#!/usr/bin/env bash
# Attacks the build with all that the project has (kills, faults, fuzzing, hostile calls, signals, changed bits), drawn by a seed, and
# prints a table: ten minutes of it before a release.
#   scripts/attack.sh [MINUTES] [SEED]
set -euo pipefail
cd "$(dirname "$0")/.."
npm run --silent build
exec node scripts/faults/attack.mjs "$@"
