/* Every line of every segment looked at: what ss-log verify asks of the log. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "store/log_internal.h"

struct check {
	struct log_report *rep;
	void (*each)(void *ctx, const char *path, uint64_t offset, uint64_t seq, const char *what);
	void *ctx;
	const char *path;
	uint32_t seed;
	uint64_t next;		/* the place that the next line must have, 0: not known */
	uint64_t sure;		/* bad bytes below this offset are damage in any case */
	int findings;
	int after_bad;		/* the line before was damaged: a gap is explained */
};

static void
finding(struct check *k, uint64_t off, uint64_t seq, const char *what)
{
	k->findings++;
	if (k->each != NULL)
		k->each(k->ctx, k->path, off, seq, what);
}

static void
bad(struct check *k, uint64_t off, const char *what)
{
	if (off < k->sure)
		k->rep->damaged++;
	else
		k->rep->torn++;
	finding(k, off, k->next, what);
}

static void
one_line(struct check *k, const char *p, size_t n, uint64_t off)
{
	uint64_t seq;
	size_t body;
	uint32_t seed = off == 0 ? 0 : k->seed;

	if (!log_seg_check(p, n, seed, &seq, &body)) {
		size_t len = log_seg_prefix(p, n, seed, &seq, &body);

		if (len != 0) {
			k->rep->damaged++;
			finding(k, off + len, seq, "a newline is damaged");
			one_line(k, p, len, off);
			one_line(k, p + len + 1, n - len - 1, off + len + 1);
			return;
		}
		k->after_bad = 1;
		bad(k, off, off == 0 ? "the segment's header line is damaged" :
		    "the line is damaged (its checksum does not agree)");
		return;
	}
	/* good lines behind bad ones: these were no torn end */
	k->rep->damaged += k->rep->torn;
	k->rep->torn = 0;
	k->rep->lines++;
	if (k->next != 0 && seq < k->next) {
		finding(k, off, seq, "the line stands twice or out of order");
		k->rep->gaps++;
	} else if (k->next != 0 && seq > k->next && !k->after_bad && !log_seg_explains(p, body, k->next)) {
		finding(k, off, k->next, "lines are missing before this one");
		k->rep->gaps++;
	}
	if (k->rep->first == 0)
		k->rep->first = seq;
	if (seq > k->rep->last)
		k->rep->last = seq;
	if (seq >= k->next)
		k->next = seq + 1;
	k->after_bad = 0;
}

static int
one_segment(struct log *l, const struct log_seg *s, int newest, struct check *k, struct ss_err *err)
{
	struct buf b = { .max = LOG_LINE_MAX + 2 * LOG_BLOCK };
	uint64_t start, end, off = 0;
	ssize_t n = 0;
	int fd, rc, waited = 0;

	rc = log_seg_open(l, s, O_RDONLY, &fd, &k->seed, &start, err);
	if (rc == 0 && newest) {
		/* perhaps just being made: its maker holds the lock */
		(void)close(fd);
		rc = log_end(l, &end, err) == -1 ? -1 : log_seg_open(l, s, O_RDONLY, &fd, &k->seed, &start, err);
	}
	if (rc == -1)
		return -1;
	for (;;) {
		size_t pos = 0;
		char *nl;

		if (buf_room(&b, LOG_BLOCK) == -1) {
			bad(k, off, "no line ends here: damaged");
			off += b.len;
			buf_clear(&b);
			(void)buf_room(&b, LOG_BLOCK);
		}
		n = io_pread(fd, b.p + b.len, LOG_BLOCK, (off_t)(off + b.len), k->path, err);
		if (n == -1)
			break;
		b.len += (size_t)n;
		while (pos < b.len && (nl = memchr(b.p + pos, '\n', b.len - pos)) != NULL) {
			one_line(k, b.p + pos, (size_t)(nl - b.p) - pos, off + pos);
			pos = (size_t)(nl - b.p) + 1;
		}
		buf_shift(&b, pos);
		off += pos;
		if (n < (ssize_t)LOG_BLOCK) {
			/* a line may be on its way: once its writer let go of the lock
			 * it is whole */
			if (b.len == 0 || !newest || (waited && n == 0))
				break;
			waited = 1;
			if (log_end(l, &end, err) == -1) {
				n = -1;
				break;
			}
		}
	}
	if (n != -1 && b.len > 0) {
		bad(k, off, newest ? "torn end (the next writer moves it to quarantine/)" :
		    "torn end in a finished segment");
	}
	k->rep->bytes += off + b.len;
	buf_free(&b);
	(void)close(fd);
	return n == -1 ? -1 : 0;
}

int
log_verify(struct log *l, struct log_report *rep,
    void (*each)(void *ctx, const char *path, uint64_t offset, uint64_t seq, const char *what), void *ctx,
    struct ss_err *err)
{
	struct check k = { .rep = rep, .each = each, .ctx = ctx };
	char path[PATH_MAX];
	size_t i;

	memset(rep, 0, sizeof(*rep));
	if (log_seg_list(l, err) == -1)
		return -1;
	for (i = 0; i < l->nsegs; i++) {
		struct log_seg s = l->segs[i];

		if (log_seg_path(l, &s, path, sizeof(path), err) == -1)
			return -1;
		k.path = path;
		if (k.next != 0 && s.first > k.next && !k.after_bad)
			finding(&k, 0, k.next, "lines are missing before this segment");
		k.sure = i + 1 == l->nsegs ? log_synced(l, s.first) : UINT64_MAX;
		if (s.first < k.next)
			finding(&k, 0, s.first, "the segment begins at a place that was used before");
		k.next = s.first;
		k.after_bad = 0;
		if (one_segment(l, &s, i + 1 == l->nsegs, &k, err) == -1)
			return -1;
		rep->segments++;
	}
	return k.findings;
}
