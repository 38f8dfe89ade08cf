#!/bin/sh
# ss-push: configuration, secrets, --dry-run
. "$(dirname "$0")/lib.sh"

ev()
{
	printf '{"specversion":"1.0","id":"%s","source":"s","type":"%s","subject":"%s","time":"2026-01-01T00:00:00Z","data":{"fields":{"a":"%s"}}}\n' \
	    "$1" "${3:-item.observed}" "$2" "$1"
}

lines()
{
	cat "$SS_HOME"/log/year=*/month=*/day=*/*.ndjson 2>/dev/null | grep -v '"type":"ss.segment"'
}

run()
{
	status "$@"
	cp "$ERR" err
}

conf()
{
	printf '%s\n' "$@" >"$SS_CONFIG"
}

printf '%s' 'tok-8dkW2' >token
background sim-http --port-file port --token-file token
wait_for 10 test -s port
url=http://127.0.0.1:$(cat port)/items
ev a A >in

# --- what is wrong is named -------------------------------------------------------------------
run 'no target' 2 ss-push <in
run 'two' 2 ss-push file:a file:b <in
for t in x http: file: ftp:x ''; do
	run "no target: '$t'" 2 ss-push "$t" <in
done
conf '[http "other"]' "url = $url"
run 'no section' 2 ss-push http:shop <in
check '  it is named' 'grep -q "no section \[http \"shop\"\]" err'

# wrong TITLE LINE PATTERN KEY=VALUE...: the third line of the file is wrong
wrong()
{
	w_title=$1 w_want=$2
	shift 2
	conf '[http "shop"]' "url = $url" "$@"
	run "$w_title" 2 ss-push http:shop <in
	check '  file and line are named' "grep -q 'storesync.conf:3: .*$w_want' err"
}
wrong 'a key that is not known' 'bacth' 'bacth = 3'
wrong 'a key that stands twice' 'url: stands twice, the first time in line 2' "url = $url"
wrong 'no number' 'batch' 'batch = many'
wrong 'too many' 'batch' 'batch = 100000'
wrong 'no duration' 'timeout' 'timeout = soon'
wrong 'no method' 'method' 'method = GET'
wrong 'no rate' 'rate' 'rate = fast'
wrong 'no yes or no' 'live' 'live = perhaps'
wrong 'a template that is no jq' 'body' 'body = {a: '
wrong 'a reply program that is no jq' 'reply' 'reply = .a |'
wrong 'a program twice' 'body' 'body = .' 'body-file = x.jq'
wrong 'a program file that is not there' 'body-file' 'body-file = none.jq'
wrong 'an unknown idempotency' 'idempotency' 'idempotency = yes'
wrong 'a header without colon' 'header' 'header = X-Shop'
conf '[http "shop"]' 'batch = 3'
run 'no url' 2 ss-push http:shop <in
conf '[http "shop"]' 'url = http://example.com/x'
run 'http to another host without plain' 2 ss-push http:shop <in
conf '[http "shop"]' 'url = ftp://127.0.0.1/x'
run 'another protocol' 2 ss-push http:shop <in
conf '[file "x"]' 'body = .'
run 'a file without path' 2 ss-push file:x <in
is 'none of that left a line in the log' "$(lines)" ''
conf '[storesync]' 'environment = test' '[http "shop"]' "url = $url" 'live = yes'
run 'environment = test refuses a live peer' 2 ss-push http:shop <in
check '  it says so' 'grep -q "live peer.*environment = test" err'
conf '[storesync]' 'environment = prod' '[http "shop"]' "url = $url"
run 'another environment' 2 ss-push http:shop <in

# --- secrets ---------------------------------------------------------------------------------
body='body = {items: [{key: .subject, a: .data.set.fields.a}]}'
conf '[http "shop"]' "url = $url" "$body"
run 'without the token' 4 timeout 10 ss-push http:shop <in
conf '[http "shop"]' "url = $url" "$body" 'token-file = token'
chmod 644 token
run 'a token file that others may read' 2 ss-push http:shop <in
check '  is refused, and named' 'grep -q "token. holds a secret" err'
chmod 600 token
ev b B >in
run 'a good one' 0 ss-push http:shop <in >out
ev c C >in
conf '[http "shop"]' "url = $url" "$body"
run 'from the environment' 0 env SS_SECRET_HTTP_SHOP_TOKEN=tok-8dkW2 ss-push http:shop <in >>out
mkdir -p cred && printf 'tok-8dkW2\n' >cred/http-shop-token
ev d D >in
run 'from systemd' 0 env CREDENTIALS_DIRECTORY="$TMP/cred" ss-push http:shop <in >>out
conf '[http "shop"]' "url = $url" "$body" 'token-file = token' 'secret-header = X-Token'
ev e E >in
run 'in another header' 0 ss-push http:shop <in >>out
conf '[http "shop"]' "url = $url" "$body" 'token-file = wrong'
printf 'tok-8dkW2-wrong' >wrong
ev f F >in
run 'a wrong one' 4 timeout 10 ss-push http:shop <in >>out
check '  the peer is named' 'grep -q "http:shop: status 401" err'
printf 'tok\nheader: injected' >wrong
run 'one of two lines' 2 timeout 10 ss-push http:shop <in
check '  says so' 'grep -q "storesync.conf:4: .*token-file: the secret has more than one line" err'
conf '[http "shop"]' "url = $url" 'token-file = token' 'body = {items: [{key: .subject, e: ($ENV | tostring), t: env}]}'
ev g G >in
run 'a template that looks for the environment' 0 env SS_SECRET_HTTP_SHOP_TOKEN=tok-8dkW2 ss-push http:shop <in
curl -sS "http://127.0.0.1:$(cat port)/control" -d '{"rules":[{"delay_ms":1500}]}'
ev h H >in
background sh -c 'exec ss-push http:shop <in >>out 2>>err'
sleep 0.5
check 'not on a command line' 'ps -ww -eo args | grep -v grep | grep -q "ss-push http:shop" && ! ps -ww -eo args | grep -q "[t]ok-8dkW2"'
wait "$BG_PID"
check 'in no log, no state, no output, no message' '! grep -rq tok-8dkW2 "$SS_HOME" out err'
check '  nor at the peer but as its header' '! curl -sS "http://127.0.0.1:$(cat port)/state" | grep -q tok-8dkW2'
curl -sS "http://127.0.0.1:$(cat port)/control" -d '{"rules":[]}'

# --- --dry-run ---------------------------------------------------------------------------------
conf '[http "shop"]' "url = $url" 'token-file = token' 'batch = 2' 'body = {items: map({key: .subject, a: (.data.set.fields.a | if . == "bad" then error("no") else . end)})}' 'idempotency = header Idempotency-Key'
SS_HOME=$TMP/dry
ev k K >in
ss-push http:shop <in >/dev/null
before=$(lines | cksum)
seen=$(curl -sS "http://127.0.0.1:$(cat port)/journal" | wc -l)
{ ev k K; ev l L; ev bad M; ev n N; ev o O; ev p O; } >in
run '--dry-run' 0 ss-push --dry-run http:shop <in >plan
is '  shows each request' "$(jq -c 'select(.body) | [.target, .method, .items, .body.items[].key]' plan | sort | tr '\n' ' ')" '["http:shop","POST",1,"L"] ["http:shop","POST",2,"N","O"] '
is '  and what is not sent, and why' "$(jq -r 'select(.not_sent) | .subject + " " + .not_sent' plan | tr '\n' ' ' | cut -c 1-37)" "K unchanged O superseded M body: no "
is '  writes no line' "$(lines | cksum)" "$before"
is '  sends nothing' "$(curl -sS "http://127.0.0.1:$(cat port)/journal" | wc -l)" "$seen"
check '  and tells no secret' '! grep -q tok-8dkW2 plan'
run '  of a file' 0 ss-push --dry-run "file:$TMP/never" <in >plan
check '  does not make it' '[ ! -e never ] && [ "$(jq -r "select(.append_to).append_to" plan)" = "$TMP/never" ]'

done_testing
