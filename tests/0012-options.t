#!/bin/sh
# an option that what is done has no use for is refused, and named
. "$(dirname "$0")/lib.sh"

printf 'sku,qty\nA,1\n' >a.csv
echo . >m.jq
printf '{"key":"A","v":1}\n' >rows
ss-lookup --load t rows || fail 'a table'

# refused OPTION MODE COMMAND...
refused()
{
	r_option=$1 r_mode=$2
	shift 2
	status "$*" 2 "$@" <a.csv >out
	is '  is named, and nothing is written' "$(cat "$ERR" out)" \
	    "$1: option $r_option has no use with $r_mode (see --help)"
}

for o in --map=m.jq --rows --head=1 --location=x --source=x --time=2026-01-01T00:00:00Z --cursor=x --complete --encoding=UTF-8 \
    '--delimiter=;' --ragged=pad --strict; do
	refused "${o%%=*}" --list ss-fetch --list "$o" csv:a.csv
done
refused --location --rows ss-fetch --rows --location x csv:a.csv
refused --location --map ss-fetch --map m.jq --location x csv:a.csv
ok 'ss-fetch --list with what it takes' ss-fetch --list --max-bytes 1M csv:a.csv

for m in --load --add --count --get=A; do
	for o in --by=id --into=x --miss=dead --deadline=7d; do
		refused "${o%%=*}" "${m%%=*}" ss-lookup "$m" "$o" t
	done
done
for m in --count --get=A; do
	for o in --key=x --allow-empty; do
		refused "${o%%=*}" "${m%%=*}" ss-lookup "$m" "$o" t
	done
done
refused --allow-empty --add ss-lookup --add --allow-empty t rows
refused --key --list ss-lookup --list --key x
refused --key 'the filter' ss-lookup --key x t
refused --allow-empty 'the filter' ss-lookup --allow-empty t
refused --deadline '--miss pass' ss-lookup --miss pass --deadline 1h t
refused --deadline '--miss dead' ss-lookup --miss dead --deadline 1h t
status 'ss-lookup: two things at once' 2 ss-lookup --load --add t rows
is 'the table is as it was' "$(ss-lookup --get A t)" '{"key":"A","v":1}'

for o in --retry-for=1s --attempts=3; do
	refused "${o%%=*}" --dry-run ss-push --dry-run "$o" file:out
done
for o in --force --edit=. --retry-for=1s --wait --quiet; do
	refused "${o%%=*}" --print ss-replay --print "$o" id
done
refused --json dump ss-log --json dump
refused --json dump ss-log dump -j
status 'ss-diff: --complete with --target' 2 ss-diff --target file:out --complete
is '  is named' "$(grep -c -e --complete "$ERR")" 1

done_testing
