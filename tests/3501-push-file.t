#!/bin/sh
# ss-push to a file; several targets and pipelines; pipes typed by hand
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/pipe.sh"

ev()
{
	printf '{"specversion":"1.0","id":"%s","source":"s","type":"%s","subject":"%s","time":"2026-01-01T00:00:00Z"%s,"data":{"fields":{"a":"%s"}}}\n' \
	    "$1" "${3:-item.observed}" "$2" "${4:+,$4}" "$1"
}

# the subjects in a file
subjects()
{
	jq -r .subject "$1" | tr '\n' ' '
}

# --- appended -----------------------------------------------------------------------------
home file
script p "exec ss-push file:$TMP/out"
{ ev a A; ev b B t.x; ev c C; } >in
run 'three events' 0 ss-run p <in
is '  a line each, in order' "$(subjects out)" 'A B C '
is '  without marks of ours' "$(jq -r keys[] out | grep -c '^ss\|recordedtime')" 0
is '  nobody else may read it' "$(stat -c %a out)" 600
run 'again' 0 ss-run p <in
is '  known' "$(wc -l <out)" 3
ev a2 A | sed 's/"a":"a2"/"a":"a"/' >in
run 'the same value' 0 ss-run p <in
is '  unchanged' "$(outcomes | tail -n 1) $(wc -l <out)" 'unchanged a2 3'
printf '%s\n' '[file "list"]' 'path = sub/list' 'body-file = line.jq' 'batch = 2' >"$SS_CONFIG"
mkdir -p sub elsewhere
echo '"\(.subject)=\(.data.set.fields.a // "-")"' >line.jq
script l 'exec ss-push file:list'
{ ev f F; ev g G; ev h H; } >in
cd elsewhere || exit 1
run 'a section: path and program beside the configuration' 0 ss-run l <../in
cd ..
is '  one result a line' "$(tr '\n' ' ' <sub/list)" '"F=f" "G=g" "H=h" '
for what in /dev/full /dev/null "$TMP" "$TMP/nowhere/x"; do
	echo "exec ss-push file:$what" >line
	script q "$(cat line)"
	ev "q$what" Q >in
	status "no regular file: $what" 2 ss-push "file:$what" <in
done
mkfifo fifo
status 'a FIFO' 2 timeout 5 ss-push file:fifo <in

# --- crashes ---------------------------------------------------------------------------------
home crash
script p "exec ss-push file:$TMP/c"
{ ev a A; ev b B; } >in
ss-run -q p <in
# a call that got as far as its intent: the log and the file are cut back to that
intent()
{
	seg=$(find "$SS_HOME/log" -name '*.ndjson')
	ss-run -q p <in2
	n=$(grep -n '"type":"ss.intent"' "$seg" | tail -n 1 | cut -d: -f1)
	head -n "$n" "$seg" >seg.cut && cat seg.cut >"$seg"
	rm -rf "$SS_HOME/state"
}
{ ev x X; ev y Y; } >in2
intent
cp c whole
run 'died after the write: found there' 0 ss-run -n p
is '  nothing twice' "$(subjects c) $(outcomes | tail -n 2 | tr '\n' ' ')" 'A B X Y  delivered x delivered y '
{ ev z Z; ev w W; } >in2
size=$(stat -c %s c)
intent
truncate -s "$size" c
run 'died before the write: made' 0 ss-run -n p
is '  once' "$(subjects c) $(outcomes | tail -n 2 | tr '\n' ' ')" 'A B X Y Z W  delivered z delivered w '
{ ev t T; ev u U; } >in2
size=$(stat -c %s c)
intent
truncate -s $((size + 200)) c
run 'a torn write: mended' 0 ss-run -n p
is '  once' "$(subjects c)" 'A B X Y Z W T U '
{ ev z1 ZZ; ev z2 ZY; } >in2
size=$(stat -c %s c)
intent
full=$(stat -c %s c)
truncate -s $((size + 150)) c && truncate -s "$full" c
run 'zeros of a power cut: mended' 0 ss-run -n p
is '  once' "$(subjects c)" 'A B X Y Z W T U ZZ ZY '
full_file()
{
	(ulimit -f 60 && trap '' XFSZ && ss-push file:big <big.in >/dev/null)
}
home big
awk 'BEGIN { for (i = 0; i < 3000; i++) printf "{\"specversion\":\"1.0\",\"id\":\"i%d\",\"source\":\"s\",\"type\":\"t.x\",\"subject\":\"S-%d\"}\n", i, i }' >big.in
run 'the file cannot grow' 4 full_file
check '  whole lines only' '[ ! -s big ] || jq . big'

# --- several ----------------------------------------------------------------------------------
home multi
background sim-http --port-file port
wait_for 10 test -s port
url=http://127.0.0.1:$(cat port)/items
printf '%s\n' '[http "up"]' "url = $url" 'idempotency = header Idempotency-Key' 'batch = 5' 'retry-base = 10ms' \
    'body = {items: map({key: .subject, a: .data.set.fields.a})}' \
    '[http "down"]' "url = http://127.0.0.1:1/x" 'batch = 5' 'body = {items: map({key: .subject})}' >"$SS_CONFIG"
script split 'exec jq -c --unbuffered '\''if .type == "in.item" then {specversion, id: ("n" + .id), source: "split", type: "item.observed", subject, time, sspipeline: "up,down,also", data}, . else . end'\'
script up 'exec ss-push http:up'
script also 'exec ss-push http:up'
script down 'exec ss-push http:down'
i=0
while [ "$i" -lt 12 ]; do ev "e$i" "S$i" in.item; i=$((i + 1)); done >in
run 'fan-out through the log' 0 ss-run split <in
run '  one target is down' 4 ss-run -n --retry-for 300ms down
run '  the other goes on' 0 ss-run -n up
is '  all of it' "$(curl -sS "http://127.0.0.1:$(cat port)/state" | wc -l)" 12
run '  a second pipeline to the same target' 0 ss-run -n also
check '  finds all done' 'grep -q "unchanged 12 " err'
sed -i "s|http://127.0.0.1:1/x|${url%items}down|" "$SS_CONFIG"
run '  the target is there again' 0 ss-run -n down
is '  and gets all, in order' "$(curl -sS "http://127.0.0.1:$(cat port)/journal" | jq -r 'select(.path? // "x" | tostring) | .keys[]' | tail -n 12 | sort -V | tr '\n' ' ')" \
    'S0 S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 '
home pair
printf '%s\n' '[http "up"]' "url = $url" 'idempotency = header Idempotency-Key' 'batch = 5' 'retry-base = 10ms' >"$SS_CONFIG"
printf '%s\n' 'body = {items: map({key: (.subject + .id), a: 1})}' >>"$SS_CONFIG"
script split 'exec jq -c --unbuffered '\''if .type == "in.item" then {specversion, id: ("n" + .id), source: "split", type: "order.made", subject, time, sspipeline: "one,two", data}, . else . end'\'
script one 'exec ss-push http:up'
script two 'exec ss-push http:up'
curl -sS -d '' "http://127.0.0.1:$(cat port)/reset"
curl -sS -d '{"rules":[{"nth":[1,2],"drop_after":true}]}' "http://127.0.0.1:$(cat port)/control"
ss-run -q split <in 2>/dev/null
(ss-run -q --retry-for 20s -n one 5>&- & ss-run -q --retry-for 20s -n two 5>&- & wait)
is 'two pipelines at once, replies lost: each event ends once in each' "$(lines | jq -r 'select(.type == "ss.delivered" and .data.pipeline != "split").data.pipeline' | sort | uniq -c | awk '{ print $1, $2 }' | tr '\n' ' ')" '12 one 12 two '
is '  no call was made twice' "$(curl -sS "http://127.0.0.1:$(cat port)/state" | jq -s 'map(.applies) | max')" 2

# --- by hand ------------------------------------------------------------------------------------
home hand
printf 'sku,price\nA,1\nB,2\n' >items.csv
if command -v ss-track >/dev/null; then
	check 'ss-fetch | ss-push | ss-track' 'ss-fetch csv:items.csv | ss-push "file:$TMP/hand" | ss-track >tracked'
	is '  delivered and recorded' "$(subjects hand) $(lines | jq -r 'select(.type == "ss.delivered").subject' | tr '\n' ' ')" 'A B  A B '
else
	ss-fetch csv:items.csv | ss-push "file:$TMP/hand" >tracked
	is 'ss-fetch | ss-push' "$(subjects hand)" 'A B '
fi
check '  outcomes come out' '[ "$(grep -c "\"type\":\"ss.delivered\"" tracked)" -eq 2 ]'

# --- large events -------------------------------------------------------------------------
home large
script p "exec ss-push file:$TMP/large"
perl -e 'printf "{\"specversion\":\"1.0\",\"id\":\"l%d\",\"source\":\"s\",\"type\":\"item.observed\",\"subject\":\"L%d\",\"data\":{\"fields\":{\"t\":\"%s\"}}}\n", $_, $_, "x" x 900000 for 1 .. 30' >in
run 'thirty of nearly 1 MiB' 0 ss-run p <in
is '  all are in the file' "$(wc -l <large | tr -d ' ')" 30
check '  in calls of a few, so that they are never all in memory' '[ "$(lines | grep -c "\"type\":\"ss.intent\"")" -ge 3 ]'

done_testing
