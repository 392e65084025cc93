#!/usr/bin/env bash
# One part of scripts/gpu-check.sh: part.sh NAME DEVICE OUT, in the unpacked folder.
set -euo pipefail
part=$1 device=$2 out=$3
spurmem=(node bin/spurmem.js)
SPURMEM_COMMIT=$(cat COMMIT)
export SPURMEM_COMMIT

# Measures all cases whose names begin so; those that OUT has are kept.
bench() {
  local file=$out/$part.json cases
  cases=$(node scripts/gpuCheck/cases.mjs "$@")
  # shellcheck disable=SC2086 # a list of names
  "${spurmem[@]}" bench --case $cases --device "$device" --data bench-data --out "$file" "${few[@]}"
}

few=()
if [ "$device" = cpu ]; then few=(--repeats 1); fi

case $part-$device in
  build-*)
    "${spurmem[@]}" build --quiet
    "${spurmem[@]}" doctor --json >"$out/doctor.json"
    ;;
  parity-*) node scripts/gpuCheck/parity.mjs "$device" "$out/parity.json" ;;
  steps-*-cpu) bench resnet18-forward= resnet18-erm-step= ;;
  epoch-cpu) bench erm-later-epoch-tuned= ;;
  trace-cpu) echo "Tracing ResNet-50 takes minutes on a CPU: not tried." ;;
  steps-*) bench "gpu-${part#steps-}-" ;;
  epoch-*) bench gpu-resnet50-erm-epoch ;;
  trace-*) bench trace-structured-resnet50= trace-structured-released= ;;
  *) echo "There is no part $part." >&2; exit 1 ;;
esac
