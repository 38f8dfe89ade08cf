#include "peer/csv.h"

#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/err.h"

#define BLOCK ((size_t)256 << 10)
#define LEAST ((size_t)4 << 10)	/* never ask the reader for less */
#define CHUNK 64	/* bytes looked at in one go; as many may be read behind the end */
#define SNIFF ((size_t)16 << 10)	/* a first line longer than this decides by its start */

enum state {
	PLAIN,		/* at the start of a cell or in one without quotes */
	QUOTED,		/* behind an opening quote */
	QUOTE,		/* behind a quote in a quoted cell: the end, or the first of two */
	SLOPPY		/* text behind the closing quote: quotes are bytes again */
};

/*
 * Invariants, with all offsets counted from buf:
 *  1. row <= start <= end, but for a row that is too long, whose offsets may
 *     lie before buf (unsigned, wrapping: only differences are used).
 *  2. [0, next) was looked at; mask holds what is left of the chunk at origin.
 *  3. cell[] points into [row, end) until the row is finished.
 */
struct csv {
	csv_read_fn *read;
	void *ctx;
	char *buf;
	size_t cap, end;
	size_t origin, next;
	uint64_t mask;
	size_t row, start;	/* of the row and the cell being scanned */
	size_t quote, cr;	/* last quote seen in a quoted cell; last CR there */
	enum state state;
	int dirty_cell, dirty_row, high_chunk, high_row;
	int skip_lf, over, eof;
	enum csv_bad bad;
	char delim;
	size_t ncell;
	uint64_t number, line, first_line, dropped;
	struct buf kept;	/* start of a row that is too long */
	struct buf clean;	/* cells with their quotes resolved */
	struct csv_cell cell[CSV_COLUMNS_MAX];
};

struct csv *
csv_open(char delim, csv_read_fn *read, void *ctx, struct ss_err *err)
{
	struct csv *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->buf = calloc(1, BLOCK + CHUNK)) == NULL) {
		free(c);
		err_nomem(err);
		return NULL;
	}
	c->cap = BLOCK;
	c->read = read;
	c->ctx = ctx;
	c->delim = delim;
	c->line = c->first_line = 1;
	c->cr = (size_t)0 - 2;	/* no byte stands behind it */
	return c;
}

void
csv_close(struct csv *c)
{
	if (c == NULL)
		return;
	buf_free(&c->kept);
	buf_free(&c->clean);
	free(c->buf);
	free(c);
}

char
csv_delimiter(const struct csv *c)
{
	return c->delim;
}

const char *
csv_bad_code(enum csv_bad b)
{
#define CODE(name, code, text) code,
	static const char *const codes[] = { CSV_BADS(CODE) };
#undef CODE

	return codes[b];
}

const char *
csv_bad_text(enum csv_bad b)
{
#define TEXT(name, code, text) text,
	static const char *const texts[] = { CSV_BADS(TEXT) };
#undef TEXT

	return texts[b];
}

/* Bits of the 64 bytes at p that can change the state; *high: one is not ASCII. */
#ifdef __SSE2__
static inline uint64_t
look(const char *p, char delim, int *high)
{
	const __m128i d = _mm_set1_epi8(delim), q = _mm_set1_epi8('"');
	const __m128i lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
	uint64_t mask = 0;
	size_t i;
	int h = 0;

	for (i = 0; i < 4; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
		__m128i m = _mm_or_si128(
		    _mm_or_si128(_mm_cmpeq_epi8(v, d), _mm_cmpeq_epi8(v, q)),
		    _mm_or_si128(_mm_cmpeq_epi8(v, lf), _mm_cmpeq_epi8(v, cr)));

		mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(m) << (16 * i);
		h |= _mm_movemask_epi8(v);
	}
	*high = h != 0;
	return mask;
}
#else
/* 0x80 in each byte of w that equals b (exact in every byte). */
static inline uint64_t
equal8(uint64_t w, char b)
{
	const uint64_t low = 0x7f7f7f7f7f7f7f7fu;
	uint64_t x = w ^ (0x0101010101010101u * (unsigned char)b);

	return ~(((x & low) + low) | x | low);
}

static inline uint64_t
look(const char *p, char delim, int *high)
{
	uint64_t mask = 0, all = 0;
	size_t i, k;

	for (i = 0; i < 8; i++) {
		uint64_t w, m;
		unsigned char b[8];

		memcpy(&w, p + 8 * i, 8);
		all |= w;
		m = equal8(w, delim) | equal8(w, '"') | equal8(w, '\n') | equal8(w, '\r');
		if (m == 0)
			continue;
		memcpy(b, &m, 8);
		for (k = 0; k < 8; k++)
			mask |= (uint64_t)(b[k] >> 7) << (8 * i + k);
	}
	*high = (all & 0x8080808080808080u) != 0;
	return mask;
}
#endif

/* The next chunk; 0 when all bytes there are were looked at. */
static inline int
advance(struct csv *c)
{
	size_t left = c->end - c->next;

	if (left == 0)
		return 0;
	c->origin = c->next;
	c->mask = look(c->buf + c->origin, c->delim, &c->high_chunk);
	if (left < CHUNK) {
		/* bytes behind the end are whatever stood there */
		c->mask &= ((uint64_t)1 << left) - 1;
		c->next = c->end;
	} else {
		c->next += CHUNK;
	}
	c->high_row |= c->high_chunk;
	return 1;
}

/* The cell from c->start to i (its delimiter or line end) is complete. */
static inline void
add_cell(struct csv *c, size_t i)
{
	struct csv_cell *cell;

	if (c->over)
		return;
	if (c->ncell == CSV_COLUMNS_MAX) {
		c->bad = CSV_COLUMNS;
		return;
	}
	if (i - c->start > CSV_CELL_MAX && c->bad == CSV_FINE)
		c->bad = CSV_CELL_LONG;
	cell = &c->cell[c->ncell++];
	cell->p = c->buf + c->start;
	cell->n = (uint32_t)(i - c->start);
	cell->flags = 0;
	if (c->state == PLAIN)
		return;
	cell->flags = CSV_QUOTED;
	if (c->dirty_cell) {
		cell->flags |= CSV_DIRTY;
		c->dirty_row = 1;
	} else {
		cell->p++;
		cell->n = (uint32_t)(c->quote - c->start - 1);
	}
}

static void
count_line(struct csv *c, size_t i, char ch)
{
	if (ch == '\r') {
		c->line++;
		c->cr = i;
	} else if (ch == '\n' && i != c->cr + 1) {
		c->line++;
	}
}

/* One structural byte in a quoted cell.  1 if it ends the cell. */
static int
in_quotes(struct csv *c, size_t i, char ch)
{
	switch (c->state) {
	case QUOTED:
		if (ch == '"') {
			c->state = QUOTE;
			c->quote = i;
		} else {
			count_line(c, i, ch);
		}
		return 0;
	case QUOTE:
		if (i == c->quote + 1) {
			if (ch != '"')
				return 1;
			c->dirty_cell = 1;
			c->state = QUOTED;
			return 0;
		}
		c->dirty_cell = 1;
		c->state = SLOPPY;
		return ch != '"';
	default:
		return ch != '"';
	}
}

/* Scan on.  1: the row ends before c->start (which is that of the next). */
static int
scan(struct csv *c)
{
	const char delim = c->delim;

	for (;;) {
		size_t i;
		char ch;

		while (c->mask == 0)
			if (!advance(c))
				return 0;
		i = c->origin + (size_t)__builtin_ctzll(c->mask);
		c->mask &= c->mask - 1;
		ch = c->buf[i];
		if (c->state != PLAIN) {
			if (!in_quotes(c, i, ch))
				continue;
		} else if (ch == '"') {
			if (i == c->start)
				c->state = QUOTED;
			continue;
		}
		add_cell(c, i);
		c->start = i + 1;
		c->state = PLAIN;
		c->dirty_cell = 0;
		if (ch != delim) {
			c->skip_lf = ch == '\r';
			c->line++;
			return 1;
		}
	}
}

/* The LF of a CRLF whose CR ended the row before. */
static void
eat_lf(struct csv *c)
{
	c->skip_lf = 0;
	if (c->buf[c->row] != '\n')
		return;
	/* either not looked at yet, or the lowest bit that is left */
	if (c->next == c->row)
		c->next++;
	else
		c->mask &= c->mask - 1;
	c->row++;
	c->start = c->row;
}

/* All offsets s lower, all cells at their new place. */
static void
rebase(struct csv *c, size_t s, char *buf)
{
	size_t i;

	for (i = 0; i < c->ncell; i++)
		c->cell[i].p = buf + ((size_t)(c->cell[i].p - c->buf) - s);
	c->end -= s;
	c->origin -= s;
	c->next -= s;
	c->row -= s;
	c->start -= s;
	c->quote -= s;
	c->cr -= s;
}

/* The row is longer than we take: keep its start for the report, let the rest
 * go by, still minding the quotes, so that its end is found where it is. */
static int
drop_row(struct csv *c, struct ss_err *err)
{
	if (!c->over) {
		c->over = 1;
		c->bad = CSV_ROW_LONG;
		c->ncell = 0;
		buf_clear(&c->kept);
		if (buf_add(&c->kept, c->buf + c->row, CSV_KEEP) == -1)
			return err_nomem(err);
	}
	c->dropped += c->end - c->row;
	rebase(c, c->end, c->buf);
	c->row = 0;
	return 0;
}

static int
refill(struct csv *c, struct ss_err *err)
{
	size_t want, shift = c->row;
	ssize_t n;

	if (c->over || c->end - c->row > CSV_ROW_MAX) {
		if (drop_row(c, err) == -1)
			return -1;
	} else if (shift > 0) {
		memmove(c->buf, c->buf + shift, c->end - shift);
		rebase(c, shift, c->buf);
	}
	if (c->cap - c->end < LEAST) {
		/* not realloc: the cells need the old address for their offsets */
		char *p = malloc(c->cap * 2 + CHUNK);

		if (p == NULL)
			return err_nomem(err);
		memcpy(p, c->buf, c->end);
		rebase(c, 0, p);
		free(c->buf);
		c->buf = p;
		c->cap *= 2;
	}
	want = c->cap - c->end;
	n = c->read(c->ctx, c->buf + c->end, want < BLOCK ? want : BLOCK, err);
	if (n < 0)
		return -1;
	if (n == 0)
		c->eof = 1;
	c->end += (size_t)n;
	return 0;
}

/* How often each delimiter stands in the first line that is not blank.  1 if
 * the line's end is in sight. */
static int
sniff(const char *p, size_t n, const char *which, size_t count[4])
{
	int quoted = 0, fresh = 1, any = 0;
	size_t i;

	memset(count, 0, 4 * sizeof(*count));
	for (i = 0; i < n; i++) {
		const char *d;

		if (p[i] == '"') {
			if (quoted || fresh)
				quoted = !quoted;
			fresh = 0;
			any = 1;
			continue;
		}
		if (quoted)
			continue;
		if (p[i] == '\n' || p[i] == '\r') {
			if (any)
				return 1;
			fresh = 1;
			continue;
		}
		d = p[i] == '\0' ? NULL : strchr(which, p[i]);
		fresh = d != NULL;
		if (d != NULL)
			count[d - which]++;
		any |= p[i] != ' ';
	}
	return 0;
}

static int
find_delim(struct csv *c, struct ss_err *err)
{
	static const char which[] = ",;\t|";
	size_t count[4], best = 0, i;

	while (!sniff(c->buf, c->end, which, count) && !c->eof && c->end < SNIFF)
		if (refill(c, err) == -1)
			return -1;
	for (i = 1; i < 4; i++)
		if (count[i] > count[best])
			best = i;
	c->delim = which[best];
	return 0;
}

/* Python's reading of one cell that begins with a quote. */
static size_t
unquote(char *to, const char *p, size_t n)
{
	const char *end = p + n;
	char *o = to;

	p++;
	for (;;) {
		const char *q = memchr(p, '"', (size_t)(end - p));
		size_t k = (size_t)((q != NULL ? q : end) - p);

		memcpy(o, p, k);
		o += k;
		if (q == NULL)
			break;
		p = q + 1;
		if (p == end || *p != '"') {
			memcpy(o, p, (size_t)(end - p));
			o += end - p;
			break;
		}
		*o++ = *p++;
	}
	return (size_t)(o - to);
}

static int
clean_cells(struct csv *c, size_t raw_n, struct ss_err *err)
{
	size_t i;
	char *o;

	buf_clear(&c->clean);
	if (buf_room(&c->clean, raw_n) == -1)
		return err_nomem(err);
	o = c->clean.p;
	for (i = 0; i < c->ncell; i++) {
		struct csv_cell *cell = &c->cell[i];

		if ((cell->flags & CSV_DIRTY) == 0)
			continue;
		cell->n = (uint32_t)unquote(o, cell->p, cell->n);
		cell->p = o;
		cell->flags &= ~CSV_DIRTY;
		o += cell->n;
	}
	return 0;
}

/* The row [c->row, end) is complete; what follows begins at next. */
static int
finish(struct csv *c, size_t end, size_t next, struct csv_row *row, struct ss_err *err)
{
	size_t n = end - c->row;

	if (n > CSV_ROW_MAX && !c->over && c->bad == CSV_FINE)
		c->bad = CSV_ROW_LONG;
	if (c->dirty_row && c->bad == CSV_FINE && clean_cells(c, n, err) == -1)
		return -1;
	*row = (struct csv_row){ .cell = c->cell, .n = c->ncell, .raw = c->buf + c->row, .raw_n = n,
		.size = n + c->dropped, .number = ++c->number, .line = c->first_line, .bad = c->bad,
		.high = c->high_row };
	if (c->over) {
		row->raw = c->kept.p;
		row->raw_n = c->kept.len;
	}
	/* ready for the next one; the cells stay as they are until then */
	c->row = c->start = next;
	c->first_line = c->line;
	c->dropped = 0;
	c->over = 0;
	c->bad = CSV_FINE;
	c->dirty_row = 0;
	return 1;
}

/* What stands behind the last line end is a row too. */
static int
last(struct csv *c, struct csv_row *row, struct ss_err *err)
{
	if (c->end == c->row && !c->over)
		return 0;
	if (c->state == QUOTED)
		c->bad = CSV_OPEN_QUOTE;
	if (c->state == QUOTE && c->quote + 1 != c->end)
		c->dirty_cell = 1;
	add_cell(c, c->end);
	c->state = PLAIN;
	c->dirty_cell = 0;
	return finish(c, c->end, c->end, row, err);
}

int
csv_next(struct csv *c, struct csv_row *row, struct ss_err *err)
{
	c->ncell = 0;
	if (c->delim == 0 && find_delim(c, err) == -1)
		return -1;
	c->high_row = c->high_chunk;
	for (;;) {
		if (c->skip_lf && c->row < c->end)
			eat_lf(c);
		if (scan(c))
			return finish(c, c->start - 1, c->start, row, err);
		if (c->eof)
			return last(c, row, err);
		if (refill(c, err) == -1)
			return -1;
	}
}
