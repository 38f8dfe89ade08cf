#ifndef SS_EVENT_OUT_H
#define SS_EVENT_OUT_H

#include "base/buf.h"

struct ss_err;

/*
 * Output of lines to a descriptor: collected up to 256 KiB, written whole.
 * The caller decides when to flush: before it waits for input, never by a
 * timer.  Not thread safe.
 */
struct out {
	int fd;
	const char *what;	/* "standard output" */
	struct buf b;
	unsigned long long lines, bytes;	/* handed over so far */
};

/* Raises the pipe's size; all other members are zeroed. */
void out_init(struct out *o, int fd, const char *what);
/* One line, without its newline, which is added. */
int out_line(struct out *o, const char *p, size_t n, struct ss_err *err);
/* Build in place: append to out_buf(o) whole lines with their newlines, then call
 * out_done(o, lines, err), which writes when there is enough. */
struct buf *out_buf(struct out *o);
int out_done(struct out *o, unsigned lines, struct ss_err *err);
int out_flush(struct out *o, struct ss_err *err);
void out_free(struct out *o);

#endif /* !SS_EVENT_OUT_H */
