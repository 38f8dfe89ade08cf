#!/bin/sh
# what a first-time user ran into
. "$(dirname "$0")/lib.sh"
mkdir -p "$SS_HOME/pipelines"
for p in a b; do
	printf '#!/bin/sh\nss-diff --target "file:%s" | ss-push "file:%s"\n' "$TMP/$p.out" "$TMP/$p.out" >"$SS_HOME/pipelines/$p"
	chmod +x "$SS_HOME/pipelines/$p"
done
command -v jq >/dev/null || skip_all 'jq is not here'

printf 'Handle,Title,Google Shopping / Gender,Variant SKU,Variant Price\nmug,Mug,x,M-1,4.00\n' >m.csv
ss-fetch csv:m.csv >rows
status 'a field whose name holds a slash' 0 ss-run -q a <rows
is '  arrives under that name' "$(jq -r '.data.set.fields["Google Shopping / Gender"]' a.out)" x
is '  and fields stands once' "$(grep -o '"fields"' a.out | wc -l)" "$(jq -r '[.. | objects | select(has("fields"))] | length' a.out)"

status 'the same rows for a second pipeline' 0 ss-run -q b <rows
id=$(sed -n 2p rows | jq -r .id)
status '  can be replayed in either' 0 ss-replay -q -p a "$id"
status '  the pipelines are asked for' 2 ss-replay -q "$id"
status '  the accounts balance' 0 ss-log verify

status 'a pipeline that is not there, with nothing to do' 2 ss-run -q -n nosuch
printf '[store-sync]\nenvironment = test\n' >bad.conf
status 'a mistyped section' 2 ss-track --config bad.conf stats
check '  is named with its line' 'ss-track --config bad.conf stats 2>&1 | grep -q "bad.conf:1: "'

truncate -s 9000 "$SS_HOME/state/ledger.mdb"
status 'a state that was cut short' 5 ss-track stats
status '  is made anew' 0 ss-log rebuild
status '  and good' 0 ss-log verify

mv "$SS_HOME/log" kept && mkdir "$SS_HOME/log" && cp kept/LOCK "$SS_HOME/log/"
status 'a log whose segments are gone is not begun anew' 5 ss-run -q a <rows
check '  nothing was written' '[ -z "$(find "$SS_HOME/log" -name "*.ndjson")" ]'
done_testing
