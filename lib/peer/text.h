#ifndef SS_PEER_TEXT_H
#define SS_PEER_TEXT_H

#include <stddef.h>
#include <sys/types.h>

#include "peer/csv.h"

struct ss_err;

/*
 * The encoding of a file.  UTF-8 and cp1252 pass through as bytes and are
 * looked at row by row, since the bytes that make rows are the same in both;
 * anything else is made UTF-8 by iconv(3) on the way, and what cannot be
 * becomes the byte 0xff, so that its row is found bad and no other.
 *
 * Unless told, a file is what its byte order mark says; else UTF-16 when every
 * other byte at its start is NUL; else UTF-8 until the first row that is not.
 * If no character beyond ASCII was seen before that row, the file is taken for
 * cp1252 from there on.
 */
struct text;

/* encoding NULL: found out.  Unknown to iconv: NULL, SS_EXIT_USAGE.  ctx is
 * borrowed.  Free with text_close (NULL allowed). */
struct text *text_open(const char *encoding, csv_read_fn *read, void *ctx, struct ss_err *err);
void text_close(struct text *t);

/* A csv_read_fn; n is 64 or more. */
ssize_t text_read(void *text, char *p, size_t n, struct ss_err *err);

/* Make the row's cells UTF-8 (raw stays as it is).  1 done, 0 the row is no
 * text in this encoding, -1 without memory.  The cells are valid until the
 * next call or the next csv_next. */
int text_row(struct text *t, struct csv_row *row, struct ss_err *err);

/* 1 once, after the row at which the file was taken for cp1252. */
int text_switched(struct text *t);

/* What it is read as: "UTF-8", "cp1252", "UTF-16LE" … */
const char *text_name(const struct text *t);

#endif /* !SS_PEER_TEXT_H */
