#!/bin/sh
# ss-run(1), ss-push(1), storesync.conf(5): clean, whole, their examples run
. "$(dirname "$0")/lib.sh"

for p in ss-run.1 ss-push.1 storesync.conf.5; do
	page=$ROOT/man/$p
	if command -v mandoc >"$T_BASE/null"; then
		# pages of other programs need not be there yet
		mandoc -Tlint -W warning "$page" 2>&1 | grep -v -e 'referenced manual not found' -e 'mandoc.db' >lint
		is "$p: mandoc -Tlint" "$(cat lint)" ''
	else
		skip "$p: mandoc -Tlint" 'no mandoc'
	fi
	[ "$p" != storesync.conf.5 ] || continue
	prog=${p%.1}
	"$prog" --help | grep -o -e '--[a-z-]*' | sort -u >options
	while read -r o; do
		check "  it has $o" "grep -q -e 'Fl -*${o#--}\\b' -e ', -${o#--}\\b' '$page'"
	done <options
	rm -f example*
	awk '/^\.Sh EXAMPLES/ { on = 1 } /^\.Sh SEE/ { on = 0 }
		on && /^\.Bd/ { n++; inside = 1; next } /^\.Ed/ { inside = 0 }
		on && inside { gsub(/\\e/, "\\"); print > ("example" n) }' "$page"
	for f in example*; do
		case $(cat "$f") in
		*ss-track*) command -v ss-track >"$T_BASE/null" || { skip "$prog $f" 'no ss-track yet'; continue; } ;;
		esac
		SS_HOME=$TMP/home-$prog-$f
		mkdir -p "$SS_HOME"
		check "  $f runs" "set -e; . ./$f >out"
		tail -n 2 out >"out-$prog-$f"
	done
done
is 'a batch import' "$(tr -d ' ' <out-ss-run-example1)" 2
is 'events as themselves' "$(cat out-ss-run-example2)" A
is 'what would be sent' "$(cat out-ss-push-example2)" '{"items":[{"key":"A","price":"1.50"},{"key":"B","price":"2"}]}'

# every key of the page is taken, and no other
for kind in http file; do
	awk -v k="$kind" '/^\.Ss Keys of every/ { on = k == "http" } /^\.Ss Kind/ { on = $3 == k } /^\.Sh JQ/ { on = 0 }
		on && /^\.It Cm .* Ta / { print $3 }' "$ROOT/man/storesync.conf.5" | sed 's/^token$/token-file/' | sort >page
	sed -n '/const keys\[\] = {/,/NULL/p' "$ROOT/lib/peer/sink_$kind.c" | tr -d '\n' | grep -o '"[a-z-]*"' | tr -d '"' | sort >code
	same "the keys of kind $kind" page code
done

done_testing
