#!/bin/sh
# ss-log verify, rebuild, dump: damage is found, accounts are proved
. "$(dirname "$0")/lib.sh"

events()
{
	seq "$1" "$2" | awk '{ printf "{\"specversion\":\"1.0\",\"id\":\"e-%d\",\"source\":\"t\",\"type\":\"item.observed\",\"subject\":\"S%d\",\"time\":\"2026-11-18T10:00:00.000Z\"}\n", $1, $1 }'
}

# outcome TYPE SEQ [MEMBERS OF DATA]
outcome()
{
	printf '{"specversion":"1.0","id":"o%s","source":"ss-push","type":"%s","subject":"S","time":"2026-11-18T10:00:01.000Z","data":{"event":{"source":"t","id":"e","type":"item.observed","seq":%s},"pipeline":"stock","target":"shopify:acme","stage":"push","attempt":1%s}}\n' \
	    "$2" "$1" "$2" "${3-}"
}

status 'no log: the answer is no' 1 ss-log verify
status 'no verb: called wrong' 2 ss-log
status 'a verb that is none' 2 ss-log tidy
status 'a verb too many' 2 ss-log verify now

events 1 20 | ss-track -p stock >/dev/null
{
	outcome ss.delivered 2
	outcome ss.failed 3
	outcome ss.parked 4
	outcome ss.dead 5
	outcome ss.delivered 2
	printf '{"specversion":"1.0","id":"r","source":"ss-diff","type":"ss.unchanged","time":"2026-11-18T10:00:02.000Z","data":{"pipeline":"stock","stage":"diff","range":[7,12],"n":6}}\n'
	printf '{"specversion":"1.0","id":"rp","source":"ss-replay","type":"ss.replay","time":"2026-11-18T10:00:02.000Z","data":{"pipeline":"stock","event":{"source":"t","id":"e-4","seq":5,"place":5}}}\n'
	printf '{"specversion":"1.0","id":"i1","source":"ss-push","type":"ss.intent","time":"2026-11-18T10:00:02.000Z","data":{"target":"shopify:acme"}}\n'
	printf '{"specversion":"1.0","id":"i2","source":"ss-push","type":"ss.intent","time":"2026-11-18T10:00:02.000Z","data":{"target":"shopify:acme"}}\n'
	printf '{"specversion":"1.0","id":"s","source":"ss-push","type":"ss.settled","time":"2026-11-18T10:00:02.000Z","data":{"target":"shopify:acme","intent":"i1"}}\n'
} | ss-track -p stock >/dev/null

ok 'a clean log' ss-log verify >out
check 'every check says ok' 'jq -es "length == 4 and all(.ok)" out'
check 'the accounts are right' 'jq -es "map(select(.pipeline == \"stock\"))[0] | .opened == 21 and .ended == 8 and .open == 13 and
	.failed == 1 and .parked == 1 and .dead == 1 and .listed == 0 and .doubles == 1 and .position == 3" out'
check 'the open intent is counted' 'jq -es "map(select(.check == \"intents\"))[0].open == 1" out'

ok 'dump' ss-log dump >live
check 'dump shows the runs of what is open' 'grep -qx "open	stock 3	4" live && grep -qx "open	stock 13	21" live'
ok 'rebuild' ss-log rebuild
ok 'dump again' ss-log dump >anew
same 'the state made anew is the same' anew live
rm -rf "$SS_HOME/state"
ok 'without any state, verify makes it' ss-log verify
ok 'dump once more' ss-log dump >anew
same 'again the same' anew live
head -c 3000 /dev/urandom >"$SS_HOME/state/ledger.mdb"
status 'state that is no table: damage' 5 ss-log verify >out
check 'and it says so' 'jq -es "map(select(.check == \"state\"))[0] | .ok == false and (.message | length) > 0" out'
ok 'rebuild mends that' ss-log rebuild
ok 'and all is well' ss-log verify

# A worker that has the tables open would go on in files without a name.
mkdir -p "$SS_HOME/pipelines"
printf '#!/bin/sh\nexec cat\n' >"$SS_HOME/pipelines/idle"
chmod +x "$SS_HOME/pipelines/idle"
background ss-run -q -n --follow idle
wait_for 10 test -e "$SS_HOME/state/run/idle"
inode=$(stat -c %i "$SS_HOME/state/ledger.mdb")
status 'rebuild while another program works: exit 4' 4 ss-log rebuild
check '  it says why' 'ss-log rebuild 2>&1 | grep -q "in use by another process"'
is '  and takes nothing away' "$(stat -c %i "$SS_HOME/state/ledger.mdb")" "$inode"
ok '  others may read meanwhile' ss-log dump >anew
kill "$BG_PID"
wait "$BG_PID"
ok '  when it has ended: done' ss-log rebuild
rm -rf "$SS_HOME/pipelines" "$SS_HOME/state/run"

for page in ss-log.1 ss-log.5; do
	mandoc -T ascii -O width=200 "$ROOT/man/$page" | col -bx
done | sed -n 's/^ *\$ //p' >examples
check 'the pages have examples' '[ "$(wc -l <examples)" -ge 4 ]'
ok 'and they run as printed' sh -e examples

L=$(ls "$SS_HOME"/log/*/*/*/*.ndjson)
cp "$L" keep
cp "$SS_HOME/log/LOCK" keep.lock

put_back()
{
	cp keep "$L" && cp keep.lock "$SS_HOME/log/LOCK"
}

sed -i '8s/item/itex/' "$L"
status 'a changed byte: damage' 5 ss-log verify >out
check 'named by path, offset and place' 'jq -es --arg p "$L" --argjson o "$(head -n 7 keep | wc -c)" "map(select(.finding))[0] |
	.path == \$p and .offset == \$o and .place == 8" out'
check 'the lines around it are served' 'ss-track show e-6 | grep -q e-6 && ss-track show e-8 | grep -q e-8'
status 'the damaged one is not' 1 ss-track show e-7
put_back
sed -i 8d "$L"
status 'a line lost: damage' 5 ss-log verify >out
check 'the missing place is named' 'jq -es "map(select(.finding))[0].place == 8" out'
put_back
sed -i 8p "$L"
status 'a line doubled: damage' 5 ss-log verify
put_back
ok 'put back: clean' ss-log verify

printf '{"specversion":"1.0","id":"to' >>"$L"
ok 'a torn end is no damage' ss-log verify >out
check 'but it is told' 'jq -es ".[0].finding | startswith(\"torn end\")" out'
events 30 30 | ss-track -p stock >/dev/null 2>said
check 'the next writer says that it moved it' 'grep -q "torn end: 29 bytes moved" said'
ok 'the next writer mends it' ss-log verify >out
check 'nothing is left to tell' 'jq -es "map(select(.finding)) | length == 0" out'
check 'the bytes are kept' '[ "$(cat "$SS_HOME"/quarantine/*)" = "{\"specversion\":\"1.0\",\"id\":\"to" ]'

cp "$L" keep
cp "$SS_HOME/log/LOCK" keep.lock
head -n 10 keep >"$L"
rm "$SS_HOME/log/LOCK"
status 'state that is ahead of the log: damage' 5 ss-log verify >out
check 'and it says so' 'jq -es "map(select(.check == \"state\"))[0].message | test(\"the log ends at 10\")" out'
put_back

if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	NO_COLOR=1 script -qec 'ss-log verify' /dev/null </dev/null | tr -d '\r' >screen
	check 'on a terminal: a table' 'grep -q "^PIPELINE  OPENED" screen && grep -q "^log: .*: ok$" screen'
else
	skip 'on a terminal' 'no script(1)'
fi
check 'a full disk is not kept quiet' '! ss-log verify >/dev/full && ! ss-log dump >/dev/full'
done_testing
