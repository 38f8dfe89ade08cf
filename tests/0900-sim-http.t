#!/bin/sh
# the peer that tests deliver to: each thing it can be told to do, it does
. "$(dirname "$0")/lib.sh"
for need in curl jq; do
	command -v "$need" >/dev/null || skip_all "$need is not here"
done
command -v sim-http >/dev/null || {
	fail 'sim-http is built'
	done_testing
}

# start ARG...: a peer; $port says where.  stop: its end, in $rc.
start()
{
	rm -f port
	background sim-http --port-file port "$@" >listen 2>stderr
	wait_for 20 test -s port
	port=$(cat port)
}

stop()
{
	kill -TERM "$BG_PID" 2>/dev/null
	ended
}

ended()
{
	rc=0
	wait "$BG_PID" 2>/dev/null || rc=$?
}

# post BODY ARG...: prints the status; the reply is in reply, its header in heads.
post()
{
	body=$1
	shift
	: >reply
	curl -sS -m 30 -o reply -D heads -w '%{http_code}' --data-binary "$body" "$@" \
	    "http://127.0.0.1:$port${path:-/items}"
}

get()
{
	curl -sS -m 30 "http://127.0.0.1:$port$1"
}

code()
{
	curl -sS -m 30 -o reply -w '%{http_code}' "http://127.0.0.1:$port$1"
}

reset()
{
	curl -sS -m 30 -o /dev/null -d '' "http://127.0.0.1:$port/reset"
}

# control SCRIPT: forget all, then do as it says; prints the status.
control()
{
	reset
	curl -sS -m 30 -o reply -w '%{http_code}' --data-binary "$1" "http://127.0.0.1:$port/control"
}

# rule RULE: it alone.
rule()
{
	[ "$(control "{\"rules\":[$1]}")" = 200 ] || fail "the peer takes the rule $1" "$(cat reply)"
}

# "key:applies key:applies …"
held()
{
	get /state | jq -r '"\(.key):\(.applies)"' | paste -sd ' '
}

# posts N: the statuses of N requests, each with a key of its own.
posts()
{
	i=0
	while [ $i -lt "$1" ]; do
		i=$((i + 1))
		post "{\"key\":\"k$i\"}"
		echo
	done | paste -sd ' '
}

results()
{
	jq -r '[.results[] | "\(.key):\(.status)"] | join(" ")' reply
}

# --- a shop -------------------------------------------------------------------

start --journal journal --seed 7
is 'says where it listens' "$(cat listen)" "listening on 127.0.0.1:$port"
is 'takes one object' "$(post '{"key":"b","price":10.00,"levels":{"main":{"available":12345678901234567890}}}')" 200
is 'and answers with one result' "$(cat reply)" '{"results":[{"key":"b","status":"ok"}]}'
is 'takes items, by PUT and any path' "$(path=/any/path post '{"items":[{"key":"c"},{"sku":"a","n":1}]}' -X PUT)" 200
is 'and answers in their order' "$(results)" 'c:ok a:ok'
is 'takes an array' "$(post '[{"key":"a","n":2},{"key":"a","m":null}]')" 200
is 'counts what was applied, sorted by key' "$(held)" 'a:3 b:1 c:1'
post '{"key":"b","levels":{"other":{"available":1},"main":{"x":"y"}}}' >reply.code
is 'merges objects and keeps the digits of numbers' "$(get /items/b)" \
    '{"price":10.00,"levels":{"main":{"available":12345678901234567890,"x":"y"},"other":{"available":1}}}'
is 'replaces what is no object' "$(get /items/a)" '{"n":2,"m":null}'
is 'dumps the values' "$(get /state | head -n 1)" '{"key":"a","applies":3,"value":{"n":2,"m":null}}'
is 'knows what it does not hold' "$(code /items/none)" 404
is 'finds a key with a slash and a blank' "$(post '{"key":"x/y z","v":1}') $(get /items/x%2Fy%20z)" '200 {"v":1}'
is 'an empty list is fine' "$(post '{"items":[]}') $(cat reply)" '200 {"results":[]}'

before=$(held)
is 'bad JSON: 400' "$(post '{"key":"a"')" 400
check 'with a reason' "jq -e '.error | test(\"not JSON.*byte\")' reply"
is 'an item without a key: 400' "$(post '[{"key":"a"},{"nokey":1}]')" 400
check 'with its place' "jq -e '.error | test(\"item 1 \")' reply"
is 'a key that is a number: 400' "$(post '{"key":5}')" 400
is 'an empty body: 400' "$(post '')" 400
is 'another method: 405' "$(post '{"key":"a"}' -X DELETE)" 405
awk 'BEGIN { printf "{\"key\":\"a\",\"v\":\""; for (i = 0; i < 1024 * 1024; i++) printf "%064d", i; print "\"}" }' >big
is 'a body over 64 MiB: 413' "$(post @big)" 413
awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "["; }' >deep
is 'deep nesting that does not end: 400' "$(post @deep)" 400
is 'what was refused changed nothing' "$(held)" "$before"
awk 'BEGIN { printf "{\"key\":\"deep\",\"v\":"; for (i = 0; i < 200000; i++) printf "{\"a\":";
	printf "1"; for (i = 0; i <= 200000; i++) printf "}" }' >deep
is 'deep nesting that does: 200, twice' "$(post @deep) $(post @deep)" '200 200'
check 'and is held' 'get /state | grep -q "^{.key.:.deep.,.applies.:2,"'
rm -f big deep

# --- the journal, the counters ------------------------------------------------

rule '{"key":"bad","refuse":{"code":"no"}}'
post '[{"key":"a"},{"key":"bad"}]' -H 'Idempotency-Key: one' >reply.code
post '[{"key":"a"},{"key":"bad"}]' -H 'Idempotency-Key: one' >reply.code
code /items/a >reply.code
is 'one journal line a request' "$(jq -c '[.n,.method,.path,.idempotency_key,.keys,.results,.status,.action,.rules,.applied]' journal)" \
    '[1,"POST","/items","one",["a","bad"],["ok","refused"],200,"none",[0],1]
[2,"POST","/items","one",["a","bad"],["replayed","replayed"],200,"none",[],0]
[3,"GET","/items/a",null,["a"],["ok"],200,"none",[],0]'
check 'with a time that does not go back' "jq -se '[.[].ms] == ([.[].ms] | sort) and .[0].ms >= 0' journal"
get /journal >got
same 'and it is to be had over HTTP' got journal
is 'counts' "$(get /stats | jq -c '[.requests,.applied,.refused,.replayed,.conflicts,.throttled,.dropped,.broken,.unauthorized,.errors,.keys]')" \
    '[3,1,1,1,0,0,0,0,0,0,1]'
reset
is 'reset forgets all' "$(held)$(cat journal)$(get /stats | jq '.requests + .applied + .keys')" 0
is 'and counts anew' "$(post '{"key":"a"}' -H 'Idempotency-Key: one') $(held) $(jq .n journal)" '200 a:1 1'

# --- idempotency --------------------------------------------------------------

rule ''
is 'a key is applied once' "$(post '{"key":"a","v":1}' -H 'Idempotency-Key: i') $(held)" '200 a:1'
cp reply first
is 'its repetition is not' "$(post '{"key":"a","v":1}' -H 'Idempotency-Key: i') $(held)" '200 a:1'
same 'and has the same reply' reply first
is 'with another body: 422' "$(post '{"key":"a","v":2}' -H 'Idempotency-Key: i') $(held)" '422 a:1'
is 'another key is applied' "$(post '{"key":"a","v":1}' -H 'Idempotency-Key: j') $(held)" '200 a:2'
is 'without a key, too' "$(post '{"key":"a","v":1}') $(held)" '200 a:3'
is 'replayed and conflicts are counted' "$(get /stats | jq -c '[.replayed,.conflicts,.errors]')" '[1,1,1]'
rule '{"nth":1,"refuse":{}}'
is 'what applied nothing is not remembered' \
    "$(post '{"key":"a"}' -H 'Idempotency-Key: i')$(results) $(post '{"key":"a"}' -H 'Idempotency-Key: i')$(results)" \
    '200a:refused 200a:ok'
control '{"idempotency":false}' >reply.code
post '{"key":"a"}' -H 'Idempotency-Key: i' >reply.code
is 'and can be turned off' "$(post '{"key":"a"}' -H 'Idempotency-Key: i') $(held)" '200 a:2'

# --- refusing items -----------------------------------------------------------

rule '{"key":"b","refuse":{"code":"C7","message":"no such thing","status":"invalid","permanent":false}}'
is 'refuses a key' "$(post '[{"key":"a"},{"key":"b"},{"key":"bb"}]') $(results) $(held)" '200 a:ok b:invalid bb:ok a:1 bb:1'
is 'as told' "$(jq -c '.results[1]' reply)" \
    '{"key":"b","status":"invalid","code":"C7","message":"no such thing","permanent":false}'
rule '{"key_suffix":"-X","refuse":{}}'
is 'refuses by suffix' "$(post '[{"key":"a-X"},{"key":"-X"},{"key":"X"},{"key":"a-Xa"}]') $(results)" \
    '200 a-X:refused -X:refused X:ok a-Xa:ok'
check 'for good, if not told otherwise' "jq -e '.results[0].permanent' reply"
rule '{"every":3,"refuse":{}}'
is 'refuses each third item' "$(post '[{"key":"a"},{"key":"b"},{"key":"c"},{"key":"d"},{"key":"e"},{"key":"f"}]') $(results)" \
    '200 a:ok b:ok c:refused d:ok e:ok f:refused'
rule '{"times":2,"refuse":{}}'
is 'refuses two times' "$(post '[{"key":"a"},{"key":"b"},{"key":"c"}]') $(results)" '200 a:refused b:refused c:ok'

jq -nc '[range(2000) | {key:"k\(.)"}]' >many
refused()
{
	post @many >reply.code
	jq -r '.results[] | select(.status == "refused").key' reply
}
rule '{"key_percent":10,"refuse":{}}'
refused >ten
refused >ten.again
check 'refuses about 10 percent of the keys' 'n=$(wc -l <ten); [ "$n" -gt 120 ] && [ "$n" -lt 280 ]'
same 'always the same ones' ten.again ten
rule '{"probability":0.1,"refuse":{}}'
refused >chance
refused >chance.again
check 'refuses one in ten by chance' 'n=$(wc -l <chance); [ "$n" -gt 120 ] && [ "$n" -lt 280 ]'
check 'others each time' '! cmp -s chance chance.again'

is 'all or nothing: 422' "$(control '{"atomic":true,"rules":[{"key_suffix":"b","refuse":{"code":"no"}}]}') \
$(post '[{"key":"a"},{"key":"b"},{"key":"c"},{"key":"bb"}]' -H 'Idempotency-Key: i') $(results)" '200 422 b:refused bb:refused'
is 'nothing was applied' "$(held)" ''
is 'the same key with the others is' "$(post '[{"key":"a"},{"key":"c"}]' -H 'Idempotency-Key: i') $(held)" '200 a:1 c:1'
rule '{"key":"b","refuse":{},"atomic":true}'
is 'a rule can ask for it' "$(post '[{"key":"a"},{"key":"b"}]') $(held)" '422 '
rule '{"path":"/strict","atomic":true},{"key":"b","refuse":{}}'
is 'or another rule' "$(path=/strict/1 post '[{"key":"a"},{"key":"b"}]') $(post '[{"key":"a"},{"key":"b"}]') $(held)" '422 200 a:1'

# --- whole requests -----------------------------------------------------------

rule '{"nth":[2,3],"status":503,"retry_after":2.5}'
is 'answers requests 2 and 3 with a status' "$(posts 4)" '200 503 503 200'
is 'and did not apply them' "$(held)" 'k1:1 k4:1'
rule '{"status":503,"retry_after":2.5}'
post '{"key":"a"}' >reply.code
check 'says when to come again' "tr -d '\r' <heads | grep -qix 'retry-after: 2.5'"
is 'readers get it too' "$(code /items/a)" 503
rule '{"every":2,"status":500}'
is 'each second request' "$(posts 5)" '200 500 200 500 200'
rule '{"times":2,"status":500}'
is 'two times' "$(posts 4)" '500 500 200 200'
rule '{"method":"PUT","path":"/p","status":418}'
is 'by method and path' "$(path=/p/q post '{"key":"a"}' -X PUT) $(path=/p post '{"key":"a"}') $(post '{"key":"a"}' -X PUT)" '418 200 200'
rule '{"key":"b","status":502}'
is 'by a key that is among others' "$(post '[{"key":"a"},{"key":"b"}]') $(post '[{"key":"a"}]') $(held)" '502 200 a:1'
rule '{"probability":0.5,"status":500}'
posts 40 >chance
n=$(tr ' ' '\n' <chance | grep -c 500)
check 'by chance' "[ $n -gt 5 ] && [ $n -lt 35 ]"
rule '{"probability":0.5,"status":500}'
posts 40 >chance.again
same 'which the seed decides' chance.again chance
post '{"key":"a"}' >reply.code
post '{"key":"b"}' >reply.code
curl -sS -o reply -d '{"rules":[{"nth":1,"status":504}]}' "http://127.0.0.1:$port/control"
is 'requests are counted from the new script on' "$(posts 2)" '504 200'

rule '{"throttle":{"rate":0.01,"burst":2}}'
is 'throttles what is over the burst' "$(posts 4)" '200 200 429 429'
is 'applies none of it and counts it' "$(held) $(get /stats | jq -c '[.throttled,.errors]') $(jq -r .action journal | paste -sd ' ')" \
    'k1:1 k2:1 [2,0] none none throttle throttle'
after=$(tr -d '\r' <heads | sed -n 's/^[Rr]etry-[Aa]fter: //p')
check 'says in whole seconds when' "case '$after' in *[!0-9]*) false ;; *) [ $after -gt 60 ] && [ $after -le 100 ] ;; esac"
rule '{"throttle":{"rate":0.5,"burst":1}}'
is 'the bucket fills again' "$(posts 2) $(sleep 2.2; posts 1)" '200 429 200'

# as many as the bucket filled in the time that the requests took, and one more
for throttle in true '{}' '{"burst":1}'; do
	rule "{\"throttle\":$throttle}"
	posts 12 >got
	check "$throttle without a rate: two a second, none at once" "[ \$(tr ' ' '\n' <got | grep -c 200) -le \$((1 + \$(jq -s '.[11].ms * 2 / 1000 - .[0].ms * 2 / 1000 | floor' journal))) ]"
	check '  but the first' "grep -q '^200 ' got"
done
rule '{"throttle":{"burst":3}}'
is 'a burst alone: so many at once' "$(posts 3)" '200 200 200'

rule '{"key":"slow","delay_ms":700}'
is 'is slow' "$(post '{"key":"slow"}') $(held) $(jq '.took_ms >= 700' journal)" '200 slow:1 true'
rule '{"key":"slow","delay_ms":3000}'
post '{"key":"slow"}' >slow.code &
slow=$!
sleep 0.3
is 'without holding up others' "$(post '{"key":"a"}') $(held)" '200 a:1'
wait "$slow"
is 'and answers in the end' "$(cat slow.code) $(held)" '200 a:1 slow:1'
rule '{"delay_ms":300},{"status":503}'
is 'is slow, then fails' "$(post '{"key":"a"}') $(jq -c '[.took_ms >= 300,.action,.rules]' journal)" '503 [true,"status",[0,1]]'

# --- replies that do not come, or not whole -----------------------------------

rule '{"nth":1,"drop_before":true}'
status 'closes before it applies' 52 post '{"key":"a"}' -H 'Idempotency-Key: i'
is 'so nothing was' "$(held) $(jq -c '[.status,.action,.applied,.results]' journal)" ' [0,"drop_before",0,["skipped"]]'
is 'the next one is' "$(post '{"key":"a"}' -H 'Idempotency-Key: i') $(held)" '200 a:1'

rule '{"nth":1,"drop_after":true}'
status 'closes after it applied' 52 post '{"key":"a"}' -H 'Idempotency-Key: i'
is 'so it was' "$(held) $(jq -c '[.status,.action,.applied,.results]' journal)" 'a:1 [0,"drop_after",1,["ok"]]'
is 'and is remembered' "$(post '{"key":"a"}' -H 'Idempotency-Key: i') $(results) $(held)" '200 a:ok a:1'
is 'dropped is counted' "$(get /stats | jq -c '[.dropped,.replayed]')" '[1,1]'

rule '{"times":1,"garbage":true}'
is 'answers with what is not JSON' "$(post '{"key":"a"}') $(held)" '200 a:1'
must_fail 'which jq cannot read' jq . reply
rule '{"times":1,"truncate":true}'
status 'sends less than it promised' 18 post '{"key":"a"}'
length=$(tr -d '\r' <heads | sed -n 's/^[Cc]ontent-[Ll]ength: //p')
check 'but some of it' "[ -s reply ] && [ $length -gt $(wc -c <reply) ]"
is 'and applied it' "$(held) $(get /stats | jq .broken)" 'a:1 1'

rule '{"times":1,"partial":true}'
is 'stops half way: 500' "$(post '[{"key":"a"},{"key":"b"},{"key":"c"},{"key":"d"}]' -H 'Idempotency-Key: i') $(held)" '500 a:1 b:1'
is 'the journal knows which' "$(jq -c '[.results,.applied]' journal)" '[["ok","ok","skipped","skipped"],2]'
is 'which is not remembered' "$(post '[{"key":"a"},{"key":"b"},{"key":"c"},{"key":"d"}]' -H 'Idempotency-Key: i') $(held)" '200 a:2 b:2 c:1 d:1'

# --- scripts that are wrong ---------------------------------------------------

control '{"rules":[{"status":503}]}' >reply.code
for script in '{"rules":[{"sttaus":503}]}' '{"rules":[{"status":503,"garbage":true}]}' '{"rules":[{"key":"a"}]}' \
    '{"rules":[{"status":99}]}' '{"rules":[{"garbage":false}]}' '{"rules":[{"nth":[3,1],"status":500}]}' \
    '{"rules":[{"refuse":{"cod":"x"}}]}' '{"rules":[{"throttle":{"rat":1}}]}' '{"rules":[{"throttle":3}]}' '{"rules":[{"throttle":{"rate":0}}]}' '{"rules":{}}' '{"rule":[]}' \
    '{"rules":[{"probability":2,"status":500}]}' '{"rules":[{"every":0,"status":500}]}' '[]' '{"rules":['; do
	is "refuses the script $script" "$(control "$script")" 400
	check 'with a reason' '[ -s reply ]'
done
is 'and keeps the one it has' "$(posts 1)" 503

# --- many at once -------------------------------------------------------------

rule '{"probability":0.2,"drop_after":true},{"probability":0.2,"status":503}'
seq 200 | xargs -P 16 -I N curl -s -m 30 -o /dev/null --retry 0 -d '{"key":"kN","n":1}' \
    -H 'Idempotency-Key: N' "http://127.0.0.1:$port/items" || :
is 'each of 200 requests, 16 at a time, is in the journal once' \
    "$(jq -r .n journal | sort -n | uniq | wc -l) $(wc -l <journal)" '200 200'
is 'what the journal says was applied is what is held' \
    "$(held | wc -w) $(get /state | jq -s 'map(.applies) | add')" \
    "$(jq -s 'map(.applied) | add' journal | sed 's/.*/& &/')"
curl -sS -o /dev/null -d '{}' "http://127.0.0.1:$port/control"
seq 200 | xargs -P 16 -I N curl -s -m 30 -o /dev/null -d '{"key":"kN","n":1}' \
    -H 'Idempotency-Key: N' "http://127.0.0.1:$port/items"
is 'sent again, each was applied once' "$(get /state | jq -s -c '[length, (map(.applies) | max)]')" '[200,1]'
is 'and the rest is replayed or failed' "$(get /stats | jq -c '[.requests, .applied, .replayed + .errors]')" '[400,200,200]'

stop
is 'ends well when told to' "$rc" 0

# --- death and memory ---------------------------------------------------------

start --state state --journal journal2 --max-seconds 30
curl -sS -o /dev/null -d '{"rules":[{"nth":2,"die_after":true}]}' "http://127.0.0.1:$port/control"
post '[{"key":"a","p":1.50},{"key":"b"}]' -H 'Idempotency-Key: i1' >reply.code
cp reply first
status 'dies after it applied' 52 post '{"key":"a","q":2}' -H 'Idempotency-Key: i2'
ended
is 'as if killed' "$rc" 9
is 'having written it down' "$(jq -r .action journal2 | paste -sd ' ')" 'none die_after'
start --state state --journal journal2 --port "$port" --max-seconds 30
is 'comes back at the same port with what it held' "$(cat listen) $(get /state | paste -sd ' ')" \
    "listening on 127.0.0.1:$port"' {"key":"a","applies":2,"value":{"p":1.50,"q":2}} {"key":"b","applies":1,"value":{}}'
is 'and with the keys it saw' "$(post '{"key":"a","q":2}' -H 'Idempotency-Key: i2') $(results) $(held)" '200 a:ok a:2 b:1'
post '[{"key":"a","p":1.50},{"key":"b"}]' -H 'Idempotency-Key: i1' >reply.code
same 'and with the replies it gave' reply first
is 'with another body: 422' "$(post '{"key":"a"}' -H 'Idempotency-Key: i1')" 422
curl -sS -o /dev/null -d '{"rules":[{"die_before":true}]}' "http://127.0.0.1:$port/control"
status 'dies before it applies' 52 post '{"key":"c"}' -H 'Idempotency-Key: i3'
ended
is 'as if killed' "$rc" 9
printf '{"items":[{"key":"torn","va' >>state
start --state state
is 'then that is not held, nor what was half written' "$(held)" 'a:2 b:1'
is 'and it goes on' "$(post '{"key":"c"}' -H 'Idempotency-Key: i3') $(held)" '200 a:2 b:1 c:1'
kill -KILL "$BG_PID"
ended
start --state state
is 'and is not lost by kill -9' "$(held)" 'a:2 b:1 c:1'
reset
stop
start --state state
is 'reset empties the memory on disk' "$(held)" ''
curl -sS -o /dev/null -d '{"rules":[{"delay_ms":20000}]}' "http://127.0.0.1:$port/control"
post '{"key":"late"}' >reply.code 2>&1 &
slow=$!
sleep 0.3
began=$(date +%s)
stop
wait "$slow"
check 'a slow request does not hold up the end' "[ $rc -eq 0 ] && [ $(($(date +%s) - began)) -lt 8 ]"
is 'nor has it an effect' "$(cat state)" ''
echo '{"broken' >state
status 'a state that is damaged is not overwritten' 1 sim-http --state state --max-seconds 5

# --- options ------------------------------------------------------------------

printf 's3cret\n' >token
echo '{"rules":[{"nth":1,"status":503}]}' >script
start --token-file token --script script
is 'without a token: 401' "$(post '{"key":"a"}') $(code /items/a)" '401 401'
is 'with a wrong one: 401' "$(post '{"key":"a"}' -H 'X-Token: s3cre') $(post '{"key":"a"}' -H 'Authorization: s3cret')" '401 401'
is 'with it: 200' "$(post '{"key":"a"}' -H 'X-Token: s3cret') $(post '{"key":"a"}' -H 'Authorization: Bearer s3cret')" '200 200'
is 'counts and notes it, also without a journal file' "$(get /stats | jq .unauthorized) $(get /journal | jq .status | paste -sd ' ')" \
    '4 401 401 401 401 200 200'
stop
start --script script
is 'obeys a script from its start on' "$(posts 2)" '503 200'
stop
percent()
{
	start --seed "$1"
	rule '{"key_percent":10,"refuse":{}}'
	refused
	stop
}
percent 7 >seven
percent 8 >eight
same 'the seed decides which keys' seven ten
check 'another seed, other keys' '! cmp -s eight ten'
echo '{"rules":[{"sttaus":1}]}' >script
status 'a bad script: 2' 2 sim-http --script script --max-seconds 5
cp "$ERR" err
check 'with a reason' "grep -q \"script 'script': unknown in a rule: 'sttaus'\" err"
status 'a bad option: 2' 2 sim-http --no-such
status 'a bad number: 2' 2 sim-http --port 65536
status 'an operand: 2' 2 sim-http here
start
status 'a port that is taken: 1' 1 sim-http --port "$port" --max-seconds 5
stop
status 'ends by itself' 0 timeout 20 sim-http --max-seconds 1
is 'and says so' "$(cat "$ERR")" 'sim-http: ends after 1 s'

done_testing
