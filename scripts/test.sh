#!/usr/bin/env bash
# The whole check: set-up, formatting, lint, types, both builds of the addon, unit and parity tests.
# Arguments go to jest: scripts/test.sh test/parity
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test

# In the background, since what follows often waits for files and processes; reported at the end.
log=$(mktemp)
scripts/static.sh >"$log" 2>&1 &
static=$!
trap 'kill "$static" 2>/dev/null || true; rm -f "$log"' EXIT

# Both builds load, and round pixels as PyTorch does (the second one at the end).
for addon in build-cmake/Release/spurmem.node build/Release/spurmem.node; do
  echo "doctor with $addon"
  SPURMEM_ADDON=$PWD/$addon node bin/spurmem.js doctor --quiet
done

# The package as a user installs it.
scripts/try-package.sh short
failed=()
npm test --silent -- "$@" || failed+=('the tests')
SPURMEM_ADDON=$PWD/build/Release/spurmem.node npm test --silent -- test/parity/preprocess || failed+=("the second build's pixels")
wait "$static" || { failed+=('scripts/static.sh'); cat "$log"; }
[ "${#failed[@]}" -eq 0 ] || { printf 'scripts/test.sh: failed: %s\n' "${failed[@]}"; exit 1; }
