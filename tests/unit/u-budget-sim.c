/* u-budget-sim - a shared budget against simulated peers, processes and clocks */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "net/budget_internal.h"

#define ACTORS 16

/* ---- a peer as it is documented ---- */

struct peer {
	enum budget_kind kind;
	int64_t size, rate;	/* window: calls in 60 s */
	int64_t level;		/* thousandths; window: calls left, times 1000 */
	int64_t at;
};

static void
peer_tick(struct peer *p, int64_t now)
{
	if (p->kind == BUDGET_WINDOW) {
		/* the wall clock's minute; this machine was started 17 s into one */
		if ((now + 17000) / 60000 != (p->at + 17000) / 60000)
			p->level = p->size * 1000;
	} else {
		p->level += (now - p->at) * p->rate;
		if (p->level > p->size * 1000)
			p->level = p->size * 1000;
	}
	p->at = now;
}

static int
peer_charge(struct peer *p, int64_t now, int64_t cost)
{
	peer_tick(p, now);
	if (p->level < cost * 1000)
		return 0;
	p->level -= cost * 1000;
	return 1;
}

static void
peer_tell(struct peer *p, int64_t now, struct budget_reply *r)
{
	peer_tick(p, now);
	r->left = p->level / 1000;
	if (p->kind == BUDGET_WINDOW) {
		r->ends = 60000 - (now + 17000) % 60000;
	} else {
		r->most = p->size;
		r->rate = p->rate;
	}
}

/* ---- processes that call it ---- */

enum phase { ASK, ARRIVE, FINISH, HEAR, REST };

struct actor {
	struct budget_who who;
	enum budget_prio prio;
	int64_t least, most;	/* cost asked in advance */
	int64_t every;		/* ms between two calls, 0: at once */
	enum phase phase;
	int64_t next, asked, cost, charged;
	struct budget_token token;
	struct budget_reply reply;
	int64_t calls, worst;	/* made; longest wait for a grant */
};

struct sim {
	struct peer peer;
	struct budget_conf c;
	struct budget_state s;
	struct actor a[ACTORS];
	unsigned n;
	struct rng r;
	int64_t now, until, calls;	/* end by time, or by calls when not 0 */
	int64_t made, throttled, charged, over;
	int64_t each, neighbour;	/* a neighbour takes up to `each` every so many ms */
	int64_t taken, then;		/* by it; when next */
	unsigned faults;		/* in a thousand: each of died, lost reply, never arrived, unused */
};

static int64_t
some(struct sim *m, int64_t low, int64_t high)
{
	return low + (int64_t)rng_below(&m->r, (uint64_t)(high - low + 1));
}

static int
fault(struct sim *m)
{
	return rng_below(&m->r, 1000) < m->faults;
}

static void
ask(struct sim *m, struct actor *a)
{
	int64_t wait = budget_rule_take(&m->s, &m->c, m->now, &a->who, a->cost, a->prio, &a->token);

	assert_true(wait >= 0);
	if (wait > 0) {
		/* sleepers wake late */
		a->next = m->now + wait + some(m, 0, 20);
		return;
	}
	if (m->now - a->asked > a->worst)
		a->worst = m->now - a->asked;
	a->phase = ARRIVE;
	a->next = m->now + some(m, 1, 150);
	budget_reply_init(&a->reply, BUDGET_OK);
	if (fault(m)) {
		budget_reply_init(&a->reply, BUDGET_UNUSED);
		a->phase = HEAR;
	} else if (fault(m)) {
		a->reply.end = BUDGET_FAILED;
		a->reply.cost = 0;
		a->phase = HEAR;
	}
}

static void
arrive(struct sim *m, struct actor *a)
{
	m->made++;
	a->phase = FINISH;
	a->next = m->now + some(m, 5, 400);
	a->charged = 0;
	if (peer_charge(&m->peer, m->now, a->cost)) {
		/* requests are counted as they come, points as they are done with */
		if (m->peer.kind == BUDGET_WINDOW)
			peer_tell(&m->peer, m->now, &a->reply);
		a->charged = m->peer.kind == BUDGET_WINDOW ? a->cost : some(m, a->cost * 3 / 10, a->cost);
		return;
	}
	m->throttled++;
	a->reply.end = BUDGET_THROTTLED;
	peer_tell(&m->peer, m->now, &a->reply);
}

static void
finish(struct sim *m, struct actor *a)
{
	a->phase = HEAR;
	a->next = m->now + some(m, 1, 150);
	if (a->reply.end != BUDGET_THROTTLED) {
		peer_tick(&m->peer, m->now);
		m->peer.level += (a->cost - a->charged) * 1000;
		m->charged += a->charged;
		a->reply.cost = a->charged;
	}
	if (m->peer.kind == BUDGET_POINTS)
		peer_tell(&m->peer, m->now, &a->reply);
	if (fault(m))
		budget_reply_init(&a->reply, BUDGET_FAILED);
}

static void
start(struct sim *m, struct actor *a)
{
	if (m->calls != 0 && m->made >= m->calls) {
		a->phase = REST;
		a->next = INT64_MAX;
		return;
	}
	a->phase = ASK;
	a->cost = some(m, a->least, a->most);
	a->next = m->now + (a->every == 0 ? some(m, 0, 3) : some(m, 1, 2 * a->every));
	a->asked = a->next;
}

static void
hear(struct sim *m, struct actor *a)
{
	a->calls++;
	if (fault(m))
		/* killed; another one comes up, and nobody tells what became of the call */
		a->who.owner += ACTORS;
	else
		budget_rule_settle(&m->s, &m->c, m->now, &a->token, &a->reply);
	start(m, a);
}

/* Whoever is next, until the end. */
static void
run(struct sim *m)
{
	for (;;) {
		struct actor *a = &m->a[0];
		unsigned i;

		for (i = 1; i < m->n; i++)
			if (m->a[i].next < a->next)
				a = &m->a[i];
		if (a->next == INT64_MAX || (m->until != 0 && a->next > m->until))
			break;
		m->now = a->next;
		for (; m->neighbour != 0 && m->then <= m->now; m->then += some(m, 1, 2 * m->neighbour)) {
			int64_t cost = some(m, 1, m->each);

			if (peer_charge(&m->peer, m->then, cost))
				m->taken += cost;
		}
		peer_tick(&m->peer, m->now);
		budget_rule_tick(&m->s, &m->c, m->now);
		(a->phase == ASK ? ask : a->phase == ARRIVE ? arrive : a->phase == FINISH ? finish : hear)(m, a);
		assert_true(budget_rule_sane(&m->s));
		/* invariant 1 */
		m->over += budget_rule_left(&m->s) > m->peer.level;
	}
}

static void
sim_init(struct sim *m, enum budget_kind kind, unsigned n, int64_t size, int64_t rate, uint64_t seed)
{
	unsigned i;

	memset(m, 0, sizeof(*m));
	rng_init(&m->r, 1, seed);
	m->now = 5000;
	m->peer = (struct peer){ .kind = kind, .size = size, .rate = rate, .level = size * 1000, .at = m->now };
	budget_defaults(&m->c, kind);
	m->c.size = kind == BUDGET_WINDOW ? 20 : 50;
	m->c.rate = 10;
	m->c.reserve = 0;
	m->c.lease = 2000;
	budget_rule_conf(&m->c);
	budget_rule_init(&m->s, &m->c, 1, m->now, 0);
	m->n = n;
	m->then = m->now;
	for (i = 0; i < n; i++) {
		m->a[i] = (struct actor){ .who = { .owner = i + 1 }, .least = 1, .most = 1, .next = m->now };
		m->a[i].asked = m->now;
		m->a[i].cost = 1;
	}
}

/* ---- what is promised ---- */

/* Never more than the peer allows, and no later than it allows. */
static void
alone(void **state)
{
	static const struct { enum budget_kind kind; unsigned n, faults; int64_t size, rate, cost, calls; } t[] = {
		{ BUDGET_POINTS, 1, 0, 2000, 100, 400, 1500 },
		{ BUDGET_POINTS, 4, 0, 2000, 100, 400, 1500 },
		{ BUDGET_POINTS, 16, 0, 2000, 100, 100, 3000 },
		{ BUDGET_POINTS, 16, 0, 1000, 50, 900, 600 },
		{ BUDGET_POINTS, 16, 0, 20000, 1000, 900, 4000 },
		{ BUDGET_POINTS, 16, 5, 2000, 100, 200, 3000 },
		{ BUDGET_WINDOW, 1, 0, 125, 0, 1, 1010 },
		{ BUDGET_WINDOW, 4, 0, 200, 0, 1, 2300 },
		{ BUDGET_WINDOW, 16, 0, 200, 0, 1, 4300 },
		{ BUDGET_WINDOW, 16, 5, 200, 0, 1, 4300 },
	};
	struct sim m;
	uint64_t seed;
	size_t i;
	unsigned k;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		for (seed = 1; seed <= 3; seed++) {
			int64_t least;

			sim_init(&m, t[i].kind, t[i].n, t[i].size, t[i].rate, seed);
			m.calls = t[i].calls;
			m.faults = t[i].faults;
			for (k = 0; k < m.n; k++)
				m.a[k].most = t[i].cost;
			run(&m);
			/* from the first moment on; the calls of a last, partly used window cost no time */
			least = t[i].kind == BUDGET_POINTS ? (m.charged / t[i].rate - t[i].size / t[i].rate) * 1000 :
			    (m.charged - 1) / t[i].size * 60000 - (5000 + 17000) % 60000;
			printf("# row %zu: %lld calls, %lld throttled, %lld s where %lld would do\n", i, (long long)m.made,
			    (long long)m.throttled, (long long)(m.now - 5000) / 1000, (long long)least / 1000);
			if (m.throttled > 0 || m.over > 0)
				fail_msg("row %zu: %lld throttled, %lld times over", i, (long long)m.throttled, (long long)m.over);
			if (m.now - 5000 > least + least / 20)
				fail_msg("row %zu: %lld ms, could be %lld", i, (long long)m.now - 5000, (long long)least);
		}
}

/* Neighbours that stay within the reserve: under 1 % throttled, over 95 % used
 * of what they leave. */
static void
neighbours(void **state)
{
	static const struct { enum budget_kind kind; int64_t size, rate, cost, each, every; } t[] = {
		{ BUDGET_POINTS, 2000, 100, 100, 60, 1000 },	/* a third of the rate */
		{ BUDGET_POINTS, 2000, 100, 300, 120, 1000 },	/* 60 % of it */
		{ BUDGET_POINTS, 20000, 1000, 300, 1000, 1000 },
		{ BUDGET_POINTS, 2000, 100, 300, 0, 0 },		/* none */
		{ BUDGET_WINDOW, 200, 0, 1, 0, 0 },
		{ BUDGET_WINDOW, 200, 0, 1, 1, 2000 },		/* 30 of 200 */
		{ BUDGET_WINDOW, 200, 0, 1, 2, 2200 },
	};
	struct sim m;
	size_t i;
	unsigned k;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int64_t can;

		sim_init(&m, t[i].kind, 8, t[i].size, t[i].rate, 11 + i);
		m.c.reserve = 25;
		m.until = m.now + 900000;
		m.each = t[i].each;
		m.neighbour = t[i].every;
		for (k = 0; k < m.n; k++)
			m.a[k].most = t[i].cost;
		run(&m);
		/* in 15 minutes from the 22nd second on there are 16 windows */
		can = t[i].size * 3 / 4 * (t[i].kind == BUDGET_POINTS ? 1 : 16) + 900 * t[i].rate - m.taken;
		printf("# row %zu: %lld calls, %lld throttled, %lld of %lld used, neighbour %lld\n", i, (long long)m.made,
		    (long long)m.throttled, (long long)m.charged, (long long)can, (long long)m.taken);
		if (m.throttled * 100 >= m.made || m.charged * 100 < can * 95)
			fail_msg("row %zu: %lld of %lld throttled, %lld of %lld used", i, (long long)m.throttled,
			    (long long)m.made, (long long)m.charged, (long long)can);
	}
}

/* Live has its way whatever replays want, which use up the rest. */
static void
priorities(void **state)
{
	struct sim m;
	int64_t live = 0, due = 0, replay = 0, worst = 0;
	unsigned k;

	(void)state;
	sim_init(&m, BUDGET_POINTS, 12, 2000, 100, 3);
	m.until = m.now + 600000;
	for (k = 0; k < m.n; k++) {
		m.a[k].most = 100;
		m.a[k].prio = k < 4 ? BUDGET_LIVE : BUDGET_REPLAY;
		m.a[k].every = k < 4 ? 4000 : 0;
	}
	run(&m);
	for (k = 0; k < 4; k++)
		worst = m.a[k].worst > worst ? m.a[k].worst : worst;
	printf("# live waited %lld ms at most, %lld of %lld used\n", (long long)worst, (long long)m.charged,
	    (long long)(2000 / 2 + 600 * 100));
	assert_int_equal(m.throttled + m.over, 0);
	/* the first replies apart, one poll */
	assert_in_range(worst, 0, 600);
	assert_true(m.charged >= (2000 / 2 + 600 * 100) * 95 / 100);

	/* live wants all there is: the others get what comes before, and no more */
	sim_init(&m, BUDGET_POINTS, 12, 2000, 100, 4);
	m.until = m.now + 600000;
	for (k = 0; k < m.n; k++) {
		m.a[k].most = k < 4 ? 400 : 5;
		m.a[k].prio = k < 4 ? BUDGET_LIVE : k < 8 ? BUDGET_DUE : BUDGET_REPLAY;
	}
	run(&m);
	for (k = 0; k < m.n; k++)
		*(k < 4 ? &live : k < 8 ? &due : &replay) += m.a[k].calls;
	printf("# overload: live %lld, due %lld, replay %lld calls\n", (long long)live, (long long)due, (long long)replay);
	assert_int_equal(m.throttled + m.over, 0);
	assert_true(live > 300);
	assert_in_range(due + replay, 0, 30);
}

/* A dear call among cheap ones of its own priority comes up in its turn. */
static void
no_starving(void **state)
{
	struct sim m;
	unsigned k;

	(void)state;
	sim_init(&m, BUDGET_POINTS, 9, 1000, 100, 5);
	m.until = m.now + 300000;
	for (k = 0; k < m.n; k++)
		m.a[k].most = 20;
	m.a[0].least = m.a[0].most = 900;
	m.a[0].every = 20000;
	run(&m);
	printf("# dear: %lld calls, waited %lld ms at most\n", (long long)m.a[0].calls, (long long)m.a[0].worst);
	assert_true(m.a[0].calls >= 8);
	assert_in_range(m.a[0].worst, 0, 15000);
	assert_int_equal(m.throttled, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone), cmocka_unit_test(neighbours), cmocka_unit_test(priorities),
		cmocka_unit_test(no_starving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
