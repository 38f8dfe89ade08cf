#!/bin/sh
# ss-push to http: batches, refusals, ill peers, each applied once
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/pipe.sh"

# home NAME [KEY = VALUE...]: a fresh home, a fresh peer, a pipeline that pushes to it
home()
{
	SS_HOME=$TMP/home-$1
	mkdir -p "$SS_HOME/pipelines"
	shift
	ctl /reset ''
	ctl /control '{"rules":[]}'
	{
		printf '%s\n' '[http "shop"]' "url = http://127.0.0.1:$(cat port)/items" 'batch = 10' 'retry-base = 10ms' 'retry-cap = 50ms' \
		    'body = {items: [.[] | {key: .subject} + (.data.set.fields // .data.fields // {}) + {levels: .data.set.levels}]}' \
		    'reply = .body.results[] | {key, ok: (.status == "ok"), code, message, retry: (.permanent == false)}'
		[ $# -eq 0 ] && echo 'idempotency = header Idempotency-Key'
		printf '%s\n' "$@"
	} >"$SS_CONFIG"
	printf '%s\n' '#!/bin/sh' 'exec ss-push http:shop' >"$SS_HOME/pipelines/p"
	chmod 755 "$SS_HOME/pipelines/p"
}

ctl()
{
	curl -sS -d "$2" "http://127.0.0.1:$(cat port)$1"
}

peer()
{
	background sim-http --port "${1:-0}" --port-file port --journal journal --state state
	peer_pid=$BG_PID
	wait_for 10 test -s port
}

state()
{
	curl -sS "http://127.0.0.1:$(cat port)/state"
}

journal()
{
	curl -sS "http://127.0.0.1:$(cat port)/journal"
}

# ev ID SUBJECT FIELDS [TYPE [TIME [MORE]]]
ev()
{
	printf '{"specversion":"1.0","id":"%s","source":"s","type":"%s","subject":"%s","time":"%s"%s,"data":{"fields":%s}}\n' \
	    "$1" "${4:-item.observed}" "$2" "${5:-2026-01-01T00:00:00Z}" "${6:+,$6}" "$3"
}

# some PREFIX FROM TO: items
some()
{
	awk -v p="$1" -v a="$2" -v b="$3" 'BEGIN { for (i = a; i <= b; i++) printf "{\"specversion\":\"1.0\",\"id\":\"%s%d\",\"source\":\"s\",\"type\":\"item.observed\",\"subject\":\"%s%d\",\"time\":\"2026-01-01T00:00:00Z\",\"data\":{\"fields\":{\"price\":\"%d.00\"}}}\n", p, i, p, i, i }'
}

peer

# --- batches ------------------------------------------------------------------------------
home batch
some S 1 25 >in
run '25 items' 0 ss-run p <in
is '  in three calls, ten at most in one' "$(journal | jq -c '.keys | length' | sort -n | tr '\n' ' ')" '5 10 10 '
is '  all applied once' "$(state | jq -c '[.applies, .value.price]' | sort | uniq -c | wc -l) $(state | jq -s 'map(.applies) | max')" '25 1'
check '  delivered, with what the target now holds' 'lines | jq -ce "select(.type == \"ss.delivered\" and .subject == \"S7\") | .data.set.fields.price == \"7.00\" and .data.target == \"http:shop\"" | grep -qx true'
is '  one intent a call, one settled for each' "$(lines | grep -c '"type":"ss.intent"') $(lines | grep -c '"type":"ss.settled"') $(lines | jq -r 'select(.type == "ss.settled").data.end' | uniq)" '3 3 applied'
is '  the key of a call is the id of its intent' "$(journal | jq -r .idempotency_key | sort | tr '\n' ' ')" "$(lines | jq -r 'select(.type == "ss.intent").id' | sort | tr '\n' ' ')"
some T 1 25 | sed 's/"T\([0-9]*\)","source"/"U\1","source"/; s/"subject":"T/"subject":"S/' >in
run 'the same values again' 0 ss-run p <in
is '  no call: the target is known to hold them' "$(journal | wc -l) $(outcomes | grep -c '^unchanged U')" '3 25'
{ ev c1 C '{"price":"1","title":"x"}'; ev c2 C '{"price":"2"}'; ev c3 C '{"price":"3"}'; ev d D '{"price":"9"}'; } >in
run 'three values for one SKU in a batch' 0 ss-run p <in
is '  the newest of each field is sent' "$(state | jq -c 'select(.key == "C").value | [.title, .price]')" '["x","3"]'
is '  what was overtaken whole is superseded' "$(outcomes | tail -n 4 | sort)" 'delivered c1
delivered c3
delivered d
superseded c2 stale newer-sent'
ev old C '{"price":"7","title":"y"}' item.observed 2025-12-31T00:00:00Z >in
run 'an older event comes later' 0 ss-run p <in
is '  superseded, nothing sent' "$(outcomes | tail -n 1) $(journal | wc -l)" 'superseded old stale newer-sent 5'
ev mix C '{"price":"7","vendor":"v"}' item.observed 2025-12-31T00:00:00Z >in
run 'an older one with a field of its own' 0 ss-run p <in
is '  only that is sent' "$(state | jq -c 'select(.key == "C").value | [.price, .vendor]')" '["3","v"]'
printf '%s\n' '{"specversion":"1.0","id":"p1","source":"s","type":"product.observed","subject":"shirt","time":"2026-01-01T00:00:00Z","data":{"fields":{"title":"Shirt"},"items":[{"sku":"R-1","product":"shirt","fields":{"price":"5"}},{"sku":"R-2","product":"shirt","fields":{"price":"6"}}]}}' >in
run 'a product with items' 0 ss-run p <in
is '  its set names all' "$(lines | jq -c 'select(.type == "ss.delivered" and .subject == "shirt").data.set')" \
    '{"fields":{"title":"Shirt"},"items":[{"sku":"R-1","product":"shirt","set":{"fields":{"price":"5"}}},{"sku":"R-2","product":"shirt","set":{"fields":{"price":"6"}}}]}'
sed 's/"p1"/"p2"/; s/"6"/"8"/' in >in2
run '  one item of it changes' 0 ss-run p <in2
is '  the rest is left out' "$(lines | jq -c 'select(.type == "ss.delivered" and .data.event.id == "p2").data.set')" '{"items":[{"sku":"R-2","product":"shirt","set":{"fields":{"price":"8"}}}]}'
ev r R-1 '{"price":"5.0"}' >in
run '  an item of it by itself' 0 ss-run p <in
is '  is known by then: money is compared as a number' "$(outcomes | tail -n 1)" 'unchanged r'

# --- refused one by one ----------------------------------------------------------------------
home refuse
ctl /control '{"rules":[{"key_suffix":"3","refuse":{"code":"bad","message":"no such size","permanent":true}}]}'
some S 1 20 >in
run 'refused for good' 3 ss-run p <in
is '  those and only those are dead, at once' "$(outcomes | sort | uniq -c | awk '{ print $2 }' | sort | uniq -c | awk '{ print $1, $2 }' | tr '\n' ' ') $(outcomes | grep dead | sort | tr '\n' ' ')" \
    '2 dead 18 delivered  dead S13 value bad dead S3 value bad '
check '  with the message' 'lines | grep "\"ss.dead\"" | grep -q "no such size"'
home refuse2
ctl /control '{"rules":[{"key":"S3","refuse":{"code":"busy","permanent":false}}]}'
some S 1 10 >in
run 'refused for now' 3 ss-run --retry-for 30s p <in
is '  tried eight times, then dead' "$(outcomes | grep S3 | sort | uniq -c | sed 's/^ *//' | tr '\n' ' ')" '1 dead S3 value busy 7 failed S3 value busy '
is '  attempts' "$(lines | jq -c 'select(.data.event.id == "S3").data.attempt' | tr '\n' ' ')" '1 2 3 4 5 6 7 8 '
is '  the others are not held up' "$(outcomes | grep -c delivered) $(state | jq -s 'map(.applies) | max')" '9 1'
ctl /control '{"rules":[{"key":"T3","times":3,"refuse":{"code":"busy","permanent":false}}]}'
some T 1 10 >in
run 'refused three times' 0 ss-run --retry-for 30s p <in
is '  and then taken' "$(outcomes | grep T3 | tr '\n' ' ')" 'failed T3 value busy failed T3 value busy failed T3 value busy delivered T3 '
home giveup 'idempotency = none' 'give-up = 10ms'
ctl /control '{"rules":[{"refuse":{"code":"busy","permanent":false}}]}'
some S 1 1 >in
run 'failing for longer than give-up' 3 ss-run --retry-for 30s p <in
check '  is dead before its eighth try' '[ "$(outcomes | wc -l)" -lt 8 ] && outcomes | tail -n 1 | grep -qx "dead S1 value busy"'
home atomic
ctl /control '{"atomic":true,"rules":[{"key":"S3","refuse":{"code":"bad"}},{"key":"S7","refuse":{"code":"bad"}}]}'
some S 1 10 >in
run 'all or nothing: 422 with the bad rows named' 3 ss-run p <in
is '  the named ones are dead' "$(outcomes | grep -v delivered | sort | tr '\n' ' ')" 'dead S3 value bad dead S7 value bad '
is '  the others go again, together' "$(journal | jq -c '[.status, (.keys | length)]' | tr '\n' ' ') $(outcomes | grep -c delivered)" '[422,10] [200,8]  8'
home unnamed
ctl /control '{"rules":[{"key":"S3","status":422}]}'
some S 1 10 >in
run '422 and nobody named' 3 ss-run p <in
is '  each by itself: one is dead' "$(outcomes | grep -v delivered) $(outcomes | grep -c delivered)" 'dead S3 value http-422 9'
is '  in the order they came' "$(outcomes | awk '{ print $2 }' | sort -V | tr '\n' ' ')" 'S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 '
home large
ctl /control '{"rules":[{"key":"S3","status":413}]}'
some S 1 4 >in
run '413' 3 ss-run p <in
is '  dead, class too-large' "$(outcomes | grep -v delivered)" 'dead S3 too-large http-413'

# --- a peer that is ill -------------------------------------------------------------------------
home throttle
ctl /control '{"rules":[{"throttle":{"rate":20,"burst":2}}]}'
some S 1 60 >in
run '429 and Retry-After' 0 ss-run --retry-for 60s p <in
is '  all delivered, no attempt counted' "$(outcomes | grep -c delivered) $(outcomes | grep -vc delivered) $(lines | jq -s 'map(.data.attempt // 0) | max')" '60 0 1'
for bad in '"status":500' '"status":503' '"status":502,"retry_after":1' '"drop_before":true'; do
	home "ill$(printf %s "$bad" | tr -dc a-z0-9)"
	ctl /control "{\"rules\":[{$bad}]}"
	some S 1 12 >in
	run "$bad for longer than --retry-for" 4 ss-run --retry-for 700ms p <in
	is '  all open, no line for any event' "$(outcomes) $(grep -o 'open [0-9]*' err)" ' open 12'
	check '  the peer is named' 'grep -q "http:shop: " err'
	ctl /control '{"rules":[]}'
	run '  well again: the next run' 0 ss-run -n p
	is '  delivers, attempts not counted' "$(outcomes | grep -c delivered) $(lines | jq -s 'map(.data.attempt // 0) | max') $(state | jq -s 'map(.applies) | max')" '12 1 1'
done
home ill3
ctl /control '{"rules":[{"nth":[1,4],"status":503}]}'
some S 1 12 >in
run '503 for a while' 0 ss-run --retry-for 30s p <in
is '  is borne in one run' "$(outcomes | grep -c delivered)" 12
home down
kill "$peer_pid"
wait "$peer_pid"
some S 1 12 >in
run 'nobody listens' 4 ss-run --retry-for 500ms p <in
is '  all open' "$(outcomes) $(grep -o 'open [0-9]*' err)" ' open 12'
for i in 1 2 3; do ss-run -q --retry-for 0 -n p 2>/dev/null; done
peer "$(cat port)"
run '  there again' 0 ss-run -n p
is '  no try was lost' "$(outcomes | sort | uniq -c | awk '{ print $1, $2 }' | uniq -c | tr -s ' ')" ' 12 1 delivered'
home auth
ctl /control '{"rules":[{"status":401}]}'
some S 1 50 >in
run '401' 4 timeout 10 ss-run p <in
check '  stops at once, the peer is named' 'grep -q "http:shop: status 401" err && [ "$(journal | wc -l)" -le 4 ]'
is '  nobody is to blame' "$(outcomes)" ''

# --- once -------------------------------------------------------------------------------------
for bad in drop_after truncate garbage; do
	home "once$bad"
	ctl /control "{\"rules\":[{\"nth\":[1,2],\"$bad\":true}]}"
	some S 1 10 >in
	run "$bad: applied, but the reply is lost" 0 ss-run --retry-for 20s p <in
	is '  applied once' "$(state | jq -s -c '[length, (map(.applies) | max)]') $(outcomes | grep -c delivered)" '[10,1] 10'
	is '  sent again with the same key' "$(journal | jq -r .idempotency_key | sort -u | wc -l) $(lines | grep -c '"type":"ss.intent"')" '1 1'
done
home partial
ctl /control '{"rules":[{"nth":1,"partial":true}]}'
some S 1 10 >in
run 'half applied and 500' 0 ss-run --retry-for 20s p <in
is '  ends whole' "$(state | jq -s length) $(outcomes | grep -c delivered)" '10 10'
home killed
ctl /control '{"rules":[{"nth":1,"delay_ms":1500}]}'
some S 1 10 >in
background sh -c 'exec ss-push http:shop <in >out'
wait_for 10 sh -c 'cat "$0"/log/*/*/*/*.ndjson | grep -q ss.intent' "$SS_HOME"
kill -9 "$BG_PID"
sleep 1.7
ss-run -q p <in 2>/dev/null
is 'killed in a call: the next run settles it with the same key first' "$(journal | jq -r .idempotency_key | uniq | wc -l) $(lines | jq -r 'select(.type == "ss.settled").data.end' | uniq)" '2 applied'
home nokey 'parallel = 1'
ctl /control '{"rules":[{"nth":1,"drop_after":true}]}'
some S 1 3 >in
run 'POST without idempotency and a lost reply' 3 ss-run --retry-for 5s p <in
is '  dead: a person must look' "$(outcomes | tr '\n' ' ') $(state | jq -s -c 'map(.applies)')" 'dead S1 conflict unknown-outcome dead S2 conflict unknown-outcome dead S3 conflict unknown-outcome  [1,1,1]'
home put 'method = PUT'
ctl /control '{"rules":[{"nth":1,"drop_after":true}]}'
some S 1 3 >in
run 'PUT may be repeated' 0 ss-run --retry-for 5s p <in
is '  and is' "$(outcomes | grep -c delivered)" 3

# --- templates ------------------------------------------------------------------------------------
home template
sed -i 's/^body = .*/body = {items: [.[] | {key: .subject, n: (.data.fields.n | tonumber)}]}/' "$SS_CONFIG"
{ ev a A '{"n":"1"}'; ev b B '{"n":"x"}'; ev c C '{"n":"3"}'; ev d D '{"n":[1]}' t.other; } >in
sed -i 's/(.data.fields.n/((.data.set.fields.n? \/\/ .data.fields.n)/' "$SS_CONFIG"
run 'a template that fails for some' 3 ss-run p <in
is '  those are dead, class value, the others delivered' "$(outcomes | sort | tr '\n' ' ')" 'dead b value body dead d value body delivered a delivered c '
is '  in one call' "$(journal | wc -l)" 1
sed -i 's/^body = .*/body = empty/' "$SS_CONFIG"
ev e E '{"n":"5"}' >in
run 'one that gives nothing' 3 ss-run p <in
is '  cannot deliver' "$(outcomes | tail -n 1)" 'dead e value body'
for reply in 'range(.n) | null' empty '.body.nothing[]' 'range(.n) | "done"' 'true' 'error("x")'; do
	home "reply$(printf %s "$reply" | cksum | cut -c 1-5)"
	sed -i "s/^reply = .*/reply = $reply/" "$SS_CONFIG"
	some S 1 2 >in
	run "a reply program that does not say: $reply" 4 ss-run --retry-for 300ms p <in
	is '  passes nothing as done' "$(outcomes)" ''
	sed -i 's/^reply = .*/reply = .body.results[] | true/' "$SS_CONFIG"
	run '  mended: by position' 0 ss-run -n p
	is '  delivered, applied once' "$(outcomes | sort | tr '\n' ' ') $(state | jq -s -c 'map(.applies)')" 'delivered S1 delivered S2  [1,1]'
done

home allwell
sed -i 's/^reply = .*/reply = range(.n) | true/' "$SS_CONFIG"
ctl /control '{"rules":[{"key":"S2","status":422}]}'
some S 1 3 >in
run 'a reply program that calls a refusal well' 3 timeout 20 ss-run p <in
is '  is not believed' "$(outcomes | sort | tr '\n' ' ')" 'dead S2 value http-422 delivered S1 delivered S3 '

# --- order of other types ---------------------------------------------------------------------------
home order
ctl /control '{"rules":[{"key":"O-1","times":1,"refuse":{"code":"busy","permanent":false}}]}'
{ ev o1 O-1 '{"n":1}' order.created '' '"partitionkey":"k"'; ev o2 O-2 '{"n":2}' order.paid '' '"partitionkey":"k"'
	ev o3 O-3 '{"n":3}' order.created '' '"partitionkey":"other"'; } >in
run 'an order that fails once' 0 ss-run --retry-for 10s p <in
is '  the next of its key waits, others pass' "$(outcomes | tr '\n' ' ')" 'failed o1 value busy delivered o3 parked o2 delivered o1 delivered o2 '

done_testing
