#!/usr/bin/env bash
# Runs the tests as older CPUs would compute: with AVX2, with AVX-512 without tiles, and with all that this CPU has. Arguments go to jest:
#   scripts/cpus.sh                 all tests, three times
#   scripts/cpus.sh test/parity     some
#   scripts/cpus.sh short           the networks' parity on the narrower two, as CI does
set -euo pipefail
cd "$(dirname "$0")/.."
levels=(avx2 avx512 all)
if [ "${1:-}" = short ]; then
  levels=(avx2 avx512)
  set -- test/parity/resnet test/parity/erm test/native/narrowOutput
fi
status=0
for level in "${levels[@]}"; do
  case $level in
    avx2) limits=(ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2) ;;
    avx512)
      grep -q ' avx512f' /proc/cpuinfo || { echo "This CPU has no AVX-512."; continue; }
      limits=(ATEN_CPU_CAPABILITY=avx512 ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 MKL_ENABLE_INSTRUCTIONS=AVX512)
      ;;
    all) limits=() ;;
  esac
  echo "With ${limits[*]:-all instructions}"
  env "${limits[@]}" scripts/jest.sh "$@" || status=1
done
exit "$status"
