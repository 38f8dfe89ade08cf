#!/bin/sh
# A zipped file into a peer that throttles and refuses, with kill -9 in the
# middle; then again, then the dead ones replayed.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/shop.sh"

# 1,500 rows; each hundredth is bad.
awk 'BEGIN {
	print "sku,title,price,available"
	for (i = 1; i <= 1500; i++) {
		kind = i % 100 == 50 ? int(i / 100) % 3 : 3
		printf "%s,Cup %d,%s,%s\n", kind == 0 ? "" : sprintf("S-%04d", i), i,
		    kind == 1 ? "free" : sprintf("%d.%02d", i % 90, i % 100), kind == 2 ? "x" : i % 250
	}
}' >stock.csv
zip -q stock.zip stock.csv
awk -F, 'NR > 1 && (NR - 1) % 100 != 50 { print $1, $3, $4 }' stock.csv | sort >good
awk -F, 'NR > 1 && (NR - 1) % 100 == 50 { print NR }' stock.csv >bad

shop shop
throttle='{"throttle":{"rate":60,"burst":20}}'
control shop "{\"rules\":[$throttle,{\"key_percent\":1,\"refuse\":{\"code\":\"locked\",\"message\":\"price is locked\"}}]}"
pipeline stock 'echo $$ >"$SS_HOME/script.pid"
ss-diff --target http:shop | ss-push http:shop'

applied()
{
	[ "$(counter shop applied)" -ge "$1" ]
}

# what the shop holds, and how often each was applied
held()
{
	curl -sS "$(url shop)/state" | jq -r '"\(.key) \(.value.price) \(.value.levels.main.available)"' | sort
}

# 1. all of it dies
background setsid sh -c 'ss-fetch csv:stock.zip | ss-run -q stock'
group=$BG_PID
ok 'the import is under way' wait_for 20 applied 200
kill -9 "-$group"
check 'killed in the middle: not all is there' '[ "$(counter shop applied)" -lt 1400 ]'
ok 'the log is whole' ss-log verify
check 'what was stored is open' '[ "$(account stock open)" -gt 0 ]'

# 2. ss-push alone dies
n=$(counter shop applied)
ss-run -n stock 2>run2 5>&- &
run=$!
ok 'another run goes on' wait_for 20 applied $((n + 300))
kill -9 "$(pgrep -P "$(cat "$SS_HOME/script.pid")" ss-push)"
wait "$run"
is 'ss-push killed alone: exit 4, run again' "$?" 4
check '  and why' 'grep -q "ended (s[a-z]* [0-9]*) before its work was done" run2'
check 'nothing is lost: the rest is open' '[ "$(account stock open)" -gt 0 ]'
n=$(counter shop applied)

# 3. from the start again, as cron would
import()
{
	ss-fetch csv:stock.zip 2>fetch.err | ss-run stock
}
status 'the import again: done, some are dead' 3 import
held >got
dead_skus()
{
	ss-track list -j --state dead --target http:shop | jq -r .subject | sort -u
}
dead_skus >refused
check 'the shop refused some' '[ -s refused ] && [ "$(wc -l <refused)" -lt 60 ]'
grep -v -w -F -f refused good >want
same 'the shop holds the file'\''s good rows, but those' got want
curl -sS "$(url shop)/state" | jq -r .applies | sort | uniq -c | awk '{ print $2 }' >counts
is 'each was applied once' "$(cat counts)" 1
is 'by the counter too' "$(counter shop applied)" "$(wc -l <want)"
ss-track list -j --state dead | jq -r 'select(.type == "line.rejected") | .subject | split(":")[1]' | sort -n >got
same 'the bad rows are dead, by line' got bad
is '  each with its cause' "$(ss-track list -j --state dead | jq -r 'select(.type == "line.rejected") | .cause |
    .class + ": " + (.message | split(":")[0])' | sort | uniq -c | awk '{ $1 = $1; print }' | tr '\n' ';')" \
    '5 value: available;5 value: price;5 value: sku;'
is 'the refused ones too' "$(ss-track list -j --state dead --target http:shop | jq -r '.cause | .class + ": " + .message' | sort -u)" \
    'value: price is locked'
is 'nothing is open' "$(account stock open)" 0
is 'no intent is open' "$(ss-log verify -j | jq -r 'select(.check == "intents") | .open')" 0
balanced 'the accounts balance'

# 4. once more: no effect
n=$(counter shop applied)
status 'a further import: the same are dead' 3 import
is '  nothing is applied' "$(counter shop applied)" "$n"
balanced '  the accounts balance'

# 5. the shop mends its rule: all that it refused, by id
control shop "{\"rules\":[$throttle]}"
ss-track list -j --state dead --target http:shop | jq -r .id >ids
bad=0
while read -r id; do
	ss-replay -q "$id" </dev/null || bad=$((bad + 1))
done <ids
is 'every refused event is replayed' "$bad" 0
held >got
same '  the shop equals the file'\''s good rows' got good
is '  each applied once' "$(curl -sS "$(url shop)/state" | jq -r .applies | sort -u)" 1
is '  only bad rows are dead' "$(ss-track list -j | jq -r .type | sort -u)" line.rejected
is '  nothing is open' "$(account stock open)" 0
balanced '  the accounts balance'

done_testing
