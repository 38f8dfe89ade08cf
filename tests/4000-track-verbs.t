#!/bin/sh
# ss-track show, list, stats: what the log says of an event
. "$(dirname "$0")/lib.sh"

U1=019aa4b6-4502-759b-a2cc-107a27529ad0
U2=019aa4b6-4503-7aaa-a2cc-107a27529ad1
U3=019aa4b6-4504-7aaa-a2cc-107a27529ad2

# event ID SOURCE SUBJECT [MEMBERS]
event()
{
	printf '{"specversion":"1.0","id":"%s","source":"%s","type":"item.observed","subject":"%s","time":"2026-11-18T10:00:00.000Z"%s}\n' \
	    "$1" "$2" "$3" "${4-}"
}

# outcome TYPE ID SOURCE PIPELINE SEQ [MEMBERS OF DATA]
outcome()
{
	printf '{"specversion":"1.0","id":"o-%s-%s","source":"ss-push","type":"%s","subject":"S","time":"2026-11-18T10:00:01.000Z","data":{"event":{"source":"%s","id":"%s","type":"item.observed","seq":%s},"pipeline":"%s","target":"shopify:acme","stage":"push","attempt":1%s}}\n' \
	    "$1" "$5" "$1" "$3" "$2" "$5" "$4" "${6-}"
}

# a terminal of its own: on_tty COMMAND LINE
on_tty()
{
	script -qec "$1" /dev/null </dev/null | tr -d '\r'
}

status 'no log: the answer is no' 1 ss-track show x
status 'no log: list says no as well' 1 ss-track list
check 'a question makes no $SS_HOME' '[ ! -e "$SS_HOME" ]'

{
	event $U1 csv:a A ',"ssstages":"fetch@1794996000100","data":{"n":12345678901234567890}'
	event $U2 csv:a B
	event evt-1 csv:a C
	event evt-1 csv:b D
} | ss-track -p stock >/dev/null
event $U3 csv:a E | ss-track >/dev/null
{
	outcome ss.failed $U1 csv:a stock 2 ',"cause":{"class":"intermittent","code":"503","message":"try \u001b[31mlater\u009b \u202e","retry":true},"due":"2026-11-18T10:05:00.000Z","stages":"fetch@1794996000100 diff@1794996000130"'
	outcome ss.dead $U2 csv:a stock 3 ',"cause":{"class":"value","code":"422","message":"no","retry":false}'
	outcome ss.parked evt-1 csv:a stock 4 ',"wait":{"table":"stock","key":"K"},"deadline":"2026-11-19T10:00:00.000Z"'
} | ss-track -p stock >/dev/null

ok 'show finds an event' ss-track show $U1 >show
head -n 1 show >first
grep -h "\"id\":\"$U1\",\"source\":\"csv:a\"" "$SS_HOME"/log/*/*/*/* | head -n 1 | sed 's/,"sscrc":.*/}/' >want
same 'the event comes as it is stored' first want
check 'its delivery has state and stages' 'jq -es ".[1] | .state == \"failed\" and .delivery.pipeline == \"stock\" and
	.delivery.place == 2 and (.stages | map(.stage)) == [\"fetch\", \"diff\"] and
	.stages[1].time == \"2026-11-18T10:00:00.130Z\"" show'
check 'and its lines, with the cause' 'jq -es ".[1].lines[0].data.cause.code == \"503\"" show'
status 'an unknown id: exit 1' 1 ss-track show nobody
cp "$ERR" err
check 'and a word about it' 'grep -q "no event with id .nobody." err'
status 'a part of an id is none' 1 ss-track show 019aa4b6
check 'an id of two sources: both' '[ "$(ss-track show evt-1 | jq -r "select(.source) | .source" | tr "\n" " ")" = "csv:a csv:b " ]'
check 'each with its own deliveries' '[ "$(ss-track show evt-1 | jq -r "select(.state) | .delivery.source + .state" | tr "\n" " ")" = "csv:aparked csv:bopen " ]'
rm -rf "$SS_HOME/state"
check 'show needs nothing but the log' 'ss-track show $U2 | jq -es ".[1].state == \"dead\"" && [ ! -e "$SS_HOME/state" ]'
status 'show without an id: called wrong' 2 ss-track show
status 'show with two: called wrong' 2 ss-track show a b
status 'an unknown verb' 2 ss-track shew

# ends that stand for a run of neighbours name no id
event r-1 csv:a R1 | ss-track -p stock >/dev/null
event r-2 csv:a R2 | ss-track -p stock >place
P=$(jq .ssseq place)
printf '{"specversion":"1.0","id":"range","source":"ss-diff","type":"ss.unchanged","time":"2026-11-18T10:00:02.000Z","data":{"pipeline":"stock","stage":"diff","range":[%d,%d],"n":2}}\n' \
    $((P - 1)) "$P" | ss-track -p stock >/dev/null
check 'an end in a range is found by place' 'ss-track show r-1 | jq -es ".[1].state == \"unchanged\"" && ss-track show r-2 | jq -es ".[1].state == \"unchanged\""'
check 'a range of another pipeline is not' 'ss-track show $U3 | jq -es ".[1].state == \"open\" and .[1].delivery.pipeline == \"-\""'

ok 'list: failed, parked and dead' ss-track list >list
check 'in order, with what is known of them' 'jq -s -e "map(.state) == [\"failed\", \"parked\", \"dead\"] and .[0].cause.class == \"intermittent\" and
	.[0].due == \"2026-11-18T10:05:00.000Z\" and .[1].wait.key == \"K\" and .[2].target == \"shopify:acme\"" list'
check 'list --state' '[ "$(ss-track list --state dead | jq -r .id)" = $U2 ]'
check 'list --class' '[ "$(ss-track list --class value | jq -r .state)" = dead ]'
check 'list --target' '[ "$(ss-track list --target shopify:acme | wc -l)" -eq 3 ]'
check 'list --limit' '[ "$(ss-track list --limit 2 | wc -l)" -eq 2 ]'
status 'list of another target: nothing, exit 1' 1 ss-track list --target shopify:other
status 'list of another pipeline: nothing, exit 1' 1 ss-track list -p other
status 'list of a state that is none' 2 ss-track list --state well
status 'list of a class that is none' 2 ss-track list --class valeu
cp "$ERR" err
check '  the classes are named' 'grep -q "class is one of parse, value, missing, .*, bug, not .valeu." err'
for class in parse value missing auth connection rate-limit intermittent conflict duplicate too-large stale bug; do
	check "list --class $class" "rc=0; ss-track list --class $class || rc=\$?; [ \$rc -le 1 ]"
done
# what a verb makes no use of is no answer to what was asked
for verb in 'show x' stats ''; do
	for option in '-p stock' '-j' '--state dead' '--target t:1' '--class bug' '--limit 1'; do
		case "$verb:$option" in
		show*:-j | stats:-j | :-p*) continue ;;
		esac
		# shellcheck disable=SC2086 # words
		status "${verb:-recording} takes no $option" 2 ss-track $option $verb
	done
done
cp "$ERR" err
check '  it says so' 'grep -q "recording takes no --limit" err'
check 'list --state open has the rest too' '[ "$(ss-track list --state open | jq -r "[.pipeline, .id, .state] | join(\" \")" | tr "\n" ";")" = "- $U3 open;stock $U1 failed;stock evt-1 parked;stock evt-1 open;" ]'

ok 'stats' ss-track stats >stats
check 'the accounts of each pipeline' 'jq -s -e "map(.pipeline) == [\"-\", \"stock\"] and .[1].opened == 6 and .[1].unchanged == 2 and
	.[1].dead == 1 and .[1].open == 3 and .[1].failed == 1 and .[1].parked == 1 and .[1].listed == 1 and .[0].open == 1" stats'
check 'verify uses the same words' 'ss-log verify -j | jq -s "map(select(.check == \"accounts\") | {pipeline, opened, dead, replaced, open, failed, parked, listed})" >verified &&
	jq -s "map({pipeline, opened, dead, replaced, open, failed, parked, listed})" stats | diff - verified'
check 'they balance' 'jq -e ".opened == .delivered + .unchanged + .superseded + .filtered + .routed + .dead + .replaced + .open" stats'

if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	on_tty "ss-track show $U1" >screen
	check 'on a terminal: text, in colour' 'grep -q "pipeline stock, place 2: .\[33mfailed" screen && ! grep -q "^{" screen'
	check 'and no control character of a value' 'grep -qF "try \\x1b[31mlater\\x9b \\u{202e}" screen'
	NO_COLOR=1 on_tty 'ss-track list; ss-track stats' >screen
	check 'NO_COLOR: no escapes at all' 'grep -q "^STATE " screen && ! grep -q "$(printf "\033")" screen'
	on_tty 'ss-track list -j' >screen
	check '-j: JSON on a terminal' '[ "$(jq -s length screen)" -eq 3 ]'
else
	skip 'on a terminal' 'no script(1)'
fi

# what the page says, as printed
{
	sed -n '/^\.Bd -literal -offset/,/^\.Ed/p' "$ROOT/man/ss-track.1" | sed -n 's/^[$>] //p'
	sed -n 's/^\.Dl \$ //p' "$ROOT/man/ss-track.1"
} >examples
check 'the page has examples' '[ "$(grep -c ss-track examples)" -ge 5 ]'
ok 'and they run as printed' sh -e examples
check 'each example of ss-event(5) is JSON' 'sed -n "/^\.Bd -literal/,/^\.Ed/p" "$ROOT/man/ss-event.5" | grep -v "^\." | jq -es "length >= 23"'
check 'a full disk is not kept quiet' '! ss-track list >/dev/full'
# --- times ------------------------------------------------------------------------------------
SS_HOME=$TMP/home-times
for t in 2026-11-21T09:00:00.000Z 2026-11-21T09:00:01Z 2026-11-21t09:00:00+01:00 2026-11-21T09:00:00.123Z; do
	printf '{"specversion":"1.0","id":"t%s","source":"s","type":"x","time":"%s"}\n' "$t" "$t"
done >in
ok 'times of RFC 3339' sh -c 'ss-track <in >out'
for t in foo 2026-99-99T09:00:00.000Z 2026-11-21 2026-11-21T09:00:99.000Z 2026-11-21T09:00:00.1x3Z 2026-11-21T09:00:00.000; do
	printf '{"specversion":"1.0","id":"t%s","source":"s","type":"x","time":"%s"}\n' "$t" "$t"
done >>in
status 'and others' 3 sh -c 'ss-track <in >out'
is '  are kept as rejected lines' "$(grep -c '"type":"line.rejected"' out)" 6

# --- two in one pipe --------------------------------------------------------------------------
SS_HOME=$TMP/home-two
printf 'sku,price\nA,1\nB,2\n' >two.csv
check 'the first ss-track takes the cursor, the second misses nothing' \
    'ss-fetch csv:two.csv | ss-track >first && ss-push "file:$TMP/two.nd" <first >second && ss-track <second >third'
check '  both of its lines' '! grep -q ss.cursor first'
is '  and all is accounted for' "$(ss-track stats -j | jq -c 'select(.pipeline == "-") | [.opened, .open]')" '[2,0]'

done_testing
