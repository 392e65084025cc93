#!/usr/bin/env bash
# Runs jest: scripts/jest.sh [fast] [ARGUMENT...]. `fast` leaves out the test files that are named *.slow.test.ts.
set -euo pipefail
cd "$(dirname "$0")/.."
# Runs write hundreds of megabytes of checkpoints and sync each file: in memory, if there is room, that costs nothing.
if [ -z "${TMPDIR:-}" ] && [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 6000000 ] 2>/dev/null; then
  export TMPDIR=/dev/shm
fi
# Test files run side by side: a thread that waits by spinning takes its core from another file.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
export NODE_OPTIONS='--experimental-vm-modules --no-warnings'
fast=()
if [ "${1:-}" = fast ]; then
  shift
  fast=(--testPathIgnorePatterns '\.slow\.test\.ts$')
fi
exec npx jest "$@" "${fast[@]}"
