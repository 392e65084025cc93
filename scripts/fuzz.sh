#!/usr/bin/env bash
# Fuzzing at full size: some 37,000 damaged files and 10,000 hostile calls of the addon (test/fuzz, whose tests try some of them).
#   scripts/fuzz.sh         with a random seed
#   scripts/fuzz.sh 123     with this one, as a failure prints it
set -euo pipefail
cd "$(dirname "$0")/.."
export SPURMEM_FUZZ=full SPURMEM_FUZZ_SEED=${1:-$((RANDOM * 32768 + RANDOM))}
echo "seed $SPURMEM_FUZZ_SEED"
exec scripts/jest.sh test/fuzz
