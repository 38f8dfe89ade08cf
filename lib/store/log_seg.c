/* Segments of the log: names, headers, and what makes a line good. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/io.h"
#include "base/num.h"
#include "base/uuid.h"
#include "store/log_internal.h"

int
log_seg_path(const struct log *l, const struct log_seg *s, char *out, size_t n, struct ss_err *err)
{
	int k = snprintf(out, n, "%s/year=%04d/month=%02d/day=%02d/%020llu.ndjson", l->dir,
	    s->date / 10000, s->date / 100 % 100, s->date % 100, (unsigned long long)s->first);

	return k > 0 && (size_t)k < n ? 0 : err_set(err, SS_EXIT_USAGE, "path of the log is too long");
}

/* "name=NN" with exactly digits digits, or "<20 digits>.ndjson" (digits 20). */
static int
number_in(const char *s, const char *name, size_t digits, const char *suffix, uint64_t *out)
{
	size_t k = strlen(name);

	return strncmp(s, name, k) == 0 && num_scan(s + k, strlen(s + k), out) == digits &&
	    strcmp(s + k + digits, suffix) == 0;
}

static int
seg_add(struct log *l, size_t *cap, uint64_t first, int date, struct ss_err *err)
{
	struct log_seg *v;

	if (l->nsegs == *cap) {
		*cap = *cap == 0 ? 64 : *cap * 2;
		v = realloc(l->segs, *cap * sizeof(*v));
		if (v == NULL)
			return err_nomem(err);
		l->segs = v;
	}
	l->segs[l->nsegs++] = (struct log_seg){ first, date };
	return 0;
}

/* The three levels year=, month=, day= and the files below; depth 0..3. */
static int
walk(struct log *l, const char *dir, int depth, int date, size_t *cap, struct ss_err *err)
{
	static const char *const level[] = { "year=", "month=", "day=" };
	static const size_t digits[] = { 4, 2, 2 };
	static const int scale[] = { 10000, 100, 1 };
	char sub[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(dir);
	uint64_t v;
	int rc = 0;

	if (d == NULL)
		return errno == ENOENT ? 0 : err_sys(err, SS_EXIT_AGAIN, "cannot list '%s'", dir);
	while (rc == 0 && (errno = 0, e = readdir(d)) != NULL) {
		if (depth == 3) {
			if (number_in(e->d_name, "", 20, ".ndjson", &v))
				rc = seg_add(l, cap, v, date, err);
		} else if (number_in(e->d_name, level[depth], digits[depth], "", &v)) {
			if (snprintf(sub, sizeof(sub), "%s/%s", dir, e->d_name) >= (int)sizeof(sub))
				rc = err_set(err, SS_EXIT_USAGE, "path of the log is too long");
			else
				rc = walk(l, sub, depth + 1, date + (int)v * scale[depth], cap, err);
		}
	}
	if (rc == 0 && errno != 0)
		rc = err_sys(err, SS_EXIT_AGAIN, "cannot list '%s'", dir);
	(void)closedir(d);
	return rc;
}

static int
by_first(const void *a, const void *b)
{
	const struct log_seg *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

int
log_seg_list(struct log *l, struct ss_err *err)
{
	size_t cap = 0;

	free(l->segs);
	l->segs = NULL;
	l->nsegs = 0;
	if (walk(l, l->dir, 0, 0, &cap, err) == -1)
		return -1;
	if (l->nsegs > 1)
		qsort(l->segs, l->nsegs, sizeof(*l->segs), by_first);
	return 0;
}

ssize_t
log_seg_find(const struct log *l, uint64_t seq)
{
	size_t lo = 0, hi = l->nsegs;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->segs[mid].first <= seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (ssize_t)lo - 1;
}

static int
hex8(const char *p, uint32_t *out)
{
	uint32_t v = 0;
	int i;

	for (i = 0; i < 8; i++) {
		char c = p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else
			return -1;
	}
	*out = v;
	return 0;
}

int
log_seg_check(const char *p, size_t n, uint32_t seed, uint64_t *seq, size_t *body)
{
	size_t b, i;
	uint64_t v = 0, scale = 1;
	uint32_t crc;

	if (n < LOG_CRC_TAIL + 12 || p[0] != '{' || p[n - 1] != '}' || p[n - 2] != '"')
		return 0;
	b = n - LOG_CRC_TAIL;
	if (memcmp(p + b, ",\"sscrc\":\"", 10) != 0 || hex8(p + b + 10, &crc) == -1 ||
	    crc32c_update(seed, p, b) != crc)
		return 0;
	for (i = b; i > 0 && p[i - 1] >= '0' && p[i - 1] <= '9' && b - i < 20; i--, scale *= 10)
		v += (uint64_t)(p[i - 1] - '0') * scale;
	if (i == b || i < 9 || memcmp(p + i - 9, ",\"ssseq\":", 9) != 0)
		return 0;
	*seq = v;
	*body = b;
	return 1;
}

size_t
log_seg_prefix(const char *p, size_t n, uint32_t seed, uint64_t *seq, size_t *body)
{
	static const char key[] = ",\"sscrc\":\"";
	const char *at = p, *end = p + n;

	while ((at = memmem(at, (size_t)(end - at), key, sizeof(key) - 1)) != NULL) {
		size_t len = (size_t)(at - p) + LOG_CRC_TAIL;

		/* a byte in place of the newline, and something behind it */
		if (len + 1 >= n)
			return 0;
		if (log_seg_check(p, len, seed, seq, body))
			return len;
		at += sizeof(key) - 1;
	}
	return 0;
}

/* The seed stands in the header as "seed":"xxxxxxxx"; its own CRC starts at 0. */
static int
header_seed(const char *p, size_t n, uint64_t first, uint32_t *seed, struct ss_err *err)
{
	static const char key[] = "\"seed\":\"", fmt[] = "\"format\":";
	uint64_t seq, format = 0;
	size_t body;
	const char *s, *f;

	if (!log_seg_check(p, n, 0, &seq, &body) || seq != first)
		return 0;
	s = memmem(p, body, key, sizeof(key) - 1);
	f = memmem(p, body, fmt, sizeof(fmt) - 1);
	if (s == NULL || f == NULL || (size_t)(p + body - s) < sizeof(key) + 8 ||
	    hex8(s + sizeof(key) - 1, seed) == -1)
		return 0;
	(void)num_scan(f + sizeof(fmt) - 1, 8, &format);
	if (format != LOG_FORMAT)
		return err_set(err, SS_EXIT_USAGE,
		    "the log has format %llu, this program knows %d: use a newer storesync",
		    (unsigned long long)format, LOG_FORMAT);
	return 1;
}

/* A guess at the seed and how many lines agree with it. */
struct vote {
	uint32_t seed;
	int n;
};

static void
vote_line(struct vote *v, const char *s, size_t len, uint64_t first)
{
	uint32_t cand;
	uint64_t seq;
	size_t body;

	if (len < LOG_CRC_TAIL + 12 || hex8(s + len - 10, &cand) == -1)
		return;
	cand = crc32c_unroll(cand, s, len - LOG_CRC_TAIL);
	if (!log_seg_check(s, len, cand, &seq, &body) || seq <= first)
		return;
	v->n = v->n > 0 && cand == v->seed ? 2 : 1;
	v->seed = cand;
}

/* The seed without the header: every good line gives it back, and two lines
 * that agree are no accident (2^-32).  A sole line is believed too: its place
 * must fit.  The first line is not asked: it is the header's rest. */
static int
recover_seed(int fd, uint64_t first, uint32_t *seed)
{
	struct buf b = { .max = LOG_LINE_MAX + 2 * LOG_BLOCK };
	struct vote v = { 0, 0 };
	uint64_t off = 0;
	int head = 1;
	ssize_t n = 0;

	do {
		size_t pos = 0;
		char *nl;

		if (buf_room(&b, LOG_BLOCK) == -1)
			break;
		n = io_pread(fd, b.p + b.len, LOG_BLOCK, (off_t)(off + b.len), "the log", NULL);
		b.len += n > 0 ? (size_t)n : 0;
		while (v.n < 2 && pos < b.len && (nl = memchr(b.p + pos, '\n', b.len - pos)) != NULL) {
			if (!head)
				vote_line(&v, b.p + pos, (size_t)(nl - b.p) - pos, first);
			head = 0;
			pos = (size_t)(nl - b.p) + 1;
		}
		off += pos;
		buf_shift(&b, pos);
	} while (v.n < 2 && n == (ssize_t)LOG_BLOCK);
	buf_free(&b);
	*seed = v.seed;
	return v.n > 0;
}

int
log_seg_open(const struct log *l, const struct log_seg *s, int flags, int *fd, uint32_t *seed,
    uint64_t *start, struct ss_err *err)
{
	char path[PATH_MAX], head[1024];
	ssize_t n;
	char *nl;
	size_t len, body;
	uint64_t seq;
	int rc;

	*fd = -1;
	if (log_seg_path(l, s, path, sizeof(path), err) == -1)
		return -1;
	*fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	if (*fd == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot open '%s'", path);
	n = io_pread(*fd, head, sizeof(head), 0, path, err);
	if (n == -1) {
		(void)close(*fd);
		*fd = -1;
		return -1;
	}
	nl = memchr(head, '\n', (size_t)n);
	*start = nl == NULL ? 0 : (uint64_t)(nl - head) + 1;
	*seed = 0;
	rc = nl == NULL ? 0 : header_seed(head, (size_t)(nl - head), s->first, seed, err);
	if (rc == 0 && (len = log_seg_prefix(head, (size_t)n, 0, &seq, &body)) != 0) {
		/* the newline behind it is damaged */
		rc = header_seed(head, len, s->first, seed, err) == 1 ? 2 : rc;
		*start = rc == 2 ? len + 1 : *start;
	}
	if (rc == 0)
		rc = recover_seed(*fd, s->first, seed) ? 2 : 0;
	if (rc == -1) {
		(void)close(*fd);
		*fd = -1;
	}
	return rc;
}

static void
boot_id(char out[64])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, out, 63);

	if (fd != -1)
		(void)close(fd);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static int
put_header(struct log *l, struct buf *b, uint64_t first, uint32_t seed)
{
	struct uuid_gen g = { .rng = l->rng };
	char id[UUID_TEXT], time[CLOCK_TEXT], boot[64];
	int64_t now = clock_now(l->clock);

	uuid_v7(&g, now, id);
	clock_format(now, time);
	boot_id(boot);
	(void)buf_addf(b, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"storesync/log\","
	    "\"type\":\"ss.segment\",\"time\":\"%s\",\"data\":{\"format\":%d,\"seed\":\"%08x\",\"boot\":\"%s\"},"
	    "\"ssseq\":%llu", id, time, LOG_FORMAT, seed, boot, (unsigned long long)first);
	if (b->failed)
		return -1;
	return buf_addf(b, ",\"sscrc\":\"%08x\"}\n", crc32c_update(0, b->p, b->len));
}

static void
lost(struct log *l)
{
	pthread_mutex_lock(&l->mu);
	l->failed = 1;
	pthread_mutex_unlock(&l->mu);
	log_repair_mark(l);
}

int
log_seg_sync_names(const struct log *l, const struct log_seg *s, struct ss_err *err)
{
	char path[PATH_MAX];
	size_t home = strlen(l->home);
	char *slash;

	if (log_seg_path(l, s, path, sizeof(path), err) == -1)
		return -1;
	while ((slash = strrchr(path, '/')) != NULL && slash != path && strlen(path) >= home) {
		*slash = '\0';
		/* the folder that HOME stands in may be another's: then it is not ours to sync */
		if (io_syncdir(path, strlen(path) >= home ? err : NULL) == -1 && strlen(path) >= home)
			return -1;
	}
	return 0;
}

int
log_seg_explains(const char *p, size_t body, uint64_t next)
{
	char needle[80];
	int n = snprintf(needle, sizeof(needle), "\"code\":\"lines-lost\",\"lost\":[%llu,", (unsigned long long)next);

	return memmem(p, body, needle, (size_t)n) != NULL;
}

int
log_seg_create(struct log *l, uint64_t first, struct ss_err *err)
{
	char path[PATH_MAX], dir[PATH_MAX];
	struct log_seg s = { .first = first };
	struct buf b = { 0 };
	struct stat st;
	uint32_t seed = (uint32_t)rng_next(l->rng);
	int y, m, d, fd = -1, rc = -1;

	clock_date(clock_now(l->clock), &y, &m, &d);
	s.date = y * 10000 + m * 100 + d;
	if (s.date < l->active.date)
		s.date = l->active.date;
	if (log_seg_path(l, &s, path, sizeof(path), err) == -1)
		return -1;
	memcpy(dir, path, sizeof(dir));
	*strrchr(dir, '/') = '\0';
	if (io_mkdirs(dir, err) == -1)
		return -1;
	if (put_header(l, &b, first, seed) == -1) {
		err_nomem(err);
		goto done;
	}
	/* a file of this name can only be the empty or headless rest of a crash at
	 * this very step: nothing in it was ever acknowledged (invariant 4) */
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1) {
		err_sys(err, SS_EXIT_AGAIN, "cannot create '%s'", path);
		goto done;
	}
	if (io_write(fd, b.p, b.len, path, err) == -1)
		goto done;
	/* a failed fsync is never tried again: that would succeed and mean nothing */
	if (fsync(fd) == -1 || fstat(fd, &st) == -1) {
		err_sys(err, SS_EXIT_DAMAGE, "cannot sync '%s'", path);
		lost(l);
		goto done;
	}
	if (log_seg_sync_names(l, &s, err) == -1) {
		lost(l);
		goto done;
	}
	pthread_mutex_lock(&l->mu);
	if (l->fd != -1)
		(void)close(l->fd);
	l->fd = fd;
	l->active = s;
	l->written = b.len;
	pthread_mutex_unlock(&l->mu);
	fd = -1;
	l->ino = st.st_ino;
	l->seed = seed;
	l->size = b.len;
	l->last = first;
	rc = 0;
done:
	if (fd != -1)
		(void)close(fd);
	buf_free(&b);
	return rc;
}
