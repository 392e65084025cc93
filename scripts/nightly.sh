#!/usr/bin/env bash
# Everything beyond the check (scripts/test.sh), in parts:
#   scripts/nightly.sh             all parts that have not passed for this commit
#   scripts/nightly.sh PART...     these, also if they have
# A part that fails stops no other. A table at the end names each one's time, result and log.
set -uo pipefail
cd "$(dirname "$0")/.."

# The tests that take long, train for minutes or kill processes; pictures are as new as what draws them.
slow() { scripts/jest.sh slow; }
# The check's tests in another order.
order() { scripts/jest.sh check --randomize; }
# Networks as older CPUs compute them, and trainings on other images.
cpus() { scripts/cpus.sh short; }
# The addon as node-gyp builds it: it loads, and rounds pixels as PyTorch does.
second-build() {
  local SPURMEM_ADDON=$PWD/build/Release/spurmem.node
  export SPURMEM_ADDON
  node bin/spurmem.js doctor --quiet && scripts/jest.sh test/parity/preprocess
}
# What goes to a machine with a GPU: packed, built in an empty folder, and compared with PyTorch on the CPU.
gpu-pack() (
  packed=$(mktemp -d) || exit
  trap 'rm -rf "$packed"' EXIT
  scripts/gpu-check.sh pack "$packed" &&
    cd "$packed" && SPURMEM_PART_SECONDS=1800 ./gpu-check.sh run --pack . --device cpu --out results build parity
)
# Times five cases in turn with an earlier commit.
guard() { scripts/guard.sh; }
# Kills, failing writes, damaged files, hostile calls: each kind at least once.
attacks() { scripts/attack.sh 1; }
# Some changes of behaviour, which the check must notice.
mutations() { node scripts/mutate.mjs --only 1,8,15,22,29; }

parts=(slow order cpus second-build gpu-pack guard attacks mutations)
for part; do
  [[ " ${parts[*]} " == *" $part "* ]] || { echo "There is no part \"$part\". Parts: ${parts[*]}" >&2; exit 2; }
done

. scripts/steps.sh
# Where parts that passed are remembered.
kept=
if [ -n "$(git status --porcelain 2>&1)" ]; then
  echo "Without a commit that is what is here (git status), parts that pass are not remembered." >&2
else
  kept=${XDG_CACHE_HOME:-$HOME/.cache}/spurmem/nightly/$(git rev-parse HEAD)
  mkdir -p "$kept" 2>/dev/null || { echo "$kept cannot be made: parts that pass are not remembered." >&2; kept=; }
fi

wanted=("$@")
[ $# -gt 0 ] || wanted=("${parts[@]}")
if step set-up scripts/setup.sh nightly; then
  for part in "${wanted[@]}"; do
    if [ $# -eq 0 ] && [ -n "$kept" ] && [ -e "$kept/$part" ]; then
      echo "$part has passed for this commit."
      continue
    fi
    step "$part" "$part" && [ -n "$kept" ] && touch "$kept/$part"
  done
fi
summary
