#!/usr/bin/env bash
# Checks that read the sources and run nothing: formatting, lint, types, the library's reference, the package. One that fails stops no other.
set -uo pipefail
cd "$(dirname "$0")/.."
cache=node_modules/.cache/spurmem
status=0
try() { "$@" || { echo "failed: $*" | cut -c 1-160; status=1; }; }
# ESLint runs without a cache: its findings in a file depend on the types of all others.
npm run --silent lint &
lint=$!
try npx clang-format --dry-run --Werror $(find native test/device -name "*.cpp" -o -name "*.h")
try npx prettier --check . --log-level warn --cache --cache-strategy content --cache-location "$cache/prettier"
try npm run --silent typecheck -- --incremental --tsBuildInfoFile "$cache/tsbuildinfo"
# The reference of the library: every type that it names is in it and documented, and no link in it is broken.
try npm run --silent api -- --emit none --logLevel Warn
# The fields of package.json fit the files that they name.
try npx publint --strict --pack false --level warning
wait "$lint" || { echo 'failed: npm run lint'; status=1; }
exit "$status"
