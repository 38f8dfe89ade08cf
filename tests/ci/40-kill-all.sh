#!/bin/sh
# Every program of the pipeline killed at each of its mutating calls, in two
# forms: the same end every time.  Then with a peer that forgets keys, and with a
# log that loses its end, which must be found.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${SS_BIN:?where the programs are}
passed=0 failed=0

killall()
{
	if python3 tests/crash/killall.py "$@" "$BIN"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

killall --form run
killall --form track
killall --form run --fault forget --stride 5
killall --form run --fault amnesia --stride 5
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
