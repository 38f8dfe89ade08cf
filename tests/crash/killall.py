#!/usr/bin/env python3
"""killall.py [--stride N] [--fault NAME] [--form FORM] BIN

Kills each program of a pipeline at each of its mutating system calls, runs the
pipeline again as a user would, and demands the same end: the peer equals the
file, every row was applied once, nothing is open, the accounts balance.

Two forms.  run: ss-fetch | ss-run, whose script is ss-diff | ss-push.  track:
ss-fetch | ss-track -p, then ss-run; the peer refuses three rows for good the
first time, and ss-replay does them again.

A first run under strace tells which calls there are.  Each case then kills one
program before its k-th call of one kind acts (strace injects SIGKILL).  Prints
how many kills really fired.  --fault makes a bug on purpose, which must be
found: forget (the peer forgets idempotency keys), amnesia (the log's tail is
cut by hand after the kill)."""
import argparse, collections, concurrent.futures, json, os, re, shutil, subprocess, sys, tempfile, time, urllib.request

CALLS = 'write,pwrite64,writev,pwritev,fdatasync,fsync,rename,ftruncate,mkdir,unlink,sendto,sendmsg,openat'.split(',')
FORMS = {'run': ['ss-fetch', 'ss-run', 'ss-diff', 'ss-push'],
         'track': ['ss-fetch', 'ss-track', 'ss-run', 'ss-diff', 'ss-push', 'ss-replay']}
ROWS = 30
REFUSED = ['SKU-03', 'SKU-14', 'SKU-27']


class Shop:
    """One sim-http and one place to work in; cases run in it one after the other."""

    def __init__(self, bindir, fault, form):
        self.bin, self.fault, self.form = bindir, fault, form
        self.dir = tempfile.mkdtemp(prefix='ss-kill.', dir='/dev/shm' if os.path.isdir('/dev/shm') else None)
        port = self.path('port')
        self.sim = subprocess.Popen([bindir + '/sim-http', '--port-file', port, '--max-seconds', '1500'],
                                    stdout=subprocess.DEVNULL)
        for _ in range(200):
            if os.path.exists(port):
                break
            time.sleep(0.02)
        self.url = 'http://127.0.0.1:' + open(port).read().strip()
        with open(self.path('stock.csv'), 'w') as f:
            f.write('sku,title,price,available\n')
            for i in range(ROWS):
                f.write('SKU-%02d,Thing %d,%d.50,%d\n' % (i, i, i, 3 * i))
        with open(self.path('conf'), 'w') as f:
            f.write('[http "shop"]\nurl = %s/items\nidempotency = header Idempotency-Key\nbatch = 1\nparallel = 2\n'
                    'body = {key: .subject, set: .data.set}\n'
                    'reply = .body.results[] | {key, ok: (.status == "ok"), code, message}\n' % self.url)

    def path(self, *p):
        return os.path.join(self.dir, *p)

    def ask(self, what, body=None):
        with urllib.request.urlopen(urllib.request.Request(self.url + what, data=body), timeout=10) as r:
            return r.read().decode()

    def fresh(self):
        for d in ('home', 'shim'):
            shutil.rmtree(self.path(d), ignore_errors=True)
        os.makedirs(self.path('home', 'pipelines'))
        os.makedirs(self.path('shim'))
        script = self.path('home', 'pipelines', 'stock')
        with open(script, 'w') as f:
            f.write('#!/bin/sh\nss-diff --target http:shop | ss-push http:shop\n')
        os.chmod(script, 0o755)
        self.ask('/reset', b'')
        rules = [{'key': k, 'times': 1, 'refuse': {'code': 'locked', 'permanent': True}} for k in REFUSED]
        self.ask('/control', json.dumps({'rules': rules if self.form == 'track' else [],
                                         'idempotency': self.fault != 'forget'}).encode())

    def shim(self, program, strace):
        p = self.path('shim', program)
        with open(p, 'w') as f:
            # once: what ss-run starts anew after the kill is the program itself
            f.write('#!/bin/sh\nrm -f "$0"\nexec strace -qq %s %s/%s "$@"\n' % (strace, self.bin, program))
        os.chmod(p, 0o755)

    def run(self, shimmed):
        env = dict(os.environ, SS_HOME=self.path('home'), SS_CONFIG=self.path('conf'), LC_ALL='C.UTF-8',
                   PATH=(self.path('shim') + ':' if shimmed else '') + self.bin + ':' + os.environ['PATH'])
        if self.form == 'run':
            return self.shell('ss-fetch csv:stock.csv | ss-run --retry-for 20s --retry-delay 50ms stock', env)
        rc, out = self.shell('ss-fetch csv:stock.csv | ss-track -p stock >/dev/null', env)
        if rc != 0:
            return rc, out
        rc, more = self.shell('ss-run -n --retry-for 20s --retry-delay 50ms stock', env)
        out += more
        if rc not in (0, 3):
            return rc, out
        worst = 0
        for line in self.tool('ss-track', 'list', '-j', '--state', 'dead', '-p', 'stock').stdout.decode().splitlines():
            o = json.loads(line)
            if o['state'] == 'dead':
                rc, more = self.shell('ss-replay ' + o['id'], env)
                out += more
                worst = max(worst, rc)
        return worst, out

    def shell(self, line, env):
        r = subprocess.run(line, shell=True, cwd=self.dir, env=env, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=120)
        self.wait_orphans()
        return r.returncode, r.stdout.decode(errors='replace')

    def wait_orphans(self):
        """The worker's lock is free when the last process of a killed run is gone."""
        lock = self.path('home', 'state', 'run', 'stock')
        if os.path.exists(lock):
            subprocess.run(['flock', '-w', '30', lock, 'true'])

    def tool(self, *args):
        env = dict(os.environ, SS_HOME=self.path('home'), SS_CONFIG=self.path('conf'))
        return subprocess.run([self.bin + '/' + args[0], *args[1:]], env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)

    def verdict(self):
        """None when all is well, else what is wrong."""
        state = {}
        for line in self.ask('/state').splitlines():
            o = json.loads(line)
            state[o['key']] = o
        for i in range(ROWS):
            o = state.get('SKU-%02d' % i)
            want = {'fields': {'title': 'Thing %d' % i, 'price': '%d.50' % i}, 'levels': {'main': {'available': 3 * i}}}
            if o is None:
                return 'SKU-%02d is not at the peer' % i
            if o['value'].get('set') != want:
                return 'SKU-%02d is %s' % (i, json.dumps(o['value']))
            if o['applies'] != 1:
                return 'SKU-%02d was applied %d times' % (i, o['applies'])
        if len(state) != ROWS:
            return '%d keys at the peer' % len(state)
        v = self.tool('ss-log', 'verify', '-j')
        if v.returncode != 0:
            return 'ss-log verify: %d %s' % (v.returncode, v.stdout.decode()[:400])
        for line in self.tool('ss-track', 'stats', '-j').stdout.decode().splitlines():
            o = json.loads(line)
            if o.get('open') or o.get('failed') or o.get('parked'):
                return 'left: ' + line
        left = self.tool('ss-track', 'list', '-j').stdout.decode()
        return 'left: ' + left[:300] if left else None

    def plan(self):
        """(program, call, k) for every mutating call of a run without faults."""
        self.fresh()
        for p in FORMS[self.form]:
            self.shim(p, '-o %s -e trace=%s' % (self.path('trace.' + p), ','.join(CALLS)))
        rc, out = self.run(True)
        bad = self.verdict()
        if rc != 0 or bad:
            sys.exit('the run without faults: exit %d, %s\n%s' % (rc, bad, out))
        cases = []
        for p in FORMS[self.form]:
            seen = collections.Counter()
            for line in open(self.path('trace.' + p), errors='replace'):
                m = re.match(r'(\w+)\(', line)
                if m and m[1] in CALLS:
                    seen[m[1]] += 1
                    if m[1] != 'openat' or 'O_CREAT' in line:
                        cases.append((p, m[1], seen[m[1]]))
        return cases

    def case(self, c):
        program, call, k = c
        self.fresh()
        mark = self.path('killed')
        if os.path.exists(mark):
            os.unlink(mark)
        self.shim(program, '-o %s -e trace=%s -e inject=%s:signal=SIGKILL:when=%d' % (mark, call, call, k))
        self.run(True)
        fired = os.path.exists(mark) and 'killed by SIGKILL' in open(mark, errors='replace').read()
        if self.fault == 'amnesia' and fired:
            for root, _, files in os.walk(self.path('home', 'log')):
                for f in files:
                    if f.endswith('.ndjson'):
                        os.truncate(os.path.join(root, f), os.path.getsize(os.path.join(root, f)) * 2 // 3)
        out = ''
        for again in range(4):
            rc, out = self.run(False)
            if rc == 0:
                break
        bad = None if rc == 0 else 'still exit %d after %d runs' % (rc, again + 1)
        bad = bad or self.verdict()
        return c, fired, bad, again + 1, out

    def close(self):
        self.sim.terminate()
        self.sim.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


def work(args, cases):
    shop = Shop(args.bin, args.fault, args.form)
    try:
        return [shop.case(c) for c in cases]
    finally:
        shop.close()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--stride', type=int, default=1)
    ap.add_argument('--least', type=int, default=300, help='fail if fewer kills fired')
    ap.add_argument('--limit', type=int, default=0, help='only the first N cases')
    ap.add_argument('--jobs', type=int, default=2)
    ap.add_argument('--fault')
    ap.add_argument('--form', choices=FORMS, default='run')
    ap.add_argument('bin')
    args = ap.parse_args()
    args.bin = os.path.abspath(args.bin)
    start = time.time()
    shop = Shop(args.bin, None, args.form)
    try:
        cases = shop.plan()[::args.stride]
    finally:
        shop.close()
    if args.limit:
        cases = cases[:args.limit]
    results = []
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        for f in [pool.submit(work, args, cases[i::args.jobs]) for i in range(args.jobs)]:
            results += f.result()
    fired = sum(r[1] for r in results)
    bad = [r for r in results if r[2]]
    for (p, call, k), _, why, again, out in bad[:2 if args.fault else 10]:
        print('BAD %s killed at %s %d: %s\n  %s' % (p, call, k, why, out.strip().replace('\n', '\n  ')[-600:]))
    per = collections.Counter(r[0][0] for r in results if r[1])
    print('form %s: cases=%d kills fired=%d (%s) bad=%d, %.0f s' % (args.form, len(results), fired, ', '.join('%s %d' % x for x in sorted(per.items())),
                                                           len(bad), time.time() - start))
    if args.fault:
        print('fault %s %s' % (args.fault, 'was found' if bad else 'was NOT found'))
        return 0 if bad else 1
    if fired < args.least:
        print('fewer than %d kills fired: this proves nothing' % args.least)
        return 1
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
