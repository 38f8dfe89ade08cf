/*
 * crash-model - every interleaving of the delivery protocol, tried
 *
 * An explicit-state model checker: breadth first, all states kept, so that a
 * trace is a shortest one.  The model is of design 3 and 6 as lib/flow and
 * lib/store carry them out:
 *
 *   log      what is durable is held as what the ledger makes of it (fold());
 *            behind it a tail that is written but not synced.  A catch-up syncs
 *            first, so the ledger never knows more than the disk holds.
 *   ss-run   stores its input and acknowledges it; takes the pipeline's lock;
 *            plans (due rows, then open places in order), feeds, stores what
 *            comes back; when nothing is left lets go and looks once more.  Two
 *            for pipeline A (the second brings one event and mostly finds the
 *            lock taken), one for B, and ss-replay, which is one more.
 *   script   A: a filter that routes and compares like ss-diff, then ss-push;
 *            B: one that parks like ss-lookup, then ss-push.  Pipes between.
 *   ss-push  per round: the target's lock, catch-up, settle open intents, choose
 *            and compare, intent, call, outcomes and settled in one write.
 *   peer     applies a key once; may refuse, be ill once, or lose its reply.
 *   crash    any process killed at any step, or a power cut that takes all of
 *            them and any part of the tail; lines may be cut off within a write.
 *
 * Three events: 0 and 1 of key x (1 is newer by its time), 2 of key y.
 *
 * What is taken together, and why nothing is lost by it.  (a) An append and the
 * sync behind it are one step with these ends: done; the writer killed with any
 * part of its lines in the tail; the power cut with any part of the tail on
 * disk.  What others do between the two could as well be done before or after:
 * they see the lines only by syncing them.  (b) Reading a pipe is no step: who
 * waits gets what comes; a kill may take what the killed one had not flushed,
 * any part of it, from the pipe behind it.  (c) ss-run feeds a turn at once; a
 * kill takes any part that was not read.
 *
 * Assumed of the network: a call whose sender died is not carried out after the
 * same call was made again.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xxhash.h>

#include "event/event.h"

enum { A, B, PIPES };
enum { EVENTS = 3, KEYS = 2, SLOTS = 5, INTENTS = 4, INSTANCES = 4, TAIL = 8, PIPE1 = 10, PIPE2 = 8, FULL = 2 };

/* ---- what can be chosen ---- */

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
#define FAULT_NAME(id, name, text) { name, text },
static const struct { const char *name, *text; } faults[] = { FAULTS(FAULT_NAME) };
#undef FAULT_NAME

static struct {
	enum fault fault;
	int other;		/* x's events are of a type that is not state: strictly in order */
	int shared;		/* B delivers to A's target */
	int accept;		/* 2 comes to B as a known event, else A routes it there */
	int held;		/* the target holds 0's and 2's values from the start */
	int crashes, refusals, unknown, replays;
} opt = { .crashes = 2, .refusals = 1, .unknown = 1, .replays = 1 };

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

/* Pipe entries that are no line: a place to work on, a gap, the end of a turn. */
#define P_SLOT(s) LINE(EVENT_OTHER, 0, s, 0, 0)
#define P_GAP LINE(EVENT_STATE, 0, 0, 0, 0)
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
#define BAD_TEXT(id, text) text,
static const char *const bads[] = { BADS(BAD_TEXT) };
#undef BAD_TEXT

static unsigned
key_of(unsigned event)
{
	return event == 2;
}

static int
is_other(unsigned event)
{
	return opt.other && event < 2;
}

static unsigned
target_of(unsigned pipe)
{
	return opt.shared ? A : pipe;
}

static unsigned
status(const struct state *s, unsigned p, unsigned slot)
{
	return s->st[p][slot] & 15u;
}

static unsigned
event_at(const struct state *s, unsigned p, unsigned slot)
{
	return (unsigned)s->st[p][slot] >> 4;
}

static int
is_open(const struct state *s, unsigned p, unsigned slot)
{
	unsigned st = status(s, p, slot);

	return st == ST_OPEN || st == EVENT_FAILED || st == EVENT_PARKED;
}

/* It left its own pipeline's hands while that may have been at it: the second end
 * that it then has is counted and changes nothing. */
static int
taken_away(const struct state *s, unsigned p, unsigned slot)
{
	unsigned st = status(s, p, slot);

	return st == ST_REPLACED || st == ST_ELSEWHERE;
}

static int
has_row(const struct state *s, unsigned p, unsigned slot)
{
	return status(s, p, slot) == EVENT_FAILED || status(s, p, slot) == EVENT_PARKED;
}

static void
bad(struct state *s, enum bad why)
{
	if (s->bad == B_FINE)
		s->bad = (uint8_t)why;
}

/* ---- the ledger: one durable line more ---- */

static void
open_slot(struct state *s, unsigned p, unsigned event)
{
	unsigned i, same = 0;

	if (s->n[p] == SLOTS) {
		bad(s, B_FULL);
		return;
	}
	for (i = 0; i < s->n[p]; i++)
		same += event_at(s, p, i) == event;
	if (same > (unsigned)opt.replays - s->replays)
		bad(s, B_OPENED_AGAIN);
	s->st[p][s->n[p]] = (uint8_t)(ST_OPEN | event << 4);
	s->n[p]++;
	s->opened[p]++;
}

static void
set_status(struct state *s, unsigned p, unsigned slot, unsigned st)
{
	s->st[p][slot] = (uint8_t)(st | event_at(s, p, slot) << 4);
	s->behind[p][slot] = 0;
	s->due[p] &= (uint8_t)~(1u << slot);
}

static void
end_slot(struct state *s, unsigned p, unsigned slot, enum event_type how)
{
	if (how == EVENT_DELIVERED)
		s->known[target_of(p)][key_of(event_at(s, p, slot))] = (uint8_t)(event_at(s, p, slot) + 1);
	if (is_open(s, p, slot)) {
		/* which of these three it was matters to nobody */
		set_status(s, p, slot, how == EVENT_UNCHANGED || how == EVENT_SUPERSEDED ? EVENT_DELIVERED : how);
		s->ended[p]++;
	} else if (!taken_away(s, p, slot)) {
		bad(s, B_TWICE);
	}
}

static void
fold_outcome(struct state *s, line l)
{
	unsigned p = PIPE(l), i;
	enum event_type how = KIND(l);

	if (!event_type_ends(how)) {
		i = FIRST(l);
		if (is_open(s, p, i)) {
			set_status(s, p, i, how);
			s->behind[p][i] = (uint8_t)(how == EVENT_PARKED ? LAST(l) : 0);
		} else if (!taken_away(s, p, i)) {
			bad(s, B_AFTER_END);
		}
		return;
	}
	if (FIRST(l) == LAST(l)) {
		i = FIRST(l);
		end_slot(s, p, i, how);
		if (MASK(l) == 0 && status(s, p, i) == (unsigned)how)
			set_status(s, p, i, ST_ELSEWHERE);
	} else {
		/* as the ledger does: every open place from first to last */
		for (i = FIRST(l); i <= LAST(l) && i < s->n[p]; i++) {
			if (!is_open(s, p, i)) {
				if (MASK(l) & 1u << i && !taken_away(s, p, i))
					bad(s, B_TWICE);
				continue;
			}
			if (!(MASK(l) & 1u << i))
				bad(s, B_RANGE);
			end_slot(s, p, i, how);
		}
	}
	if (how == EVENT_ROUTED && opt.fault != F_ROUTE)
		open_slot(s, B, event_at(s, p, FIRST(l)));
}

static void
fold_intent(struct state *s, unsigned k)
{
	unsigned i, a, b, p = s->it[k].pipe;

	for (i = 0; i < INTENTS; i++) {
		if (i == k || !(s->intents & 1u << i) || target_of(s->it[i].pipe) != target_of(p))
			continue;
		for (a = 0; a < SLOTS; a++)
			for (b = 0; b < SLOTS; b++)
				if (s->it[i].slots & 1u << a && s->it[k].slots & 1u << b &&
				    key_of(event_at(s, s->it[i].pipe, a)) == key_of(event_at(s, p, b)))
					bad(s, B_TWO_INTENTS);
	}
	/* other types: all that stands before it has ended */
	for (b = 0; b < SLOTS; b++)
		for (a = 0; s->it[k].slots & 1u << b && is_other(event_at(s, p, b)) && a < b; a++)
			if (is_other(event_at(s, p, a)) && is_open(s, p, a))
				bad(s, B_ORDER);
	s->intents |= (uint8_t)(1u << k);
}

static void
fold_replay(struct state *s, line l)
{
	unsigned p = PIPE(l), old = FIRST(l), event = event_at(s, p, old);

	if (is_open(s, p, old) && opt.fault != F_REPLAY) {
		set_status(s, p, old, ST_REPLACED);
		s->replaced[p]++;
	}
	if (is_open(s, p, old))
		bad(s, B_TWO_OPEN);
	open_slot(s, p, event);
}

static void
fold(struct state *s, line l)
{
	unsigned p, i, open;

	switch (KIND(l)) {
	case EVENT_OTHER:
		for (p = 0; p < PIPES; p++)
			for (i = 0; i < s->n[p]; i++)
				if (event_at(s, p, i) == FIRST(l))
					bad(s, B_STORED_TWICE);
		open_slot(s, PIPE(l), FIRST(l));
		break;
	case EVENT_ACCEPTED:
		open_slot(s, PIPE(l), FIRST(l));
		break;
	case EVENT_INTENT:
		fold_intent(s, FIRST(l));
		break;
	case EVENT_SETTLED:
		s->intents &= (uint8_t)~(1u << FIRST(l));
		break;
	case EVENT_REPLAYED:
		fold_replay(s, l);
		break;
	default:
		fold_outcome(s, l);
		break;
	}
	for (p = 0; p < PIPES; p++) {
		for (i = open = 0; i < s->n[p]; i++)
			open += is_open(s, p, i) != 0;
		if (s->opened[p] != s->ended[p] + s->replaced[p] + open)
			bad(s, B_ACCOUNTS);
	}
}

/* fdatasync: all that is written is durable. */
static void
sync_log(struct state *s)
{
	unsigned i;

	for (i = 0; i < s->ntail; i++)
		fold(s, s->tail[i]);
	memset(s->tail, 0, sizeof(s->tail));
	s->ntail = s->ahead = s->glue = 0;
}

static void
write_log(struct state *s, const line *v, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		if (s->ntail == TAIL) {
			bad(s, B_FULL);
			return;
		}
		s->tail[s->ntail++] = v[i];
	}
}

/* ---- what is emitted ---- */

enum who { W_I0, W_I1, W_I2, W_REPLAY, W_RUN_A, W_RUN_B, W_FILTER_A, W_FILTER_B, W_PUSH_A, W_PUSH_B, W_PEER, W_WORLD };
static const char *const who_name[] = { "ss-run A (1)", "ss-run A (2)", "ss-run B", "ss-replay", "A: ss-run", "B: ss-run",
	"A: filter", "B: filter", "A: ss-push", "B: ss-push", "peer", "" };

#define VERBS(X) \
	X(START, "") X(LOOKS_UP, "looks up what it brings") X(STORES, "stores what it brings, durable, acknowledges it") X(ACKS, "writes what it brings, acknowledges it") \
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
#define VERB_TEXT(id, text) text,
static const char *const verb_text[] = { VERBS(VERB_TEXT) };
#undef VERB_TEXT

static void found(const struct state *s, enum who who, enum verb verb, unsigned arg);

/* Forget what nobody can speak of any more, so that equal states are equal. */
static void
tidy(struct state *s)
{
	unsigned k, p, i, used;

	for (k = 0; k < INTENTS; k++) {
		used = (s->intents & 1u << k) != 0 || s->it[k].flying;
		for (i = 0; i < s->ntail; i++)
			used |= KIND(s->tail[i]) == EVENT_INTENT && FIRST(s->tail[i]) == k;
		for (p = 0; p < PIPES; p++)
			used |= s->w[p].intent == k + 1;
		if (!used)
			memset(&s->it[k], 0, sizeof(s->it[k]));
	}
}

static void
emit(struct state *s, enum who who, enum verb verb, unsigned arg)
{
	tidy(s);
	found(s, who, verb, arg);
}

/* ---- crashes ---- */

static void
dead_filter(struct worker *w)
{
	w->filter = D_DEAD;
	w->begun = w->held = w->snap_open = 0;
	w->range = 0;
	memset(w->held_from, 0, sizeof(w->held_from));
	memset(w->snap_known, 0, sizeof(w->snap_known));
	memset(w->sent, 0, sizeof(w->sent));
	w->n1 = 0;
	memset(w->q1, 0, sizeof(w->q1));
}

static void
dead_push(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];

	if (s->target_lock[target_of(p)] == p + 1)
		s->target_lock[target_of(p)] = 0;
	w->push = P_DEAD;
	w->settling = w->nq = w->early = w->quiet = w->quiet_how = w->batch = w->intent = w->reply = w->reply_slot = 0;
	memset(w->q, 0, sizeof(w->q));
	memset(w->failed, 0, sizeof(w->failed));
	w->n2 = 0;
	memset(w->q2, 0, sizeof(w->q2));
}

static void
dead_run(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];

	if (w->owner != 0) {
		s->ipc[w->owner - 1] = I_IDLE;
		s->seen[w->owner - 1] = 0;
	}
	w->owner = 0;
	w->run = R_NONE;
	w->n3 = 0;
	memset(w->q3, 0, sizeof(w->q3));
	s->again |= (uint8_t)(1u << p);
}

static void
cut_to(line *q, uint8_t *n, unsigned keep)
{
	memset(q + keep, 0, (*n - keep) * sizeof(*q));
	*n = (uint8_t)keep;
}

static unsigned
pipe_of_instance(unsigned i)
{
	return i == W_I2 ? B : A;
}

static void
check_acked(struct state *s)
{
	unsigned e, i, p, have;

	for (e = 0; e <= EVENTS; e++) {
		if (!(s->acked & 1u << e))
			continue;
		have = 0;
		for (p = 0; p < PIPES; p++)
			for (i = 0; i < s->n[p]; i++)
				have |= event_at(s, p, i) == (e == 3 ? 2 : e) && (e == 3 ? p == B : p == A);
		for (i = 0; i < s->ntail; i++)
			have |= (KIND(s->tail[i]) == EVENT_OTHER || KIND(s->tail[i]) == EVENT_ACCEPTED) &&
			    FIRST(s->tail[i]) == (e == 3 ? 2 : e);
		if (!have)
			bad(s, B_LOST);
	}
}

/* Everything dies; keep lines of the tail were on the disk. */
static void
cut(const struct state *from, unsigned keep)
{
	struct state s = *from;
	unsigned i, p;

	if (s.glue & 1u << keep && keep < s.ntail)
		return;		/* not within a write that is whole */
	s.crashes--;
	if (s.ahead > keep)
		bad(&s, B_AHEAD);
	s.ntail = (uint8_t)keep;
	sync_log(&s);
	for (p = 0; p < PIPES; p++) {
		dead_filter(&s.w[p]);
		dead_push(&s, p);
		dead_run(&s, p);
	}
	for (i = 0; i < INSTANCES; i++) {
		s.ipc[i] = I_IDLE;
		s.seen[i] = s.saw[i] = 0;
	}
	check_acked(&s);
	emit(&s, W_WORLD, V_CUT, keep);
}

static void
kill_one(struct state *s, enum who who)
{
	unsigned p;

	switch (who) {
	case W_RUN_A:
	case W_RUN_B:
		dead_run(s, who - W_RUN_A);
		break;
	case W_FILTER_A:
	case W_FILTER_B:
		dead_filter(&s->w[who - W_FILTER_A]);
		break;
	case W_PUSH_A:
	case W_PUSH_B:
		dead_push(s, who - W_PUSH_A);
		break;
	default:
		p = pipe_of_instance(who);
		s->ipc[who] = I_IDLE;
		s->seen[who] = s->saw[who] = 0;
		s->again |= (uint8_t)(1u << p);
		break;
	}
}

/* The last n lines of the tail were one write that a crash leaves whole. */
static void
glue(struct state *s, unsigned n)
{
	unsigned i;

	for (i = s->ntail - n + 1; i < s->ntail; i++)
		s->glue |= (uint8_t)(1u << i);
}

/* Append v and sync, then go on as then() says; or do not get that far.  whole:
 * a crash leaves all of the lines or none. */
static void
append_how(const struct state *from, enum who who, enum verb verb, const line *v, unsigned n,
    void (*then)(struct state *s, enum who who), int whole)
{
	struct state s = *from;
	unsigned k;

	write_log(&s, v, n);
	sync_log(&s);
	then(&s, who);
	emit(&s, who, verb, 0);
	if (from->crashes == 0)
		return;
	for (k = whole ? n : 1; k <= n; k++) {
		s = *from;
		s.crashes--;
		write_log(&s, v, k);
		if (whole)
			glue(&s, n);
		kill_one(&s, who);
		emit(&s, who, V_KILLED_WRITING, k);
	}
	s = *from;
	write_log(&s, v, n);
	if (whole)
		glue(&s, n);
	for (k = from->ntail + 1u; k <= s.ntail; k++)
		cut(&s, k);
}

static void
append(const struct state *from, enum who who, enum verb verb, const line *v, unsigned n,
    void (*then)(struct state *s, enum who who))
{
	append_how(from, who, verb, v, n, then, 0);
}

static void
crashes(const struct state *from)
{
	struct state s;
	unsigned p, i, k;

	if (from->crashes == 0)
		return;
	for (k = 0; k <= from->ntail; k++)
		cut(from, k);
	for (i = 0; i < INSTANCES; i++)
		if (from->ipc[i] != I_IDLE && from->ipc[i] != I_WORK) {
			s = *from;
			s.crashes--;
			kill_one(&s, (enum who)i);
			emit(&s, (enum who)i, V_KILLED, 0);
		}
	for (p = 0; p < PIPES; p++) {
		const struct worker *w = &from->w[p];

		/* what a process had not flushed goes with it: any part of the pipe behind it */
		for (k = 0; w->owner != 0 && k <= w->n1; k++) {
			s = *from;
			s.crashes--;
			memset(s.w[p].q1 + k, 0, w->n1 - k);
			s.w[p].n1 = (uint8_t)k;
			kill_one(&s, (enum who)(W_RUN_A + p));
			emit(&s, (enum who)(W_RUN_A + p), V_KILLED, 0);
		}
		for (k = 0; w->filter != D_DEAD && k <= w->n2; k++) {
			s = *from;
			s.crashes--;
			cut_to(s.w[p].q2, &s.w[p].n2, k);
			kill_one(&s, (enum who)(W_FILTER_A + p));
			emit(&s, (enum who)(W_FILTER_A + p), V_KILLED, 0);
		}
		for (k = 0; w->push != P_DEAD && k <= w->n3; k++) {
			s = *from;
			s.crashes--;
			cut_to(s.w[p].q3, &s.w[p].n3, k);
			kill_one(&s, (enum who)(W_PUSH_A + p));
			emit(&s, (enum who)(W_PUSH_A + p), V_KILLED, 0);
		}
	}
}

/* ---- ss-run: storing, the lock, the second look ---- */

static unsigned
brings(unsigned i)
{
	/* bit 3: event 2, for B */
	return i == W_I0 ? 1u : i == W_I1 ? 2u | 4u : i == W_I2 && opt.accept ? 8u : 0;
}

static int
stored(const struct state *s, unsigned event)
{
	unsigned p, i;

	for (p = 0; p < PIPES; p++)
		for (i = 0; i < s->n[p]; i++)
			if (event_at(s, p, i) == event)
				return 1;
	return 0;
}

static int
accepted(const struct state *s, unsigned p, unsigned event)
{
	unsigned i;

	for (i = 0; i < s->n[p]; i++)
		if (event_at(s, p, i) == event)
			return 1;
	return 0;
}

/* Lines for what instance i brings and the log does not have. */
static unsigned
to_store(const struct state *s, unsigned i, line *v)
{
	unsigned bit, n = 0, event, p = pipe_of_instance(i);

	for (bit = 0; bit <= EVENTS; bit++) {
		event = bit == 3 ? 2 : bit;
		if (!(brings(i) & 1u << bit) || accepted(s, p, event))
			continue;
		v[n++] = LINE(stored(s, event) ? EVENT_ACCEPTED : EVENT_OTHER, p, event, 0, 0);
	}
	return n;
}

static void
then_acked(struct state *s, enum who who)
{
	s->acked |= (uint8_t)brings(who);
	s->ipc[who] = I_LOCK;
	s->saw[who] = 0;
}

/* Seeded: what it looked up before it had the append lock may be wrong by now. */
static void
store_by_old_look(const struct state *from, unsigned i)
{
	struct state s = *from, none;
	line v[4];
	unsigned n, k;

	sync_log(&s);
	if (from->ipc[i] == I_IDLE) {
		n = to_store(&s, i, v);
		s.saw[i] = (uint8_t)n;
		for (k = 0; k < n; k++)
			s.saw[i] |= (uint8_t)(KIND(v[k]) == EVENT_ACCEPTED ? 4u << k : 0);
		s.ipc[i] = I_APPEND;
		emit(&s, (enum who)i, V_LOOKS_UP, 0);
		return;
	}
	none = s;
	none.n[A] = none.n[B] = 0;
	n = to_store(&none, i, v);
	if ((s.saw[i] & 3u) < n) {
		v[0] = v[n - 1];
		n = s.saw[i] & 3u;
	}
	for (k = 0; k < n; k++)
		if (s.saw[i] & 4u << k)
			v[k] = LINE(EVENT_ACCEPTED, PIPE(v[k]), FIRST(v[k]), 0, 0);
	append(&s, (enum who)i, V_STORES, v, n, then_acked);
}

static void
store(const struct state *from, unsigned i)
{
	struct state s = *from;
	line v[4];
	unsigned n;

	if (opt.fault == F_LOOKUP) {
		store_by_old_look(from, i);
		return;
	}
	sync_log(&s);
	n = to_store(&s, i, v);
	if (opt.fault == F_ACK_BEFORE_SYNC) {
		write_log(&s, v, n);
		s.acked |= (uint8_t)brings(i);
		s.ipc[i] = I_ACK;
		emit(&s, (enum who)i, V_ACKS, 0);
		return;
	}
	append(&s, (enum who)i, V_STORES, v, n, then_acked);
}

static int
lock_free(const struct state *s, unsigned p)
{
	return s->w[p].owner == 0 && s->w[p].filter == D_DEAD && s->w[p].push == P_DEAD;
}

static int
open_without_row(const struct state *s, unsigned p)
{
	unsigned i;

	for (i = 0; i < s->n[p]; i++)
		if (status(s, p, i) == ST_OPEN)
			return 1;
	return 0;
}

static int
rows(const struct state *s, unsigned p)
{
	unsigned i;

	for (i = 0; i < s->n[p]; i++)
		if (has_row(s, p, i))
			return 1;
	return 0;
}

static int
running(const struct state *s, unsigned p)
{
	unsigned i;

	for (i = 0; i < INSTANCES; i++)
		if (s->ipc[i] != I_IDLE && pipe_of_instance(i) == p)
			return 1;
	return 0;
}

/* Must somebody run it: what it brings was not acknowledged, or the last run
 * was cut short (and for B, which cron runs: there is work). */
static int
wanted(const struct state *s, unsigned i)
{
	unsigned p = pipe_of_instance(i);

	if (brings(i) & ~s->acked & 15u)
		return 1;
	if (i == W_I0)
		return (s->again & 1u << A) != 0;
	return i == W_I2 && ((s->again & 1u << B) != 0 || open_without_row(s, B)) && lock_free(s, p);
}

static void plan(const struct state *from, unsigned p);

/* Take the pipeline's lock and plan by what is there then, or leave. */
static void
lock_pipeline(const struct state *from, unsigned i)
{
	struct state s = *from;
	unsigned p = pipe_of_instance(i);

	if (!lock_free(from, p)) {
		s.ipc[i] = I_IDLE;
		emit(&s, (enum who)i, V_LEAVES, 0);
		return;
	}
	s.ipc[i] = I_WORK;
	s.w[p].owner = (uint8_t)(i + 1);
	s.w[p].run = R_PLAN;
	s.again &= (uint8_t)~(1u << p);
	plan(&s, p);
}

static void
instance_start(const struct state *from, unsigned i)
{
	unsigned p = pipe_of_instance(i);

	if (brings(i) & ~from->acked & 15u) {
		store(from, i);
		return;
	}
	/* cron waits until the last process of the run before is gone */
	if (i == W_I1 || i == W_REPLAY || running(from, p) || !lock_free(from, p))
		return;
	/* (d): rows of A are tried again before B begins or when it is done */
	if (wanted(from, i) || (rows(from, p) && (opt.shared || p == B || (lock_free(from, B) && !running(from, B)))))
		lock_pipeline(from, i);
}

static void
instance_look(const struct state *from, unsigned i)
{
	struct state s = *from;
	unsigned p = pipe_of_instance(i), k, more = 0;

	sync_log(&s);
	for (k = s.seen[i]; k < s.n[p]; k++)
		more |= is_open(&s, p, k) != 0;
	if (opt.fault == F_WAKEUP)
		more = 0;
	s.seen[i] = 0;
	s.ipc[i] = more ? I_LOCK : I_IDLE;
	emit(&s, (enum who)i, more ? V_LOOKS_AGAIN : V_EXITS, 0);
}

static void
instance(const struct state *from, unsigned i)
{
	struct state s = *from;

	switch (from->ipc[i]) {
	case I_IDLE:
		instance_start(from, i);
		break;
	case I_APPEND:
		store(from, i);
		break;
	case I_ACK:
		sync_log(&s);
		s.ipc[i] = I_LOCK;
		emit(&s, (enum who)i, V_SYNCS, 0);
		break;
	case I_LOCK:
		lock_pipeline(from, i);
		break;
	case I_LOOK:
		instance_look(from, i);
		break;
	default:
		break;
	}
}

/* ---- ss-run: turns ---- */

static void
then_nothing(struct state *s, enum who who)
{
	(void)s;
	(void)who;
}

/* The lowest open row of slot's key that is not fed this time, or SLOTS. */
static unsigned
held_behind(const struct state *s, unsigned p, unsigned slot, unsigned due)
{
	unsigned i;

	for (i = 0; i < slot; i++)
		if (has_row(s, p, i) && !(due & 1u << i) && is_other(event_at(s, p, i)))
			return i;
	return SLOTS;
}

static unsigned
due_rows(const struct state *s, unsigned p, int failed_too)
{
	unsigned i, due = 0;

	for (i = 0; i < s->n[p]; i++) {
		if (status(s, p, i) == EVENT_FAILED && (failed_too || s->due[p] & 1u << i))
			due |= 1u << i;
		if (status(s, p, i) != EVENT_PARKED)
			continue;
		if (s->behind[p][i] != NOBODY ? !is_open(s, p, s->behind[p][i]) : s->row == 1)
			due |= 1u << i;
	}
	return due;
}

static void
start_script(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];

	if (w->filter != D_DEAD || w->push != P_DEAD)
		return;
	w->filter = D_ALIVE;
	w->push = P_IDLE;
}

static void
feed(const struct state *from, unsigned p, unsigned due, enum verb verb)
{
	struct state s = *from;
	struct worker *w = &s.w[p];
	unsigned i, gap = 0;

	for (i = 0; i < s.n[p]; i++) {
		if (due & 1u << i)
			w->q1[w->n1++] = (uint8_t)i;
		if (due & 1u << i && status(&s, p, i) == EVENT_FAILED)
			s.due[p] |= (uint8_t)(1u << i);
	}
	for (i = 0; i < s.n[p]; i++) {
		if (has_row(&s, p, i)) {
			gap = w->n1 > 0;	/* stepped over: no range may reach across */
		} else if (status(&s, p, i) == ST_OPEN) {
			if (gap && opt.fault != F_RANGE)
				w->q1[w->n1++] = GAP1;
			gap = 0;
			w->q1[w->n1++] = (uint8_t)i;
		}
	}
	w->q1[w->n1++] = END1;
	s.seen[w->owner - 1] = s.n[p];
	start_script(&s, p);
	if (w->filter == D_DEAD) {
		memset(w->q1, 0, sizeof(w->q1));	/* nobody reads it */
		w->n1 = 0;
	}
	w->run = R_EXCHANGE;
	emit(&s, (enum who)(W_RUN_A + p), verb, 0);
}

static void
nothing_to_do(const struct state *from, unsigned p)
{
	struct state s = *from;

	s.w[p].run = R_NOTHING;
	s.seen[s.w[p].owner - 1] = s.n[p];
	emit(&s, (enum who)(W_RUN_A + p), V_NOTHING, 0);
}

static void
let_go(const struct state *from, unsigned p)
{
	struct state s = *from;
	struct worker *w = &s.w[p];
	unsigned i = w->owner - 1u;

	/* the script is told, and waited for */
	dead_filter(w);
	dead_push(&s, p);
	s.ipc[i] = I_LOOK;
	w->owner = 0;
	w->run = R_NONE;
	w->n3 = 0;
	memset(w->q3, 0, sizeof(w->q3));
	emit(&s, (enum who)(W_RUN_A + p), V_LETS_GO, 0);
}

/* Lines that park what is open behind rows of its key which are not due. */
static unsigned
hold_back(const struct state *s, unsigned p, unsigned due, line *v)
{
	unsigned i, n = 0, row;

	for (i = 0; i < s->n[p] && opt.fault != F_HELD; i++) {
		if (status(s, p, i) != ST_OPEN || !is_other(event_at(s, p, i)))
			continue;
		row = held_behind(s, p, i, due);
		if (row != SLOTS)
			v[n++] = LINE(EVENT_PARKED, p, i, row, 0);
	}
	return n;
}

static void
plan_with(const struct state *s, unsigned p, unsigned due, enum verb verb)
{
	line v[SLOTS];
	unsigned n = hold_back(s, p, due, v);

	if (n > 0)
		append(s, (enum who)(W_RUN_A + p), V_PARKS, v, n, then_nothing);
	else if (due != 0 || open_without_row(s, p))
		feed(s, p, due, verb);
	else
		nothing_to_do(s, p);
}

static void
plan(const struct state *from, unsigned p)
{
	struct state s = *from;
	unsigned i, due, with;
	line l;

	sync_log(&s);
	for (i = 0; i < s.n[p]; i++)
		if (s.row == 2 && status(&s, p, i) == EVENT_PARKED && s.behind[p][i] == NOBODY) {
			l = LINE(EVENT_DEAD, p, i, i, 1u << i);
			append(&s, (enum who)(W_RUN_A + p), V_GIVES_UP, &l, 1, then_nothing);
			return;
		}
	due = due_rows(&s, p, 0);
	with = due_rows(&s, p, 1);
	plan_with(&s, p, due, V_PLANS);
	if (with != due)
		plan_with(&s, p, with, V_PLANS_DUE);
}

static void
then_read(struct state *s, enum who who)
{
	struct worker *w = &s->w[who - W_RUN_A];
	int end = w->n3 > 0 && w->q3[w->n3 - 1] == P_END;

	memset(w->q3, 0, sizeof(w->q3));
	w->n3 = 0;
	if (end)
		w->q3[w->n3++] = P_END;
}

static void
exchange(const struct state *from, unsigned p)
{
	const struct worker *w = &from->w[p];
	struct state s = *from;
	enum who me = (enum who)(W_RUN_A + p);
	unsigned n = w->n3, i;

	if (n > 0 && w->q3[n - 1] == P_END)
		n--;
	if (n > 0) {
		if (opt.fault == F_ROUTE && KIND(w->q3[0]) == EVENT_ROUTED && !s.w[p].settling) {
			/* first a line that opens it there, then the one that ends it here */
			line l = LINE(EVENT_ACCEPTED, B, event_at(from, p, FIRST(w->q3[0])), 0, 0);

			s.w[p].settling = 1;
			append(&s, me, V_COMMITS, &l, 1, then_nothing);
			return;
		}
		if (opt.fault == F_ROUTE)
			s.w[p].settling = 0;
		append(&s, me, V_COMMITS, w->q3, n, then_read);
		return;
	}
	if (w->n3 > 0) {
		sync_log(&s);
		s.w[p].n3 = 0;
		memset(s.w[p].q3, 0, sizeof(s.w[p].q3));
		for (i = 0; i < s.seen[w->owner - 1]; i++)
			if (status(&s, p, i) == ST_OPEN)
				bad(&s, B_DROPPED);
		s.w[p].run = R_PLAN;
		if (s.bad != B_FINE)
			emit(&s, me, V_ENDS_TURN, 0);
		else
			plan(&s, p);
	} else if (w->filter == D_DEAD && w->push == P_DEAD) {
		dead_run(&s, p);
		emit(&s, me, V_SCRIPT_GONE, 0);
	}
}

/* ---- the first filter of the script ---- */

/* ss-push takes what is in its pipe: passes lines on, queues events. */
static void
drain(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];
	unsigned k = 0;

	if (w->push != P_IDLE)
		return;
	while (k < w->n2 && w->nq < FULL) {
		line l = w->q2[k];

		if (l == P_END && w->nq > 0)
			break;
		k++;
		if (l == P_END)
			memset(w->failed, 0, sizeof(w->failed));
		if (KIND(l) != EVENT_OTHER) {
			/* nobody reads it when ss-run is gone */
			if (w->owner != 0 && w->n3 < PIPE2)
				w->q3[w->n3++] = l;
			else if (w->owner != 0)
				bad(s, B_FULL);
			continue;
		}
		if (w->early & 1u << FIRST(l)) {
			/* settled before it came: its outcome is handed on */
			if (opt.fault != F_EARLY_KEPT)
				w->early &= (uint8_t)~(1u << FIRST(l));
			continue;
		}
		w->q[w->nq++] = (uint8_t)FIRST(l);
	}
	memmove(w->q2, w->q2 + k, (w->n2 - k) * sizeof(*w->q2));
	memset(w->q2 + (w->n2 - k), 0, k * sizeof(*w->q2));
	w->n2 = (uint8_t)(w->n2 - k);
}

static void
put2(struct state *s, unsigned p, line l)
{
	struct worker *w = &s->w[p];

	if (w->push == P_DEAD)
		return;
	if (w->n2 == PIPE2) {
		bad(s, B_FULL);
		return;
	}
	w->q2[w->n2++] = l;
	drain(s, p);
}

static void
close_range(struct state *s, unsigned p)
{
	if (s->w[p].range != 0)
		put2(s, p, s->w[p].range);
	s->w[p].range = 0;
}

static void
take1(struct worker *w)
{
	memmove(w->q1, w->q1 + 1, sizeof(w->q1) - 1);
	w->q1[sizeof(w->q1) - 1] = 0;
	w->n1--;
}

/* Gaps and ends at the head of its input ask nothing. */
static void
pass_marks(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];

	while (w->n1 > 0 && w->q1[0] >= GAP1) {
		unsigned what = w->q1[0];

		take1(w);
		close_range(s, p);
		if (what != END1)
			continue;
		put2(s, p, P_END);
		w->begun = w->held = w->snap_open = 0;
		memset(w->snap_known, 0, sizeof(w->snap_known));
		memset(w->held_from, 0, sizeof(w->held_from));
	}
}

static void
shift1(struct state *s, unsigned p)
{
	take1(&s->w[p]);
	pass_marks(s, p);
}

static void
begin_turn(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];
	unsigned i, a, k;

	w->begun = 1;
	sync_log(s);
	w->held = 0;
	memset(w->held_from, 0, sizeof(w->held_from));
	w->snap_open = 0;
	for (k = 0; k < KEYS; k++)
		w->snap_known[k] = s->known[target_of(p)][k];
	for (i = s->n[p]; i-- > 0; ) {
		if (is_open(s, p, i))
			w->snap_open |= (uint8_t)(1u << i);
		if (has_row(s, p, i)) {
			k = key_of(event_at(s, p, i));
			w->held |= (uint8_t)(1u << k);
			w->held_from[k] = (uint8_t)i;
		}
	}
	for (i = 0; i < INTENTS; i++)
		for (a = 0; a < SLOTS && s->intents & 1u << i && target_of(s->it[i].pipe) == target_of(p); a++)
			if (s->it[i].slots & 1u << a) {
				k = key_of(event_at(s, s->it[i].pipe, a));
				w->held |= (uint8_t)(1u << k | 4u << k);
			}
}

static int
under_way(const struct state *s, unsigned p, unsigned slot, unsigned open)
{
	const struct worker *w = &s->w[p];
	unsigned k = key_of(event_at(s, p, slot));

	if (opt.fault == F_UNDER_WAY)
		return 0;
	if (w->held & 4u << k || (w->held & 1u << k && w->held_from[k] < slot))
		return 1;
	if (w->sent[k] == 0 || w->sent[k] == slot + 1)
		return 0;
	if (w->sent[k] == NOBODY + 1)
		return 1;
	return (open & 1u << (w->sent[k] - 1)) != 0;
}

static unsigned
open_now(const struct state *s, unsigned p)
{
	unsigned i, open = 0;

	for (i = 0; i < s->n[p]; i++)
		if (is_open(s, p, i))
			open |= 1u << i;
	return open;
}

static void
unchanged_as(const struct state *from, unsigned p, unsigned slot, enum verb verb, int extend)
{
	struct state s = *from;
	struct worker *w = &s.w[p];

	if (extend) {
		w->range = LINE(EVENT_UNCHANGED, p, FIRST(w->range), slot, MASK(w->range) | 1u << slot);
	} else {
		close_range(&s, p);
		w->range = LINE(EVENT_UNCHANGED, p, slot, slot, 1u << slot);
	}
	if (has_row(from, p, slot))
		close_range(&s, p);	/* fed again: a line of its own */
	shift1(&s, p);
	emit(&s, (enum who)(W_FILTER_A + p), verb, slot);
}

static void
end_unchanged(const struct state *from, unsigned p, unsigned slot, enum verb verb)
{
	const struct worker *w = &from->w[p];

	/* its input may have paused: then the range was closed before */
	unchanged_as(from, p, slot, verb, 0);
	if (w->range != 0 && slot > LAST(w->range) && !has_row(from, p, slot))
		unchanged_as(from, p, slot, verb, 1);
}

static void
let_through(const struct state *from, unsigned p, unsigned slot, int behind)
{
	struct state s = *from;
	struct worker *w = &s.w[p];
	unsigned k = key_of(event_at(from, p, slot));

	close_range(&s, p);
	if (p == A && !is_other(event_at(from, p, slot)))
		w->sent[k] = (uint8_t)(w->sent[k] != 0 && behind && w->sent[k] != slot + 1 ? NOBODY + 1 : slot + 1);
	put2(&s, p, P_SLOT(slot));
	shift1(&s, p);
	emit(&s, (enum who)(W_FILTER_A + p), V_PASSES, slot);
}

/* ss-diff: by what was known when the turn began, or by what is known now. */
static void
compare(const struct state *from, unsigned p, unsigned slot)
{
	const struct worker *w = &from->w[p];
	unsigned event = event_at(from, p, slot), k = key_of(event), now;
	int done[2] = { 0, 0 };

	for (now = 0; now < 2; now++) {
		int behind = under_way(from, p, slot, now ? open_now(from, p) : w->snap_open);
		unsigned known = now ? from->known[target_of(p)][k] : w->snap_known[k];

		if (!behind && known == event + 1) {
			if (!done[0])
				end_unchanged(from, p, slot, now ? V_UNCHANGED_NOW : V_UNCHANGED);
			done[0] = 1;
		} else {
			if (!done[1])
				let_through(from, p, slot, behind);
			done[1] = 1;
		}
	}
}

/* An outcome of the first filter about one slot. */
static void
answer_slot(struct state *s, unsigned p, line l, enum verb verb)
{
	close_range(s, p);
	put2(s, p, l);
	shift1(s, p);
	emit(s, (enum who)(W_FILTER_A + p), verb, FIRST(l));
}

static void
filter_line(const struct state *from, unsigned p)
{
	struct state s = *from;
	unsigned slot = s.w[p].q1[0], event;

	if (slot >= GAP1) {
		pass_marks(&s, p);
		emit(&s, (enum who)(W_FILTER_A + p), V_PASSES_END, 0);
		return;
	}
	if (p == A && !s.w[p].begun)
		begin_turn(&s, p);
	event = event_at(&s, p, slot);
	if (p == A && event == 2 && !opt.accept) {
		answer_slot(&s, p, LINE(EVENT_ROUTED, p, slot, slot, 1u << slot), V_ROUTES);
		return;
	}
	if (p == B && s.row == 0) {
		/* is its row there?  decided when it is asked for the first time */
		struct state t = s;

		t.row = 3;
		answer_slot(&t, p, LINE(EVENT_PARKED, p, slot, NOBODY, 0), V_WANTS_ROW);
		s.row = 1;
	} else if (p == B && s.row == 3) {
		answer_slot(&s, p, LINE(EVENT_PARKED, p, slot, NOBODY, 0), V_WANTS_ROW);
		return;
	}
	if (p == B || is_other(event))
		let_through(&s, p, slot, 0);
	else
		compare(&s, p, slot);
}

static void
filter(const struct state *from, unsigned p)
{
	struct state s = *from;
	enum who me = (enum who)(W_FILTER_A + p);
	const struct worker *w = &from->w[p];

	if (w->push == P_DEAD) {
		dead_filter(&s.w[p]);
		emit(&s, me, V_BROKEN_PIPE, 0);
		return;
	}
	if (w->n1 > 0) {
		filter_line(from, p);
		return;
	}
	if (w->owner == 0) {
		close_range(&s, p);
		dead_filter(&s.w[p]);
		emit(&s, me, V_EOF_EXIT, 0);
	}
}

/* ---- ss-push ---- */

static void
drop_from_queue(struct worker *w, unsigned slots)
{
	unsigned i, k = 0;

	for (i = 0; i < w->nq; i++)
		if (!(slots & 1u << w->q[i]))
			w->q[k++] = w->q[i];
	memset(w->q + k, 0, w->nq - k);
	w->nq = (uint8_t)k;
}

static void
release(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];

	s->target_lock[target_of(p)] = 0;
	w->push = P_IDLE;
	w->settling = w->batch = w->intent = w->reply = w->reply_slot = w->quiet = w->quiet_how = 0;
	drain(s, p);
}

/* Is event a older than b: by time, which is their number here. */
static int
older(unsigned a, unsigned b)
{
	return key_of(a) == key_of(b) && a < b;
}

enum { QUIET_UNCHANGED, QUIET_SUPERSEDED, QUIET_BEHIND };

static void
quiet(struct worker *w, unsigned slot, unsigned how)
{
	w->quiet |= (uint8_t)(1u << slot);
	w->quiet_how = (uint8_t)(w->quiet_how | (how & 3u) << (slot < 4 ? 2 * slot : 0));
}

/* One round: what to send, what ends without a call. */
static void
choose(struct state *s, unsigned p)
{
	struct worker *w = &s->w[p];
	unsigned i, j, seen = 0, gone = 0;

	for (i = 0; i < w->nq; i++) {
		unsigned slot = w->q[i], event = event_at(s, p, slot), k = key_of(event);
		unsigned known = s->known[target_of(p)][k];

		if (!is_open(s, p, slot) && opt.fault != F_NO_OPEN_CHECK) {
			gone |= 1u << slot;	/* ended by another, or taken over */
			continue;
		}
		if (is_other(event)) {
			if (w->failed[k] != 0 && w->failed[k] - 1u < slot && opt.fault != F_HELD)
				quiet(w, slot, QUIET_BEHIND);
			else if (!(seen & 1u << k))
				w->batch |= (uint8_t)(1u << slot);
			seen |= 1u << k;
			continue;
		}
		if (known != 0 && older(event, known - 1) && opt.fault != F_STALE) {
			quiet(w, slot, QUIET_SUPERSEDED);
			continue;
		}
		if (known == event + 1) {
			quiet(w, slot, QUIET_UNCHANGED);
			continue;
		}
		for (j = 0; j < w->nq; j++)
			if (older(event, event_at(s, p, w->q[j])) && is_open(s, p, w->q[j]))
				break;
		if (j == w->nq)
			w->batch |= (uint8_t)(1u << slot);
		else if (opt.fault == F_EARLY)
			quiet(w, slot, QUIET_SUPERSEDED);
		/* else it waits for what becomes of the newer one */
	}
	/* the same event twice in a round (an old delivery and its replay): one call */
	for (i = 0; i < w->nq; i++)
		for (j = 0; j < i; j++)
			if (w->batch & 1u << w->q[i] && w->batch & 1u << w->q[j] &&
			    event_at(s, p, w->q[i]) == event_at(s, p, w->q[j]))
				w->batch &= (uint8_t)~(1u << w->q[i]);
	drop_from_queue(w, gone);
	w->push = w->quiet != 0 ? P_QUIET : w->batch != 0 ? P_INTEND : P_IDLE;
	if (w->push == P_IDLE)
		release(s, p);
}

static void call(const struct state *from, unsigned p);

static void
round_begins(const struct state *from, unsigned p)
{
	struct state s = *from;
	struct worker *w = &s.w[p];
	unsigned t = target_of(p), i;

	if (s.target_lock[t] != 0)
		return;
	s.target_lock[t] = (uint8_t)(p + 1);
	if (opt.fault == F_AHEAD) {
		s.ahead = s.ntail;
	} else {
		sync_log(&s);
	}
	for (i = 0; i < INTENTS; i++)
		if (s.intents & 1u << i && target_of(s.it[i].pipe) == t) {
			w->settling = 1;
			w->intent = (uint8_t)(i + 1);
			if (opt.fault == F_NEW_KEY)
				s.it[i].applied = 0;	/* the peer does not know that key */
			call(&s, p);
			return;
		}
	choose(&s, p);
	emit(&s, (enum who)(W_PUSH_A + p), V_ROUND, 0);
}

static void
then_quiet(struct state *s, enum who who)
{
	unsigned p = who - W_PUSH_A;
	struct worker *w = &s->w[p];

	drop_from_queue(w, w->quiet);
	w->quiet = w->quiet_how = 0;
	w->push = P_INTEND;
	if (w->batch == 0)
		release(s, p);
}

static void
push_quiet(const struct state *from, unsigned p)
{
	const struct worker *w = &from->w[p];
	line v[SLOTS];
	unsigned i, n = 0;

	for (i = 0; i < SLOTS; i++) {
		unsigned how = w->quiet_how >> (i < 4 ? 2 * i : 0) & 3u;

		if (!(w->quiet & 1u << i))
			continue;
		if (how == QUIET_BEHIND)
			v[n++] = LINE(EVENT_PARKED, p, i, w->failed[key_of(event_at(from, p, i))] - 1u, 0);
		else
			v[n++] = LINE(how == QUIET_UNCHANGED ? EVENT_UNCHANGED : EVENT_SUPERSEDED, p, i, i, 1u << i);
	}
	append(from, (enum who)(W_PUSH_A + p), V_QUIET, v, n, then_quiet);
}

static void
then_call(struct state *s, enum who who)
{
	s->w[who - W_PUSH_A].push = P_CALL;
}

static void
push_intend(const struct state *from, unsigned p)
{
	struct state s = *from;
	struct worker *w = &s.w[p];
	unsigned k;
	line l;

	for (k = 0; k < INTENTS && s.it[k].used; k++)
		;
	if (k == INTENTS) {
		bad(&s, B_FULL);
		emit(&s, (enum who)(W_PUSH_A + p), V_INTENDS, 0);
		return;
	}
	s.it[k].used = 1;
	s.it[k].pipe = (uint8_t)p;
	s.it[k].slots = w->batch;
	w->intent = (uint8_t)(k + 1);
	w->batch = 0;
	l = LINE(EVENT_INTENT, 0, k, 0, 0);
	if (opt.fault == F_NO_INTENT)
		call(&s, p);
	else
		append(&s, (enum who)(W_PUSH_A + p), V_INTENDS, &l, 1, then_call);
}

static void
apply(struct state *s, unsigned k, unsigned refused)
{
	unsigned p = s->it[k].pipe, i;

	if (!(s->intents & 1u << k))
		bad(s, B_NO_INTENT);
	if (s->it[k].applied)
		return;		/* it knows the key and replies as before */
	s->it[k].applied = 1;
	for (i = 0; i < SLOTS; i++) {
		unsigned event = event_at(s, p, i);

		if (!(s->it[k].slots & 1u << i) || i == refused)
			continue;
		if (s->applied[p] & 1u << i)
			bad(s, B_EFFECT_TWICE);
		s->applied[p] |= (uint8_t)(1u << i);
		s->value[target_of(p)][key_of(event)] = (uint8_t)(event + 1);
	}
}

static void
reply(const struct state *from, unsigned p, unsigned how, unsigned slot, enum verb verb)
{
	struct state s = *from;
	unsigned k = s.w[p].intent - 1u, others;

	others = s.it[k].slots & ~(slot == 0 ? 0 : 1u << (slot - 1));
	if (s.it[k].applied) {
		/* the reply that it gave to this key before */
		how = s.it[k].how;
		slot = s.it[k].slot;
	} else {
		s.refusals = (uint8_t)(s.refusals - (how != REPLY_OK));
		if (how != REPLY_ILL && others != 0) {
			apply(&s, k, slot == 0 ? SLOTS : slot - 1);
			s.it[k].how = (uint8_t)how;
			s.it[k].slot = (uint8_t)slot;
		}
	}
	s.w[p].push = P_CONCLUDE;
	s.w[p].reply = (uint8_t)how;
	s.w[p].reply_slot = (uint8_t)slot;
	emit(&s, (enum who)(W_PUSH_A + p), verb, slot == 0 ? 0 : slot - 1);
}

/* The call and what comes of it: a reply, none, or an end of all before it. */
static void
call(const struct state *from, unsigned p)
{
	struct state s = *from;
	enum who me = (enum who)(W_PUSH_A + p);
	unsigned k = from->w[p].intent - 1u, i;

	s.it[k].flying = 0;	/* an older one came first, or never */
	reply(&s, p, REPLY_OK, 0, V_REPLY);
	if (!s.it[k].applied && s.refusals > 0) {
		for (i = 0; i < SLOTS; i++)
			if (s.it[k].slots & 1u << i) {
				reply(&s, p, REPLY_REFUSED, i + 1, V_REFUSED);
				reply(&s, p, REPLY_DEAD, i + 1, V_REFUSED_DEAD);
			}
		reply(&s, p, REPLY_ILL, 0, V_ILL);
	}
	if (from->unknown > 0) {
		apply(&s, k, SLOTS);
		s.unknown--;
		release(&s, p);
		emit(&s, me, V_NO_REPLY, 0);
		dead_push(&s, p);
		s.again |= (uint8_t)(1u << p);
		emit(&s, me, V_NO_REPLY_STOP, 0);
	}
	if (from->crashes == 0)
		return;
	s = *from;
	s.it[k].flying = 1;
	cut(&s, s.ntail);
	s.crashes--;
	kill_one(&s, me);
	emit(&s, me, V_KILLED_CALLING, 0);
}

/* Outcomes of a call's deliveries; those that are not open any more have none. */
static unsigned
outcomes(const struct state *s, unsigned p, line *v)
{
	const struct worker *w = &s->w[p];
	unsigned k = w->intent - 1u, owner = s->it[k].pipe, i, n = 0;

	for (i = 0; i < SLOTS && w->reply != REPLY_ILL; i++) {
		enum event_type how = EVENT_DELIVERED;

		if (!(s->it[k].slots & 1u << i))
			continue;
		if (w->reply_slot == i + 1) {
			if (owner != p && opt.fault != F_FOREIGN)
				continue;	/* nothing of it was applied: its own pipeline goes on with it */
			how = w->reply == REPLY_DEAD ? EVENT_DEAD : EVENT_FAILED;
		}
		if (!is_open(s, owner, i) && !taken_away(s, owner, i) && opt.fault == F_TORN_OUTCOME)
			continue;	/* it did not help */
		v[n++] = LINE(how, owner, i, i, owner == p ? 1u << i : 0);
	}
	return n;
}

static void
then_settled(struct state *s, enum who who)
{
	unsigned p = who - W_PUSH_A, i, k;
	struct worker *w = &s->w[p];
	unsigned slots = s->it[w->intent - 1].slots, owner = s->it[w->intent - 1].pipe;

	if (owner == p && w->reply != REPLY_ILL) {
		for (i = 0; i < SLOTS; i++) {
			unsigned mine = 0, q;

			if (!(slots & 1u << i))
				continue;
			for (q = 0; q < w->nq; q++)
				mine |= w->q[q] == i;
			if (!mine && w->settling)
				w->early |= (uint8_t)(1u << i);
			k = key_of(event_at(s, p, i));
			if (w->reply_slot == i + 1 && w->reply == REPLY_REFUSED && is_other(event_at(s, p, i)) && w->failed[k] == 0)
				w->failed[k] = (uint8_t)(i + 1);
		}
		drop_from_queue(w, slots);
	}
	release(s, p);
}

static void
then_outcomes(struct state *s, enum who who)
{
	s->w[who - W_PUSH_A].push = P_OUTCOMES;
}

static void
push_conclude(const struct state *from, unsigned p)
{
	const struct worker *w = &from->w[p];
	enum who me = (enum who)(W_PUSH_A + p);
	line v[SLOTS + 1], settled = LINE(EVENT_SETTLED, 0, w->intent - 1u, 0, 0);
	unsigned n;

	if (w->push == P_OUTCOMES) {
		n = outcomes(from, p, v);
		append(from, me, V_OUTCOMES, v, n, then_settled);
		return;
	}
	if (opt.fault == F_SETTLE_FIRST) {
		append(from, me, V_SETTLED, &settled, 1, then_outcomes);
		return;
	}
	v[0] = settled;
	n = outcomes(from, p, v + 1) + 1;
	if (opt.fault == F_TORN_OUTCOME) {
		memmove(v, v + 1, (n - 1) * sizeof(*v));
		v[n - 1] = settled;
	}
	append_how(from, me, V_SETTLED, v, n, then_settled, opt.fault != F_TORN_SETTLED && opt.fault != F_TORN_OUTCOME);
}

static void
push_idle(const struct state *from, unsigned p)
{
	const struct worker *w = &from->w[p];
	struct state s = *from;
	enum who me = (enum who)(W_PUSH_A + p);

	if (w->nq > 0 && (w->n2 == 0 || w->nq == FULL || w->q2[0] == P_END))
		round_begins(from, p);
	if (w->nq == 0 && w->n2 == 0 && w->filter == D_DEAD) {
		dead_push(&s, p);
		emit(&s, me, V_EOF_EXIT, 0);
		return;
	}
	if (w->owner == 0) {
		/* what it says goes into a broken pipe, now or later */
		dead_push(&s, p);
		emit(&s, me, V_BROKEN_PIPE, 0);
	}
}

static void
push(const struct state *from, unsigned p)
{
	switch (from->w[p].push) {
	case P_IDLE: push_idle(from, p); break;
	case P_QUIET: push_quiet(from, p); break;
	case P_INTEND: push_intend(from, p); break;
	case P_CALL: call(from, p); break;
	case P_CONCLUDE:
	case P_OUTCOMES: push_conclude(from, p); break;
	default: break;
	}
}

/* ---- the peer and the world ---- */

/* A call whose sender is gone comes late, or never. */
static void
peer(const struct state *from, unsigned k)
{
	struct state s = *from;

	if (!from->it[k].flying)
		return;
	s.it[k].flying = 0;
	emit(&s, W_PEER, V_DROPS, 0);
	apply(&s, k, SLOTS);
	emit(&s, W_PEER, V_APPLIES, 0);
}

/* Is there nothing that A must do or is doing? */
static int
a_rests(const struct state *s)
{
	return !running(s, A) && lock_free(s, A) && !wanted(s, W_I0) && !wanted(s, W_I1);
}

static void
then_replay(struct state *s, enum who who)
{
	/* for B it leaves the work to cron's ss-run */
	s->ipc[who] = s->saw[who] == A ? I_LOCK : I_IDLE;
	s->saw[who] = 0;
}

/* Nothing of B was begun. */
static int
b_untouched(const struct state *s)
{
	unsigned i;

	for (i = 0; i < s->n[B]; i++)
		if (status(s, B, i) != ST_OPEN)
			return 0;
	return lock_free(s, B) && !running(s, B);
}

/* An operator: ss-replay of the newest delivery of any event. */
static void
replay(const struct state *from)
{
	unsigned p, i, k;
	line l;

	for (p = 0; p < PIPES && from->replays > 0; p++)
		for (i = 0; i < from->n[p]; i++) {
			unsigned event = event_at(from, p, i);
			struct state s = *from;

			for (k = i + 1; k < from->n[p] && event_at(from, p, k) != event; k++)
				;
			if (k < from->n[p])
				continue;
			/* (d): what only one pipeline takes notice of */
			if (!opt.shared && (p == B ? !a_rests(from) : (event != 2 || opt.accept) && !b_untouched(from)))
				continue;
			s.replays--;
			s.saw[W_REPLAY] = (uint8_t)p;
			l = LINE(EVENT_REPLAYED, p, i, 0, 0);
			append(&s, W_REPLAY, p == A ? V_REPLAYS : V_REPLAYS_B, &l, 1, then_replay);
		}
}

static void
world(const struct state *from)
{
	struct state s = *from;
	unsigned i;

	for (i = 0; i < from->n[B] && from->row == 3; i++)
		if (status(from, B, i) == EVENT_PARKED && from->behind[B][i] == NOBODY) {
			s.row = 1;
			emit(&s, W_WORLD, V_ROW_COMES, 0);
			s.row = 2;
			emit(&s, W_WORLD, V_TOO_LATE, 0);
			break;
		}
}

static void
successors(const struct state *s)
{
	unsigned i, p, pipes = opt.shared || a_rests(s) ? PIPES : 1;

	for (i = 0; i < INSTANCES; i++)
		if (pipe_of_instance(i) < pipes || s->ipc[i] == I_APPEND || s->ipc[i] == I_ACK ||
		    (brings(i) & ~s->acked & 15u && !(s->acked & 4u)))
			instance(s, i);
	for (p = 0; p < pipes; p++) {
		if (s->w[p].run == R_PLAN)
			plan(s, p);
		else if (s->w[p].run == R_EXCHANGE)
			exchange(s, p);
		else if (s->w[p].run == R_NOTHING)
			let_go(s, p);
		if (s->w[p].filter != D_DEAD)
			filter(s, p);
		if (s->w[p].push != P_DEAD)
			push(s, p);
	}
	for (i = 0; i < INTENTS; i++)
		peer(s, i);
	replay(s);
	world(s);
	crashes(s);
}

/* ---- at rest ---- */

/* Nothing runs and nobody has to run anything. */
static int
at_rest(const struct state *s)
{
	unsigned i, p;

	for (i = 0; i < INSTANCES; i++)
		if (s->ipc[i] != I_IDLE || (i != W_REPLAY && wanted(s, i)))
			return 0;
	for (p = 0; p < PIPES; p++)
		if (!lock_free(s, p) || s->again & 1u << p)
			return 0;
	for (i = 0; i < INTENTS; i++)
		if (s->it[i].flying)
			return 0;
	return s->ntail == 0;
}

static int
all_ended(const struct state *s)
{
	return !rows(s, A) && !rows(s, B) && !open_without_row(s, A) && !open_without_row(s, B);
}

/* Of target t and key k: the newest event that was to come there and neither is
 * dead nor has a row; 0 none. */
static unsigned
newest(const struct state *s, unsigned t, unsigned k)
{
	unsigned p, i, best = opt.held && t == A ? (k == 0 ? 1u : 3u) : 0;

	for (p = 0; p < PIPES; p++)
		for (i = 0; target_of(p) == t && i < s->n[p]; i++) {
			unsigned st = status(s, p, i), event = event_at(s, p, i);

			if (key_of(event) == k && (st == EVENT_DELIVERED || st == ST_ELSEWHERE) && event + 1 > best)
				best = event + 1;
		}
	return best;
}

static void
check_rest(struct state *s)
{
	unsigned t, k;

	if (s->intents != 0)
		bad(s, B_OPEN_INTENT);
	if (open_without_row(s, A) || open_without_row(s, B))
		bad(s, B_UNFINISHED);
	for (t = 0; t < (opt.shared ? 1u : 2u); t++)
		for (k = 0; k < KEYS; k++) {
			if (s->known[t][k] != s->value[t][k])
				bad(s, B_KNOWN);
			if (!(opt.other && k == 0) && s->value[t][k] != newest(s, t, k))
				bad(s, B_VALUE);
		}
}

/* ---- the search ---- */

/*
 * Of a state that was seen, 128 bits of hash are kept (that two of 10^8 states
 * share one: 1 in 10^22), and which successor of which state it is, so that a
 * trace can be walked again.  States themselves are kept until they have had
 * their turn.
 */
struct node {
	XXH128_hash_t sum;
	uint32_t parent;
	uint16_t nth;			/* successor of its parent */
	uint16_t edges;			/* how many successors */
};

enum { CHUNK = 4096 };

static struct {
	struct node *v;
	size_t n, cap;
	uint32_t *hash;			/* index + 1 */
	size_t hcap;
	uint32_t *edge;			/* to, of node 0, 1, 2 … */
	size_t nedge, cedge;
	struct state **chunk;		/* states [i * CHUNK, …) that wait */
	size_t nchunk;
	unsigned char *done;		/* rest with all ended can be reached */
	size_t cdone;
	uint32_t at;			/* whose successors are being made */
	uint16_t nth;
	uint32_t found;			/* index + 1 of the first bad one */
	enum bad why;
	size_t rest, max;
	int quiet;
	/* walking a trace again: the successor that is wanted */
	int walking;
	struct state want;
	unsigned want_nth;
	enum who who;
	enum verb verb;
	unsigned arg;
} g;

static void *
grow(void *p, size_t n)
{
	p = realloc(p, n);
	if (p == NULL) {
		fputs("crash-model: no memory\n", stderr);
		exit(2);
	}
	return p;
}

static void
rehash(size_t cap)
{
	size_t i, at;

	free(g.hash);
	g.hash = grow(NULL, cap * sizeof(*g.hash));
	memset(g.hash, 0, cap * sizeof(*g.hash));
	g.hcap = cap;
	for (i = 0; i < g.n; i++) {
		for (at = g.v[i].sum.low64 & (cap - 1); g.hash[at] != 0; at = (at + 1) & (cap - 1))
			;
		g.hash[at] = (uint32_t)(i + 1);
	}
}

static void
add_edge(uint32_t to)
{
	if (g.nedge == g.cedge) {
		g.cedge = g.cedge == 0 ? 1 << 20 : g.cedge + g.cedge / 2;
		g.edge = grow(g.edge, g.cedge * sizeof(*g.edge));
	}
	g.edge[g.nedge++] = to;
}

static struct state *
waiting(size_t i)
{
	if (i / CHUNK >= g.nchunk) {
		g.chunk = grow(g.chunk, (g.nchunk + 1) * sizeof(*g.chunk));
		g.chunk[g.nchunk++] = grow(NULL, CHUNK * sizeof(**g.chunk));
	}
	return &g.chunk[i / CHUNK][i % CHUNK];
}

static void
add_node(const struct state *s, XXH128_hash_t sum, size_t at)
{
	if (g.n == g.cap) {
		g.cap = g.cap == 0 ? 1 << 14 : g.cap + g.cap / 2;
		g.v = grow(g.v, g.cap * sizeof(*g.v));
	}
	*waiting(g.n) = *s;
	g.v[g.n] = (struct node){ sum, g.at, g.nth, 0 };
	g.hash[at] = (uint32_t)++g.n;
	if (s->bad != B_FINE && g.found == 0) {
		g.found = (uint32_t)g.n;
		g.why = (enum bad)s->bad;
	}
}

static void
found(const struct state *s, enum who who, enum verb verb, unsigned arg)
{
	XXH128_hash_t sum;
	size_t at;

	if (g.walking) {
		if (g.nth++ == g.want_nth) {
			g.want = *s;
			g.who = who;
			g.verb = verb;
			g.arg = arg;
		}
		return;
	}
	if ((g.n + 1) * 2 > g.hcap)
		rehash(g.hcap == 0 ? 1 << 16 : g.hcap * 2);
	sum = XXH3_128bits(s, sizeof(*s));
	for (at = sum.low64 & (g.hcap - 1); g.hash[at] != 0; at = (at + 1) & (g.hcap - 1))
		if (XXH128_isEqual(g.v[g.hash[at] - 1].sum, sum))
			break;
	if (g.hash[at] == 0)
		add_node(s, sum, at);
	add_edge(g.hash[at] - 1);
	g.nth++;
}

static void
print_pipe(const char *name, const line *q, unsigned n)
{
	unsigned i;

	if (n == 0)
		return;
	printf(" %s[", name);
	for (i = 0; i < n; i++)
		printf("%s%s%u", i > 0 ? " " : "", q[i] == P_END ? "end" : KIND(q[i]) == EVENT_OTHER ? "" :
		    event_type_name(KIND(q[i])) + 3, q[i] == P_END ? 0 : FIRST(q[i]));
	putchar(']');
}

static void
print_state(const struct state *s)
{
	unsigned p, i;

	printf("       ");
	for (p = 0; p < PIPES; p++) {
		printf(" %c:", 'A' + (int)p);
		for (i = 0; i < s->n[p]; i++)
			printf(" %u=%s", event_at(s, p, i), status(s, p, i) == ST_OPEN ? "open" : status(s, p, i) == ST_REPLACED ?
			    "replaced" : status(s, p, i) == ST_ELSEWHERE ? "settled" : event_type_name((enum event_type)status(s, p, i)) + 3);
		print_pipe("to-push", s->w[p].q2, s->w[p].n2);
		print_pipe("to-run", s->w[p].q3, s->w[p].n3);
	}
	printf("  known x=%u y=%u, peer x=%u y=%u%s\n", s->known[0][0], s->known[0][1], s->value[0][0], s->value[0][1],
	    s->intents != 0 ? ", intent open" : "");
}

static void
print_step(const struct state *s, enum who who, enum verb verb, unsigned arg)
{
	const char *text = verb_text[verb], *number = strchr(text, '%');

	if (number == NULL)
		printf("  %-12s %s\n", who_name[who], text);
	else
		printf("  %-12s %.*s%u%s\n", who_name[who], (int)(number - text), text, arg, number + 2);
	if (!g.quiet)
		print_state(s);
}

static void
print_trace(const struct state *first, uint32_t at)
{
	uint32_t path[400];
	struct state s = *first;
	size_t n = 0;

	printf("%s\n", bads[g.why]);
	for (; at != 0 && n < 400; at = g.v[at].parent)
		path[n++] = at;
	printf("%zu steps:\n", n);
	g.walking = 1;
	while (n-- > 0) {
		g.want_nth = g.v[path[n]].nth;
		g.nth = 0;
		successors(&s);
		s = g.want;
		print_step(&s, g.who, g.verb, g.arg);
	}
	g.walking = 0;
}

/* From which states can rest with all ended be reached?  Edges mostly lead on,
 * so sweeps from the last state to the first soon find all. */
static uint32_t
find_stuck(void)
{
	size_t i, e;
	uint32_t stuck = 0;
	int more;

	do {
		more = 0;
		stuck = 0;
		for (i = g.n, e = g.nedge; i-- > 0; ) {
			uint16_t k;

			e -= g.v[i].edges;
			for (k = 0; k < g.v[i].edges && !g.done[i]; k++)
				if (g.done[g.edge[e + k]])
					g.done[i] = 1, more = 1;
			if (!g.done[i])
				stuck = (uint32_t)i + 1;
		}
	} while (more && stuck != 0);
	return stuck;
}

static void
mark_done(size_t i, int ended)
{
	if (i >= g.cdone) {
		g.cdone = g.cdone == 0 ? 1 << 16 : g.cdone * 2;
		g.done = grow(g.done, g.cdone);
	}
	g.done[i] = ended != 0;
}

static enum bad
search(const struct state *first)
{
	struct state s;
	size_t i, before;

	found(first, W_WORLD, V_START, 0);
	g.nedge = 0;
	for (i = 0; i < g.n && g.found == 0; i++) {
		s = *waiting(i);
		g.at = (uint32_t)i;
		g.nth = 0;
		mark_done(i, 0);
		if (at_rest(&s)) {
			g.rest++;
			check_rest(&s);
			if (s.bad != B_FINE) {
				g.found = (uint32_t)(i + 1);
				g.why = (enum bad)s.bad;
				break;
			}
			mark_done(i, all_ended(&s));
		}
		before = g.nedge;
		successors(&s);
		g.v[i].edges = (uint16_t)(g.nedge - before);
		if (i % CHUNK == CHUNK - 1) {
			free(g.chunk[i / CHUNK]);
			g.chunk[i / CHUNK] = NULL;
		}
		if (g.n > g.max)
			return g.why = B_TOO_MANY;
	}
	if (g.found == 0 && (g.found = find_stuck()) != 0)
		g.why = B_STUCK;
	return g.why;
}

static int
usage(void)
{
	size_t i;

	fputs("usage: crash-model [--fault NAME] [--other] [--shared] [--accept] [--held] [--crashes N]\n"
	    "           [--refusals N] [--unknown N] [--replays N] [--max-states N] [--short] [--list]\n\nfaults:\n", stderr);
	for (i = 1; i < FAULT_COUNT; i++)
		fprintf(stderr, "  %-22s %s\n", faults[i].name, faults[i].text);
	return 2;
}

static int
set_fault(const char *name)
{
	size_t i;

	for (i = 0; i < FAULT_COUNT; i++)
		if (strcmp(faults[i].name, name) == 0) {
			opt.fault = (enum fault)i;
			return 0;
		}
	return -1;
}

static int
number(const char *s, long max, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(s, &end, 10);
	return errno != 0 || end == s || *end != '\0' || *out < 0 || *out > max ? -1 : 0;
}

static int
options(int argc, char **argv)
{
	long v;
	int i;

	for (i = 1; i < argc; i++) {
		const char *o = argv[i], *arg = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(o, "--other") == 0)
			opt.other = 1;
		else if (strcmp(o, "--shared") == 0)
			opt.shared = 1;
		else if (strcmp(o, "--accept") == 0)
			opt.accept = 1;
		else if (strcmp(o, "--held") == 0)
			opt.held = 1;
		else if (strcmp(o, "--short") == 0)
			g.quiet = 1;
		else if (strcmp(o, "--fault") == 0 && set_fault(arg) == 0)
			i++;
		else if (strcmp(o, "--crashes") == 0 && number(arg, 4, &v) == 0)
			opt.crashes = (int)v, i++;
		else if (strcmp(o, "--refusals") == 0 && number(arg, 4, &v) == 0)
			opt.refusals = (int)v, i++;
		else if (strcmp(o, "--unknown") == 0 && number(arg, 4, &v) == 0)
			opt.unknown = (int)v, i++;
		else if (strcmp(o, "--replays") == 0 && number(arg, 2, &v) == 0)
			opt.replays = (int)v, i++;
		else if (strcmp(o, "--max-states") == 0 && number(arg, 400000000, &v) == 0)
			g.max = (size_t)v, i++;
		else
			return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	struct state first;
	struct timespec t0, t1;
	enum bad why;
	size_t i;

	memset(&first, 0, sizeof(first));
	g.max = 40000000;
	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		for (i = 1; i < FAULT_COUNT; i++)
			puts(faults[i].name);
		return 0;
	}
	if (options(argc, argv) == -1)
		return usage();
	(void)clock_gettime(CLOCK_MONOTONIC, &t0);
	first.crashes = (uint8_t)opt.crashes;
	first.refusals = (uint8_t)opt.refusals;
	first.unknown = (uint8_t)opt.unknown;
	first.replays = (uint8_t)opt.replays;
	if (opt.held) {
		first.known[A][0] = first.value[A][0] = 1;
		first.known[A][1] = first.value[A][1] = 3;
	}
	why = search(&first);
	(void)clock_gettime(CLOCK_MONOTONIC, &t1);
	if (g.found != 0)
		print_trace(&first, g.found - 1);
	printf("%zu states, %zu transitions, %zu at rest, %.1f s: %s\n", g.n, g.nedge, g.rest,
	    (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9,
	    why == B_FINE ? "holds" : why == B_FULL || why == B_TOO_MANY ? bads[why] : "broken");
	if (why == B_FULL || why == B_TOO_MANY)
		return 2;
	return why == B_FINE ? 0 : 1;
}
