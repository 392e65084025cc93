#!/usr/bin/env bash
# The whole check: set-up, formatting, lint, types, both builds of the addon, unit and parity tests.
# Arguments go to jest: scripts/test.sh test/parity
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test

cache=node_modules/.cache/spurmem
# The quick checks first, side by side. ESLint has no cache: what it finds in a file depends on the types of all others.
npm run --silent lint &
lint=$!
# The reference of the library: every type that it names is in it and documented, and no link in it is broken.
npm run --silent api -- --emit none --logLevel Warn &
api=$!
npx clang-format --dry-run --Werror $(find native -name "*.cpp" -o -name "*.h")
npx prettier --check . --log-level warn --cache --cache-strategy content --cache-location "$cache/prettier"
npm run --silent typecheck -- --incremental --tsBuildInfoFile "$cache/tsbuildinfo"
wait "$lint"
wait "$api"

# Both builds load and compute the same.
for addon in build-cmake/Release/spurmem.node build/Release/spurmem.node; do
  echo "doctor with $addon"
  SPURMEM_ADDON=$PWD/$addon node bin/spurmem.js doctor --quiet
done

# Runs write hundreds of megabytes of checkpoints and sync each file: in memory, where there is room, that costs nothing.
if [ -z "${TMPDIR:-}" ] && [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 6000000 ] 2>/dev/null; then
  export TMPDIR=/dev/shm
fi
# Test files run side by side: a thread that waits by spinning takes its core from another file.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
# The package as a user installs it.
scripts/try-package.sh short
npm test --silent -- "$@"
