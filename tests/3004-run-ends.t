#!/bin/sh
# ss-run: how a script and its filters end, and what that says of the events
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/pipe.sh"

accused()
{
	lines | grep -c script-died
}

# --- a filter that fails with its first event ---------------------------------------------
for how in 'ss-push file:/no/such/dir/x' 'ss-push file:/no/such/dir/x | cat'; do
	home "filter$(printf '%s' "$how" | tr -dc a-z)"
	script p "$how"
	{ ev a A; ev b B; } >in
	for i in 1 2 3; do
		run "$how, run $i" 2 timeout 20 ss-run --retry-for 0 p <in
	done
	check '  it says why, once' '[ "$(grep -c "stopped early: .*cannot open ./no/such/dir/x" err)" -eq 1 ]'
	is '  no event is blamed' "$(outcomes)$(accused)" 0
	check '  all is open' 'grep -q " open 2 (failed 0, parked 0)" err'
done
home damaged
script p 'echo "{\"specversion\":\"1.0\",\"id\":\"x\",\"source\":\"ss-x\",\"type\":\"ss.stop\",\"data\":{\"message\":\"torn\",\"exit\":5}}"'
ev a A >in
for i in 1 2 3; do run "a filter stops over damage, run $i" 5 timeout 20 ss-run --retry-for 0 p <in; done
is '  what it says, without a target' "$(grep stopped err)" 'ss-run: stopped early: torn'
is '  no event is blamed' "$(outcomes)$(accused)" 0
for code in 7 -5 0 3; do
	script p "echo '{\"specversion\":\"1.0\",\"id\":\"x\",\"source\":\"ss-x\",\"type\":\"ss.stop\",\"data\":{\"message\":\"odd\",\"exit\":$code}}'"
	run "exit $code in ss.stop is none" 4 timeout 20 ss-run --retry-for 0 -n p
done

# --- a script that ends before ss.end -----------------------------------------------------
for how in '2 2' '126 2' '127 2' '5 5' '1 4'; do
	home "with${how% *}"
	script p 'while IFS= read -r l; do' "case \$l in *poison*) exit ${how% *} ;; esac" 'printf "%s\n" "$l"; done'
	{ ev a A; ev poison P; } >in
	run "over an event it ends with ${how% *}" "${how#* }" timeout 20 ss-run --retry-for 0 p <in
	check '  it is told' "grep -q 'stopped early: the script ended (status ${how% *}) before its work was done' err"
	case ${how#* } in
	2) is '  which speaks of no event' "$(accused)" 0 ;;
	*) is '  which speaks of the event' "$(accused)" 1 ;;
	esac
done
home dead5
script p 'while IFS= read -r l; do' 'case $l in *poison*) exit 5 ;; esac' 'printf "%s\n" "$l"; done'
{ ev a A; ev poison P; ev b B; } >in
run 'ended with 5' 5 timeout 20 ss-run -q --retry-for 0 p <in
run '  again' 5 timeout 20 ss-run -q --retry-for 0 -n p
run '  the event is dead: still 5' 5 timeout 20 ss-run -q --retry-for 0 -n p
is '  the rest is done' "$(outcomes)" 'delivered a
dead poison bug script-died
delivered b'
home nothing5
script p 'exit 5'
ev a A >in
run 'ends with 5 even with nothing to do' 5 timeout 20 ss-run --retry-for 0 p <in
check '  it is told' 'grep -q "the script ends (status 5) even with nothing to do" err'
home higher
cat >higher.jq <<'END'
if .type | startswith("ss.") then . else {specversion, id: ("o" + .id), source: "t", type: "ss.dead", subject, data:
  {event: {source, id, type, seq: .ssseq}, pipeline: .sspipeline, stage: "t", cause: {class: "value", code: "x"}}} end
END
script p 'head -n 1 | jq -c -f "$HOME/higher.jq"; exit 2'
{ ev a A; ev b B; } >in
run 'one is dead, then it ends with 2: the higher code' 3 timeout 20 ss-run -q --retry-for 0 p <in
is '  one was told of' "$(outcomes)" 'dead a value x'

# --- ss.stop behind ss.end ----------------------------------------------------------------
stop='{\"specversion\":\"1.0\",\"id\":\"x\",\"source\":\"ss-x\",\"type\":\"ss.stop\",\"data\":{\"message\":\"enough\"}}'
home behind
# hands F back once, dies over it in its second turn
cat >behind.jq <<'END'
{specversion, id: ("o" + .id), source: "t", type: "ss.failed", subject, data: {event: {source, id, type, seq: .ssseq},
  pipeline: .sspipeline, stage: "t", attempt: 1, cause: {class: "intermittent", code: "x", retry: true}, due: "2020-01-01T00:00:00Z"}}
END
script p 'while IFS= read -r l; do case $l in' '*"2,0,due"*) exit 1 ;;' \
    '*\"ss.end\"*) printf "%s\n" "$l"'" \"$stop\" ;;" \
    '*) printf "%s\n" "$l" | jq -c -f "$HOME/behind.jq" ;; esac; done'
ev f F >in
run 'a script stops behind ss.end, and dies over an event in the next turn' 4 timeout 20 ss-run --retry-for 10s p <in
check '  the stop is told' 'grep -q "the script stopped after its work was done: enough" err'
check '  the death too' 'grep -q "stopped early: the script ended (status 1)" err'
is '  which is a crash' "$(accused)" 1
home behindend
script p "cat; echo \"$stop\""
run 'only behind the last ss.end' 4 timeout 20 ss-run --retry-for 0 p <in
is '  all the same what came out counts' "$(outcomes)" 'delivered f'

# --- alone, but gone ------------------------------------------------------------------------
home alone
script p 'jq -c "if .type | startswith(\"ss.\") then . else $(cat "$HOME/behind.jq") end"'
ev gone G >in
run 'one fails' 3 timeout 20 ss-run -q --retry-for 0 p <in
{ ev a A; ev b B; } >in
script p 'in=$(cat); case $in in *"\"source\":\"s\""*) exit 1 ;; esac; printf "%s\n" "$in"'
for i in 1 2; do run "the script dies over it and others, run $i" 4 timeout 20 ss-run -q --retry-for 0 p <in; done
is '  which is told of' "$(accused)" 2
script p cat
sed -i '/"source":"s"/s/"a":"gone"/"a":"gonX"/' "$SS_HOME"/log/*/*/*/*.ndjson
run 'its line is damaged when it is to be fed alone' 3 timeout 20 ss-run --retry-for 0 -n p
is '  it is dead, the others go on' "$(outcomes | tail -n 3)" 'dead place-2 missing event-gone
delivered a
delivered b'

# --- lines lost -------------------------------------------------------------------------------
home lost
script p 'exit 4'
{ ev a A; ev lost1 B; ev lost2 C; ev d D; } >in
run 'four wait' 4 timeout 20 ss-run -q --retry-for 0 p <in
jq -nc --argjson place "$(lines | jq 'select(.id == "lost2").ssseq')" '{specversion: "1.0", id: "i", source: "ss-push", type: "ss.intent",
    data: {target: "t:1", deliveries: [{place: $place, seq: $place, pipeline: "p"}]}}' >in
run 'a call for one of them is open' 4 timeout 20 ss-run -q --retry-for 0 p <in
sed -i '/"source":"s"/s/"a":"lost/"a":"LOST/' "$SS_HOME"/log/*/*/*/*.ndjson
script p cat
run 'the lines of two are damaged' 3 timeout 20 ss-run --retry-for 0 -n p
is '  they are dead, the one with a call open by that' "$(outcomes)" 'dead place-3 missing line-lost
dead place-4 conflict unknown-outcome
delivered a
delivered d'
check '  accounts' 'grep -q "opened 4 = delivered 2 .* dead 2 .*open 0 " err'

# --- outcomes that are none ----------------------------------------------------------------
home odd
for odd in '"type":"ss.delivered"' '"type":"ss.delivered","data":{"pipeline":"p"}' \
    '"type":"ss.unchanged","data":{"pipeline":"p","range":[1,2],"n":1000}' \
    '"type":"ss.failed","data":{"pipeline":"p","range":[1,2],"n":2}'; do
	rm -rf "$SS_HOME"
	home odd
	script p "echo '{\"specversion\":\"1.0\",\"id\":\"odd\",\"source\":\"t\",$odd}'; cat"
	ev a A >in
	run "an outcome that says $odd" 3 timeout 20 ss-run --retry-for 0 p <in
	is '  is kept as line.rejected' "$(lines | jq -r 'select(.type == "line.rejected").data.text | fromjson.id')" odd
	is '  and is no outcome' "$(lines | jq -r 'select(.type | startswith("ss.")) | select(.id == "odd").type')" ''
	is '  the event has its own' "$(outcomes | head -n 1)" 'delivered a'
	check '  accounts' 'grep -q "opened 2 = delivered 1 .* dead 1 .*open 0 " err && ss-log verify >verify.out'
done

done_testing
