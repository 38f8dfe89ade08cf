# shellcheck shell=sh
# shop.sh - for tests that need a shop to deliver to; read it behind lib.sh
#
#	shop NAME [OPTION...]		starts sim-http as http:NAME, adds its section to
#					$SS_CONFIG; SHOP_PID
#	url NAME			where it is
#	control NAME JSON		its script from now on
#	counter NAME WHAT		one of its counters
#	value NAME KEY			what it holds of KEY, {} if nothing
#	pipeline NAME [SCRIPT]		makes $SS_HOME/pipelines/NAME; without SCRIPT
#					ss-diff and ss-push to http:shop
#	event ID SUBJECT QTY [TIME [SOURCE [PRICE]]]	an item.observed
#	account PIPELINE WHAT		a number of ss-track stats
#	balanced TITLE			ss-log verify is content, and opened is the sum
#					of what ended, was replaced and is open

shop()
{
	shop_name=$1
	shift
	[ -s "$shop_name.port" ] && shop_port=$(cat "$shop_name.port") || shop_port=0
	background sim-http --port "$shop_port" --port-file "$shop_name.port" --journal "$shop_name.journal" \
	    --state "$shop_name.state" --max-seconds 120 "$@" 2>"$shop_name.err"
	SHOP_PID=$BG_PID
	wait_for 10 test -s "$shop_name.port" || diag "$shop_name did not start: $(cat "$shop_name.err")"
	grep -q "^\[http \"$shop_name\"\]" "$SS_CONFIG" || cat >>"$SS_CONFIG" <<-CONF
	[http "$shop_name"]
	url = $(url "$shop_name")/items
	idempotency = header Idempotency-Key
	batch = 10
	retry-base = 50ms
	body = {items: [.[] | {key: .subject} + (.data.set.fields // {}) + (if .data.set.levels then {levels: .data.set.levels} else {} end)]}
	reply = .body.results[] | {key, ok: (.status == "ok"), code, message, class: (if .status == "later" then "intermittent" else "value" end), retry: (.status == "later")}
	CONF
}

url()
{
	echo "http://127.0.0.1:$(cat "$1.port")"
}

control()
{
	curl -sS --max-time 10 -d "$2" "$(url "$1")/control"
}

counter()
{
	curl -sS --max-time 10 "$(url "$1")/stats" | jq -r ".$2"
}

value()
{
	curl -sS --max-time 10 "$(url "$1")/items/$2" | jq -c 'if .error then {} else . end'
}

pipeline()
{
	mkdir -p "$SS_HOME/pipelines"
	printf '#!/bin/sh\n%s\n' "${2:-ss-diff --target http:shop | ss-push http:shop}" >"$SS_HOME/pipelines/$1"
	chmod +x "$SS_HOME/pipelines/$1"
}

event()
{
	printf '{"specversion":"1.0","id":"%s","source":"%s","type":"item.observed","subject":"%s","time":"%s","data":{"sku":"%s","fields":{"price":"%s"},"levels":{"main":{"available":%s}}}}\n' \
	    "$1" "${5:-wms}" "$2" "${4:-2026-11-20T10:00:00.000Z}" "$2" "${6:-1.00}" "$3"
}

account()
{
	ss-track -j stats | jq -r "select(.pipeline == \"$1\") | .$2"
}

shop_sums()
{
	ss-log verify -j >"$T_BASE/verify" || { cat "$T_BASE/verify"; return 1; }
	ss-track -j stats | jq -es 'length > 0 and all(.opened == .delivered + .unchanged + .superseded + .filtered +
		.routed + .dead + .replaced + .open)'
}

balanced()
{
	ok "$1" shop_sums
}
