#!/usr/bin/env bash
# Runs jest: scripts/jest.sh [check|slow] [ARGUMENT...]. `check` leaves out the test files that are named *.slow.test.ts, `slow` all others.
set -euo pipefail
cd "$(dirname "$0")/.."
# Test files run side by side: a thread that waits by spinning takes its core from another file.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
export NODE_OPTIONS='--experimental-vm-modules --no-warnings'
tier=()
case ${1:-} in
  check) shift; tier=(--testPathIgnorePatterns '\.slow\.test\.ts$') ;;
  slow) shift; tier=(--testPathIgnorePatterns '(?<!\.slow)\.test\.ts$') ;;
esac
exec npx jest "$@" "${tier[@]}"
