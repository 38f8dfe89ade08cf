#!/bin/sh
# 20 power cuts on a real ext4: nothing that was acknowledged is lost.  With a
# writer whose fdatasync does nothing, three cuts are enough to see it.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${SS_BIN:-$PWD/build/release/bin}
PATH=${BIN%/bin}/tools:$BIN:$PATH
passed=0 failed=0
if sh tests/crash/powercut.sh "${1:-20}"; then passed=1; else failed=1; fi
sh tests/crash/powercut.sh 3 "${BIN%/bin}/tools/crash-lie.so"
if [ $? -eq 1 ]; then
	echo 'ok a writer that does not sync is found'
	passed=$((passed + 1))
else
	echo 'not ok a writer that does not sync was not found'
	failed=$((failed + 1))
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
