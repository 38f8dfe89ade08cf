#ifndef SS_EVENT_FILTER_H
#define SS_EVENT_FILTER_H

#include "base/err.h"
#include "event/event.h"
#include "event/line.h"
#include "event/out.h"
#include "event/outcome.h"

struct clock;
struct uuid_gen;

/*
 * The loop that all filters share (design 3).  It reads lines from fd 0, gives
 * to event() what is for this filter, passes everything else on at once, and
 * keeps the law of accounts: every event given to event() leaves once, by
 * filter_pass() or by one outcome; what has not left when end() returns is a
 * bug (exit 5).  Output is flushed before input is waited for.
 *
 * Under ss-run ($SS_PIPELINE is set) only lines that carry that label and an
 * ssseq are for the filter; without it every event is.  ss. lines never are.
 * ss.end: end() is called, then the line is passed on and flushed.
 */
struct filter;

struct filter_ops {
	/* One event; ev is valid during the call only. */
	int (*event)(void *ctx, struct filter *f, const struct event *ev, struct ss_err *err);
	/* Input would block: get done what can be done (may be NULL). */
	int (*drain)(void *ctx, struct filter *f, struct ss_err *err);
	/* ss.end or end of input: nothing may stay behind. */
	int (*end)(void *ctx, struct filter *f, struct ss_err *err);
	/* An ss. line passes by (may be NULL); it is passed on after the call. */
	int (*other)(void *ctx, struct filter *f, const struct event *ev, struct ss_err *err);
};

struct filter {
	const char *stage;		/* "diff"; source of its outcomes is "ss-diff" */
	const char *pipeline;		/* $SS_PIPELINE, or NULL */
	const char *target;		/* for outcomes, may be NULL */
	const struct clock *clock;
	struct uuid_gen *uuid;
	struct line_reader in;
	struct out out;
	struct json_mem mem;
	/* of the line at hand; here, and not on the stack, where both would be
	 * cleared for every line */
	struct event ev;
	struct ss_err why;
	struct buf scratch, scratch2;
	uint64_t seen, passed, ended, rejected;
	uint64_t bad;			/* failed, parked, dead: exit 3 */
	int stopped;			/* filter_stop() was called */
	int faulty;			/* a bug of our own: an end that is a crash */
	int saw_end;			/* an ss.end came by */
	/* the open range */
	struct {
		enum event_type type;
		uint64_t first, last, n;
		enum outcome_class class;
		const char *code;
	} range;
};

/* clock and uuid are borrowed. */
void filter_init(struct filter *f, const char *stage, const char *target, const struct clock *clock,
    struct uuid_gen *uuid);
/* Runs until end of input.  Returns SS_EXIT_OK, _OPEN (some events failed or were
 * rejected), _AGAIN or _DAMAGE; err.text is set for what should be printed. */
enum ss_exit filter_run(struct filter *f, const struct filter_ops *ops, void *ctx, struct ss_err *err);
void filter_free(struct filter *f);

/* The event leaves as itself, with edits and this stage added to ssstages. */
int filter_pass(struct filter *f, const struct event *ev, const struct event_edit *edits, size_t n, struct ss_err *err);
/* The event leaves by this outcome.  o->stage, pipeline, target are filled in
 * where NULL. */
int filter_end(struct filter *f, const struct event *ev, struct outcome *o, struct ss_err *err);
/* An outcome line that was made and stored elsewhere (ss-push) leaves: line
 * without newline; bad counts as exit 3. */
int filter_end_line(struct filter *f, const char *p, size_t n, int bad, struct ss_err *err);
/* The event leaves by an outcome that may stand for a run of neighbours
 * (unchanged, superseded, filtered, routed).  Live turns with a place only;
 * others get a line each. */
int filter_end_range(struct filter *f, const struct event *ev, enum event_type type, enum outcome_class class,
    const char *code, struct ss_err *err);
/* The same by place alone, for a filter that kept only the place. */
int filter_end_place(struct filter *f, uint64_t place, enum event_type type, struct ss_err *err);
/* A line besides: a new event, ss.known. */
int filter_extra(struct filter *f, const char *p, size_t n, struct ss_err *err);
/* The filter cannot go on (a peer is down): an ss.stop line says why, what is
 * held stays open without a line, filter_run() returns SS_EXIT_AGAIN. */
int filter_stop(struct filter *f, enum outcome_class class, const char *code, const char *message, struct ss_err *err);
/* What a program does when its filter cannot begin or go on because of *err, and
 * what filter_run() does itself: under ss-run an end with SS_EXIT_AGAIN, _USAGE or
 * _DAMAGE, which says nothing about the events, is told of by ss.stop, so that it is
 * not taken for a crash over them; data.exit is its code where that is not 4.  A
 * violation of the law of accounts stays a crash.  The answer is the exit code; *err stays as it is. */
enum ss_exit filter_fail(struct filter *f, const struct ss_err *err);
/* 1 if this turn's events are numbered and live, so that ranges may be used. */
int filter_can_range(const struct filter *f, const struct event *ev);

#endif /* !SS_EVENT_FILTER_H */
