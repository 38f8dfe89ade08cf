#include "event/out.h"

#include "base/err.h"
#include "base/io.h"

#define OUT_FULL ((size_t)256 << 10)

void
out_init(struct out *o, int fd, const char *what)
{
	*o = (struct out){ .fd = fd, .what = what };
	io_bigpipe(fd);
}

int
out_flush(struct out *o, struct ss_err *err)
{
	int rc = 0;

	if (o->b.failed)
		return err_nomem(err);
	if (o->b.len > 0) {
		rc = io_write(o->fd, o->b.p, o->b.len, o->what, err);
		o->bytes += o->b.len;
	}
	buf_clear(&o->b);
	return rc;
}

struct buf *
out_buf(struct out *o)
{
	return &o->b;
}

int
out_done(struct out *o, unsigned lines, struct ss_err *err)
{
	o->lines += lines;
	return o->b.len >= OUT_FULL || o->b.failed ? out_flush(o, err) : 0;
}

int
out_line(struct out *o, const char *p, size_t n, struct ss_err *err)
{
	if (buf_room(&o->b, n + 1) == -1)
		return err_nomem(err);
	(void)buf_add(&o->b, p, n);
	(void)buf_addc(&o->b, '\n');
	return out_done(o, 1, err);
}

void
out_free(struct out *o)
{
	buf_free(&o->b);
}
