#include "net/budget_internal.h"

#include <string.h>

#define WEEK ((int64_t)7 * 86400000)

static int64_t
within(int64_t v, int64_t min, int64_t max)
{
	return v < min ? min : v > max ? max : v;
}

void
budget_rule_conf(struct budget_conf *c)
{
	c->size = within(c->size == 0 ? 100 : c->size, 1, BUDGET_MOST);
	c->rate = within(c->rate == 0 ? 10 : c->rate, 1, BUDGET_MOST);
	c->window = within(c->window == 0 ? 60000 : c->window, 1, WEEK);
	c->reserve = c->reserve > 90 ? 90 : c->reserve;
	c->keep_due = c->keep_due > 100 ? 100 : c->keep_due;
	c->keep_replay = (unsigned)within(c->keep_replay, c->keep_due, 100);
	c->lease = within(c->lease == 0 ? 120000 : c->lease, 1, WEEK);
	c->after = c->after == 0 ? 1 : c->after;
	c->first = within(c->first, 1, WEEK);
	c->most = within(c->most, c->first, WEEK);
}

void
budget_defaults(struct budget_conf *c, enum budget_kind kind)
{
	*c = (struct budget_conf){ .kind = kind, .reserve = 10, .keep_due = 20, .keep_replay = 50,
		.after = 5, .first = 200, .most = 60000 };
	budget_rule_conf(c);
}

void
budget_reply_init(struct budget_reply *r, enum budget_end end)
{
	*r = (struct budget_reply){ .end = end, .cost = -1, .left = -1, .most = -1, .rate = -1, .ends = -1,
		.retry_after = -1 };
}

void
budget_rule_init(struct budget_state *s, const struct budget_conf *c, uint64_t epoch, int64_t now, int lost)
{
	memset(s, 0, sizeof(*s));
	s->kind = c->kind;
	s->epoch = epoch;
	s->at = s->start = now;
	s->ends = now + c->window;
	s->size = c->size;
	s->rate = c->rate;
	/* calls of the lost state may be under way; a window has to be asked for */
	s->level = !lost ? s->size * 1000 : c->kind == BUDGET_WINDOW ? 1000 : 0;
	s->quiet = lost ? now + BUDGET_PAUSE : now;
	pace_breaker_init(&s->breaker, c->after, c->first, c->most);
}

int
budget_rule_sane(const struct budget_state *s)
{
	const int64_t times[] = { s->at, s->start, s->ends, s->quiet, s->swept, s->breaker.until };
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i] < -(INT64_C(1) << 53) || times[i] > INT64_C(1) << 53)
			return 0;
	return s->kind <= BUDGET_WINDOW && s->nholds <= BUDGET_HOLDS && s->nwaits <= BUDGET_WAITS &&
	    s->size >= 1 && s->size <= BUDGET_MOST && s->rate >= 1 && s->rate <= BUDGET_MOST &&
	    s->level >= -(INT64_C(1) << 53) && s->level <= (int64_t)BUDGET_MOST * 1000 &&
	    s->breaker.state <= PACE_HALF && s->breaker.delay >= 1 && s->breaker.delay <= WEEK;
}

/* ---- time ---- */

/* Move every stamp so that the state is of moment `to`. */
static void
shift(struct budget_state *s, int64_t to)
{
	int64_t d = to - s->at;
	uint32_t i;

	s->at = to;
	s->start += d;
	s->ends += d;
	s->quiet += d;
	s->swept += d;
	s->breaker.until += d;
	for (i = 0; i < s->nholds; i++)
		s->holds[i].until += d;
	for (i = 0; i < s->nwaits; i++)
		s->waits[i].until += d;
}

/* Never below 0: the peer has no debts either, so this is still no more than
 * it has. */
static void
charge(struct budget_state *s, int64_t cost)
{
	s->level -= cost * 1000;
	if (s->level < 0)
		s->level = 0;
	s->spent += (uint64_t)cost;
}

/* The call may have been made, and nobody will say. */
static void
spend_hold(struct budget_state *s, uint32_t i)
{
	charge(s, s->holds[i].cost);
	s->holds[i] = s->holds[--s->nholds];
}

static void
drop_wait(struct budget_state *s, uint32_t i)
{
	memmove(s->waits + i, s->waits + i + 1, (--s->nwaits - i) * sizeof(s->waits[0]));
}

void
budget_rule_reboot(struct budget_state *s)
{
	shift(s, 0);
	while (s->nholds > 0)
		spend_hold(s, 0);
	s->nwaits = 0;
}

/*
 * A window is over.  Calls that are still under way stay taken off: they may
 * count in the new one.  The size follows a peer that allows less now, slowly,
 * since neighbours make every reply of a window speak of less too.
 */
static void
turn_window(struct budget_state *s)
{
	if (s->peak > 0)
		s->size = within(s->size - s->size / 8, s->peak, BUDGET_MOST);
	s->peak = 0;
	s->level = s->size * 1000;
}

static void
refill(struct budget_state *s, const struct budget_conf *c, int64_t now)
{
	int64_t full = s->size * 1000, past = now - s->at;

	if (s->kind == BUDGET_WINDOW) {
		if (now >= s->ends + BUDGET_GUARD) {
			turn_window(s);
			s->start = now;
			s->ends += ((now - s->ends - BUDGET_GUARD) / c->window + 1) * c->window;
		}
	} else if (s->level >= full || past > (full - s->level) / s->rate) {
		s->level = full;
	} else {
		s->level += past * s->rate;
	}
	s->at = now;
}

void
budget_rule_tick(struct budget_state *s, const struct budget_conf *c, int64_t now)
{
	uint32_t i;

	if (now < s->at)
		shift(s, now);
	/* values of the configuration that this process has, and an earlier one had not */
	s->breaker.after = c->after;
	s->breaker.first = c->first;
	s->breaker.most = c->most;
	s->breaker.delay = within(s->breaker.delay, c->first, c->most);
	if (!s->learned) {
		s->size = c->size;
		s->rate = c->rate;
	}
	refill(s, c, now);
	for (i = s->nholds; i-- > 0; )
		if (now >= s->holds[i].until)
			spend_hold(s, i);
	for (i = s->nwaits; i-- > 0; )
		if (now >= s->waits[i].until)
			drop_wait(s, i);
}

unsigned
budget_rule_sweep(struct budget_state *s, int (*dead)(void *ctx, int32_t pid, uint64_t start), void *ctx)
{
	unsigned n = 0;
	uint32_t i;

	for (i = s->nholds; i-- > 0; )
		if (dead(ctx, s->holds[i].pid, s->holds[i].start)) {
			spend_hold(s, i);
			n++;
		}
	for (i = s->nwaits; i-- > 0; )
		if (dead(ctx, s->waits[i].pid, s->waits[i].start)) {
			drop_wait(s, i);
			n++;
		}
	return n;
}

void
budget_rule_leave(struct budget_state *s, uint64_t owner)
{
	uint32_t i;

	for (i = s->nwaits; i-- > 0; )
		if (s->waits[i].owner == owner)
			drop_wait(s, i);
}

/* ---- reserving ---- */

int64_t
budget_rule_left(const struct budget_state *s)
{
	int64_t left = s->level;
	uint32_t i;

	for (i = 0; i < s->nholds; i++)
		left -= s->holds[i].cost * 1000;
	return left;
}

/* What is to be left alone, in thousandths: R; and on top of it for that
 * priority, at the beginning of a window. */
static int64_t
floor_all(const struct budget_state *s, const struct budget_conf *c)
{
	return s->size * 10 * c->reserve;
}

static int64_t
floor_prio(const struct budget_state *s, const struct budget_conf *c, enum budget_prio prio)
{
	int64_t ours = s->size * 1000 - floor_all(s, c);

	return prio == BUDGET_LIVE ? 0 : ours / 100 * (prio == BUDGET_DUE ? c->keep_due : c->keep_replay);
}

/* The part of v that counts so many ms before the end of a window; neither
 * product fits 64 bits for large windows. */
static int64_t
faded(const struct budget_conf *c, int64_t v, int64_t ms)
{
	return (int64_t)((double)v * ((double)within(ms, 0, c->window) / (double)c->window));
}

/* What those before that one wait for. */
static int64_t
ahead(const struct budget_state *s, const struct budget_who *who, enum budget_prio prio)
{
	int64_t sum = 0;
	uint32_t i;
	int passed = 0;

	for (i = 0; i < s->nwaits; i++) {
		const struct budget_wait *w = &s->waits[i];

		if (w->owner == who->owner && w->prio == prio)
			passed = 1;
		else if (w->prio < prio || (w->prio == prio && !passed))
			sum += w->cost * 1000;
	}
	return sum;
}

/* Thousandths that are missing for a call, 0 or less: none; *wait is then the
 * ms until they will be there if nothing else happens. */
static int64_t
missing(const struct budget_state *s, const struct budget_conf *c, const struct budget_who *who,
    int64_t cost, enum budget_prio prio, int64_t *wait)
{
	int64_t full = s->size * 1000, base = floor_all(s, c), keep = floor_prio(s, c, prio);
	int64_t before = ahead(s, who, prio), left = budget_rule_left(s), more, need;
	int64_t rest = s->ends + BUDGET_GUARD - s->at;

	cost *= 1000;
	need = base + cost + (s->kind == BUDGET_WINDOW ? faded(c, keep, rest) : keep);
	more = (need > full ? full : need) + before - left;
	if (s->kind == BUDGET_POINTS) {
		*wait = (more + s->rate - 1) / s->rate;
	} else {
		*wait = rest;
		/* the share for higher ones fades to what is there before the end */
		need = base + cost + before;
		if (keep > 0 && left > need && left - need < keep)
			*wait = rest + 1 - (int64_t)((double)c->window * ((double)(left - need) / (double)keep));
	}
	*wait = within(*wait, 1, WEEK);
	return more;
}

/* Stand in the queue, or go on standing there. */
static int64_t
stand(struct budget_state *s, int64_t now, const struct budget_who *who, int64_t cost, enum budget_prio prio,
    int64_t wait)
{
	struct budget_wait *w = NULL;
	int queued = ahead(s, who, prio) > 0;
	uint32_t i;

	/* those before it may be cheaper in the end than they asked for, or gone */
	if ((s->nholds > 0 || (queued && s->kind == BUDGET_POINTS)) && wait > BUDGET_POLL)
		wait = BUDGET_POLL;
	for (i = 0; i < s->nwaits && w == NULL; i++)
		if (s->waits[i].owner == who->owner && s->waits[i].prio == prio)
			w = &s->waits[i];
	if (w == NULL && s->nwaits < BUDGET_WAITS)
		w = &s->waits[s->nwaits++];
	if (w != NULL)
		*w = (struct budget_wait){ .owner = who->owner, .start = who->start, .pid = who->pid,
			.until = now + wait + BUDGET_GRACE, .cost = cost, .prio = prio };
	return wait;
}

int64_t
budget_rule_take(struct budget_state *s, const struct budget_conf *c, int64_t now,
    const struct budget_who *who, int64_t cost, enum budget_prio prio, struct budget_token *t)
{
	struct pace_breaker *b = &s->breaker;
	int64_t wait;
	uint32_t i;

	cost = within(cost, 0, BUDGET_MOST);
	if (now < s->quiet)
		return s->quiet - now;
	/* asked without pace_breaker_wait, which would make this call the probe */
	if (b->state != PACE_CLOSED && now < b->until)
		return within(b->until - now, 1, b->state == PACE_HALF ? BUDGET_POLL : WEEK);
	if (missing(s, c, who, cost, prio, &wait) > 0)
		return stand(s, now, who, cost, prio, wait);
	if (s->nholds == BUDGET_HOLDS || (!s->met && s->nholds > 0))
		return stand(s, now, who, cost, prio, BUDGET_POLL);
	(void)pace_breaker_wait(b, now);
	for (i = s->nwaits; i-- > 0; )
		if (s->waits[i].owner == who->owner && s->waits[i].prio == prio)
			drop_wait(s, i);
	*t = (struct budget_token){ .owner = who->owner, .id = s->next++, .epoch = s->epoch, .spent = s->spent,
		.at = now, .cost = cost, .probe = b->state == PACE_HALF };
	s->holds[s->nholds++] = (struct budget_hold){ .owner = who->owner, .id = t->id, .start = who->start,
		.until = now + c->lease, .cost = cost, .pid = who->pid, .prio = prio };
	return 0;
}

/* ---- settling ---- */

/*
 * What a reply says was measured at the peer some time after the call was
 * reserved.  Of calls that were settled since then it may or may not have seen
 * the cost: `since` is taken off.  Calls under way are holds, taken off anyway.
 * So the level is never above the truth, and what is too low comes back with the
 * next reply.
 */
static void
see_points(struct budget_state *s, const struct budget_reply *r, int64_t since)
{
	if (r->most > 0)
		s->size = within(r->most, 1, BUDGET_MOST);
	if (r->rate > 0)
		s->rate = within(r->rate, 1, BUDGET_MOST);
	if (r->left >= 0)
		/* one ms less: ours are whole, the peer's are not */
		s->level = (within(r->left, 0, BUDGET_MOST) - since) * 1000 - s->rate;
	s->level = within(s->level, 0, s->size * 1000);
	if (r->most > 0 || r->rate > 0 || r->left >= 0)
		s->learned = 1;
}

/* A reply that leaves so many speaks of a window of at least one more. */
static void
see_size(struct budget_state *s, const struct budget_reply *r)
{
	int64_t size = within(r->left, -1, BUDGET_MOST - 1) + 1;

	if (r->end == BUDGET_THROTTLED || size <= s->peak)
		return;
	s->peak = size;
	if (size > s->size || !s->learned)
		s->size = size;
}

static void
see_window(struct budget_state *s, const struct budget_conf *c, int64_t now, const struct budget_token *t,
    const struct budget_reply *r, int64_t since)
{
	/* the window ends between the two: asked at the earliest, heard at the latest */
	int64_t ends = within(r->ends, -1, c->window), early = t->at + ends, late = now + ends;
	int64_t low = (r->left - since) * 1000, high = r->left * 1000, full;
	uint32_t i;
	int turned = !s->learned;	/* what we counted is of no window, or of another one */

	if (ends >= 0 && s->learned && early <= s->start) {
		/* of the window before, perhaps: says nothing of this one */
		see_size(s, r);
		return;
	}
	if (ends >= 0) {
		if (s->learned && early > s->ends + c->window / 2) {
			turn_window(s);
			turned = 1;
		}
		if (!s->learned || early > s->ends || late < s->ends)
			s->ends = late;
		if (s->ends - c->window > s->start)
			s->start = s->ends - c->window;
	}
	see_size(s, r);
	/*
	 * Nothing flows in before the end, so what is taken off in doubt would
	 * be lost: our own count stands where it is possible.  It is too high by
	 * what neighbours took; the reply had seen none of the calls under way at
	 * the least.  Without its end a reply is believed only downwards.
	 */
	for (i = 0; i < s->nholds; i++)
		high += s->holds[i].cost * 1000;
	full = s->size * 1000;
	if (r->left >= 0 && ends >= 0)
		s->level = turned ? within(low, 0, full) : within(within(s->level, low, high), 0, full);
	else if (r->left >= 0 && s->level > high)
		s->level = high;
	if (ends >= 0 || r->left >= 0)
		s->learned = 1;
}

/* Nobody asks for a while.  The breaker counts it as one of a row; what the
 * peer named is kept here, since one good reply closes a breaker. */
static void
be_quiet(struct budget_state *s, const struct budget_conf *c, int64_t now, const struct budget_reply *r)
{
	int64_t quiet = r->retry_after, ends = within(r->ends, -1, c->window);

	if (s->kind == BUDGET_WINDOW && ends >= 0 && ends + BUDGET_GUARD > quiet)
		quiet = ends + BUDGET_GUARD;
	else if (quiet < 0)
		quiet = s->kind == BUDGET_WINDOW ? c->window : BUDGET_PAUSE;
	quiet = now + within(quiet, 1, WEEK);
	if (quiet > s->quiet)
		s->quiet = quiet;
	s->throttled++;
	pace_breaker_fail(&s->breaker, now, -1);
}

static void
see(struct budget_state *s, const struct budget_conf *c, int64_t now, const struct budget_token *t,
    const struct budget_reply *told, int64_t since)
{
	struct budget_reply r = *told;

	r.left = within(r.left, -1, BUDGET_MOST);
	if (r.end == BUDGET_THROTTLED && r.ends < 0)
		r.ends = r.retry_after;
	if (r.end == BUDGET_THROTTLED && (r.left < 0 || s->kind == BUDGET_WINDOW))
		r.left = 0;
	if (r.end != BUDGET_FAILED)
		s->met = 1;
	if (s->kind == BUDGET_WINDOW)
		see_window(s, c, now, t, &r, since);
	else
		see_points(s, &r, since);
}

void
budget_rule_settle(struct budget_state *s, const struct budget_conf *c, int64_t now,
    const struct budget_token *t, const struct budget_reply *r)
{
	int64_t cost = r->cost >= 0 ? within(r->cost, 0, BUDGET_MOST) : r->end == BUDGET_THROTTLED ? 0 : t->cost;
	int64_t since = within((int64_t)(s->spent - t->spent), 0, BUDGET_MOST);
	uint32_t i;

	for (i = 0; i < s->nholds; i++)
		if (s->holds[i].id == t->id && s->holds[i].owner == t->owner && t->epoch == s->epoch)
			break;
	if (r->end == BUDGET_UNUSED) {
		if (i < s->nholds)
			s->holds[i] = s->holds[--s->nholds];
		/* another one may be the probe at once */
		if (t->probe && s->breaker.state == PACE_HALF)
			s->breaker.until = now;
		return;
	}
	if (i < s->nholds) {	/* else its lease ran out, and it was spent then */
		s->holds[i] = s->holds[--s->nholds];
		charge(s, cost);
	}
	/* what was settled since a call of a lost state nobody knows */
	if (t->epoch == s->epoch)
		see(s, c, now, t, r, since);
	if (r->end == BUDGET_THROTTLED)
		be_quiet(s, c, now, r);
	else if (r->end == BUDGET_FAILED)
		pace_breaker_fail(&s->breaker, now, within(r->retry_after, -1, WEEK));
	else
		pace_breaker_ok(&s->breaker);
}
