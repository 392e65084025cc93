#!/usr/bin/env bash
# The whole check: set-up, formatting, lint, types, both builds of the addon, unit and parity tests.
# Arguments go to jest: scripts/test.sh test/parity
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test

scripts/static.sh

# Both builds load and compute the same.
for addon in build-cmake/Release/spurmem.node build/Release/spurmem.node; do
  echo "doctor with $addon"
  SPURMEM_ADDON=$PWD/$addon node bin/spurmem.js doctor --quiet
done

# The package as a user installs it.
scripts/try-package.sh short
npm test --silent -- "$@"
