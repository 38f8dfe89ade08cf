#!/bin/sh
# 20 power cuts on a real ext4: nothing that was acknowledged is lost.  With
# writers whose fdatasync does nothing, three cuts are enough to see it.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${SS_BIN:?where the programs are}
PATH=${BIN%/bin}/tools:$BIN:$PATH
export PATH
passed=0 failed=0

# result TITLE CODE WANT
result()
{
	if [ "$2" -eq "$3" ]; then
		echo "ok $1"
		passed=$((passed + 1))
	else
		echo "not ok $1 (exit $2)"
		failed=$((failed + 1))
	fi
}

sh tests/crash/powercut.sh "${1:-20}"
result "nothing is lost in ${1:-20} power cuts" $? 0
sh tests/crash/powercut.sh 3 fdatasync
result 'writers that do not sync are found within three' $? 1
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
