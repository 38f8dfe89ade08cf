#ifndef SS_PEER_CSVGZ_H
#define SS_PEER_CSVGZ_H

#include "peer/csv.h"

/*
 * gzip undone, member after member (RFC 1952).  By zlib rather than by
 * libarchive, because the latter does not compare a member's CRC and length
 * with what came out, so that a damaged file would pass for a sound one.
 */
struct csvgz;

/* NULL without memory.  ctx is borrowed.  Free with csvgz_close (NULL allowed). */
struct csvgz *csvgz_open(csv_read_fn *read, void *ctx, struct ss_err *err);
void csvgz_close(struct csvgz *z);

/* A csv_read_fn.  Zeros behind the last member are padding; anything else
 * there, a stream cut short, and damage are errors (SS_EXIT_AGAIN). */
ssize_t csvgz_read(void *csvgz, char *p, size_t n, struct ss_err *err);

#endif /* !SS_PEER_CSVGZ_H */
