/* gq_string - contents of GraphQL strings */
#include <string.h>

#include "gq_string.h"

size_t
gq_utf8_good(const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t i = 0;

	while (i < n) {
		unsigned char c = s[i];
		size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
		/* The second byte alone tells overlong forms, surrogates and what is too large. */
		unsigned char lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
		unsigned char hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

		if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || n - i <= more)
			return i;
		for (size_t k = 1; k <= more; k++) {
			if (s[i + k] < (k == 1 ? lo : 0x80) || s[i + k] > (k == 1 ? hi : 0xbf))
				return i;
		}
		i += more + 1;
	}
	return n;
}

void
gq_utf8_trim(char *s)
{
	s[gq_utf8_good(s, strlen(s))] = '\0';
}

static size_t
put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* The four digits behind \u at p, of which n bytes are left; -1: they are none. */
static int
hex4(const char *p, size_t n, uint32_t *out)
{
	*out = 0;
	if (n < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		uint32_t d;

		if (c >= '0' && c <= '9')
			d = (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			d = (uint32_t)((c | 32) - 'a' + 10);
		else
			return -1;
		*out = *out << 4 | d;
	}
	return 0;
}

/* One escape, its backslash at p; how long it was goes to *used, what it says
 * to out.  0 bytes written: it is none. */
static size_t
escape(const char *p, size_t n, size_t *used, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint32_t c, low;
	const char *f;

	if (n < 2 || p[1] == '\0')
		return 0;
	f = strchr(from, p[1]);
	*used = 2;
	if (f != NULL) {
		out[0] = to[f - from];
		return 1;
	}
	if (p[1] != 'u' || hex4(p + 2, n - 2, &c) == -1)
		return 0;
	*used = 6;
	if (c >= 0xd800 && c < 0xdc00) {
		/* Half of a pair has no UTF-8, so no answer could repeat it. */
		if (n < 12 || p[6] != '\\' || p[7] != 'u' || hex4(p + 8, n - 8, &low) == -1 ||
		    low < 0xdc00 || low > 0xdfff)
			return 0;
		*used = 12;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	} else if (c >= 0xdc00 && c < 0xe000) {
		return 0;
	}
	return put_utf8(out, c);
}

char *
gq_string_line(struct gq_arena *a, const char *src, size_t n, size_t *at, size_t *len, size_t *bad)
{
	size_t i = *at + 1, k = 0, end;
	char *out;

	for (end = i; end < n && src[end] != '"' && src[end] != '\n' && src[end] != '\r'; end++) {
		if (src[end] == '\\')
			end++;
	}
	*bad = *at;
	if (end >= n || src[end] != '"')
		return NULL;
	/* No escape is longer than what it is written as. */
	out = gq_alloc(a, end - i + 1);
	while (i < end) {
		size_t used = 1, put = 1;

		if (src[i] == '\\')
			put = escape(src + i, end - i, &used, out + k);
		else if ((unsigned char)src[i] < 0x20 && src[i] != '\t')
			put = 0;
		else
			out[k] = src[i];
		if (put == 0) {
			*bad = i;
			return NULL;
		}
		k += put;
		i += used;
	}
	out[k] = '\0';
	*at = end + 1;
	*len = k;
	return out;
}

/* One line of a block string, in its raw text. */
struct line {
	const char *p;
	size_t n, indent;
};

/* The line at *i, which goes behind its end. */
static struct line
next_line(const char *p, size_t n, size_t *i)
{
	struct line l = { .p = p + *i };

	while (*i < n && p[*i] != '\n' && p[*i] != '\r')
		(*i)++;
	l.n = (size_t)(p + *i - l.p);
	while (l.indent < l.n && (l.p[l.indent] == ' ' || l.p[l.indent] == '\t'))
		l.indent++;
	if (*i < n && p[*i] == '\r' && *i + 1 < n && p[*i + 1] == '\n')
		(*i)++;
	(*i)++;
	return l;
}

/* Section 2.9.4, BlockStringValue: raw lies in out's place already. */
static size_t
unindent(char *raw, size_t n)
{
	size_t common = SIZE_MAX, first = SIZE_MAX, last = 0, row = 0, k = 0;

	for (size_t i = 0; i <= n; row++) {
		struct line l = next_line(raw, n, &i);

		if (l.indent == l.n)
			continue;
		if (row > 0 && l.indent < common)
			common = l.indent;
		if (first == SIZE_MAX)
			first = row;
		last = row;
	}
	row = 0;
	for (size_t i = 0; i <= n; row++) {
		struct line l = next_line(raw, n, &i);
		size_t cut = row == 0 || common == SIZE_MAX ? 0 : common < l.n ? common : l.n;

		if (first == SIZE_MAX || row < first || row > last)
			continue;
		if (row > first)
			raw[k++] = '\n';
		memmove(raw + k, l.p + cut, l.n - cut);
		k += l.n - cut;
	}
	raw[k] = '\0';
	return k;
}

char *
gq_string_block(struct gq_arena *a, const char *src, size_t n, size_t *at, size_t *len)
{
	size_t i = *at + 3, end, k = 0;
	char *out;

	for (end = i; end < n; end++) {
		if (n - end >= 4 && memcmp(src + end, "\\\"\"\"", 4) == 0)
			end += 3;
		else if (n - end >= 3 && memcmp(src + end, "\"\"\"", 3) == 0)
			break;
	}
	if (end >= n)
		return NULL;
	out = gq_alloc(a, end - i + 1);
	while (i < end) {
		if (end - i >= 4 && memcmp(src + i, "\\\"\"\"", 4) == 0)
			i++;
		else if ((unsigned char)src[i] < 0x20 && (src[i] == '\0' || strchr("\t\n\r", src[i]) == NULL))
			return NULL;
		out[k++] = src[i++];
	}
	*at = end + 3;
	*len = unindent(out, k);
	return out;
}
