#!/bin/sh
# The delivery protocol: every interleaving with two crashes, a refusal, a lost
# reply, a parked event and a replay.  tests/5000-model.t has the small forms and
# the seeded faults, tests/long/10-model.sh the large ones.
set -u
BIN=${SS_BIN:?where the programs are}
out=$(mktemp -d "${TMPDIR:-/tmp}/ss-model.XXXXXX") || exit 1
trap 'rm -rf "$out"' EXIT
passed=0 failed=0

# ran N TITLE LEAST: what became of it; at least so many states.
ran()
{
	line=$(tail -n 1 "$out/$1")
	if [ "$(cat "$out/$1.rc")" -eq 0 ] && [ "$(echo "$line" | cut -d ' ' -f 1)" -ge "$3" ]; then
		printf 'ok %s: %s\n' "$2" "$line"
		passed=$((passed + 1))
	else
		printf 'not ok %s: %s\n' "$2" "$line"
		head -n 60 "$out/$1"
		failed=$((failed + 1))
	fi
}

model()
{
	n=$1
	shift
	"${BIN%/bin}/tools/crash-model" "$@" >"$out/$n" 2>&1
	echo "$?" >"$out/$n.rc"
}

model 1 & model 2 --other & wait
ran 1 'all at once' 10000000
ran 2 'all at once, events in strict order' 10000000
model 3 --held --accept & model 4 --shared --replays 0 & wait
ran 3 'all at once, values that the target holds' 10000000
ran 4 'one target for both, no replay' 5000000

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
