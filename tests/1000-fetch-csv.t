#!/bin/sh
# ss-fetch csv: layouts, forms of events, bad rows, cursors, options
. "$(dirname "$0")/lib.sh"

fix='--now 2026-11-21T09:00:00Z --seed 1'

# fetch TITLE WANT ARG...: events without cursors in got, all in events, errors in err
fetch()
{
	f_title=$1 f_want=$2
	shift 2
	# shellcheck disable=SC2086 # words
	status "$f_title" "$f_want" ss-fetch $fix "$@" >events
	cp "$ERR" err
	grep -v '"type":"ss.cursor"' events | sed 's/"id":"[^"]*"/"id":"ID"/' >got
}

# data: what the events say, without at
data()
{
	sed -n 's/.*"type":"\([a-z.]*\)",\("subject":"[^"]*",\)\{0,1\}"time":"[^"]*","data":\(.*\)}$/\1 \2\3/; s/,"at":{[^}]*}}$/}/p' got >short
}

# --- the form of an event ------------------------------------------------------------
printf 'sku,product,price,qty\nS-1,shirt,12.50,12\n' >stock.csv
fetch 'an item file' 0 csv:stock.csv
cat >want <<'END'
{"specversion":"1.0","id":"ID","source":"csv:stock","type":"item.observed","subject":"S-1","time":"2026-11-21T09:00:00.000Z","data":{"sku":"S-1","product":"shirt","fields":{"price":"12.50"},"levels":{"main":{"available":12}},"at":{"file":"stock.csv","row":2}}}
END
same '  the event, member for member' got want
sed 's/"id":"[^"]*"/"id":"ID"/' events | sed -n '1p;$p' >got
cat >want <<'END'
{"specversion":"1.0","id":"ID","source":"csv:stock","type":"ss.cursor","subject":"stock.csv","time":"2026-11-21T09:00:00.000Z","data":{"phase":"begin","name":"default","what":"stock.csv","position":{"bytes":0,"rows":0}}}
{"specversion":"1.0","id":"ID","source":"csv:stock","type":"ss.cursor","subject":"stock.csv","time":"2026-11-21T09:00:00.000Z","data":{"phase":"end","name":"default","what":"stock.csv","lines":1,"position":{"bytes":41,"rows":1}}}
END
same '  the cursors around it' got want
check '  ids rise, all of version 7' 'grep -o "\"id\":\"[0-9a-f-]*" events | cut -d \" -f 4 >ids;
	sort -c ids && [ "$(sort -u ids | wc -l)" -eq 3 ] && ! grep -v "^[0-9a-f]\{8\}-[0-9a-f]\{4\}-7" ids'
check 'the same --now and --seed, the same bytes' "ss-fetch $fix csv:stock.csv | cmp - events"
fetch '--source, --time, --cursor, --complete' 0 --source shop:a --time 2026-01-02T03:04:05+01:00 \
    --cursor nightly --complete csv:stock.csv
check '  stand where they should' 'grep -q "\"source\":\"shop:a\".*\"time\":\"2026-01-02T02:04:05.000Z\"" got &&
	tail -n 1 events | grep -q "\"name\":\"nightly\".*\"lines\":1,.*,\"complete\":true}}$" &&
	! head -n 1 events | grep -q complete'
check 'from standard input' 'ss-fetch csv:- <stock.csv | grep -q "\"source\":\"csv:stdin\".*\"file\":\"-\""'
mkdir -p dir
cp stock.csv dir/Weekly.Stock.CSV
check 'NAME is the file without directories and suffixes' \
    'ss-fetch csv:dir/Weekly.Stock.CSV | grep -q "\"source\":\"csv:Weekly.Stock\".*\"subject\":\"dir/Weekly.Stock.CSV\".*\"what\":\"Weekly.Stock.CSV\""'

# --- simple item files -----------------------------------------------------------------
cat >items.csv <<'END'
 SKU ,Title,Vendor,Price,Compare-at price,cost,barcode,tags,weight,on hand,incoming,available@London,stock
A," One ",Acme, 12.50 ,,7,0012,"a, b",0.5,5,,7,-3
END
fetch 'all columns of an item file' 0 --location 'Depot 1' csv:items.csv
data
cat >want <<'END'
item.observed "subject":"A",{"sku":"A","fields":{"title":" One ","vendor":"Acme","price":"12.50","compare_at_price":"","cost":"7","barcode":"0012","tags":"a, b","weight":"0.5"},"levels":{"Depot 1":{"on_hand":5,"available":-3},"London":{"available":7}}}
END
same '  blank is blank, a blank level says nothing' short want
printf '%s\n' sku,qty "'001,'+5" "'=x,1" "'abc,2" "'-7,0" "'@a,007" a,12.00 b,-0 c,1e2 >guard.csv
fetch 'guards against spreadsheets' 0 csv:guard.csv
data
cat >want <<'END'
item.observed "subject":"001",{"sku":"001","levels":{"main":{"available":5}}}
item.observed "subject":"=x",{"sku":"=x","levels":{"main":{"available":1}}}
item.observed "subject":"'abc",{"sku":"'abc","levels":{"main":{"available":2}}}
item.observed "subject":"-7",{"sku":"-7","levels":{"main":{"available":0}}}
item.observed "subject":"@a",{"sku":"@a","levels":{"main":{"available":7}}}
item.observed "subject":"a",{"sku":"a","levels":{"main":{"available":12}}}
item.observed "subject":"b",{"sku":"b","levels":{"main":{"available":0}}}
item.observed "subject":"c",{"sku":"c","levels":{"main":{"available":100}}}
END
same '  are dropped; numbers are in JSON'\''s spelling' short want
fetch '--rows keeps them' 0 --rows csv:guard.csv
check '  as they stand' "grep -q \"\\\"sku\\\":\\\"'001\\\",\\\"qty\\\":\\\"'+5\\\"\" got"
printf 'sku,location,qty,price\nA,X,1,2\nA,Y,2,2\nB,X,3,2\nA,X,4,2\nA,X,5,2\nA,Z,6,3\n' >loc.csv
fetch 'rows with a location' 0 csv:loc.csv
data
cat >want <<'END'
item.observed "subject":"A",{"sku":"A","fields":{"price":"2"},"levels":{"X":{"available":1},"Y":{"available":2}}}
item.observed "subject":"B",{"sku":"B","fields":{"price":"2"},"levels":{"X":{"available":3}}}
item.observed "subject":"A",{"sku":"A","fields":{"price":"2"},"levels":{"X":{"available":4}}}
item.observed "subject":"A",{"sku":"A","fields":{"price":"2"},"levels":{"X":{"available":5}}}
item.observed "subject":"A",{"sku":"A","fields":{"price":"3"},"levels":{"Z":{"available":6}}}
END
same '  merge while they say one thing' short want
printf 'sku,price,available\n,1,1\n' >in
fetch 'no SKU and no handle' 3 csv:- <in
check '  no event without a key' "grep -q no-key got"
for h in sku,sku sku,qty,available sku,price,Price sku,handle,product sku,qty,available@main; do
	printf '%s\n1,2,3\n' "$h" >in
	fetch "header $h" 2 csv:- <in
	check '  names the column' "grep -q 'twice' err"
done

# --- Shopify: inventory ---------------------------------------------------------------
cat >inv.csv <<'END'
Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,SKU,HS Code,COO,Location,Bin name,Incoming (not editable),Unavailable (not editable),Committed (not editable),Available (not editable),On hand (current),On hand (new)
shirt,Shirt,Color,Red,Size,S,,,SH-1,,,London,,0,0,1,9,10,12
shirt,Shirt,Color,Red,Size,S,,,SH-1,,,Paris,,0,0,1,9,10,
shirt,Shirt,Color,Red,Size,S,,,SH-1,,,Rome,,0,0,1,9,10,Not stocked
mug,Mug,Title,Default Title,,,,,,,,London,,0,0,0,1,1,-2
50%/x,Odd,A,b/c,,,,,,,,London,,not stocked,,,not stocked,not stocked,
END
fetch 'inventory, a row a location' 0 csv:inv.csv
data
cat >want <<'END'
item.observed "subject":"SH-1",{"sku":"SH-1","product":"shirt","options":{"Color":"Red","Size":"S"},"levels":{"London":{"on_hand":12},"Rome":{"stocked":false}}}
item.observed "subject":"mug/Default Title",{"sku":"","product":"mug","options":{"Title":"Default Title"},"levels":{"London":{"on_hand":-2}}}
item.observed "subject":"50%25%2Fx/b%2Fc",{"sku":"","product":"50%/x","options":{"A":"b/c"}}
END
same '  On hand (new) speaks, blank leaves alone' short want
cat >inv2.csv <<'END'
Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Option3 Name,Option3 Value,SKU,HS Code,COO,London,"Paris, Nord"
shirt,Shirt,Size,S,,,,,SH-1,,,5,not stocked
shirt,Shirt,Size,M,,,,,SH-2,,,,7
END
fetch 'inventory, a column a location' 0 csv:inv2.csv
data
cat >want <<'END'
item.observed "subject":"SH-1",{"sku":"SH-1","product":"shirt","options":{"Size":"S"},"levels":{"London":{"available":5}}}
item.observed "subject":"SH-2",{"sku":"SH-2","product":"shirt","options":{"Size":"M"},"levels":{"Paris, Nord":{"available":7}}}
END
same '  is available there' short want
cat >inv3.csv <<'END'
Handle,Title,Option1 Name,Option1 Value,SKU,Location,Incoming,Unavailable,Committed,Available,On hand
shirt,Shirt,Size,S,SH-1,London,1,0,2,3,5
shirt,Shirt,Size,S,SH-1,Paris,,not stocked,,not stocked,not stocked
END
fetch 'inventory without "(new)"' 0 csv:inv3.csv
data
cat >want <<'END'
item.observed "subject":"SH-1",{"sku":"SH-1","product":"shirt","options":{"Size":"S"},"levels":{"London":{"incoming":1,"available":3,"on_hand":5}}}
END
same '  says what it shows' short want

# --- Shopify: products -------------------------------------------------------------------
cat >old.csv <<'END'
Handle,Title,Body (HTML),Vendor,Tags,Published,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Grams,Variant Inventory Qty,Variant Price,Variant Compare At Price,Variant Taxable,Image Src,Image Position,Image Alt Text,Gift Card,SEO Title,Google Shopping / MPN,Price / EU,Status,Cost per item
shirt,Shirt,"<p>a ""b""
c</p>",Acme,"x, y",TRUE,Color,Red,Size,S,SH-1,145,3,25,30,TRUE,https://x/1.jpg,1,One,FALSE,T,M1,22,active,9.5
shirt,,,,,,,Red,,M,SH-2,145,-1,25,,TRUE,https://x/2.jpg,2,,,,,,,
shirt,,,,,,,,,,,,,,,,https://x/3.jpg,3,Three,,,,,,
mug,Mug,,,,FALSE,Title,Default Title,,,,,,8,,,,,,,,,,draft,
,,,,,,,,,,,,,,,,,,,,,,,,
END
fetch 'products, the old header' 0 csv:old.csv
data
cat >want <<'END'
product.observed "subject":"shirt",{"fields":{"title":"Shirt","description":"<p>a \"b\"\nc</p>","vendor":"Acme","tags":"x, y","published":"TRUE","gift_card":"FALSE","seo_title":"T","status":"active","Google Shopping / MPN":"M1"},"options":["Color","Size"],"images":[{"src":"https://x/1.jpg","position":1,"alt":"One"},{"src":"https://x/2.jpg","position":2,"alt":""},{"src":"https://x/3.jpg","position":3,"alt":"Three"}],"items":[{"sku":"SH-1","product":"shirt","options":{"Color":"Red","Size":"S"},"fields":{"weight":"145","price":"25","compare_at_price":"30","taxable":"TRUE","cost":"9.5","Price / EU":"22"},"levels":{"main":{"available":3}}},{"sku":"SH-2","product":"shirt","options":{"Color":"Red","Size":"M"},"fields":{"weight":"145","price":"25","compare_at_price":"","taxable":"TRUE","cost":"","Price / EU":""},"levels":{"main":{"available":-1}}}]}
product.observed "subject":"mug",{"fields":{"title":"Mug","description":"","vendor":"","tags":"","published":"FALSE","gift_card":"","seo_title":"","status":"draft","Google Shopping / MPN":""},"options":["Title"],"items":[{"sku":"","product":"mug","options":{"Title":"Default Title"},"fields":{"weight":"","price":"8","compare_at_price":"","taxable":"","cost":"","Price / EU":""}}]}
END
same '  one event a product' short want
check '  at its first row' 'grep -q "\"subject\":\"mug\".*\"at\":{\"file\":\"old.csv\",\"row\":5}}}" got'
cat >new.csv <<'END'
Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,Option1 name,Option1 value,Option1 Linked To,Price,Compare-at price,Cost per item,Charge tax,Tax code,Inventory tracker,Inventory quantity,Continue selling when out of stock,Weight value (grams),Weight unit for display,Requires shipping,Fulfillment service,Product image URL,Image position,Image alt text,Variant image URL,Gift card,SEO title,SEO description,Material (product.metafields.custom.material),Fit (variant.metafields.custom.fit)
Shirt,shirt,<p>,Acme,Clothing,Shirts,t,TRUE,active,SH-1,123,Color,Red,,10.0,12,4,TRUE,,shopify,7,DENY,100,g,TRUE,manual,https://x/1,1,A,https://x/r,FALSE,,,wool,slim
END
fetch 'products, the new header' 0 --location Depot csv:new.csv
data
cat >want <<'END'
product.observed "subject":"shirt",{"fields":{"title":"Shirt","description":"<p>","vendor":"Acme","category":"Clothing","type":"Shirts","tags":"t","published":"TRUE","status":"active","gift_card":"FALSE","seo_title":"","seo_description":"","Option1 Linked To":"","Material (product.metafields.custom.material)":"wool"},"options":["Color"],"images":[{"src":"https://x/1","position":1,"alt":"A"}],"items":[{"sku":"SH-1","product":"shirt","options":{"Color":"Red"},"fields":{"barcode":"123","price":"10.0","compare_at_price":"12","cost":"4","taxable":"TRUE","tax_code":"","inventory_tracker":"shopify","inventory_policy":"DENY","weight":"100","weight_unit":"g","requires_shipping":"TRUE","fulfillment_service":"manual","image":"https://x/r","Fit (variant.metafields.custom.fit)":"slim"},"levels":{"Depot":{"available":7}}}]}
END
same '  the same words' short want
cat >stray.csv <<'END'
Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price
a,A,Size,S,A-S,1
b,B,Size,S,B-S,x
b,,,M,B-M,2
a,,,M,A-M,2
c,C,Size,S,C-S,3
c,,,M,C-M,y
,D,Size,S,D-S,3
END
fetch 'rows that do not fit their product' 3 csv:stray.csv
grep -o '"subject":"[a-z]".*\|"subject":"stray.csv:[0-9]*"\|"code":"[a-z-]*"' got | cut -c 1-40 >short
is '  each is told of by line and reason' \
    "$(grep -o '"row":[0-9]*,"header"\|"code":"[^"]*"' got | tr -d '\n')" \
    '"row":3,"header""code":"not-a-number""row":4,"header""code":"no-product""row":5,"header""code":"no-title""row":7,"header""code":"not-a-number""row":8,"header""code":"no-handle"'
is '  the good ones stand' "$(grep -o '"subject":"[abc]"\|"sku":"[A-Z-]*"' got | tr -d '\n')" \
    '"subject":"a""sku":"A-S""subject":"c""sku":"C-S"'
printf 'Handle,Title,Title\na,b,c\n' >in
fetch 'a product file with two titles' 2 csv:- <in

# --- bad rows --------------------------------------------------------------------------
printf 'sku,qty\nA,1\nB,two\n"C\nc",3,3\nD\n\n , \nE,5\n' >bad.csv
fetch 'bad rows' 3 csv:bad.csv
grep rejected got | sed 's/.*"data"://; s/}$//' >short
cat >want <<'END'
{"file":"bad.csv","line":3,"row":3,"header":["sku","qty"],"text":"B,two","class":"value","code":"not-an-integer","message":"qty: not an integer: 'two'"}
{"file":"bad.csv","line":4,"row":4,"header":["sku","qty"],"text":"\"C\nc\",3,3","class":"parse","code":"ragged-row","message":"3 cells, but the header has 2"}
{"file":"bad.csv","line":6,"row":5,"header":["sku","qty"],"text":"D","class":"parse","code":"ragged-row","message":"1 cell, but the header has 2"}
END
same '  say where, what and why' short want
check '  stand under file and line' 'grep -q "\"type\":\"line.rejected\",\"subject\":\"bad.csv:4\"" got'
is '  the rest goes on; blank rows count as rows, not as errors' \
    "$(grep -o '"subject":"E".*"row":[0-9]*' got | grep -o '[0-9]*$')" 8
check '  the cursor counts all lines' 'tail -n 1 events | grep -q "\"lines\":5,.*\"rows\":5"'
check '  how many is said' 'grep -q "3 of 5 rows rejected" err'
check '  ids come from source and bytes' '
	ss-fetch csv:bad.csv | grep rejected | grep -o "\"id\":\"[^\"]*" >a; grep rejected events | grep -o "\"id\":\"[^\"]*" | cmp - a &&
	grep -q -- -5 a && ss-fetch --source other csv:bad.csv | grep rejected | grep -o "\"id\":\"[^\"]*" >b; ! cmp -s a b'
fetch '--complete is not claimed then' 3 --complete csv:bad.csv
check '  and it is said' '! grep -q "\"complete\":true" events && grep -q "not claimed" err'
fetch '--strict stops' 2 --strict csv:bad.csv
check '  with file, line and field' "grep -q \"bad.csv:3: qty: not an integer: 'two'\" err"
check '  what came before is out, without an end' 'grep -q "\"subject\":\"A\"" got && ! grep -q "\"phase\":\"end\"" events'
fetch '--ragged=pad' 3 --ragged pad csv:bad.csv
check '  takes short rows, not long ones' 'grep -q "\"subject\":\"D\"" got && [ "$(grep -c ragged-row got)" -eq 1 ]'
printf 'sku,qty\nA,1\n"B,2\nC,3\n' >open.csv
fetch 'a quote never closed' 3 csv:open.csv
check '  names its first line' 'grep -q "\"line\":3,\"row\":3,.*\"code\":\"open-quote\"" got'
printf 'sku,title\nA,\303\251\nB,\351\nC,x\n' >mixed.csv
fetch 'a row that is no UTF-8 among such that are' 3 csv:mixed.csv
check '  goes as base64' 'grep -q "\"base64\":\"Qizp\",\"class\":\"parse\",\"code\":\"encoding\"" got'
printf 'sku,title\nA,x\nB,\351\nC,\200\n' >win.csv
fetch 'cp1252' 0 csv:win.csv
check '  one warning, with the line' '[ "$(wc -l <err)" -eq 1 ] && grep -q "win.csv:3: .*cp1252" err'
check '  the text is right' 'grep -q "\"title\":\"é\"" got && grep -q "\"title\":\"€\"" got'
fetch '--encoding' 3 --encoding utf-8 csv:win.csv
is '  overrides' "$(grep -c '"code":"encoding"' got)" 2
printf '\377\376s\0k\0u\0\t\0q\0t\0y\0\r\0\n\0A\0\t\0001\0\r\0\n\0' >utf16.csv
fetch 'UTF-16, as spreadsheets save it' 0 csv:utf16.csv
check '  read' 'grep -q "\"subject\":\"A\"" got'
python3 -c '
print("sku,title")
print("A," + "x" * (1 << 20) + "y")
print("B," + "\x01" * 200000)
print("C,ok")
print("D," + "z" * 1000000)' >long.csv
fetch 'a cell over 1 MiB, an event over 1 MiB' 3 csv:long.csv
is '  are rejected, each by its name' "$(grep -o '"code":"[^"]*"' got | tr -d '\n')" \
    '"code":"cell-too-long""code":"too-large"'
is '  the rest goes on' "$(grep -o '"subject":"[CD]"' got | tr -d '\n')" '"subject":"C""subject":"D"'
check '  no line is over 1 MiB' '[ "$(awk "{ if (length(\$0) > m) m = length(\$0) } END { print m }" events)" -lt 1048576 ]'

# --- --rows and --map --------------------------------------------------------------------
printf 'a,a, b ,a_2,\n1,2,3,4,5\n' >in
fetch '--rows' 0 --rows csv:- <in
data
is '  headers twice get numbers' "$(cat short)" 'row.read {"row":{"a":"1","a_2":"2","b":"3","a_2_2":"4","":"5"}}'
printf 'Artikel;Bestand\nX-1;5\nX-2;\n' >own.csv
fetch 'an unknown header' 2 csv:own.csv
check '  is shown with what to do' 'grep -q "own.csv: .*Artikel,Bestand.*--map.*--rows" err'
check '  no end cursor' '! grep -q "\"phase\":\"end\"" events'
cat >own.jq <<'END'
select(.row.Bestand != "") | {type: "item.observed", subject: .row.Artikel, partitionkey: "p",
  data: {sku: .row.Artikel, levels: {main: {available: (.row.Bestand | tonumber)}}, n: .number, c: .cells[0], h: .header, f: .file, e: .entry}}
END
fetch '--map' 0 --map own.jq csv:own.csv
cat >want <<'END'
{"specversion":"1.0","id":"ID","source":"csv:own","type":"item.observed","subject":"X-1","time":"2026-11-21T09:00:00.000Z","partitionkey":"p","data":{"sku":"X-1","levels":{"main":{"available":5}},"n":2,"c":"X-1","h":["Artikel","Bestand"],"f":"own.csv","e":null}}
END
same '  makes events of rows, or none' got want
check '  the cursor counts lines and rows' 'tail -n 1 events | grep -q "\"lines\":1,.*\"rows\":2"'
for p in '{}' '1' '{type: 5}' '{type: "x", source: "y"}' '{type: "x", id: ""}' '{type: "x", id: 5}' 'error("no")' '{type: "x", subject: 5}' \
    '{type: "ss.delivered", data: {}}' '{type: "ss.cursor", data: {phase: "end", lines: 0}}'; do
	printf '%s\n' "$p" >bad.jq
	fetch "--map with $p" 3 --map bad.jq csv:own.csv
	is '  rejects the rows' "$(grep -c '"class":"value","code":"map"' got)" 2
done
check '  a type of the programs'\'' own, with a reason' 'grep -q "a type that begins with ss\." got'
echo '{type: "order.line", id: ("o-" + .row.Artikel), data: .row}' >id.jq
fetch 'an id of the row itself' 0 --map id.jq csv:own.csv
is '  is kept' "$(jq -r 'select(.type == "order.line").id' events | tr '\n' ' ')" "$(sed 1d own.csv | sed 's/[,;].*//; s/^/o-/' | tr '\n' ' ')"
printf '.\0x' >bad.jq
fetch 'a jq program with a NUL in it' 2 --map bad.jq csv:own.csv
check '  is not taken for its first half' 'grep -q "NUL" err'
echo '{' >bad.jq
fetch 'a jq program that is none' 2 --map bad.jq csv:own.csv
echo '{type: "t"}, {type: "u", data: .row}' >two.jq
fetch 'several events a row' 0 --map two.jq csv:own.csv
check '  are counted as lines' 'tail -n 1 events | grep -q "\"lines\":4,.*\"rows\":2"'

# --- the rest -----------------------------------------------------------------------------
printf 'sku:qty\nA:1\n' >in
fetch '--delimiter' 0 --delimiter : csv:- <in
printf 'sku,x\tqty\nA\t1\n' >in
fetch '--delimiter tab' 0 --rows --delimiter tab csv:- <in
data
is '  overrides' "$(cat short)" 'row.read {"row":{"sku,x":"A","qty":"1"}}'
printf 'sku,qty\nA,1\nB,2\nC,3\n' >three.csv
fetch '--head' 0 --head 2 --complete csv:three.csv
is '  that many rows' "$(wc -l <got)" 2
check '  and no claim to be complete' 'tail -n 1 events | grep -q "\"phase\":\"end\".*\"rows\":2}}}$"'
mkfifo pipe
background sh -c '{ printf "sku,qty\nA,1\n"; exec sleep 30; } >pipe'
background sh -c 'exec ss-fetch csv:- <pipe >live'
check 'rows go out when the next read would block' 'wait_for 5 grep -q "\"subject\":\"A\"" live'
mkfifo pipe2
background sh -c '{ printf "sku,qty\nA,1\n"; exec sleep 30; } >pipe2'
check '--head ends without waiting for more' \
    'timeout 10 ss-fetch --head 1 csv:- <pipe2 >live && grep -q "\"subject\":\"A\"" live'
bad=$(printf 'c\302\233\342\200\256.csv')
printf 'sku,qty\nA,x\n' >"$bad"
fetch 'a name that would move the cursor or turn the text around' 3 "csv:$bad"
is '  is tamed in a message' "$(cat err)" 'ss-fetch: c?????.csv: 1 of 1 rows rejected'
fetch 'an empty file' 2 csv:/dev/null
check '  is told of' 'grep -q "no header" err'
for a in '' csv: nope:x csv:nope.csv csv:dir 'csv:three.csv csv:three.csv' '--ragged x csv:three.csv' \
    '--delimiter ab csv:three.csv' '--encoding klingon csv:three.csv' '--time noon csv:three.csv' \
    '--rows --map two.jq csv:own.csv' '--map nope.jq csv:own.csv' '--head 0 csv:three.csv' '--nope csv:x'; do
	# shellcheck disable=SC2086 # words
	status "called wrong: $a" 2 ss-fetch $a
done
status 'a full disk' 4 sh -c 'ss-fetch csv:three.csv >/dev/full'
check 'a reader that goes away ends it as SIGPIPE does' \
    'python3 -c "print(\"sku,qty\"); [print(\"A%d,1\" % i) for i in range(300000)]" >many.csv
	{ ss-fetch csv:many.csv; echo $? >rc; } | head -n 1; [ "$(cat rc)" -eq 141 ]'
check '--help tells of every option' 'ss-fetch --help >help; for o in map rows entry list head location source time cursor \
    complete encoding delimiter ragged strict max-bytes; do grep -q -e "--$o" help || exit 1; done'

done_testing
