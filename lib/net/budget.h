#ifndef SS_NET_BUDGET_H
#define SS_NET_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#include "net/pace.h"

struct ss_err;

/*
 * What a peer lets us do, shared by all processes of the machine: one file a
 * peer, HOME/budget/PEER.  Reserve before a call, settle after its reply.
 *
 * Two kinds of peer stand behind one interface, and what they allow is read
 * from each reply, never known beforehand:
 *   points  a leaky bucket of `most` points that refills at `rate` a second
 *           (Shopify GraphQL: extensions.cost.throttleStatus)
 *   window  so many calls in each window of fixed length (Brightpearl: headers
 *           brightpearl-requests-remaining and -next-throttle-period); a call
 *           costs 1
 * Until the first reply `size` and `rate` of the configuration hold, and calls
 * go one at a time.  A peer that tells nothing keeps them for good.
 *
 * The rule.  Of what the peer is known to have, what is reserved and not yet
 * settled is taken off.  A call is granted when the rest, after it, is at least
 * its floor:
 *   live    R, `reserve` percent of the whole: left to neighbours (other
 *           programs, on other machines, at the same peer's budget), whatever
 *           they took already; what flows in above it is ours
 *   due     R + keep_due percent of what is above R
 *   replay  R + keep_replay percent of what is above R
 * so due work and replays use what live has left, and find it used up first.
 * In a window the two shares fade to nothing at its end, since what nobody took
 * is lost then; R does not.  Besides, who was refused has its place in a queue,
 * by priority and then by time: nobody is granted what those before it wait
 * for, so that a dear call is not starved by cheap ones.  A call that is dearer
 * than what is above its floor waits until the peer's budget is full.
 *
 * What is promised: with nobody else at the peer, no call is granted that the
 * peer would refuse, if reservations are no smaller than what the peer asks in
 * advance.  Neighbours are seen in the next reply; R is for what they take
 * until then.
 *
 * Who dies with a reservation (its process is gone, or the lease runs out) has
 * spent it: the call may have been made.  Time gives that back.
 *
 * Time is CLOCK_BOOTTIME, read under the lock: the same for all processes, not
 * moved by a change of the date, going on in suspend.  After a reboot the file
 * is taken to be as old as the boot, which it is at least; when the clock runs
 * behind the file (a restored machine, a time namespace) no time has passed.
 *
 * The file is a cache.  It is never synced.  It holds two copies, written in
 * turn, so a kill at any point leaves one; if neither is good, budget and
 * breaker begin anew with nothing in the bucket until the next reply.
 */
struct budget;

enum budget_kind { BUDGET_POINTS, BUDGET_WINDOW };
enum budget_prio { BUDGET_LIVE, BUDGET_DUE, BUDGET_REPLAY };

struct budget_conf {
	enum budget_kind kind;
	int64_t size;		/* points, or calls a window, until a reply tells; 0: 100 */
	int64_t rate;		/* points a second, until a reply tells; 0: 10 */
	int64_t window;		/* its length, ms; 0: 60 s */
	unsigned reserve;	/* percent, at most 90 */
	unsigned keep_due;	/* percent, at most 100; */
	unsigned keep_replay;	/* at least keep_due, at most 100 */
	int64_t lease;		/* ms after which a call has surely ended; 0: 120 s */
	unsigned after;		/* breaker, as pace_breaker_init */
	int64_t first, most;
};

/* What is taken when nothing is said: reserve 10, keep_due 20, keep_replay 50,
 * breaker 5 failures, 200 ms to 60 s. */
void budget_defaults(struct budget_conf *c, enum budget_kind kind);

/* A reservation, from budget_reserve to budget_settle.  Nothing in it is for
 * the caller. */
struct budget_token {
	uint64_t owner, id, epoch, spent;
	int64_t at, cost;
	int probe;
};

/* How a call ended, as the budget sees it. */
enum budget_end {
	BUDGET_OK,		/* the peer answered, also if it refused the content */
	BUDGET_THROTTLED,	/* refused for its pace: THROTTLED, 429, Brightpearl's 503 */
	BUDGET_FAILED,		/* no connection, no reply, 5xx, not let in: speaks of the peer */
	BUDGET_UNUSED		/* the call was not made: given back */
};

/* What a reply told; -1 where it did not. */
struct budget_reply {
	enum budget_end end;
	int64_t cost;		/* charged in the end; -1: what was reserved, of a throttled call 0 */
	int64_t left;		/* points: currentlyAvailable, cut to whole; window: requests remaining */
	int64_t most, rate;	/* points: maximumAvailable, restoreRate */
	int64_t ends;		/* window: ms until the next one */
	int64_t retry_after;	/* ms */
};

/* Set up a reply in which nothing was told. */
void budget_reply_init(struct budget_reply *r, enum budget_end end);

/*
 * Open the budget of a peer ("shopify:acme"), made if it is not there; values
 * of c outside their ranges are held within.  A handle is for one thread; after
 * a fork each process may go on with it, and is an owner of its own.  A damaged
 * file is no error; a file that cannot be opened or made is (SS_EXIT_AGAIN,
 * SS_EXIT_USAGE).  budget_close (NULL allowed) gives up places in the queue, not
 * reservations.
 */
int budget_open(struct budget **out, const char *home, const char *peer, const struct budget_conf *c,
    struct ss_err *err);
void budget_close(struct budget *b);

/*
 * Ask for a call of that cost (what the peer asks in advance; window: 1).  0:
 * granted, t is filled and must be settled.  Else nothing was taken and the
 * answer is the ms to wait before asking again with the same priority: ask at
 * most a second later, or lose the place in the queue.  Also waits for the
 * breaker and for what a throttled reply named.  -1: the file cannot be written.
 */
int64_t budget_reserve(struct budget *b, int64_t cost, enum budget_prio prio, struct budget_token *t,
    struct ss_err *err);
/* Settle t once, by the process that reserved it.  -1: the file cannot be written;
 * the lease ends it then. */
int budget_settle(struct budget *b, const struct budget_token *t, const struct budget_reply *r, struct ss_err *err);

/*
 * What calls of one kind were asked in advance, by any key (a document's
 * text).  budget_cost: 1 and *cost, 0 never learned, -1.  budget_learn: a
 * dearer cost is taken at once, a cheaper one by a quarter of the way, since
 * variables make it differ and too little means a throttled call.  256 keys a
 * peer are kept, of those that fall into one place the latest.
 */
int budget_cost(struct budget *b, const void *key, size_t n, int64_t *cost, struct ss_err *err);
int budget_learn(struct budget *b, const void *key, size_t n, int64_t cost, struct ss_err *err);

/* How things stand, for people and metrics.  Changes nothing. */
struct budget_view {
	int learned;		/* a reply has told */
	int64_t size, rate;	/* now in force; rate: points only */
	int64_t left;		/* what the peer has, our reservations taken off; may be below 0 */
	int64_t reserved;	/* of calls under way */
	unsigned calls, waiting;	/* reservations; places in the queue */
	int64_t ends;		/* window: ms until the next one; else 0 */
	int64_t pause;		/* ms until anything is granted: throttled, or the breaker */
	enum pace_state breaker;
	uint64_t throttled;	/* replies, since the file was made */
};
int budget_look(struct budget *b, struct budget_view *v, struct ss_err *err);

#endif /* !SS_NET_BUDGET_H */
