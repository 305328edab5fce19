# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Counts what `check` finds: a line for each step with its time, and the sum at the end.  Sourced.

tally_passed=0 tally_failed=0 tally_skipped=0

# tally_begin DIR: logs go there
tally_begin() {
    tally_dir=$1
    tally_start=$SECONDS
    tally_width=24
}

tally_line() { printf '%-*s %4d s  %s\n' "$tally_width" "$1" "$2" "$3"; }

# judge NAME COMMAND...: a step that passes or fails as a whole; its words are shown if it fails
judge() {
    local name=$1 log start=$SECONDS
    shift
    log=$tally_dir/${name//[^a-z]/-}.log
    if "$@" >"$log" 2>&1 </dev/null; then
        tally_passed=$((tally_passed + 1))
        tally_line "$name" $((SECONDS - start)) ok
        return 0
    fi
    tally_failed=$((tally_failed + 1))
    tail -n 200 "$log"
    tally_line "$name" $((SECONDS - start)) FAILED
    return 1
}

judge_skip() {
    tally_skipped=$((tally_skipped + 1))
    tally_line "$1" 0 "skipped: $2"
}

# tests NAME JSON COMMAND...: a run of `meson test` that leaves its records in JSON; counts single cases where tests
# tell of them (TAP), and no tests at all as a failure
tests() {
    local name=$1 json=$2 log start=$SECONDS passed failed skipped
    shift 2
    log=$tally_dir/$name.log
    rm -f "$json"
    "$@" >"$log" 2>&1 </dev/null
    read -r passed failed skipped < <(tests_count "$json")
    tally_passed=$((tally_passed + passed))
    tally_failed=$((tally_failed + failed))
    tally_skipped=$((tally_skipped + skipped))
    [ "$failed" = 0 ] || tests_story "$log"
    tally_line "$name" $((SECONDS - start)) "$passed passed, $failed failed, $skipped skipped"
}

# the results of a run that was not all well, with the output of what failed
tests_story() {
    grep -vE '^ *[0-9]+/[0-9]+ .* (OK|SKIP) +[0-9.]+s' "$1"
}

tests_count() {
    python3 - "$1" <<'PYTHON'
import json, re, sys

passed = failed = skipped = 0
try:
    with open(sys.argv[1], encoding='utf-8') as records:
        tests = [json.loads(line) for line in records if line.strip()]
except OSError:
    tests = []

for test in tests:
    cases = re.findall(r'^(not )?ok\b[^#\n]*(?:# *(SKIP|TODO))?', test.get('stdout') or '', re.M | re.I)
    bad = sum(1 for failure, why in cases if failure and not why)
    left = sum(1 for failure, why in cases if why)
    good = len(cases) - bad - left
    if test['result'] in ('OK', 'EXPECTEDFAIL'):
        passed += good or (0 if left else 1)
        skipped += left
    elif test['result'] == 'SKIP':
        skipped += left or 1
    else: # a test that crashed after its last good case has failed nonetheless
        passed += good
        skipped += left
        failed += bad or 1
if not tests:
    failed = 1
print(passed, failed, skipped)
PYTHON
}

# tally_end: the sum, and the status that goes with it
tally_end() {
    tally_line total $((SECONDS - tally_start)) ''
    echo "$tally_passed passed, $tally_failed failed, $tally_skipped skipped"
    [ "$tally_failed" = 0 ]
}
