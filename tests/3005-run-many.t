#!/bin/sh
# ss-run: what it costs when very many are dropped or wait behind others
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/pipe.sh"

N=20000
# many N TYPE
many()
{
	awk -v n="$1" -v t="$2" 'BEGIN { for (i = 0; i < n; i++)
	    printf "{\"specversion\":\"1.0\",\"id\":\"e%d\",\"source\":\"s\",\"type\":\"%s\",\"subject\":\"S%d\",\"data\":{\"fields\":{\"a\":\"%d\"}}}\n", i, t, i, i }'
}

# What ss-run read, in MB, into the file mb.
measured()
{
	sh -c '"$@"; rc=$?; sed -n "s/^rchar: \(.*\)......$/\1/p" /proc/$$/io >mb; exit $rc' - "$@"
}

# mb_below TITLE MB: a block of the log is 1 MiB, so one block a line is thousands
mb_below()
{
	if [ -s mb ]; then
		check "$1" "[ $(cat mb) -lt $2 ]"
	else
		skip "$1" 'what a process read is not told here'
	fi
}

# lets ss. lines pass alone
script p 'grep "\"type\":\"ss[.]" || :'
cp "$SS_HOME/pipelines/p" drop
many $N item.observed >in

# --- memory: outcomes are committed as they come ------------------------------------------
home memory
cp drop "$SS_HOME/pipelines/p"
# shellcheck disable=SC3045 # the shells that run it have it
if (ulimit -d 40000 && ss-run --version); then
	bounded()
	{
		# shellcheck disable=SC3045
		(ulimit -d 40000 && exec timeout 60 ss-run -q --retry-for 0 p <in)
	}
	run "$N dropped within 40 MB" 3 bounded
	is '  all are told of' "$(outcomes | grep -c 'bug dropped')" $N
	check '  accounts' 'ss-log verify >verify.out'
else
	skip "$N dropped within 40 MB" 'memory cannot be limited here'
fi

# --- reading: not one search for each ------------------------------------------------------
home reads
cp drop "$SS_HOME/pipelines/p"
run "$N dropped" 3 measured timeout 100 ss-run -q --retry-for 0 p <in
mb_below '  without reading the log again for each' 500

home held
cat >fail.jq <<'END'
if .type | startswith("ss.") then . else {specversion, id: ("o" + .id), source: "t", type: "ss.failed", subject, data:
  {event: {source, id, type, seq: .ssseq, key: .subject}, pipeline: .sspipeline, stage: "t", attempt: 1,
  cause: {class: "intermittent", code: "x", retry: true}, due: "2099-01-01T00:00:00Z"}} end
END
script p 'jq -c -f "$HOME/fail.jq"'
ev order K order.created | timeout 20 ss-run -q --retry-for 0 p
script p cat
many $N order.paid >in
run "$N live ones while one that others may wait behind is open" 0 measured timeout 100 ss-run -q --retry-for 0 p <in >out
is '  all come out' "$(wc -l <out)" $N
mb_below '  without reading the log again for each' 500

done_testing
