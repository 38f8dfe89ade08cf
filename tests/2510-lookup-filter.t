#!/bin/sh
# ss-lookup joins rows into events and parks what has none
. "$(dirname "$0")/lib.sh"

event()
{
	printf '{"specversion":"1.0","id":"%s","source":"shop","type":"%s","subject":"%s"%s}\n' "$1" "$2" "$3" "${4:+,$4}"
}
number() { awk -v first="$1" '{ sub(/}$/, ",\"sspipeline\":\"p\",\"ssseq\":" (first + NR - 1) "}"); print }'; }
strip() { sed 's/,"ssstages":"[^"]*"//'; }

printf '%s\n' '{"key":"A","bin":1.50}' '{"key":"7","bin":"x"}' | ss-lookup --load bins
event 1 order.line A '"data":{"n":1.0,"big":12345678901234567890 }' >in
check 'a row is joined' 'ss-lookup bins <in | strip >got'
event 1 order.line A '"data":{"n":1.0,"big":12345678901234567890,"bins":{"key":"A","bin":1.50}}' >want
same 'and all else keeps its bytes' got want
check 'into another member' 'ss-lookup --into "where" bins <in | jq -e ".data.where.bin == 1.5"'
event 2 order.line x '"data":{"line":{"sku":7}}' >in
check 'by a path' 'ss-lookup --by .data.line.sku bins <in | jq -e ".data.bins.bin == \"x\""'
event 3 order.line x '"dataref":"A"' >in
check 'by an attribute, without data' 'ss-lookup --by dataref bins <in | strip | tail -c 40 >got; printf "%s\n" "\"data\":{\"bins\":{\"key\":\"A\",\"bin\":1.50}}}" | tail -c 40 | diff - got'
event 4 order.line A '"data":{"bins":"old","z":1}' >in
check 'what stands there is replaced' 'ss-lookup bins <in | jq -c .data >got; echo "{\"bins\":{\"key\":\"A\",\"bin\":1.50},\"z\":1}" | jq -c . | diff - got'
event 5 order.line A '"data":{}' >in
check 'an empty data' 'ss-lookup bins <in | jq -e ".data.bins.bin == 1.5"'
event 6 order.line A '"data":[1]' >in
status 'data that is no object is dead' 3 ss-lookup bins <in >got
ok 'class value' jq -e '.type == "ss.dead" and .data.cause.class == "value"' got
event 7 order.line '' '"data":{}' >in
status 'so is an event without a key' 3 ss-lookup --by .data.sku bins <in >got
ok 'which says so' jq -e '.data.cause.code == "no-key"' got

event 8 order.line B '"data":{}' >in
status 'a missing row parks the event' 3 ss-lookup --now 2026-11-21T00:00:00Z bins <in >got
ok 'until it is there or seven days are over' jq -e '.type == "ss.parked" and .data.cause.class == "missing"
    and .data.wait == {"table":"bins","key":"B"} and .data.deadline == "2026-11-28T00:00:00.000Z"' got
status 'or the deadline given' 3 ss-lookup --now 2026-11-21T00:00:00Z --deadline 1h bins <in >got
ok 'is over' jq -e '.data.deadline == "2026-11-21T01:00:00.000Z"' got
check 'or it passes' 'ss-lookup --miss pass bins <in | strip | diff - in'
status 'or is dead' 3 ss-lookup --miss dead bins <in >got
ok 'class missing' jq -e '.type == "ss.dead" and .data.cause.class == "missing"' got
status 'a table that is not there has no row' 3 ss-lookup nothere <in >got
ok 'all is parked' jq -e '.type == "ss.parked" and .data.wait.table == "nothere"' got
check 'with a word' 'ss-lookup nothere <in 2>&1 >/dev/null | grep -q "no table .nothere. yet"'

# Order
{
	event 1 order.created B '"data":{}'
	event 2 order.paid A '"partitionkey":"B","data":{}'
	event 3 item.observed A '"partitionkey":"B","data":{}'
	event 4 order.paid A '"data":{}'
	event 5 order.paid A '"partitionkey":"B","data":{}'
	echo '{"specversion":"1.0","id":"e","source":"ss-run","type":"ss.end"}'
	event 6 order.paid A '"partitionkey":"B","data":{}'
} | number 10 | sed '/ss.end/s/,"sspipeline.*/}/' >in
status 'other types wait behind a parked one' 3 env SS_PIPELINE=p ss-lookup bins <in >got.raw
jq -c '[.type, (.data.event.id // .id), .data.wait, .data.deadline != null]' got.raw >got
cat >want <<'WANT'
["ss.parked","1",{"table":"bins","key":"B"},true]
["ss.parked","2",{"behind":10},false]
["item.observed","3",null,false]
["order.paid","4",null,false]
["ss.parked","5",{"behind":10},false]
["ss.end","e",null,false]
["order.paid","6",null,false]
WANT
same 'of the same key, in the same turn; items pass' got want
{
	event 1 item.observed B '"partitionkey":"k","data":{}'
	event 2 order.paid A '"partitionkey":"k","data":{}'
} | number 10 >in
check 'an order waits behind a parked item' 'SS_PIPELINE=p ss-lookup bins <in >got; [ "$(jq -c .data.wait got | tail -n 1)" = "{\"behind\":10}" ]'
check 'lines with another label pass' 'SS_PIPELINE=q ss-lookup bins <in | diff - in'

# A table that is replaced while the filter runs
mkfifo pipe
ss-lookup live <pipe >live 2>/dev/null &
pid=$!
exec 7>pipe
event 1 item.seen K '"data":{}' >&7
wait_for 5 grep -q ss.parked live
echo '{"key":"K","v":1}' | ss-lookup --load live
event 2 item.seen K '"data":{}' >&7
ok 'a table that came meanwhile is taken up' wait_for 5 grep '"v":1' live
echo '{"key":"K","v":2}' | ss-lookup --load live
event 3 item.seen K '"data":{}' >&7
ok 'so is a new version' wait_for 5 grep '"v":2' live
exec 7>&-
wait "$pid"

status 'a path ends in a name' 2 ss-lookup --by .data. bins </dev/null
status 'a name has no dots' 2 ss-lookup --by data.sku bins </dev/null
status 'three ways to miss' 2 ss-lookup --miss maybe bins </dev/null
status 'one table' 2 ss-lookup </dev/null
# Stopped by what is no event's fault: ss-run must not take it for a crash
event 1 order.line A '"data":{}' | number 10 >in
said=0 silent=0
for n in 3 4 5; do
	rc=0
	SS_PIPELINE=p sh -c 'ulimit -n "$1"; exec ss-lookup bins' - "$n" <in >got 2>err 5>&- || rc=$?
	[ "$rc" -eq 4 ] || continue
	if jq -se 'length == 1 and .[0].type == "ss.stop"' got >jq.out; then said=$((said + 1)); else silent=$((silent + 1)); fi
done
is 'a table that cannot be opened now: ss.stop says so' "$((said > 0)) $silent" '1 0'

# --- paths that are none ---------------------------------------------------------------------
for by in . .. ..x .data..sku .data. data.sku ''; do
	status "--by '$by' is refused at the start" 2 sh -c 'ss-lookup --by "$1" bins </dev/null' sh "$by"
done

done_testing
