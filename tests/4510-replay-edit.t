#!/bin/sh
# ss-replay --edit, and rows that were rejected
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/shop.sh"

shop shop
pipeline stock

# stored FILTER: the last event in the log for which jq's FILTER holds
stored()
{
	cat "$SS_HOME"/log/*/*/*/*.ndjson | jq -c "select((.type | startswith(\"ss.\") | not) and ($1))" | tail -n 1
}

# An event that is mended.
control shop '{"rules":[{"key":"BAD","refuse":{}}]}'
event e1 BAD 5 >in
status 'an event with a wrong key is dead' 3 ss-run -q stock <in
ok '--edit makes a new event of it' ss-replay -q --edit '.subject = "GOOD" | .data.sku = "GOOD"' e1
is '  which is delivered' "$(value shop GOOD | jq -c .levels.main.available)" 5
is '  the old one ends superseded' "$(ss-track show -j e1 | jq -r 'select(.delivery) | .state' | tail -n 1)" superseded
stored true >new
check '  the new one has an id of its own' 'jq -e ".id != \"e1\" and (.id | length) == 36" new'
is '  and names the old one as its cause' "$(jq -r .causationid new)" e1
is '  it keeps source and time' "$(jq -r '.source + " " + .time' new)" 'wms 2026-11-20T10:00:00.000Z'
status '  nothing is dead' 1 ss-track list --state dead
balanced '  the accounts balance'

n=$(ss-log verify -j | jq -r 'select(.check == "log") | .lines')
for p in '.x = ' 'empty' '., .' '"text"' '.id = 5' 'error("no")' 'del(.type)'; do
	status "--edit '$p' is called wrong" 2 ss-replay -q --edit "$p" e1
done
status '--edit with --force is called wrong' 2 ss-replay -q --force --edit . e1
is '  and nothing was stored' "$(ss-log verify -j | jq -r 'select(.check == "log") | .lines')" "$n"
event q1 Q 12345678901234567890 | ss-run -q stock
ok 'numbers that --edit does not touch keep their digits' ss-replay -q --edit '.data.fields.price = "2.00"' q1
is '  in the log' "$(cat "$SS_HOME"/log/*/*/*/*.ndjson | grep '"price":"2.00"' | head -n 1 | grep -o '"available":[^}]*')" \
    '"available":12345678901234567890'

# Rows of a file.
cat >in.csv <<'CSV'
sku;title;price;available
R-1;"Cup; red";1.50;5
R-2;"Cup; blue";abc;6
R-3;Short
R-4;Cup;2.50;7
CSV
ss-fetch csv:in.csv 2>err | ss-run -q stock
is 'good rows are in' "$(value shop R-1 | jq -c .levels.main.available)$(value shop R-4 | jq -c .levels.main.available)" 57
id=$(ss-track list -j | jq -r 'select(.subject == "in.csv:3") | .id')
status 'a rejected row replayed as it is stays rejected' 3 ss-replay -q "$id"
is '  with the reader'\''s cause' "$(ss-track list -j | jq -c 'select(.subject == "in.csv:3") | [.cause.class, .cause.code]')" \
    '["value","not-a-number"]'
is '  dead once, under its own id' "$(ss-track list -j | grep -c "$id")" 1
is '  and stored once' "$(cat "$SS_HOME"/log/*/*/*/*.ndjson | grep -c '"type":"line.rejected","subject":"in.csv:3"')" 1
status 'mended wrongly it stays rejected as well' 3 ss-replay -q --edit '.data.text = "R-2;Cup;1.50;six"' "$id"
is '  with the new cause' "$(ss-track list -j | jq -c 'select(.subject == "in.csv:3") | .cause.code')" '"not-an-integer"'
balanced '  the accounts balance'
ok 'mended it goes through the reader and is delivered' ss-replay -q --edit '.data.text = "R-2;\"Cup; blue\";9.50;6"' "$id"
is '  the shop has it' "$(value shop R-2)" '{"title":"Cup; blue","price":"9.50","levels":{"main":{"available":6}}}'
is '  the rejected row ends superseded' "$(ss-track show -j "$id" | jq -r 'select(.delivery) | .state' | tail -n 1)" superseded
stored '.subject == "R-2"' >new
is '  the event names the row as its cause' "$(jq -r .causationid new)" "$id"
is '  and its place in the file' "$(jq -c .data.at new)" '{"file":"in.csv","row":3}'
is '  and the moment when the file was read' "$(jq -r .time new)" \
    "$(cat "$SS_HOME"/log/*/*/*/*.ndjson | grep '"subject":"R-1"' | head -n 1 | jq -r .time)"
id=$(ss-track list -j | jq -r 'select(.subject == "in.csv:4") | .id')
ok 'a row with too few cells can be completed' ss-replay -q --edit '.data.text += ";3.50;8"' "$id"
is '  the shop has it' "$(value shop R-3 | jq -c .levels.main.available)" 8
status '  no row is left' 1 ss-track list
is '  the source has one cursor, that of the file' "$(cat "$SS_HOME"/log/*/*/*/*.ndjson |
    grep '"type":"ss.cursor"' | jq -r '.data.name' | sort -u)" default
balanced '  the accounts balance'

# A newer file wins over a row that was mended later.
printf 'sku,price,available\nN,1.00,bad\n' >n1.csv
printf 'sku,price,available\nN,1.00,9\n' >n2.csv
ss-fetch --source csv:n --time 2026-11-19T10:00:00Z csv:n1.csv 2>err | ss-run -q stock
ss-fetch --source csv:n --time 2026-11-19T11:00:00Z csv:n2.csv | ss-run -q stock
id=$(ss-track list -j | jq -r .id)
ok 'a row mended after a newer file: exit 0' ss-replay -q --edit '.data.text = "N,1.00,4"' "$id"
is '  the newer value stays' "$(value shop N | jq -c .levels.main.available)" 9
balanced '  the accounts balance'

# Bytes that are no text, and lines that were no events.
printf 'sku,title\nU\303\234,x\nL\351,y\n' >latin.csv
ss-fetch csv:latin.csv 2>err | ss-run -q stock
id=$(ss-track list -j | jq -r 'select(.subject == "latin.csv:3") | .id')
status 'a row that is no text stays rejected' 3 ss-replay -q "$id"
ok '  until it is given as text' ss-replay -q --edit '.data.text = "LE,y"' "$id"
is '  the shop has it' "$(value shop LE)" '{"title":"y"}'
echo 'not an event' | ss-run -q stock
id=$(ss-track list -j | jq -r .id)
status 'a line that is no event stays rejected' 3 ss-replay -q "$id"
is '  listed once' "$(ss-track list -j | wc -l)" 1
event g1 G 3 | jq -R . >text
ok '  until it is mended' ss-replay -q --edit ".data.text = $(cat text)" "$id"
is '  then it is the event that it says' "$(ss-track show -j g1 | jq -r 'select(.delivery) | .state')" delivered
echo 'again no event' | ss-run -q stock
id=$(ss-track list -j | jq -r .id)
status '  but never one of our own' 3 ss-replay -q --edit \
    '.data.text = "{\"specversion\":\"1.0\",\"id\":\"z\",\"source\":\"s\",\"type\":\"ss.delivered\"}"' "$id"

event own1 OWN 3 | ss-run -q stock
for type in ss.end ss.delivered ss.foo line.rejected; do
	status "an event is not made a $type" 2 ss-replay -q --edit ".type = \"$type\"" own1
done
balanced 'the accounts balance'

# What another run has is not done.
mkdir -p "$SS_HOME/pipelines"
printf '#!/bin/sh\nwhile IFS= read -r l; do case $l in *held1*) : >"$HOME/has"; until [ -e "$HOME/let" ]; do sleep 0.05; done ;; esac; printf "%%s\\n" "$l"; done\n' >"$SS_HOME/pipelines/slow"
chmod 755 "$SS_HOME/pipelines/slow"
event held1 H 3 >held
background sh -c 'exec ss-run -q slow <held >/dev/null'
wait_for 10 test -e "$HOME/has"
status 'an event that is with another run: not said to be done' 4 timeout 20 ss-replay -q -p slow held1
cp "$ERR" err
check "  which is told" 'grep -q "it is open: another run" err'
: >"$HOME/let"

done_testing
