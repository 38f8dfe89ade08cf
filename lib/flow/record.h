#ifndef SS_FLOW_RECORD_H
#define SS_FLOW_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cli.h"
#include "event/event.h"
#include "event/line.h"

struct log;
struct ledger;

/*
 * Recording: lines from a source become lines of the log (ss-track, and what
 * ss-run does with its standard input).  A new event is stored with its label
 * and recordedtime, a known one is not stored twice, an outcome is stored
 * unless it has its place already, a line that is no event, or of an ss. type
 * and not what that is, is kept as line.rejected and ended dead, a cursor is
 * checked and committed with the lines it stands for.
 */

/* What one line came to. */
enum record_kind { RECORD_STORED, RECORD_KNOWN, RECORD_PASSED, RECORD_REJECTED, RECORD_CURSOR, RECORD_DROPPED };

#define RECORD_CURSORS 16

/* What is committed together. */
struct record_batch {
	struct buf lines;	/* to be stored, back to back */
	uint32_t *lens;
	size_t n, cap;
	int plain;		/* only events with a UUIDv7: ledger_note() may be used */
	struct buf rejected;	/* indexes (uint32_t) of the line.rejected among them */
	struct buf extra;	/* what passes by unstored: {after how many stored, bytes}, bytes */
	struct buf silent;	/* indexes (uint32_t) of stored lines that do not go on downstream */
	struct buf out;		/* lines as they go on downstream */
	uint64_t first;		/* place of the first, once appended */
	int64_t now;
};

struct record {
	struct log *log;
	struct ledger *ledger;
	struct cli *cli;
	const char *pipeline;	/* label; NULL keeps what came ("-" when none) */
	int relabel;		/* ss-run: the label is pipeline whatever came */
	int strict;		/* refuse instead of keeping what is no event */
	struct json_mem mem;
	struct buf tmp, line, tail;	/* tail: the members of the batch's time and label */
	/* of the line at hand: here, so that they are not cleared for each */
	struct event ev;
	struct ss_err bad;
	struct record_batch *b;	/* being filled */
	/* before the ledger is asked: threads that append for this recorder pause (NULL: none) */
	int (*quiesce)(void *ctx, struct ss_err *err);
	void *quiesce_ctx;
	struct hash_map *fresh;	/* foreign ids stored by this process, not yet in the ledger */
	struct ledger_view *view;
	char now_text[CLOCK_TEXT], limit_text[CLOCK_TEXT];
	char minute[17];	/* "2026-11-21T09:00:" of the last good time */
	int64_t now;
	/* cursors that have begun and not ended */
	struct { char *source; uint64_t lines; } cursor[RECORD_CURSORS];
	size_t ncursors;
	int cut_short;		/* a cursor began and did not end, or its count was wrong */
	char why[256];		/* what was cut short */
	/* totals */
	uint64_t stored, known, outcomes, rejects, ahead, first, last;
};

int record_init(struct record *r, struct log *log, struct ledger *ledger, struct cli *c,
    const char *pipeline, int relabel, struct ss_err *err);
void record_free(struct record *r);

/* Take one line into the batch.  kind is what line_next() answered.  Returns an
 * enum record_kind or -1. */
int record_line(struct record *r, const struct line *l, int kind, struct ss_err *err);
/* Take an event or outcome that this process made itself: stored as it is. */
int record_own(struct record *r, const char *p, size_t n, int is_event, struct ss_err *err);
/* Bytes and lines waiting in the batch. */
size_t record_pending(const struct record *r);
/* The steps of a commit, for record_filter's threads: append (r's log and clock
 * only), and what is left to do by the thread that owns r once it is synced. */
int record_append(struct record *r, struct record_batch *b, int want_out, struct ss_err *err);
int record_settle(struct record *r, struct record_batch *b, struct ss_err *err);
struct record_batch *record_batch_new(void);
void record_batch_free(struct record_batch *b);

/* Append and sync the batch; out, if not NULL, gets all its lines in order, as
 * they go on downstream.  Empty batch: nothing. */
int record_commit(struct record *r, struct buf *out, struct ss_err *err);
/* End of input: cursors that have not ended are named in why. */
void record_finish(struct record *r);

/* The whole of ss-track as a filter.  pipeline NULL: label "-". */
enum ss_exit record_filter(struct cli *c, const char *pipeline, struct ss_err *err);

#endif /* !SS_FLOW_RECORD_H */
