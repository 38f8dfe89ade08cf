#ifndef SS_STORE_LEDGER_H
#define SS_STORE_LEDGER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/event.h"

struct log;
struct ss_err;

/*
 * The ledger: what follows from the log's lines, kept in keyed tables so that
 * nobody has to read the log for it (HOME/state/ledger.mdb).  A cache: each
 * transaction holds the place up to which it was made, only durable lines are
 * applied, and ledger_rebuild() makes the same again from the log.
 *
 * A delivery is known by (pipeline, place).  What is open is kept as runs of
 * neighbouring places: a pipeline whose deliveries have all ended has no rows;
 * a million accepted events that stand together cost one.  The lowest open
 * place is the pipeline's position.  Rows exist for exceptions only: failed and
 * parked (table exc), dead (table dead), open intents.
 *
 * Invariants: 1. opened = sum(ended) + open, per pipeline.  2. A row in exc has
 * its place open; a row in dead has not.  3. applied <= durable end of the log.
 */
struct ledger;
struct ledger_view;

int ledger_open(struct ledger **out, const char *home, struct log *log, struct ss_err *err);
void ledger_close(struct ledger *l);
/* Throws the tables away and applies the whole log.  *applied, if not NULL, is
 * the place up to which they are made.  While another process has them open:
 * SS_EXIT_AGAIN, and nothing is changed. */
int ledger_rebuild(struct ledger *l, uint64_t *applied, struct ss_err *err);

/* Is it made from this very log?  SS_EXIT_DAMAGE when the log ends before the place
 * that is applied, or has another line there: it was cut, or put back from a backup.
 * Asked once a handle, by ledger_catchup() too; whoever stores asks before. */
int ledger_check(struct ledger *l, struct ss_err *err);

/* Apply what the log has durable and the ledger has not (makes it durable
 * first).  *applied, if not NULL, is the place up to which it is made. */
int ledger_catchup(struct ledger *l, uint64_t *applied, struct ss_err *err);

/* Shortcut for a batch that this process just appended and synced: n events,
 * none of them an ss. line, every id a UUIDv7, each opening a delivery in
 * pipeline alone.  Saves reading them back; ledger_catchup() applies it. */
int ledger_note(struct ledger *l, const char *pipeline, uint64_t first, uint64_t n, struct ss_err *err);

/* Removes the tables of home; ledger_open() then begins anew.  While a process has
 * them open: SS_EXIT_AGAIN. */
int ledger_remove(const char *home, struct ss_err *err);

/* Look-ups go by a view: one read transaction, seen as of the last catch-up.
 * Short-lived: one batch. */
int ledger_view(struct ledger_view **out, struct ledger *l, struct ss_err *err);
void ledger_view_end(struct ledger_view *v);

/* The place up to which the tables were made. */
int ledger_applied(struct ledger_view *v, uint64_t *place, struct ss_err *err);

/* Seen foreign and v5 ids: place of (source, id): 1, 0, -1. */
int ledger_seen(struct ledger_view *v, struct json_span source, struct json_span id, uint64_t *place, struct ss_err *err);

/* 1 when (source, id) was opened in that pipeline before; ids that are looked up only. */
int ledger_seen_in(struct ledger_view *v, struct json_span source, struct json_span id, struct json_span pipeline,
    struct ss_err *err);

/* The first run of open places of pipeline that ends at or behind from:
 * 1 with [*first, *last], 0 none. */
int ledger_open_run(struct ledger_view *v, const char *pipeline, uint64_t from, uint64_t *first,
    uint64_t *last, struct ss_err *err);

/* Counters of a pipeline. */
struct ledger_counts {
	uint64_t opened;		/* accepted, replayed, routed here */
	uint64_t ended[EVENT_DEAD + 1];	/* by enum event_type, DELIVERED..DEAD */
	uint64_t replaced;		/* an open delivery that a replay took over */
	uint64_t open;			/* all that has no end */
	uint64_t failed, parked, dead;	/* rows: the first two are part of open */
	uint64_t doubles;		/* outcomes for a delivery that had ended already */
};
int ledger_counts(struct ledger_view *v, const char *pipeline, struct ledger_counts *out, struct ss_err *err);
/* Names of all pipelines, one a call: *name starts empty; 1, 0 the end. */
int ledger_pipelines(struct ledger_view *v, struct buf *name, struct ss_err *err);

/* An exception row: failed, parked or dead. */
struct ledger_exc {
	enum event_type state;	/* EVENT_FAILED, EVENT_PARKED, EVENT_DEAD */
	uint64_t place;		/* of the delivery */
	uint64_t seq;		/* of the event's own line */
	uint64_t attempt, replay;
	int64_t due, deadline;	/* ms, 0 none */
	int64_t since;		/* when the first such outcome was written */
	int force;
	/* valid during the call of each, or as long as mem is */
	struct json_span id, source, type, subject, key, target, stage, class, code, message;
	struct json_span table, row;	/* parked: what it waits for */
	uint64_t behind;	/* parked: the place it waits behind, 0 none */
};
/* Calls each for every row of pipeline in order of place; dead: the dead ones,
 * else failed and parked.  Stops on non-zero. */
int ledger_exceptions(struct ledger_view *v, const char *pipeline, int dead,
    int (*each)(void *ctx, const struct ledger_exc *e), void *ctx, struct ss_err *err);
/* One row: 1, 0, -1.  mem keeps the strings. */
int ledger_exception(struct ledger_view *v, const char *pipeline, uint64_t place, int dead,
    struct json_mem *mem, struct ledger_exc *e, struct ss_err *err);

/*
 * Known state: what a target is known to hold, leaf by leaf.  A leaf's path is
 * "fields/price", "levels/main/available", "options/Color"; its value is JSON
 * text as sent.  kind is 'i' (item, by SKU) or 'p' (product, by handle).
 */
struct ledger_leaf {
	struct json_span path, value;
	int64_t at;		/* moment at the peer, ms */
	int64_t etime;		/* time of the event whose value was sent; INT64_MIN: only looked at */
	uint64_t eseq;		/* its ssseq */
};
/* Calls each for every leaf of the row; 1 the row exists, 0 not, -1. */
int ledger_known(struct ledger_view *v, struct json_span target, char kind, struct json_span subject,
    int (*each)(void *ctx, const struct ledger_leaf *leaf), void *ctx, struct ss_err *err);
/* Every row of a target and kind; row: its subject (or a NUL and a hash of a
 * long one), and words of 8 bytes, not aligned: leaf_spelled of what came
 * last when the row holds all of it, else 0, then leaf_hash of each of its n leaves. */
int ledger_known_all(struct ledger_view *v, struct json_span target, char kind,
    int (*row)(void *ctx, struct json_span subject, const void *words, size_t n), void *ctx, struct ss_err *err);
/* How many rows all targets have together. */
int ledger_known_count(struct ledger_view *v, uint64_t *n, struct ss_err *err);

/* Open intents of a target, or of all (target.p NULL): each(intent id, place of
 * its line). */
int ledger_intents(struct ledger_view *v, struct json_span target,
    int (*each)(void *ctx, struct json_span id, uint64_t place), void *ctx, struct ss_err *err);

/* Worker crashes noted over the same work [*first, *last] while any of it is
 * open; *n 0: none. */
int ledger_crashes(struct ledger_view *v, const char *pipeline, uint64_t *n, uint64_t *first, uint64_t *last,
    struct ss_err *err);

/* A cursor's last committed value (JSON text): 1, 0, -1. */
int ledger_cursor(struct ledger_view *v, const char *source, const char *what, const char *name,
    struct buf *out, struct ss_err *err);

/* All tables as text in key order, for comparing a rebuilt state. */
int ledger_dump(struct ledger_view *v, struct buf *out, struct ss_err *err);

#endif /* !SS_STORE_LEDGER_H */
