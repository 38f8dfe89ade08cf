#!/bin/sh
# fan-out - one file to several targets, none of which holds up another
#
# usage: fan-out.sh [-r TIME] FILE TARGET...
#
# Each target gets a pipeline of its own, with its own position, attempts and
# accounts.  One that is down keeps what is for it; the next call, or
# `ss-run -n to-N`, delivers that in order, and `ss-replay -p to-N ID` sends one
# event to the Nth target only.  A target that is ill is borne for TIME (60s).
# Exits with the highest code of all.
set -eu
retry=60s
[ "${1-}" != -r ] || { retry=${2-}; shift 2; }
[ $# -ge 2 ] || { echo 'usage: fan-out.sh [-r TIME] FILE TARGET...' >&2; exit 2; }
: "${SS_HOME:=${STATE_DIRECTORY:-${XDG_STATE_HOME:-$HOME/.local/state}/storesync}}"
file=$1
shift

copy=$(mktemp)
trap 'rm -f "$copy"' EXIT
fetched=0
ss-fetch "csv:$file" >"$copy" || fetched=$?
[ "$fetched" -eq 0 ] || [ "$fetched" -eq 3 ] || exit "$fetched"

mkdir -p "$SS_HOME/pipelines"
n=0 pids=
for target; do
	n=$((n + 1))
	cat >"$SS_HOME/pipelines/to-$n" <<-PIPE
	#!/bin/sh
	ss-diff --target '$target' | ss-push '$target'
	PIPE
	chmod +x "$SS_HOME/pipelines/to-$n"
	ss-run --retry-for "$retry" "to-$n" <"$copy" &
	pids="$pids $!"
done
worst=0
for pid in $pids; do
	rc=0
	wait "$pid" || rc=$?
	[ "$rc" -le "$worst" ] || worst=$rc
done
exit "$worst"
