#ifndef SS_EVENT_LINE_H
#define SS_EVENT_LINE_H

#include <stddef.h>
#include <stdint.h>

struct ss_err;

/*
 * NDJSON in: lines from a descriptor by block reads, found by memchr.  A line
 * longer than max is skipped and told of, with its first bytes; a last line
 * without newline is told of as torn.  Memory: two blocks, or the longest line.
 */
enum line_kind {
	LINE_END,	/* end of input */
	LINE_OK,
	LINE_TORN,	/* the last line, no newline behind it */
	LINE_LONG,	/* over max; p/n are its first max bytes, the rest is dropped */
	LINE_WAIT	/* nonblock is set and no whole line is there yet */
};

struct line {
	const char *p;		/* valid until the next call */
	size_t n;		/* without the newline (nor a CR before it) */
	uint64_t number;	/* from 1 */
	uint64_t offset;	/* of its first byte in the stream */
};

struct line_reader {
	int fd;
	const char *what;
	size_t max;
	char *p;
	size_t start, end, cap;
	size_t whole;		/* behind the last newline in p */
	uint64_t number, offset;
	int eof, skipping;
	int nonblock;		/* set by the caller: answer LINE_WAIT instead of waiting */
};

#define LINE_MAX_DEFAULT ((size_t)1 << 20)

void line_init(struct line_reader *r, int fd, size_t max, const char *what);
/* The next line whatever it takes; -1 on a read error.  Empty lines are skipped. */
int line_next(struct line_reader *r, struct line *l, struct ss_err *err);
/* 1 if line_next() can answer without read(2): a whole line is there, or the end was seen. */
int line_buffered(const struct line_reader *r);
/* 1 if line_next() will not block: buffered, or the descriptor is ready. */
int line_ready(const struct line_reader *r);
void line_free(struct line_reader *r);

#endif /* !SS_EVENT_LINE_H */
