/* Reading the log in order of place. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "store/log_internal.h"

struct log_cursor {
	struct log *l;
	uint64_t from;		/* lines below are passed over */
	size_t seg;		/* index into l->segs */
	struct log_seg at;	/* the segment that is open */
	int fd;
	uint32_t seed;
	struct buf b;		/* bytes [off, off + b.len) of the file; pos is next */
	uint64_t off;
	size_t pos;
	uint64_t again;		/* offset of a bad line that was read a second time */
	uint64_t damaged;
};

static void
drop_file(struct log_cursor *c)
{
	if (c->fd != -1)
		(void)close(c->fd);
	c->fd = -1;
	buf_clear(&c->b);
	c->pos = 0;
	c->again = UINT64_MAX;
}

/* Go on in segment i: 1; 0 if it is the newest and still without its header,
 * which its maker is about to write: the cursor stays where it is. */
static int
open_seg(struct log_cursor *c, size_t i, struct ss_err *err)
{
	uint64_t start;
	uint32_t seed;
	int fd, rc = log_seg_open(c->l, &c->l->segs[i], O_RDONLY, &fd, &seed, &start, err);

	if (rc == -1)
		return -1;
	if (rc == 0 && i + 1 == c->l->nsegs) {
		(void)close(fd);
		return 0;
	}
	drop_file(c);
	c->seg = i;
	c->at = c->l->segs[i];
	c->fd = fd;
	c->seed = seed;
	c->off = start;
	return 1;
}

/* The place that the line around offset mid of the open file has: *at its
 * start.  0 when no good line begins between mid and hi. */
static int
probe(struct log_cursor *c, uint64_t mid, uint64_t hi, uint64_t *at, uint64_t *seq, struct ss_err *err)
{
	struct buf b = { .max = LOG_LINE_MAX * 2 };
	size_t want = 8192, body;
	int rc = 0;

	while (rc == 0) {
		ssize_t n;
		char *s, *nl;

		buf_clear(&b);
		if (buf_room(&b, want) == -1)
			break;
		n = io_pread(c->fd, b.p, want, (off_t)mid, "the log", err);
		if (n <= 0) {
			rc = (int)n;
			break;
		}
		s = memchr(b.p, '\n', (size_t)n);
		for (; s != NULL && rc == 0; s = nl) {
			s++;
			nl = memchr(s, '\n', (size_t)(b.p + n - s));
			if (nl == NULL || mid + (uint64_t)(s - b.p) >= hi)
				break;
			if (log_seg_check(s, (size_t)(nl - s), c->seed, seq, &body)) {
				*at = mid + (uint64_t)(s - b.p);
				rc = 1;
			}
		}
		if (rc != 0 || mid + (uint64_t)n >= hi)
			break;
		want *= 8;
	}
	buf_free(&b);
	return rc;
}

/* Binary search for the first line with place >= from: no index is needed,
 * because each line carries its place at its end. */
static int
bisect(struct log_cursor *c, struct ss_err *err)
{
	struct stat st;
	uint64_t lo = c->off, hi, at = 0, seq = 0;
	int rc;

	if (fstat(c->fd, &st) == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot stat a segment");
	hi = (uint64_t)st.st_size;
	while (hi > lo && hi - lo > 32768) {
		uint64_t mid = lo + (hi - lo) / 2;

		rc = probe(c, mid, hi, &at, &seq, err);
		if (rc == -1)
			return -1;
		if (rc == 1 && seq < c->from)
			lo = at;
		else
			hi = mid;
	}
	c->off = lo;
	return 0;
}

int
log_cursor_seek(struct log_cursor *c, uint64_t seq, struct ss_err *err)
{
	ssize_t i;
	int rc;

	/* a short way ahead: go on reading in the same file, but from the file,
	 * because what was read ahead may have been cut back since */
	if (c->fd != -1 && seq >= c->from && seq - c->from < 256) {
		c->from = seq;
		c->off += c->pos;
		c->pos = 0;
		buf_clear(&c->b);
		return 0;
	}
	c->from = seq;
	if (log_seg_list(c->l, err) == -1)
		return -1;
	drop_file(c);
	if (c->l->nsegs == 0)
		return 0;
	i = log_seg_find(c->l, seq);
	rc = open_seg(c, i < 0 ? 0 : (size_t)i, err);
	return rc == 1 ? bisect(c, err) : rc;
}

int
log_cursor_open(struct log_cursor **out, struct log *l, uint64_t from, struct ss_err *err)
{
	struct log_cursor *c = calloc(1, sizeof(*c));

	*out = NULL;
	if (c == NULL)
		return err_nomem(err);
	c->l = l;
	c->fd = -1;
	c->b.max = LOG_LINE_MAX + 2 * LOG_BLOCK;
	if (log_cursor_seek(c, from, err) == -1) {
		log_cursor_close(c);
		return -1;
	}
	*out = c;
	return 0;
}

void
log_cursor_close(struct log_cursor *c)
{
	if (c == NULL)
		return;
	drop_file(c);
	buf_free(&c->b);
	free(c);
}

uint64_t
log_cursor_damaged(const struct log_cursor *c)
{
	return c->damaged;
}

/* More bytes of the open file: 1 some, 0 none now, -1. */
static int
more(struct log_cursor *c, struct ss_err *err)
{
	ssize_t n;

	if (c->pos > 0) {
		buf_shift(&c->b, c->pos);
		c->off += c->pos;
		c->pos = 0;
	}
	if (buf_room(&c->b, LOG_BLOCK) == -1) {
		/* longer than any line can be: damage, stepped over */
		c->damaged++;
		c->off += c->b.len;
		buf_clear(&c->b);
		if (buf_room(&c->b, LOG_BLOCK) == -1)
			return err_nomem(err);
	}
	n = io_pread(c->fd, c->b.p + c->b.len, LOG_BLOCK, (off_t)(c->off + c->b.len), "the log", err);
	if (n == -1)
		return -1;
	c->b.len += (size_t)n;
	return n > 0;
}

/* The open file is read to its end: is there a later segment?  1 yes, and it is
 * open now; 0 no. */
static int
next_seg(struct log_cursor *c, struct ss_err *err)
{
	ssize_t i;
	int late, rc;

	if (c->seg + 1 >= c->l->nsegs || c->l->segs[c->seg].first != c->at.first) {
		if (log_seg_list(c->l, err) == -1)
			return -1;
		i = log_seg_find(c->l, c->at.first);
		c->seg = i < 0 ? 0 : (size_t)i;
		if (c->seg + 1 >= c->l->nsegs)
			return 0;
		/* lines may have come to the old file between our last read and the list */
		late = more(c, err);
		if (late != 0)
			return late == -1 ? -1 : 2;
	}
	late = c->b.len > c->pos;
	rc = open_seg(c, c->seg + 1, err);
	/* what is left without a newline in a finished segment is torn */
	if (rc == 1 && late)
		c->damaged++;
	return rc;
}

/* A recovery may have put another file under the name: go on in that one. */
static int
replaced(struct log_cursor *c, struct ss_err *err)
{
	struct stat st;

	if (fstat(c->fd, &st) == -1 || st.st_nlink > 0)
		return 0;
	drop_file(c);
	return log_cursor_seek(c, c->from, err) == -1 ? -1 : 1;
}

int
log_cursor_next(struct log_cursor *c, struct log_line *line, struct ss_err *err)
{
	int rc;

	if (c->fd == -1) {
		if (log_seg_list(c->l, err) == -1)
			return -1;
		if (c->l->nsegs == 0)
			return 0;
		if (log_cursor_seek(c, c->from, err) == -1)
			return -1;
		if (c->fd == -1)
			return 0;
	}
	for (;;) {
		char *s = c->b.p + c->pos;
		char *nl = c->b.len > c->pos ? memchr(s, '\n', c->b.len - c->pos) : NULL;

		if (nl == NULL) {
			rc = more(c, err);
			if (rc == 0 && (rc = next_seg(c, err)) == 0 && (rc = replaced(c, err)) == 0)
				return 0;
			if (rc == -1)
				return -1;
			continue;
		}
		line->n = (size_t)(nl - s);
		if (!log_seg_check(s, line->n, c->seed, &line->seq, &line->body)) {
			/* its beginning may be of bytes that were cut back: look once more */
			if (c->again != c->off + c->pos) {
				c->again = c->off += c->pos;
				c->pos = 0;
				buf_clear(&c->b);
				continue;
			}
			c->damaged++;
			line->n = log_seg_prefix(s, line->n, c->seed, &line->seq, &line->body);
			if (line->n == 0)
				c->pos += (size_t)(nl - s) + 1;
		}
		if (line->n == 0)
			continue;
		c->pos += line->n + 1;
		if (line->seq < c->from)
			continue;
		c->from = line->seq + 1;
		line->p = s;
		return 1;
	}
}

int
log_get(struct log *l, uint64_t seq, struct buf *out, struct ss_err *err)
{
	struct log_cursor *c;
	struct log_line line;
	int rc;

	if (log_cursor_open(&c, l, seq, err) == -1)
		return -1;
	rc = log_cursor_next(c, &line, err);
	if (rc == 1 && line.seq != seq)
		rc = 0;
	if (rc == 1) {
		(void)buf_add(out, line.p, line.body);
		if (buf_addc(out, '}') == -1)
			rc = err_nomem(err);
	}
	log_cursor_close(c);
	return rc;
}

struct search {
	const char *needle;
	size_t n;
	uint64_t first;
	uint32_t seed;
	int (*each)(void *ctx, const struct log_line *line);
	void *ctx;
};

/* All hits in b up to its last newline; *used says how far that is. */
static int
search_block(const struct search *q, const struct buf *b, size_t *used)
{
	char *last = memrchr(b->p, '\n', b->len), *s = b->p, *hit, *nl;
	struct log_line line;
	int rc;

	*used = last == NULL ? 0 : (size_t)(last - b->p) + 1;
	while (*used > (size_t)(s - b->p) &&
	    (hit = memmem(s, *used - (size_t)(s - b->p), q->needle, q->n)) != NULL) {
		char *start = memrchr(b->p, '\n', (size_t)(hit - b->p));

		start = start == NULL ? b->p : start + 1;
		nl = memchr(hit, '\n', *used - (size_t)(hit - b->p));
		line.p = start;
		line.n = (size_t)(nl - start);
		s = nl + 1;
		if (!log_seg_check(start, line.n, q->seed, &line.seq, &line.body)) {
			line.n = log_seg_prefix(start, line.n, q->seed, &line.seq, &line.body);
			if (line.n == 0)
				continue;
			/* two lines in one: this one may not be the one that was hit */
			s = start + line.n + 1;
			if (hit >= s) {
				line.p = s;
				line.n = (size_t)(nl - s);
				s = nl + 1;
				if (!log_seg_check(line.p, line.n, q->seed, &line.seq, &line.body))
					continue;
			}
		}
		if (line.seq >= q->first && (rc = q->each(q->ctx, &line)) != 0)
			return rc;
	}
	return 0;
}

int
log_search(struct log *l, uint64_t first, const char *needle, size_t n,
    int (*each)(void *ctx, const struct log_line *line), void *ctx, struct ss_err *err)
{
	struct search q = { needle, n, first, 0, each, ctx };
	struct buf b = { .max = LOG_LINE_MAX + 4 * LOG_BLOCK };
	ssize_t i, got;
	uint64_t off;
	size_t used;
	int fd, rc = 0;

	if (log_seg_list(l, err) == -1)
		return -1;
	i = log_seg_find(l, first);
	for (i = i < 0 ? 0 : i; rc == 0 && (size_t)i < l->nsegs; i++) {
		rc = log_seg_open(l, &l->segs[i], O_RDONLY, &fd, &q.seed, &off, err);
		if (rc == -1)
			break;
		if (rc == 0) {
			/* just being made, or nothing of it can be read */
			(void)close(fd);
			continue;
		}
		buf_clear(&b);
		do {
			if (buf_room(&b, LOG_BLOCK) == -1) {
				buf_clear(&b);
				(void)buf_room(&b, LOG_BLOCK);
			}
			got = io_pread(fd, b.p + b.len, LOG_BLOCK, (off_t)off, "the log", err);
			if (got == -1) {
				rc = -1;
				break;
			}
			off += (uint64_t)got;
			b.len += (size_t)got;
			rc = b.len == 0 ? 0 : search_block(&q, &b, &used);
			buf_shift(&b, b.len == 0 ? 0 : used);
		} while (rc == 0 && got == (ssize_t)LOG_BLOCK);
		(void)close(fd);
	}
	buf_free(&b);
	return rc;
}
