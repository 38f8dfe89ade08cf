#!/bin/sh
# rows of the list of what storesync must do, each by a check of its own
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/shop.sh"

rows=100000
case $SS_BIN in
*/asan/* | */tsan/*) rows=5000 ;;
esac

lines()
{
	cat "$SS_HOME"/log/*/*/*/*.ndjson
}

fresh()
{
	rm -rf "$SS_HOME"
	: >"$SS_CONFIG"
	curl -sS -X POST "$(url shop)/reset"
	control shop '{"rules":[]}'
	shop_section
}

shop shop
cp "$SS_CONFIG" shop.conf
# the shop's section, with more keys
shop_section()
{
	cat shop.conf >"$SS_CONFIG"
	printf '%s\n' "$@" >>"$SS_CONFIG"
}

# --- A8: an id and a state at each stage ---------------------------------------------------
fresh
pipeline stock 'ss-lookup --by subject products | ss-diff --target http:shop | ss-push http:shop'
printf '{"key":"S1"}\n{"key":"S2"}\n{"key":"S3"}\n' | ss-lookup --load products
control shop '{"rules":[{"key":"S2","refuse":{}},{"key":"S3","refuse":{"status":"later"}}]}'
{ event i1 S1 1; event i2 S2 1; event i3 S3 1; event i4 S4 1; echo junk; } | ss-run -q --retry-for 0 stock
event i5 S1 1 | ss-run -q --retry-for 0 stock
states=
for id in i1 i2 i3 i4 i5; do
	states="$states$(ss-track show -j $id | jq -r 'select(.delivery) | .state') "
done
is 'A8 every id has one state' "$states" 'delivered dead failed parked unchanged '
is 'A8 each stage is told with its time' "$(ss-track show -j i1 | jq -r 'select(.delivery) | .stages[] |
    select(.time | test("^20[0-9-]*T[0-9:.]*Z$")) | .stage' | tr '\n' ' ')" 'lookup diff '
is 'A8 the stage where it stands' "$(ss-track show -j i4 | jq -r 'select(.delivery) | .lines[-1].data.stage')" lookup
is 'A8 what is accepted has an end or is open' "$(account stock opened)=$(account stock delivered)+$(account stock dead)+$(account stock unchanged)+$(account stock open)" \
    '6=1+2+1+2'
balanced 'A8 the accounts balance'

# --- A9: the failure is recorded before the event goes back --------------------------------
fresh
pipeline stock
shop_section 'retries = 5'
control shop '{"rules":[{"key":"F","times":2,"refuse":{"status":"later","code":"busy","message":"not yet"}}]}'
event f1 F 1 >in
status 'A9 a failure' 3 ss-run -q --retry-for 0 stock <in
is 'A9 has class, code, message, stage, attempt' "$(ss-track list -j | jq -c '[.state, .cause.class, .cause.code, .cause.message, .stage, .attempt]')" \
    '["failed","intermittent","busy","not yet","push",1]'
ok 'A9 it is tried again by itself' ss-run -q -n --retry-for 20s stock
is 'A9 and each failure stands before the next call' "$(lines | jq -r 'select(.type == "ss.intent" or .type == "ss.failed" or .type == "ss.delivered") | .type' | tr '\n' ' ')" \
    'ss.intent ss.failed ss.intent ss.failed ss.intent ss.delivered '

# --- A10: retry, then dead ------------------------------------------------------------------
fresh
pipeline stock
shop_section 'retries = 3'
control shop '{"rules":[{"key_suffix":"7","refuse":{"status":"later"}},{"key":"K-100","refuse":{}}]}'
i=0
while [ $i -lt 100 ]; do
	i=$((i + 1))
	event "e$i" "K-$i" $i
done >in
status 'A10 ten of a hundred fail for ever' 3 ss-run -q --retry-for 30s --retry-delay 50ms stock <in
is 'A10 those and no others are dead' "$(ss-track list -j --state dead | jq -r .subject | sort | tr '\n' ' ')" \
    'K-100 K-17 K-27 K-37 K-47 K-57 K-67 K-7 K-77 K-87 K-97 '
is 'A10 after three tries, at once where none can help' "$(ss-track list -j --state dead | jq -r '"\(.attempt) \(.subject == "K-100")"' | sort | uniq -c | awk '{ $1 = $1; print }' | tr '\n' ';')" \
    '1 1 true;10 3 false;'
is 'A10 healthy ones are delivered' "$(account stock delivered)" 89
is 'A10 and none of them waited for a second try' "$(lines | jq -r 'select(.type == "ss.delivered" or .type == "ss.failed" or .type == "ss.dead") | .type + " " + (.data.attempt | tostring)' |
    awk '/ [23]$/ { late = 1 } late && /delivered/ { n++ } END { print n + 0 }')" 0
fresh
pipeline stock
control shop '{"rules":[{"status":503}]}'
head -n 5 in | ss-run -q --retry-for 0 stock 2>err
for n in 1 2 3 4 5 6 7 8 9; do
	ss-run -q -n --retry-for 0 stock 2>err
done
control shop '{"rules":[]}'
ok 'A10 after ten runs with the peer down' ss-run -q -n stock
is 'A10 all is delivered, at the first try' "$(lines | jq -r 'select(.type == "ss.delivered") | .data.attempt' | tr '\n' ' ')" '1 1 1 1 1 '

# --- A13: replay by the id alone -------------------------------------------------------------
control shop '{"rules":[{"key":"R","refuse":{}}]}'
event r1 R 1 | ss-run -q stock
control shop '{"rules":[]}'
before=$(counter shop applied)
ok 'A13 replay by the id alone' ss-replay -q r1
is 'A13 ends delivered' "$(ss-track show -j r1 | jq -r 'select(.delivery) | .state' | tail -n 1)" delivered
is 'A13 one effect' "$(counter shop applied)" $((before + 1))

# --- A20: scheduled or event-driven, the state is the same ---------------------------------
state()
{
	curl -sS "$(url shop)/state" | jq -c '[.key, .value]' | sort
}
i=0
while [ $i -lt 200 ]; do
	i=$((i + 1))
	event "v$i" "V-$((i % 37))" $i "2026-11-20T10:00:00.$(printf %03d $i)Z"
done >in
fresh
pipeline stock
ss-run -q stock <in
state >scheduled
fresh
pipeline stock
mkfifo pipe
background sh -c 'exec ss-run -q --follow stock <pipe'
follower=$BG_PID
exec 7>pipe
split -l 20 in part.
for p in part.*; do
	cat "$p" >&7
	sleep 0.05
done
exec 7>&-
quiet()
{
	[ "$(account stock opened)" = 200 ] && [ "$(account stock open)" = 0 ]
}
ok 'A20 event-driven: all is worked off' wait_for 20 quiet
kill "$follower"
wait "$follower" 2>/dev/null
state >driven
check 'A20 there is something to compare' '[ "$(wc -l <driven)" -eq 37 ]'
same 'A20 its state equals that of a scheduled run' driven scheduled
printf '[http "shop"]\nurl = http://127.0.0.1:1/\nbacth = 5\n' >"$SS_CONFIG"
status 'A20 a bad configuration is refused' 2 ss-push http:shop </dev/null
cp "$ERR" err
check 'A20 with file and line' 'grep -q "storesync.conf:3:.*bacth" err'

# --- L7: many rows, a few of them bad --------------------------------------------------------
fresh
pipeline feed
sed -i 's/^batch = .*/batch = 500/' "$SS_CONFIG"
awk -v n=$rows 'BEGIN {
	print "sku,price,available"
	for (i = 1; i <= n; i++)
		print "N-" i "," (i % 1000 == 500 ? "x" : i % 100 ".50") "," i % 300
}' >feed.csv
awk 'NR > 1 && (NR - 1) % 1000 == 500 { print NR }' feed.csv >want
cat >memory.py <<'PY'
# the most anonymous memory (KiB) that each program of a process group ever had
import os, sys, time
group, out, most = int(sys.argv[1]), sys.argv[2], {}
seen = False
while True:
    found = False
    for p in os.listdir('/proc'):
        if not p.isdigit():
            continue
        try:
            stat = open('/proc/%s/stat' % p).read()
            name, rest = stat[stat.index('(') + 1:stat.rindex(')')], stat[stat.rindex(')') + 2:].split()
            if int(rest[2]) != group or rest[0] == 'Z':
                continue
            found = True
            for line in open('/proc/%s/status' % p):
                if line.startswith('RssAnon:'):
                    most[name] = max(most.get(name, 0), int(line.split()[1]))
        except (OSError, ValueError):
            pass
    if seen and not found:
        break
    seen = seen or found
    time.sleep(0.02)
with open(out, 'w') as f:
    for name in sorted(most):
        f.write('%s %d\n' % (name, most[name]))
PY
background setsid sh -c 'ss-fetch csv:feed.csv 2>fetch.err | ss-run feed 2>run.err; echo $? >rc'
group=$BG_PID
background timeout 100 python3 memory.py "$group" memory
watcher=$BG_PID
wait "$group"
wait "$watcher"
is "L7 $rows rows: done, some dead" "$(cat rc)" 3
is 'L7 all good ones are in' "$(counter shop applied)/$(counter shop keys)" \
    "$((rows - $(wc -l <want)))/$((rows - $(wc -l <want)))"
ss-track list -j --state dead | jq -r '.subject | split(":")[1]' | sort -n >got
same 'L7 the bad ones are dead, with their lines' got want
is 'L7 one notice of each program' "$(wc -l <fetch.err)/$(wc -l <run.err)" 1/1
case $SS_BIN in
*/asan/* | */tsan/*) skip 'L7 memory' 'sanitizers take some of their own' ;;
*)
	diag "$(tr '\n' ' ' <memory)"
	is 'L7 anonymous memory of each filter below 64 MiB and 100 bytes a SKU' \
	    "$(awk -v most=$((65536 + rows * 100 / 1024)) '/^ss-/ { n++ } /^ss-/ && $2 >= most { print } END { print n }' memory)" 4
	;;
esac
balanced 'L7 the accounts balance'

# --- L8: product, price and stock files through the same pipe -------------------------------
fresh
pipeline feed
printf 'Handle,Title,Vendor,Variant SKU,Variant Price\ncup,Cup,Acme,C-1,4.50\n' >products.csv
printf 'sku,price\nC-1,5.50\n' >prices.csv
printf 'sku,available\nC-1,12\n' >stock.csv
for f in products prices stock; do
	ss-fetch "csv:$f.csv" | ss-run -q feed
	is "L8 a file of $f through the pipe" "$?" 0
done
is 'L8 the product is there' "$(value shop cup | jq -c '[.title, .vendor]')" '["Cup","Acme"]'
is 'L8 price and stock too' "$(value shop C-1 | jq -c '[.price, .levels.main.available]')" '["5.50",12]'

# --- S2: loss guard --------------------------------------------------------------------------
fresh
pipeline feed
printf 'sku,price\nG-1,1\nG-2,2\nG-3,3\n' >guard.csv
ss-fetch csv:guard.csv >full
sed 3d full >short
status 'S2 a line is lost on the way: stopped early' 4 ss-run -q feed <short
cp "$ERR" err
check 'S2 it says so' 'grep -q "csv:guard" err'
is 'S2 the cursor did not move' "$(lines | jq -c 'select(.type == "ss.cursor" and .data.phase == "end")')" ''
sed '$d' full >short
status 'S2 the same when the end is missing' 4 ss-run -q feed <short
is 'S2 the cursor did not move' "$(lines | jq -c 'select(.type == "ss.cursor" and .data.phase == "end")')" ''
ok 'S2 whole: done' ss-run -q feed <full
is 'S2 the cursor stands for three lines' "$(lines | jq -r 'select(.type == "ss.cursor" and .data.phase == "end") | .data.lines')" 3
balanced 'S2 the accounts balance'

# --- S6: the idempotency key is that of the call, however often it is made ------------------
fresh
pipeline stock
curl -sS -X POST "$(url shop)/reset"
control shop '{"idempotency":true,"rules":[{"nth":1,"drop_after":true},{"nth":2,"status":503}]}'
: >shop.journal
{ event k1 I-1 1; event k2 I-2 1; } >in
ok 'S6 a reply is lost, then the peer is ill: delivered in the end' ss-run -q --retry-for 30s stock <in
jq -r .idempotency_key shop.journal >keys
is 'S6 the call was made several times, by one key' "$([ "$(wc -l <keys)" -ge 3 ] && sort -u keys | wc -l)" 1
is 'S6 it is the id of the intent' "$(sort -u keys)" "$(lines | jq -r 'select(.type == "ss.intent") | .id' | sort -u)"
is 'S6 applied once' "$(curl -sS "$(url shop)/state" | jq -r .applies | tr '\n' ' ')" '1 1 '
fresh
pipeline stock
control shop '{"rules":[{"nth":1,"die_after":true}]}'
: >shop.journal
status 'S6 the peer dies behind the first call: stopped early' 4 ss-run -q --retry-for 0 stock <in
shop shop
ok 'S6 another run, another process: delivered' ss-run -q -n stock
is 'S6 by the same key' "$(jq -r .idempotency_key shop.journal | sort -u | wc -l)" 1
is 'S6 applied once' "$(curl -sS "$(url shop)/state" | jq -r .applies | tr '\n' ' ')" '1 1 '
balanced 'S6 the accounts balance'

# --- S18: the law of accounts ----------------------------------------------------------------
is 'S18 the accounts are exported' "$(ss-track -j stats | jq -c '[.pipeline, .opened, .delivered, .open]')" '["stock",2,2,0]'
is 'S18 and proven by other means' "$(ss-log verify -j | jq -c 'select(.check == "accounts") | [.ok, .opened, .ended, .open]')" \
    '[true,2,2,0]'
segment=$(ls "$SS_HOME"/log/*/*/*/*.ndjson)
cp "$segment" whole
grep -v '"type":"ss.delivered"' whole >"$segment"
status 'S18 an outcome that is lost is found' 5 ss-log verify -j
cp "$OUT" found
check 'S18 and so is the account' 'jq -es "any(.[]; .ok == false)" found'
cp whole "$segment"
ok 'S18 put back: all is well' ss-log verify

done_testing
