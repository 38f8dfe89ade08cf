#ifndef SS_EVENT_EVENT_H
#define SS_EVENT_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "event/json.h"

struct buf;
struct ss_err;

/*
 * A CloudEvents 1.0 object on one line, ss-event(5).  Parsed once; all spans
 * point into the line (raw values, with quotes) or into the parser's memory
 * (unescaped strings), both valid until the next event_parse with that memory.
 */
#define EVENT_MEMBERS 64	/* top-level members at most */

struct event {
	struct json_span line;
	struct yyjson_val *root;
	struct yyjson_val *data;	/* NULL when absent */
	struct json_span data_raw;
	/* unescaped strings, {NULL,0} when absent */
	struct json_span id, source, type, subject, time;
	struct json_span pipeline;	/* sspipeline */
	struct json_span correlation, causation, partition;
	struct json_span turn;		/* ssturn: "attempt,replay,mode[,force]" */
	struct json_span stages;	/* ssstages */
	uint64_t seq;			/* ssseq, 0 when absent */
	int passage;			/* has ssseq, sscrc, ssturn, ssplace, sspipeline or recordedtime */
	/* what event_edit looks the other members up in */
	const struct json_mem *mem;
	const char *text;
	size_t n;		/* top-level members */
	int is_ss;			/* type begins with "ss." */
};

/* Parse and check an event: an object; specversion "1.0", id, source, type
 * non-empty strings; no member twice.  Of the others null is the same as absent.
 * -1 with the reason (field, byte). */
int event_parse(struct event *ev, struct json_mem *mem, const char *p, size_t n, struct ss_err *err);

/* A change to the top level: raw NULL drops the member, else its value becomes
 * raw (JSON text).  A member that is not there is added at the end. */
struct event_edit {
	const char *key;
	const char *raw;
	size_t n;
};
/* Append the event's line with the edits applied, no newline.  What is not
 * edited keeps its bytes. */
int event_edit(struct buf *b, const struct event *ev, const struct event_edit *e, size_t n);

/* 1 if name stands in the comma separated list (sspipeline). */
int event_in_list(struct json_span list, const char *name, size_t n);

/* ssturn taken apart.  All zero when absent. */
struct event_turn {
	uint64_t attempt;	/* from 1 */
	uint64_t replay;	/* number of replays so far */
	enum { EVENT_LIVE, EVENT_DUE, EVENT_REPLAY } mode;
	int force;
};
void event_turn(const struct event *ev, struct event_turn *t);

/* The event's time in ms, or -1 when it has none or a bad one. */
int64_t event_time(const struct event *ev);

/* The order key (design 6): partitionkey, else data.product for item.*, else
 * subject, else the id.  Points into ev. */
struct json_span event_order_key(const struct event *ev);

/* 1 for item.* and product.* : desired state, judged by field. */
int event_is_state(const struct event *ev);

/* Kinds of lines that the log itself knows. */
#define EVENT_TYPES(X) \
	X(EVENT_OTHER, "") \
	X(EVENT_DELIVERED, "ss.delivered") X(EVENT_UNCHANGED, "ss.unchanged") \
	X(EVENT_SUPERSEDED, "ss.superseded") X(EVENT_FILTERED, "ss.filtered") \
	X(EVENT_ROUTED, "ss.routed") X(EVENT_DEAD, "ss.dead") \
	X(EVENT_FAILED, "ss.failed") X(EVENT_PARKED, "ss.parked") \
	X(EVENT_ACCEPTED, "ss.accepted") X(EVENT_INTENT, "ss.intent") \
	X(EVENT_SETTLED, "ss.settled") X(EVENT_KNOWN, "ss.known") \
	X(EVENT_REPLAYED, "ss.replay") X(EVENT_CURSOR, "ss.cursor") \
	X(EVENT_STATE, "ss.state") X(EVENT_SEGMENT, "ss.segment") \
	X(EVENT_ALERT, "ss.alert") X(EVENT_END, "ss.end") X(EVENT_STOP, "ss.stop")
#define EVENT_TYPE_ENUM(a, b) a,
enum event_type { EVENT_TYPES(EVENT_TYPE_ENUM) EVENT_TYPE_COUNT };
#undef EVENT_TYPE_ENUM
enum event_type event_type(const struct event *ev);
const char *event_type_name(enum event_type t);
/* Why an ss. line that came from outside cannot be taken for what its type says
 * (the type is not known, or its data lacks what the ledger goes by), or NULL. */
const char *event_ss_bad(const struct event *ev);
/* 1 for the six outcomes that end a delivery (design 3). */
int event_type_ends(enum event_type t);
/* 1 for the outcomes, ending or not: delivered … parked. */
int event_type_outcome(enum event_type t);

#endif /* !SS_EVENT_EVENT_H */
