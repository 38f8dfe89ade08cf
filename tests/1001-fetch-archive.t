#!/bin/sh
# ss-fetch csv: compressed files and archives, sound, damaged and hostile
. "$(dirname "$0")/lib.sh"

command -v python3 >"$T_BASE/null" || skip_all 'no python3'

# entry (or -), row and subject of each item
rows()
{
	awk -F '"' '$16 == "item.observed" {
		at = $0
		sub(/.*"at":/, "", at)
		entry = "-"
		if (split(at, part, "\"entry\":\"") > 1) {
			entry = part[2]
			sub(/".*/, "", entry)
		}
		sub(/.*"row":/, "", at)
		print entry, at + 0, $20
	}'
}

ends()
{
	grep -c '"phase":"end"' "$1" || :
}

# fetch TITLE WANT ARG...: output in events, errors in err, rows in got
fetch()
{
	f_title=$1 f_want=$2
	shift 2
	status "$f_title" "$f_want" ss-fetch "$@" >events
	cp "$ERR" err
	rows <events >got
}

cat >make.py <<'PY'
import bz2, gzip, io, lzma, os, struct, sys, tarfile, zipfile

CSV = b'sku,qty\nA,1\nB,2\n'
big = b'sku,qty\n' + b''.join(b'SKU-%06d,%d\n' % (i, i * 7919 % 1000) for i in range(40000))

def put(name, data):
    with open(name, 'wb') as f:
        f.write(data)

def tar(members, mode='w', fmt=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=fmt) as t:
        for name, data, kw in members:
            m = tarfile.TarInfo(name)
            m.size = len(data)
            for k, v in kw.items():
                setattr(m, k, v)
            if m.type != tarfile.REGTYPE:
                m.size = 0
            t.addfile(m, io.BytesIO(data) if m.size else None)
    return out.getvalue()

def zipped(members, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as z:
        for name, data in members:
            z.writestr(name, data)
    return out.getvalue()

put('plain.csv', CSV)
put('gz.csv.gz', gzip.compress(CSV))
put('two.csv.gz', gzip.compress(CSV) + gzip.compress(b'C,3\n') + bytes(100))
put('bz2.csv.bz2', bz2.compress(CSV))
put('xz.csv.xz', lzma.compress(CSV))
put('lzma.csv.lzma', lzma.compress(CSV, format=lzma.FORMAT_ALONE))
put('noname', gzip.compress(CSV))
three = [('b/one.csv', CSV, {}), ('readme.md', b'no', {}), ('TWO.TSV', b'sku\tqty\nC\t3\n', {}),
         ('dir.csv', b'', {'type': tarfile.DIRTYPE}), ('a.txt', b'sku;qty\nD;4\n', {})]
put('three.tar', tar(three))
put('three-gnu.tar', tar(three, fmt=tarfile.GNU_FORMAT))
put('three-ustar.tar', tar(three, fmt=tarfile.USTAR_FORMAT))
for s in 'gz', 'bz2', 'xz':
    put('three.tar.' + s, tar(three, 'w:' + s))
z3 = [(n, d) for n, d, k in three if not k]
put('three.zip', zipped(z3))
put('stored.zip', zipped(z3, zipfile.ZIP_STORED))
put('mac.zip', zipped([('a.csv', CSV), ('__MACOSX/._a.csv', b'\0\5\26\7')]))
put('none.zip', zipped([('readme.md', b'x')]))
put('empty.zip', zipped([]))
readme = ('README.txt', b'Dear all,\nthis is the export of Friday.\n' * 400)
more = [('a.csv', CSV), readme, ('none.txt', b''), ('b.csv', b'sku,qty\nC,3\n')]
put('readme.zip', zipped(more))
put('readme.tar.gz', tar([(n, d, {}) for n, d in more], 'w:gz'))
put('own.zip', zipped([('own.csv', b'Artikel,Bestand\nX,1\n'), readme, ('x.csv', b'sku,sku\n1,2\n'), ('b.csv', b'sku,qty\nC,3\n')]))
put('utf8.zip', zipped([('b\u00e4r/\u2603.csv', CSV)]))

# cut and damaged
full = gzip.compress(big, 6)
put('big.csv', big)
put('cut.csv.gz', full[:len(full) // 2])
put('cut8.csv.gz', full[:-8])
put('cut1.csv.gz', full[:-1])
put('crc.csv.gz', full[:-8] + bytes([full[-8] ^ 1]) + full[-7:])
put('tail.csv.gz', full + b'junk')
flip = bytearray(full)
flip[len(flip) // 2] ^= 0x10
put('flip.csv.gz', bytes(flip))
for s, c in (('bz2', bz2.compress(big, 1)), ('xz', lzma.compress(big))):
    put('cut.csv.' + s, c[:len(c) // 2])
    flip = bytearray(c)
    flip[len(flip) // 2] ^= 0x10
    put('flip.csv.' + s, bytes(flip))
two = tar([('a.csv', CSV, {}), ('b.csv', big, {}), ('c.csv', CSV, {})])
put('cut-inside.tar', two[:4096 + len(big) // 2])
at = two.index(b'c.csv')
put('cut-between.tar', two[:at])
put('cut-between.tar.gz', gzip.compress(two[:at]))
bad = bytearray(two)
bad[at + 100] ^= 1
put('header.tar', bytes(bad))
z = bytearray(zipped([('a.csv', CSV), ('b.csv', big)]))
put('cut.zip', bytes(z[:len(z) // 2]))
z[len(z) // 2] ^= 0x55
put('flip.zip', bytes(z))
z = bytearray(zipped([('a.csv', CSV)], zipfile.ZIP_STORED))
z[z.index(b'A,1')] = ord('X')
put('crc.zip', bytes(z))

# names and kinds that must not be read
good = ('good.csv', CSV, {})
put('abs.tar', tar([('/etc/x.csv', CSV, {}), good]))
put('up.tar', tar([('a/../../x.csv', CSV, {}), ('..csv', CSV, {}), ('a/..b.csv', CSV, {}), good]))
put('link.tar', tar([('l.csv', b'', {'type': tarfile.SYMTYPE, 'linkname': '/etc/passwd'}),
                     ('h.csv', b'', {'type': tarfile.LNKTYPE, 'linkname': 'good.csv'}),
                     ('d.csv', b'', {'type': tarfile.CHRTYPE}), ('f.csv', b'', {'type': tarfile.FIFOTYPE}),
                     good]))
put('win.zip', zipped([('C:\\x.csv', CSV), ('a\\..\\x.csv', CSV), ('\\x.csv', CSV), ('good.csv', CSV)]))
out = io.BytesIO()
with zipfile.ZipFile(out, 'w') as zf:
    i = zipfile.ZipInfo('l.csv')
    i.create_system = 3
    i.external_attr = 0o120777 << 16
    zf.writestr(i, '/etc/passwd')
    zf.writestr('good.csv', CSV)
put('link.zip', out.getvalue())
nul = zipped([('a.csvX.exe', CSV), ('good.csv', CSV)], zipfile.ZIP_STORED)
put('nul.zip', nul.replace(b'a.csvX.exe', b'a.csv\0.exe'))
put('nested.zip', zipped([('in.csv', zipped([('x.csv', CSV)])), ('gz.csv', gzip.compress(CSV)),
                          ('tar.txt', tar([good])), ('good.csv', CSV)]))
put('nested.gz', gzip.compress(gzip.compress(CSV)))
put('nested.bz2', bz2.compress(lzma.compress(CSV)))
put('nested2.gz', gzip.compress(zipped([('a.csv', CSV)])))

LONG = b'A' * 997 + b',1\n'
# bombs: much from little, much at all, many entries
import zlib
def gzbomb(n):
    c = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = c.compress(b'sku,qty\n')
    for i in range(n):
        out += c.compress(LONG * 1048)
    return out + c.flush()
put('bomb.csv.gz', gzbomb(40))
put('bomb.csv.xz', lzma.compress(b'sku,qty\n' + LONG * 5000))
put('bomb.zip', zipped([('a.csv', b'sku,qty\n' + LONG * 5000)]))
put('bomb-other.tar.xz', lzma.compress(tar([('zeros.bin', bytes(8 << 20), {}), good])))
put('many.tar', tarfile.TarInfo('x').tobuf(tarfile.USTAR_FORMAT) * 100001 + bytes(1024))
put('bomb-txt.tar.xz', tar([('b.csv', CSV, {}), ('README.txt', b'Dear all\n' + LONG * 5000, {})], 'w:xz'))
put('one-mib.csv.gz', gzip.compress(b'sku,qty\n' + LONG * 1000))

# plain text that libarchive might take for something else
put('mtree.csv', b'#mtree,qty\nx,1\n')
put('warc.csv', b'WARC/1.0,qty\nx,1\n')
put('ar.csv', b'!<arch>,qty\nx,1\n')
put('bz.csv', b'BZh9,qty\nx,1\n')
put('pk.csv', b'PK,qty\nx,1\n')
PY
python3 make.py || fail 'the archives could not be made'

printf '%s 2 A\n%s 3 B\n' - - >want
fetch 'a plain file' 0 csv:plain.csv
same '  its rows' got want
for f in gz.csv.gz bz2.csv.bz2 xz.csv.xz lzma.csv.lzma noname; do
	fetch "$f" 0 "csv:$f"
	same '  its rows, and no entry' got want
	is '  one end cursor' "$(ends events)" 1
done
if command -v zstd >"$T_BASE/null"; then
	zstd -q -c plain.csv >zst.csv.zst
	fetch 'zstd' 0 csv:zst.csv.zst
	same '  its rows' got want
else
	skip zstd 'no zstd'
fi
is 'the source is the name without its suffixes' \
    "$(ss-fetch csv:bz2.csv.bz2 | grep -o '"source":"[^"]*"' | sort -u)" '"source":"csv:bz2"'
check 'standard input, a pipe' 'cat gz.csv.gz | ss-fetch csv:- >events'
rows <events >got
same '  its rows' got want
fetch 'gzip members in a row, then padding' 0 csv:two.csv.gz
is '  all rows' "$(wc -l <got)" 3

cat >want <<'END'
b/one.csv 2 A
b/one.csv 3 B
TWO.TSV 2 C
a.txt 2 D
END
for f in three.tar three-gnu.tar three-ustar.tar three.tar.gz three.tar.bz2 three.tar.xz three.zip stored.zip; do
	fetch "$f" 0 "csv:$f"
	same '  entries in their order, each with its delimiter' got want
	check '  through a pipe' "cat $f | ss-fetch csv:- >events"
	rows <events >got
	same '  the same rows' got want
done
ok '--list' ss-fetch --list csv:three.tar.gz >got
printf '%s\n' b/one.csv TWO.TSV a.txt >want
same '  names what would be read' got want
ok '--list of a plain file' ss-fetch --list csv:plain.csv >got
is '  names the file' "$(cat got)" plain.csv
fetch '--entry' 0 --entry a.txt --entry TWO.TSV csv:three.zip
is '  these only, in the archive'\''s order' "$(cut -d ' ' -f 1 got | tr '\n' ' ')" 'TWO.TSV a.txt '
fetch '--entry takes what has another suffix' 2 --entry readme.md csv:three.zip
check '  as far as its header' "grep -q 'three.zip: readme.md.*header' err"
fetch '--entry of a name that is not there' 2 --entry nope.csv csv:three.zip
check '  says so' "grep -q \"no entry 'nope.csv'\" err"
fetch '--entry with a plain file' 2 --entry a.csv csv:plain.csv
fetch 'what macOS adds is not read' 0 csv:mac.zip
is '  the rest is' "$(wc -l <got)" 2
for f in none.zip empty.zip; do
	fetch "$f has nothing to read" 2 "csv:$f"
	is '  no end cursor' "$(ends events)" 0
done
fetch 'names beyond ASCII' 0 csv:utf8.zip
is '  as they are' "$(head -n 1 got)" 'bär/☃.csv 2 A'

# --- entries whose header is of no known layout ---------------------------------------
for f in readme.zip readme.tar.gz; do
	fetch "$f: a text that is no table is refused, the rest read" 3 "csv:$f"
	is '  the rest' "$(tr '\n' ' ' <got)" 'a.csv 2 A a.csv 3 B b.csv 2 C '
	check '  it is named, with its start, and so is the empty one' \
	    "grep -q '^ss-fetch: $f: README.txt: the header is of no known layout.*Dear all.*: not read\$' err &&
	    grep -q '^ss-fetch: $f: none.txt: empty.*: not read\$' err"
	is '  one end cursor' "$(ends events)" 1
	check '  with --complete, nothing is concluded' \
	    "ss-fetch --complete csv:$f 2>err2 | grep -c '\"complete\":true' | grep -qx 0"
	check '  the same through a pipe' "cat $f | ss-fetch csv:- 2>err2 | grep -c item.observed | grep -qx 3"
done
fetch 'a text that was asked for by name' 2 --entry README.txt --entry b.csv csv:readme.zip
check '  is what the run fails for' 'tail -n 1 err | grep -q "README.txt: the header"'
is '  but the other entry is read' "$(cat got)" 'b.csv 2 C'
is '  no end cursor' "$(ends events)" 0
fetch 'a table with an unknown header' 2 csv:own.zip
check '  is what the run fails for' 'tail -n 1 err | grep -q "^ss-fetch: own.zip: own.csv: the header.*Artikel,Bestand"'
check '  a further one is named too' 'grep -q "own.zip: x.csv: .*twice.*: not read" err'
is '  but the rest is read' "$(cat got)" 'b.csv 2 C'
is '  no end cursor' "$(ends events)" 0
echo '{' >bad.jq
fetch 'a jq program that is none ends it at once' 2 --map bad.jq csv:own.zip
check '  and is told of once' '[ "$(wc -l <err)" -eq 1 ]'
fetch 'with --rows a text is rows like any' 0 --rows --ragged pad csv:readme.zip

# --- cut short, damaged ------------------------------------------------------------
for f in cut.csv.gz cut8.csv.gz cut1.csv.gz crc.csv.gz tail.csv.gz flip.csv.gz cut.csv.bz2 flip.csv.bz2 \
    cut.csv.xz flip.csv.xz cut-inside.tar cut-between.tar cut-between.tar.gz header.tar cut.zip flip.zip \
    crc.zip; do
	fetch "$f: stopped early" 4 "csv:$f"
	is '  no end cursor' "$(ends events)" 0
	# damage may make bad rows first, which are told of too
	check '  the last line says what and why' "tail -n 1 err | grep -q '^ss-fetch: $f: '"
	case $f in
	cut.zip) ;;
	*) check '  what was read before is there' '[ -s got ] && head -n 1 got | grep -q " 2 "' ;;
	esac
done
fetch 'half a gzip' 4 csv:cut.csv.gz
check '  the rows are a start of the whole' '
	ss-fetch csv:big.csv | rows >whole
	n=$(wc -l <got); [ "$n" -gt 5000 ] && head -n "$n" whole | cmp -s - got'

# --- what must not be read -------------------------------------------------------------
for f in abs.tar up.tar link.tar win.zip link.zip nested.zip; do
	fetch "$f: the entry is refused, the rest read" 3 "csv:$f"
	is '  good.csv is read to its end' "$(grep -c '^good.csv' got)" 2
	is '  one end cursor' "$(ends events)" 1
	check '  each refused one is named' "grep -q \"^ss-fetch: $f: entry '.*' .*: not read\$\" err"
	check '  with --complete, nothing is concluded' \
	    "ss-fetch --complete csv:$f 2>err2 | grep -c '\"complete\":true' | grep -qx 0"
done
is 'links, devices, pipes: four of them' "$(ss-fetch csv:link.tar 2>&1 >events | grep -c 'not read')" 4
fetch 'dots that are no way up' 3 csv:up.tar
is '  are names like others' "$(cut -d ' ' -f 1 got | sort -u | tr '\n' ' ')" '..csv a/..b.csv good.csv '
fetch 'a NUL in a name of a zip' 4 csv:nul.zip
is '  nothing of it is read' "$(wc -l <got)" 0
for f in nested.gz nested.bz2 nested2.gz; do
	fetch "$f: an archive in a compressed file is not opened" 2 "csv:$f"
done

# --- bombs ---------------------------------------------------------------------------
for f in bomb.csv.gz bomb.csv.xz bomb.zip bomb-other.tar.xz bomb-txt.tar.xz; do
	fetch "$f: a hundred times its size" 4 "csv:$f"
	check '  is said' "grep -q '100 times' err"
	is '  no end cursor' "$(ends events)" 0
done
fetch 'a MiB may come from little' 0 csv:one-mib.csv.gz
fetch '--max-bytes' 4 --max-bytes 19 csv:two.csv.gz
check '  is a limit on what comes out' "grep -q -e --max-bytes err"
fetch '--max-bytes of a zip' 4 --max-bytes 30 csv:three.zip
fetch 'a plain file has no such limit' 0 --max-bytes 5 csv:plain.csv
fetch 'too many entries' 4 csv:many.tar
check '  is said' "grep -q '100000 entries' err"

# --- text that only looks like an archive -----------------------------------------------
for f in mtree warc ar bz pk; do
	status "$f.csv is text" 0 ss-fetch --rows "csv:$f.csv" >events
	check '  read as such' "grep -q '\"phase\":\"end\"' events"
done

done_testing
