#include "peer/csvgz.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/err.h"

#define IN ((size_t)256 << 10)

struct csvgz {
	csv_read_fn *read;
	void *ctx;
	z_stream z;
	int inside;		/* a member */
	int padding;		/* zeros stood behind the last member: no further one */
	int eof;
	unsigned char *in;
};

struct csvgz *
csvgz_open(csv_read_fn *read, void *ctx, struct ss_err *err)
{
	struct csvgz *z = calloc(1, sizeof(*z));

	/* 16: the gzip wrapper, with its checks */
	if (z == NULL || (z->in = malloc(IN)) == NULL ||
	    inflateInit2(&z->z, 16 + MAX_WBITS) != Z_OK) {
		if (z != NULL)
			free(z->in);
		free(z);
		err_nomem(err);
		return NULL;
	}
	z->read = read;
	z->ctx = ctx;
	z->inside = 1;
	return z;
}

void
csvgz_close(struct csvgz *z)
{
	if (z == NULL)
		return;
	(void)inflateEnd(&z->z);
	free(z->in);
	free(z);
}

static int
fill(struct csvgz *z, struct ss_err *err)
{
	ssize_t n = z->read(z->ctx, (char *)z->in, IN, err);

	if (n == -1)
		return -1;
	z->eof = n == 0;
	z->z.next_in = z->in;
	z->z.avail_in = (uInt)n;
	return 0;
}

/* Between members.  1 another begins, 0 the end, -1. */
static int
next_member(struct csvgz *z, struct ss_err *err)
{
	for (;;) {
		if (z->z.avail_in == 0 && fill(z, err) == -1)
			return -1;
		if (z->eof)
			return 0;
		while (z->z.avail_in > 0 && *z->z.next_in == 0) {
			z->z.next_in++;
			z->z.avail_in--;
			z->padding = 1;
		}
		if (z->z.avail_in == 0)
			continue;
		if (z->padding || *z->z.next_in != 0x1f)
			return err_set(err, SS_EXIT_AGAIN,
			    "gzip: something else follows the last member");
		z->inside = 1;
		if (inflateReset(&z->z) != Z_OK)
			return err_set(err, SS_EXIT_AGAIN, "gzip: cannot begin a member");
		return 1;
	}
}

ssize_t
csvgz_read(void *csvgz, char *p, size_t n, struct ss_err *err)
{
	struct csvgz *z = csvgz;
	int rc;

	/* what came out before the damage goes first; the next call meets it again */
	z->z.next_out = (unsigned char *)p;
	z->z.avail_out = (uInt)n;
	while (z->z.avail_out == (uInt)n) {
		if (!z->inside && (rc = next_member(z, err)) != 1)
			return rc;
		if (z->z.avail_in == 0 && fill(z, err) == -1)
			return -1;
		if (z->eof)
			return err_set(err, SS_EXIT_AGAIN, "gzip: the stream is cut short");
		rc = inflate(&z->z, Z_NO_FLUSH);
		if (rc == Z_STREAM_END)
			z->inside = 0;
		else if (rc != Z_OK && rc != Z_BUF_ERROR && z->z.avail_out == (uInt)n)
			return err_set(err, SS_EXIT_AGAIN, "gzip: damaged: %s",
			    z->z.msg != NULL ? z->z.msg : "unknown");
	}
	return (ssize_t)(n - z->z.avail_out);
}
