#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_MAX ((size_t)1 << 30)

/* Room for n more bytes and, beyond the limit, for `extra` that do not count
 * as contents: the NUL of a C string. */
static int
room(struct buf *b, size_t n, size_t extra)
{
	size_t max = b->max != 0 ? b->max : BUF_MAX;
	size_t need, cap;
	char *p;

	if (__builtin_add_overflow(b->len, n, &need) || need > max) {
		b->failed = 1;
		return -1;
	}
	need += extra;
	if (need <= b->cap)
		return 0;
	cap = b->cap < 256 ? 256 : b->cap * 2;
	if (cap < need)
		cap = need;
	if (cap > max)
		cap = need > max ? need : max;
	p = realloc(b->p, cap);
	if (p == NULL) {
		b->failed = 1;
		return -1;
	}
	b->p = p;
	b->cap = cap;
	return 0;
}

int
buf_room(struct buf *b, size_t n)
{
	return room(b, n, 0);
}

int
buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return 0;
	if (buf_room(b, n) == -1)
		return -1;
	memcpy(b->p + b->len, p, n);
	b->len += n;
	return 0;
}

int
buf_addc(struct buf *b, char c)
{
	return buf_add(b, &c, 1);
}

int
buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int
buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || room(b, (size_t)n, 1) == -1)
		return -1;
	va_start(ap, fmt);
	(void)vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return 0;
}

int
buf_addu(struct buf *b, uint64_t v)
{
	char t[20];
	size_t i = sizeof(t);

	do {
		t[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	return buf_add(b, t + i, sizeof(t) - i);
}

int
buf_addi(struct buf *b, int64_t v)
{
	if (v < 0) {
		if (buf_addc(b, '-') == -1)
			return -1;
		return buf_addu(b, (uint64_t)0 - (uint64_t)v);
	}
	return buf_addu(b, (uint64_t)v);
}

int
buf_addhex(struct buf *b, const void *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = p;
	size_t i;

	if (buf_room(b, n * 2) == -1)
		return -1;
	for (i = 0; i < n; i++) {
		b->p[b->len++] = hex[s[i] >> 4];
		b->p[b->len++] = hex[s[i] & 15];
	}
	return 0;
}

void
buf_shift(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
}

char *
buf_cstr(struct buf *b)
{
	if (room(b, 0, 1) == -1)
		return NULL;
	b->p[b->len] = '\0';
	return b->p;
}

void
buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = 0;
}

void
buf_free(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
	b->failed = 0;
}
