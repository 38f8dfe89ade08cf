#!/bin/sh
# diff.sh - ss-diff with N (1,000,000) items that a target is known to hold:
# events a second and peak memory, unchanged and changed.  The peak counts the
# pages of state/ledger.mdb that are mapped, which the system takes back at need.
#
# usage: tests/bench/diff.sh [N]; SS_BIN names the programs
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
SS_BIN=${SS_BIN:-$root/build/release/bin}
PATH=$SS_BIN:${SS_BIN%/bin}/tools:$PATH
n=${1:-1000000}
dir=$(mktemp -d "${TMPDIR:-/tmp}/ss-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
SS_HOME=$dir/home
SS_CONFIG=/dev/null
export SS_HOME SS_CONFIG PATH
unset SS_PIPELINE
mkdir "$SS_HOME"

# known: one ss.delivered an item; items: what an import says the next day
perl -e '
	my ($n, $dir) = @ARGV;
	open(my $known, ">", "$dir/known") or die;
	open(my $items, ">", "$dir/items") or die;
	for my $i (1 .. $n) {
		my $price = sprintf("%d.%02d", $i % 90 + 5, $i % 100);
		my $state = sprintf("\"fields\":{\"price\":\"%s\",\"barcode\":\"%013d\"},\"levels\":{\"main\":{\"available\":%d},\"north\":{\"available\":%d}}",
			$price, $i, $i % 77, $i % 5);
		printf $known "{\"specversion\":\"1.0\",\"id\":\"d%d\",\"source\":\"ss-push\",\"type\":\"ss.delivered\",\"subject\":\"SKU-%07d\",\"time\":\"2026-11-20T09:00:00.000Z\",\"data\":{\"event\":{\"source\":\"csv:stock\",\"id\":\"e%d\",\"type\":\"item.observed\",\"time\":\"2026-11-20T08:00:00.000Z\",\"seq\":%d},\"target\":\"shopify:acme\",\"set\":{%s}}}\n",
			$i, $i, $i, $i, $state;
		printf $items "{\"specversion\":\"1.0\",\"id\":\"019aa4b6-4502-759b-a2cc-%012x\",\"source\":\"csv:stock\",\"type\":\"item.observed\",\"subject\":\"SKU-%07d\",\"time\":\"2026-11-21T08:00:00.000Z\",\"data\":{\"sku\":\"SKU-%07d\",%s},\"sspipeline\":\"stock\",\"ssseq\":%d}\n",
			$i, $i, $i, $state, $n + 1 + $i;
	}
' "$n" "$dir"
mklog <"$dir/known" >/dev/null
rm "$dir/known"
# the ledger is made from the log once
head -n 1 "$dir/items" | ss-diff --target shopify:acme >/dev/null
sed 's/"available":\([0-9]*\)/"available":1\1/' "$dir/items" >"$dir/moved"
sed 's/"available":\([0-9]*\)/"available":"\1.0"/g' "$dir/items" >"$dir/spelled"

# best FILE: seconds of processor time and KiB, of the run of three that took least
best()
{
	for k in 1 2 3; do
		/usr/bin/time -f '%U %S %M' -o "$dir/time" ss-diff --target shopify:acme <"$1" >/dev/null
		awk '{ print $1 + $2, $3 }' "$dir/time"
	done | sort -n | head -n 1
}

# run TITLE FILE: in all, and without what it takes until all rows are read
run()
{
	best "$2" | awk -v n="$n" -v t="$1" -v start="$start" '{
		printf "%-30s %6.2f s  %8.0f/s; without start %8.0f/s; peak %4.0f MiB\n", t, $1, n / $1,
		    (n - 20001) / ($1 - start), $2 / 1024 }'
}

echo "$n items of $(($(wc -c <"$dir/items") / n)) bytes"
SS_PIPELINE=stock
export SS_PIPELINE
head -n 20001 "$dir/items" >"$dir/few"
start=$(best "$dir/few" | cut -d ' ' -f 1)
echo "start: $start s (processor time, as all below)"
run 'unchanged' "$dir/items"
run 'unchanged, spelled another way' "$dir/spelled"
run 'all changed' "$dir/moved"
unset SS_PIPELINE
run 'unchanged, typed by hand' "$dir/items"
