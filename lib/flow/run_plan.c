/* What is given to the script in a turn: exceptions that are due, the live range. */
#include <stdlib.h>
#include <string.h>

#include "flow/run_internal.h"
#include "store/rows.h"

struct plan {
	struct run *r;
	struct ledger_view *v;
	struct ss_err *err;
	int64_t now, next_due;
	struct rows *rows;
	char table[128];
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
	due = is_due(p, e);
	if (due == -1)
		return -1;
	if (due == 2)
		return buf_add(&p->expired, &e->place, sizeof(e->place)) == -1 ? err_nomem(p->err) : 0;
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
	r->ndue = r->next_due = 0;
	r->fed_all = r->sent_end = r->saw_end = 0;
	r->fed_turn = 0;
	r->looked_up = 0;
	r->one = 0;
	r->turn++;
	if (ledger_exceptions(p.v, r->o->name, 0, plan_row, &p, err) == 0 && plan_live(r, p.v, applied, err) == 0)
		rc = 0;
	rows_close(p.rows);
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
	int64_t now, due;
};

static int
next_row(void *ctx, const struct ledger_exc *e)
{
	struct next_due *n = ctx;
	int64_t t = e->state == EVENT_FAILED ? e->due : e->behind == 0 ? e->deadline : 0;

	if (t != 0 && (n->due == 0 || t < n->due))
		n->due = t;
	return 0;
}

int
run_plan_next_due(struct run *r, int64_t *due, struct ss_err *err)
{
	struct next_due n = { 0 };
	struct ledger_view *v;
	int rc;

	if (ledger_catchup(r->ledger, NULL, err) == -1 || ledger_view(&v, r->ledger, err) == -1)
		return -1;
	rc = ledger_exceptions(v, r->o->name, 0, next_row, &n, err);
	ledger_view_end(v);
	*due = n.due;
	return rc;
}
