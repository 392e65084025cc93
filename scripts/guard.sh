#!/usr/bin/env bash
# Guards against regressions: holds five ratios to PyTorch (start-up, forward pass, step, trace, pipeline) against those of
# docs/benchmarks/guard-*.json for this machine's vector instructions. 2.5 minutes of a quiet machine. A case that falls behind is measured three times.
#   scripts/guard.sh            fails where a ratio fell by more than 8 %
#   scripts/guard.sh record     measures them into the file, on a machine that does nothing else
# SPURMEM_BENCH_SLOWDOWN=0.15 plants a slowdown of 15 %, to see whether it is found.
set -euo pipefail
cd "$(dirname "$0")/.."
vectors=$(node --input-type=module -e 'import { vectorInstructions } from "#src/machine.js"; console.log(vectorInstructions())')
file=docs/benchmarks/guard-$(tr '[:upper:] ' '[:lower:]-' <<<"$vectors").json
cases=(startup-help resnet18-forward resnet18-erm-step trace-released-small pipeline-train-0-workers)
if [ "${1:-}" = record ]; then
  trap 'rm -f "$file.new"' EXIT
  node bin/spurmem.js bench --case "${cases[@]}" --json >"$file.new"
  mv "$file.new" "$file"
elif [ ! -e "$file" ]; then
  echo "There are no ratios of a machine with $vectors: scripts/guard.sh record measures them into $file." >&2
else
  exec node bin/spurmem.js bench --case "${cases[@]}" --repeats 4 --compare "$file" --tolerance 0.08
fi
