/* What of a target's rows is under way, and the ledger's view that tells. */
#include <string.h>

#include "flow/diff_internal.h"
#include "store/log.h"

#define VIEW_MAX 4096		/* look-ups in one read transaction */
#define FOR_EVER UINT64_MAX

int
diff_view(struct diff *d, struct ss_err *err)
{
	if (d->view != NULL && d->looks++ < VIEW_MAX)
		return 0;
	ledger_view_end(d->view);
	d->looks = 0;
	return ledger_view(&d->view, d->ledger, err);
}

void
diff_view_drop(struct diff *d)
{
	ledger_view_end(d->view);
	d->view = NULL;
}

static int
hold(struct diff *d, uint64_t key, uint64_t place, struct ss_err *err)
{
	int had = hash_get(&d->held, key) != NULL;
	uint64_t *v = hash_add(&d->held, key);

	if (v == NULL)
		return err_nomem(err);
	if (!had || *v > place)
		*v = place;
	return 0;
}

static int
hold_subject(struct diff *d, struct json_span subject, uint64_t place, struct ss_err *err)
{
	if (hold(d, diff_event_key('i', subject), place, err) == -1)
		return -1;
	return hold(d, diff_event_key('p', subject), place, err);
}

/* The keys of the event in the line at seq, which is not there (0) if pruned. */
static int
hold_line(struct diff *d, uint64_t seq, uint64_t place, struct ss_err *err)
{
	struct event ev;
	size_t i;
	int rc;

	buf_clear(&d->line);
	rc = log_get(d->log, seq, &d->line, err);
	if (rc != 1)
		return rc;
	if (event_parse(&ev, &d->line_mem, d->line.p, d->line.len, err) == -1 ||
	    !event_is_state(&ev))
		return 0;
	diff_event_clear(&d->own);
	if (diff_event_keys(&d->own, &ev, 0) == -1)
		return err_nomem(err);
	for (i = 0; i < d->own.n; i++)
		if (hold(d, d->own.v[i].key, place, err) == -1)
			return -1;
	return 1;
}

int
diff_hold_row(void *ctx, const struct ledger_exc *e)
{
	struct diff_holding *h = ctx;

	if (hold_subject(h->d, e->subject, e->place, h->err) == -1)
		return -1;
	/* a product's row does not name its items */
	if (e->type.n > 8 && memcmp(e->type.p, "product.", 8) == 0)
		return hold_line(h->d, e->seq, e->place, h->err) == -1 ? -1 : 0;
	return 0;
}

/*
 * An intent names its deliveries.  Where that cannot be read, every key counts
 * as under way: that costs calls of ss-push's own comparison, never an update.
 */
int
diff_hold_intent(void *ctx, struct json_span id, uint64_t place)
{
	struct diff_holding *h = ctx;
	struct diff *d = h->d;
	struct json_mem mem = { 0 };
	struct buf text = { 0 };
	struct yyjson_val *v, *one;
	struct event ev;
	uint64_t seq;
	size_t i;
	int rc = log_get(d->log, place, &text, h->err);

	(void)id;
	if (rc == 1 && event_parse(&ev, &mem, text.p, text.len, h->err) == -1)
		rc = 0;
	v = rc == 1 ? json_get(ev.data, "deliveries") : NULL;
	for (i = 0; rc == 1 && (one = json_at(v, i)) != NULL; i++) {
		struct json_span s = json_str(json_get(one, "subject"));

		if (s.n == 0)
			rc = 0;
		else
			rc = hold_subject(d, s, 0, h->err) == -1 ? -1 : 1;
		if (rc == 1 && json_u64(json_get(one, "place"), &seq) == 0 &&
		    hold_line(d, seq, 0, h->err) == -1)
			rc = -1;
	}
	if (rc == 0 || (rc == 1 && i == 0))
		d->all_held = 1;
	buf_free(&text);
	json_mem_free(&mem);
	return rc == -1 ? -1 : 0;
}

/* Is something earlier of this key under way?  1, 0, -1.  What was let through
 * in an earlier turn may have ended since; its known state then stands in the
 * same view. */
int
diff_under_way(struct diff *d, const struct filter *f, uint64_t key, uint64_t place, struct ss_err *err)
{
	uint64_t *v = hash_get(&d->held, key), first, last;
	int rc;

	if (d->all_held || (v != NULL && (*v == 0 || *v < place)))
		return 1;
	v = hash_get(&d->sent, key);
	if (v == NULL || *v == place)
		return 0;
	if (*v == FOR_EVER || d->ledger == NULL || f->pipeline == NULL || *v > d->applied)
		return 1;
	if (diff_view(d, err) == -1)
		return -1;
	rc = ledger_open_run(d->view, f->pipeline, *v, &first, &last, err);
	return rc == 1 ? first <= *v : rc;
}

int
diff_let_through(struct diff *d, uint64_t key, uint64_t place, int behind, struct ss_err *err)
{
	int had = hash_get(&d->sent, key) != NULL;
	uint64_t *v = hash_add(&d->sent, key);

	if (v == NULL)
		return err_nomem(err);
	*v = place == 0 || (had && behind && *v != place) ? FOR_EVER : place;
	return 0;
}
