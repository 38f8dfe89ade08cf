#!/bin/sh
# One event for two targets, one of which is down (L16)
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/shop.sh"

shop shop
pipeline shop
pipeline archive 'ss-push file:archive.out'

# fan: what comes in is accepted for both, each a pipeline of its own.
fan()
{
	jq -c '. + {sspipeline: "shop,archive"}' | ss-track >recorded
	ss-run -q -n --retry-for 300ms shop 2>fan.err
	fan_shop=$?
	ss-run -q -n archive
	fan_archive=$?
}

control shop '{"rules":[{"status":503}]}'
i=0
while [ $i -lt 30 ]; do
	i=$((i + 1))
	event "e$i" "K-$i" "$i"
done >in
fan <in
is 'the one that is down: stopped early' "$fan_shop" 4
is 'the other: done' "$fan_archive" 0
is '  it has all at once' "$(jq -r .id archive.out | tr '\n' ' ')" "$(jq -r .id in | tr '\n' ' ')"
is '  and its pipeline has nothing open' "$(account archive open)" 0
is 'all is open for the one that is down' "$(account shop open)" 30
is '  and cost no attempt' "$(ss-track list -j -p shop --state open | jq -r '.attempt // 1' | sort -u)" 1
balanced '  the accounts balance'

# The event is stored once, with a delivery in each.
is 'each event is stored once' "$(cat "$SS_HOME"/log/*/*/*/*.ndjson | grep -c '"id":"e1","source":"wms","type":"item.observed"')" 1
is '  and open in one, delivered in the other' "$(ss-track show -j e1 | jq -r 'select(.delivery) | .delivery.pipeline + " " + .state' |
    sort | tr '\n' ';')" 'archive delivered;shop open;'

# Still down: further ones reach the other.
event e31 K-1 31 2026-11-20T10:01:00.000Z | fan
is 'while it is down a new one reaches the other' "$(tail -n 1 archive.out | jq -r .id)" e31

# It comes back.
control shop '{"rules":[]}'
ok 'it comes back: the next run delivers' ss-run -q -n shop
is '  all of it' "$(account shop open)" 0
is '  the shop holds every key' "$(curl -sS "$(url shop)/state" | jq -r .key | wc -l)" 30
is '  with the newest value' "$(value shop K-1 | jq -c .levels.main.available)$(value shop K-30 | jq -c .levels.main.available)" 3130
is '  the one that was overtaken meanwhile was not sent' "$(ss-track show -j e1 | jq -r 'select(.delivery.pipeline == "shop") | .state')" superseded
balanced '  the accounts balance'

# What is no state keeps every step, in order.
order()
{
	printf '{"specversion":"1.0","id":"%s","source":"web","type":"order.step","subject":"%s","data":{"set":{"fields":{"step":%s}}}}\n' "$1" "$2" "$3"
}
pipeline shop 'ss-push http:shop'
control shop '{"rules":[{"status":503}]}'
for n in 1 2 3 4; do order "a$n" O-1 $n; order "b$n" O-2 $n; done >in
fan <in
control shop '{"rules":[]}'
ok 'steps of an order come later' ss-run -q -n shop
is '  all of them, in order' "$(cat "$SS_HOME"/log/*/*/*/*.ndjson | jq -r 'select(.type == "ss.delivered" and .data.pipeline == "shop") |
    .data.event.id' | grep '^a' | tr '\n' ' ')" 'a1 a2 a3 a4 '
is '  the last step is the last applied' "$(value shop O-1 | jq -c .step)$(value shop O-2 | jq -c .step)" 44

# L16: replay to that one only.
n=$(wc -l <archive.out)
before=$(counter shop applied)
ok 'a replay to that one only' ss-replay -q --force -p shop a4
is '  it got it' "$(counter shop applied)" $((before + 1))
is '  the other did not' "$(wc -l <archive.out)" "$n"

# Fan-out by two pipelines that are fed the same: ids of our own, so each has its
# own copy.
ss-fetch --rows csv:- >rows <<CSV
sku,qty
X-1,5
X-2,6
CSV
ss-run -q archive <rows
ss-run -q shop <rows
is 'two pipelines that are fed the same both have it' "$(tail -n 2 archive.out | jq -r .data.row.sku | tr '\n' ' ')$(account archive open)/$(account shop open)" \
    'X-1 X-2 0/0'
balanced 'the accounts balance'

done_testing
