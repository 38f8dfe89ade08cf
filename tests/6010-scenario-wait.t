#!/bin/sh
# Events that wait for a row of a table: parked, released in order when it lands
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/shop.sh"

order()
{
	printf '{"specversion":"1.0","id":"%s","source":"web","type":"order.line","subject":"%s","time":"2026-11-20T10:0%s:00.000Z","data":{"sku":"%s"}}\n' \
	    "$1" "$2" "$3" "$4"
}

pipeline orders 'ss-lookup --by .data.sku --into stock bins | ss-push file:orders.out'
printf 'sku,bin\nA,R1\n' | ss-lookup --load --key sku bins

# C-1's first line misses; its second hits, but must not pass it.
{ order l1 C-1 0 B; order l2 C-1 1 A; order l3 C-2 2 A; order l4 C-1 3 B; } >in
status 'what misses is parked' 3 ss-run -q --retry-for 0 orders <in
is 'another customer'\''s order is through' "$(jq -r .id orders.out)" l3
is 'three wait' "$(account orders parked)" 3
is '  the first for a row' "$(ss-track list -j --state parked | jq -r .id | head -n 1)" l1
is '  of a table and a key' "$(ss-track show -j l1 | jq -c 'select(.state) | .lines[-1].data.wait')" '{"table":"bins","key":"B"}'
balanced '  the accounts balance'

ok 'a run without the row has nothing to do' ss-run -q -n --retry-for 0 orders
is '  they still wait' "$(account orders parked)" 3
is '  nothing more is out' "$(wc -l <orders.out)" 1
is '  the wait is no attempt that failed' "$(account orders dead)" 0

# Something that misses the row is not in the way of others.
order l5 C-3 4 A | ss-run -q --retry-for 0 orders
is 'a new customer is served meanwhile' "$(jq -r .id orders.out | tail -n 1)" l5

printf '{"sku":"B","bin":"R2"}\n' | ss-lookup --add --key sku bins
ok 'the row lands: the next run delivers them' ss-run -q -n orders
is '  in their order' "$(jq -r 'select(.subject == "C-1") | .id' orders.out | tr '\n' ' ')" 'l1 l2 l4 '
is '  each with its row' "$(jq -r 'select(.subject == "C-1") | .data.stock.bin' orders.out | tr '\n' ' ')" 'R2 R1 R2 '
is '  each once' "$(sort orders.out | uniq -d | wc -l)/$(wc -l <orders.out)" 0/5
is '  none waits' "$(account orders parked)/$(account orders open)" 0/0
status '  nothing is listed' 1 ss-track list
balanced '  the accounts balance'

# A run that follows takes it up by itself.
order l6 C-4 5 Z | ss-run -q --retry-for 0 orders
background ss-run -q -n --follow orders
run=$BG_PID
sleep 0.5
is 'a run that follows does not feed what waits' "$(account orders parked)" 1
printf 'sku,bin\nA,R1\nB,R2\nZ,R9\n' | ss-lookup --load --key sku bins
ok '  the row lands: it delivers' wait_for 15 sh -c "ss-track show -j l6 | jq -e 'select(.state == \"delivered\")'"
kill "$run" 2>/dev/null
wait "$run" 2>/dev/null

# The deadline.
pipeline orders 'ss-lookup --by .data.sku --deadline 1s bins | ss-push file:orders.out'
order l7 C-5 6 NONE | ss-run -q --retry-for 0 orders
is 'with a deadline it is parked first' "$(account orders parked)" 1
sleep 1.2
status 'then dead' 3 ss-run -q -n orders
is '  class missing' "$(ss-track list -j | jq -r '.state + " " + .cause.class')" 'dead missing'
printf '{"sku":"NONE","bin":"R0"}\n' | ss-lookup --add --key sku bins
ok '  the row comes late: replayed by its id it is delivered' ss-replay -q l7
is '  with it' "$(jq -r 'select(.id == "l7") | .data.bins.bin' orders.out)" R0
balanced '  the accounts balance'

# Stock and price of an item may pass what is parked: judged by field.
pipeline stock 'ss-lookup --by subject products | ss-diff --target http:shop | ss-push http:shop'
shop shop
printf '{"key":"P-2"}\n' | ss-lookup --load products
{ event i1 P-1 5; event i2 P-2 6; event i3 P-1 7 2026-11-20T11:00:00.000Z; } >in
status 'item events of a product that is not there are parked' 3 ss-run -q --retry-for 0 stock <in
is '  the other product is in' "$(value shop P-2 | jq -c .levels.main.available)" 6
printf '{"key":"P-1"}\n' | ss-lookup --add products
ok '  when it is there they go on' ss-run -q -n stock
is '  the newest value is in' "$(value shop P-1 | jq -c .levels.main.available)" 7
is '  nothing is open' "$(account stock open)" 0
balanced '  the accounts balance'

done_testing
