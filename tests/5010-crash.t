#!/bin/sh
# crash states and kills, in small; tests/ci has the whole
. "$(dirname "$0")/lib.sh"
for need in strace python3; do
	command -v "$need" >/dev/null || skip_all "$need is not here"
done
command -v crash-oracle >/dev/null || {
	fail 'crash-oracle is built'
	done_testing
}
strace -qq -o /dev/null true 2>/dev/null || skip_all 'strace may not trace here'

enumerate()
{
	python3 "$ROOT/tests/crash/states.py" "$@"
}

ok 'every state of a first start and of recovery' enumerate -m 600 first reopen torn hole empty
diag "$(tail -n 1 "$OUT")"
case $SS_BIN in
*/asan/*)
	skip 'a sync that does nothing is found' 'no preload before the sanitizer'
	;;
*)
	for lie in fdatasync dirsync; do
		status "a $lie that does nothing is found" 1 enumerate --stop 1 -l "$lie" first
	done
	;;
esac

# The judge itself: what is wrong with a log is told.
crash-oracle write -n 6 -s 700 home >told
segment=$(find home/log -name '*.ndjson' | sort | sed -n 2p)
check 'a log that is whole' 'crash-oracle check home told | grep -qx "ok 0"'
rm -rf bad && cp -R home bad && rm -rf bad/state
sed -i '$d' "bad${segment#home}"
check '  a line is gone' '! crash-oracle check bad told >out; grep -q "^bad .*promised" out'
rm -rf bad && cp -R home bad && rm -rf bad/state
sed -i 's/item.observed/item.absurded/' "bad${segment#home}"
check '  a line was changed' '! crash-oracle check bad told >out; grep -q "^bad .*damaged" out'
sed 's/"crash/"trash/' told >other
check '  other bytes than were promised' '! crash-oracle check home other >out; grep -q "^bad .*other bytes" out'
echo 'bytes that are nowhere' >kept
check '  bytes that were to be kept' '! crash-oracle check home told kept >out; grep -q "^bad .*quarantine" out'

done_testing
