#ifndef SS_BASE_BUF_H
#define SS_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

/*
 * The one growable byte buffer.  All-zero is a valid empty buffer.  Growth
 * doubles up to max (0: 1 GiB); past that, or without memory, a call returns
 * -1, changes nothing and sets failed, so that a run of appends may be checked
 * once at its end.  Not NUL-terminated unless buf_cstr() is asked.
 */
struct buf {
	char *p;
	size_t len, cap;
	size_t max;
	int failed;
};

/* Room for n more bytes behind len; p may move. */
int buf_room(struct buf *b, size_t n);
int buf_add(struct buf *b, const void *p, size_t n);
int buf_addc(struct buf *b, char c);
int buf_adds(struct buf *b, const char *s);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Decimal digits, without the cost of printf. */
int buf_addu(struct buf *b, uint64_t v);
int buf_addi(struct buf *b, int64_t v);
/* n random or text bytes as lower-case hex. */
int buf_addhex(struct buf *b, const void *p, size_t n);
/* Drop the first n bytes. */
void buf_shift(struct buf *b, size_t n);
/* Contents as a C string, valid till the next change; NULL without memory. */
char *buf_cstr(struct buf *b);
/* Empty, memory kept (clear) or given back (free; NULL allowed). */
void buf_clear(struct buf *b);
void buf_free(struct buf *b);

#endif /* !SS_BASE_BUF_H */
