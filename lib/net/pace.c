#include "net/pace.h"

#include "base/rng.h"

#define MOST 1000000000

static int64_t
within(int64_t v, int64_t min, int64_t max)
{
	return v < min ? min : v > max ? max : v;
}

int64_t
pace_backoff(struct rng *r, int64_t base, int64_t cap, unsigned attempt, int64_t retry_after)
{
	int64_t top;

	base = top = within(base, 1, INT64_MAX / 4);
	cap = within(cap, base, INT64_MAX / 4);
	while (attempt-- > 1 && top < cap)
		top *= 2;
	if (top > cap)
		top = cap;
	if (retry_after >= 0)
		return within(retry_after, 0, INT64_MAX / 4) + (int64_t)rng_below(r, (uint64_t)base + 1);
	return (int64_t)rng_below(r, (uint64_t)top + 1);
}

void
pace_breaker_init(struct pace_breaker *b, unsigned after, int64_t first, int64_t most)
{
	first = within(first, 1, INT64_MAX / 4);
	*b = (struct pace_breaker){ .after = after == 0 ? 1 : after, .first = first,
		.most = within(most, first, INT64_MAX / 4), .delay = first };
}

int64_t
pace_breaker_wait(struct pace_breaker *b, int64_t now)
{
	if (b->state == PACE_CLOSED)
		return 0;
	if (now < b->until)
		return b->until - now;
	/* open: time for a probe; half-open: the last one never came back */
	b->state = PACE_HALF;
	b->until = now + b->delay;
	return 0;
}

void
pace_breaker_ok(struct pace_breaker *b)
{
	b->state = PACE_CLOSED;
	b->failed = 0;
	b->delay = b->first;
}

void
pace_breaker_fail(struct pace_breaker *b, int64_t now, int64_t retry_after)
{
	int64_t named = retry_after < 0 ? 0 : within(retry_after, 0, INT64_MAX / 4);

	if (b->failed < b->after)
		b->failed++;
	switch (b->state) {
	case PACE_CLOSED:
		if (b->failed < b->after && retry_after < 0)
			return;
		break;
	case PACE_HALF:
		b->delay = b->delay > b->most / 2 ? b->most : b->delay * 2;
		break;
	case PACE_OPEN:
		if (now + named > b->until)
			b->until = now + named;
		return;
	}
	b->state = PACE_OPEN;
	b->until = now + (named > b->delay ? named : b->delay);
}

void
pace_bucket_init(struct pace_bucket *b, int64_t rate, int64_t per, int64_t burst, int64_t now)
{
	*b = (struct pace_bucket){ .rate = within(rate, 1, MOST), .per = within(per, 1, MOST),
		.burst = within(burst, 1, MOST), .at = now };
	b->level = b->burst * b->per;
}

int64_t
pace_bucket_take(struct pace_bucket *b, int64_t n, int64_t now)
{
	int64_t full = b->burst * b->per, past = now - b->at, need;

	if (past > 0) {
		/* the product cannot overflow: it stays below full + rate */
		if (past > (full - b->level) / b->rate)
			b->level = full;
		else
			b->level += past * b->rate;
		b->at = now;
	}
	need = within(n, 0, b->burst) * b->per;
	if (b->level >= need) {
		b->level -= need;
		return 0;
	}
	return (need - b->level + b->rate - 1) / b->rate;
}
