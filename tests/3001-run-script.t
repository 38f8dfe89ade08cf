#!/bin/sh
# ss-run: scripts that drop, die, hold back, add events, fail for a while
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/pipe.sh"

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
check '  accounts' 'grep -q "opened 3 = delivered 2 .* dead 1 .* open 0 " err'
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
	check '  accounts' 'grep -q "opened 6 = delivered 5 .* dead 1 .* open 0 " err'
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
# It dies over P with a call open for it: the intent is durable, no end is known.
intent()
{
	printf '{specversion: "1.0", id: ("i" + .id), source: "ss-push", type: "ss.intent", data: {target: "t:1", deliveries:
	    [{place: .ssseq, seq: .ssseq, pipeline: .sspipeline, subject, source, id}]}}'
}
intent >intent.jq
script p 'while IFS= read -r l; do case $l in' '*poison*)' \
    'if [ -e "$HOME/settle" ]; then printf "%s\n" "$l" | jq -c '\''{specversion, id: "set", source: "ss-push", type: "ss.settled", data: {target: "t:1", intent: ("i" + .id), end: "applied"}}'\''; printf "%s\n" "$l"; continue; fi' \
    'printf "%s\n" "$l" | jq -c -f "$HOME/intent.jq"; exit 1 ;; esac' 'printf "%s\n" "$l"; done'
cp "$SS_HOME/pipelines/p" intended
for end in settled never; do
	rm -f settle
	home "intent$end"
	cp intended "$SS_HOME/pipelines/p"
	{ ev poison P; ev c C; } >in
	ss-run -q --retry-for 0 p <in 2>err
	ss-run -q --retry-for 0 -n p 2>err
	run 'alone in a script that dies, but its call is open' 3 ss-run --retry-for 0 -n p
	is '  it failed, the others go on' "$(outcomes)" 'failed poison bug script-died
delivered c'
	[ $end = never ] || : >settle
	i=0
	while [ "$i" -lt 8 ] && ! timeout 60 ss-run -q --retry-for 10s --retry-delay 1ms -n p 2>err; do i=$((i + 1)); done
	case $end in
	settled) is '  and ends when the call is settled' "$(outcomes | tail -n 1)" 'delivered poison' ;;
	never) is '  it is dead after the eighth attempt, its outcome unknown' \
	    "$(outcomes | grep -c failed) $(outcomes | tail -n 1)" '7 dead poison conflict unknown-outcome' ;;
	esac
	check '  once' 'ss-log verify -j | jq -es "map(select(.check == \"accounts\"))[0] | .doubles == 0 and .open == 0"'
done
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

home patience
script p 'echo "$SS_RETRY_FOR" >"$HOME/patience"; cat'
for set in '' 7s; do
	ev "a$set" A >in
	SS_RETRY_FOR=$set ss-run -q p <in
	cp patience "got$set"
done
ev flag A >in
SS_RETRY_FOR=7s ss-run -q --retry-for 2m p <in
check 'how long filters bear an ill peer is the 60 seconds of the run' 'grep -Eqx "(60000|5[0-9]{4})ms" got'
is '  or what the caller set' "$(cat got7s)" 7s
check '  or what --retry-for says' 'grep -Eqx "1[0-9]{5}ms" patience'

# --- behind ss.end ----------------------------------------------------------------------
for how in '3 0' '5 5' '7 4' '2 2' '127 2' '1 4'; do
	home "after${how% *}"
	script p "cat; exit ${how% *}"
	ev a A >in
	run "all is answered, then the script ends with ${how% *}" "${how#* }" ss-run --retry-for 0 p <in
	is '  what came out counts' "$(outcomes)" 'delivered a'
	[ "${how% *}" = 3 ] || check '  it is told' "grep -q 'the script failed after its work was done (status ${how% *})' err"
done
home afterkill
script p 'cat; kill -9 $$'
run 'or is killed' 4 ss-run --retry-for 0 p <in
check '  it is told' 'grep -q "the script failed after its work was done (signal 9)" err'
check '  and counts as no death over an event' '! lines | grep -q script-died'
home afterdrop
script p 'grep -v "\"subject\":\"B\""; exit 5'
{ ev a A; ev b B; } >in
run 'an event vanishes, and the script ends with 5' 5 ss-run --retry-for 0 p <in
is '  both are told' "$(outcomes | tail -n 1) $(grep -c 'status 5' err)" 'failed b bug dropped 1'
home late
script p 'while IFS= read -r l; do case $l in *\"subject\":\"B\"*) held=$l ;; *) printf "%s\n" "$l" ;; esac; done' \
    'printf "%s\n" "$held"'
{ ev a A; ev b B; ev c C; } >in
run 'an event comes out behind ss.end' 0 ss-run --retry-for 0 p <in >out
is '  it counts, and was not dropped' "$(outcomes)" 'delivered a
delivered c
delivered b'
is '  and goes to the output' "$(jq -r .id out | tr '\n' ' ')" 'a c b '
check '  but it is told' 'grep -q "the script wrote 1 lines behind ss.end" err'
home latenew
script p 'cat; ev() { printf "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"made\",\"type\":\"t.x\"}\n" "$1"; }' 'ev n1; ev n2'
ev a A >in
run 'new events behind ss.end' 0 timeout 20 ss-run --retry-for 0 p <in
is '  are stored and worked off' "$(outcomes)" 'delivered a
delivered n1
delivered n2'
home lateever
script p 'cat; printf "{\"specversion\":\"1.0\",\"id\":\"n%s\",\"source\":\"made\",\"type\":\"t.x\"}\n" "$(date +%s%N)"'
run 'a new one at each end' 4 timeout 20 ss-run --retry-for 0 p <in
check '  the run ends, and says what is the matter' 'grep -q "the script writes new events behind ss.end each time" err'
check '  nothing is lost' 'grep -q "opened 3 = delivered 2 .* open 1 " err'

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
check '  accounts' 'grep -q "^q: .*opened 1 = delivered 1 .*open 0 " err'
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
for code in 0 5; do
	home "each$code"
	cp "$TMP/home-retry/pipelines/p" inner
	script p "sed '/\"type\":\"ss.end\"/q' | $(tail -n 1 inner); exit $code"
	{ ev f F; ev g G; } >in
	run "a script that ends behind each ss.end, with $code" "$code" timeout 20 ss-run --retry-for 10s p <in
	is '  is started anew' "$(outcomes | tail -n 1)" 'delivered f'
	check '  and no event is suspected' '! lines | grep -q script-died'
done
home retry
sed -i 's/2020-01-01/2099-01-01/' fail.jq
ev h F2 >in
run 'due long after --retry-for: not waited for' 3 timeout 20 ss-run --retry-for 1s p <in
ev i I >in
run '  nor does it hold up others' 0 ss-run --retry-for 0 p <in
is '  it is open' "$(outcomes | tail -n 2)" 'failed h intermittent x
delivered i'
check '  accounts' 'grep -q "open 1 (failed 1, parked 0)" err'

# --- handed back at once, for ever ------------------------------------------------------
# what it answers for "back": an outcome that asks for no wait
cat >back.jq <<'END'
if .type | startswith("ss.") then .
elif .subject == "back" then
  {specversion, id: ("o" + .id + .ssturn), source: "t", type: $type, subject, data: ({event: {source, id, type, seq: .ssseq},
    pipeline: .sspipeline, stage: "t", attempt: (.ssturn | split(",")[0] | tonumber)} + $more)}
else . end
END
script p 'tee -a "$HOME/fed.$(basename "$SS_HOME")" | jq -c --unbuffered --arg type "$(cat "$SS_HOME/type")" --argjson more "$(cat "$SS_HOME/more")" -f "$HOME/back.jq"'
cp "$SS_HOME/pipelines/p" at-once
fed()
{
	jq -r 'select(.subject == "back").ssturn' "fed.home-$1" | wc -l
}
for how in failed parked; do
	home "$how"
	cp at-once "$SS_HOME/pipelines/p"
	echo "ss.$how" >"$SS_HOME/type"
	case $how in
	failed) echo '{"cause":{"class":"intermittent","code":"x","retry":true},"due":"2020-01-01T00:00:00Z"}' >"$SS_HOME/more" ;;
	parked)
		echo '{"key":"there"}' | ss-lookup --load bins
		echo '{"wait":{"table":"bins","key":"there"},"deadline":"2099-01-01T00:00:00Z"}' >"$SS_HOME/more"
		;;
	esac
	{ ev b back; ev g G; } >in
	run "$how again and again, with no wait: the run ends" 3 timeout 20 ss-run --retry-for 10s p <in
	is '  after one live turn and eight more' "$(fed "$how")" 9
	check '  which it says' 'grep -q "1 failed or parked came back at once, 8 times: left for the next run" err'
	check '  it is open, in the accounts too' 'grep -q "delivered 1 .*open 1 (failed $([ $how = failed ] && echo 1 || echo 0)," err'
	ev h H >in
	run '  --retry-for 0: one turn more' 3 timeout 20 ss-run --retry-for 0 p <in
	is '  no second one' "$(fed "$how")" 10
done
echo '{"wait":{"table":"bins","key":"there"},"deadline":"2020-01-01T00:00:00Z"}' >"$SS_HOME/more"
run 'parked with a deadline that is over' 3 timeout 20 ss-run --retry-for 10s -n p
is '  it is dead in the end' "$(outcomes | tail -n 1)" 'dead b missing deadline'
home follows
cp at-once "$SS_HOME/pipelines/p"
cp "$TMP/home-failed/type" "$TMP/home-failed/more" "$SS_HOME/"
ev b back >in
timeout 20 ss-run -q --retry-for 0 p <in 2>err
background sh -c 'exec ss-run -q -n --follow p 2>err'
wait_for 10 eval '[ "$(fed follows)" -ge 8 ]'
ev g G | ss-run -q p 2>err
ok '--follow works on others meanwhile' wait_for 10 eval 'outcomes | grep -q "delivered g"'
sleep 1
check '  and waits longer and longer with that one' '[ "$(fed follows)" -le 20 ]'
kill -TERM "$BG_PID"
wait "$BG_PID"

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
