#!/bin/sh
# every number of real webhooks comes out of every filter as it went in
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/shop.sh"

dir=$(shared webhooks) || skip_all 'the shared webhooks are not here'

cat >numbers.py <<'PY'
# wrap DIR: an event for each JSON document below DIR.
# compare A B [loose]: the documents in B have the numbers of those in A, text by
# text; loose: a number may have become a string of its digits.
import json, os, sys

class Number(str):
    pass

def load(text):
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)

def dump(v):
    if isinstance(v, Number):
        return str(v)
    if isinstance(v, dict):
        return '{' + ','.join(json.dumps(k) + ':' + dump(x) for k, x in v.items()) + '}'
    if isinstance(v, list):
        return '[' + ','.join(map(dump, v)) + ']'
    return json.dumps(v)

def documents(root):
    for base, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            path = os.path.join(base, name)
            try:
                text = open(path, encoding='utf-8').read()
            except (UnicodeDecodeError, OSError):
                continue
            try:
                yield path, load(text)
            except ValueError:
                for n, line in enumerate(text.splitlines()):
                    try:
                        yield '%s:%d' % (path, n), load(line)
                    except ValueError:
                        pass

def paths(v, at=''):
    if isinstance(v, dict):
        for k, x in v.items():
            yield from paths(x, at + '.' + k)
    elif isinstance(v, list):
        for i, x in enumerate(v):
            yield from paths(x, '%s[%d]' % (at, i))
    else:
        yield at, v

if sys.argv[1] == 'wrap':
    # what no recorded webhook has, but JSON allows
    hard = load('{"id":12345678901234567890,"big":9007199254740993,"money":[19.90,0.10,-0.0,1E400,1.50e3,1e-7],"deep":{"n":[0,-0,100000000000000000000.00]}}')
    n = 0
    for path, doc in [('hard', hard)] + list(documents(sys.argv[2])):
        if not isinstance(doc, dict):
            doc = {'value': doc}
        line = '{"specversion":"1.0","id":"n-%d","source":"test","type":"webhook","subject":%s,"data":%s}' % (
            n, json.dumps(os.path.relpath(path, sys.argv[2])), dump(doc))
        if len(line.encode()) < 900000:
            print(line)
            n += 1
else:
    loose = len(sys.argv) > 4
    def read(name):
        return {d['id']: d for d in map(load, open(name, encoding='utf-8'))}
    a, b = read(sys.argv[2]), read(sys.argv[3])
    total = bad = 0
    if a.keys() != b.keys():
        sys.exit('%d documents of %d came out' % (len(b), len(a)))
    for k in a:
        want = [(p, v) for p, v in paths(a[k]['data']) if isinstance(v, Number)]
        got = dict(paths(b[k]['data']))
        for p, v in want:
            total += 1
            g = got.get(p)
            if g != v or not (isinstance(g, Number) or loose and isinstance(g, str)):
                bad += 1
                if bad <= 5:
                    print('%s%s: %s became %r' % (a[k].get('subject', k), p, v, g), file=sys.stderr)
    print(total)
    sys.exit(1 if bad or total == 0 else 0)
PY
python3 numbers.py wrap "$dir" >in
check 'there are events with numbers' '[ "$(wc -l <in)" -gt 100 ] && python3 numbers.py compare in in >total'
diag "$(wc -l <in) events, $(cat total) numbers"

through()
{
	title=$1
	shift
	ok "$title takes them" "$@" <in >out
	ok '  and keeps each number' python3 numbers.py compare in out
}

printf '{"key":"hard","n":1.50}\n' | ss-lookup --load extra
through ss-track ss-track -p record
through 'ss-diff' ss-diff --target file:none
through 'ss-lookup' ss-lookup --miss pass extra
through 'a chain of them' sh -c 'ss-diff --target file:none | ss-lookup --miss pass extra | ss-track -p chain'

# Through ss-run: in, out by a script, and to files.
pipeline pass 'ss-diff --target file:none | ss-lookup --miss pass extra'
sed 's/"source":"test"/"source":"run"/' in >in2
ok 'ss-run takes them' ss-run -q pass <in2 >out
ok '  and keeps each number' python3 numbers.py compare in out
cat >"$SS_CONFIG" <<CONF
[file "plain"]
path = $TMP/plain.out
[file "same"]
path = $TMP/same.out
body = .
[file "moved"]
path = $TMP/moved.out
body = {id, subject, data: {deep: [.data]}}
[file "touched"]
path = $TMP/touched.out
body = . + {seen: true} | .data.extra = 1
CONF
for t in plain same moved touched; do
	pipeline "$t" "ss-push file:$t"
	sed "s/\"source\":\"test\"/\"source\":\"$t\"/" in >in2
	ok "ss-push file:$t takes them" ss-run -q "$t" <in2
done
ok '  as they are: each number' python3 numbers.py compare in plain.out
ok '  through jq: each number' python3 numbers.py compare in same.out
ok '  through jq that adds something: each number' python3 numbers.py compare in touched.out
python3 - moved.out >back <<'PY'
import sys
for line in open(sys.argv[1], encoding='utf-8'):
    # without reading the numbers: the template is known
    head, _, rest = line.rstrip('\n').partition('"data":{"deep":[')
    print(head + '"data":' + rest[:-3] + '}')
PY
ok '  through jq that moves them: each number, or its digits' python3 numbers.py compare in back loose

# In the log, and out of it again.
cat "$SS_HOME"/log/*/*/*/*.ndjson | grep '"source":"test",' | grep '"type":"webhook"' >stored
ok 'the log holds each number' python3 numbers.py compare in stored
bad=0
for id in n-0 n-1 n-50 n-100; do
	ss-replay --print --source test "$id" >one || bad=$((bad + 1))
	grep "\"id\":\"$id\"," in >want
	python3 numbers.py compare want one >n 2>why || [ "$(cat n)" = 0 ] || bad=$((bad + 1))
	ss-track show -j "$id" | grep '"source":"test",' | head -n 1 >one
	python3 numbers.py compare want one >n 2>why || [ "$(cat n)" = 0 ] || bad=$((bad + 1))
done
is 'ss-replay --print and ss-track show do, too' "$bad" 0
done_testing
