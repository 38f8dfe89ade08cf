#!/bin/sh
# the delivery protocol: every interleaving, in small; each seeded fault is found
. "$(dirname "$0")/lib.sh"
command -v crash-model >/dev/null || {
	fail 'crash-model is built'
	done_testing
}

# holds TITLE LEAST OPTION...: the model holds, and had so many states at least.
holds()
{
	title=$1 least=$2
	shift 2
	crash-model --short "$@" >out 2>&1
	rc=$?
	diag "$(tail -n 1 out)"
	if [ "$rc" -eq 0 ] && [ "$(tail -n 1 out | cut -d ' ' -f 1)" -ge "$least" ]; then
		pass "$title"
	else
		fail "$title" "$(head -c 4000 out)"
	fi
}

holds 'two crashes, a refusal, a lost reply' 300000 --replays 0
holds 'a replay at any moment, one crash' 500000 --crashes 1 --unknown 0
holds 'events in strict order, two crashes' 300000 --replays 0 --other
holds 'values that the target holds already' 100000 --replays 0 --held --accept
holds 'a known event accepted by a second pipeline' 500000 --replays 0 --accept
holds 'two pipelines with one target' 1000000 --crashes 1 --replays 0 --shared
holds 'two pipelines with one target, strict order' 200000 --crashes 1 --replays 0 --shared --other --refusals 0

# found FAULT WHAT OPTION...: the fault is found as WHAT, with the way there.
found()
{
	fault=$1 what=$2
	shift 2
	echo "$fault" >>tried
	crash-model --short --fault "$fault" "$@" >out 2>&1
	rc=$?
	if [ "$rc" -eq 1 ] && head -n 1 out | grep -q "$what" && grep -q '^[1-9][0-9]* steps:' out; then
		pass "$fault: $what"
	else
		fail "$fault: $what" "exit $rc: $(head -c 2000 out)"
	fi
}

none='--refusals 0 --unknown 0'
# shellcheck disable=SC2086 # words
{
found ack-before-sync 'acknowledged event is not in the log' --replays 0 $none
found settle-before-outcome 'had its effect twice' --crashes 1 --replays 0 $none
found torn-settled-first 'had its effect twice' --crashes 1 --replays 0 $none
found torn-outcome-first 'an intent is open' --crashes 1 --replays 0 --unknown 0
found no-intent 'without a durable intent' --crashes 0 --replays 0 $none
found new-key 'had its effect twice' --crashes 0 --replays 0 --refusals 0
found range-too-far 'a range ended a delivery that did not end so' --crashes 1 --replays 0 --unknown 0 --held --accept
found feed-past-held-key 'before an earlier one of its key' --crashes 0 --replays 0 --unknown 0 --other
found replay-keeps-old-open 'a replay left the older delivery open' --crashes 0 $none
found superseded-early 'does not hold the newest value' --crashes 0 --replays 0 --unknown 0
found no-stale-check 'does not hold the newest value' --crashes 0 --replays 0 --unknown 0
found ignore-under-way 'a delivery ended twice' --crashes 1 --replays 0 $none
found no-second-look 'neither an end nor a row' --crashes 0 --replays 0 $none
found route-in-two-lines 'opened more often' --crashes 1 --replays 0 $none
found lookup-race 'stored twice' --crashes 0 --replays 0 --accept $none
found no-open-check 'had its effect twice' --crashes 1 --replays 0 --shared --other $none
found early-kept 'no way leads to rest' --crashes 1 --replays 0 --unknown 0
found fail-for-another 'does not hold the newest value' --crashes 1 --replays 0 --shared
found ledger-ahead 'the log has lost' --replays 0 $none
}
crash-model --list >faults
ok 'every fault was tried' cmp tried faults
status 'a fault that is none: usage' 2 crash-model --fault no-such

done_testing
