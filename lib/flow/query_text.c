/* Values and tables on a terminal. */
#include <string.h>

#include "base/err.h"
#include "flow/query.h"

/* One character of UTF-8 at p: its length and code, 0 if it is none. */
static size_t
decode(const unsigned char *p, size_t n, uint32_t *code)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0, i;

	if (len == 0 || len > n)
		return 0;
	*code = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (p[i] & 0x3f);
	}
	return *code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : len;
}

/* Characters that act on the terminal or on the order of the text around. */
static int
acts(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
	    (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

int
query_text(struct buf *b, const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t i = 0, len;
	uint32_t code;

	while (i < n) {
		len = decode(s + i, n - i, &code);
		if (len == 0)
			(void)buf_addf(b, "\\x%02x", s[i++]);
		else if (acts(code))
			(void)buf_addf(b, code < 0x100 ? "\\x%02x" : "\\u{%x}", code);
		else
			(void)buf_add(b, s + i, len);
		i += len;
	}
	return b->failed ? -1 : 0;
}

/* Columns that escaped text takes: one a character. */
static size_t
columns(const char *p, size_t n)
{
	size_t i, w = 0;

	for (i = 0; i < n; i++)
		w += ((unsigned char)p[i] & 0xc0) != 0x80;
	return w;
}

int
query_cell(struct query_sheet *s, const char *p, size_t n)
{
	size_t at = s->text.len, w;

	(void)query_text(&s->text, p == NULL || n == 0 ? "-" : p, p == NULL || n == 0 ? 1 : n);
	w = columns(s->text.p + at, s->text.len - at);
	if (w > s->width[s->cell % s->cols])
		s->width[s->cell % s->cols] = w;
	s->cell++;
	return buf_addc(&s->text, '\0');
}

int
query_cells(struct query_sheet *s, const char *text)
{
	return query_cell(s, text, strlen(text));
}

int
query_cellu(struct query_sheet *s, uint64_t v)
{
	struct buf b = { 0 };
	int rc;

	(void)buf_addu(&b, v);
	rc = b.failed ? -1 : query_cell(s, b.p, b.len);
	buf_free(&b);
	return rc;
}

const char *
query_tint(const struct query *q, const char *p, size_t n)
{
	static const struct { const char *word, *code; } t[] = {
		{ "dead", "\033[31m" }, { "failed", "\033[33m" }, { "parked", "\033[36m" }, { "open", "\033[34m" },
		{ "delivered", "\033[32m" }, { "ok", "\033[32m" }, { "differs", "\033[31m" }, { "damaged", "\033[31m" },
		{ "torn", "\033[33m" }, { "ahead", "\033[31m" },
	};
	size_t i;

	for (i = 0; q->color && i < sizeof(t) / sizeof(t[0]); i++)
		if (strlen(t[i].word) == n && memcmp(t[i].word, p, n) == 0)
			return t[i].code;
	return "";
}

static void
pad(struct buf *b, size_t n)
{
	while (n-- > 0)
		(void)buf_addc(b, ' ');
}

int
query_sheet_put(struct query *q, struct query_sheet *s, struct ss_err *err)
{
	const char *p = s->text.p;
	struct buf line = { 0 };
	int rc = s->text.failed ? err_nomem(err) : 0;
	size_t i;

	for (i = 0; rc == 0 && i < s->cell; i++) {
		size_t n = strlen(p), c = i % s->cols, w = columns(p, n);
		const char *tint = i < s->cols ? q->color ? "\033[1m" : "" : query_tint(q, p, n);
		int right = s->right >> c & 1;

		if (right)
			pad(&line, s->width[c] - w);
		(void)buf_addf(&line, "%s%s%s", tint, p, *tint == '\0' ? "" : "\033[0m");
		if (!right && c + 1 < s->cols)
			pad(&line, s->width[c] - w);
		p += n + 1;
		if (c + 1 < s->cols) {
			(void)buf_adds(&line, "  ");
			continue;
		}
		rc = line.failed ? err_nomem(err) : out_line(&q->out, line.p, line.len, err);
		buf_clear(&line);
	}
	buf_free(&line);
	query_sheet_free(s);
	return rc;
}

void
query_sheet_free(struct query_sheet *s)
{
	size_t cols = s->cols;

	buf_free(&s->text);
	memset(s, 0, sizeof(*s));
	s->cols = cols;
}
