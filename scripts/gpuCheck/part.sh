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
  waits-cuda*)
    headers=$(node -p "require('node-api-headers').include_dir")
    g++ -std=c++17 -O1 -shared -fPIC -I"$headers" scripts/gpuCheck/waits.cpp -o "$out/waits.node" -ldl
    node scripts/gpuCheck/small.mjs "$device" "$out/waits.node"
    ;;
  sanitizer-cuda*)
    sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
    if [ ! -x "$sanitizer" ]; then
      echo "There is no compute-sanitizer (CUDA's toolkit has it): not tried."
      exit 0
    fi
    for tool in memcheck synccheck; do
      # CUDA's allocator of PyTorch gives out parts of large blocks, past whose ends memcheck would see nothing.
      PYTORCH_NO_CUDA_MEMORY_CACHING=1 "$sanitizer" --tool "$tool" --error-exitcode 9 --target-processes all \
        node scripts/gpuCheck/small.mjs "$device"
    done
    ;;
  waits-* | sanitizer-*) echo "Of a GPU alone: not tried." ;;
  steps-*-test:* | epoch-test:* | trace-test:*) echo "The device for tests has no speed of its own: not tried." ;;
  steps-*-cpu) bench resnet18-forward= resnet18-erm-step= ;;
  epoch-cpu) bench erm-later-epoch-tuned= ;;
  trace-cpu) echo "Tracing ResNet-50 takes minutes on a CPU: not tried." ;;
  steps-*) bench "gpu-${part#steps-}-" ;;
  epoch-*) bench gpu-resnet50-erm-epoch ;;
  trace-*) bench trace-structured-resnet50= trace-structured-released= ;;
  *) echo "There is no part $part." >&2; exit 1 ;;
esac
