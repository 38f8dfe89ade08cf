/* What is given to the script in a turn: exceptions that are due, the live range. */
#include <stdlib.h>
#include <string.h>

#include "flow/run_internal.h"
#include "store/rows.h"

#define AT_ONCE_MS 100	/* a wait of less is none */
#define AGAIN_MS 1000	/* --follow: what comes back at once waits so long, then doubling */

struct plan {
	struct run *r;
	struct ledger_view *v;
	struct ss_err *err;
	int64_t now, next_due;
	struct rows *rows;
	char table[128];
	struct hash_map again;	/* run.again as it was before this turn */
	struct buf expired;	/* places (uint64_t) whose deadline is over */
};

static int
is_state(struct json_span type)
{
	return (type.n > 5 && memcmp(type.p, "item.", 5) == 0) || (type.n > 8 && memcmp(type.p, "product.", 8) == 0);
}

/* Is the row there that a parked delivery waits for?  Tables are few: the last
 * one stays open. */
static int
row_present(struct plan *p, const struct ledger_exc *e)
{
	char name[sizeof(p->table)];

	/* a row that names no table cannot come: it waits for its deadline */
	if (e->table.n == 0 || e->table.n >= sizeof(name))
		return 0;
	memcpy(name, e->table.p, e->table.n);
	name[e->table.n] = '\0';
	if (rows_check_name(name, NULL) == -1)
		return 0;
	if (p->rows == NULL || strlen(p->table) != e->table.n || memcmp(p->table, e->table.p, e->table.n) != 0) {
		rows_close(p->rows);
		p->rows = NULL;
		memcpy(p->table, e->table.p, e->table.n);
		p->table[e->table.n] = '\0';
		if (rows_open(&p->rows, p->r->cli->home, p->table, p->err) == -1)
			return -1;
	}
	return p->rows == NULL ? 0 : rows_has(p->rows, e->row.p, e->row.n, p->err);
}

/* 1 feed it now, 0 not yet, 2 its deadline is over, -1. */
static int
is_due(struct plan *p, const struct ledger_exc *e)
{
	uint64_t first, last;
	int rc;

	if (e->state == EVENT_FAILED) {
		if (e->due > p->now && (p->next_due == 0 || e->due < p->next_due))
			p->next_due = e->due;
		return e->due <= p->now;
	}
	if (e->behind != 0) {
		rc = ledger_open_run(p->v, p->r->o->name, e->behind, &first, &last, p->err);
		return rc == -1 ? -1 : rc == 0 || first > e->behind;
	}
	rc = row_present(p, e);
	if (rc != 0)
		return rc;
	return e->deadline != 0 && e->deadline <= p->now ? 2 : 0;
}

/* What is remembered of an exception that was fed in this run: how many of its
 * turns came at once, and when the last one was (ms, wall clock). */
#define AGAIN_BITS 48
#define AGAIN_WHEN (((uint64_t)1 << AGAIN_BITS) - 1)

/* From when on (ms, wall clock) it may be fed again in this run: 0 any time,
 * INT64_MAX not at all.  A script that hands it back with a due that is over, or
 * parks it though its row is there, must not turn it round at full speed. */
static int64_t
again_at(const struct run *r, const struct ledger_exc *e)
{
	const uint64_t *slot = hash_get(&r->again, e->place);
	uint64_t turns = slot == NULL ? 0 : *slot >> AGAIN_BITS;

	if (slot == NULL)
		return 0;
	if (!r->o->follow)
		return turns >= RUN_TURNS || clock_mono() >= r->deadline ? INT64_MAX : 0;
	turns = turns < RUN_TURNS ? 0 : turns - RUN_TURNS + 1;
	return turns == 0 ? 0 : (int64_t)(*slot & AGAIN_WHEN) + (turns > 8 ? AGAIN_MS << 8 : AGAIN_MS << turns);
}

/* How many of its turns came at once, this one with them. */
static uint64_t
turns_of(const struct run *r, const struct ledger_exc *e)
{
	const uint64_t *slot = hash_get(&r->again, e->place);
	uint64_t turns = slot == NULL ? 0 : *slot >> AGAIN_BITS;

	if (slot != NULL && e->state == EVENT_FAILED && e->due > (int64_t)(*slot & AGAIN_WHEN) + AT_ONCE_MS)
		return turns;
	return turns < 1000 ? turns + 1 : turns;
}

int
run_plan_fed(struct run *r, const struct run_due *d)
{
	uint64_t *slot = hash_add(&r->again, d->place);

	if (slot == NULL)
		return -1;
	*slot = d->turns << AGAIN_BITS | ((uint64_t)clock_now(&r->cli->clock) & AGAIN_WHEN);
	return 0;
}

static int
add_due(struct run *r, const struct ledger_exc *e)
{
	if (r->ndue == r->capdue) {
		size_t cap = r->capdue == 0 ? 256 : r->capdue * 2;
		struct run_due *v = realloc(r->due, cap * sizeof(*v));

		if (v == NULL)
			return -1;
		r->due = v;
		r->capdue = cap;
	}
	r->due[r->ndue++] = (struct run_due){ .place = e->place, .seq = e->seq, .replay = e->replay, .force = e->force,
		.turns = turns_of(r, e),
		/* parking is no attempt */
		.attempt = e->attempt + (e->state == EVENT_FAILED), .mode = EVENT_DUE };
	return 0;
}

static int
plan_row(void *ctx, const struct ledger_exc *e)
{
	struct plan *p = ctx;
	struct run *r = p->r;
	uint64_t *slot = hash_add(&r->exc, e->place), key;
	int due;

	if (slot == NULL)
		return err_nomem(p->err);
	*slot = 1;
	/* of those that are gone nothing is remembered */
	if ((slot = hash_get(&p->again, e->place)) != NULL) {
		uint64_t was = *slot;

		if ((slot = hash_add(&r->again, e->place)) == NULL)
			return err_nomem(p->err);
		*slot = was;
	}
	due = is_due(p, e);
	if (due == -1)
		return -1;
	if (due == 2)
		return buf_add(&p->expired, &e->place, sizeof(e->place)) == -1 ? err_nomem(p->err) : 0;
	if (due == 1 && again_at(r, e) > p->now) {
		if (e->state == EVENT_PARKED && e->deadline != 0 && e->deadline <= p->now)
			return buf_add(&p->expired, &e->place, sizeof(e->place)) == -1 ? err_nomem(p->err) : 0;
		r->worn += (*hash_get(&r->again, e->place) >> AGAIN_BITS) >= RUN_TURNS;
		due = 0;
	}
	if (due == 1)
		return add_due(r, e) == -1 ? err_nomem(p->err) : 0;
	if (is_state(e->type) || e->key.n == 0)
		return 0;
	key = hash_64(e->key.p, e->key.n, 0);
	slot = hash_add(&r->held, key);
	if (slot == NULL)
		return err_nomem(p->err);
	if (*slot == 0)
		*slot = e->place;
	return 0;
}

static int
plan_live(struct run *r, struct ledger_view *v, uint64_t applied, struct ss_err *err)
{
	uint64_t first, last, n;
	int rc;

	r->live_from = r->live_next = 1;
	r->live_end = applied + 1;
	r->live_first = r->live_last = 0;
	rc = ledger_crashes(v, r->o->name, &n, &first, &last, err);
	r->alone_first = r->alone_last = 0;
	if (rc == 0 && n >= RUN_CRASHES) {
		r->alone_first = first;
		r->alone_last = last;
	}
	return rc;
}

int
run_plan(struct run *r, struct ss_err *err)
{
	struct plan p = { .r = r, .err = err };
	uint64_t applied = 0, place;
	size_t i;
	int rc = -1;

	if (ledger_catchup(r->ledger, &applied, err) == -1 || ledger_view(&p.v, r->ledger, err) == -1)
		return -1;
	p.now = clock_now(&r->cli->clock);
	hash_clear(&r->exc);
	hash_clear(&r->held);
	p.again = r->again;
	r->again = (struct hash_map){ 0 };
	r->worn = 0;
	r->ndue = r->next_due = 0;
	r->fed_all = r->sent_end = r->saw_end = 0;
	r->fed_turn = 0;
	r->looked_up = 0;
	r->one = 0;
	r->turn++;
	if (ledger_exceptions(p.v, r->o->name, 0, plan_row, &p, err) == 0 && plan_live(r, p.v, applied, err) == 0)
		rc = 0;
	rows_close(p.rows);
	hash_free(&p.again);
	ledger_view_end(p.v);
	for (i = 0; rc == 0 && i + sizeof(place) <= p.expired.len; i += sizeof(place)) {
		memcpy(&place, p.expired.p + i, sizeof(place));
		rc = run_line_dead(r, place, 0, OUTCOME_MISSING, "deadline",
		    "what it waited for did not come before the deadline", err);
	}
	buf_free(&p.expired);
	return rc;
}

/* ---- when there is something to do again ---- */

struct next_due {
	const struct run *r;
	int64_t due;
};

static int
next_row(void *ctx, const struct ledger_exc *e)
{
	struct next_due *n = ctx;
	int64_t t = e->state == EVENT_FAILED ? e->due : e->behind == 0 ? e->deadline : 0;

	if (e->state == EVENT_FAILED && again_at(n->r, e) > t)
		t = again_at(n->r, e);
	if (t != 0 && t != INT64_MAX && (n->due == 0 || t < n->due))
		n->due = t;
	return 0;
}

int
run_plan_next_due(struct run *r, int64_t *due, struct ss_err *err)
{
	struct next_due n = { .r = r };
	struct ledger_view *v;
	int rc;

	if (ledger_catchup(r->ledger, NULL, err) == -1 || ledger_view(&v, r->ledger, err) == -1)
		return -1;
	rc = ledger_exceptions(v, r->o->name, 0, next_row, &n, err);
	ledger_view_end(v);
	*due = n.due;
	return rc;
}
