#!/usr/bin/env python3
"""What ss-fetch --rows must make of a file, worked out with Python's own csv,
tarfile, zipfile and codecs.

usage: csvexpect.py expect FILE     rows of FILE, one JSON array a line
       csvexpect.py events <EVENTS  the same of what ss-fetch wrote
       csvexpect.py json FILE       rows of a JSON file of objects (test suites)
       csvexpect.py data <EVENTS    the rows alone, as an array of objects

A line is [entry, number, row] or [entry, number, "rejected", code].
"""
import csv
import io
import json
import sys
import tarfile
import zipfile

csv.field_size_limit(1 << 30)


def delimiter(text):
    """The one that makes most cells of the first line that is not blank."""
    best, most = ',', 1
    for d in ',;\t|':
        for row in csv.reader(io.StringIO(text, newline=''), delimiter=d):
            if any(c.strip() for c in row):
                if len(row) > most:
                    best, most = d, len(row)
                break
    return best


def parse(data):
    """Rows of bytes, and whether the last one has an open quote.  Bytes go
    through csv as Latin-1, so that decoding can be done row by row."""
    text = data.decode('latin-1')
    d = delimiter(text)
    rows = list(csv.reader(io.StringIO(text, newline=''), delimiter=d))
    probe = list(csv.reader(io.StringIO(text + '\nPROBE', newline=''), delimiter=d))
    return rows, bool(rows) and probe[-1] != ['PROBE']


def decode(data):
    """(bytes to parse, decoding of a row); the rule of ss-fetch's page."""
    if data[:2] in (b'\xff\xfe', b'\xfe\xff'):
        return data.decode('utf-16').encode(), ['utf-8']
    if data[:3] == b'\xef\xbb\xbf':
        return data[3:], ['utf-8']
    return data, ['auto']


def row_text(row, mode):
    raw = [c.encode('latin-1') for c in row]
    if mode[0] == 'auto':
        try:
            out = [c.decode() for c in raw]
            if any(not s.isascii() for s in out):
                mode[0] = 'utf-8'
            return out
        except UnicodeDecodeError:
            mode[0] = 'cp1252'
    try:
        return [c.decode(mode[0]) for c in raw]
    except UnicodeDecodeError:
        return None


def keys(header):
    seen, out = {}, []
    for h in (c.strip(' \t\r\n') for c in header):
        k = h
        while k in out:
            seen[h] = seen.get(h, 1) + 1
            k = '%s_%d' % (h, seen[h])
        out.append(k)
    return out


def expect(data, entry):
    data, mode = decode(data)
    rows, is_open = parse(data)
    header = None
    for number, row in enumerate(rows, 1):
        last = number == len(rows)
        if not (is_open and last) and not any(c.strip(' \t\r\n') for c in row):
            continue
        text = None if is_open and last else row_text(row, mode)
        if header is None:
            header = keys(text)
        elif is_open and last:
            yield [entry, number, 'rejected', 'open-quote']
        elif text is None:
            yield [entry, number, 'rejected', 'encoding']
        elif len(text) != len(header):
            yield [entry, number, 'rejected', 'ragged-row']
        else:
            yield [entry, number, dict(zip(header, text))]


def entries(name):
    wanted = ('.csv', '.tsv', '.txt')
    if tarfile.is_tarfile(name):
        with tarfile.open(name) as t:
            for m in t:
                if m.isreg() and m.name.lower().endswith(wanted):
                    yield m.name, t.extractfile(m).read()
    elif zipfile.is_zipfile(name):
        with zipfile.ZipFile(name) as z:
            for m in z.infolist():
                if m.filename.lower().endswith(wanted):
                    yield m.filename, z.read(m)
    else:
        with open(name, 'rb') as f:
            yield None, f.read()


def events():
    for line in sys.stdin:
        e = json.loads(line)
        data = e['data']
        if e['type'] == 'line.rejected':
            yield [data.get('entry'), data['row'], 'rejected', data['code']]
        elif e['type'] == 'row.read':
            yield [data['at'].get('entry'), data['at']['row'], data['row']]


def main(what, *names):
    if what == 'expect':
        out = [r for n in names for e, d in entries(n) for r in expect(d, e)]
    elif what == 'events':
        out = events()
    elif what == 'data':
        out = [[r[2] for r in events()]]
    else:
        with open(names[0], encoding='utf-8') as f:
            out = [json.load(f)]
    for row in out:
        print(json.dumps(row, ensure_ascii=False))


main(*sys.argv[1:])
