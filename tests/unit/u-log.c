/* u-log - the event log: append, read, repair, verify */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crc32c.h"
#include "base/err.h"
#include "base/io.h"
#include "base/rng.h"
#include "store/log.h"
#include "store/log_internal.h"

/* One log in a folder of its own. */
struct fix {
	char home[64];
	struct clock clock;
	struct rng rng;
	struct ss_err err;
	struct log *log;
};

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
wipe(const char *dir)
{
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
fix_open(struct fix *f, int write)
{
	if (log_open(&f->log, f->home, write, &f->clock, &f->rng, &f->err) == -1)
		fail_msg("log_open: %s", f->err.text);
}

static void
fix_start_in(struct fix *f, const char *dir)
{
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->home, sizeof(f->home), "%s/u-log.XXXXXX", dir);
	assert_non_null(mkdtemp(f->home));
	f->clock = (struct clock){ 1, 1795000000000 };
	rng_init(&f->rng, 1, 42);
	fix_open(f, 1);
}

static void
fix_start(struct fix *f)
{
	/* thousands of syncs: in memory, where that is possible */
	fix_start_in(f, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

static void
fix_close(struct fix *f)
{
	log_close(f->log);
	f->log = NULL;
}

static void
fix_end(struct fix *f)
{
	fix_close(f);
	wipe(f->home);
}

static void
fix_again(struct fix *f, int write)
{
	fix_close(f);
	fix_open(f, write);
}

static size_t
make_line(char *out, size_t room, const char *id, size_t pad)
{
	int n = snprintf(out, room, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"t\",\"type\":\"t.x\",\"data\":\"%0*d\"}",
	    id, (int)pad, 0);

	assert_true(n > 0 && (size_t)n < room);
	return (size_t)n;
}

/* n lines with ids PREFIX-0..; pad: bytes of data in each. */
static uint64_t
append(struct fix *f, const char *prefix, size_t n, size_t pad)
{
	struct buf b = { 0 };
	uint32_t *lens = calloc(n, sizeof(*lens));
	char *line = malloc(pad + 300), id[64];
	uint64_t first = 0;
	size_t i;

	assert_true(lens != NULL && line != NULL);
	for (i = 0; i < n; i++) {
		(void)snprintf(id, sizeof(id), "%s-%zu", prefix, i);
		lens[i] = (uint32_t)make_line(line, pad + 300, id, pad);
		(void)buf_add(&b, line, lens[i]);
	}
	if (log_append(f->log, b.p, lens, n, &first, NULL, &f->err) == -1)
		fail_msg("log_append: %s", f->err.text);
	if (log_sync(f->log, &f->err) == -1)
		fail_msg("log_sync: %s", f->err.text);
	buf_free(&b);
	free(lens);
	free(line);
	return first;
}

/* All lines that a cursor gives, with newlines; their number. */
static size_t
read_all(struct log *l, struct buf *out, uint64_t *damaged)
{
	struct ss_err err;
	struct log_cursor *c;
	struct log_line line;
	uint64_t last = 0;
	size_t n = 0;
	int rc;

	if (log_cursor_open(&c, l, 0, &err) == -1)
		fail_msg("log_cursor_open: %s", err.text);
	while ((rc = log_cursor_next(c, &line, &err)) == 1) {
		assert_true(line.seq > last);
		last = line.seq;
		if (out != NULL) {
			(void)buf_add(out, line.p, line.n);
			(void)buf_addc(out, '\n');
		}
		n++;
	}
	if (rc == -1)
		fail_msg("log_cursor_next: %s", err.text);
	if (damaged != NULL)
		*damaged = log_cursor_damaged(c);
	log_cursor_close(c);
	return n;
}

static void
seg_path(struct fix *f, size_t i, char path[PATH_MAX])
{
	assert_int_equal(log_seg_list(f->log, &f->err), 0);
	assert_true(i < f->log->nsegs);
	assert_int_equal(log_seg_path(f->log, &f->log->segs[i], path, PATH_MAX, &f->err), 0);
}

static void
slurp(const char *path, struct buf *b)
{
	struct ss_err err;

	buf_clear(b);
	if (io_slurp(path, (size_t)1 << 30, b, &err) == -1)
		fail_msg("%s", err.text);
}

static void
put_file(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd != -1);
	assert_int_equal(io_write(fd, p, n, path, NULL), 0);
	(void)close(fd);
}

/* Everything in quarantine/ together; how many bytes. */
static size_t
quarantined(struct fix *f, struct buf *out)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct dirent *e;
	struct ss_err err;
	size_t start = out->len;
	DIR *d;

	(void)snprintf(dir, sizeof(dir), "%s/quarantine", f->home);
	d = opendir(dir);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.') {
			assert_true(snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) < (int)sizeof(path));
			assert_int_equal(io_slurp(path, 1 << 30, out, &err), 0);
		}
	if (d != NULL)
		(void)closedir(d);
	return out->len - start;
}

static void
drop_lock(struct fix *f)
{
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "%s/log/LOCK", f->home);
	(void)unlink(path);
}

/* --- reading and writing --- */

static void
empty(void **state)
{
	struct fix f;
	uint64_t at;
	struct log_report rep;

	(void)state;
	fix_start(&f);
	assert_int_equal(read_all(f.log, NULL, NULL), 0);
	assert_int_equal(log_end(f.log, &at, &f.err), 0);
	assert_int_equal(at, 2);	/* the header has place 1 */
	assert_int_equal(log_verify(f.log, &rep, NULL, NULL, &f.err), 0);
	fix_again(&f, 0);
	assert_int_equal(log_end(f.log, &at, &f.err), 0);
	assert_int_equal(at, 2);
	fix_end(&f);
}

/* A reader may come before anything is there, and sees what comes later. */
static void
reader_first(void **state)
{
	struct fix f;
	struct log *r;
	struct log_cursor *c;
	struct log_line line;
	char home[80];
	uint64_t at;

	(void)state;
	fix_start(&f);
	(void)snprintf(home, sizeof(home), "%s/h", f.home);
	assert_int_equal(log_open(&r, home, 0, &f.clock, &f.rng, &f.err), 0);
	assert_int_equal(log_cursor_open(&c, r, 0, &f.err), 0);
	assert_int_equal(log_cursor_next(c, &line, &f.err), 0);
	assert_int_equal(log_end(r, &at, &f.err), 0);
	assert_int_equal(at, 1);
	fix_close(&f);
	assert_int_equal(log_open(&f.log, home, 1, &f.clock, &f.rng, &f.err), 0);
	append(&f, "a", 3, 10);
	assert_int_equal(log_cursor_next(c, &line, &f.err), 1);
	assert_int_equal(line.seq, 2);
	assert_int_equal(log_end(r, &at, &f.err), 0);
	assert_int_equal(at, 5);
	log_cursor_close(c);
	log_close(r);
	fix_end(&f);
}

struct found {
	uint64_t seq[64];
	size_t n;
};

static int
on_hit(void *ctx, const struct log_line *line)
{
	struct found *h = ctx;

	if (h->n < 64)
		h->seq[h->n++] = line->seq;
	return 0;
}

/* Several segments: places, get, search, seek, what append gives back. */
static void
segments(void **state)
{
	struct fix f;
	struct buf b = { 0 }, want = { 0 };
	struct log_cursor *c;
	struct log_line line;
	struct log_report rep;
	struct found hits = { .n = 0 };
	uint64_t first[40], last = 0, at;
	char id[64], text[600];
	size_t i, k, n;

	(void)state;
	fix_start(&f);
	log_segment_max(f.log, 4096);
	for (i = 0; i < 40; i++) {
		(void)snprintf(id, sizeof(id), "b%zu", i);
		first[i] = append(&f, id, 5, i * 7);
		assert_true(first[i] > last);
		last = first[i] + 4;
	}
	assert_int_equal(log_seg_list(f.log, &f.err), 0);
	assert_true(f.log->nsegs > 4);
	assert_int_equal(read_all(f.log, NULL, NULL), 200);
	assert_int_equal(log_verify(f.log, &rep, NULL, NULL, &f.err), 0);
	assert_int_equal(rep.lines, 200 + f.log->nsegs);
	assert_int_equal(rep.first, 1);
	assert_int_equal(rep.last, last);
	assert_int_equal(log_begin(f.log, &at, &f.err), 0);
	assert_int_equal(at, 1);
	fix_again(&f, 0);
	assert_int_equal(log_cursor_open(&c, f.log, 0, &f.err), 0);
	for (i = 40; i-- > 0;)
		for (k = 0; k < 5; k++) {
			(void)snprintf(id, sizeof(id), "b%zu-%zu", i, k);
			n = make_line(text, sizeof(text), id, i * 7);
			buf_clear(&want);
			(void)buf_add(&want, text, n - 1);
			(void)buf_addf(&want, ",\"ssseq\":%llu}", (unsigned long long)(first[i] + k));
			buf_clear(&b);
			assert_int_equal(log_get(f.log, first[i] + k, &b, &f.err), 1);
			assert_int_equal(b.len, want.len);
			assert_memory_equal(b.p, want.p, b.len);
			/* back, and forth again */
			assert_int_equal(log_cursor_seek(c, first[i] + k, &f.err), 0);
			assert_int_equal(log_cursor_next(c, &line, &f.err), 1);
			assert_int_equal(line.seq, first[i] + k);
			assert_memory_equal(line.p, want.p, line.body);
			n = (size_t)snprintf(text, sizeof(text), "\"%s\"", id);
			hits.n = 0;
			assert_int_equal(log_search(f.log, 0, text, n, on_hit, &hits, &f.err), 0);
			assert_int_equal(hits.n, 1);
			assert_int_equal(hits.seq[0], first[i] + k);
			hits.n = 0;
			assert_int_equal(log_search(f.log, first[i] + k + 1, text, n, on_hit, &hits, &f.err), 0);
			assert_int_equal(hits.n, 0);
		}
	/* headers and what is not there yet */
	assert_int_equal(log_get(f.log, 1, &b, &f.err), 0);
	assert_int_equal(log_get(f.log, last + 1, &b, &f.err), 0);
	assert_int_equal(log_get(f.log, UINT64_MAX, &b, &f.err), 0);
	log_cursor_close(c);
	buf_free(&b);
	buf_free(&want);
	fix_end(&f);
}

/* Seeking in one large segment, with lines of very different length. */
static void
seek_large(void **state)
{
	struct fix f;
	struct log_cursor *c;
	struct log_line line;
	struct buf out = { 0 };
	struct rng rng;
	uint64_t first, end, at, seq = 2;
	uint32_t len;
	char *big = malloc(300000);
	size_t i;

	(void)state;
	fix_start(&f);
	rng_init(&rng, 1, 3);
	assert_non_null(big);
	for (i = 0; i < 300; i++) {
		len = (uint32_t)make_line(big, 300000, "x", i % 60 == 0 ? 250000 : (size_t)rng_below(&rng, 3000));
		assert_int_equal(log_append(f.log, big, &len, 1, &first, &out, &f.err), 0);
		assert_int_equal(first, seq++);
	}
	assert_int_equal(log_sync(f.log, &f.err), 0);
	assert_int_equal(log_sync_end(f.log, &end, &f.err), 0);
	assert_int_equal(end, 302);
	assert_int_equal(log_cursor_open(&c, f.log, 300, &f.err), 0);
	for (i = 0; i < 3000; i++) {
		at = 2 + rng_below(&rng, 300);
		assert_int_equal(log_cursor_seek(c, at, &f.err), 0);
		assert_int_equal(log_cursor_next(c, &line, &f.err), 1);
		assert_int_equal(line.seq, at);
	}
	assert_int_equal(log_cursor_seek(c, 0, &f.err), 0);
	/* what append gave back is what is read, but for the checksum */
	for (i = 0, at = 0; i < 300; i++) {
		assert_int_equal(log_cursor_next(c, &line, &f.err), 1);
		assert_memory_equal(line.p, out.p + at, line.body);
		assert_memory_equal(out.p + at + line.body, "}\n", 2);
		at += line.body + 2;
	}
	assert_int_equal(at, out.len);
	log_cursor_close(c);
	buf_free(&out);
	free(big);
	fix_end(&f);
}

/* A new day is a new folder; a clock that goes back changes nothing. */
static void
days(void **state)
{
	struct fix f;

	(void)state;
	fix_start(&f);
	append(&f, "a", 2, 0);
	f.clock.now += 86400000;
	append(&f, "b", 2, 0);
	f.clock.now -= 3 * 86400000LL;
	append(&f, "c", 2, 0);
	assert_int_equal(log_seg_list(f.log, &f.err), 0);
	assert_int_equal(f.log->nsegs, 2);
	assert_int_equal(f.log->segs[0].date, 20261118);
	assert_int_equal(f.log->segs[1].date, 20261119);
	assert_int_equal(read_all(f.log, NULL, NULL), 6);
	fix_end(&f);
}

static void
rotation_followed(void **state)
{
	struct fix f;
	struct log *r;
	struct log_cursor *c;
	struct log_line line;
	uint64_t seq = 0;
	char id[16];
	int i, n = 0, rc;

	(void)state;
	fix_start(&f);
	log_segment_max(f.log, 2000);
	assert_int_equal(log_open(&r, f.home, 0, &f.clock, &f.rng, &f.err), 0);
	assert_int_equal(log_cursor_open(&c, r, 0, &f.err), 0);
	for (i = 0; i < 50; i++) {
		(void)snprintf(id, sizeof(id), "r%d", i);
		append(&f, id, 3, 50);
		while ((rc = log_cursor_next(c, &line, &f.err)) == 1) {
			assert_true(line.seq > seq);
			seq = line.seq;
			n++;
		}
		assert_int_equal(rc, 0);
		assert_int_equal(n, 3 * (i + 1));
	}
	log_cursor_close(c);
	log_close(r);
	fix_end(&f);
}

static void
refusals(void **state)
{
	struct fix f;
	struct buf b = { 0 };
	struct log *r;
	char path[PATH_MAX], *p;
	uint64_t first;
	uint32_t len = 2;

	(void)state;
	fix_start(&f);
	append(&f, "a", 1, 0);
	assert_int_equal(log_open(&r, f.home, 0, &f.clock, &f.rng, &f.err), 0);
	assert_int_equal(log_append(r, "{}", &len, 1, &first, NULL, &f.err), -1);
	log_close(r);
	/* another format is not touched */
	seg_path(&f, 0, path);
	fix_close(&f);
	slurp(path, &b);
	p = memmem(b.p, b.len, "\"format\":1", 10);
	assert_non_null(p);
	p[9] = '2';
	{
		uint64_t seq;
		char *nl = memchr(b.p, '\n', b.len), hex[9];
		size_t n = (size_t)(nl - b.p);
		uint32_t crc = 0;
		size_t body;

		/* with a checksum that fits */
		crc = crc32c_update(0, b.p, n - LOG_CRC_TAIL);
		(void)snprintf(hex, sizeof(hex), "%08x", crc);
		memcpy(nl - 10, hex, 8);
		assert_int_equal(log_seg_check(b.p, n, 0, &seq, &body), 1);
	}
	put_file(path, b.p, b.len);
	assert_int_equal(log_open(&r, f.home, 1, &f.clock, &f.rng, &f.err), -1);
	assert_int_equal(f.err.exit, SS_EXIT_USAGE);
	assert_non_null(strstr(f.err.text, "format 2"));
	buf_free(&b);
	wipe(f.home);
}

/* --- damage --- */

/* Every length that the file can be cut to: what is readable then plus what
 * went to quarantine is what there was. */
static void
truncations(void **state)
{
	struct fix f;
	struct buf whole = { 0 }, now = { 0 };
	char path[PATH_MAX], *nl;
	size_t cut, head, kept;
	uint64_t at;

	(void)state;
	fix_start(&f);
	append(&f, "a", 12, 100);
	seg_path(&f, 0, path);
	fix_close(&f);
	slurp(path, &whole);
	head = (size_t)((char *)memchr(whole.p, '\n', whole.len) - whole.p) + 1;
	for (cut = 0; cut < whole.len; cut++) {
		char q[PATH_MAX];

		(void)snprintf(q, sizeof(q), "%s/quarantine", f.home);
		wipe(q);
		drop_lock(&f);
		put_file(path, whole.p, cut);
		fix_open(&f, 1);
		slurp(path, &now);
		if (cut < head) {
			/* a header that was never whole: made anew */
			assert_int_equal(read_all(f.log, NULL, NULL), 0);
			kept = 0;
		} else {
			nl = memrchr(whole.p, '\n', cut);
			kept = (size_t)(nl - whole.p) + 1;
			assert_int_equal(now.len, kept);
			assert_memory_equal(now.p, whole.p, kept);
		}
		now.len = 0;
		assert_int_equal(quarantined(&f, &now), cut - kept);
		if (cut > kept)
			assert_memory_equal(now.p, whole.p + kept, cut - kept);
		assert_int_equal(log_repaired(f.log, NULL), cut - kept);
		/* and on it goes */
		assert_int_equal(log_end(f.log, &at, &f.err), 0);
		assert_int_equal(append(&f, "z", 1, 0), at);
		assert_int_equal(log_verify(f.log, &(struct log_report){ 0 }, NULL, NULL, &f.err), 0);
		fix_close(&f);
	}
	buf_free(&whole);
	buf_free(&now);
	wipe(f.home);
}

struct findings {
	char path[PATH_MAX];
	uint64_t offset, seq;
	int n;
};

static void
on_finding(void *ctx, const char *path, uint64_t offset, uint64_t seq, const char *what)
{
	struct findings *k = ctx;

	(void)what;
	(void)snprintf(k->path, sizeof(k->path), "%s", path);
	if (k->n++ == 0) {
		k->offset = offset;
		k->seq = seq;
	}
}

/* What each reader must say of a log of which one bit is wrong. */
static void
one_flip(struct fix *f, const char *path, const struct buf *was, size_t bit, int locked)
{
	struct findings k = { .n = 0 };
	struct log_report rep;
	struct buf got = { 0 };
	uint64_t damaged, first;
	size_t i, start, end, n;
	char *p, *nl;

	/* a reader changes nothing and is given good lines only */
	fix_open(f, 0);
	assert_true(log_verify(f->log, &rep, on_finding, &k, &f->err) > 0);
	if (strcmp(k.path, path) != 0)
		fail_msg("bit %zu: found in %s", bit, k.path);
	for (start = bit / 8; start > 0 && was->p[start - 1] != '\n'; start--)
		;
	nl = memchr(was->p + bit / 8, '\n', was->len - bit / 8);
	end = nl == NULL ? was->len : (size_t)(nl - was->p) + 1;
	if (k.offset < start || k.offset > end)
		fail_msg("bit %zu: found at %llu, not in %zu..%zu", bit, (unsigned long long)k.offset, start, end);
	n = read_all(f->log, &got, &damaged);
	/* the lines but one, or all when the header or a newline was hit */
	if (n < 14 || n > 15)
		fail_msg("bit %zu: %zu lines", bit, n);
	/* without its newline the last line is no line yet */
	assert_true(start == 0 || damaged > 0 || bit / 8 == was->len - 1);
	for (p = got.p; p < got.p + got.len; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(got.p + got.len - p));
		if (memmem(was->p, was->len, p, (size_t)(nl - p)) == NULL)
			fail_msg("bit %zu: a line that was never written", bit);
	}
	fix_close(f);
	/* a writer goes on behind it */
	if (!locked)
		drop_lock(f);
	fix_open(f, 1);
	first = append(f, "z", 1, 0);
	if (first != 17 && (locked || first != 16))
		fail_msg("bit %zu: appended at %llu", bit, (unsigned long long)first);
	buf_clear(&got);
	i = read_all(f->log, &got, NULL);
	/* without the hint the segment is rewritten, and a line names the lost place */
	if (i != n + 1 && (locked || (i != n && i != n + 2)) && bit / 8 != was->len - 1)
		fail_msg("bit %zu: %zu lines, then %zu", bit, n, i);
	fix_close(f);
	buf_free(&got);
}

static void
flips(struct fix *f, int locked)
{
	struct buf was = { 0 }, lock = { 0 };
	char path[PATH_MAX], lockpath[PATH_MAX], q[PATH_MAX];
	size_t bit;

	fix_start(f);
	append(f, "a", 15, 140);
	seg_path(f, 0, path);
	fix_close(f);
	slurp(path, &was);
	(void)snprintf(lockpath, sizeof(lockpath), "%s/log/LOCK", f->home);
	(void)snprintf(q, sizeof(q), "%s/quarantine", f->home);
	slurp(lockpath, &lock);
	for (bit = 0; bit < was.len * 8; bit += locked ? 1 : 3) {
		was.p[bit / 8] = (char)(was.p[bit / 8] ^ 1 << bit % 8);
		put_file(path, was.p, was.len);
		put_file(lockpath, lock.p, lock.len);
		was.p[bit / 8] = (char)(was.p[bit / 8] ^ 1 << bit % 8);
		one_flip(f, path, &was, bit, locked);
		wipe(q);
	}
	buf_free(&was);
	buf_free(&lock);
	wipe(f->home);
}

static void
flips_synced(void **state)
{
	struct fix f;

	(void)state;
	flips(&f, 1);
}

static void
flips_without_lock(void **state)
{
	struct fix f;

	(void)state;
	flips(&f, 0);
}

/* What a power cut or a crash may leave behind the last good line. */
static void
tails(void **state)
{
	static const struct { const char *name, *tail; size_t zeros; int keeps; } t[] = {
		{ "zeros", "", 5000, 0 },
		{ "zeros over a block", "", 3 << 20, 0 },
		{ "half a line", "{\"specversion\":\"1.0\",\"id\":\"h", 0, 0 },
		{ "half a line, zeros", "{\"specversion\":\"1.0\"", 4096, 0 },
		{ "lines of nonsense", "a\nb\n\n\n{}\n{\"ssseq\":99,\"sscrc\":\"00000000\"}\n", 0, 0 },
		{ "half a line, then a whole one", "{\"specver", 0, 1 },
		{ "nonsense, then a whole line", "x\ny\n", 0, 1 },
	};
	struct buf whole = { 0 }, now = { 0 }, file = { 0 };
	char path[PATH_MAX], q[PATH_MAX];
	struct fix f;
	size_t i, last;

	(void)state;
	fix_start(&f);
	append(&f, "a", 5, 100);
	seg_path(&f, 0, path);
	fix_close(&f);
	slurp(path, &whole);
	last = (size_t)((char *)memrchr(whole.p, '\n', whole.len - 1) - whole.p) + 1;
	(void)snprintf(q, sizeof(q), "%s/quarantine", f.home);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		size_t bad = strlen(t[i].tail) + t[i].zeros, keep = t[i].keeps ? last : whole.len;

		wipe(q);
		drop_lock(&f);
		buf_clear(&file);
		(void)buf_add(&file, whole.p, keep);
		(void)buf_adds(&file, t[i].tail);
		(void)buf_room(&file, t[i].zeros);
		memset(file.p + file.len, 0, t[i].zeros);
		file.len += t[i].zeros;
		if (t[i].keeps && t[i].tail[bad - 1] != '\n') {
			/* a fragment and a line in one: the line is part of the damage */
			(void)buf_addc(&file, '\n');
			bad++;
		}
		(void)buf_add(&file, whole.p + keep, whole.len - keep);
		put_file(path, file.p, file.len);
		fix_open(&f, 0);
		if (read_all(f.log, NULL, NULL) != 5)
			fail_msg("%s: a reader misses a line", t[i].name);
		fix_close(&f);
		fix_open(&f, 1);
		slurp(path, &now);
		if (now.len != whole.len || memcmp(now.p, whole.p, now.len) != 0)
			fail_msg("%s: recovered %zu bytes of %zu", t[i].name, now.len, whole.len);
		now.len = 0;
		if (quarantined(&f, &now) != bad || memcmp(now.p, file.p + keep, bad) != 0)
			fail_msg("%s: %zu bytes in quarantine, want %zu", t[i].name, now.len, bad);
		assert_int_equal(log_verify(f.log, &(struct log_report){ 0 }, NULL, NULL, &f.err), 0);
		assert_int_equal(append(&f, "z", 1, 0), 7);
		fix_close(&f);
		/* a second opening finds nothing to do */
		fix_open(&f, 1);
		assert_int_equal(log_repaired(f.log, NULL), 0);
		fix_close(&f);
	}
	buf_free(&whole);
	buf_free(&now);
	buf_free(&file);
	wipe(f.home);
}

/* A cursor that read the beginning of a line that was then cut away sees the
 * line that came instead. */
static void
tail_under_a_reader(void **state)
{
	struct fix f;
	struct log *r;
	struct log_cursor *c;
	struct log_line line;
	char path[PATH_MAX];
	int fd;

	(void)state;
	fix_start(&f);
	append(&f, "a", 2, 50);
	seg_path(&f, 0, path);
	fix_close(&f);
	fd = open(path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "{\"specversion\":\"1.0\",\"id\":\"torn", 31), 31);
	(void)close(fd);
	assert_int_equal(log_open(&r, f.home, 0, &f.clock, &f.rng, &f.err), 0);
	assert_int_equal(log_cursor_open(&c, r, 0, &f.err), 0);
	assert_int_equal(log_cursor_next(c, &line, &f.err), 1);
	assert_int_equal(log_cursor_next(c, &line, &f.err), 1);
	assert_int_equal(log_cursor_next(c, &line, &f.err), 0);
	fix_open(&f, 1);
	assert_int_equal(log_repaired(f.log, NULL), 31);
	assert_int_equal(append(&f, "b", 1, 50), 4);
	assert_int_equal(log_cursor_next(c, &line, &f.err), 1);
	assert_int_equal(line.seq, 4);
	assert_int_equal(log_cursor_damaged(c), 0);
	log_cursor_close(c);
	log_close(r);
	fix_end(&f);
}

static void
suspect(void **state)
{
	struct fix f, g;
	struct stat a, b;
	char mark[PATH_MAX], path[PATH_MAX];

	(void)state;
	fix_start(&f);
	append(&f, "a", 5, 100);
	seg_path(&f, 0, path);
	assert_int_equal(stat(path, &a), 0);
	log_repair_mark(f.log);
	/* nobody new comes in while a process that saw the failure is there */
	g = f;
	assert_int_equal(log_open(&g.log, g.home, 1, &g.clock, &g.rng, &g.err), -1);
	assert_int_equal(g.err.exit, SS_EXIT_AGAIN);
	fix_again(&f, 1);
	(void)snprintf(mark, sizeof(mark), "%s/log/SUSPECT", f.home);
	assert_int_equal(access(mark, F_OK), -1);
	assert_int_equal(stat(path, &b), 0);
	assert_true(a.st_ino != b.st_ino);
	assert_int_equal(read_all(f.log, NULL, NULL), 5);
	assert_int_equal(append(&f, "b", 1, 0), 7);
	fix_end(&f);
}

static void
missing_lock(void **state)
{
	struct fix f;
	uint64_t end;
	int i;

	(void)state;
	fix_start(&f);
	for (i = 0; i < 20; i++) {
		assert_int_equal(append(&f, "a", 3, 20), 2 + 3 * i);
		fix_close(&f);
		drop_lock(&f);
		fix_open(&f, 0);
		assert_int_equal(log_end(f.log, &end, &f.err), 0);
		assert_int_equal(end, 5 + 3 * i);
		fix_again(&f, 1);
	}
	assert_int_equal(read_all(f.log, NULL, NULL), 60);
	assert_int_equal(log_verify(f.log, &(struct log_report){ 0 }, NULL, NULL, &f.err), 0);
	fix_end(&f);
}

/* A segment whose header and lines are all gone keeps its places. */
static void
segment_lost(void **state)
{
	struct fix f;
	char path[PATH_MAX];
	struct buf b = { 0 };
	size_t i;

	(void)state;
	fix_start(&f);
	append(&f, "a", 5, 100);
	seg_path(&f, 0, path);
	fix_close(&f);
	slurp(path, &b);
	for (i = 0; i < b.len; i++)
		if (b.p[i] != '\n')
			b.p[i] = 'x';
	put_file(path, b.p, b.len);
	fix_open(&f, 1);
	assert_int_equal(append(&f, "b", 1, 0), 8);
	assert_true(log_verify(f.log, &(struct log_report){ 0 }, NULL, NULL, &f.err) > 0);
	fix_again(&f, 1);
	assert_int_equal(read_all(f.log, NULL, NULL), 1);
	assert_int_equal(append(&f, "c", 1, 0), 9);
	buf_free(&b);
	fix_end(&f);
}

/* Lines lost, doubled and out of order are found. */
static void
order(void **state)
{
	static const struct { const char *name; int lines[6]; int findings; } t[] = {
		{ "as written", { 0, 1, 2, 3, 4, -1 }, 0 },
		{ "one lost", { 0, 1, 3, 4, -1 }, 1 },
		{ "one doubled", { 0, 1, 2, 2, 3, 4 }, 1 },
		{ "two swapped", { 0, 2, 1, 3, 4, -1 }, 2 },
	};
	struct fix f;
	struct buf was = { 0 }, b = { 0 };
	char path[PATH_MAX], *line[5], *p;
	size_t len[5], head, i, k;
	int n;

	(void)state;
	fix_start(&f);
	append(&f, "a", 5, 10);
	seg_path(&f, 0, path);
	fix_close(&f);
	slurp(path, &was);
	p = memchr(was.p, '\n', was.len);
	head = (size_t)(++p - was.p);
	for (i = 0; i < 5; i++) {
		char *nl = memchr(p, '\n', (size_t)(was.p + was.len - p));

		line[i] = p;
		len[i] = (size_t)(nl - p) + 1;
		p = nl + 1;
	}
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_clear(&b);
		(void)buf_add(&b, was.p, head);
		for (k = 0; k < 6 && t[i].lines[k] != -1; k++)
			(void)buf_add(&b, line[t[i].lines[k]], len[t[i].lines[k]]);
		put_file(path, b.p, b.len);
		fix_open(&f, 0);
		n = log_verify(f.log, &(struct log_report){ 0 }, NULL, NULL, &f.err);
		if (n != t[i].findings)
			fail_msg("%s: %d findings, want %d", t[i].name, n, t[i].findings);
		fix_close(&f);
	}
	buf_free(&was);
	buf_free(&b);
	wipe(f.home);
}

/* --- many processes --- */

#define WRITERS 8
#define BATCHES 200

/* A child: BATCHES appends of 1 to 4 lines, some with a sync; never cmocka. */
static int
writer(const struct fix *of, int me)
{
	struct fix f = *of;
	struct rng rng;
	uint64_t first, last = 0;
	int i, k, n, serial = 0;

	rng_init(&rng, 1, (uint64_t)me + 100);
	rng_init(&f.rng, 1, (uint64_t)me);
	if (log_open(&f.log, f.home, 1, &f.clock, &f.rng, &f.err) == -1)
		return 1;
	log_segment_max(f.log, 200000);
	for (i = 0; i < BATCHES; i++) {
		struct buf b = { 0 };
		uint32_t lens[4];
		char id[32], line[1024];

		n = 1 + (int)rng_below(&rng, 4);
		for (k = 0; k < n; k++) {
			(void)snprintf(id, sizeof(id), "w%d.%d", me, serial++);
			lens[k] = (uint32_t)make_line(line, sizeof(line), id, (size_t)rng_below(&rng, 600));
			(void)buf_add(&b, line, lens[k]);
		}
		if (log_append(f.log, b.p, lens, (size_t)n, &first, NULL, &f.err) == -1 || first <= last)
			return 2;
		buf_free(&b);
		last = first + (uint64_t)n - 1;
		if (i % 16 == 0 && log_sync(f.log, &f.err) == -1)
			return 3;
	}
	if (log_sync(f.log, &f.err) == -1)
		return 3;
	log_close(f.log);
	return 0;
}

/* Counts of what came from each writer, checked for order. */
struct tally {
	int next[WRITERS], wrong;
	uint64_t last;
	size_t n;
};

static void
tally_line(struct tally *t, const struct log_line *line)
{
	const char *p = memmem(line->p, line->n, "\"id\":\"w", 7);
	int w, serial;
	char *end;

	if (p == NULL || line->seq <= t->last) {
		t->wrong++;
		return;
	}
	t->last = line->seq;
	w = (int)strtol(p + 7, &end, 10);
	serial = *end == '.' ? (int)strtol(end + 1, &end, 10) : -1;
	if (w < 0 || w >= WRITERS || serial != t->next[w] || *end != '"')
		t->wrong++;
	else
		t->next[w]++;
	t->n++;
}

static void
many_writers(void **state)
{
	struct fix f;
	struct tally live = { .n = 0 }, after = { .n = 0 };
	struct log_report rep;
	struct log_cursor *c;
	struct log_line line;
	pid_t pid[WRITERS];
	int i, st, left = WRITERS, rc;

	(void)state;
	fix_start_in(&f, "/tmp");	/* a real sync gives the others time */
	fix_again(&f, 0);
	for (i = 0; i < WRITERS; i++) {
		pid[i] = fork();
		assert_true(pid[i] != -1);
		if (pid[i] == 0)
			_exit(writer(&f, i));
	}
	assert_int_equal(log_cursor_open(&c, f.log, 0, &f.err), 0);
	while (left > 0) {
		while ((rc = log_cursor_next(c, &line, &f.err)) == 1)
			tally_line(&live, &line);
		assert_int_equal(rc, 0);
		for (i = 0; i < WRITERS; i++)
			if (pid[i] != 0 && waitpid(pid[i], &st, WNOHANG) == pid[i]) {
				assert_true(WIFEXITED(st));
				assert_int_equal(WEXITSTATUS(st), 0);
				pid[i] = 0;
				left--;
			}
	}
	while ((rc = log_cursor_next(c, &line, &f.err)) == 1)
		tally_line(&live, &line);
	assert_int_equal(log_cursor_damaged(c), 0);
	assert_int_equal(log_cursor_seek(c, 0, &f.err), 0);
	while ((rc = log_cursor_next(c, &line, &f.err)) == 1)
		tally_line(&after, &line);
	log_cursor_close(c);
	assert_int_equal(live.wrong, 0);
	assert_int_equal(after.wrong, 0);
	assert_int_equal(live.n, after.n);
	assert_memory_equal(live.next, after.next, sizeof(live.next));
	assert_true(after.n >= WRITERS * BATCHES);
	assert_int_equal(log_verify(f.log, &rep, NULL, NULL, &f.err), 0);
	assert_true(rep.segments > 2);
	assert_int_equal(rep.lines, after.n + rep.segments);
	assert_int_equal(rep.last, rep.lines);	/* gapless */
	fix_end(&f);
}

/* An appender killed within its write leaves a torn line; the next one, with
 * others still there, goes on. */
static void
torn_by_a_neighbour(void **state)
{
	struct fix f;
	char path[PATH_MAX];
	uint64_t first, end;
	int i, fd;

	(void)state;
	fix_start(&f);
	first = append(&f, "a", 2, 10);
	seg_path(&f, 0, path);
	for (i = 0; i < 10; i++) {
		fd = open(path, O_WRONLY | O_APPEND);
		assert_int_equal(write(fd, "{\"spec", 6), 6);
		(void)close(fd);
		assert_int_equal(log_end(f.log, &end, &f.err), 0);
		assert_int_equal(append(&f, "b", 1, 10), first + 2 + (uint64_t)i);
	}
	assert_int_equal(log_repaired(f.log, NULL), 60);
	assert_int_equal(read_all(f.log, NULL, NULL), 12);
	assert_int_equal(log_verify(f.log, &(struct log_report){ 0 }, NULL, NULL, &f.err), 0);
	fix_end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(reader_first),
		cmocka_unit_test(segments),
		cmocka_unit_test(seek_large),
		cmocka_unit_test(days),
		cmocka_unit_test(rotation_followed),
		cmocka_unit_test(refusals),
		cmocka_unit_test(truncations),
		cmocka_unit_test(flips_synced),
		cmocka_unit_test(flips_without_lock),
		cmocka_unit_test(tails),
		cmocka_unit_test(tail_under_a_reader),
		cmocka_unit_test(suspect),
		cmocka_unit_test(missing_lock),
		cmocka_unit_test(segment_lost),
		cmocka_unit_test(order),
		cmocka_unit_test(many_writers),
		cmocka_unit_test(torn_by_a_neighbour),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
