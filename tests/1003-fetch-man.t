#!/bin/sh
# ss-fetch(1): the page is clean, tells of every option, and its examples run
. "$(dirname "$0")/lib.sh"

page="$ROOT/man/ss-fetch.1"
if command -v mandoc >"$T_BASE/null"; then
	# pages of other programs need not be there yet
	mandoc -Tlint "$page" 2>&1 | grep -v -e 'referenced manual not found' -e 'mandoc.db' >lint
	is 'mandoc -Tlint' "$(cat lint)" ''
else
	skip 'mandoc -Tlint' 'no mandoc'
fi

ss-fetch --help | grep -o -e '--[a-z-]*' | sort -u >options
while read -r o; do
	check "the page has $o" "grep -q -e 'Fl -*${o#--}\\b' -e ', -${o#--}\\b' '$page'"
done <options

# each literal block of the section, as printed
awk '/^\.Sh EXAMPLES/ { on = 1 } /^\.Sh SEE/ { on = 0 }
	on && /^\.Bd/ { n++; inside = 1; next } /^\.Ed/ { inside = 0 }
	on && inside { gsub(/\\e/, "\\"); print > ("example" n) }' "$page"
n=0
for f in example*; do
	ok "$f runs" sh -e "$f" >out
	check '  and writes events to an end' 'tail -n 1 out | grep -q "\"phase\":\"end\",.*\"lines\":[1-9]"'
	n=$((n + 1))
done
is 'all of them' "$n" 4

done_testing
