#!/usr/bin/env bash
# Guards against regressions: builds an earlier commit in the user's cache and measures five cases (start-up, forward pass, step, trace,
# pipeline) in turn with it. A minute and a quarter on a quiet machine, after the earlier build; a case that falls behind is measured three times.
#   scripts/guard.sh [COMMIT]    fails if one takes 8 % more processor time than there, or 24 % more time
# SPURMEM_BENCH_SLOWDOWN=0.15 plants a slowdown of 15 %, to see whether it is found.
set -euo pipefail
cd "$(dirname "$0")/.."

# Moved by hand when a case became faster and must stay so, or when run folders got another format.
base=${1:-84337201}

commit=$(git rev-parse --verify --quiet "$base^{commit}") || {
  echo "The history here has no commit $base to compare with: git fetch --unshallow" >&2
  exit 1
}
kept=${XDG_CACHE_HOME:-$HOME/.cache}/spurmem/guard
if [ ! -e "$kept/$commit/built" ]; then
  # One earlier build is kept.
  rm -rf "$kept"
  mkdir -p "$kept/$commit"
  git archive "$commit" | tar -x -C "$kept/$commit"
  "$kept/$commit/scripts/setup.sh"
  touch "$kept/$commit/built"
fi
cases=(startup-help resnet18-forward resnet18-erm-step trace-released-small pipeline-train-0-workers)
exec node bench/dist/main.js --case "${cases[@]}" --repeats 4 --against "$kept/$commit" --tolerance 0.08
