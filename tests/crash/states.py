#!/usr/bin/env python3
"""states.py - every state in which a power cut could leave the log

usage: states.py [-v] [-l LIE] [-w WRITER] [-m MIN] [-j JOB/JOBS] [--pairs]
               [--stop N] WORKLOAD...

A workload is run once under strace.  Its record is a list of operations on
files and directories; an operation is pending until a sync makes it durable:

    data of a file (write, size)        by fsync or fdatasync of that file
    an entry of a directory (create,    by fsync of that directory
    mkdir, rename, unlink)

which is less than any Linux file system promises.  For every point of the
record the disk may hold what was durable and any part of what was pending.
The parts tried: nothing, all, entries only, data only, all but one, one only,
(--pairs: all but two), one write cut short, one write's blocks zero.  A file
that is written in place again and again (the log's LOCK) is a register: it may
hold each of its pending versions, whatever became of the rest.

Each such disk is built and judged by crash-oracle against what the workload
had promised on its standard output by then.  Equal disks are judged once, with
the most that was promised.

-l LIE     calls that do nothing (crash-lie.so): fdatasync fsync dirsync ftruncate
-w WRITER  instead of crash-oracle, to write with
-m MIN     fail unless so many states were judged
-j I/N     every Nth workload from the Ith on
--stop N   stop after N bad states (default 5); 0: never

The programs are taken from PATH.  Ends with 0 when no state was bad, 1 when
some were, 2 when it could not be told.
"""
import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

CALLS = ('openat,creat,write,writev,pwrite64,pwritev,pwritev2,ftruncate,truncate,fallocate,'
         'fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,symlink,'
         'symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,copy_file_range,sendfile,mmap,'
         'open_by_handle_at,io_uring_setup')
# What this program cannot follow must not be used on the log.
UNKNOWN = ('pwritev', 'pwritev2', 'truncate', 'fallocate', 'sync_file_range', 'link', 'linkat',
           'symlink', 'symlinkat', 'rmdir', 'copy_file_range', 'sendfile', 'io_uring_setup')


class CannotTell(Exception):
    pass


# ---- a disk: inodes, directories as dicts ------------------------------------

class Disk:
    """files: inode -> bytes; dirs: inode -> {name: inode}.  Inode 1 is the root."""

    def __init__(self):
        self.files = {}
        self.dirs = {1: {}}

    def copy(self):
        other = Disk()
        other.files = dict(self.files)
        other.dirs = {i: dict(d) for i, d in self.dirs.items()}
        return other

    def apply(self, op):
        kind = op[0]
        if kind == 'write':
            _, ino, off, data = op
            old = self.files.get(ino, b'').ljust(off, b'\0')
            self.files[ino] = old[:off] + data + old[off + len(data):]
        elif kind == 'size':
            _, ino, size = op
            self.files[ino] = self.files.get(ino, b'')[:size].ljust(size, b'\0')
        elif kind == 'entry':
            _, where, name, ino = op
            self.dirs.setdefault(where, {})[name] = ino
        elif kind == 'move':
            _, sdir, sname, ddir, dname, ino = op
            self.dirs.setdefault(sdir, {}).pop(sname, None)
            self.dirs.setdefault(ddir, {})[dname] = ino
        elif kind == 'gone':
            _, where, name = op
            self.dirs.setdefault(where, {}).pop(name, None)

    def walk(self, ino, path, is_dir, out):
        if ino not in is_dir:
            out.append((path, self.files.get(ino, b'')))
            return
        if path:
            out.append((path, None))
        for name in sorted(self.dirs.get(ino, {})):
            self.walk(self.dirs[ino][name], path + '/' + name if path else name, is_dir, out)


def is_name(op):
    return op[0] in ('entry', 'move', 'gone')


# ---- the record --------------------------------------------------------------

HEX = r'"((?:\\x[0-9a-f]{2})*)"(?:\.\.\.)?'


def raw(text):
    return bytes.fromhex(text.replace('\\x', ''))


class Record:
    """Reads strace's output into operations on the tree below root."""

    def __init__(self, root, base, ignore):
        self.root = root
        self.ignore = ignore
        self.now = base.copy()          # as running programs see it
        self.is_dir = set(base.dirs)
        self.next = max([1, *base.files, *base.dirs]) + 1
        self.ops = []

    def below(self, path):
        """The path inside root as a list of names, or None."""
        path = os.path.normpath(path)
        if path == self.root:
            return []
        if not path.startswith(self.root + '/'):
            return None
        names = path[len(self.root) + 1:].split('/')
        return None if any(n in self.ignore for n in names) else names

    def find(self, names):
        ino = 1
        for n in names:
            ino = self.now.dirs.get(ino, {}).get(n)
            if ino is None:
                return None
        return ino

    def add(self, *op):
        self.ops.append(op)
        self.now.apply(op)

    def create(self, names, directory):
        where = self.find(names[:-1])
        if where is None:
            raise CannotTell('something was made in a directory that is not there: %s' % names)
        ino = self.next
        self.next += 1
        if directory:
            self.is_dir.add(ino)
            self.now.dirs[ino] = {}
        else:
            self.now.files[ino] = b''
        self.add('entry', where, names[-1], ino)

    def read(self, trace):
        waiting = {}
        with open(trace) as f:
            for line in f:
                pid, _, line = line.rstrip('\n').partition(' ')
                line = line.strip()
                if line.endswith('<unfinished ...>'):
                    waiting[pid] = line[:-len('<unfinished ...>')]
                    continue
                m = re.match(r'<\.\.\. \w+ resumed>(.*)', line)
                if m:
                    line = waiting.pop(pid, '').rstrip() + m[1]
                m = re.match(r'(\w+)\((.*)\)\s+= (-?\d+)', line)
                if m and int(m[3]) >= 0:
                    self.call(m[1], m[2], int(m[3]))

    def call(self, name, args, result):
        strings = [raw(s) for s in re.findall(HEX, args)]
        fd = re.match(r'(\d+)<((?:\\x[0-9a-f]{2})*)>(\(deleted\))?', args)
        of = None if fd is None else self.below(os.fsdecode(raw(fd[2])))
        if fd is not None and fd[3]:
            of = None       # its name is gone: nothing of it can come back
        if name in ('openat', 'creat'):
            self.opened(strings[0], args, name == 'creat')
        elif name in ('write', 'writev', 'pwrite64'):
            self.wrote(fd, of, b''.join(strings)[:result], args, name)
        elif name == 'ftruncate' and of:
            self.add('size', self.find(of), int(args.rsplit(', ', 1)[1]))
        elif name in ('fsync', 'fdatasync') and of is not None and self.find(of) is not None:
            self.ops.append(('sync', self.find(of)))
        elif name.startswith('rename'):
            self.renamed(strings)
        elif name in ('unlink', 'unlinkat'):
            p = self.path(strings[0])
            if p and self.find(p) is not None:
                self.add('gone', self.find(p[:-1]), p[-1])
        elif name in ('mkdir', 'mkdirat'):
            p = self.path(strings[0])
            if p:
                self.create(p, True)
        elif name == 'mmap':
            m = re.search(r'(\d+)<((?:\\x[0-9a-f]{2})*)>', args)
            p = m and self.below(os.fsdecode(raw(m[2])))
            if p and 'PROT_WRITE' in args and 'MAP_SHARED' in args:
                raise CannotTell('%s is written by mmap' % '/'.join(p))
        elif name in UNKNOWN and (of or any(self.path(s) for s in strings)):
            raise CannotTell('%s is not known here' % name)

    def path(self, text):
        p = os.fsdecode(text)
        if not p.startswith('/'):
            return None     # workloads use whole paths
        return self.below(p)

    def opened(self, text, args, creat):
        p = self.path(text)
        if not p or 'O_DIRECTORY' in args:
            return
        ino = self.find(p)
        if ino is None and (creat or 'O_CREAT' in args):
            self.create(p, False)
        elif ino is not None and ino not in self.is_dir and (creat or 'O_TRUNC' in args):
            self.add('size', ino, 0)

    def wrote(self, fd, of, data, args, name):
        if of:
            ino = self.find(of)
            if name == 'pwrite64':
                off = int(args.rsplit(', ', 1)[1])
            else:
                off = len(self.now.files[ino])      # all the log's files are appended to
            self.add('write', ino, off, data)
        elif fd is not None and fd[1] == '1':
            self.ops.append(('told', data))

    def renamed(self, strings):
        s, d = self.path(strings[0]), self.path(strings[1])
        if s is None and d is None:
            return
        if not s or not d or self.find(s[:-1]) != self.find(d[:-1]):
            raise CannotTell('a rename across directories')
        self.add('move', self.find(s[:-1]), s[-1], self.find(d[:-1]), d[-1], self.find(s))


# ---- the states --------------------------------------------------------------

def registers(ops):
    """Inodes of which one and the same range is written over and over."""
    seen = {}
    for op in ops:
        if op[0] == 'write':
            seen.setdefault(op[1], set()).add((op[2], len(op[3])))
    return {ino for ino, ranges in seen.items() if len(ranges) == 1 and
            sum(1 for o in ops if o[0] == 'write' and o[1] == ino) > 1}


class Cuts:
    """What the disk may hold after each prefix of the operations."""

    def __init__(self, base, ops, is_dir, pairs):
        self.is_dir = is_dir
        self.pairs = pairs
        self.reg = registers(ops)
        self.at = []            # per prefix: (durable disk, pending, versions, told)
        durable, pending, versions, told = base.copy(), [], {}, 0
        self.at.append((durable, pending, versions, told))
        for op in ops:
            if op[0] == 'told':
                told += len(op[1])
            elif op[0] == 'sync':
                durable, done, pending = durable.copy(), pending, []
                for o in done:
                    (durable.apply(o) if self.covers(op[1], o) else pending.append(o))
                if op[1] in versions:
                    versions = dict(versions)
                    for o in versions.pop(op[1]):
                        durable.apply(o)
            elif op[0] == 'write' and op[1] in self.reg:
                versions = dict(versions)
                versions[op[1]] = versions.get(op[1], ()) + (op,)
            else:
                pending = pending + [op]
            self.at.append((durable, pending, versions, told))

    @staticmethod
    def covers(ino, op):
        if op[0] in ('write', 'size'):
            return op[1] == ino
        if op[0] == 'move':
            return ino in (op[1], op[3])
        return op[1] == ino

    def choices(self, pending):
        """(name, the operations that reached the disk)"""
        yield 'none', []
        yield 'all', pending
        yield 'entries', [o for o in pending if is_name(o)]
        yield 'data', [o for o in pending if not is_name(o)]
        for i in range(len(pending)):
            yield 'all but %d' % i, pending[:i] + pending[i + 1:]
            yield 'only %d' % i, [pending[i]]
        if self.pairs:
            for i in range(len(pending)):
                for k in range(i):
                    yield 'all but %d,%d' % (k, i), [o for n, o in enumerate(pending) if n not in (i, k)]
        for i, o in enumerate(pending):
            if o[0] != 'write':
                continue
            before, behind, n = pending[:i], pending[i + 1:], len(o[3])
            cuts = {1, 20, n // 2, n - 21, n - 2, n - 1, *range(512, n, 512)}
            for k in sorted(c for c in cuts if 0 < c < n)[:24]:
                part = o[:3] + (o[3][:k],)
                yield 'write %d cut at %d' % (i, k), before + [part]
                if behind:
                    yield 'write %d cut at %d, the rest there' % (i, k), before + [part] + behind
                yield 'write %d zero from %d' % (i, k), before + [o[:3] + (o[3][:k] + b'\0' * (n - k),)] + behind
            yield 'write %d zero' % i, before + [o[:3] + (b'\0' * n,)] + behind
            if n > 512:
                yield 'write %d without its first block' % i, before + [o[:3] + (b'\0' * 512 + o[3][512:],)] + behind

    @staticmethod
    def hints(versions, full):
        """(name, the register writes that reached the disk)"""
        yield 'newest', [v[-1] for v in versions.values()]
        for ino, v in versions.items():
            yield 'no hint', []
            last = v[-1]
            if len(v) > 1:
                yield 'hint before', [v[-2]]
            if full:
                for k, old in enumerate(v[:-2]):
                    yield 'hint %d' % k, [old]
                for k in (8, 16, 24, 32):
                    yield 'hint cut at %d' % k, [*v[-2:-1], last[:3] + (last[3][:k],)]
                yield 'hint zero', [last[:3] + (b'\0' * len(last[3]),)]

    def states(self, first):
        """(prefix, name, tree, told): the most promised first, each tree once."""
        seen = set()
        for i in range(len(self.at) - 1, first - 1, -1):
            durable, pending, versions, told = self.at[i]
            for what, ops in self.choices(pending):
                full = what in ('none', 'all')
                for hint, writes in self.hints(versions, full):
                    disk = durable.copy()
                    for o in ops:
                        disk.apply(o)
                    for o in writes:
                        disk.apply(o)
                    tree = []
                    disk.walk(1, '', self.is_dir, tree)
                    key = hashlib.sha1(repr(tree).encode()).digest()
                    if key not in seen:
                        seen.add(key)
                        yield i, '%s, %s' % (what, hint), tree, told


# ---- judging -----------------------------------------------------------------

class Oracle:
    def __init__(self, tmp):
        self.dir = os.path.join(tmp, 'state')
        self.told = os.path.join(tmp, 'told')
        self.kept = os.path.join(tmp, 'kept')
        self.child = None

    def start(self):
        self.child = subprocess.Popen(['crash-oracle', 'serve'], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def judge(self, tree, told, home, kept):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.mkdir(self.dir)
        for path, data in tree:
            if data is None:
                os.mkdir(os.path.join(self.dir, path))
            else:
                with open(os.path.join(self.dir, path), 'wb') as f:
                    f.write(data)
        with open(self.told, 'wb') as f:
            f.write(told)
        with open(self.kept, 'wb') as f:
            f.write(kept)
        if self.child is None:
            self.start()
        self.child.stdin.write('%s\t%s\t%s\n' % (os.path.join(self.dir, home), self.told, self.kept))
        self.child.stdin.flush()
        answer = self.child.stdout.readline().rstrip('\n')
        if not answer.startswith(('ok ', 'bad ')):
            raise CannotTell('the oracle says "%s"' % answer)
        return answer

    def stop(self):
        if self.child is not None:
            self.child.stdin.close()
            self.child.wait()


# ---- workloads ---------------------------------------------------------------

class Run:
    """One record: a tree that is durable, then commands, one behind the other."""

    def __init__(self, tmp, args):
        self.tmp = tmp
        self.args = args
        self.root = os.path.join(tmp, 'disk')
        self.home = os.path.join(self.root, 'h')
        shutil.rmtree(self.root, ignore_errors=True)
        os.mkdir(self.root)
        self.promised = b''     # before the record begins
        self.kept = b''         # bytes that must not be gone at the end
        self.traces = []
        self.told = b''

    def plain(self, *args):
        r = subprocess.run(['crash-oracle', 'write', *args, self.home], stdout=subprocess.PIPE, check=True)
        self.promised += r.stdout

    def base(self):
        """The tree as it is, all of it durable."""
        disk, nodes = Disk(), {self.root: 1}
        for where, dirs, files in os.walk(self.root):
            for name in sorted(dirs) + sorted(files):
                path = os.path.join(where, name)
                ino = nodes[path] = len(nodes) + 1
                disk.dirs[nodes[where]][name] = ino
                if name in dirs:
                    disk.dirs[ino] = {}
                else:
                    with open(path, 'rb') as f:
                        disk.files[ino] = f.read()
        return disk

    def traced(self, *args, inject=None, command=None, feed=()):
        trace = os.path.join(self.tmp, 'trace.%d' % len(self.traces))
        cmd = ['strace', '-f', '-y', '-xx', '-qq', '-s', '99999999', '-o', trace, '-e', 'trace=' + CALLS]
        if inject:
            cmd += ['-e', 'inject=%s:signal=SIGKILL:when=%d' % inject]
        if self.args.lie:
            cmd += ['-E', 'LD_PRELOAD=' + shutil.which('crash-lie.so', mode=os.F_OK), '-E', 'CRASH_LIE=' + self.args.lie]
        cmd += command or [self.args.writer, 'write', *args, self.home]
        out = os.path.join(self.tmp, 'out')
        with open(out, 'wb') as f:
            # a leak checker cannot work under strace
            env = dict(os.environ, ASAN_OPTIONS=os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0')
            child = subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=f, cwd='/', env=env)
            for piece in feed:
                child.stdin.write(piece)
                child.stdin.flush()
                time.sleep(0.2)
            child.stdin.close()
            rc = child.wait()
        if inject is None and rc != 0:
            raise CannotTell('the workload ended with %d' % rc)
        if inject is not None and rc == 0:
            raise CannotTell('%s %d did not happen' % inject)
        with open(out, 'rb') as f:
            self.told += f.read()
        self.traces.append(trace)


def newest(run):
    found = []
    for where, _, files in os.walk(os.path.join(run.home, 'log')):
        found += [os.path.join(where, f) for f in files if f.endswith('.ndjson')]
    return max(found, key=os.path.basename)


def hurt(run, how):
    """A log of six lines, the last two of them not promised, damaged."""
    hint = os.path.join(run.home, 'log', 'LOCK')
    run.plain('-n', '4')
    keep = run.promised
    with open(hint, 'rb') as f:
        four = f.read()
    run.plain('-n', '2', '-t', 'x')
    run.promised = keep
    path = newest(run)
    with open(path, 'rb') as f:
        text = f.read()
    lines = text.splitlines(True)
    good, tail = b''.join(lines[:-2]), b''.join(lines[-2:])
    if how == 'torn':
        run.kept = lines[-1][:-40]
        tail = lines[-2] + run.kept
    elif how == 'zeros':
        tail = lines[-2] + b'\0' * 300
    elif how in ('hole', 'hole-hint'):
        tail = b'\0' * (len(lines[-2]) - 1) + b'\n' + lines[-1]
    elif how == 'mixed':
        run.kept = tail = lines[-2][:50] + b'\n\0\0\n' + lines[-1][:-1]
    with open(path, 'wb') as f:
        f.write(good + tail)
    if how in ('empty', 'half'):
        # the next segment as a crash at its creation leaves it
        name = os.path.join(os.path.dirname(path), '%020d.ndjson' % (len(lines) + 1))
        with open(name, 'wb') as f:
            f.write(lines[0][:60] if how == 'half' else b'')
    if how == 'suspect':
        open(os.path.join(run.home, 'log', 'SUSPECT'), 'wb').close()
    elif how == 'hole-hint':
        # as it was when four lines were durable
        with open(hint, 'wb') as f:
            f.write(four)
    else:
        os.unlink(hint)


def damage(how):
    def work(run):
        hurt(run, how)
        base = run.base()
        run.traced('-n', '2', '-t', 'y')
        yield base, 0
    return work


def track(run):
    """ss-track as a filter: one line, then a pause, then many at once."""
    events = b''.join(b'{"specversion":"1.0","id":"e%d","source":"track","type":"item.observed","subject":"S%d",'
                      b'"data":{"fields":{"n":"%d"}}}\n' % (n, n, n) for n in range(60))
    cut = events.index(b'\n') + 1
    base = run.base()
    run.traced(command=['env', 'SS_HOME=' + run.home, 'SS_CONFIG=/dev/null', 'ss-track'],
               feed=[events[:cut], events[cut:]])
    yield base, 0


def write(*args):
    def work(run):
        base = run.base()
        run.traced(*args)
        yield base, 0
    return work


def reopened(run):
    """Processes one after the other: hints of the one before."""
    base = run.base()
    run.traced('-n', '2')
    run.traced('-n', '2', '-t', 'y')
    run.traced('-n', '2', '-b', '2', '-t', 'z')
    yield base, 0


def killed(*args, prepare=None):
    """A program is killed at each call in turn; the next one goes on with what
    the kernel holds, and then the power fails."""
    def work(run):
        if prepare:
            hurt(run, prepare)
        keep = os.path.join(run.tmp, 'keep')
        shutil.rmtree(keep, ignore_errors=True)
        shutil.copytree(run.root, keep)
        base = run.base()
        run.traced(*args)
        for call in list(mutating(run.traces[-1], run.root)):
            shutil.rmtree(run.root)
            shutil.copytree(keep, run.root)
            run.traces, run.told = [], b''
            run.traced(*args, inject=call)
            run.traced('-n', '2', '-t', 'again')
            yield base, 1       # the states of the second program
    return work


def mutating(trace, root):
    """(call, how many of it came before and it) for each that changes the disk."""
    count = {}
    want = root.encode().hex()
    with open(trace) as f:
        for line in f:
            m = re.match(r'\d+\s+(\w+)\((.*)\)\s+= (-?\d+)', line)
            if not m:
                continue
            count[m[1]] = count.get(m[1], 0) + 1
            if want not in m[2].replace('\\x', ''):
                continue
            if m[1] == 'mmap' or int(m[3]) < 0 or (m[1] == 'openat' and 'O_CREAT' not in m[2]):
                continue
            yield m[1], count[m[1]]


WORKLOADS = {
    'first': write('-n', '1'),
    'append': write('-n', '12'),
    'batch': write('-n', '40', '-b', '10', '-z', '500'),
    'group': write('-n', '12', '-b', '2', '-w', '3'),
    'rotate': write('-n', '18', '-s', '900'),
    'rotate-batch': write('-n', '30', '-b', '5', '-w', '2', '-s', '1500'),
    'reopen': reopened,
    'track': track,
    'torn': damage('torn'),
    'zeros': damage('zeros'),
    'hole': damage('hole'),
    'mixed': damage('mixed'),
    'suspect': damage('suspect'),
    'empty': damage('empty'),
    'half': damage('half'),
    'killed-first': killed('-n', '1'),
    'killed-rotate': killed('-n', '6', '-s', '700'),
    'hole-hint': damage('hole-hint'),
    'killed-repair-hint': killed('-n', '1', '-t', 'y', prepare='hole-hint'),
    'killed-repair': killed('-n', '1', '-t', 'y', prepare='hole'),
}


def judge_all(name, args, tmp):
    run = Run(tmp, args)
    oracle = Oracle(tmp)
    states = points = bad = 0
    seen = set()
    try:
        for base, last_only in WORKLOADS[name](run):
            record = Record(run.root, base, ('state',))
            first = 0
            for n, trace in enumerate(run.traces):
                if last_only and n == len(run.traces) - 1:
                    first = len(record.ops)
                record.read(trace)
            told = run.promised + b''.join(o[1] for o in record.ops if o[0] == 'told')
            if told != run.promised + run.told:
                raise CannotTell('the record does not hold all that was promised')
            points += len(record.ops) - first + 1
            cuts = Cuts(base, record.ops, record.is_dir, args.pairs)
            for i, what, tree, n in cuts.states(first):
                promise = told[:len(run.promised) + n]
                key = hashlib.sha1(repr((tree, promise)).encode()).digest()
                if key in seen:
                    continue
                seen.add(key)
                states += 1
                answer = oracle.judge(tree, promise, 'h', run.kept)
                if answer.startswith('bad'):
                    bad += 1
                    if args.verbose or bad <= 3:
                        print('%s: cut after operation %d (%s): %s: %s' % (
                            name, i, describe(record.ops[i - 1]) if i else 'the beginning', what, answer[4:]))
                    if args.stop and bad >= args.stop:
                        return states, points, bad
    finally:
        oracle.stop()
    return states, points, bad


def describe(op):
    if op[0] == 'write':
        return 'write of %d bytes at %d' % (len(op[3]), op[2])
    if op[0] == 'told':
        return 'promise of %d bytes' % len(op[1])
    return ' '.join(str(x) for x in op)


def main():
    p = argparse.ArgumentParser(usage=__doc__, add_help=False)
    p.add_argument('-v', dest='verbose', action='store_true')
    p.add_argument('-l', dest='lie', default='')
    p.add_argument('-w', dest='writer', default='crash-oracle')
    p.add_argument('-m', dest='min', type=int, default=1)
    p.add_argument('-j', dest='job', default='1/1')
    p.add_argument('--pairs', action='store_true')
    p.add_argument('--stop', type=int, default=5)
    p.add_argument('workload', nargs='+', choices=[*WORKLOADS, 'all'])
    args = p.parse_args()
    names = list(WORKLOADS) if 'all' in args.workload else args.workload
    i, n = (int(x) for x in args.job.split('/'))
    shm = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    tmp = os.path.realpath(tempfile.mkdtemp(prefix='ss-enum.', dir=shm))
    total = bad = 0
    try:
        for name in names[i - 1::n]:
            s, points, b = judge_all(name, args, tmp)
            print('%-14s %5d points %6d states %4d bad' % (name, points, s, b), flush=True)
            total += s
            bad += b
    except (CannotTell, subprocess.CalledProcessError, OSError) as e:
        print('states.py: cannot tell: %s' % e, file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    print('%d states, %d bad' % (total, bad))
    if total < args.min:
        print('states.py: only %d states, want %d' % (total, args.min), file=sys.stderr)
        return 2
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
