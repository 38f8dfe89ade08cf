#ifndef SS_FLOW_RUN_INTERNAL_H
#define SS_FLOW_RUN_INTERNAL_H

/* Shared by run*.c only. */

#include <signal.h>
#include <sys/types.h>

#include "base/hash.h"
#include "event/line.h"
#include "event/out.h"
#include "event/outcome.h"
#include "flow/record.h"
#include "flow/run.h"
#include "store/ledger.h"
#include "store/log.h"

#define RUN_ATTEMPTS 8		/* then dead (design 3) */
#define RUN_TURNS 8		/* so often one run feeds what comes back at once */
#define RUN_CRASHES 2		/* so many deaths over the same work: one event at a time */
#define RUN_COMMIT_BYTES ((size_t)1 << 20)
#define RUN_POLL_MS 500		/* --follow: look for what other processes stored */

/* One exception that may be fed in this turn. */
struct run_due {
	uint64_t place, seq, attempt, replay;
	int force, mode;	/* EVENT_DUE or EVENT_REPLAY */
	int answered;		/* a line came back for it */
	uint64_t turns;		/* so often it came back at once in this run, this turn with it */
};

/* Reads lines of the log at rising places.  Those below sure were durable when
 * it was set on its place: what was read ahead of them holds. */
struct run_reader {
	struct log_cursor *cursor;
	uint64_t next, sure;
};

/* What happens with the deliveries of one pipeline within one turn. */
struct run {
	struct cli *cli;
	const struct run_opts *o;
	struct log *log;
	struct ledger *ledger;
	struct record in;	/* standard input -> log */
	struct record back;	/* the script's output -> log */
	struct line_reader stdin_r;
	struct out stdout_o;
	int stdin_open;
	int lock;		/* the worker's lock, -1 */
	/* the script */
	pid_t pid;		/* 0: not running */
	int to, from;		/* its stdin and stdout */
	struct line_reader script_r;
	struct buf feed;	/* bytes to write to it, from feed_at */
	size_t feed_at;
	int status;		/* of waitpid, once it ended */
	int killed;		/* it was told to end, by us */
	int fresh;		/* started in this turn */
	/* it ended between two turns with this status; 0 nothing to tell */
	int between;
	int told;		/* the status that was told last */
	enum ss_exit failed_exit;	/* what its failures after ss.end come to */
	int late;		/* ss.end is back and its input closed: what comes is late */
	uint64_t late_lines, late_rounds;	/* late lines; ends of the script that brought new events */
	int saw_end, saw_stop;
	int64_t heard_at;	/* monotonic: when something last went in or came out */
	char stop_why[400];
	enum ss_exit stop_exit;	/* what stop_why comes to; SS_EXIT_OK without it */
	/* the turn */
	uint64_t turn;
	struct run_due *due;
	size_t ndue, capdue, next_due;
	struct hash_map exc;	/* places with a row (value 1), so that live feeding passes them over */
	struct hash_map again;	/* exceptions fed in this run; run_plan.c */
	uint64_t worn;		/* due, but fed RUN_TURNS times: left to the next run */
	struct hash_map held;	/* order keys with an open exception -> lowest such place */
	uint64_t live_from, live_next, live_end;	/* live places: fed up to next */
	uint64_t live_first, live_last;	/* fed live in this turn, 0 none */
	/* what the script died over so often, first to last, 0 none: these places
	 * are fed alone */
	uint64_t alone_first, alone_last;
	uint64_t fed_turn;	/* fed in this turn */
	int one;		/* exactly one event is fed in this turn */
	uint64_t one_place;
	struct log_cursor *cursor;
	struct run_reader opening, events;	/* lines that opened deliveries; their events */
	struct json_mem mem, mem2;
	/* of the line that came out of the script: here, so that they are not
	 * cleared for each */
	struct event back_ev;
	struct ss_err bad;
	struct event other;
	int looked_up;		/* new events of this turn that were compared with what was fed */
	struct buf line, event;
	int64_t started, deadline;
	int fed_all, sent_end;
	int64_t commit_at;	/* monotonic: outcomes waiting since */
	uint64_t fed, done, dead, failed, parked, dropped;
	int stopping;		/* SIGTERM came */
	int sigfd;
	int peer_down;		/* the script stopped in order: something must recover first */
};

/* run_script.c */
int run_script_start(struct run *r, struct ss_err *err);
/* 1 when it is not running; its status is then in r->status. */
int run_script_ended(struct run *r);
/* Close its input, wait for its end; kill it after grace_ms.  What it still
 * writes is lost. */
void run_script_stop(struct run *r, int64_t grace_ms);

/* run.c */
void run_check_signals(struct run *r);
/* Take from standard input what is there without waiting; commit when it pauses.
 * 1 at its end, 0, -1. */
int run_read_input(struct run *r, struct ss_err *err);

/* run_turn.c */
/* Store what waits, after what stands before it on standard output is written. */
int run_turn_commit(struct run *r, struct ss_err *err);
/* Turn after turn while there is work that is due soon enough; then the script
 * has ended. */
int run_work(struct run *r, struct ss_err *err);
/* Wait until a signal or, with --follow, standard input, at most ms. */
void run_wait(struct run *r, int64_t ms);

/* run_plan.c */
/* Begin a turn: look which exceptions are due now, and how far the log goes. */
int run_plan(struct run *r, struct ss_err *err);
/* d is fed: from now on its turns in this run are counted.  -1 without memory. */
int run_plan_fed(struct run *r, const struct run_due *d);
/* When the next exception falls due (ms, wall clock), 0 none. */
int run_plan_next_due(struct run *r, int64_t *due, struct ss_err *err);

/* run_feed.c */
/* Put more into r->feed, some hundred KiB at most; sets fed_all. */
int run_feed_more(struct run *r, struct ss_err *err);

/* run_line.c */
/* The line of a delivery as the script gets it: our label alone, its turn, its
 * place where that is not the event's own (seq).  Appended to out without
 * newline.  1; 0 when the event is gone from the log; -1. */
int run_line_make(struct run *r, uint64_t place, uint64_t seq, uint64_t attempt, uint64_t replay, int mode, int force,
    struct buf *out, struct ss_err *err);
/* Parse the delivery at place anew into r->line, for an outcome of our own about
 * it.  1, 0 when its event is gone (ev is then the opening line itself), -1. */
int run_line_load(struct run *r, uint64_t place, uint64_t attempt, struct event *ev, struct ss_err *err);
/* The same, its opening line being at hand. */
int run_line_have(struct run *r, const struct log_line *line, uint64_t attempt, struct event *ev, struct ss_err *err);
/* Is a call open (ss.intent without ss.settled) that names the delivery?  Then
 * nobody knows whether it was applied.  1, 0, -1. */
int run_line_unsettled(struct run *r, uint64_t place, struct ss_err *err);
/* Give up a delivery without asking the script.  While a call for it is open the
 * cause is that its outcome is unknown, whatever class and code say. */
int run_line_dead(struct run *r, uint64_t place, uint64_t attempt, enum outcome_class class, const char *code,
    const char *message, struct ss_err *err);

/* run_lost.c */
/* Deliveries that were fed in this turn and have no line yet: 1, 0 none, -1. */
int run_lost_any(struct run *r, struct ss_err *err);
/* ss.end came back: deliveries that were fed in this turn and got no line. */
int run_lost_dropped(struct run *r, struct ss_err *err);
/* The script died over them: count it, or end the one that was alone. */
int run_lost_died(struct run *r, struct ss_err *err);

/* run_take.c: one line of the script's output. */
int run_take_line(struct run *r, const struct line *l, int kind, struct ss_err *err);

/* Store an outcome of our own for a delivery; commits when much waits. */
int run_outcome(struct run *r, const struct event *ev, struct outcome *o, struct ss_err *err);
/* ms until attempt n + 1 */
int64_t run_delay(struct run *r, uint64_t attempt);

#endif /* !SS_FLOW_RUN_INTERNAL_H */
