#ifndef SS_CRASH_MODEL_H
#define SS_CRASH_MODEL_H

/* Shared by the parts of crash-model; model.c says what it is. */

#include <stdint.h>

#include "event/event.h"

enum { A, B, PIPES };
enum { EVENTS = 3, KEYS = 2, SLOTS = 5, INTENTS = 4, INSTANCES = 4, TAIL = 8, PIPE1 = 10, PIPE2 = 8, FULL = 2 };

#define FAULTS(X) \
	X(NONE, "none", "") \
	X(ACK_BEFORE_SYNC, "ack-before-sync", "input is acknowledged when it is written, not when it is durable") \
	X(SETTLE_FIRST, "settle-before-outcome", "ss.settled and the outcomes in two writes") \
	X(TORN_SETTLED, "torn-settled-first", "one write, ss.settled first, of which a cut may leave a part") \
	X(TORN_OUTCOME, "torn-outcome-first", "the same with ss.settled as its last line") \
	X(NO_INTENT, "no-intent", "the call is made without a durable intent") \
	X(NEW_KEY, "new-key", "an open intent is settled by a call with another key") \
	X(RANGE, "range-too-far", "a range goes on over a place that was not fed") \
	X(HELD, "feed-past-held-key", "ss-run feeds other types past an open row of their key") \
	X(REPLAY, "replay-keeps-old-open", "ss.replay does not take an open delivery over") \
	X(EARLY, "superseded-early", "the older of a round ends before the newer was applied") \
	X(STALE, "no-stale-check", "ss-push does not look whether newer values were sent") \
	X(UNDER_WAY, "ignore-under-way", "ss-diff does not look what is under way") \
	X(WAKEUP, "no-second-look", "ss-run does not look again after it let the lock go") \
	X(ROUTE, "route-in-two-lines", "routing opens there and ends here by two writes") \
	X(LOOKUP, "lookup-race", "an id is looked up before the append lock is taken") \
	X(NO_OPEN_CHECK, "no-open-check", "ss-push takes for open what it was fed") \
	X(EARLY_KEPT, "early-kept", "ss-push hands on for ever what it settled at its start") \
	X(FOREIGN, "fail-for-another", "settling another pipeline's intent fails its deliveries") \
	X(AHEAD, "ledger-ahead", "the ledger applies what is not durable")
#define FAULT_ENUM(id, name, text) F_##id,
enum fault { FAULTS(FAULT_ENUM) FAULT_COUNT };
#undef FAULT_ENUM

struct options {
	enum fault fault;
	int other;		/* x's events are of a type that is not state: strictly in order */
	int shared;		/* B delivers to A's target */
	int accept;		/* 2 comes to B as a known event, else A routes it there */
	int held;		/* the target holds 0's and 2's values from the start */
	int crashes, refusals, unknown, replays;
};
extern struct options opt;

/* ---- the state ---- */

/* A delivery: nothing; open and not looked at yet; taken over by a replay; ended by
 * another pipeline's ss-push, which settled its intent; or the last outcome it had
 * (failed and parked ones are open). */
enum { ST_NONE = 0, ST_ELSEWHERE = 13, ST_REPLACED = 14, ST_OPEN = 15, NOBODY = 7 };

/* A line of the log, or one in a pipe; kind is enum event_type, 0 an event. */
typedef uint16_t line;
#define LINE(kind, p, a, b, mask) \
	((line)((unsigned)(kind) | (unsigned)(p) << 4 | (unsigned)(a) << 5 | (unsigned)(b) << 8 | (unsigned)(mask) << 11))
#define KIND(l) ((enum event_type)((l) & 15u))
#define PIPE(l) ((l) >> 4 & 1u)
#define FIRST(l) ((l) >> 5 & 7u)
#define LAST(l) ((l) >> 8 & 7u)
#define MASK(l) ((l) >> 11 & 31u)

_Static_assert((int)EVENT_PARKED < (int)ST_ELSEWHERE && EVENT_REPLAYED <= 15 && EVENT_CURSOR <= 15, "kinds have 4 bits");

/* Pipe entries that are no line: a place to work on, the end of a turn. */
#define P_SLOT(s) LINE(EVENT_OTHER, 0, s, 0, 0)
#define P_END LINE(EVENT_CURSOR, 0, 0, 0, 0)

enum { GAP1 = 8, END1 = 9 };

enum { I_IDLE, I_APPEND, I_ACK, I_LOCK, I_WORK, I_LOOK };
enum { R_NONE, R_PLAN, R_EXCHANGE, R_NOTHING };
enum { D_DEAD, D_ALIVE };
enum { P_DEAD, P_IDLE, P_QUIET, P_INTEND, P_CALL, P_CONCLUDE, P_OUTCOMES };
enum { REPLY_OK, REPLY_REFUSED, REPLY_DEAD, REPLY_ILL };

struct worker {
	uint8_t owner;			/* instance + 1; 0: its ss-run is gone */
	uint8_t run;
	uint8_t n1, n2, n3;
	uint8_t q1[PIPE1];		/* ss-run to first filter: slots, GAP1, END1 */
	line q2[PIPE2], q3[PIPE2];	/* to ss-push; to ss-run */
	/* the first filter */
	uint8_t filter, begun;
	line range;			/* that is being collected, 0 none */
	uint8_t held;			/* keys with an open row or intent when the turn began */
	uint8_t held_from[KEYS];	/* lowest slot of such a row; 0 also for an intent */
	uint8_t snap_known[KEYS], snap_open;
	uint8_t sent[KEYS];		/* slot + 1 that was let through, NOBODY + 1: several */
	/* ss-push */
	uint8_t push, settling;
	uint8_t q[4], nq;
	uint8_t failed[KEYS];		/* slot + 1 */
	uint8_t early;			/* slots settled before they came */
	uint8_t quiet, quiet_how;	/* slots to end without a call, and how (2 bits each) */
	uint8_t batch;			/* slots of the call */
	uint8_t intent;			/* index + 1 */
	uint8_t reply, reply_slot;
};

struct state {
	/* the ledger of all that is durable */
	uint8_t st[PIPES][SLOTS];	/* outcome | event << 4 */
	uint8_t behind[PIPES][SLOTS];
	uint8_t due[PIPES];		/* failed ones whose time has come */
	uint8_t n[PIPES], opened[PIPES], ended[PIPES], replaced[PIPES];
	uint8_t known[PIPES][KEYS];	/* by target: event + 1 */
	uint8_t intents;		/* open */
	/* written, not synced */
	uint8_t ntail, ahead;
	uint8_t glue;			/* lines of the tail that stay or go with the one before */
	line tail[TAIL];
	/* intents that anybody may still speak of */
	struct { uint8_t used, pipe, slots, flying, applied, how, slot; } it[INTENTS];
	uint8_t target_lock[PIPES];	/* pipe + 1 */
	/* the peers */
	uint8_t value[PIPES][KEYS];	/* event + 1 */
	uint8_t applied[PIPES];		/* slots whose call had its effect */
	/* processes */
	uint8_t ipc[INSTANCES], seen[INSTANCES], saw[INSTANCES];
	uint8_t acked;			/* by event: 0..2; bit 3: 2 for B */
	uint8_t again;			/* pipelines whose last run was cut short */
	struct worker w[PIPES];
	/* what may still happen */
	uint8_t crashes, refusals, unknown, replays;
	uint8_t row;			/* that B's event needs: 0 not asked yet, 1 there, 2 too late, 3 missing */
	uint8_t bad;			/* enum bad */
};

#define BADS(X) \
	X(FINE, "") \
	X(LOST, "an acknowledged event is not in the log") \
	X(TWICE, "a delivery ended twice") \
	X(AFTER_END, "a delivery failed or was parked after its end") \
	X(ACCOUNTS, "opened is not ended + replaced + open") \
	X(RANGE, "a range ended a delivery that did not end so") \
	X(OPENED_AGAIN, "a delivery was opened more often than the event was brought and replayed") \
	X(TWO_OPEN, "a replay left the older delivery open") \
	X(STORED_TWICE, "an event was stored twice") \
	X(EFFECT_TWICE, "a delivery's call had its effect twice") \
	X(TWO_INTENTS, "a second intent for a key while one is open") \
	X(NO_INTENT, "a call had its effect without a durable intent") \
	X(ORDER, "an event was sent before an earlier one of its key had ended") \
	X(DROPPED, "the script gave no line for a delivery") \
	X(AHEAD, "the ledger knows lines that the log has lost") \
	X(OPEN_INTENT, "at rest: an intent is open") \
	X(UNFINISHED, "at rest: an open delivery has neither an end nor a row") \
	X(VALUE, "at rest: the peer does not hold the newest value") \
	X(KNOWN, "at rest: what is known of the peer is not what it holds") \
	X(STUCK, "no way leads to rest with every delivery ended") \
	X(FULL, "the model is too small for this") \
	X(TOO_MANY, "more states than --max-states")
#define BAD_ENUM(id, text) B_##id,
enum bad { BADS(BAD_ENUM) };
#undef BAD_ENUM

/* ---- steps ---- */

enum who { W_I0, W_I1, W_I2, W_REPLAY, W_RUN_A, W_RUN_B, W_FILTER_A, W_FILTER_B, W_PUSH_A, W_PUSH_B, W_PEER, W_WORLD };
#define VERBS(X) \
	X(START, "") X(LOOKS_UP, "looks up what it brings") X(STORES, "stores what it brings, durable, acknowledges it") \
	X(ACKS, "writes what it brings, acknowledges it") \
	X(LEAVES, "finds the lock taken and leaves") \
	X(PLANS, "plans and feeds a turn") X(PLANS_DUE, "plans and feeds a turn, failed ones are due") \
	X(PARKS, "parks what waits behind another") X(GIVES_UP, "gives up what waited too long") \
	X(COMMITS, "stores what came back, durable") X(ENDS_TURN, "sees the end of the turn") \
	X(SCRIPT_GONE, "sees its script gone, exit 4") X(NOTHING, "finds nothing to do") X(LETS_GO, "lets the lock go") \
	X(LOOKS_AGAIN, "looks again: more work") X(EXITS, "looks again: done") \
	X(UNCHANGED, "ends slot %u unchanged") X(UNCHANGED_NOW, "ends slot %u unchanged, by what is known now") \
	X(ROUTES, "routes slot %u") X(PASSES, "lets slot %u through") X(WANTS_ROW, "parks slot %u: its row is missing") \
	X(PASSES_END, "passes the end of the turn on") X(EOF_EXIT, "has no more input, exits") \
	X(BROKEN_PIPE, "writes into a broken pipe, dies") \
	X(ROUND, "takes the target's lock, catches up, chooses") \
	X(QUIET, "stores ends without a call, durable") X(INTENDS, "stores the intent, durable") \
	X(REPLY, "calls, gets the reply") X(NO_REPLY, "calls, it is applied, gets no reply") \
	X(NO_REPLY_STOP, "calls, it is applied, gets no reply and stops, exit 4") \
	X(SETTLED, "stores outcomes and settled, durable") X(OUTCOMES, "stores the outcomes, durable") \
	X(APPLIES, "applies the call that came late") \
	X(REFUSED, "calls, is refused slot %u for now") X(REFUSED_DEAD, "calls, is refused slot %u for good") \
	X(ILL, "calls, the peer is ill and does nothing") X(DROPS, "never gets the call") X(KILLED, "is killed") \
	X(KILLED_CALLING, "calls and is killed") X(KILLED_WRITING, "is killed, %u of its lines written") \
	X(CUT, "the power is cut, %u lines of the tail are left") X(ROW_COMES, "the missing row comes") \
	X(TOO_LATE, "the deadline of what is parked passes") X(REPLAYS, "ss.replay of A's slot %u, durable") \
	X(REPLAYS_B, "ss.replay of B's slot %u, durable") X(SYNCS, "syncs at last")
#define VERB_ENUM(id, text) V_##id,
enum verb { VERBS(VERB_ENUM) };
#undef VERB_ENUM

/* ledger.c */
unsigned key_of(unsigned event);
int is_other(unsigned event);
unsigned target_of(unsigned pipe);
unsigned status(const struct state *s, unsigned p, unsigned slot);
unsigned event_at(const struct state *s, unsigned p, unsigned slot);
int is_open(const struct state *s, unsigned p, unsigned slot);
int taken_away(const struct state *s, unsigned p, unsigned slot);
int has_row(const struct state *s, unsigned p, unsigned slot);
void bad(struct state *s, enum bad why);
void sync_log(struct state *s);
void write_log(struct state *s, const line *v, unsigned n);

/* crash.c */
void emit(struct state *s, enum who who, enum verb verb, unsigned arg);
void dead_filter(struct worker *w);
void dead_push(struct state *s, unsigned p);
void dead_run(struct state *s, unsigned p);
unsigned pipe_of_instance(unsigned i);
void cut(const struct state *from, unsigned keep);
void kill_one(struct state *s, enum who who);
void glue(struct state *s, unsigned n);
void append_how(const struct state *from, enum who who, enum verb verb, const line *v, unsigned n,
    void (*then)(struct state *s, enum who who), int whole);
void append(const struct state *from, enum who who, enum verb verb, const line *v, unsigned n,
    void (*then)(struct state *s, enum who who));
void crashes(const struct state *from);

/* run.c */
unsigned brings(unsigned i);
int lock_free(const struct state *s, unsigned p);
int open_without_row(const struct state *s, unsigned p);
int rows(const struct state *s, unsigned p);
int running(const struct state *s, unsigned p);
int wanted(const struct state *s, unsigned i);
void instance(const struct state *from, unsigned i);
void let_go(const struct state *from, unsigned p);
void plan(const struct state *from, unsigned p);
void exchange(const struct state *from, unsigned p);

/* filter.c */
void drain(struct state *s, unsigned p);
void filter(const struct state *from, unsigned p);

/* push.c */
void quiet(struct worker *w, unsigned slot, unsigned how);
void apply(struct state *s, unsigned k, unsigned refused);
void reply(const struct state *from, unsigned p, unsigned how, unsigned slot, enum verb verb);
void call(const struct state *from, unsigned p);
void push(const struct state *from, unsigned p);

/* rest.c */
void peer(const struct state *from, unsigned k);
void replay(const struct state *from);
void successors(const struct state *s);
int at_rest(const struct state *s);
int all_ended(const struct state *s);
void check_rest(struct state *s);

/* model.c */
void found(const struct state *s, enum who who, enum verb verb, unsigned arg);
int number(const char *s, long max, long *out);

#endif /* !SS_CRASH_MODEL_H */
