#!/usr/bin/env bash
# Checks and measures spurmem on a machine with a GPU and Python's PyTorch, which needs neither Node.js nor a network:
#   scripts/gpu-check.sh pack [FOLDER]      here: all that it takes, as one file below 60 MiB (default folder: gpu-pack)
#   scripts/gpu-check.sh run [--pack FOLDER] [--out FOLDER] [--device cuda:0] [PART...]     there
#   scripts/gpu-check.sh table FOLDER...    the results of one or several runs in one table
# Parts, each of at most nine minutes (SPURMEM_PART_SECONDS): build parity waits sanitizer steps-resnet50 steps-vit-small epoch trace; without any, all of them in turn. One
# that failed or ran out of time does not stop the next one. `--device cpu` tries what a CPU can, at a small size.
set -euo pipefail
stage=
root=$(cd "$(dirname "$0")/.." && pwd)
fail() { printf '%s\n' "$*" >&2; exit 1; }

# Everything that the file unpacks to: a checkout's layout with production dependencies and Node.js.
pack() {
  local folder=${1:-$root/gpu-pack}
  [ -f "$root/bench/dist/main.js" ] || fail "Build first: npm run build"
  stage=$(mktemp -d)
  trap 'rm -rf "$stage"' EXIT
  cd "$root"
  mkdir -p "$stage/spurmem/bench" "$stage/spurmem/scripts"
  cp -r assets bin dist native CMakeLists.txt package.json package-lock.json "$stage/spurmem/"
  cp -r bench/dist bench/python "$stage/spurmem/bench/"
  cp -r scripts/gpu-check.sh scripts/gpuCheck scripts/libtorch.mjs scripts/reference "$stage/spurmem/scripts/"
  find "$stage/spurmem" -name '*.map' -delete
  node scripts/bundle.mjs "$stage/spurmem/dist"
  (cd "$stage/spurmem" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error)
  echo "$(git rev-parse --short=7 HEAD)$(git diff --quiet HEAD || echo +)" >"$stage/spurmem/COMMIT"
  local node
  node=$(readlink -f "$(command -v node)")
  # Debian's is a small program with a library of its own.
  ldd "$node" | grep -q libnode && fail "$node needs libnode: put nodejs.org's Node.js, which is one file, first in PATH."
  cp "$node" "$stage/node"
  strip "$stage/node"
  # The images of its benchmarks, which need data sets that the other machine lacks.
  node scripts/gpuCheck/data.mjs "$stage/spurmem/bench-data"
  mkdir -p "$folder"
  tar -C "$stage" -c node spurmem | xz -T0 -6 >"$folder/spurmem.tar.xz"
  cp scripts/gpu-check.sh "$folder/"
  du -m "$folder/spurmem.tar.xz" | cut -f1 | { read -r size; echo "$folder: $size MiB"; [ "$size" -lt 60 ] || fail "It is to stay below 60 MiB."; }
}

run() {
  local packed=$root out=gpu-check device=cuda:0 parts=()
  while [ $# -gt 0 ]; do
    case $1 in
      --pack) packed=$2; shift 2 ;;
      --out) out=$2; shift 2 ;;
      --device) device=$2; shift 2 ;;
      -*) fail "Unknown option: $1" ;;
      *) parts+=("$1"); shift ;;
    esac
  done
  [ ${#parts[@]} -gt 0 ] || parts=(build parity waits sanitizer steps-resnet50 steps-vit-small epoch trace)
  [ -f "$packed/spurmem.tar.xz" ] || fail "There is no $packed/spurmem.tar.xz: name its folder with --pack."
  mkdir -p "$out"
  out=$(cd "$out" && pwd)
  packed=$(cd "$packed" && pwd)
  # Once a pack. By Python, since not every machine has xz.
  if [ ! "$packed/unpacked/complete" -nt "$packed/spurmem.tar.xz" ]; then
    rm -rf "$packed/unpacked"
    python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$packed/spurmem.tar.xz" "$packed/unpacked"
    touch "$packed/unpacked/complete"
  fi
  export PATH=$packed/unpacked:$PATH
  cd "$packed/unpacked/spurmem"
  # The one whose torch the addon is built against.
  SPURMEM_PYTHON=${SPURMEM_PYTHON:-$(node scripts/libtorch.mjs python)}
  export SPURMEM_PYTHON
  local part failed=()
  for part in "${parts[@]}"; do
    echo "== $part"
    timeout --kill-after=10 "${SPURMEM_PART_SECONDS:-540}" bash scripts/gpuCheck/part.sh "$part" "$device" "$out" && continue
    [ "$part" != build ] || fail "Without the addon, nothing can be tried."
    failed+=("$part")
  done
  node scripts/gpuCheck/table.mjs "$out" | tee "$out/table.txt"
  [ ${#failed[@]} -eq 0 ] || fail "Not passed: ${failed[*]}"
}

case ${1:-} in
  pack | run) "$@" ;;
  table) shift; node "$root/scripts/gpuCheck/table.mjs" "$@" ;;
  *) sed -n '2,7p' "$0"; exit 1 ;;
esac
