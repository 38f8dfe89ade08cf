/*
 * Recovery of the active segment.  Bytes that are no good line are copied to
 * quarantine/ and made durable there before anything is cut or rewritten, so
 * that every step can be broken off and done again.
 */
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

static int
suspect_path(const struct log *l, char out[PATH_MAX], struct ss_err *err)
{
	return snprintf(out, PATH_MAX, "%s/SUSPECT", l->dir) < PATH_MAX ? 0 :
	    err_set(err, SS_EXIT_USAGE, "path of the log is too long");
}

int
log_repair_marked(const struct log *l, struct ss_err *err)
{
	char path[PATH_MAX];

	if (suspect_path(l, path, err) == -1)
		return -1;
	return access(path, F_OK) == 0;
}

void
log_repair_mark(struct log *l)
{
	char path[PATH_MAX];
	int fd;

	if (suspect_path(l, path, NULL) == -1)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd != -1) {
		(void)fsync(fd);
		(void)close(fd);
		(void)io_syncdir(l->dir, NULL);
	}
}

/* quarantine/<segment>.<offset>.bin, another suffix if that name is taken by
 * other bytes. */
static int
quarantine(struct log *l, uint64_t off, const char *p, size_t n, struct ss_err *err)
{
	char dir[PATH_MAX], path[PATH_MAX];
	int i, fd = -1, rc = 0;

	if (snprintf(dir, sizeof(dir), "%s/quarantine", l->home) >= (int)sizeof(dir))
		return err_set(err, SS_EXIT_USAGE, "path of the log is too long");
	if (io_mkdirs(dir, err) == -1)
		return -1;
	for (i = 0; i < 1000 && fd == -1; i++) {
		if (snprintf(path, sizeof(path), "%s/%020llu.%llu.%d.bin", dir, (unsigned long long)l->active.first,
		    (unsigned long long)off, i) >= (int)sizeof(path))
			return err_set(err, SS_EXIT_USAGE, "path of the log is too long");
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd == -1 && errno != EEXIST)
			break;
	}
	if (fd == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot create '%s'", path);
	if (io_write(fd, p, n, path, err) == -1)
		rc = -1;
	else if (fsync(fd) == -1)
		rc = err_sys(err, SS_EXIT_DAMAGE, "cannot sync '%s'", path);
	(void)close(fd);
	if (rc == -1 || io_syncdir(dir, err) == -1)
		return -1;
	l->repaired += n;
	free(l->repaired_path);
	l->repaired_path = strdup(path);
	return 0;
}

/* What a scan of [from, end of file) found. */
struct scan {
	uint64_t last;		/* place of the last good line, 0: none */
	uint64_t good_end;	/* behind the last good line */
	uint64_t bad;		/* lines behind the last good one that are none */
	int hole;		/* a bad stretch has good lines behind it */
	uint64_t to;		/* only lines that begin before this offset, 0: all */
	uint64_t prev;		/* with keep: place of the good line before */
	struct buf *keep, *drop;	/* good lines and all else are copied here, NULL: not wanted */
};

static int
scan_take(struct scan *s, const char *p, size_t n, int good)
{
	struct buf *to = good ? s->keep : s->drop;

	return to == NULL || n == 0 ? 0 : buf_add(to, p, n);
}

static void
scan_good(struct scan *s, uint64_t at, size_t n, uint64_t seq)
{
	if (at != s->good_end)
		s->hole = 1;
	s->last = seq;
	s->bad = 0;
	s->good_end = at + n;
}

/* Places that a rewrite leaves out are named by a line at the last of them, so
 * that their absence is no damage any more: ss.alert, code lines-lost. */
static int
put_lost(struct log *l, struct scan *s, uint64_t from, uint64_t to)
{
	struct uuid_gen g = { .rng = l->rng };
	char id[UUID_TEXT], time[CLOCK_TEXT];
	size_t start = s->keep->len;
	int64_t now = clock_now(l->clock);

	uuid_v7(&g, now, id);
	clock_format(now, time);
	(void)buf_addf(s->keep, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"storesync/log\",\"type\":\"ss.alert\","
	    "\"time\":\"%s\",\"data\":{\"code\":\"lines-lost\",\"lost\":[%llu,%llu]},\"ssseq\":%llu", id, time,
	    (unsigned long long)from, (unsigned long long)to, (unsigned long long)to);
	if (s->keep->failed)
		return -1;
	return buf_addf(s->keep, ",\"sscrc\":\"%08x\"}\n", crc32c_update(l->seed, s->keep->p + start, s->keep->len - start));
}

/* Before a good line is kept: are there places missing that nothing tells of? */
static int
keep_gap(struct log *l, struct scan *s, const char *p, size_t body, uint64_t seq)
{
	uint64_t prev = s->prev;

	s->prev = seq;
	if (s->keep == NULL || prev == 0 || seq <= prev + 1 || log_seg_explains(p, body, prev + 1))
		return 0;
	return put_lost(l, s, prev + 1, seq - 1);
}

/* One stretch of whole or partial lines held in b, which starts at offset off. */
static int
scan_block(struct log *l, const struct buf *b, uint64_t off, int at_end, struct scan *s, size_t *used)
{
	size_t pos = 0, body, half;
	uint64_t seq;
	int good;

	while (pos < b->len) {
		char *nl = memchr(b->p + pos, '\n', b->len - pos);
		size_t n;

		if (nl == NULL && !at_end)
			break;
		if (s->to != 0 && off + pos >= s->to)
			break;
		n = nl == NULL ? b->len - pos : (size_t)(nl - b->p) - pos;
		good = nl != NULL && log_seg_check(b->p + pos, n, l->seed, &seq, &body);
		if (!good && nl != NULL && (half = log_seg_prefix(b->p + pos, n, l->seed, &seq, &body)) != 0) {
			/* the newline between two lines is damaged: it is put right */
			if (keep_gap(l, s, b->p + pos, body, seq) == -1 || scan_take(s, b->p + pos, half, 1) == -1 || scan_take(s, "\n", 1, 1) == -1 ||
			    scan_take(s, b->p + pos + half, 1, 0) == -1)
				return -1;
			scan_good(s, off + pos, half + 1, seq);
			s->hole = 1;
			pos += half + 1;
			continue;
		}
		n += nl != NULL;
		if (good && keep_gap(l, s, b->p + pos, body, seq) == -1)
			return -1;
		if (good)
			scan_good(s, off + pos, n, seq);
		else
			s->bad++;
		if (scan_take(s, b->p + pos, n, good) == -1)
			return -1;
		pos += n;
	}
	*used = pos;
	return 0;
}

static int
scan_from(struct log *l, uint64_t from, struct scan *s, struct ss_err *err)
{
	struct buf b = { .max = LOG_LINE_MAX + LOG_BLOCK * 2 };
	uint64_t off = from;
	ssize_t n;
	size_t used;
	int rc = -1;

	s->good_end = from;
	do {
		if (buf_room(&b, LOG_BLOCK) == -1) {
			/* no newline within the longest line: junk, stepped over whole */
			if (scan_take(s, b.p, b.len, 0) == -1) {
				err_nomem(err);
				goto done;
			}
			s->bad++;
			off += b.len;
			buf_clear(&b);
			(void)buf_room(&b, LOG_BLOCK);
		}
		n = io_pread(l->fd, b.p + b.len, LOG_BLOCK, (off_t)(off + b.len), "the log", err);
		if (n == -1)
			goto done;
		b.len += (size_t)n;
		if (scan_block(l, &b, off, n < (ssize_t)LOG_BLOCK, s, &used) == -1) {
			err_nomem(err);
			goto done;
		}
		off += used;
		buf_shift(&b, used);
	} while (n == (ssize_t)LOG_BLOCK && (s->to == 0 || off < s->to));
	rc = 0;
done:
	buf_free(&b);
	return rc;
}

/* Place of the last good line before offset from: the one that ends there. */
static int
last_before(struct log *l, uint64_t from, uint64_t *last, struct ss_err *err)
{
	size_t want = 4096, body;
	struct buf b = { 0 };
	int rc = 0;

	*last = 0;
	while (rc == 0 && *last == 0 && from > 0) {
		size_t n = want > from ? (size_t)from : want, k;

		buf_clear(&b);
		if (buf_room(&b, n) == -1) {
			rc = err_nomem(err);
			break;
		}
		if (io_pread(l->fd, b.p, n, (off_t)(from - n), "the log", err) != (ssize_t)n) {
			rc = -1;
			break;
		}
		for (k = n - 1; k > 0 && b.p[k - 1] != '\n'; k--)
			;
		if (k > 0 || n == from) {
			uint32_t seed = n - k == from ? 0 : l->seed;	/* the header itself */

			if (!log_seg_check(b.p + k, n - 1 - k, seed, last, &body))
				break;	/* not a line boundary after all: the caller scans from the start */
		}
		if (want > LOG_LINE_MAX)
			break;
		want *= 4;
	}
	buf_free(&b);
	return rc;
}

static int
quarantine_range(struct log *l, uint64_t from, uint64_t to, struct ss_err *err)
{
	size_t n = (size_t)(to - from);
	char *p = malloc(n == 0 ? 1 : n);
	int rc = -1;

	if (p == NULL)
		return err_nomem(err);
	if (io_pread(l->fd, p, n, (off_t)from, "the log", err) == (ssize_t)n)
		rc = quarantine(l, from, p, n, err);
	free(p);
	return rc;
}

/* The segment anew without its bad stretches: these elsewhere first, then the
 * rest in place. */
static int
rewrite(struct log *l, uint64_t from, uint64_t before, struct ss_err *err)
{
	struct buf keep = { .max = (size_t)1 << 31 }, drop = { .max = (size_t)1 << 31 };
	struct scan s = { .keep = &keep, .drop = &drop, .prev = before };
	char path[PATH_MAX];
	struct stat st;
	int rc = -1, fd;

	if (log_seg_path(l, &l->active, path, sizeof(path), err) == -1)
		return -1;
	if (buf_room(&keep, (size_t)from) == -1)
		return err_nomem(err);
	if (from > 0 && io_pread(l->fd, keep.p, (size_t)from, 0, path, err) != (ssize_t)from)
		goto done;
	keep.len = (size_t)from;
	if (scan_from(l, from, &s, err) == -1 || quarantine(l, from, drop.p, drop.len, err) == -1)
		goto done;
	/* the hint speaks of the old file: who comes after a kill must not take the new
	 * one's name for durable */
	if (ftruncate(l->lock, 0) == -1) {
		err_sys(err, SS_EXIT_AGAIN, "cannot clear the hint in '%s'", l->dir);
		goto done;
	}
	if (io_replace(path, keep.p, keep.len, err) == -1)
		goto done;
	fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1 || fstat(fd, &st) == -1) {
		err_sys(err, SS_EXIT_AGAIN, "cannot open '%s'", path);
		goto done;
	}
	pthread_mutex_lock(&l->mu);
	(void)close(l->fd);
	l->fd = fd;
	l->synced = 0;
	pthread_mutex_unlock(&l->mu);
	l->ino = st.st_ino;
	l->size = keep.len;
	if (s.last != 0)
		l->last = s.last;
	rc = 0;
done:
	buf_free(&keep);
	buf_free(&drop);
	return rc;
}

/* How many lines the active segment seems to hold. */
static int
count_lines(struct log *l, uint64_t *n, struct ss_err *err)
{
	char *p = malloc(LOG_BLOCK), *s;
	off_t off = 0;
	ssize_t got;

	if (p == NULL)
		return err_nomem(err);
	*n = 0;
	while ((got = io_pread(l->fd, p, LOG_BLOCK, off, "the log", err)) > 0) {
		for (s = p; (s = memchr(s, '\n', (size_t)(p + got - s))) != NULL; s++)
			++*n;
		off += got;
	}
	free(p);
	return got == -1 ? -1 : 0;
}

/* A newest segment whose header line is no good and none of whose lines is.
 * With hardly a line in it, it is the rest of a creation that a crash broke
 * off: it is made anew with the place that its name says.  Else it is damage:
 * it stays for ss-log verify, and places go on behind what it may have held. */
static int
repair_headless(struct log *l, uint64_t size, struct ss_err *err)
{
	struct log_seg s = l->active;
	uint64_t n = 0;

	if (count_lines(l, &n, err) == -1)
		return -1;
	/* without a whole line and never synced, nothing of it was acknowledged */
	if (l->last >= s.first + n && (n > 0 || log_synced(l, s.first) > 0))
		n = l->last - s.first + 1;
	if (!l->write) {
		l->size = n > 1 ? size : 0;
		l->last = n > 1 ? s.first + n - 1 : s.first - 1;
		return 0;
	}
	if (n > 1)
		return log_seg_create(l, s.first + n, err);
	if (size > 0 && quarantine_range(l, 0, size, err) == -1)
		return -1;
	return log_seg_create(l, s.first, err);
}

/* The last place below offset from, where the line that ends there is bad: the
 * bad ones had places too. */
static int
last_below(struct log *l, uint64_t start, uint64_t from, uint64_t *last, struct ss_err *err)
{
	struct scan s = { .last = l->active.first, .to = from };

	if (start < from && scan_from(l, start, &s, err) == -1)
		return -1;
	*last = s.last + s.bad;
	return 0;
}

/* A settled line tells how many outcomes stand behind it in the same write.  When
 * a power cut left fewer at the end, it is taken back with them: else the call
 * would count as settled and its events as never sent.  1 with the offset and the
 * place of that line. */
static int
open_settlement(struct log *l, uint64_t from, uint64_t end, uint64_t *at, uint64_t *seq, struct ss_err *err)
{
	static const char type[] = "\"source\":\"ss-push\",\"type\":\"ss.settled\"", lines[] = ",\"lines\":\"";
	size_t n = (size_t)(end - from), body;
	char *p, *s, *nl, *hit;
	uint64_t owed = 0, place;

	if (n == 0 || n > LOG_SEGMENT_MAX * 2)
		return 0;
	p = malloc(n);
	if (p == NULL)
		return err_nomem(err);
	if (io_pread(l->fd, p, n, (off_t)from, "the log", err) != (ssize_t)n) {
		free(p);
		return -1;
	}
	for (s = p; (nl = memchr(s, '\n', (size_t)(p + n - s))) != NULL; s = nl + 1) {
		size_t len = (size_t)(nl - s);

		owed -= owed > 0;
		if (memmem(s, len < 200 ? len : 200, type, sizeof(type) - 1) == NULL ||
		    (hit = memmem(s, len, lines, sizeof(lines) - 1)) == NULL ||
		    !log_seg_check(s, len, l->seed, &place, &body))
			continue;
		(void)num_scan(hit + sizeof(lines) - 1, 6, &owed);
		*at = from + (uint64_t)(s - p);
		*seq = place;
	}
	free(p);
	return owed > 0;
}

int
log_repair_tail(struct log *l, uint64_t start, uint64_t from, struct ss_err *err)
{
	struct scan s = { 0 };
	struct stat st;
	uint64_t before, end;

	if (fstat(l->fd, &st) == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot stat the active segment");
	end = (uint64_t)st.st_size;
	if (from == 0)
		return repair_headless(l, end, err);
	if (last_before(l, from, &before, err) == -1 || scan_from(l, from, &s, err) == -1)
		return -1;
	if (before == 0 && last_below(l, start, from, &before, err) == -1)
		return -1;
	l->last = s.last > before ? s.last : before;
	l->size = s.good_end;
	if (l->write && !s.hole) {
		uint64_t at = 0, seq = 0;
		int rc = open_settlement(l, from, s.good_end, &at, &seq, err);

		if (rc == -1)
			return -1;
		if (rc == 1) {
			s.good_end = at;
			l->last = seq - 1;
			l->size = at;
		}
	}
	if (!l->write || (!s.hole && s.good_end == end))
		return 0;
	if (s.hole)
		return rewrite(l, from, before, err);
	if (quarantine_range(l, s.good_end, end, err) == -1)
		return -1;
	if (ftruncate(l->fd, (off_t)s.good_end) == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot cut the torn end of the log");
	if (fdatasync(l->fd) == -1) {
		log_repair_mark(l);
		return err_sys(err, SS_EXIT_DAMAGE, "cannot sync the log");
	}
	return 0;
}

/* After a failed fsync the page cache cannot be told from the disk: what reads
 * well is written to a new file, which is synced before it counts. */
int
log_repair_suspect(struct log *l, struct ss_err *err)
{
	char mark[PATH_MAX], path[PATH_MAX];
	struct buf b = { .max = (size_t)1 << 31 };
	int rc = -1;

	if (suspect_path(l, mark, err) == -1)
		return -1;
	if (access(mark, F_OK) == -1)
		return 0;
	if (log_seg_list(l, err) == -1)
		return -1;
	if (l->nsegs > 0) {
		if (log_seg_path(l, &l->segs[l->nsegs - 1], path, sizeof(path), err) == -1 ||
		    io_slurp(path, (size_t)1 << 30, &b, err) == -1 || io_replace(path, b.p, b.len, err) == -1)
			goto done;
	}
	/* the hint speaks of the old file */
	if (ftruncate(l->lock, 0) == -1 || unlink(mark) == -1) {
		err_sys(err, SS_EXIT_AGAIN, "cannot clear '%s'", mark);
		goto done;
	}
	rc = io_syncdir(l->dir, err);
done:
	buf_free(&b);
	return rc;
}
