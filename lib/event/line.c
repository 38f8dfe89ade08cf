#include "event/line.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/io.h"

#define BLOCK ((size_t)256 << 10)

void
line_init(struct line_reader *r, int fd, size_t max, const char *what)
{
	*r = (struct line_reader){ .fd = fd, .max = max == 0 ? LINE_MAX_DEFAULT : max, .what = what };
	io_bigpipe(fd);
}

/* Space for one more block behind end: what was used is dropped first. */
static int
make_room(struct line_reader *r, struct ss_err *err)
{
	size_t have = r->end - r->start, cap = r->cap == 0 ? 2 * BLOCK : r->cap;
	char *p;

	if (r->cap - r->end >= BLOCK)
		return 0;
	if (r->start > 0 && r->cap - have >= BLOCK) {
		memmove(r->p, r->p + r->start, have);
		r->start = r->whole = 0;
		r->end = have;
		return 0;
	}
	while (cap - have < BLOCK)
		cap *= 2;
	p = malloc(cap);
	if (p == NULL)
		return err_nomem(err);
	if (have > 0)
		memcpy(p, r->p + r->start, have);
	free(r->p);
	r->p = p;
	r->cap = cap;
	r->start = r->whole = 0;
	r->end = have;
	return 0;
}

/* Called when no newline is left in p. */
static int
fill(struct line_reader *r, struct ss_err *err)
{
	const char *nl;
	ssize_t n;

	if (make_room(r, err) == -1)
		return -1;
	n = io_read(r->fd, r->p + r->end, r->cap - r->end, r->what, err);
	if (n == -1)
		return -1;
	if (n == 0)
		r->eof = 1;
	nl = memrchr(r->p + r->end, '\n', (size_t)n);
	if (nl != NULL)
		r->whole = (size_t)(nl - r->p) + 1;
	r->end += (size_t)n;
	return 0;
}

/* Hand out n bytes from start and step over them and skip more. */
static int
take(struct line_reader *r, struct line *l, size_t n, size_t step, int kind)
{
	l->p = r->p + r->start;
	l->n = n;
	l->number = r->number + 1;
	l->offset = r->offset;
	if (kind == LINE_OK && n > 0 && l->p[n - 1] == '\r')
		l->n--;
	r->start += step;
	r->offset += step;
	return kind;
}

int
line_next(struct line_reader *r, struct line *l, struct ss_err *err)
{
	size_t from = 0;

	for (;;) {
		size_t have = r->end - r->start;
		char *s = r->p + r->start, *nl = have > from ? memchr(s + from, '\n', have - from) : NULL;

		if (nl != NULL) {
			size_t n = (size_t)(nl - s);
			int k;

			if (r->skipping) {
				r->skipping = 0;
				r->start += n + 1;
				r->offset += n + 1;
				r->number++;
				from = 0;
				continue;
			}
			k = take(r, l, n > r->max ? r->max : n, n + 1, n > r->max ? LINE_LONG : LINE_OK);
			r->number++;
			if (k == LINE_OK && l->n == 0) {
				from = 0;
				continue;
			}
			return k;
		}
		if (r->skipping) {
			r->offset += have;
			r->start = r->end = r->whole = 0;
			/* a line without end must not keep us from what else is to be done */
			if (have > 0 && r->nonblock && !r->eof)
				return LINE_WAIT;
			have = 0;
		} else if (have > r->max) {
			r->skipping = 1;
			return take(r, l, r->max, r->max, LINE_LONG);
		}
		if (r->eof)
			return have > 0 ? take(r, l, have, have, LINE_TORN) : LINE_END;
		from = have;
		if (r->nonblock && !io_ready(r->fd, 0))
			return LINE_WAIT;
		if (fill(r, err) == -1)
			return -1;
	}
}

int
line_buffered(const struct line_reader *r)
{
	size_t have = r->end - r->start;

	return r->eof || have > r->max || r->start < r->whole;
}

int
line_ready(const struct line_reader *r)
{
	return line_buffered(r) || io_ready(r->fd, 0);
}

void
line_free(struct line_reader *r)
{
	free(r->p);
	r->p = NULL;
	r->cap = r->start = r->end = r->whole = 0;
}
