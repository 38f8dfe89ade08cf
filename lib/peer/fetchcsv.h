#ifndef SS_PEER_FETCHCSV_H
#define SS_PEER_FETCHCSV_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "peer/layout.h"

struct clock;
struct out;
struct uuid_gen;

/*
 * ss-fetch csv:PATH: a file's rows as events, from the begin cursor to the end
 * cursor.  What goes wrong with a row costs that row; what goes wrong with the
 * file ends the reading without an end cursor.  Of an archive's entries each has
 * its own header: one that cannot be used leaves the others to be read; if it is a
 * *.txt that nobody named it is refused, else the reading ends without an end
 * cursor.
 */
struct fetchcsv_opts {
	const char *path;	/* "-": standard input */
	const char *source;	/* NULL: csv:NAME after the path */
	const char *encoding;	/* NULL: found out */
	const char *cursor;	/* its name */
	const char *time;	/* RFC 3339 */
	char delim;		/* 0: found out */
	int strict, pad, complete;
	uint64_t head;		/* rows at most; 0: all */
	uint64_t max_bytes;	/* 0: archive.h's */
	const char *const *entry;
	size_t nentry;
	struct layout_opts layout;
	struct uuid_gen *uuid;
	const struct clock *clock;
	/* lines for people; may be NULL */
	void (*note)(void *ctx, const char *text);
	void (*progress)(void *ctx, uint64_t bytes, uint64_t total, uint64_t rows);
	void *ctx;
};

struct fetchcsv_sum {
	uint64_t rows;		/* read, without headers and blank ones */
	uint64_t rejected;
	uint64_t blank;
	uint64_t refused;	/* entries of an archive */
	uint64_t events;	/* lines between the cursors, rejected ones among them */
};

/* Write the events to o.  0, or -1; *sum is right in both cases.  What was
 * read before an error is in o, which the caller flushes. */
int fetchcsv_run(const struct fetchcsv_opts *opts, struct out *o, struct fetchcsv_sum *sum,
    struct ss_err *err);

/* Write the names of what would be read, one a line ("-" for the file itself
 * when that is standard input). */
int fetchcsv_list(const struct fetchcsv_opts *opts, struct out *o, struct fetchcsv_sum *sum,
    struct ss_err *err);

#endif /* !SS_PEER_FETCHCSV_H */
