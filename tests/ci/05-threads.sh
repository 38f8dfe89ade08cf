#!/bin/sh
# ss-track under ThreadSanitizer, with so much input that all its threads run:
# events as they come from us, foreign ids, lines that are no events, several
# such writers at once.
#
# Ends with the line "N passed, N failed"; exits 0 when none failed.
set -u
cd "$(dirname "$0")/../.." || exit 1
unset MAKEFLAGS MFLAGS MAKELEVEL
TMP=$(mktemp -d "${TMPDIR:-/tmp}/ss-threads.XXXXXX") || exit 1
trap 'rm -rf "$TMP"' EXIT
trap 'exit 130' HUP INT TERM
passed=0 failed=0

make -j"$(nproc)" V=tsan build/tsan/bin/ss-track build/tsan/bin/ss-log build/tsan/tools/bench-gen || exit 1
PATH=$PWD/build/tsan/bin:$PWD/build/tsan/tools:$PATH
TSAN_OPTIONS='exitcode=99 halt_on_error=1'
SS_CONFIG=/dev/null
export PATH TSAN_OPTIONS SS_CONFIG

# result TITLE STATUS
result()
{
	if [ "$2" -eq 0 ]; then
		passed=$((passed + 1))
		echo "ok $1"
	else
		failed=$((failed + 1))
		echo "FAILED $1"
	fi
}

# track NAME WANT [OPTION...]: what comes is recorded in home NAME, as many lines come out
track()
{
	t_name=$1 t_want=$2
	shift 2
	mkdir -p "$TMP/$t_name"
	SS_HOME=$TMP/$t_name timeout 300 ss-track "$@" >"$TMP/out" 2>"$TMP/err"
	t_rc=$?
	[ "$t_rc" -eq "$t_want" ] && [ "$(wc -l <"$TMP/out")" -eq "$(wc -l <"$TMP/in")" ] &&
	    SS_HOME=$TMP/$t_name timeout 300 ss-log verify >/dev/null 2>"$TMP/err2"
	result "$t_name (exit code $t_rc)" $?
	head -n 40 "$TMP/err" "$TMP/err2" 2>/dev/null | grep -A 30 'WARNING: ThreadSanitizer'
}

bench-gen events 300000 >"$TMP/in"
track 'minted ids' 0 <"$TMP/in"
track 'into a pipeline' 0 -p p <"$TMP/in"
sed 's/"id":"........-..../"id":"f0000000-0000/' "$TMP/in" | awk 'NR % 3 == 0' >"$TMP/few" && mv "$TMP/few" "$TMP/in"
track 'foreign ids' 0 <"$TMP/in"
bench-gen events 30000 | awk 'NR % 100 == 0 { print "no event" NR; next } 1' >"$TMP/in"
track 'lines that are none' 3 <"$TMP/in"

mkdir -p "$TMP/many"
bench-gen events 20000 >"$TMP/in"
for i in 1 2 3; do
	SS_HOME=$TMP/many timeout 300 ss-track <"$TMP/in" 2>"$TMP/err.$i" | wc -l >"$TMP/n.$i" &
done
wait
[ "$(cat "$TMP"/n.* | awk "{ n += \$1 } END { print n }")" -eq 60000 ] && ! cat "$TMP"/err.* | grep -A 30 ThreadSanitizer
result 'three at once' $?

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
