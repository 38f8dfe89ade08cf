#!/bin/sh
# ss-run: what comes in is stored, what is open is worked off, accounts balance
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/pipe.sh"

# how often each "type class code" stands in the log, outcomes only
outcomes()
{
	lines | jq -rc 'select(.type | startswith("ss.")) | [.type[3:], .data.pipeline, .data.cause.class, .data.cause.code]
	    | map(. // "-") | join(" ")' | sort | uniq -c | sed 's/^ *//'
}

v7=019aa4b6-4502-759b-a2cc-107a2752
script p cat

# --- stored -------------------------------------------------------------------------
{ ev a A; ev b B item.observed '"sspipeline":"x,y"'; ev c C item.observed '"sspipeline":"p","ssseq":77,"sscrc":"00000000","ssturn":"3,0,due"'; } >in
run 'three events' 0 ss-run p <in >out
is '  are stored under the name of the pipeline, whatever label came' \
    "$(lines | jq -r 'select(.source == "s") | .id + " " + .sspipeline + " " + (.ssseq < 70 | tostring) + " " + (.ssturn // "-")' | tr '\n' ' ')" \
    'a p true - b p true - c p true - '
check '  with the time they were recorded' 'lines | grep "\"source\":\"s\"" | grep -c recordedtime | grep -qx 3'
is '  and leave the script as themselves: delivered, target stdout' \
    "$(lines | jq -r 'select(.type == "ss.delivered") | .subject + " " + .data.target + " " + .source' | tr '\n' ' ')" \
    'A stdout ss-run B stdout ss-run C stdout ss-run '
is '  on the output too' "$(jq -r '.id + " " + .data.fields.a' out | tr '\n' ' ')" 'a a b b c c '
check '  without marks of the turn' '! grep -E "ssturn|ssplace" out'
check '  the accounts are printed' 'grep -q "^p: stored 3, known 0, rejected 0; now opened 3 = delivered 3 .* open 0 " err'
run 'again the same' 0 ss-run p <in >out
check '  foreign ids are known: nothing is stored twice' 'grep -q "stored 0, known 3" err && [ ! -s out ] && [ "$(lines | wc -l)" -eq 6 ]'
ev "${v7}0001" V >in
run 'an UUIDv7' 0 ss-run p <in
run '  comes again' 0 ss-run p <in
check '  and is stored: these are not looked up' 'grep -q "stored 1, known 0.*delivered 5 " err'
{ ev twice T; ev twice T; ev twice T; } >in
run 'the same three times in one input' 0 ss-run -q p <in >out
is '  is one event' "$(wc -l <out) $(lines | grep -c '"id":"twice","source":"s","type":"item')" '1 1'
check '-q says nothing' '[ ! -s err ]'
printf '{"specversion":"1.0","id":"crlf","source":"s","type":"t.x"}\r\n  {"specversion":"1.0","id":"blank","source":"s","type":"t.x"}  \n\n' >in
run 'CR LF, blanks around, empty lines' 0 ss-run -q p <in >out
is '  are taken' "$(jq -r .id out | tr '\n' ' ')" 'crlf blank '
run 'no input at all' 0 ss-run p </dev/null
run '-n does not read it' 0 ss-run -n p <in
printf '%s\n' '{"specversion":"1.0","id":"n","source":"s","type":"t.x","data":{"id":12345678901234567890,"price":1.50,"e":1e2}}' >in
run 'numbers' 0 ss-run -q p <in >out
check '  keep their bytes' 'grep -qF "\"id\":12345678901234567890,\"price\":1.50,\"e\":1e2" out'
t0='--now 2026-11-21T09:00:00Z --seed 7'
for i in 1 2; do
	# shellcheck disable=SC2086 # words
	ev s S | SS_HOME=$TMP/h$i ss-run -q $t0 q 2>/dev/null
	mkdir -p "h$i/pipelines" && cp "$SS_HOME/pipelines/p" "h$i/pipelines/q"
	# shellcheck disable=SC2086 # words
	SS_HOME=$TMP/h$i ss-run -q -n $t0 q >/dev/null 2>&1
	cat h"$i"/log/year=*/month=*/day=*/*.ndjson >"log$i"
done
same '--now and --seed make the same log' log1 log2
check '  with that time' 'grep "\"id\":\"s\"" log1 | grep -qF "\"recordedtime\":\"2026-11-21T09:00:00.000Z\""'
ev ahead A item.observed '"time":"2099-01-01T00:00:00Z"' | ss-run -q p >out 2>/dev/null
check 'a time far ahead is cut' '! grep -q 2099 out'

# --- what is no event -----------------------------------------------------------------
SS_HOME=$TMP/bad
mkdir -p "$SS_HOME/pipelines"
script p 'tee -a "$HOME/fed"'
{ ev a A; echo 'no event'; echo '{"specversion":"1.0","id":"x"}'; ev b B; printf '\377\376\n'; printf '%s' '{"specversion":"1.0","id":"torn","sou'; } >in
run 'lines that are none: exit 3' 3 ss-run p <in
is '  stored and dead, class parse' "$(outcomes)" '4 dead p parse rejected
2 delivered p - -'
is '  with file, line and text' "$(lines | jq -rc 'select(.type == "line.rejected").data | [.file, .line, .text // .base64]' | tr '\n' ' ')" \
    '["stdin",2,"no event"] ["stdin",3,"{\"specversion\":\"1.0\",\"id\":\"x\"}"] ["stdin",5,"//4="] ["stdin",6,"{\"specversion\":\"1.0\",\"id\":\"torn\",\"sou"] '
is '  and never in the script' "$(jq -r 'select(.type != "ss.end").id' fed | tr '\n' ' ')" 'a b '
check '  counted: opened = ended + open' 'grep -q "rejected 4; now opened 6 = delivered 2 .* dead 4 .* open 0 " err'
run 'the same lines again are known' 0 ss-run p <in
check '  nothing new' '[ "$(lines | jq "select(.type == \"line.rejected\").id" | wc -l)" -eq 4 ] && grep -q "known 6" err'
{ ev c C; awk 'BEGIN { printf "{\"a\":\""; for (i = 0; i < 110000; i++) printf "0123456789"; print "\"}" }'; ev d D; } >in
run 'a line over 1 MiB' 3 ss-run p <in
check '  is rejected, kept in part, its neighbours pass' 'lines | jq "select(.type == \"line.rejected\" and (.data.message | contains(\"max-line\")))
	| (.data.text | length) == 65536" | grep -qx true && grep -q "stored 3.*delivered 4 " err'
{ ev e E; echo junk; ev f F; } >in
run '--strict stops there' 2 ss-run --strict p <in
check '  and names the line' 'grep -q "standard input: line 2" err'
ev g G | head -c -1 >in
run 'a last line without newline that is whole' 0 ss-run -q p <in >out
is '  is an event' "$(jq -r .id out | tail -n 1)" g

# --- lines of the programs' own kind that are not what they say ------------------------
SS_HOME=$TMP/own
mkdir -p "$SS_HOME/pipelines"
script p 'tee -a "$HOME/fed.own"'
ss() { printf '{"specversion":"1.0","id":"%s","source":"x","type":"ss.%s","data":%s}\n' "$1" "$2" "$3"; }
{
	ev a A
	ss 1 delivered '{}'
	ss 2 xyz '{"event":{"source":"s","id":"a"},"pipeline":"p"}'
	ss 3 unchanged '{"pipeline":"p","range":[1,9],"n":99}'
	ss 4 state '{"table":"open","rows":[]}'
	ss 5 cursor '{}'
	ev b B
} >in
status 'ss-track: stored as rejected, with the reason' 3 ss-track -p p <in >out
is '  none of them as itself' "$(lines | jq -r .type | sort | uniq -c | xargs)" \
    '2 item.observed 5 line.rejected 5 ss.dead'
is '  each as it came' "$(lines | jq -r 'select(.type == "line.rejected").data.text' | grep -vF -x -f in | wc -l)" 0
is '  and why' "$(lines | jq -r 'select(.type == "line.rejected").data.message' | cut -c 1-24 | tr '\n' '|')" \
    'data.pipeline is not the|unknown type: those that|data.n is not how many e|a snapshot of state does|data.phase is neither be|'
is '  nothing goes on as such' "$(jq -r .type out | sort -u | tr '\n' ' ')" 'item.observed line.rejected '
run '  the accounts balance' 0 ss-log verify
run 'ss-run: the same' 3 ss-run p <in
is '  counted' "$(grep -c 'stored 5, known 2, rejected 5' err)" 1
ss 6 delivered '{"event":{"source":"s","id":"none","seq":999},"pipeline":"p"}' | ss-track -p p >out
is 'one that is well formed is stored' "$(lines | tail -n 1 | jq -r .type)" ss.delivered
ss 7 delivered '{"pipeline":"p"}' >in
run '--strict stops at a bad one' 2 ss-run --strict p <in
check '  and says why' 'grep -q "line 1: data.event has no source and id" err'

# --- cursors ----------------------------------------------------------------------------
SS_HOME=$TMP/cur
mkdir -p "$SS_HOME/pipelines"
script p cat
printf 'sku,price\nA,1\nB,2\nbad,x\nC,3\n' >items.csv
ss-fetch csv:items.csv >full 2>/dev/null
run 'a source with begin and end, and one bad row' 3 ss-run p <full
is '  its cursor is stored' "$(lines | jq -rc 'select(.type == "ss.cursor").data | [.phase, .what, .lines]')" '["end","items.csv",4]'
grep -v '"subject":"B"' full >in
run 'a line is missing: exit 4' 4 ss-run p <in
check '  the counts are named' 'grep -q "csv:items wrote 4 lines, 3 came here" err'
is '  and no cursor is stored' "$(lines | grep -c '"type":"ss.cursor"')" 1
grep -v '"phase":"end"' full >in
run 'no end: exit 4' 4 ss-run p <in
check '  it says so' 'grep -q "csv:items did not end" err'
grep -v '"phase":"begin"' full >in
run 'no begin: exit 4' 4 ss-run p <in
is '  still the first cursor alone' "$(lines | grep -c '"type":"ss.cursor"')" 1
{ head -n 3 full; head -n 4 full | tail -n 1 | head -c 40; } >in
run 'torn in a line: exit 4' 4 ss-run p <in
check '  that line is not held to be bad: it comes again' '! lines | grep "line.rejected" | grep -q stdin'

# --- called wrong ------------------------------------------------------------------------
run 'no pipeline named' 2 ss-run
run 'two' 2 ss-run a b
for n in ../x .x -- a/b 'a b' ''; do
	status "no name: '$n'" 2 ss-run -n "$n"
done
ev a A >in
rm -f "$SS_HOME/pipelines/p"
run 'the script is missing' 2 ss-run p <in
check '  its path is named' 'grep -q "pipelines/p.: No such file" err'
check '  the event is stored' 'lines | grep -q "\"id\":\"a\",\"source\":\"s\""'
echo '#!/bin/sh' >"$SS_HOME/pipelines/p"
run 'the script cannot be executed' 2 ss-run p </dev/null
check '  it says so' 'grep -q "is no program" err'
echo 'cat' >"$SS_HOME/pipelines/p"
chmod 755 "$SS_HOME/pipelines/p"
run 'the script has no #!' 2 ss-run p </dev/null
check '  it says what is missing' 'grep -q "#!/bin/sh" err'
script p cat
run 'mended: what was left is worked off' 0 ss-run p </dev/null
check '  all of it' 'grep -q "delivered [0-9]* .*dead 1 .*open 0 " err'

# --- what no source says -------------------------------------------------------------------
home own
script p cat
for t in ss.segment ss.foo; do
	printf '{"specversion":"1.0","id":"%s","source":"s","type":"%s","data":{}}\n' "$t" "$t"
done >in
run 'lines of the log itself on standard input' 3 ss-run p <in
check '  are kept as rejected, none vanishes' 'grep -q "rejected 2" err && [ "$(lines | grep -c line.rejected)" -ge 2 ]'

done_testing
