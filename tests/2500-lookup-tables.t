#!/bin/sh
# ss-lookup: tables are filled, replaced whole, and read
. "$(dirname "$0")/lib.sh"

cat >rows <<'ROWS'
{"key":"A","price":1.10,"big":12345678901234567890}
  {"price":2,"key":"B/1 \u00e9"}
{"key":3}
ROWS
ok 'NDJSON is loaded' ss-lookup --load prices rows
check 'a row comes back as it was' '[ "$(ss-lookup --get A prices)" = "{\"key\":\"A\",\"price\":1.10,\"big\":12345678901234567890}" ]'
check 'a key is text, unescaped' '[ "$(ss-lookup --get "B/1 é" prices)" = "{\"price\":2,\"key\":\"B/1 \\u00e9\"}" ]'
ok 'a number is a key too' ss-lookup --get 3 prices
status 'no such row' 1 ss-lookup --get C prices
status 'no such table' 1 ss-lookup --get A other
check 'they are counted' '[ "$(ss-lookup --count prices)" = 3 ]'
printf '\357\273\277sku;name\r\nX;"Hat; ""red"""\r\n\r\nY;\r\n' >rows.csv
ok 'CSV is loaded' ss-lookup --load --key sku hats rows.csv
check 'each cell by its column' '[ "$(ss-lookup --get X hats)" = "{\"sku\":\"X\",\"name\":\"Hat; \\\"red\\\"\"}" ]'
check 'a blank one is blank' '[ "$(ss-lookup --get Y hats)" = "{\"sku\":\"Y\",\"name\":\"\"}" ]'
check 'tables are listed' '[ "$(ss-lookup --list | tr "\n" " ")" = "hats prices " ]'

check 'standard input is a file' 'echo "{\"key\":\"D\"}" | ss-lookup --add prices'
check 'adding keeps what is there' '[ "$(ss-lookup --count prices)" = 4 ]'
check 'and replaces one with the same key' 'echo "{\"key\":\"A\",\"v\":2}" | ss-lookup --add prices - && [ "$(ss-lookup --get A prices)" = "{\"key\":\"A\",\"v\":2}" ]'
check 'loading replaces all' 'echo "{\"key\":\"Z\"}" | ss-lookup --load prices && [ "$(ss-lookup --count prices)" = 1 ]'

printf '{"key":"A"}\n{"nokey":1}\n' >bad
status 'a row without a key' 2 ss-lookup --load prices bad
check 'is named' 'ss-lookup --load prices bad 2>&1 | grep -q "^ss-lookup: bad:2: no key"'
check 'and the table stays' '[ "$(ss-lookup --count prices)" = 1 ]'
printf '{"key":"A"}\n[1]\n' >bad
status 'a row that is no object' 2 ss-lookup --load prices bad
printf 'sku,name\nA,x,y\n' >bad
status 'a ragged row' 2 ss-lookup --load --key sku prices bad
printf 'sku,name\nA,x\n' >bad
status 'a column that is not there' 2 ss-lookup --load prices bad
check 'is named' 'ss-lookup --load prices bad 2>&1 | grep -q "no column .key."'
printf 'sku,sku\nA,x\n' >bad
status 'a column that stands twice' 2 ss-lookup --load --key sku prices bad
status 'an empty file replaces nothing' 4 ss-lookup --load prices /dev/null
check 'so far' '[ "$(ss-lookup --count prices)" = 1 ]'
ok 'unless it is meant' ss-lookup --load --allow-empty prices /dev/null
check 'then it is empty' '[ "$(ss-lookup --count prices)" = 0 ]'
status 'no way out of the folder' 2 ss-lookup --load ../x rows
status 'nor a hidden name' 2 ss-lookup --count .x
status 'one thing at a time' 2 ss-lookup --list --count

long=$(printf '%0500d' 7)
echo "{\"key\":\"$long\",\"v\":1}" >rows
ok 'a long key' ss-lookup --load long rows
ok 'is found' ss-lookup --get "$long" long
status 'and no other' 1 ss-lookup --get "${long}8" long

# A load that was killed leaves nothing behind for the next, and no harm.
mkfifo pipe
ss-lookup --load long <pipe &
pid=$!
exec 7>pipe
echo '{"key":"half"}' >&7
wait_for 5 test -e "$SS_HOME/state/tables/.long.new"
kill -9 "$pid"
exec 7>&-
wait "$pid" 2>/dev/null
ok 'after a load that was killed the table is whole' ss-lookup --get "$long" long
ok 'and can be loaded' ss-lookup --load long rows
is 'with nothing left beside it' "$(find "$SS_HOME/state/tables" -name '*.new*')" ''

# Readers and loads side by side: always a whole table.
perl -e 'print "{\"key\":\"k$_\",\"v\":1}\n" for 1 .. 3000' >many
ss-lookup --load many many
for i in 1 2 3 4 5 6; do ss-lookup --load many many; done &
pid=$!
bad=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	[ "$(ss-lookup --count many)" = 3000 ] && ss-lookup --get k3000 many >/dev/null || bad=$((bad + 1))
done
wait "$pid"
is 'while tables are replaced every reader sees a whole one' "$bad" 0
echo '{"key":"one"}' | ss-lookup --load race
for i in 1 2 3 4 5 6 7 8; do echo "{\"key\":\"add$i\"}" | ss-lookup --add race & done
wait
is 'of additions at one time none is lost' "$(ss-lookup --count race)" 9

# The page's example runs as printed.
sed -n '/^printf .sku,bin/,/^\.Ed/{/^\.Ed/!p}' "$ROOT/man/ss-lookup.1" | sed 's/\\e/\\/g' >example
check 'the example of the page runs' 'sh -e example >got && [ "$(cat got)" = "{\"sku\":\"A-1\",\"bin\":\"R7\"}
1" ]'
done_testing
