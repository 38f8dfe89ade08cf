# shellcheck shell=sh
# pipe.sh - for tests of pipelines; read it behind lib.sh
#
#	home NAME		a fresh $SS_HOME from here on
#	script NAME LINE...	a pipeline's script
#	ev ID SUBJECT [TYPE [MORE MEMBERS]]	an event
#	lines			what is in the log, without the segments' headers
#	outcomes		"TYPE ID CLASS CODE" of each outcome in the log, in order
#	run TITLE WANT ARG...	as status; what it said is left in err

home()
{
	SS_HOME=$TMP/home-$1
	mkdir -p "$SS_HOME/pipelines"
}

script()
{
	s_name=$1
	shift
	printf '%s\n' '#!/bin/sh' "$@" >"$SS_HOME/pipelines/$s_name"
	chmod 755 "$SS_HOME/pipelines/$s_name"
}

ev()
{
	printf '{"specversion":"1.0","id":"%s","source":"s","type":"%s","subject":"%s"%s,"data":{"fields":{"a":"%s"}}}\n' \
	    "$1" "${3:-item.observed}" "$2" "${4:+,$4}" "$1"
}

lines()
{
	cat "$SS_HOME"/log/year=*/month=*/day=*/*.ndjson 2>/dev/null | grep -v '"type":"ss.segment"'
}

outcomes()
{
	lines | jq -r 'select(.type | startswith("ss.")) | select(.data.event) |
	    [.type[3:], .data.event.id, .data.cause.class, .data.cause.code] | map(. // empty) | join(" ")'
}

run()
{
	status "$@"
	cp "$ERR" err
}

mkdir -p "$SS_HOME/pipelines"
