#!/usr/bin/env bash
# The check of every change, ten minutes in a fresh clone on two cores: set-up, formatting, lint, types, the package in an empty folder, and
# all tests that are not named *.slow.test.ts. What it leaves out is scripts/nightly.sh. Arguments go to jest: scripts/test.sh test/parity
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/steps.sh

if step set-up scripts/setup.sh test; then
  # It reads sources alone.
  start static scripts/static.sh
  step doctor node bin/spurmem.js doctor --quiet
  step package scripts/try-package.sh short
  step tests scripts/jest.sh check "$@"
elif [ -x node_modules/.bin/tsc ]; then
  start static scripts/static.sh
fi
finish
summary
