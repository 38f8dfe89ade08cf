/* u-pace - backoff, breaker, token bucket */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "net/pace.h"

static void
backoff(void **state)
{
	static const struct { int64_t base, cap; unsigned attempt; int64_t after, low, high; } t[] = {
		{ 100, 10000, 1, -1, 0, 100 },
		{ 100, 10000, 0, -1, 0, 100 },
		{ 100, 10000, 4, -1, 0, 800 },
		{ 100, 10000, 8, -1, 0, 10000 },
		{ 100, 10000, 4000000000u, -1, 0, 10000 },
		{ 100, 50, 3, -1, 0, 100 },
		{ 0, 0, 1, -1, 0, 1 },
		{ -5, -9, 3, -1, 0, 1 },
		{ 100, 10000, 1, 0, 0, 100 },
		{ 100, 10000, 1, 30000, 30000, 30100 },
		{ 100, 10000, 9, 30000, 30000, 30100 },
		{ INT64_MAX, INT64_MAX, 9, INT64_MAX, INT64_MAX / 4, INT64_MAX / 2 },
	};
	struct rng r;
	size_t i, k;

	(void)state;
	rng_init(&r, 1, 7);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int64_t least = INT64_MAX, most = 0;

		for (k = 0; k < 2000; k++) {
			int64_t ms = pace_backoff(&r, t[i].base, t[i].cap, t[i].attempt, t[i].after);

			if (ms < t[i].low || ms > t[i].high)
				fail_msg("row %zu: %lld", i, (long long)ms);
			least = ms < least ? ms : least;
			most = ms > most ? ms : most;
		}
		/* the jitter is over the whole range */
		assert_true(least - t[i].low <= (t[i].high - t[i].low) / 10);
		assert_true(t[i].high - most <= (t[i].high - t[i].low) / 10);
	}
}

/* What is done when, and what pace_breaker_wait says right after. */
static void
breaker(void **state)
{
	static const struct { char op; int64_t now, after, wait; enum pace_state state; } t[] = {
		{ 'w', 0, -1, 0, PACE_CLOSED },
		{ 'f', 10, -1, 0, PACE_CLOSED },
		{ 'f', 20, -1, 0, PACE_CLOSED },
		{ 'o', 30, -1, 0, PACE_CLOSED },	/* in a row only */
		{ 'f', 40, -1, 0, PACE_CLOSED },
		{ 'f', 50, -1, 0, PACE_CLOSED },
		{ 'f', 60, -1, 100, PACE_OPEN },
		{ 'f', 70, -1, 90, PACE_OPEN },		/* one that was under way */
		{ 'w', 159, -1, 1, PACE_OPEN },
		{ 'w', 160, -1, 100, PACE_HALF },	/* the probe; the next one waits */
		{ 'f', 170, -1, 200, PACE_OPEN },	/* doubled */
		{ 'w', 370, -1, 200, PACE_HALF },
		{ 'f', 380, -1, 350, PACE_OPEN },	/* to the cap */
		{ 'w', 730, -1, 350, PACE_HALF },
		{ 'f', 740, -1, 350, PACE_OPEN },
		{ 'w', 1090, -1, 350, PACE_HALF },
		{ 'w', 1440, -1, 350, PACE_HALF },	/* a probe that never came back */
		{ 'o', 1450, -1, 0, PACE_CLOSED },
		{ 'f', 1460, 5000, 5000, PACE_OPEN },	/* named: at once, and as long */
		{ 'f', 1470, 6000, 6000, PACE_OPEN },
		{ 'f', 1480, 1, 5990, PACE_OPEN },
		{ 'o', 1490, -1, 0, PACE_CLOSED },
		{ 'f', 1500, 5, 100, PACE_OPEN },	/* not below the own delay */
	};
	struct pace_breaker b;
	size_t i;

	(void)state;
	pace_breaker_init(&b, 3, 100, 350);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int64_t wait;

		if (t[i].op == 'f')
			pace_breaker_fail(&b, t[i].now, t[i].after);
		else if (t[i].op == 'o')
			pace_breaker_ok(&b);
		else if (pace_breaker_wait(&b, t[i].now) != 0) {
			assert_int_equal(pace_breaker_wait(&b, t[i].now), t[i].wait);
			continue;
		}
		if (b.state != t[i].state)
			fail_msg("row %zu: state %d", i, (int)b.state);
		wait = pace_breaker_wait(&b, t[i].now);
		if (wait != t[i].wait)
			fail_msg("row %zu: wait %lld", i, (long long)wait);
	}
	pace_breaker_init(&b, 0, 0, -1);
	pace_breaker_fail(&b, 0, -1);
	assert_int_equal(pace_breaker_wait(&b, 0), 1);
}

static void
bucket(void **state)
{
	struct pace_bucket b;
	int64_t now, taken = 0, wait;

	(void)state;
	/* 3 each 1000 ms, 5 saved up */
	pace_bucket_init(&b, 3, 1000, 5, 100);
	assert_int_equal(pace_bucket_take(&b, 5, 100), 0);
	assert_int_equal(pace_bucket_take(&b, 1, 100), 334);
	assert_int_equal(pace_bucket_take(&b, 1, 433), 1);
	assert_int_equal(pace_bucket_take(&b, 1, 434), 0);
	assert_int_equal(pace_bucket_take(&b, 0, 434), 0);
	assert_int_equal(pace_bucket_take(&b, 1, 0), 333);	/* a clock that goes back gives nothing */
	/* more than burst is burst, so that it can be had at all */
	assert_int_equal(pace_bucket_take(&b, 1000, INT64_MAX / 2), 0);
	assert_int_equal(pace_bucket_take(&b, -4, INT64_MAX / 2), 0);
	/* a long run gets its rate and nothing is lost to rounding */
	pace_bucket_init(&b, 7, 1000, 2, 0);
	for (now = 0; now < 600000; now += wait == 0 ? 0 : wait) {
		wait = pace_bucket_take(&b, 1, now);
		taken += wait == 0;
	}
	assert_in_range(taken, 4200, 4202);
	pace_bucket_init(&b, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MIN / 2);
	assert_int_equal(pace_bucket_take(&b, INT64_MAX, INT64_MAX / 4), 0);
	assert_true(pace_bucket_take(&b, INT64_MAX, INT64_MAX / 4) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backoff), cmocka_unit_test(breaker), cmocka_unit_test(bucket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
