#!/bin/sh
# retry-and-replay - what failed again, then what is dead
#
# usage: retry-and-replay.sh PIPELINE [CLASS]
#
# What is open is worked off by itself; what is dead, for its good reason, only
# when somebody asks for it, best after the cause is gone.  CLASS chooses, such as
# value or conflict; rows that no reader understands (class parse) are left alone:
# they are mended one by one, see ss-replay(1).  Exit 3: some are still dead.
set -eu
[ $# -ge 1 ] || { echo 'usage: retry-and-replay.sh PIPELINE [CLASS]' >&2; exit 2; }

worst=0
rc=0
ss-run --no-input "$1" || rc=$?
case $rc in
0 | 3) ;;
*) exit "$rc" ;;
esac

ids=$(mktemp)
trap 'rm -f "$ids"' EXIT
# exit 1: none is dead
ss-track list -j --state dead -p "$1" ${2:+--class "$2"} |
    jq -r 'select(.type != "line.rejected") | .id' >"$ids" || :
while read -r id; do
	rc=0
	ss-replay -q -p "$1" "$id" </dev/null || rc=$?
	[ "$rc" -le "$worst" ] || worst=$rc
	[ "$rc" -lt 4 ] || break
done <"$ids"
exit "$worst"
