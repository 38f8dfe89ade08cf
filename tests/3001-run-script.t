#!/bin/sh
# ss-run: scripts that drop, die, hold back, add events, fail for a while
. "$(dirname "$0")/lib.sh"

mkdir -p "$SS_HOME/pipelines"

script()
{
	s_name=$1
	shift
	printf '%s\n' '#!/bin/sh' "$@" >"$SS_HOME/pipelines/$s_name"
	chmod 755 "$SS_HOME/pipelines/$s_name"
}

ev()
{
	printf '{"specversion":"1.0","id":"%s","source":"s","type":"%s","subject":"%s"%s,"data":{"fields":{"a":"%s"}}}\n' \
	    "$1" "${3:-item.observed}" "$2" "${4:+,$4}" "$1"
}

lines()
{
	cat "$SS_HOME"/log/year=*/month=*/day=*/*.ndjson 2>/dev/null | grep -v '"type":"ss.segment"'
}

# "TYPE ID CLASS CODE" of each outcome in the log, in order
outcomes()
{
	lines | jq -r 'select(.type | startswith("ss.")) | select(.data.event) |
	    [.type[3:], .data.event.id, .data.cause.class, .data.cause.code] | map(. // empty) | join(" ")'
}

run()
{
	status "$@"
	cp "$ERR" err
}

# home NAME: a fresh one
home()
{
	SS_HOME=$TMP/home-$1
	mkdir -p "$SS_HOME/pipelines"
}

# --- dropped ---------------------------------------------------------------------------
home drop
script p 'grep -v "\"subject\":\"B\"" || :'
{ ev a A; ev b B; ev c C; } >in
run 'an event vanishes in the script' 3 ss-run --retry-for 0 p <in
is '  failed, class bug' "$(outcomes)" 'delivered a
delivered c
failed b bug dropped'
run '  tried again, each time a little later' 3 ss-run --retry-for 20s --retry-delay 1ms -n p
is '  dead in the end' "$(outcomes | tail -n 1) $(outcomes | grep -c 'failed b')" 'dead b bug dropped 7'
check '  accounts' 'grep -q "accepted 3 = delivered 2 .* dead 1 .* open 0 " err'
is '  attempts are counted' "$(lines | jq -rc 'select(.data.event.id == "b").data.attempt' | tr '\n' ' ')" '1 2 3 4 5 6 7 8 '

# --- ss. lines dropped --------------------------------------------------------------------
home end
script p 'jq -c "select(.type == \"item.observed\")"'
{ ev a A; ev b B; } >in
run 'a script that lets no ss. line pass' 4 ss-run --retry-for 0 p <in
check '  is told so' 'grep -q "ss.end does not come back from the script: jq, grep" err'
is '  what came out counts' "$(outcomes)" 'delivered a
delivered b'
script p 'jq -c "select(.type | startswith(\"ss.\") | not) | empty"'
ev c C >in
run 'nothing comes out at all' 4 ss-run --retry-for 0 p <in
for i in 1 2 3; do ss-run -q -n p 2>/dev/null; done
is '  however often: it stays open, no event is blamed' "$(outcomes | wc -l)" 2
script p 'jq -c .'
run 'mended' 0 ss-run -n p
is '  is worked off' "$(outcomes | tail -n 1)" 'delivered c'
script p 'jq -c "del(.ssseq)"'
ev d D >in
run 'a script that takes ssseq off a foreign id' 3 ss-run --retry-for 0 p <in
is '  is the same as dropping it' "$(outcomes | tail -n 1)" 'failed d bug dropped'
ev 019aa4b6-4502-759b-a2cc-107a2752000e E >in
run 'off an UUIDv7' 2 timeout 20 ss-run --retry-for 0 p <in
check '  does not breed events' 'grep -q "the script took ssseq off event 019aa4b6-4502-759b-a2cc-107a2752000e" err &&
	[ "$(lines | grep -c "\"id\":\"019aa4b6-4502-759b-a2cc-107a2752000e\",\"source\":\"s\",\"type\":\"item")" -eq 1 ]'

# --- dying ---------------------------------------------------------------------------------
home die
script p 'exit 1'
ev a A >in
run 'a script that only dies' 4 ss-run --retry-for 0 p <in
check '  even with nothing to do' 'grep -q "the script ends (status 1) even with nothing to do" err'
for i in 1 2 3; do ss-run -q -n p 2>/dev/null; done
is '  however often: no event is blamed' "$(outcomes)" ''
script p 'exec ss-push http:none'
run 'bad configuration of a filter in it' 2 ss-run --retry-for 0 -n p
check '  both say so' 'grep -q "no section \[http \"none\"\]" err && grep -q "(status 2)" err'
script p 'exec nothing-like-this'
run 'a command in it is missing' 2 ss-run --retry-for 0 -n p
for how in 'exit 1' 'kill -9 $$' 'kill -SEGV $$'; do
	home "die$(printf '%s' "$how" | tr -dc a-z0-9)"
	# it dies over P, having let pass what came before
	script p 'while IFS= read -r l; do' "case \$l in *poison*) $how ;; esac" 'printf "%s\n" "$l"; done'
	{ ev a A; ev b B; ev poison P; ev c C; ev d D; } >in
	run "$how over one event" 4 ss-run --retry-for 0 p <in
	is '  what came before is done, the rest open' "$(outcomes)" 'delivered a
delivered b'
	check '  it is told' 'grep -q "the script ended (" err && grep -q "open 3 " err'
	run '  again' 4 ss-run --retry-for 0 -n p
	ev e E >in
run '  the third run feeds them one by one' 3 ss-run --retry-for 0 p <in
	is '  the poisonous one alone is dead, class bug' "$(outcomes)" 'delivered a
delivered b
dead poison bug script-died
delivered c
delivered d
delivered e'
	check '  accounts' 'grep -q "accepted 6 = delivered 5 .* dead 1 .* open 0 " err'
	run '  and then all is well' 0 ss-run --retry-for 0 -n p
done
home window
# buffers: nothing of the window comes out before it dies; two of them are bad
script p 'awk "/bad/ { fflush(); system(\"\"); exit 1 } { print }"'
{ ev a A; ev bad1 B; ev c C; ev bad2 D; ev e E; } >in
run 'two poisonous ones' 4 ss-run --retry-for 0 p <in
i=0
while [ "$i" -lt 6 ] && ! ss-run -q --retry-for 0 -n p 2>err; do i=$((i + 1)); done
is '  both are found' "$(outcomes | sort)" 'dead bad1 bug script-died
dead bad2 bug script-died
delivered a
delivered c
delivered e'
home fol
script p 'while IFS= read -r l; do' 'case $l in *poison*) exit 1 ;; esac' 'printf "%s\n" "$l"; done'
mkfifo f
exec 4<>f
background sh -c 'exec ss-run -q --follow p <f'
{ ev a A; ev poison P; ev b B; } >&4
ok '--follow finds it by itself' wait_for 10 eval '[ "$(outcomes | wc -l)" -eq 3 ]'
is '  and goes on' "$(outcomes | sort)" 'dead poison bug script-died
delivered a
delivered b'
kill -TERM "$BG_PID"
rc=0
wait "$BG_PID" || rc=$?
is '  SIGTERM: exit 4' "$rc" 4
exec 4>&-
home torn
script p 'head -n 2; printf "{\"specversion\":\"1.0\",\"id\":\"torn"; exit 1'
{ ev a A; ev b B; ev c C; } >in
run 'its last line is torn' 4 ss-run --retry-for 0 p <in
is '  it is not held to be a line' "$(outcomes) $(lines | grep -c line.rejected)" 'delivered a
delivered b 0'
home junk
script p 'echo this is no event; cat'
ev a A >in
run 'what it says that is no event' 3 ss-run --retry-for 0 p <in
is '  is kept as line.rejected' "$(lines | jq -r 'select(.type == "line.rejected").data.text')" 'this is no event'
home stop
script p 'exit 4'
ev a A >in
run 'a script that ends with 4' 4 ss-run --retry-for 0 p <in
for i in 1 2 3; do ss-run -q -n p 2>/dev/null; done
is '  stopped in order: nobody is blamed' "$(outcomes)" ''
home environ
script p 'env | grep ^SS_ | cut -d = -f 1 | sort >"$HOME/env"; echo "$SS_PIPELINE $PATH" >"$HOME/path"; cat'
ev a A >in
run 'its environment' 0 env PATH=/usr/bin:/bin "$SS_BIN/ss-run" p <in
check '  holds the pipeline, the home, the configuration' 'grep -q SS_PIPELINE env && grep -q SS_HOME env && grep -q SS_CONFIG env && grep -q "^p " path'
check '  and the programs are found with a short PATH' 'grep -q ":$SS_BIN\$" path'

# --- new events -------------------------------------------------------------------------
home new
script p 'jq -c --unbuffered '\''if .type == "t.ask" then {specversion, id: ("n-" + .id), source: "made", type: "t.made", subject, causationid: .id}, . else . end'\'
script q 'cat'
ev a A t.ask >in
run 'a new event from the script' 0 ss-run p <in
is '  is stored before the outcome of its parent, comes in again and ends' \
    "$(lines | jq -r 'select(.type != "ss.alert") | .data.event.id // .id' | tr '\n' ' ')" 'a n-a a n-a '
check '  in the same pipeline when it names none' 'lines | grep "\"id\":\"n-a\",\"source\"" | grep -q "\"sspipeline\":\"p\""'
script p 'jq -c --unbuffered '\''if .type == "t.ask" then {specversion, id: ("m-" + .id), source: "made", type: "t.made", subject, sspipeline: "q,r"}, . else . end'\'
ev b B t.ask >in
run 'for other pipelines' 0 ss-run p <in
is '  it waits there' "$(lines | jq -r 'select(.id == "m-b").sspipeline') $(outcomes | grep -c m-b)" 'q,r 0'
run '  and is worked off there' 0 ss-run -n q
is '  done in one, open in the other' "$(outcomes | grep m-b)" 'delivered m-b'
check '  accounts' 'grep -q "^q: .*accepted 1 = delivered 1 .*open 0 " err'
script r 'cat'
run '  until that runs too' 0 ss-run -n r
script p 'printf %s "{\"specversion\":\"1.0\",\"id\":\"in\",\"source\":\"s\",\"type\":\"t.x\"}" | ss-run -q inner >&2' \
    'ss-run -q --follow inner </dev/null >&2 & echo $! >"$HOME/inner.pid"' 'exec cat'
script inner 'cat'
ev c C >in
run 'a nested ss-run' 0 timeout 30 ss-run p <in
is '  both pipelines did their work' "$(outcomes | tail -n 2)" 'delivered in
delivered c'
ok '  the inner one, still at work, does not hold the lock of the outer' flock -n "$SS_HOME/state/run/p" true
must_fail '  but its own' flock -n "$SS_HOME/state/run/inner" true
kill "$(cat inner.pid)"

# --- failed for a while -----------------------------------------------------------------
home retry
# fails what has not failed twice yet
cat >fail.jq <<'END'
if .type | startswith("ss.") then .
elif (.ssturn | split(",")[0] | tonumber) < $n and (.subject | startswith("F")) then
  {specversion, id: ("o" + .id + .ssturn), source: "t", type: "ss.failed", subject, data: {event: {source, id, type, seq: .ssseq,
    key: (.partitionkey // .subject)}, pipeline: .sspipeline, stage: "t", attempt: (.ssturn | split(",")[0] | tonumber),
    cause: {class: "intermittent", code: "x", retry: true}, due: "2020-01-01T00:00:00Z"}}
else . end
END
script p 'tee -a "$HOME/fed.$SS_PIPELINE" | jq -c --unbuffered --argjson n 3 -f "$HOME/fail.jq"'
{ ev f F; ev g G; } >in
run 'failed ones are fed again in this run' 0 ss-run --retry-for 10s p <in
is '  until they end' "$(outcomes)" 'failed f intermittent x
delivered g
failed f intermittent x
delivered f'
is '  with their turn' "$(jq -r 'select(.id == "f").ssturn' fed.p | tr '\n' ' ')" '1,0,live 2,0,due 3,0,due '
sed -i 's/2020-01-01/2099-01-01/' fail.jq
ev h F2 >in
run 'due long after --retry-for: not waited for' 3 timeout 20 ss-run --retry-for 1s p <in
ev i I >in
run '  nor does it hold up others' 0 ss-run --retry-for 0 p <in
is '  it is open' "$(outcomes | tail -n 2)" 'failed h intermittent x
delivered i'
check '  accounts' 'grep -q "open 1 (failed 1, parked 0)" err'

# --- a filter that stops in the middle of a pipe ------------------------------------------
# What the shell tells is the status of the last one, which is 0.
home stopped
script p '[ ! -e "$SS_HOME/ill" ] || limit="ulimit -n 8;"' \
    'sh -c "$limit exec ss-diff --target file:$HOME/stopped.out" | ss-push "file:$HOME/stopped.out"'
: >"$SS_HOME/ill"
ev s1 S >in
for i in 1 2 3; do
	run "no descriptors for ss-diff, run $i: stopped early" 4 timeout 20 ss-run -q --retry-for 0 p <in
done
check '  it says why' 'grep -q "stopped early: .*Too many open files" err'
check '  and nobody takes it for a crash' '! lines | grep -q script-died'
rm "$SS_HOME/ill"
run 'later it goes on' 0 timeout 20 ss-run -q p <in
is '  and the event is delivered' "$(outcomes)" 'delivered s1'

# --- order -----------------------------------------------------------------------------
home order
script p 'tee -a "$HOME/fed.order" | jq -c --unbuffered --argjson n 2 -f "$HOME/fail.jq"'
{ ev o1 F-1 order.created '"partitionkey":"k"'; ev o2 X order.created '"partitionkey":"other"'; } >in
run 'an order fails' 3 ss-run --retry-for 0 p <in
{ ev o3 Y order.paid '"partitionkey":"k"'; ev o4 Z order.paid '"partitionkey":"other"'; ev i1 k item.observed; ev o5 W order.shipped '"partitionkey":"k"'; } >in
run 'later ones of its key' 3 ss-run --retry-for 0 p <in
is '  wait behind it, others and items pass' "$(outcomes)" 'failed o1 intermittent x
delivered o2
parked o3
parked o5
delivered o4
delivered i1'
is '  and were not fed' "$(jq -r 'select(.type != "ss.end").id' fed.order | tr '\n' ' ')" 'o1 o2 o4 i1 '
sed -i 's/2099-01-01/2020-01-01/' fail.jq
# due lies in the outcome: a replay is the lead's; here the row is told to be due by a second failure
lines | jq -c 'select(.type == "ss.failed") | .id = "again" | .data.due = "2020-01-01T00:00:00Z" | del(.ssseq, .sscrc)' >in
run 'its time has come' 0 ss-run --retry-for 10s p <in
is '  first it, then those behind it, in order' "$(jq -r 'select(.type != "ss.end").id' fed.order | tail -n 3 | tr '\n' ' ')" 'o1 o3 o5 '
check '  nothing is open' 'grep -q "open 0 " err'

done_testing
