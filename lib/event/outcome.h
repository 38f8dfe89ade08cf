#ifndef SS_EVENT_OUTCOME_H
#define SS_EVENT_OUTCOME_H

#include <stdint.h>

#include "base/uuid.h"
#include "event/event.h"

struct buf;
struct clock;

/* Classes of a cause (design 3). */
#define OUTCOME_CLASSES(X) X(PARSE, "parse") X(VALUE, "value") X(MISSING, "missing") X(AUTH, "auth") \
	X(CONNECTION, "connection") X(RATE, "rate-limit") X(INTERMITTENT, "intermittent") \
	X(CONFLICT, "conflict") X(DUPLICATE, "duplicate") X(TOO_LARGE, "too-large") \
	X(STALE, "stale") X(BUG, "bug")
#define OUTCOME_CLASS_ENUM(a, b) OUTCOME_##a,
enum outcome_class { OUTCOME_NONE, OUTCOME_CLASSES(OUTCOME_CLASS_ENUM) OUTCOME_CLASS_COUNT };
#undef OUTCOME_CLASS_ENUM
const char *outcome_class_name(enum outcome_class c);

/*
 * What became of one event, as an ss. line (ss-event(5)).  Text members are
 * borrowed and may be NULL; JSON members (set, ids) are inserted as they are.
 */
struct outcome {
	enum event_type type;
	const char *stage;		/* "diff", "push", "lookup", "run" */
	const char *pipeline;		/* NULL: the first that the event is labelled with, else "-" */
	const char *target;
	uint64_t attempt;		/* 0: taken from ssturn, at least 1 */
	int64_t ms;			/* what it took, < 0 unknown */
	enum outcome_class class;
	const char *code, *message;
	size_t message_n;		/* 0: C string */
	int retry;			/* a retry can help */
	struct json_span set, ids;	/* JSON text */
	int64_t at;			/* moment at the peer, 0 none */
	int64_t due, deadline;		/* failed, parked; 0 none */
	const char *table;		/* parked: waits for this row */
	struct json_span row;
	uint64_t behind;		/* parked: behind the delivery at this place */
};

/* Append the line for ev, no newline.  id: the outcome's own.  Messages are cut
 * at 2,000 bytes.  The event's place is ssplace, else ssseq; without either the
 * outcome names source and id only. */
int outcome_put(struct buf *b, const struct event *ev, const struct outcome *o, const char *id, int64_t now);

/* One line for the run of neighbours [first, last], n of them, all ended so. */
int outcome_put_range(struct buf *b, const struct outcome *o, uint64_t first, uint64_t last, uint64_t n,
    const char *source, const char *id, int64_t now);

/* The event's place in its pipeline: ssplace, else ssseq, else 0. */
uint64_t outcome_place(const struct event *ev);

/* A line that is no event, kept: a line.rejected event.  what: file or "stdin";
 * id is UUIDv5 of what and the bytes.  At most 64 KiB of the text are kept.
 * -1 without memory. */
int outcome_put_rejected(struct buf *b, const char *source, const char *what, uint64_t line,
    const char *p, size_t n, const char *why, int64_t now);

/* "stage@ms" appended to ssstages as a JSON string, for event_edit. */
int outcome_put_stages(struct buf *b, const struct event *ev, const char *stage, int64_t now);

#endif /* !SS_EVENT_OUTCOME_H */
