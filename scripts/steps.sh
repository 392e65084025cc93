# Steps of a check: each one's output is shown and kept, a failure stops no other, and a screen at the end says what failed.
# Sourced by test.sh and nightly.sh.
logs=$(mktemp -d "${TMPDIR:-/tmp}/spurmem-check-XXXXXX") || { echo "There is no room for logs in ${TMPDIR:-/tmp}: set TMPDIR to a folder that can be written." >&2; exit 2; }
rows=() background=() passed=0 failed=0

# Runs a step: step NAME COMMAND...
step() {
  local name=$1 start=$SECONDS status
  shift
  printf '\n\033[1m%s\033[0m\n' "$name: $*"
  SPURMEM_TEST_SUMMARY=$logs/$name.tests "$@" </dev/null 2>&1 | tee "$logs/$name.log"
  status=${PIPESTATUS[0]}
  record "$name" "$status" $((SECONDS - start))
}

# Starts one that runs beside the others: start NAME COMMAND...
start() {
  local name=$1
  shift
  (
    begun=$SECONDS status=0
    "$@" </dev/null >"$logs/$name.log" 2>&1 || status=$?
    echo "$status $((SECONDS - begun))" >"$logs/$name.status"
  ) &
  background+=("$name:$!")
}

# Waits for those.
finish() {
  local one status seconds
  for one in "${background[@]}"; do
    wait "${one#*:}"
    read -r status seconds <"$logs/${one%:*}.status"
    record "${one%:*}" "$status" "$seconds"
  done
  background=()
}

record() {
  local name=$1 status=$2 seconds=$3 tests=$logs/$1.tests yes no
  # Jest's reporter wrote how many tests passed and failed. A step without tests counts as one, and so does one in which they may fail.
  if [ -s "$tests" ] && read -r yes no <"$tests" && [ $((status != 0)) -eq $((no > 0)) ]; then
    passed=$((passed + yes)) failed=$((failed + no))
  elif [ "$status" -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
  rows+=("$name|$status|$seconds")
  return "$status"
}

# Prints the steps, what failed in them, and "N passed, N failed"; fails if one has.
summary() {
  local row name status seconds
  printf '\n'
  for row in "${rows[@]}"; do
    IFS='|' read -r name status seconds <<<"$row"
    [ "$status" -eq 0 ] && status=passed || status=failed
    printf '%-14s %-7s %2d:%02d' "$name" "$status" $((seconds / 60)) $((seconds % 60))
    if [ "$status" = passed ]; then echo; else printf '  %s\n' "$logs/$name.log"; fi
  done
  for row in "${rows[@]}"; do
    IFS='|' read -r name status seconds <<<"$row"
    [ "$status" -ne 0 ] || continue
    printf '\n%s:\n' "$name"
    # The tests that failed, or else how it ended.
    if [ -e "$logs/$name.tests" ] && [ "$(wc -l <"$logs/$name.tests")" -gt 1 ]; then
      tail -n +2 "$logs/$name.tests"
    else
      grep -aE '^(FAIL |failed: )' "$logs/$name.log" | head -n 6
      sed 's/\x1b\[[0-9;]*m//g' "$logs/$name.log" | grep -avE '^[[:space:]]*$|^(FAIL |failed: )' | tail -n 8
    fi | cut -c 1-180 | sed 's/^/  /'
  done
  [ "$failed" -gt 0 ] || rm -rf "$logs"
  printf '\n%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}
