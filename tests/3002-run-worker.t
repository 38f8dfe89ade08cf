#!/bin/sh
# ss-run: one worker a pipeline, --wait, --follow, many events, full disks, closed outputs
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/pipe.sh"

# ids whose delivery ended delivered
delivered()
{
	lines | jq -r 'select(.type == "ss.delivered").data.event.id'
}

n_delivered()
{
	[ "$(delivered | wc -l)" -eq "$1" ]
}

# --- a second run ------------------------------------------------------------------------
home two
script p 'while IFS= read -r l; do' 'case $l in *\"id\":\"a\"*) : >"$HOME/busy"; until [ -e "$HOME/go" ]; do sleep 0.05; done ;; esac' \
    'printf "%s\n" "$l"; done'
ev a A >in
background sh -c 'exec ss-run -q p <in'
worker=$BG_PID
wait_for 10 test -e busy
ev b B >in2
run 'a second run while one works' 0 timeout 10 ss-run p <in2
check '  stores and leaves the work' 'grep -q "stored 1.*open 2 " err'
ev c C >in3
background sh -c 'exec timeout 60 ss-run -q --wait p <in3'
waiter=$BG_PID
wait_for 10 sh -c 'cat "$0"/log/*/*/*/*.ndjson | grep -q "\"id\":\"c\""' "$SS_HOME"
sleep 0.3
ok '--wait waits' kill -0 "$waiter"
: >go
rc=0
wait "$worker" || rc=$?
is 'the worker takes it up' "$rc $(delivered | sort | tr '\n' ' ')" '0 a b c '
rc=0
wait "$waiter" || rc=$?
is '  and the waiting one ends' "$rc" 0
i=0
while [ "$i" -lt 12 ]; do
	ev "m$i" M >"m$i"
	(ss-run -q p <"m$i" 5>&- &)
	i=$((i + 1))
done
check 'a dozen at once: each is worked off, once' 'wait_for 20 n_delivered 15 && [ -z "$(delivered | sort | uniq -d)" ]'

# --- a worker that is killed ----------------------------------------------------------------
home killed
rm -f go busy
script p 'while IFS= read -r l; do' 'case $l in *\"id\":\"b\"*) : >"$HOME/busy"; until [ -e "$HOME/go" ]; do sleep 0.05; done ;; esac' \
    'printf "%s\n" "$l"; done'
{ ev a A; ev b B; ev c C; } >in
background sh -c 'exec ss-run -q p <in'
wait_for 10 test -e busy
wait_for 5 n_delivered 1
kill -9 "$BG_PID"
wait "$BG_PID" 2>/dev/null
run 'the worker is killed; its script still runs' 4 ss-run --retry-for 1s -n p
check '  so nobody else works on it' 'grep -q "open 2 " err'
: >go
wait_for 10 flock -n "$SS_HOME/state/run/p" true
run '  until that has ended' 0 ss-run -n p
is '  then all is delivered' "$(delivered | sort | tr '\n' ' ')" 'a b c '

# --- --follow ----------------------------------------------------------------------------
home fol
script p 'cat'
mkfifo f
exec 4<>f
background sh -c 'exec ss-run --follow p <f >fout 2>ferr'
ev a A >&4
check '--follow works off what comes' 'wait_for 10 n_delivered 1'
{ ev b B; ev c C; } >&4
check '  and goes on' 'wait_for 10 n_delivered 3'
ev d D >in
run '  what another run stores' 0 ss-run p <in
check '  it takes up' 'wait_for 10 n_delivered 4'
i=0
while [ "$i" -lt 300 ]; do ev "x$i" X; i=$((i + 1)); done >&4
kill -TERM "$BG_PID"
rc=0
wait "$BG_PID" || rc=$?
is 'SIGTERM ends it in order' "$rc" 4
check '  accounts balance' 'grep -q "^p: stored .* opened" ferr'
script p 'cat'
ss-run -q -n p >/dev/null 2>&1
check '  what was stored is delivered, once' '[ "$(lines | jq -r "select(.source == \"s\").id" | sort)" = "$(delivered | sort)" ]'
script p 'trap "" TERM; cat >/dev/null; sleep 60'
ev late L >in
background sh -c 'exec ss-run -q p <in'
wait_for 5 sh -c 'cat "$0"/log/*/*/*/*.ndjson | grep -q late' "$SS_HOME"
sleep 0.5
start=$(date +%s)
kill -TERM "$BG_PID"
rc=0
wait "$BG_PID" || rc=$?
is 'a script that does not end is not waited for for ever' "$rc $(($(date +%s) - start < 30))" '4 1'
script p 'cat'
exec 4>&-

# --- many, through programs with buffers ----------------------------------------------------
home many
awk 'BEGIN { for (i = 0; i < 10000; i++) printf "{\"specversion\":\"1.0\",\"id\":\"i%d\",\"source\":\"s\",\"type\":\"item.observed\",\"subject\":\"S-%d\",\"data\":{\"fields\":{\"a\":\"%d\"}}}\n", i, i, i }' >many
script p 'jq -c . | awk "{ print }" | sed s/x/x/'
run '10,000 events through jq, awk and sed' 0 timeout 60 ss-run p <many >out
check '  all of them, in order' 'jq -r .subject out >got; jq -r .subject many | cmp - got'
check '  accounts' 'grep -q "opened 10000 = delivered 10000 .*open 0 " err'
home slow
script slow 'while IFS= read -r a; do printf "%s" "${a%\}}"; printf "}\n"; done | jq -c .'
head -n 2000 many >in
run 'a script that writes half lines' 0 timeout 60 ss-run slow <in >out
is '  all of them' "$(wc -l <out)" 2000

# --- full disks ------------------------------------------------------------------------------
home full
script p 'cat'
full()
{
	(ulimit -f 600 && trap '' XFSZ && ss-run p <"$1")
}
ss-run -q -n p
run 'the disk is full' 4 full many
check '  it says so' 'grep -qi "file too large\|no space" err'
check '  what it could not store it did not accept' '[ "$(lines | grep -c "\"source\":\"s\",\"type\":\"item")" -lt 10000 ]'
run 'there is space again' 0 ss-run p <many
check '  everything once' 'grep -q "opened 10000 = delivered 10000 .*open 0 " err && [ -z "$(delivered | sort | uniq -d)" ]'
if unshare -rm true 2>/dev/null; then
	mkdir -p small
	in_tmpfs()
	{
		unshare -rm sh -c 'mount -t tmpfs -o size=1m none small && mkdir -p small/pipelines &&
			printf "#!/bin/sh\ncat\n" >small/pipelines/p && chmod 755 small/pipelines/p && export SS_HOME=$PWD/small || exit 99
			ss-run p <many >/dev/null 2>err1; a=$?
			mount -o remount,size=64m small && ss-run p <many >/dev/null 2>err2; echo "$a $?"'
	}
	is 'a file system of 1 MiB: stopped, then goes on' "$(in_tmpfs)" '4 0'
	check '  all there' 'grep -q "delivered 10000 .*open 0 " err2'
else
	skip 'a file system of 1 MiB' 'no mount here'
fi

# --- outputs -----------------------------------------------------------------------------------
home outs
script p 'cat'
{ ev a A; ev b B; } >in
full_out()
{
	ss-run p <in >/dev/full
}
run 'output to a full device' 4 full_out
is '  what nobody got is not delivered' "$(delivered)" ''
closed()
{
	ss-run p <in >&-
}
run 'output closed from the start: nobody wants it' 4 closed
pipe_gone()
{
	{ ss-run p <in; echo "$?" >code; } | true
}
sleep 0.1
pipe_gone 2>/dev/null
check 'the reader is gone: ended like any filter' 'c=$(cat code); [ "$c" -eq 141 ] || [ "$c" -eq 0 ] || [ "$c" -eq 4 ]'
run 'then to a good one' 0 ss-run p <in >out
is '  all is delivered once' "$(delivered | sort | tr '\n' ' ')" 'a b '

# --- what one that was killed leaves behind ------------------------------------------------
home orphan
script p 'while IFS= read -r l; do' 'case $l in *\"id\":\"a\"*) : >"$HOME/has"; until [ -e "$HOME/let" ]; do sleep 0.05; done ;; esac' \
    'printf "%s\n" "$l"' 'done'
ev a A >in
rm -f "$HOME/has" "$HOME/let"
background sh -c 'exec ss-run -q p <in >/dev/null'
wait_for 10 test -e "$HOME/has"
status 'another run is at work' 0 ss-run -n p
cp "$ERR" err
check '  which is told' 'grep -q "another run of pipeline .p. is at work" err'
kill -KILL "$BG_PID"
wait "$BG_PID" 2>/dev/null
run 'its script is there yet: no success after --retry-for' 4 timeout 20 ss-run --retry-for 1s -n p
check '  but a word' 'grep -q "is held by what an earlier run" err'
background sh -c 'sleep 0.7; : >"$HOME/let"'
run 'when that ends, the work is taken up' 0 timeout 20 ss-run --retry-for 10s -n p
check '  and done' 'n_delivered 1'

# --- a line without end ---------------------------------------------------------------------
home endless
script p cat
background sh -c 'exec ss-run -q p </dev/zero 2>err'
sleep 1
kill -TERM "$BG_PID"
ok 'a signal ends it within a line that does not' wait_for 5 sh -c "! kill -0 $BG_PID 2>/dev/null"
kill -KILL "$BG_PID" 2>/dev/null

done_testing
