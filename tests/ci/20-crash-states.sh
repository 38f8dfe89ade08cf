#!/bin/sh
# Every state that a power cut could leave of append, batch, rotate, first start,
# recovery and kills in the middle of them; then four lies that must be found.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=${SS_BIN:-$PWD/build/release/bin}
PATH=${BIN%/bin}/tools:$BIN:$PATH
passed=0 failed=0

verdict()
{
	if [ "$2" -eq 0 ]; then
		printf 'ok %s\n' "$1"
		passed=$((passed + 1))
	else
		printf 'not ok %s\n' "$1"
		failed=$((failed + 1))
	fi
}

python3 tests/crash/enum.py -m 20000 all
verdict 'no state is bad' $?
for lie in fdatasync fsync dirsync ftruncate; do
	python3 tests/crash/enum.py -l "$lie" --stop 1 first append rotate torn
	[ $? -eq 1 ]
	verdict "a $lie that does nothing is found" $?
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
