#include "flow/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "event/leaf.h"
#include "flow/diff_internal.h"
#include "store/ledger.h"
#include "store/log.h"

#define POINT_MIN 20000		/* events looked up one by one before all rows are read */

#define LEAF_GROUPS 64		/* groups compared by leaf when spelling was of no use */

int
diff_open(struct diff **out, const char *home, const char *target, const struct clock *clock,
    struct rng *rng, struct ss_err *err)
{
	struct diff *d = calloc(1, sizeof(*d));

	*out = d;
	if (d == NULL)
		return err_nomem(err);
	d->home = home;
	d->target = (struct json_span){ target, strlen(target) };
	d->clock = clock;
	d->rng = rng;
	d->table.extra = 1;	/* how a row's state was spelled */
	return 0;
}

void
diff_close(struct diff *d)
{
	if (d == NULL)
		return;
	ledger_view_end(d->view);
	ledger_close(d->ledger);
	log_close(d->log);
	hash_free(&d->held);
	hash_free(&d->sent);
	diff_table_free(&d->table);
	diff_event_free(&d->keys);
	diff_event_free(&d->own);
	diff_narrow_free(&d->narrow);
	json_mem_free(&d->mem);
	json_mem_free(&d->line_mem);
	buf_free(&d->lines);
	buf_free(&d->line);
	free(d);
}

/* --- the turn ---------------------------------------------------------------- */

static int
open_ledger(struct diff *d, struct ss_err *err)
{
	char path[4096];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/log", d->home) >= (int)sizeof(path))
		return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
	if (stat(path, &st) == -1 || !S_ISDIR(st.st_mode))
		return 0;
	if (log_open(&d->log, d->home, 0, d->clock, d->rng, err) == -1)
		return -1;
	return ledger_open(&d->ledger, d->home, d->log, err);
}

static int
start(struct diff *d, const struct filter *f, struct ss_err *err)
{
	struct diff_holding h = { d, err };
	uint64_t rows = 0;

	d->started = 1;
	if (d->ledger == NULL && open_ledger(d, err) == -1)
		return -1;
	if (d->ledger == NULL)
		return 0;
	diff_view_drop(d);
	if (ledger_catchup(d->ledger, &d->applied, err) == -1 || diff_view(d, err) == -1 ||
	    ledger_known_count(d->view, &rows, err) == -1)
		return -1;
	d->enough = rows / 50 > POINT_MIN ? rows / 50 : POINT_MIN;
	if (f->pipeline != NULL && ledger_exceptions(d->view, f->pipeline, 0, diff_hold_row, &h,
	    err) == -1)
		return -1;
	return ledger_intents(d->view, d->target, diff_hold_intent, &h, err) == -1 ? -1 : 0;
}

struct loading {
	struct diff *d;
	char kind;
};

static int
load_row(void *ctx, struct json_span subject, const void *words, size_t n)
{
	struct loading *l = ctx;
	uint64_t *to, spelled;

	/* a key too long for the tables stands there as a hash: always looked up */
	if (subject.n == 0 || subject.p[0] == '\0')
		return 0;
	memcpy(&spelled, words, sizeof(spelled));
	if (n > DIFF_LEAVES || (spelled != 0 && !l->d->leaves))
		n = DIFF_MANY;
	to = diff_table_append(&l->d->table, diff_event_key(l->kind, subject), n);
	if (to == NULL)
		return -1;
	memcpy(to, words, (n == DIFF_MANY ? 1 : n + 1) * sizeof(*to));
	return 0;
}

/* All rows of the target into the table: from here on most events need no look
 * at the ledger. */
static int
load_all(struct diff *d, struct ss_err *err)
{
	struct loading l = { .d = d };
	const char *kind;
	uint64_t rows;

	d->loaded = 1;
	diff_table_free(&d->table);
	diff_view_drop(d);
	if (diff_view(d, err) == -1 || ledger_known_count(d->view, &rows, err) == -1)
		return -1;
	if (diff_table_reserve(&d->table, rows) == -1)
		return err_nomem(err);
	for (kind = "ip"; *kind != '\0'; kind++) {
		l.kind = *kind;
		if (ledger_known_all(d->view, d->target, l.kind, load_row, &l, err) == -1)
			return err->text[0] != '\0' ? -1 : err_nomem(err);
	}
	diff_table_settle(&d->table);
	return 0;
}

/* --- one event ---------------------------------------------------------------- */

static int
row_leaf(void *ctx, const struct ledger_leaf *leaf)
{
	return diff_row_add(ctx, leaf->path, leaf->value);
}

static int
known(void *ctx, char kind, struct json_span subject, struct diff_row *row, struct ss_err *err)
{
	struct diff *d = ctx;

	if (d->ledger == NULL)
		return 0;
	/* the view must outlive the row: it is only renewed between rows */
	if (diff_view(d, err) == -1)
		return -1;
	return ledger_known(d->view, d->target, kind, subject, row_leaf, row, err);
}

static int
dead(struct diff *d, struct filter *f, const char *why, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_DEAD, .ms = -1, .class = OUTCOME_VALUE, .code = "form",
	    .message = why };

	return filter_end(f, &d->ev, &o, err);
}

static int
pass_on(struct diff *d, struct filter *f, uint64_t place, int behind, struct ss_err *err)
{
	struct json_span type = diff_narrow_type(&d->ev);
	struct event_edit edits[2] = { { "type", type.p, type.n },
	    { "data", d->narrow.data.p, d->narrow.data.len } };
	size_t i;

	for (i = 0; i < d->own.n; i++)
		if (diff_let_through(d, d->own.v[i].key, place, behind, err) == -1)
			return -1;
	return filter_pass(f, &d->ev, edits, 2, err);
}

/* The whole truth about one item.observed or product.observed. */
static int
look(struct diff *d, struct filter *f, const char *p, size_t n, struct ss_err *err)
{
	struct ss_err why = { .text = "" };
	struct event_turn turn;
	uint64_t place;
	size_t i;
	int behind = 0, rc;

	if (event_parse(&d->ev, &d->mem, p, n, err) == -1)
		return -1;
	if (diff_event_check(&d->ev, &why) == -1)
		return dead(d, f, why.text, err);
	diff_event_clear(&d->own);
	if (diff_event_keys(&d->own, &d->ev, 1) != 0)
		return err_nomem(err);
	event_turn(&d->ev, &turn);
	place = f->pipeline == NULL ? 0 : outcome_place(&d->ev);
	if (d->own.nleaf == 0 && !turn.force)
		return filter_end_range(f, &d->ev, EVENT_UNCHANGED, OUTCOME_NONE, NULL, err);
	for (i = 0; i < d->own.n && behind == 0; i++)
		if ((behind = diff_under_way(d, f, d->own.v[i].key, place, err)) == -1)
			return -1;
	d->narrow.known = known;
	d->narrow.ctx = d;
	rc = diff_narrow(&d->narrow, &d->ev, &d->mem, behind, turn.force, err);
	if (rc == -1)
		return -1;
	if (rc == 0)
		return filter_end_range(f, &d->ev, EVENT_UNCHANGED, OUTCOME_NONE, NULL, err);
	return pass_on(d, f, place, behind, err);
}

/* --- the group ---------------------------------------------------------------- */

/* Is a delivery of this row, or an intent, in the way of an answer? */
static int
busy(const struct diff *d, uint64_t key)
{
	return hash_get(&d->held, key) != NULL || hash_get(&d->sent, key) != NULL;
}

/* 1 when the table says that all is held and nothing is under way. */
static int
held_all(const struct diff *d, const struct diff_keys *keys, size_t first, size_t n)
{
	size_t i;

	if (d->all_held)
		return 0;
	for (i = first; i < first + n; i++) {
		const struct diff_key *k = &keys->v[i];

		if (busy(d, k->key))
			return 0;
		/* of the product itself nothing may be said */
		if (k->n == 0 && i == first && n > 1)
			continue;
		if (!diff_table_holds(&d->table, k->key, keys->leaf + k->first, k->n))
			return 0;
	}
	return 1;
}

/* 1 when the row came from a state that was spelled the same. */
static int
held_spelled(const struct diff *d, const struct pending *p)
{
	uint64_t key = d->keys.v[p->first].key;
	const uint64_t *r;
	unsigned leaves;

	if (p->spelled == 0 || d->all_held || busy(d, key))
		return 0;
	r = diff_table_get(&d->table, key, &leaves);
	return r != NULL && r[0] == p->spelled;
}

/* One event of the group whose spelling is not the known one. */
static int
held_by_leaf(struct diff *d, const struct pending *p, struct ss_err *err)
{
	int rc;

	if (p->spelled == 0)
		return held_all(d, &d->keys, p->first, p->keys);
	if (event_parse(&d->ev, &d->mem, d->lines.p + p->line, p->n, err) == -1)
		return -1;
	diff_event_clear(&d->own);
	rc = diff_event_keys(&d->own, &d->ev, 1);
	if (rc == -1)
		return err_nomem(err);
	return rc == 0 && d->own.nleaf > 0 && held_all(d, &d->own, 0, d->own.n);
}

/* The spelling is of no use for a while: the leaves are wanted. */
static int
go_by_leaf(struct diff *d, struct ss_err *err)
{
	d->by_leaf = LEAF_GROUPS;
	if (d->leaves)
		return 0;
	d->leaves = 1;
	return load_all(d, err);
}

static int
group_flush(struct diff *d, struct filter *f, struct ss_err *err)
{
	unsigned i, n = d->n, tried = 0, missed = 0;
	size_t k;

	d->n = 0;
	for (k = 0; k < d->keys.n; k++)
		diff_table_fetch_record(&d->table, d->keys.v[k].key);
	for (i = 0; i < n; i++) {
		const struct pending *p = &d->group[i];
		int rc = held_spelled(d, p);

		tried += p->spelled != 0;
		missed += p->spelled != 0 && rc == 0;
		if (rc == 0)
			rc = held_by_leaf(d, p, err);
		if (rc == 1)
			rc = filter_end_place(f, p->place, EVENT_UNCHANGED, err);
		else if (rc == 0)
			rc = look(d, f, d->lines.p + p->line, p->n, err);
		if (rc == -1)
			return -1;
	}
	buf_clear(&d->lines);
	diff_event_clear(&d->keys);
	if (d->by_leaf > 0)
		d->by_leaf--;
	else if (missed * 2 > tried)
		return go_by_leaf(d, err);
	return 0;
}

/* What the group needs to know of an event, put into keys: as for
 * diff_event_keys, and 1 also where there is nothing to compare. */
static int
group_keys(struct diff *d, const struct event *ev, uint64_t *spelled)
{
	size_t leaves = d->keys.nleaf;
	int rc;

	*spelled = 0;
	if (d->by_leaf == 0 && diff_event_kind(ev) == 1)
		*spelled = leaf_spelled_text(ev->mem, ev->text, ev->data, ev->data_raw);
	rc = diff_event_keys(&d->keys, ev, *spelled == 0);
	return rc == 0 && *spelled == 0 && d->keys.nleaf == leaves ? 1 : rc;
}

/* Take the event into the group: 1 taken, 0 it cannot be, -1. */
static int
group_add(struct diff *d, const struct filter *f, const struct event *ev, struct ss_err *err)
{
	struct pending *p = &d->group[d->n];
	size_t keys = d->keys.n, leaves = d->keys.nleaf, i;
	uint64_t place, spelled;
	int rc;

	if (!filter_can_range(f, ev) || (place = outcome_place(ev)) == 0)
		return 0;
	rc = group_keys(d, ev, &spelled);
	if (rc == 0) {
		*p = (struct pending){ place, d->lines.len, ev->line.n, keys, d->keys.n - keys, spelled };
		if (buf_add(&d->lines, ev->line.p, ev->line.n) == -1)
			return err_nomem(err);
		for (i = keys; i < d->keys.n; i++) {
			diff_table_fetch_slot(&d->table, d->keys.v[i].key);
			hash_prefetch(&d->sent, d->keys.v[i].key);
		}
		d->n++;
		return 1;
	}
	d->keys.n = keys;
	d->keys.nleaf = leaves;
	return rc == -1 ? err_nomem(err) : 0;
}

/* The same at once, for an event that ends by a line of its own; the group is
 * empty. */
static int
held_alone(struct diff *d, const struct event *ev, struct ss_err *err)
{
	int rc = diff_event_keys(&d->keys, ev, 1);

	if (rc != -1)
		rc = rc == 0 && d->keys.nleaf > 0 && held_all(d, &d->keys, 0, d->keys.n);
	diff_event_clear(&d->keys);
	return rc == -1 ? err_nomem(err) : rc;
}

/* Only items that a pipeline feeds are compared by spelling. */
static int
keep_leaves(struct diff *d, const struct filter *f, const struct event *ev, struct ss_err *err)
{
	if (d->leaves || (f->pipeline != NULL && diff_event_kind(ev) == 1))
		return 0;
	d->leaves = 1;
	return d->loaded ? load_all(d, err) : 0;
}

static int
observed(struct diff *d, struct filter *f, const struct event *ev, struct ss_err *err)
{
	struct event_turn turn;
	int fast, rc = 0;

	if (keep_leaves(d, f, ev, err) == -1)
		return -1;
	if (!d->loaded && d->ledger != NULL && ++d->seen > d->enough && load_all(d, err) == -1)
		return -1;
	event_turn(ev, &turn);
	fast = d->loaded && !turn.force;
	if (fast && (rc = group_add(d, f, ev, err)) == -1)
		return -1;
	if (rc == 1)
		return d->n == GROUP || d->lines.len > (size_t)1 << 20 ? group_flush(d, f, err) : 0;
	if (group_flush(d, f, err) == -1 || (fast && (rc = held_alone(d, ev, err)) == -1))
		return -1;
	if (rc == 1)
		return filter_end_range(f, ev, EVENT_UNCHANGED, OUTCOME_NONE, NULL, err);
	return look(d, f, ev->line.p, ev->line.n, err);
}

static int
on_event(void *ctx, struct filter *f, const struct event *ev, struct ss_err *err)
{
	struct diff *d = ctx;
	size_t i;

	if (!d->started && start(d, f, err) == -1)
		return -1;
	if (diff_event_observed(ev))
		return observed(d, f, ev, err);
	if (group_flush(d, f, err) == -1)
		return -1;
	if (event_is_state(ev)) {
		diff_event_clear(&d->own);
		if (diff_event_keys(&d->own, ev, 0) == -1)
			return err_nomem(err);
		for (i = 0; i < d->own.n; i++)
			if (diff_let_through(d, d->own.v[i].key, f->pipeline == NULL ? 0 :
			    outcome_place(ev), 1, err) == -1)
				return -1;
	}
	return filter_pass(f, ev, NULL, 0, err);
}

static int
on_drain(void *ctx, struct filter *f, struct ss_err *err)
{
	struct diff *d = ctx;

	if (group_flush(d, f, err) == -1)
		return -1;
	diff_view_drop(d);
	return 0;
}

static int
on_other(void *ctx, struct filter *f, const struct event *ev, struct ss_err *err)
{
	(void)ev;
	return group_flush(ctx, f, err);
}

/* The turn is over: the next one begins with what is known then. */
static int
on_end(void *ctx, struct filter *f, struct ss_err *err)
{
	struct diff *d = ctx;

	if (on_drain(ctx, f, err) == -1)
		return -1;
	d->started = d->loaded = d->all_held = 0;
	d->seen = 0;
	hash_clear(&d->held);
	diff_table_free(&d->table);
	return 0;
}

const struct filter_ops diff_ops = { .event = on_event, .drain = on_drain, .end = on_end, .other =
    on_other };
