/* u-budget - the rules of a shared budget, one by one */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/rng.h"
#include "net/budget_internal.h"

struct one {
	struct budget_conf c;
	struct budget_state s;
	struct budget_token t[8];
};

static void
one_init(struct one *o, enum budget_kind kind, int lost)
{
	budget_defaults(&o->c, kind);
	o->c.size = 1000;
	o->c.rate = 50;
	o->c.lease = 5000;
	budget_rule_init(&o->s, &o->c, 7, 100000, lost);
}

static int64_t
take(struct one *o, int64_t now, uint64_t owner, int64_t cost, enum budget_prio prio, unsigned t)
{
	struct budget_who who = { .owner = owner, .pid = (int32_t)owner };

	budget_rule_tick(&o->s, &o->c, now);
	return budget_rule_take(&o->s, &o->c, now, &who, cost, prio, &o->t[t]);
}

static void
settle(struct one *o, int64_t now, unsigned t, enum budget_end end, int64_t cost, int64_t left, int64_t ends,
    int64_t retry)
{
	struct budget_reply r;

	budget_reply_init(&r, end);
	r.cost = cost;
	r.left = left;
	r.ends = ends;
	r.retry_after = retry;
	budget_rule_tick(&o->s, &o->c, now);
	budget_rule_settle(&o->s, &o->c, now, &o->t[t], &r);
}

/* Down to which level each priority may go. */
static void
floors(void **state)
{
	static const struct { enum budget_prio prio; int64_t left, wait; } t[] = {
		{ BUDGET_LIVE, 110, 0 }, { BUDGET_LIVE, 109, 20 },	/* 10 % of 1000 */
		{ BUDGET_DUE, 290, 0 }, { BUDGET_DUE, 289, 20 },	/* and 20 % of 900 */
		{ BUDGET_REPLAY, 560, 0 }, { BUDGET_REPLAY, 559, 20 },	/* and 50 % */
		{ BUDGET_REPLAY, 60, 10000 },
	};
	struct one o;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int64_t wait;

		one_init(&o, BUDGET_POINTS, 0);
		assert_int_equal(take(&o, 100000, 1, 10, BUDGET_LIVE, 0), 0);
		settle(&o, 100000, 0, BUDGET_OK, 10, t[i].left, -1, -1);
		/* a reading counts as one ms older than it is */
		wait = take(&o, 100001, 1, 10, t[i].prio, 1);
		if (wait != t[i].wait)
			fail_msg("row %zu: wait %lld", i, (long long)wait);
	}
	/* dearer than what is above the floor: when full */
	one_init(&o, BUDGET_POINTS, 0);
	assert_int_equal(take(&o, 100000, 1, 5000, BUDGET_REPLAY, 0), 0);
	settle(&o, 100000, 0, BUDGET_OK, 10, 990, -1, -1);
	assert_in_range(take(&o, 100000, 1, 5000, BUDGET_REPLAY, 0), 200, 201);
	assert_int_equal(take(&o, 100201, 1, 5000, BUDGET_REPLAY, 0), 0);

	/* in a window replays may have more and more of it, R never */
	one_init(&o, BUDGET_WINDOW, 0);
	assert_int_equal(take(&o, 100000, 1, 1, BUDGET_LIVE, 0), 0);
	settle(&o, 100000, 0, BUDGET_OK, 1, 325, 60000, -1);
	o.s.size = 1000;
	assert_in_range(take(&o, 100000, 1, 1, BUDGET_REPLAY, 0), 30000, 31000);
	assert_int_equal(take(&o, 130500, 1, 1, BUDGET_REPLAY, 0), 0);
	settle(&o, 130600, 0, BUDGET_OK, 1, 100, 29400, -1);
	assert_int_equal(take(&o, 158000, 1, 1, BUDGET_LIVE, 0), 2000 + BUDGET_GUARD);
}

/* Reservations end once, and calls that nobody settled were made. */
static void
ends(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, BUDGET_POINTS, 0);
	/* one at a time, until the first reply */
	assert_int_equal(take(&o, 100000, 1, 100, BUDGET_LIVE, 0), 0);
	assert_int_equal(take(&o, 100000, 2, 100, BUDGET_LIVE, 1), BUDGET_POLL);
	settle(&o, 100000, 0, BUDGET_UNUSED, -1, -1, -1, -1);
	assert_int_equal(budget_rule_left(&o.s), 1000000);
	assert_int_equal(take(&o, 100000, 2, 100, BUDGET_LIVE, 1), 0);
	settle(&o, 100000, 1, BUDGET_OK, 100, 500, -1, -1);
	/* nobody settles: spent when the lease ends, and once only */
	assert_int_equal(take(&o, 100001, 1, 100, BUDGET_LIVE, 0), 0);
	assert_int_equal(budget_rule_left(&o.s), 400000);
	o.s.rate = 1;
	budget_rule_tick(&o.s, &o.c, 105001);
	assert_int_equal(o.s.nholds, 0);
	assert_int_equal(budget_rule_left(&o.s), 405000);
	settle(&o, 105001, 0, BUDGET_FAILED, -1, -1, -1, -1);
	assert_int_equal(budget_rule_left(&o.s), 405000);
	/* a reply that comes late has not seen what was settled meanwhile */
	assert_int_equal(take(&o, 105001, 1, 50, BUDGET_LIVE, 0), 0);
	assert_int_equal(take(&o, 105001, 2, 60, BUDGET_LIVE, 1), 0);
	settle(&o, 105001, 1, BUDGET_OK, 60, 300, -1, -1);
	assert_int_equal(budget_rule_left(&o.s), 250000 - 1);
	settle(&o, 105001, 0, BUDGET_OK, 50, 360, -1, -1);
	assert_int_equal(budget_rule_left(&o.s), 300000 - 1);
}

static int
is_two(void *ctx, int32_t pid, uint64_t start)
{
	(void)ctx;
	(void)start;
	return pid == 2;
}

/* Places in the queue. */
static void
queue(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, BUDGET_POINTS, 0);
	assert_int_equal(take(&o, 100000, 9, 900, BUDGET_LIVE, 0), 0);
	settle(&o, 100000, 0, BUDGET_OK, 900, 101, -1, -1);
	assert_in_range(take(&o, 100000, 1, 100, BUDGET_LIVE, 1), 1980, 2001);
	assert_int_equal(take(&o, 100000, 2, 10, BUDGET_LIVE, 2), BUDGET_POLL);
	assert_int_equal(take(&o, 100000, 3, 1, BUDGET_DUE, 3), BUDGET_POLL);
	/* there would be enough for the second one, but it is not its turn */
	assert_true(take(&o, 100500, 2, 10, BUDGET_LIVE, 2) > 0);
	/* the first one does not ask again and loses its place; others keep theirs */
	assert_int_equal(o.s.nwaits, 3);
	assert_true(take(&o, 101300, 2, 10, BUDGET_LIVE, 2) > 0);
	assert_int_equal(take(&o, 103005, 2, 10, BUDGET_LIVE, 2), 0);
	assert_int_equal(o.s.nwaits, 0);
	/* leaving, or dying, gives the place up; a hold of the dead is spent */
	assert_true(take(&o, 103005, 1, 900, BUDGET_LIVE, 1) > 0);
	assert_true(take(&o, 103005, 2, 900, BUDGET_DUE, 3) > 0);
	budget_rule_leave(&o.s, 1);
	assert_int_equal(o.s.nwaits, 1);
	assert_int_equal(budget_rule_sweep(&o.s, is_two, NULL), 2);
	assert_int_equal(o.s.nwaits + o.s.nholds, 0);
	assert_int_equal(take(&o, 103005, 1, 10, BUDGET_LIVE, 1), 0);
}

/* Throttled replies, the breaker, and what a peer named. */
static void
pauses(void **state)
{
	struct one o;
	unsigned i;

	(void)state;
	one_init(&o, BUDGET_POINTS, 0);
	assert_int_equal(take(&o, 100000, 1, 10, BUDGET_LIVE, 0), 0);
	settle(&o, 100000, 0, BUDGET_OK, 10, 900, -1, -1);
	assert_int_equal(take(&o, 100000, 1, 10, BUDGET_LIVE, 0), 0);
	assert_int_equal(take(&o, 100000, 1, 10, BUDGET_LIVE, 1), 0);
	settle(&o, 100000, 0, BUDGET_THROTTLED, -1, -1, -1, 4000);
	/* a good reply to a call under way does not end it */
	settle(&o, 100100, 1, BUDGET_OK, 10, 900, -1, -1);
	assert_int_equal(take(&o, 100200, 2, 10, BUDGET_LIVE, 2), 3800);
	assert_int_equal(take(&o, 104000, 2, 10, BUDGET_LIVE, 2), 0);
	settle(&o, 104000, 2, BUDGET_THROTTLED, -1, 5, -1, -1);
	assert_int_equal(take(&o, 104000, 2, 10, BUDGET_LIVE, 2), BUDGET_PAUSE);
	assert_int_equal(o.s.throttled, 2);
	/* failures in a row open the breaker for all; one probe; it can be handed back */
	for (i = 0; i < 5; i++) {
		assert_int_equal(take(&o, 130000, i, 1, BUDGET_LIVE, i), 0);
	}
	for (i = 0; i < 5; i++)
		settle(&o, 130000, i, BUDGET_FAILED, 0, -1, -1, -1);
	assert_int_equal(take(&o, 130100, 1, 1, BUDGET_LIVE, 0), 100);
	assert_int_equal(take(&o, 130200, 1, 1, BUDGET_LIVE, 0), 0);
	assert_int_equal(take(&o, 130200, 2, 1, BUDGET_LIVE, 1), BUDGET_POLL);
	settle(&o, 130210, 0, BUDGET_UNUSED, -1, -1, -1, -1);
	assert_int_equal(take(&o, 130210, 2, 1, BUDGET_LIVE, 1), 0);
	settle(&o, 130220, 1, BUDGET_FAILED, 0, -1, -1, 9000);
	assert_int_equal(take(&o, 130220, 2, 1, BUDGET_LIVE, 1), 9000);
	assert_int_equal(take(&o, 139220, 2, 1, BUDGET_LIVE, 1), 0);
	settle(&o, 139220, 1, BUDGET_OK, 1, -1, -1, -1);
	assert_int_equal(o.s.breaker.state, PACE_CLOSED);

	/* Brightpearl names the next window, or nothing */
	one_init(&o, BUDGET_WINDOW, 0);
	assert_int_equal(take(&o, 100000, 1, 1, BUDGET_LIVE, 0), 0);
	settle(&o, 100000, 0, BUDGET_THROTTLED, -1, 0, 12000, -1);
	assert_int_equal(take(&o, 100000, 1, 1, BUDGET_LIVE, 0), 12000 + BUDGET_GUARD);
	assert_int_equal(take(&o, 112250, 1, 1, BUDGET_LIVE, 0), 0);
	settle(&o, 112250, 0, BUDGET_THROTTLED, -1, -1, -1, -1);
	assert_int_equal(take(&o, 112250, 1, 1, BUDGET_LIVE, 0), 60000);
}

/* Reboots, clocks that go back, states that were lost. */
static void
times(void **state)
{
	struct one o;

	(void)state;
	one_init(&o, BUDGET_POINTS, 0);
	assert_int_equal(take(&o, 100000, 1, 10, BUDGET_LIVE, 0), 0);
	settle(&o, 100000, 0, BUDGET_OK, 10, 400, -1, -1);
	assert_int_equal(take(&o, 100001, 1, 100, BUDGET_LIVE, 0), 0);
	assert_int_equal(take(&o, 100001, 1, 100, BUDGET_LIVE, 1), 0);
	settle(&o, 100001, 1, BUDGET_THROTTLED, -1, 300, -1, 8000);
	/* back: nothing has passed, and nothing waits for ever */
	budget_rule_tick(&o.s, &o.c, 50);
	assert_int_equal(o.s.at, 50);
	assert_int_equal(budget_rule_left(&o.s), 200000 - 50);
	assert_int_equal(take(&o, 50, 1, 1, BUDGET_LIVE, 2), 8000);
	/* boot: it is 3 s old at least, and whoever had reserved is dead */
	budget_rule_reboot(&o.s);
	budget_rule_tick(&o.s, &o.c, 3000);
	assert_int_equal(o.s.nholds, 0);
	assert_int_equal(budget_rule_left(&o.s), 200000 - 50 + 3 * 50000);
	assert_int_equal(take(&o, 3000, 1, 1, BUDGET_LIVE, 2), 5000);

	/* lost: quiet, then what flows in, one at a time; replies of calls from
	 * before say nothing */
	one_init(&o, BUDGET_POINTS, 1);
	assert_int_equal(take(&o, 100000, 1, 10, BUDGET_LIVE, 0), BUDGET_PAUSE);
	o.t[7] = (struct budget_token){ .owner = 1, .epoch = 6, .at = 99000, .cost = 10 };
	settle(&o, 101000, 7, BUDGET_OK, 10, 1000, -1, -1);
	assert_true(take(&o, 101000, 1, 10, BUDGET_LIVE, 0) > 0);
	assert_int_equal(take(&o, 103000, 1, 0, BUDGET_LIVE, 0), 0);
	assert_true(take(&o, 109000, 2, 0, BUDGET_LIVE, 1) >= 0);
	one_init(&o, BUDGET_WINDOW, 1);
	o.c.reserve = 0;
	assert_int_equal(take(&o, 101000, 1, 1, BUDGET_LIVE, 0), 0);
	assert_true(take(&o, 101000, 2, 1, BUDGET_LIVE, 1) > 0);
	settle(&o, 101100, 0, BUDGET_OK, 1, 199, 20000, -1);
	assert_int_equal(o.s.size, 200);
	assert_int_equal(take(&o, 101100, 2, 1, BUDGET_LIVE, 1), 0);
	/* a reply of the window before does not take from this one */
	settle(&o, 121500, 1, BUDGET_OK, 1, 3, 10, -1);
	assert_int_equal(budget_rule_left(&o.s), 199000);
}

/* Whatever a peer says and a configuration holds. */
static void
extremes(void **state)
{
	static const int64_t v[] = { INT64_MIN, -2, -1, 0, 1, 59999, 1000000000, INT64_MAX };
	struct rng r;
	struct one o;
	int i, k, kind;

	(void)state;
	rng_init(&r, 1, 9);
	for (kind = 0; kind < 2; kind++)
		for (i = 0; i < 300; i++) {
			int64_t now = 1000;

			o.c = (struct budget_conf){ .kind = (enum budget_kind)kind, .size = v[rng_below(&r, 8)],
				.rate = v[rng_below(&r, 8)], .window = v[rng_below(&r, 8)],
				.reserve = (unsigned)rng_next(&r), .keep_due = (unsigned)rng_below(&r, 200),
				.keep_replay = (unsigned)rng_below(&r, 200), .lease = v[rng_below(&r, 8)],
				.after = (unsigned)rng_below(&r, 3), .first = v[rng_below(&r, 8)], .most = v[rng_below(&r, 8)] };
			budget_rule_conf(&o.c);
			budget_rule_init(&o.s, &o.c, 7, now, (int)rng_below(&r, 2));
			memset(o.t, 0, sizeof(o.t));
			for (k = 0; k < 100; k++) {
				struct budget_who who = { .owner = rng_below(&r, 40) };
				struct budget_reply p = { .end = (enum budget_end)rng_below(&r, 4),
					.cost = v[rng_below(&r, 8)], .left = v[rng_below(&r, 8)],
					.most = v[rng_below(&r, 8)], .rate = v[rng_below(&r, 8)],
					.ends = v[rng_below(&r, 8)], .retry_after = v[rng_below(&r, 8)] };

				now += (int64_t)rng_below(&r, 3) == 0 ? INT64_C(1) << rng_below(&r, 40) : 20;
				budget_rule_tick(&o.s, &o.c, now);
				assert_true(budget_rule_take(&o.s, &o.c, now, &who, v[rng_below(&r, 8)],
				    (enum budget_prio)rng_below(&r, 3), &o.t[rng_below(&r, 8)]) >= 0);
				budget_rule_settle(&o.s, &o.c, now, &o.t[rng_below(&r, 8)], &p);
				if (!budget_rule_sane(&o.s))
					fail_msg("kind %d, round %d, step %d", kind, i, k);
			}
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floors), cmocka_unit_test(ends), cmocka_unit_test(queue),
		cmocka_unit_test(pauses), cmocka_unit_test(times), cmocka_unit_test(extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
