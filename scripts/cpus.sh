#!/usr/bin/env bash
# Runs tests as other CPUs would compute, and tests that train on other images, since no test may depend on the low bits of a training:
#   scripts/cpus.sh                 the tests that train: with AVX2, with AVX-512 without tiles, with all that this CPU has, and there with five seeds
#   scripts/cpus.sh test/parity     some tests likewise: arguments go to jest
#   scripts/cpus.sh short           as scripts/nightly.sh does: the networks' parity on the narrower two CPUs, and tests that judge trainings with another seed
set -euo pipefail
cd "$(dirname "$0")/.."
status=0

# tests LEVEL SEED ARGUMENT...
tests() {
  local limits=() level=$1 seed=$2
  shift 2
  case $level in
    avx2) limits=(ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2) ;;
    avx512)
      grep -q ' avx512f' /proc/cpuinfo || { echo "This CPU has no AVX-512."; return; }
      limits=(ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 MKL_ENABLE_INSTRUCTIONS=AVX512)
      ;;
  esac
  echo "With ${limits[*]:-all instructions}, seed $seed"
  env "${limits[@]}" SPURMEM_TEST_SEED="$seed" scripts/jest.sh "$@" || status=1
}

if [ "${1:-}" = short ]; then
  for level in avx2 avx512; do tests "$level" 0 test/parity/resnet test/parity/erm test/native/narrowOutput; done
  tests avx2 1 test/extras/discover test/experiments/ablation test/train/precision test/train/lastLayer
  exit "$status"
fi
if [ $# -eq 0 ]; then
  # By what they import: fixtures, command lines, training methods, studies, the library.
  methods='(fixtures|(cli/|train/)?support|src/train/methods|src/study/runner|src/index)'
  mapfile -t trained < <(grep -rlE "from '[./]+$methods\.js'" test --include='*.test.ts')
  set -- "${trained[@]}"
fi
for level in avx2 avx512 all; do tests "$level" 0 "$@"; done
for seed in 1 2 3 4; do tests all "$seed" "$@"; done
exit "$status"
