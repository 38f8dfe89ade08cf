#!/bin/sh
# ss-diff lets through what differs from what the target is known to hold
. "$(dirname "$0")/lib.sh"

# event ID TYPE SUBJECT DATA [MORE-MEMBERS]
event()
{
	printf '{"specversion":"1.0","id":"%s","source":"csv:stock","type":"%s","subject":"%s","time":"2026-11-21T09:00:00.000Z","data":%s%s}\n' \
	    "$1" "$2" "$3" "$4" "${5:-}"
}
# held SUBJECT TYPE SET: a call applied SET to shopify:acme
held()
{
	printf '{"specversion":"1.0","id":"d-%s","source":"ss-push","type":"ss.delivered","subject":"%s","time":"2026-11-20T09:00:00.000Z","data":{"event":{"source":"csv:stock","id":"e-%s","type":"%s","time":"2026-11-20T08:00:00.000Z","seq":1},"target":"shopify:acme","set":%s}}\n' \
	    "$1" "$1" "$1" "$2" "$3"
}
# The filter, ss. lines and events apart, without what differs from run to run.
diff_to() { ss-diff --target shopify:acme; }
brief()
{
	jq -c 'if .type | startswith("ss.") then {type, subject, class: .data.cause.class, range: .data.range}
	    else {type, subject, data, ssstages: (.ssstages | sub("@.*"; ""))} end | del(..|nulls)'
}

event 1 item.observed A '{"sku":"A","product":"shirt","fields":{"price":"12.50"},"levels":{"main":{"available":12}},"at":{"row":7}}' >a
check 'nothing recorded: all is new' 'diff_to <a | brief >got'
echo '{"type":"item.changed","subject":"A","data":{"sku":"A","product":"shirt","at":{"row":7},"set":{"fields":{"price":"12.50"},"levels":{"main":{"available":12}}}},"ssstages":"diff"}' >want
same 'and leaves narrowed to itself' got want
ok 'no log was made' test ! -e "$SS_HOME/log"

held A item.observed '{"fields":{"price":"12.5","tags":"b, a","published":"true","title":"Shirt"},"levels":{"main":{"available":12},"north":{"available":1}}}' >known
held mug product.observed '{"fields":{"title":"Mug"},"options":["Size"],"items":[{"sku":"M1","fields":{"price":"5"}},{"sku":"M2","fields":{"price":"6"}}]}' >>known
ok 'known state is recorded' mklog <known

check 'held, spelled another way: unchanged' 'diff_to <a | brief >got'
echo '{"type":"ss.unchanged","subject":"A"}' >want
same 'one outcome' got want

event 2 item.observed A '{"sku":"A","fields":{"price":12.50,"tags":["a","b"],"published":"yes"},"levels":{"north":{"available":"1.0"}}}' >in
check 'equality is by kind' 'diff_to <in | brief >got'
same 'money, sets, booleans, levels' got want

event 3 item.observed A '{"sku":"A","x":{"n":1.10},"fields":{"price":"12.75","title":"Shirt"},"levels":{"main":{"available":9007199254740993},"south":{"available":4}}}' ',"n":1.50' >in
check 'what differs passes' 'diff_to <in >got.raw'
brief <got.raw | sed 's/900719925474099[0-9]/9007199254740993/' >got
echo '{"type":"item.changed","subject":"A","data":{"sku":"A","x":{"n":1.10},"set":{"fields":{"price":"12.75"},"levels":{"main":{"available":9007199254740993},"south":{"available":4}}},"was":{"fields":{"price":"12.5"},"levels":{"main":{"available":12}}}},"ssstages":"diff"}' |
    jq -c 'del(..|nulls)' | sed 's/900719925474099[0-9]/9007199254740993/' >want
same 'narrowed to it' got want
check 'numbers keep their bytes' 'grep -q "\"available\":9007199254740993" got.raw && grep -q "\"n\":1.10" got.raw && grep -q "\"n\":1.50" got.raw'
check 'identity stays' 'grep -q "\"id\":\"3\",\"source\":\"csv:stock\"" got.raw && grep -q "\"time\":\"2026-11-21T09:00:00.000Z\"" got.raw'

event 4 product.observed mug '{"fields":{"title":"Mug"},"options":["Size"],"items":[{"sku":"M1","fields":{"price":"5.00"}},{"sku":"M2","product":"mug","fields":{"price":"7","title":"x"}},{"sku":"M3"}]}' >in
check 'a product' 'diff_to <in | brief >got'
echo '{"type":"product.changed","subject":"mug","data":{"set":{},"items":[{"sku":"M2","product":"mug","set":{"fields":{"price":"7","title":"x"}},"was":{"fields":{"price":"6"}}},{"sku":"M3","set":{}}]},"ssstages":"diff"}' >want
same 'passes with the items that differ' got want
event 5 product.observed mug '{"fields":{"title":"Mug"},"items":[{"sku":"M2","fields":{"price":"6.0"}}]}' >in
check 'a product that is held is unchanged' 'diff_to <in | jq -e ".type == \"ss.unchanged\""'
event 6 product.observed cup '{"fields":{"title":"Cup"},"images":[{"src":"u"}],"items":[{"options":{"Size":"S/M"},"fields":{"price":"1"}}]}' >in
check 'a product nobody knows' 'diff_to <in | brief >got'
echo '{"type":"product.changed","subject":"cup","data":{"set":{"fields":{"title":"Cup"},"images":[{"src":"u"}]},"items":[{"options":{"Size":"S/M"},"set":{"options":{"Size":"S/M"},"fields":{"price":"1"}}}],"new":true},"ssstages":"diff"}' >want
same 'is new, its items keep what they are known by' got want

event 7 item.observed A '{"sku":"A"}' >in
check 'no leaf: unchanged' 'diff_to <in | jq -e ".type == \"ss.unchanged\""'

for data in '[]' '"x"' '{"sku":"A","fields":[1]}' '{"levels":{"main":5}}' '{"levels":{"main":{"available":[1]}}}' \
    '{"fields":{"price":1,"price":2}}' '{"sku":{"a":1}}'; do
	event 8 item.observed A "$data" >in
	status "not of the form: $data" 3 diff_to <in >got
	ok 'is dead, with why' jq -e '.type == "ss.dead" and .data.cause.class == "value" and (.data.cause.message | length) > 5' got
done
event 9 product.observed mug '{"items":[{"sku":"A"},5]}' >in
status 'nor is an item that is a number' 3 diff_to <in >got
ok 'which is named' grep -q 'item 2' got

# Neighbours, order, what is not for it
{
	event 10 item.observed A '{"sku":"A","fields":{"price":"12.50"}}'
	event 11 order.created 77 '{"total":1.0}'
	event 12 item.changed B '{"sku":"B","set":{"fields":{"price":"1"}}}'
	event 13 item.removed C '{"sku":"C"}'
	event 14 item.observed A '{"sku":"A","fields":{"price":"13"}}'
	event 15 item.observed A '{"sku":"A","fields":{"price":"12.5"}}'
	echo '{"specversion":"1.0","id":"x","source":"s","type":"ss.cursor","data":{}}'
} >in
check 'other types pass untouched' 'diff_to <in >got.raw'
check 'in their order' '[ "$(jq -r .type got.raw | tr "\n" " ")" = "ss.unchanged order.created item.changed item.removed item.changed item.changed ss.cursor " ]'
check 'what stands behind a change passes whole' 'sed -n 6p got.raw | jq -c "[.data.set,.data.was]" >got; echo "[{\"fields\":{\"price\":\"12.5\"}},{\"fields\":{\"price\":\"12.5\"}}]" | diff - got'
check 'data of an untouched one keeps its bytes' 'sed -n 2p got.raw | grep -q "\"total\":1.0"'

# Under ss-run: places and ranges
number() { awk -v first="$1" '{ sub(/}$/, ",\"sspipeline\":\"stock\",\"ssseq\":" (first + NR - 1) "}"); print }'; }
for i in 1 2 3 4 5 6; do
	p=12.5; [ "$i" -ne 4 ] || p=13
	event "019aa4b6-4502-759b-a2cc-00000000000$i" item.observed A "{\"sku\":\"A\",\"fields\":{\"price\":\"$p\"}}"
done | number 100 >in
run_stock() { SS_PIPELINE=stock ss-diff --target shopify:acme; }
check 'a run of neighbours is one line' 'run_stock <in | jq -c "[.type, .subject, .data.range, .data.n]" >got'
cat >want <<'WANT'
["ss.unchanged",null,[100,102],3]
["item.changed","A",null,null]
["item.changed","A",null,null]
["item.changed","A",null,null]
WANT
same 'closed by what passes; what follows it is under way' got want
sed 's/"sspipeline":"stock"/"sspipeline":"other"/' in >in2
check 'lines with another label pass' 'run_stock <in2 | cmp - in2'
sed '2s/}$/,"ssturn":"2,0,due"}/;3s/}$/,"ssturn":"1,1,replay,force"}/' in | head -n 3 >in2
check 'due ones get a line each, forced ones pass' 'run_stock <in2 | jq -c "[.type, .data.range, .data.set, .data.was]" >got'
cat >want <<'WANT'
["ss.unchanged",[100,100],null,null]
["ss.unchanged",null,null,null]
["item.changed",null,{"fields":{"price":"12.5"}},null]
WANT
same 'as if nothing were known' got want

# An open row of an earlier place, an open intent
mklog <in >/dev/null
place=$(grep -h '"ssseq"' "$SS_HOME"/log/*/*/*/*.ndjson | tail -n 1 | jq .ssseq)
printf '{"specversion":"1.0","id":"f1","source":"ss-push","type":"ss.failed","subject":"A","time":"2026-11-21T09:00:01.000Z","data":{"event":{"source":"csv:stock","id":"e","type":"item.observed","seq":%d},"pipeline":"stock","target":"shopify:acme","attempt":1,"cause":{"class":"intermittent"}}}\n' "$((place - 1))" |
    mklog >/dev/null
sed "s/\"ssseq\":[0-9]*/\"ssseq\":$((place - 1))/" in | head -n 1 >in2
check 'its own retry does not hold an event up' 'run_stock <in2 | jq -e ".type == \"ss.unchanged\""'
sed "s/\"ssseq\":[0-9]*/\"ssseq\":$place/" in | head -n 1 >in2
check 'an earlier open row does' 'run_stock <in2 | jq -e ".type == \"item.changed\" and .data.set.fields.price == \"12.5\""'
check 'but not in a pipe typed by hand' 'diff_to <in2 | jq -e ".type == \"ss.unchanged\""'
echo '{"specversion":"1.0","id":"i1","source":"ss-push","type":"ss.intent","time":"2026-11-21T09:00:01.000Z","data":{"target":"shopify:acme","deliveries":[{"place":1,"subject":"mug"}]}}' |
    mklog >/dev/null
event 16 product.observed mug '{"fields":{"title":"Mug"}}' >in
check 'an open intent holds its keys' 'diff_to <in | jq -e ".type == \"product.changed\" and (.data | has(\"new\") | not)"'
check 'and no other' 'diff_to <a | jq -e ".type == \"ss.unchanged\""'
echo '{"specversion":"1.0","id":"i2","source":"ss-push","type":"ss.intent","time":"2026-11-21T09:00:01.000Z","data":{"target":"shopify:acme"}}' |
    mklog >/dev/null
check 'one that names none holds all' 'diff_to <a | jq -e ".type == \"item.changed\""'
for i in i1 i2; do
	echo "{\"specversion\":\"1.0\",\"id\":\"s$i\",\"source\":\"ss-push\",\"type\":\"ss.settled\",\"time\":\"2026-11-21T09:00:02.000Z\",\"data\":{\"target\":\"shopify:acme\",\"intent\":\"$i\",\"result\":\"applied\"}}"
done | mklog >/dev/null
check 'settled ones hold nothing' 'diff_to <a | jq -e ".type == \"ss.unchanged\""'

# Stopped by what is no event's fault: ss-run must not take it for a crash
event 17 item.observed A '{"sku":"A","fields":{"price":"1"}}' | number 200 >in
said=0 silent=0
for n in 4 5 6 7 8 9 10 11 12; do
	rc=0
	SS_PIPELINE=stock sh -c 'ulimit -n "$1"; exec ss-diff --target shopify:acme' - "$n" <in >got 2>err 5>&- || rc=$?
	[ "$rc" -eq 4 ] || continue
	if jq -se 'length == 1 and .[0].type == "ss.stop" and .[0].data.target == "shopify:acme" and
	    (.[0].data.message | length > 0)' got >jq.out; then said=$((said + 1)); else silent=$((silent + 1)); fi
done
is 'whatever file cannot be opened, ss.stop says so' "$((said > 2)) $silent" '1 0'
check '  but not in a pipe typed by hand' '
	sh -c "ulimit -n 5; exec ss-diff --target shopify:acme" <in >got; [ $? -eq 4 ] && [ ! -s got ]'

status 'a peer has a kind' 2 ss-diff --target acme </dev/null
status 'a target is needed' 2 ss-diff </dev/null
echo 'not json' >in
status 'what is no event is kept' 3 diff_to <in >got
ok 'as line.rejected' jq -e '.type == "line.rejected"' got
done_testing
