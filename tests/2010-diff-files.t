#!/bin/sh
# ss-diff A B compares two snapshots
. "$(dirname "$0")/lib.sh"

# item ID SKU DATA-MEMBERS
item()
{
	printf '{"specversion":"1.0","id":"%s","source":"csv:stock","type":"item.observed","subject":"%s","time":"2026-11-21T09:00:00.000Z","data":{"sku":"%s"%s}}\n' \
	    "$1" "$2" "$2" "${3:+,$3}"
}
product()
{
	printf '{"specversion":"1.0","id":"%s","source":"csv:goods","type":"product.observed","subject":"%s","data":{%s}}\n' "$1" "$2" "$3"
}
brief() { jq -c '[.type, .subject, .data.set, .data.was, .data.items]'; }

item 1 A '"fields":{"price":"10"}' >a
item 2 B '"fields":{"price":"5","title":"B"},"levels":{"main":{"available":3}}' >>a
product 3 mug '"fields":{"title":"Mug"},"items":[{"sku":"M1","fields":{"price":"1"}},{"sku":"M2"}]' >>a
item 4 B '"fields":{"price":"6"}' >>a
item 5 D '"fields":{"price":"9"}' >>a

head -n 3 a >once
ok 'a file and itself are the same' ss-diff once once
item 1 A '"fields":{"price":"10.00"}' >b
status 'so is another spelling' 0 ss-diff a b
is 'nothing is written' "$(cat "$OUT")" ''
status 'with --complete what is missing differs' 1 ss-diff --complete a b >got.raw
jq -c '[.type, .subject, .data, .causationid]' got.raw >got
cat >want <<'WANT'
["item.removed","B",{"sku":"B"},"2"]
["product.removed","mug",{},"3"]
["item.removed","D",{"sku":"D"},"5"]
WANT
same 'it is told once' got want
status 'again' 1 ss-diff --complete a b >got2.raw
is 'the same ids' "$(jq -r .id got2.raw)" "$(jq -r .id got.raw)"

item 7 B '"fields":{"price":"5","title":"B"},"levels":{"main":{"available":4}}' >b
item 8 N '"fields":{"price":"1"}' >>b
product 9 mug '"fields":{"title":"Mugs"},"items":[{"sku":"M1","fields":{"price":"1.0"}}]' >>b
item 10 M2 '"product":"mug","fields":{"price":"2"}' >>b
item 11 A '' >>b
echo '{"specversion":"1.0","id":"12","source":"s","type":"order.created","data":{}}' >>b
status 'what differs' 1 ss-diff a b >got.raw
brief <got.raw >got
cat >want <<'WANT'
["item.changed","B",{"fields":{"price":"5"},"levels":{"main":{"available":4}}},{"fields":{"price":"6"},"levels":{"main":{"available":3}}},null]
["item.changed","N",{"fields":{"price":"1"}},null,null]
["product.changed","mug",{"fields":{"title":"Mugs"}},{"fields":{"title":"Mug"}},null]
["item.changed","M2",{"fields":{"price":"2"}},null,null]
WANT
same 'is narrowed to that; of several lines the newest counts' got want
status 'only what is in neither B nor a removed product is gone' 1 ss-diff --complete a b >got.raw
is 'D' "$(jq -r 'select(.type | endswith("removed")).subject' got.raw)" D

ss-diff a b >want || :
status 'A may be a pipe' 1 sh -c 'cat a | ss-diff - b' >got
same 'with the same result' got want
printf '{"specversion":"1.0","id":"r","source":"csv:stock","type":"item.removed","subject":"D","data":{}}\n' >b
status 'what B says is removed' 1 ss-diff a b >got
same 'is handed on' got b
cat a b >a2
ok 'and is no difference where A says so too' ss-diff a2 b
item 5 D '"fields":{"price":"9"}' >b
status 'it may come back' 1 ss-diff a2 b >got
ok 'with nothing before it' jq -e '.data | has("was") | not' got

{ item 1 B '"fields":{"price":"5"}'; item 2 B '"fields":{"price":"6"}'; item 3 A '"fields":{"price":"10"}'; } >b
status 'of several lines of B' 1 ss-diff a b >got.raw
jq -c '[.id, .data.set, .data.was]' got.raw >got
cat >want <<'WANT'
["1",{"fields":{"price":"5"}},{"fields":{"price":"6"}}]
["2",{"fields":{"price":"6"}},{"fields":{"price":"6"}}]
WANT
same 'all behind one that differs are kept' got want

: >b
status 'an empty B removes nothing' 4 ss-diff --complete a b
echo '{"specversion":"1.0","id":"c","source":"csv:stock","type":"ss.cursor","data":{"phase":"begin"}}' >b
item 1 A '"fields":{"price":"10"}' >>b
status 'nor does one that was cut short' 4 ss-diff --complete a b
echo '{"specversion":"1.0","id":"c2","source":"csv:stock","type":"ss.cursor","data":{"phase":"end"}}' >>b
status 'with its end it does' 1 ss-diff --complete a b
echo '{"specversion' >b
status 'a line that is no event' 2 ss-diff a b
check 'is named' 'ss-diff a b 2>&1 | grep -q "^ss-diff: b:1: not JSON"'
item 1 A '"fields":5' >b
status 'so is an item that is not of the form' 2 ss-diff a b
status 'a file that is not there' 2 ss-diff a nowhere
status 'one file is not enough' 2 ss-diff a
status 'a target takes no files' 2 ss-diff --target x:y a b
ok 'no state is needed' test ! -e "$SS_HOME"
done_testing
