#!/bin/sh
# what crash-model found, with the programs themselves
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/shop.sh"
command -v curl >/dev/null || skip_all 'curl is not here'
command -v jq >/dev/null || skip_all 'jq is not here'

shop shop
sed -i 's/^retry-base.*/retry-base = 60s/' "$SS_CONFIG"
pipeline stock
pipeline orders 'ss-push http:shop'

order()
{
	printf '{"specversion":"1.0","id":"%s","source":"web","type":"order.created","subject":"%s","data":{"set":{"fields":{"n":"%s"}}}}\n' \
	    "$1" "$2" "$1"
}

run()
{
	ss-run -q --retry-for 0s "$@"
}

# applies KEY: how often the shop applied it.
applies()
{
	curl -sS --max-time 10 "$(url shop)/state" | jq -r "select(.key == \"$1\") | .applies"
}

# --- range-too-far: a place that is not fed stands between two that end alike ---
{ event a S1 5; event b S2 6; } | run stock
control shop '{"rules":[{"key":"K","times":1,"refuse":{"status":"later","permanent":false}}]}' >reply
order o1 K | run stock
is 'an order failed, to be tried again' "$(account stock failed)" 1
{ event c S1 5; order o2 K; event d S2 6; } | run stock
is 'two unchanged, and the order between them waits' "$(account stock unchanged) $(account stock parked)" '2 1'
balanced '  the accounts balance'
control shop '{}' >reply

# --- superseded-early: the newer of two is refused for good ---
control shop '{"rules":[{"key":"T","times":1,"refuse":{"permanent":true}}]}' >reply
{ event e T 7 2026-11-20T10:00:00.000Z; event f T 8 2026-11-20T10:00:01.000Z; } | run stock
is 'the older one was not given up for it' "$(value shop T | jq -c .levels.main.available)" 7
control shop '{}' >reply

# --- torn-settled-first: a power cut within the write that settles a call ---
order o3 L | run orders
is 'an order is delivered' "$(applies L)" 1
log=$(find "$SS_HOME/log" -name '*.ndjson' | sort | tail -n 1)
type=$(tail -n 1 "$log" | jq -r .type)
diag "the last line is $type"
sed -i '$d' "$log"
rm -rf "$SS_HOME/state" "$SS_HOME/log/LOCK"
run -n orders
is '  and once only, when the last line of that was lost' "$(applies L)" 1
is '  it has its end' "$(account orders delivered) $(account orders open)" '1 0'

# --- fail-for-another: an intent that another pipeline's ss-push left open ---
cat >>"$SS_CONFIG" <<CONF
[http "blind"]
url = $(url shop)/items
batch = 10
body = {items: [.[] | {key: .subject, set: .data.set}]}
reply = .body.results[] | {key, ok: (.status == "ok"), code, message, retry: (.status == "later")}
CONF
for name in first second; do
	pipeline "$name" 'ss-push http:shop'
	pipeline "$name-blind" 'ss-push http:blind'
done
# left NAME RULE ID KEY LOSS: the only call gets no reply, its intent stays open; then RULE
left()
{
	control shop "{\"rules\":[{\"nth\":1,$5}]}" >reply
	event "$3" "$4" 9 | run "$1" 2>err
	is "$1 left $4 without a reply: open" "$(account "$1" open) $(account "$1" failed)" '1 0'
	control shop "{\"rules\":[$2]}" >reply
}
left first '{"key":"G","times":1,"refuse":{"status":"later","permanent":false}}' g G '"drop_before":true'
event h H 1 | run second
is '  another pipeline settles it, is refused for now: no line for the delivery' \
    "$(account first open) $(account first failed) $(account first dead)" '1 0 0'
is '  and delivers its own' "$(account second delivered) $(applies H)" '1 1'
run -n first
is '  which its own run delivers' "$(account first delivered) $(account first open) $(applies G)" '1 0 1'
left first '{"key":"I","times":1,"refuse":{"permanent":true}}' i I '"drop_before":true'
event j J 1 | run second
is '  refused for good' "$(account first open) $(account first dead)" '1 0'
run -n first
is '  which its own run learns' "$(account first delivered) $(account first open) $(applies I)" '2 0 1'
left first '' k K2 '"drop_after":true'
event l L2 1 | run second
is '  found applied: its outcome' "$(account first delivered) $(account first open) $(applies K2)" '3 0 1'
run -n first
is '  once' "$(account first delivered) $(applies K2)" '3 1'
left first-blind '' m M '"drop_after":true'
event n N 1 | run second-blind
is '  a target without keys: nobody can tell, a person must' "$(account first-blind dead) $(account first-blind open)" '1 0'
run -n first-blind
is '  not again by itself' "$(account first-blind dead) $(applies M)" '1 1'
balanced '  the accounts balance, every end stands once'
is '  none is doubled' "$(jq -r 'select(.doubles? > 0) | .pipeline' "$T_BASE/verify")" ''

done_testing
