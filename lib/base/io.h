#ifndef SS_BASE_IO_H
#define SS_BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct ss_err;
struct buf;

/* Write all n bytes; EINTR and short writes are continued.  what names the
 * thing written to.  EPIPE keeps err->sys = EPIPE. */
int io_write(int fd, const void *p, size_t n, const char *what, struct ss_err *err);
/* One read(2), EINTR continued; 0 at end, -1 on error. */
ssize_t io_read(int fd, void *p, size_t n, const char *what, struct ss_err *err);
/* pread until n bytes or end of file; the count read, or -1. */
ssize_t io_pread(int fd, void *p, size_t n, off_t off, const char *what, struct ss_err *err);
/* Wait until fd can be read without blocking, ms milliseconds (-1: for ever).
 * 1 ready (also at end or error: read will tell), 0 not yet. */
int io_ready(int fd, int64_t ms);
/* Raise the capacity of a pipe to 1 MiB or what is allowed; no pipe: nothing. */
void io_bigpipe(int fd);
/* fsync of a directory, so that a new or renamed name in it is durable. */
int io_syncdir(const char *dir, struct ss_err *err);
/* mkdir -p with mode 0700; each directory made is made durable in its parent. */
int io_mkdirs(const char *dir, struct ss_err *err);
/* Replace path by n bytes: temporary file, fsync, rename, fsync of the
 * directory (reliability 4.6).  A reader sees the old or the new, whole. */
int io_replace(const char *path, const void *p, size_t n, struct ss_err *err);
/* The whole file, at most max bytes, added to out. */
int io_slurp(const char *path, size_t max, struct buf *out, struct ss_err *err);
/* The same for a text: what holds a NUL byte, and would be cut there, is refused.
 * A C string within out, NULL on error. */
const char *io_slurp_text(const char *path, size_t max, struct buf *out, struct ss_err *err);

#endif /* !SS_BASE_IO_H */
