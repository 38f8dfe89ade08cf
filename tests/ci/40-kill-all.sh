#!/bin/sh
# Every program of the pipeline killed at each of its mutating calls: the same
# end every time.  Then with a peer that forgets, which must be found.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${SS_BIN:-$PWD/build/release/bin}
passed=0 failed=0
for how in '' '--fault forget --stride 5'; do
	# shellcheck disable=SC2086
	if python3 tests/crash/killall.py $how "$BIN"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
