#!/usr/bin/env bash
# Builds the addon with sanitizers and runs the native tests and 10,000 hostile calls under them:
#   scripts/sanitize.sh            AddressSanitizer and UndefinedBehaviorSanitizer, then ThreadSanitizer
#   scripts/sanitize.sh address    the first alone
#   scripts/sanitize.sh suite      the first, with every test that computes and needs no Python: hours; arguments go to jest
#   scripts/sanitize.sh thread     the second: engine, allocator and image store, which threads share
# Ends with an error at the first report. Node itself, V8 and libtorch are not built with them: leaks are not looked for, since
# theirs cannot be distinguished from ours (see scripts/soak.mjs). scripts/sanitize/thread.supp lists what ThreadSanitizer ignores. It
# does not see libtorch's mutexes being locked, and so must not report them as unlocked (report_mutex_bugs=0).
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

build() {
  say "Building with -fsanitize=$2 into build-$1"
  npx cmake-js compile --silent --out "build-$1" "--CDSPURMEM_SANITIZE=$2"
}

# Runs a command with the addon of a build; a second argument is what the process loads first.
under() {
  local addon=$PWD/build-$1/Release/spurmem.node preload=$2
  shift 2
  # Children of the tests inherit all of it.
  env "SPURMEM_ADDON=$addon" "LD_PRELOAD=$preload" \
    "ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:quarantine_size_mb=${QUARANTINE:-256}" \
    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
    "TSAN_OPTIONS=suppressions=$PWD/scripts/sanitize/thread.supp:exitcode=66:report_signal_unsafe=0:report_mutex_bugs=0" \
    "$@"
}

library() { g++ -print-file-name="lib$1.so"; }
tests() { NODE_OPTIONS='--experimental-vm-modules --no-warnings' "$@"; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

address() {
  build address address,undefined
  local preload
  preload="$(library asan) $(library ubsan)"
  under address "$preload" node test/native/hostileCalls.mjs 1 10000 "$log"
  # Those that compare with PyTorch run in the whole check: Python is not for the sanitizers.
  under address "$preload" node test/native/trainSteps.mjs
  under address "$preload" node test/native/workers.mjs 20 || [ $? -eq 5 ]
  tests under address "$preload" npx jest -w 1 test/native/imageStore test/native/model test/data/sampling test/neurons
}

suite() {
  build address address,undefined
  # Documents compute nothing of the addon's; Python, Chromium, compilers and faults.so are not for the sanitizers.
  mapfile -t files < <(grep -rLE 'parity/(python|oracle|exportedCases)|SPURMEM_PYTHON' test --include='*.test.ts' |
    grep -vE '^test/(parity|house|docs|device)/|/(browser|native|faults)\.slow\.')
  # A test bounds the growth of a process, to which freed memory in quarantine adds.
  QUARANTINE=1 SPURMEM_PYTHON=none tests under address "$(library asan) $(library ubsan)" npx jest -w 2 --testTimeout 7200000 "${files[@]}" "$@"
}

thread() {
  build thread thread
  # Its shadow memory has fixed places, which random addresses would be in.
  under thread "$(library tsan)" setarch -R node test/native/hostileCalls.mjs 1 10000 "$log"
  under thread "$(library tsan)" setarch -R node test/native/trainSteps.mjs
  under thread "$(library tsan)" setarch -R node test/native/workers.mjs 20 || [ $? -eq 5 ]
}

case ${1:-all} in
  address) address ;;
  suite) suite "${@:2}" ;;
  thread) thread ;;
  all) address; thread ;;
  *) echo "Usage: scripts/sanitize.sh [address|suite|thread]" >&2; exit 1 ;;
esac
say "No report."
