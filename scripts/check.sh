#!/usr/bin/env bash
# The fast tier, a few minutes if all is built: formatting, lint, types, and the test files that are not named *.slow.test.ts.
# Arguments go to jest. Before a change is merged: scripts/test.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
npm run --silent build
scripts/static.sh &
static=$!
status=0
npm run --silent test:fast -- "$@" || status=1
wait "$static" || status=1
exit "$status"
