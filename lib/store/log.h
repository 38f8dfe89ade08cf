#ifndef SS_STORE_LOG_H
#define SS_STORE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct clock;
struct rng;
struct ss_err;

/*
 * The append-only event log, ss-log(5).
 *
 *   HOME/log/year=YYYY/month=MM/day=DD/<seq>.ndjson
 *
 * <seq> is the place (20 digits) of the segment's header line, an ss.segment
 * event with the CRC seed; every further line is an event whose last members
 * are "ssseq" (rises by one) and "sscrc" (CRC-32C, 8 hex digits, of the line
 * up to the comma before "sscrc", continued from the segment's seed).  The
 * newest segment is the active one.
 *
 * Invariants (asserted by tests/unit/u-log.c and tests/crash):
 *  1. A line is handed to readers as good only if its CRC verifies.
 *  2. Lines below the durable end were synced, with their directory entries.
 *  3. Only bytes behind the last good line of the newest segment are ever
 *     moved away (to quarantine/), never deleted, under the append lock.
 *  4. A segment is created, synced and its name synced before a line in it
 *     counts; the segment before it was synced earlier.
 *  5. ssseq is never used twice for different lines that were acknowledged.
 *
 * Many processes may append: each append holds HOME/log/LOCK (flock).
 */
struct log;

#define LOG_SEGMENT_MAX ((uint64_t)64 << 20)

/* Opens for reading, and for appending when write is set: then the directories
 * and the first segment are made if need be, a torn tail is moved to
 * quarantine/ (log_repaired tells), and a segment marked SUSPECT is rewritten.
 * A log of an unknown format version is refused, as are network file systems
 * for writing.  clock and rng are borrowed. */
int log_open(struct log **out, const char *home, int write, const struct clock *clock,
    struct rng *rng, struct ss_err *err);
void log_close(struct log *l);
/* Another size for segments than LOG_SEGMENT_MAX, for the tests. */
void log_segment_max(struct log *l, uint64_t bytes);
/* Much will be appended: what is durable does not stay in the page cache, whose
 * pages are used again for what follows.  Before any other thread uses l. */
void log_bulk(struct log *l);
/* Bytes that were moved to quarantine/ since log_open, and where the last went. */
uint64_t log_repaired(const struct log *l, const char **path);

/*
 * Append a batch.  lines holds n events, each a compact JSON object without
 * ssseq and sscrc (strip them with event_edit) and without newline; lens their
 * lengths, one behind the other in lines with nothing between.  On success
 * first..first+n-1 are their places.  With out, the lines as stored but without
 * sscrc, each with a newline, are appended to it.  Not durable until log_sync.
 * A failed append leaves nothing of the batch (short writes are cut back).
 */
int log_append(struct log *l, const char *lines, const uint32_t *lens, size_t n,
    uint64_t *first, struct buf *out, struct ss_err *err);

/* Makes all that this handle appended durable.  A failure is final: the segment
 * is marked SUSPECT, every later call fails, SS_EXIT_DAMAGE. */
int log_sync(struct log *l, struct ss_err *err);

/* The place behind the last line that is in the log now (of any process). */
int log_end(struct log *l, uint64_t *end, struct ss_err *err);
/* The same after making everything up to there durable (of any process). */
int log_sync_end(struct log *l, uint64_t *end, struct ss_err *err);
/* The place of the first line that the log still has. */
int log_begin(struct log *l, uint64_t *begin, struct ss_err *err);

/*
 * Reading, in order of place.  A cursor sees whole good lines only and follows
 * rotation.  Not usable from two threads.  What lies behind log_end() may
 * still be taken back by its writer (a short write).
 */
struct log_line {
	const char *p;		/* the line with ssseq and sscrc, no newline; until the next call */
	size_t n;
	uint64_t seq;
	size_t body;		/* bytes before ,"sscrc": p[0..body) + "}" is the event */
};

struct log_cursor;
int log_cursor_open(struct log_cursor **out, struct log *l, uint64_t from, struct ss_err *err);
void log_cursor_close(struct log_cursor *c);
/* 1: a line with seq >= from; 0: no more now (a later call may find more); -1
 * error.  Damaged lines are stepped over and counted; header lines are skipped. */
int log_cursor_next(struct log_cursor *c, struct log_line *line, struct ss_err *err);
/* Go to a place (forward or back). */
int log_cursor_seek(struct log_cursor *c, uint64_t seq, struct ss_err *err);
uint64_t log_cursor_damaged(const struct log_cursor *c);

/* The line at one place: 1 found, 0 not there. */
int log_get(struct log *l, uint64_t seq, struct buf *line, struct ss_err *err);

/*
 * Every line whose text holds needle (an id, quoted), newest segment last;
 * each is called with it and may stop by returning non-zero, which is handed
 * back.  Reads the segments that may hold places from first on.
 */
int log_search(struct log *l, uint64_t first, const char *needle, size_t n,
    int (*each)(void *ctx, const struct log_line *line), void *ctx, struct ss_err *err);

/* Check everything: each(ctx, path, offset, seq, what) per finding.  Returns the
 * number of findings or -1.  Bad lines at the very end that were perhaps never
 * synced are torn, not damaged: the next writer moves them to quarantine/. */
struct log_report {
	uint64_t segments, lines, bytes, first, last, damaged, gaps, torn;
};
int log_verify(struct log *l, struct log_report *rep,
    void (*each)(void *ctx, const char *path, uint64_t offset, uint64_t seq, const char *what), void *ctx,
    struct ss_err *err);

#endif /* !SS_STORE_LOG_H */
