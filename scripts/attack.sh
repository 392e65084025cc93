#!/usr/bin/env bash
# Attacks the build in all of the project's ways (kills, faults, fuzzing, hostile calls, signals, changed bits), drawn by a seed, and
# prints a table. Run it for ten minutes before a release.
#   scripts/attack.sh [MINUTES] [SEED]
set -euo pipefail
cd "$(dirname "$0")/.."
npm run --silent build
exec node scripts/faults/attack.mjs "$@"
