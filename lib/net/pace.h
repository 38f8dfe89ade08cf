#ifndef SS_NET_PACE_H
#define SS_NET_PACE_H

#include <stdint.h>

struct rng;

/*
 * When to try again, and when not to try at all.  Pure: no clock is read, the
 * caller passes clock_mono() in; all times are milliseconds.  One thread at a
 * time per object.
 */

/*
 * Exponential backoff with full jitter: a random wait within [0, min(cap,
 * base * 2^(attempt-1))], attempt from 1.  retry_after (-1: the peer named
 * none) is never cut short: the answer is then at least that, with jitter of
 * up to base on top, so that neighbours do not come back all at once.
 */
int64_t pace_backoff(struct rng *r, int64_t base, int64_t cap, unsigned attempt,
    int64_t retry_after);

/*
 * A circuit breaker for one peer.  Closed: calls pass.  After `after` failures
 * of the peer in a row it opens: nothing passes for `delay`.  Then one call
 * passes as a probe (half-open); it closes on success, and on failure opens
 * again for twice as long, up to `most`.  Only failures that speak of the peer
 * count (connection, throttle, auth, 5xx), never a refused event.
 */
enum pace_state { PACE_CLOSED, PACE_OPEN, PACE_HALF };

struct pace_breaker {
	unsigned after;			/* failures in a row that open it */
	int64_t first, most;		/* shortest and longest delay */
	enum pace_state state;
	unsigned failed;		/* in a row */
	int64_t delay;			/* of the next or present opening */
	int64_t until;			/* PACE_OPEN: no call before; PACE_HALF: the probe is given up */
};

/* after 0 counts as 1; first and most below 1 as 1. */
void pace_breaker_init(struct pace_breaker *b, unsigned after, int64_t first, int64_t most);
/* May a call be made now?  0: yes (when half-open: this is the probe, report
 * its end by ok or fail); else the ms to wait before asking again.  A probe
 * that is never reported is given up after the delay. */
int64_t pace_breaker_wait(struct pace_breaker *b, int64_t now);
/* The peer did its part: closed, the delay starts over. */
void pace_breaker_ok(struct pace_breaker *b);
/* The peer failed.  retry_after (-1: none) is kept: opens at once, for at least
 * so long.  A failure of a call that was under way when it opened changes
 * nothing, unless its retry_after is later. */
void pace_breaker_fail(struct pace_breaker *b, int64_t now, int64_t retry_after);

/*
 * A token bucket: rate tokens each `per` ms, at most burst saved up; starts
 * full.  Whole numbers throughout, so nothing is lost to rounding.
 */
struct pace_bucket {
	int64_t rate, per, burst;
	int64_t level;			/* tokens times per */
	int64_t at;			/* when level was right */
};

/* Each of rate, per, burst is held within [1, 10^9]. */
void pace_bucket_init(struct pace_bucket *b, int64_t rate, int64_t per, int64_t burst, int64_t now);
/* Take n tokens (more than burst: burst).  0: taken; else nothing was taken
 * and the answer is the ms until there are enough. */
int64_t pace_bucket_take(struct pace_bucket *b, int64_t n, int64_t now);

#endif /* !SS_NET_PACE_H */
