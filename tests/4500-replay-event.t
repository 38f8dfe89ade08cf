#!/bin/sh
# ss-replay: an event again by its id alone
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/shop.sh"

status 'without a log: no such event' 1 ss-replay nobody
check 'and none is made' '[ ! -e "$SS_HOME" ]'
status 'without an id: called wrong' 2 ss-replay
status 'with two: called wrong' 2 ss-replay a b

shop shop
pipeline stock

# Dead, then delivered.
control shop '{"rules":[{"key":"A","refuse":{"code":"locked","message":"not now"}}]}'
{ event a1 A 5; event b1 B 6; } >in
status 'a refused event is dead' 3 ss-run -q stock <in
is '  it alone' "$(ss-track list -j | jq -r .id)" a1
status 'replayed while the cause is still there it is dead again' 3 ss-replay -q a1
is '  refused twice' "$(counter shop refused)" 2
control shop '{"rules":[]}'
ok 'replayed when it is gone it is delivered' ss-replay -q a1
is '  and the shop has it' "$(value shop A)" '{"price":"1.00","levels":{"main":{"available":5}}}'
status '  nothing is listed any more' 1 ss-track list
is '  each delivery has its own end' "$(ss-track show -j a1 | jq -r 'select(.delivery) | .state' | tr '\n' ' ')" \
    'dead dead delivered '
is '  the second and third name the replay' "$(ss-track show -j a1 |
    jq -r 'select(.delivery) | .lines[] | select(.type == "ss.replay") | .data.n' | tr '\n' ' ')" '1 2 '
is '  the event was stored once' "$(cat "$SS_HOME"/log/*/*/*/*.ndjson | grep -c '"id":"a1","source":"wms"')" 1
balanced '  the accounts balance'

# Twice.
before=$(counter shop applied)
ok 'replayed once more: exit 0' ss-replay -q a1
is '  and no effect at the target' "$(counter shop applied)" "$before"
is '  it ends unchanged' "$(account stock unchanged)" 1
ok 'with --force it is delivered whatever is known' ss-replay -q --force a1
is '  one effect' "$(counter shop applied)" $((before + 1))
check '  and the summary is for people, on standard error' 'ss-replay a1 2>err && grep -q "^stock: .*opened.*delivered" err'
balanced '  the accounts balance'

# Which one is meant.
status 'an id that is not there: exit 1' 1 ss-replay -q nobody
check '  with a word about it' 'ss-replay nobody 2>&1 | grep -q "nobody"'
{ event twin C 1 '' w1; event twin D 1 '' w2; } | ss-run -q stock
status 'an id of two sources: exit 2' 2 ss-replay -q twin
check '  and both are named' 'ss-replay twin 2>&1 | grep -q "w1, w2"'
ok '  --source says which' ss-replay -q --force --source w2 twin
is '  that one was sent' "$(tail -n 1 shop.journal | jq -c .keys)" '["D"]'
status '  --source of nobody: exit 1' 1 ss-replay -q --source w3 twin
pipeline other 'ss-push file:other.ndjson'
ok 'an event goes to a further pipeline by -p' ss-replay -q -p other b1
is '  which delivers it' "$(jq -r .id other.ndjson)" b1
status 'in several pipelines, without -p: exit 2' 2 ss-replay -q b1
check '  and both are named' 'ss-replay b1 2>&1 | grep -q "stock, other"'
ok '  with -p: done' ss-replay -q -p stock b1
status 'a pipeline without a script: exit 2' 2 ss-replay -q -p typo b1
is '  and nothing is opened in it' "$(account typo opened)" ''
status 'a bad name: exit 2' 2 ss-replay -q -p ../x b1
balanced '  the accounts balance'

# Recorded by hand, for nobody.
event hand H 3 | ss-track >recorded
is 'recorded by hand it is open in nobody'\''s pipeline' "$(account - open)" 1
status '  without -p: exit 2' 2 ss-replay -q hand
ok '  with -p it is sent' ss-replay -q -p stock hand
is '  the shop has it' "$(value shop H | jq -c .levels.main.available)" 3
is '  and nobody waits for it any more' "$(account - open)/$(account - routed)" 0/1
ok '  from then on it is in one pipeline' ss-replay -q hand
balanced '  the accounts balance'

# --print
ss-replay --print --source w1 twin >printed
is '--print prints the event' "$(jq -c '[.id, .source, .subject]' printed)" '["twin","w1","C"]'
n=$(ss-log verify -j | jq -r 'select(.check == "log") | .lines')
ss-replay --print a1 >printed
is '  and stores nothing' "$(ss-log verify -j | jq -r 'select(.check == "log") | .lines')" "$n"

# A failed one has an open delivery, which the replay takes over.
control shop '{"rules":[{"key":"F","refuse":{"status":"later","permanent":false}}]}'
event f1 F 1 >in
status 'what can be tried again is failed' 3 ss-run -q --retry-for 0 stock <in
control shop '{"rules":[]}'
ok '  replayed it is delivered' ss-replay -q f1
is '  the old delivery was replaced, none is open' "$(account stock replaced)/$(account stock open)" 1/0
is '  its attempts began anew' "$(ss-track show -j f1 | jq -r 'select(.state == "delivered") | .lines[-1].data.attempt')" 1
balanced '  the accounts balance'

# The peer is down: exit 4, and the replay is done by the next run.
control shop '{"rules":[{"status":503}]}'
event p1 P 1 >in
status 'a peer that is down: stopped early' 4 ss-run -q --retry-for 200ms stock <in
status '  so is a replay' 4 ss-replay -q --retry-for 200ms p1
control shop '{"rules":[]}'
ok '  the next run does it' ss-run -q -n stock
is '  once' "$(curl -s "$(url shop)/state" | jq -c 'select(.key == "P") | .applies')" 1
balanced '  the accounts balance'

# A21: an old quantity after a newer one.
event o1 O 3 2026-11-20T10:00:00.000Z | ss-run -q stock
event o2 O 7 2026-11-20T11:00:00.000Z | ss-run -q stock
before=$(counter shop applied)
ok 'A21: an old quantity replayed after a newer one: exit 0' ss-replay -q o1
is '  the newer stays' "$(value shop O | jq -c .levels.main.available)" 7
is '  nothing was applied' "$(counter shop applied)" "$before"
is '  it ends superseded' "$(ss-track show -j o1 | jq -r 'select(.delivery) | .state' | tail -n 1)" superseded
is '  with the cause: stale' "$(ss-track show -j o1 |
    jq -r 'select(.delivery) | .lines[] | select(.type == "ss.superseded") | .data.cause.class')" stale
ok '  --force sends it all the same' ss-replay -q --force o1
is '  now the shop has the old one' "$(value shop O | jq -c .levels.main.available)" 3
balanced '  the accounts balance'

# Of other types what waits goes after the one that it waits for.
pipeline orders 'ss-push http:shop'
sed -i 's/^retry-base.*/retry-base = 60s/' "$SS_CONFIG"
order()
{
	printf '{"specversion":"1.0","id":"%s","source":"web","type":"order.%s","subject":"%s","partitionkey":"K"}\n' "$1" "$1" "$1"
}
control shop '{"rules":[{"key":"created","times":1,"refuse":{"status":"later","permanent":false}}]}'
{ order created; order paid; } >in
status 'the first of a key fails, the next waits' 3 ss-run -q --retry-for 0 orders <in
order shipped >in
status '  and one that comes later' 3 ss-run -q --retry-for 0 orders <in
is '  all are open' "$(account orders failed) $(account orders parked)" '1 2'
status 'replayed, what waits for another goes on waiting' 3 ss-replay -q --retry-for 0 paid
is '  behind it' "$(account orders failed) $(account orders parked)" '1 2'
ok 'the failed one replayed' ss-replay -q --retry-for 5s created
is '  they go in their order' "$(tail -n 3 shop.journal | jq -r '.keys[]' | tr '\n' ' ')" 'created paid shipped '
is '  each has its end' "$(account orders delivered) $(account orders open)" '3 0'
balanced '  the accounts balance'
ok 'one that has ended is opened again' ss-replay -q created
is '  and sent again' "$(account orders opened) $(account orders delivered)" '4 4'

done_testing
