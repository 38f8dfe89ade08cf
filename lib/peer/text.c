#include "peer/text.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "event/json.h"

#define IN ((size_t)64 << 10)
#define NO_ICONV ((iconv_t)-1)

enum kind { UNKNOWN, UTF8, CP1252, CONVERTED };

struct text {
	csv_read_fn *read;
	void *ctx;
	enum kind kind;
	int fixed;		/* the user said which */
	int beyond;		/* a character beyond ASCII was seen, in valid UTF-8 */
	int begun, switched, eof;
	char name[40];
	iconv_t cd;
	size_t unit;		/* bytes to pass over at what cannot be converted */
	char *in;
	size_t off, n;		/* what is left in it */
	struct buf clean;
};

static int
is_name(const char *s, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcasecmp(s, *names) == 0)
			return 1;
	return 0;
}

static int
set_iconv(struct text *t, const char *name, struct ss_err *err)
{
	t->cd = iconv_open("UTF-8", name);
	if (t->cd == NO_ICONV)
		return errno == EINVAL ?
		    err_set(err, SS_EXIT_USAGE, "unknown encoding '%s'", name) :
		    err_sys(err, SS_EXIT_AGAIN, "cannot convert from %s", name);
	t->kind = CONVERTED;
	t->unit = 1;
	if (strncasecmp(name, "UTF-16", 6) == 0 || strncasecmp(name, "UCS-2", 5) == 0)
		t->unit = 2;
	else if (strncasecmp(name, "UTF-32", 6) == 0 || strncasecmp(name, "UCS-4", 5) == 0)
		t->unit = 4;
	return 0;
}

static int
set_encoding(struct text *t, const char *name, struct ss_err *err)
{
	static const char *const utf8[] = { "utf-8", "utf8", "utf-8-sig", "ascii", "us-ascii",
	    NULL };
	static const char *const cp1252[] = { "cp1252", "windows-1252", NULL };

	t->fixed = 1;
	if (strlen(name) >= sizeof(t->name))
		return err_set(err, SS_EXIT_USAGE, "unknown encoding '%.80s'", name);
	memcpy(t->name, name, strlen(name) + 1);
	if (is_name(name, utf8))
		t->kind = UTF8;
	else if (is_name(name, cp1252))
		t->kind = CP1252;
	else
		return set_iconv(t, name, err);
	return 0;
}

struct text *
text_open(const char *encoding, csv_read_fn *read, void *ctx, struct ss_err *err)
{
	struct text *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->in = malloc(IN)) == NULL) {
		free(t);
		err_nomem(err);
		return NULL;
	}
	t->read = read;
	t->ctx = ctx;
	t->cd = NO_ICONV;
	memcpy(t->name, "UTF-8", 6);
	if (encoding != NULL && set_encoding(t, encoding, err) == -1) {
		text_close(t);
		return NULL;
	}
	return t;
}

void
text_close(struct text *t)
{
	if (t == NULL)
		return;
	if (t->cd != NO_ICONV)
		(void)iconv_close(t->cd);
	buf_free(&t->clean);
	free(t->in);
	free(t);
}

const char *
text_name(const struct text *t)
{
	return t->name;
}

int
text_switched(struct text *t)
{
	int was = t->switched;

	t->switched = 0;
	return was;
}

static int
fill(struct text *t, struct ss_err *err)
{
	ssize_t n;

	if (t->off > 0) {
		memmove(t->in, t->in + t->off, t->n);
		t->off = 0;
	}
	n = t->read(t->ctx, t->in + t->n, IN - t->n, err);
	if (n == -1)
		return -1;
	if (n == 0)
		t->eof = 1;
	t->n += (size_t)n;
	return 0;
}

/* UTF-16 without a mark: NULs on one side only, in at least half of the pairs. */
static const char *
utf16_pattern(const unsigned char *p, size_t n)
{
	size_t i, even = 0, odd = 0, pairs = (n > 512 ? 512 : n) / 2;

	for (i = 0; i < pairs; i++) {
		even += p[2 * i] == 0;
		odd += p[2 * i + 1] == 0;
	}
	if (pairs < 2)
		return NULL;
	if (even == 0 && odd * 2 >= pairs)
		return "UTF-16LE";
	if (odd == 0 && even * 2 >= pairs)
		return "UTF-16BE";
	return NULL;
}

/* Look at the first bytes: drop a mark, and settle what kind of file it is. */
static int
begin(struct text *t, struct ss_err *err)
{
	const char *utf16 = NULL;
	size_t mark = 0;

	while (t->n < 4 && !t->eof)
		if (fill(t, err) == -1)
			return -1;
	if (t->n >= 3 && memcmp(t->in, "\xef\xbb\xbf", 3) == 0)
		mark = 3;
	else if (t->n >= 2 && memcmp(t->in, "\xff\xfe", 2) == 0)
		mark = 2, utf16 = "UTF-16LE";
	else if (t->n >= 2 && memcmp(t->in, "\xfe\xff", 2) == 0)
		mark = 2, utf16 = "UTF-16BE";
	else
		utf16 = utf16_pattern((const unsigned char *)t->in, t->n);
	if (t->fixed) {
		/* a mark is none of the text, whoever named the encoding */
		if (!((mark == 3 && t->kind == UTF8) ||
		    (mark == 2 && t->kind == CONVERTED && t->unit == 2 && strlen(t->name) > 6)))
			mark = 0;
	} else if (utf16 != NULL) {
		memcpy(t->name, utf16, strlen(utf16) + 1);
		if (set_iconv(t, utf16, err) == -1)
			return -1;
	} else {
		t->kind = UTF8;
		t->fixed = mark == 3;
	}
	t->off += mark;
	t->n -= mark;
	return 0;
}

/* One call of iconv into [*p, *p + *n).  1 when more input is needed. */
static int
convert(struct text *t, char **p, size_t *n)
{
	char *in = t->in + t->off;
	size_t left = t->n, skip;
	int more = 0;

	if (iconv(t->cd, &in, &left, p, n) == (size_t)-1) {
		if (errno == EINVAL && !t->eof) {
			more = 1;
		} else if (errno != E2BIG && *n > 0) {
			skip = left < t->unit ? left : t->unit;
			in += skip;
			left -= skip;
			*(*p)++ = (char)0xff;
			--*n;
		}
	}
	t->off += t->n - left;
	t->n = left;
	return more;
}

static ssize_t
read_converted(struct text *t, char *p, size_t n, struct ss_err *err)
{
	char *o = p;
	int more = 0;

	/* until something came out; a block that ends in half a character may give nothing */
	while (o == p) {
		if ((t->n == 0 || more) && !t->eof && fill(t, err) == -1)
			return -1;
		if (t->n == 0)
			break;
		more = convert(t, &o, &n);
	}
	while (t->n > 0 && n >= 16 && !more)
		more = convert(t, &o, &n);
	return o - p;
}

ssize_t
text_read(void *text, char *p, size_t n, struct ss_err *err)
{
	struct text *t = text;

	if (!t->begun && begin(t, err) == -1)
		return -1;
	t->begun = 1;
	if (t->kind == CONVERTED)
		return read_converted(t, p, n, err);
	if (t->n > 0) {
		size_t k = t->n < n ? t->n : n;

		memcpy(p, t->in + t->off, k);
		t->off += k;
		t->n -= k;
		return (ssize_t)k;
	}
	return t->eof ? 0 : t->read(t->ctx, p, n, err);
}

/* cp1252 0x80 to 0x9f; 0: not assigned. */
static const unsigned short upper[32] = {
	0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039,
	0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc,
	0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178
};

static char *
put_utf8(char *o, unsigned u)
{
	if (u < 0x800) {
		*o++ = (char)(0xc0 | u >> 6);
	} else {
		*o++ = (char)(0xe0 | u >> 12);
		*o++ = (char)(0x80 | (u >> 6 & 0x3f));
	}
	*o++ = (char)(0x80 | (u & 0x3f));
	return o;
}

static int
from_cp1252(struct text *t, struct csv_row *row, struct ss_err *err)
{
	size_t i, k, all = 0;
	char *o;

	for (i = 0; i < row->n; i++)
		all += row->cell[i].n;
	buf_clear(&t->clean);
	if (buf_room(&t->clean, all * 3) == -1)
		return err_nomem(err);
	o = t->clean.p;
	for (i = 0; i < row->n; i++) {
		struct csv_cell *c = &row->cell[i];
		char *first = o;

		for (k = 0; k < c->n; k++) {
			unsigned u = (unsigned char)c->p[k];

			if (u < 0x80) {
				*o++ = (char)u;
				continue;
			}
			if (u < 0xa0 && (u = upper[u - 0x80]) == 0)
				return 0;
			o = put_utf8(o, u);
		}
		c->p = first;
		c->n = (uint32_t)(o - first);
	}
	return 1;
}

static int
is_ascii(const char *p, size_t n)
{
	size_t i;
	unsigned char all = 0;

	for (i = 0; i < n; i++)
		all |= (unsigned char)p[i];
	return all < 0x80;
}

int
text_row(struct text *t, struct csv_row *row, struct ss_err *err)
{
	if (!row->high)
		return 1;
	if (t->kind == CP1252)
		return from_cp1252(t, row, err);
	if (json_utf8(row->raw, row->raw_n)) {
		if (!t->beyond)
			t->beyond = !is_ascii(row->raw, row->raw_n);
		return 1;
	}
	if (t->fixed || t->beyond || t->kind == CONVERTED)
		return 0;
	t->kind = CP1252;
	t->switched = 1;
	memcpy(t->name, "cp1252", 7);
	return from_cp1252(t, row, err);
}
