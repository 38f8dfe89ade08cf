#!/bin/sh
# ss-replay(1): the page is clean, tells of every option, and its examples run
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/shop.sh"

page="$ROOT/man/ss-replay.1"
if command -v mandoc >"$T_BASE/null"; then
	ok 'mandoc -Tlint' mandoc -Tlint -W warning "$page"
else
	skip 'mandoc -Tlint' 'no mandoc'
fi
ss-replay --help | grep -o -e '--[a-z-]*' | sort -u >options
while read -r o; do
	check "the page has $o" "grep -q -e 'Fl -*${o#--}\\b' -e ', -${o#--}\\b' '$page'"
done <options

# What the examples find: a dead event, a row that was rejected, an order.
pipeline stock 'ss-lookup --miss dead prices | ss-push file:out'
pipeline audit 'ss-push file:audit'
event d1 D-1 1 >in
status 'a dead event for them' 3 ss-run -q stock <in
printf '{"key":"D-1"}\n{"key":"B-2"}\n{"key":"O-17"}\n' | ss-lookup --load prices
printf 'sku,price,available\nB-2,much,6\n' >b.csv
ss-fetch csv:b.csv 2>err | ss-run -q stock
event order-17 O-17 1 | ss-run -q stock

awk '/^\.Sh EXAMPLES/ { on = 1 } /^\.Sh SEE/ { on = 0 }
	on && /^\.Bd/ { n++; inside = 1; next } /^\.Ed/ { inside = 0 }
	on && inside { gsub(/\\e/, "\\"); print > ("example" n) }' "$page"
n=0
for f in example*; do
	ok "$f runs" sh -e "$f"
	n=$((n + 1))
done
is 'all of them' "$n" 5
is 'the dead one was delivered' "$(jq -r 'select(.id == "d1") | .subject' out)" D-1
is 'so was the row' "$(jq -r 'select(.subject == "B-2") | .data.set.fields.price' out)" 9.50
is 'and the order, twice' "$(jq -r 'select(.subject == "O-17") | .data.set.fields.price' out | tr '\n' ' ')" '1.00 12.50 '
is 'and once in the other pipeline' "$(jq -r .id audit)" order-17
status 'nothing is left' 1 ss-track list
balanced 'the accounts balance'
done_testing
