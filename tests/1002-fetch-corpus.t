#!/bin/sh
# ss-fetch --rows on files made by others: what Python's csv makes of them
. "$(dirname "$0")/lib.sh"

py="$ROOT/tests/tools/csvexpect.py"
command -v python3 >"$T_BASE/null" || skip_all 'no python3'

# FILE TITLE: rows, cells, numbers and rejected rows are those that Python finds.
compare()
{
	python3 "$py" expect "$1" >want
	rc=0
	ss-fetch --rows "csv:$1" >events 2>err || rc=$?
	python3 "$py" events <events >got
	same "$2: as Python reads it" got want
	code=0
	! grep -q '"rejected"' want || code=3
	is "$2: exit code" "$rc" "$code"
}

for d in shopify-product-csvs magento-sample csv-suites transactions; do
	if ! dir=$(shared $d); then
		skip "$d" 'no shared data'
		continue
	fi
	find "$dir" -name '*.csv' -o -name 'CDNOW*.txt' | LC_ALL=C sort >list
	while IFS= read -r f; do
		compare "$f" "${f#"$dir"/}"
	done <list
done

if dir=$(shared csv-suites); then
	# the suites' own answers, for the files that have a header
	for f in "$dir"/csv-spectrum/csvs/*.csv "$dir"/sineemore/csv/header-*.csv; do
		name=$(basename "$f" .csv)
		# that one's answer has other values than its question
		[ "$name" != location_coordinates ] || continue
		json=$(dirname "$(dirname "$f")")/json/$name.json
		python3 "$py" json "$json" >want
		ss-fetch --rows "csv:$f" | python3 "$py" data >got
		same "csv-suites $name: the suite's JSON" got want
	done
	# and its bad ones: the row is named
	for f in less more; do
		status "a header with $f cells" 3 ss-fetch --rows "csv:$dir/sineemore/csv/bad-header-$f-fields.csv" >events
		check '  says file, line and why' \
		    "grep '\"subject\":\"bad-header-$f-fields.csv:2\"' events | grep -q ragged-row"
	done
	status 'a missing quote' 3 ss-fetch --rows "csv:$dir/sineemore/csv/bad-missing-quote.csv" >events
	check '  says the first line of it' "grep -q '\"subject\":\"bad-missing-quote.csv:2\".*open-quote' events"
	status 'an empty file has no rows' 0 ss-fetch --rows "csv:$dir/sineemore/csv/bad-header-no-header.csv"
	status 'bytes that are not UTF-8' 0 ss-fetch --rows \
	    "csv:$dir/csvlint/features/fixtures/invalid-byte-sequence.csv" >events
	cp "$ERR" err
	check '  are said to be cp1252' 'grep -q cp1252 err'
	check '  and read as such' 'grep -q Histórico events'
else
	skip 'csv-suites answers' 'no shared data'
fi

if dir=$(shared shopify-product-csvs); then
	for f in "$dir"/*/*.csv; do
		n=$(python3 - "$f" <<'PY'
import csv, sys
seen = None
n = 0
for r in csv.DictReader(open(sys.argv[1], newline='', encoding='utf-8-sig')):
    if any(v for v in r.values()) and r['Handle'] != seen:
        seen = r['Handle']
        n += 1
print(n)
PY
		)
		ok "$(basename "$f") is a product file" ss-fetch "csv:$f" >events
		is '  one event a product' "$(grep -c '"type":"product.observed"' events)" "$n"
	done
else
	skip 'product files' 'no shared data'
fi

if dir=$(shared magento-sample); then
	f=$dir/app/code/Magento/ConfigurableSampleData/fixtures/products.csv
	status 'another shop'\''s header is not guessed at' 2 ss-fetch "csv:$f" >events
	cp "$ERR" err
	check '  it is shown, with what to do' 'grep sku,store_view_code err | grep -e --map | grep -q -e --rows'
	is '  and nothing but the begin cursor is written' "$(wc -l <events)" 1
	python3 "$py" expect "$f" >want
	for tool in gzip bzip2 xz zstd; do
		command -v $tool >"$T_BASE/null" || continue
		$tool -c <"$f" >products.csv.z
		ss-fetch --rows csv:products.csv.z | python3 "$py" events >got
		same "the same through $tool" got want
	done
else
	skip 'magento' 'no shared data'
fi

if dir=$(shared archives); then
	for f in "$dir"/tar-stream/test/fixtures/*.t*; do
		name=$(basename "$f")
		rc=0
		case $name in
		# cut, without an end mark, or with nothing to read
		incomplete.tar | gnu-long-path.tar) want=4 ;;
		types.tar | space.tar | base-256-uid-gid.tar | name-is-100.tar) want=2 ;;
		*) want=0 ;;
		esac
		ss-fetch --rows "csv:$f" >events 2>err || rc=$?
		is "archive $name: exit code" "$rc" "$want"
		[ "$want" = 0 ] || continue
		python3 "$py" expect "$f" >want
		python3 "$py" events <events >got
		same "archive $name: as Python reads it" got want
	done
else
	skip 'archives' 'no shared data'
fi

done_testing
