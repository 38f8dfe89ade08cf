#!/bin/sh
# fetch-csv.sh - ss-fetch on a CSV file of N (1,000,000) rows: rows a second and
# peak memory, beside mlr on the same file where that is installed
#
# usage: tests/bench/fetch-csv.sh [N]; SS_BIN names the programs
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
SS_BIN=${SS_BIN:-$root/build/release/bin}
PATH=$SS_BIN:$PATH
n=${1:-1000000}
dir=$(mktemp -d "${TMPDIR:-/tmp}/ss-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
export SS_CONFIG=/dev/null SS_HOME="$dir/home"

# rows of 82 bytes with their newline
perl -e '
	my $n = shift;
	print "sku,title,vendor,price,cost,barcode,available\n";
	for my $i (1 .. $n) {
		printf "SKU-%07d,T-Shirt model %06d %s,Acme Trading,%6.2f,%5.2f,%013d,%04d\n",
			$i, $i % 999983, (qw(red blu gry))[$i % 3], 100 + $i % 900, 10 + $i % 90,
			$i * 7919, $i % 1000;
	}' "$n" >"$dir/items.csv"
gzip -1 <"$dir/items.csv" >"$dir/items.csv.gz"

# TITLE COMMAND...: the best of three
run()
{
	title=$1 best=
	shift
	for _ in 1 2 3; do
		/usr/bin/time -o "$dir/time" -f '%e %M' "$@" >/dev/null
		read -r s kib <"$dir/time"
		if [ -z "$best" ] || [ "$(echo "$s < $best" | bc)" = 1 ]; then
			best=$s rss=$kib
		fi
	done
	printf '%-28s %6.2f s  %9.0f rows/s  %7d KiB\n' "$title" "$best" \
	    "$(echo "$n / ($best + 0.001)" | bc)" "$rss"
}

run 'ss-fetch, items' ss-fetch "csv:$dir/items.csv"
ours=$best
run 'ss-fetch, items, through cat' sh -c "ss-fetch 'csv:$dir/items.csv' | cat"
run 'ss-fetch --rows' ss-fetch --rows "csv:$dir/items.csv"
run 'ss-fetch, gzip' ss-fetch "csv:$dir/items.csv.gz"
if command -v mlr >/dev/null; then
	run 'mlr --icsv --ojsonl cat' mlr --icsv --ojsonl cat "$dir/items.csv"
	echo "ss-fetch is $(echo "scale=1; $best / $ours" | bc) times as fast"
fi
