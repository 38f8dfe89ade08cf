#ifndef SS_FLOW_PUSH_INTERNAL_H
#define SS_FLOW_PUSH_INTERNAL_H

/* Shared by push*.c only. */

#include "base/hash.h"
#include "event/filter.h"
#include "flow/push.h"
#include "net/pace.h"
#include "peer/sink.h"
#include "store/ledger.h"
#include "store/log.h"

#define PUSH_CALL_MAX ((size_t)4 << 20)		/* bytes of events in one call, unless one is larger */
#define PUSH_BODY_MAX ((size_t)256 << 10)	/* a larger body stands in the intent by its SHA-256 */

#define PUSH_UNKNOWN "unknown-outcome"	/* cause.code: the call may have been applied, nobody can tell */

/* Values in push.settled besides an offset into early. */
#define PUSH_LOADED UINT64_MAX		/* loaded from the log to settle an intent, not ended yet */
#define PUSH_QUEUED (UINT64_MAX - 1)	/* such a one that came to us by the pipe since */

enum push_verdict { PUSH_SEND, PUSH_UNCHANGED, PUSH_SUPERSEDED, PUSH_BAD,
	PUSH_LATER	/* a newer one of this round overtakes it: decided when that has its end */ };

/* One event in our hands.  Its buffers are used again for a later one. */
struct push_item {
	char *line;		/* as it came, owned */
	size_t n, line_cap;
	uint64_t place, seq;
	int64_t etime;
	uint64_t key;		/* hash of its order key */
	uint64_t name;		/* hash of pipeline, source, id and place */
	char *subject;		/* owned; NUL-terminated copy, behind it source, id and turn */
	size_t subject_n, source_n, id_n, turn_n, subject_cap;
	int state;		/* item.* or product.*: judged by field */
	int alone;		/* a batch with it was refused as a whole: sent by itself */
	int gone;		/* it has left */
	/* of the present round */
	enum push_verdict verdict;
	struct buf event, set;	/* what the call is made of; what the target holds then */
	int unnamed;		/* a member's name is too long for a path: it cannot be judged */
	int taken;		/* in a call of this round */
	char *pipeline;		/* of a delivery that was loaded from the log, else NULL */
};

struct push {
	struct cli *cli;
	const struct push_opts *o;
	struct filter f;
	struct log *log;
	struct ledger *ledger;
	struct sink *sink;
	int lock;		/* of the target */
	struct push_item *q;	/* in the order they came; those from n on are spare */
	size_t n, cap;
	size_t bytes;		/* of their lines */
	int64_t since;		/* monotonic: when q began to fill */
	struct hash_map failed;	/* order keys that failed in this turn -> the place */
	struct hash_map settled;	/* names settled at the start -> index of their line in early */
	struct buf early;	/* outcome lines, one behind the other, '\n' between */
	struct pace_breaker breaker;
	uint64_t attempts;
	int64_t retry_for, retry_base, retry_cap, give_up, retention;
	int64_t ill_since;	/* monotonic; 0: the peer is well */
	int well;		/* a call of this round went through */
	int unsettled;		/* an intent of ours is open: the lock is kept until it is settled */
	char ill_why[400];
	enum outcome_class ill_class;
	struct json_mem mem, mem2;
	struct buf tmp, lines, out;
	size_t lines_at;	/* in lines: the count of the settled line put last */
	uint32_t *lens;
	size_t nlens, caplens;
	struct buf ends;	/* outcome lines of a batch: {name, bad} pairs in order */
};

/* push_item.c */
/* pipeline: whose delivery it is ("-" none).  it is all zeros, or was emptied. */
int push_item_take(struct push *p, const struct event *ev, struct json_span pipeline, struct push_item *it,
    struct ss_err *err);
uint64_t push_item_name(struct json_span pipeline, struct json_span source, struct json_span id, uint64_t place);
void push_item_free(struct push_item *it);
/* Empty it, for another event. */
void push_item_empty(struct push_item *it);
/* Decide for each of the n items what of it is left to send; fills verdict,
 * event and set.  Items with taken == 0 are passed over. */
int push_item_prepare(struct push *p, struct push_item **v, size_t n, struct ss_err *err);

/* push_call.c: calls, their intents, their ends. */
struct push_call {
	struct sink_call c;
	struct push_item **items;
	struct json_span *subjects, *events;
};
int push_call_make(struct push *p, struct push_call *k, struct push_item **items, size_t n, struct ss_err *err);
void push_call_free(struct push_call *k);
/* ss.intent lines of the calls, durable. */
int push_call_intend(struct push *p, struct push_call *k, size_t n, struct ss_err *err);
/* Judge what became of a call: its settled line and outcomes are collected;
 * push_call_flush() writes them, durable, and hands the outcomes on. */
int push_call_conclude(struct push *p, struct push_call *k, struct ss_err *err);
int push_call_flush(struct push *p, struct ss_err *err);
/* An outcome for one item, collected for push_call_flush(). */
int push_call_end_item(struct push *p, struct push_item *it, struct outcome *o, struct ss_err *err);
/* Collect a failure: failed with a time to try again, or dead. */
int push_call_fail_item(struct push *p, struct push_item *it, enum outcome_class class, int retry,
    const char *code, const char *message, int64_t ms, struct ss_err *err);

/* push_settle.c: intents that somebody left open. */
int push_settle_open(struct push *p, struct ss_err *err);

#endif /* !SS_FLOW_PUSH_INTERNAL_H */
