#!/bin/sh
# the README's recipes, scripts/recipes/, and the demo run as they stand
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/shop.sh"

# --- README.md: the blocks marked "sh run", one shell for all ---------------------------------
awk '/^```sh run$/ { n++; inside = 1; next } /^```/ { if (inside) print "echo \"" n " $?\" >&9"; inside = 0 } inside' \
    "$ROOT/README.md" >script
is 'the README has blocks to run' "$(grep -c '>&9$' script)" 8
mkdir readme
(cd readme && timeout 60 sh ../script 9>../codes >../out 2>../err)
is 'each ends as told (1: there is a shop; 3 is asked for by ss-track)' "$(tr '\n' ' ' <codes)" '1 0 2 0 3 0 4 0 5 0 6 0 7 0 8 0 '
SS_HOME=$TMP/readme/data SS_CONFIG=$TMP/readme/storesync.conf
is '1. a bad row among good ones' "$(grep -c 'stock: stored 3, .*rejected 1.*delivered 2.*dead 1' err)" 1
is '   then only what has changed' "$(grep -c 'opened 5 = delivered 3 + unchanged 1 ' err)" 1
is '2. the mended row is delivered' "$(cat "$SS_HOME"/log/*/*/*/*.ndjson | jq -c 'select(.type == "ss.delivered" and .subject == "CUP-2") | .data.set.fields')" \
    '{"price":"6.00"}'
is '3. the second target has the file too' "$(jq -r .subject readme/audit.ndjson | tr '\n' ' ')" 'CUP-1 CUP-3 '
is '4. the event that waited has its row' "$(jq -r .data.bins.bin readme/picks.ndjson)" R7
is '5. what changed between two files' "$(grep -c '^\["CUP-3",{"fields":{"price":"5.50"}}\]$' out)" 1
balanced 'and all is accounted for'
SS_HOME=$TMP/home SS_CONFIG=$TMP/storesync.conf

# --- scripts/recipes ----------------------------------------------------------------------------
recipe()
{
	r_name=$1
	shift
	sh "$ROOT/scripts/recipes/$r_name.sh" "$@"
}

for f in "$ROOT"/scripts/recipes/*.sh; do
	status "${f##*/} without arguments is called wrong" 2 sh "$f" </dev/null
	check '  and tells how' "sh '$f' 2>&1 </dev/null | grep -q '^usage: ${f##*/}'"
	check '  has a comment head' "sed -n 2p '$f' | grep -q '^# $(basename "$f" .sh) - '"
done

shop shop
printf 'sku,price,available\nA,1.00,1\nB,2.00,2\nC,3.00,x\n' >in.csv
gzip -k in.csv
control shop '{"rules":[{"key":"B","refuse":{}}]}'
status 'batch-import: done, some dead' 3 recipe batch-import in.csv.gz http:shop
is '  the good one is in' "$(counter shop applied)" 1
status '  again: the same' 3 recipe batch-import in.csv.gz http:shop
is '  applied nothing' "$(counter shop applied)" 1

status 'retry-and-replay while the cause is there: still dead' 3 recipe retry-and-replay import value
control shop '{"rules":[]}'
ok '  when it is gone: done' recipe retry-and-replay import
is '  the shop has it' "$(value shop B | jq -c .levels.main.available)" 2
is '  only the bad row is dead' "$(ss-track list -j -p import | jq -r .type)" line.rejected
ok '  nothing left to do: done' recipe retry-and-replay import

control shop '{"rules":[{"status":503}]}'
printf 'sku,price,available\nF,1.00,1\nG,2.00,2\n' >fan.csv
status 'fan-out with one target down: stopped early' 4 recipe fan-out -r 200ms fan.csv http:shop "file:$TMP/fan.out"
is '  the other has all' "$(jq -r .subject fan.out | tr '\n' ' ')" 'F G '
control shop '{"rules":[]}'
ok '  later the first gets it' ss-run -q -n to-1
is '  all of it' "$(value shop F | jq -c .levels.main.available)$(value shop G | jq -c .levels.main.available)" 12
is '  the other had nothing to do with that' "$(wc -l <fan.out)" 2

echo '{"specversion":"1.0","id":"e1","source":"w","type":"order","subject":"O-1","data":{"sku":"Z"}}' >order
status 'enrich-and-wait: parked' 3 recipe enrich-and-wait bins .data.sku "file:$TMP/picks" <order
printf 'key,bin\nZ,R1\n' | ss-lookup --add bins
ok '  with the row it goes on' recipe enrich-and-wait bins .data.sku "file:$TMP/picks" </dev/null
is '  and has it' "$(jq -r .data.bins.bin picks)" R1

printf 'sku,price\nA,1.00\nB,2.00\n' >old.csv
printf 'sku,price\nA,1.0\nB,2.50\nD,4\n' >new.csv
ok 'file-to-file' recipe file-to-file old.csv new.csv "$TMP/changes"
is '  what changed' "$(jq -c '[.subject, .data.set.fields.price]' changes | tr '\n' ' ')" '["B","2.50"] ["D","4"] '
ok '  again' recipe file-to-file old.csv new.csv "$TMP/changes"
is '  nothing twice' "$(wc -l <changes)" 2
status '  a bad row: refused' 2 recipe file-to-file in.csv new.csv "$TMP/changes"
balanced 'the accounts balance'

# --- scripts/demo -------------------------------------------------------------------------------
status 'the demo with an option is called wrong' 2 sh "$ROOT/scripts/demo" --what
mkdir mine
: >mine/file
must_fail 'it leaves a folder alone that is not its own' sh "$ROOT/scripts/demo" mine
check '  as it was' '[ "$(ls -A mine)" = file ]'
ok 'the demo checks itself' timeout 100 sh "$ROOT/scripts/demo" demo
cp "$OUT" out
check '  without colour when nobody sees it' '! grep -q "$(printf "\\033")" out'
check '  and says where its data is' 'grep -q "All of it is in $TMP/demo" out'
ok '  which is whole' ss-log verify --home demo/home
check '  the peer has ended' '! curl -s --max-time 2 "http://127.0.0.1:$(cat demo/port)/stats"'
done_testing
