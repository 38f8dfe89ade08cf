#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "event/out.h"
#include "peer/layoutkinds.h"
#include "peer/layoutplan.h"

/*
 * Files about items: item.observed, one a SKU.  In a file with a location
 * column the rows of one item that stand together make one event.
 */
#define MERGE_MAX 1000	/* locations in one event; also bounds the search for a repeated one */

static const struct json_span none = { NULL, 0 };	/* no cell to show in a message */

struct items {
	struct layout l;
	struct csvevent *e;
	struct layoutplan plan;
	/* the row at hand, then the event being held */
	struct buf subject, ident, levels, where;
	struct buf held_subject, held_ident, held_levels;
	size_t held_places;
	int held;
	uint64_t held_row;
};

/* --- rows --------------------------------------------------------------------- */

static int
write_event(struct items *t, const struct buf *subject, const struct buf *ident,
    const struct buf *levels, uint64_t row, struct ss_err *err)
{
	struct buf *b = out_buf(t->e->out);

	csvevent_begin(t->e, b, "item.observed", 13);
	(void)buf_add(b, subject->p, subject->len);
	csvevent_data(t->e, b);
	(void)buf_add(b, ident->p, ident->len);
	if (levels->len > 0) {
		(void)buf_add(b, ",\"levels\":{", 11);
		(void)buf_add(b, levels->p, levels->len);
		(void)buf_addc(b, '}');
	}
	(void)buf_addc(b, ',');
	csvevent_at(t->e, b, row);
	(void)buf_add(b, "}}", 2);
	return b->failed ? err_nomem(err) : csvevent_done(t->e, err);
}

static int
end_items(struct layout *l, struct ss_err *err)
{
	struct items *t = (struct items *)l;

	if (!t->held)
		return 0;
	t->held = 0;
	return write_event(t, &t->held_subject, &t->held_ident, &t->held_levels, t->held_row, err);
}

static int
put_options(struct items *t, const struct csv_row *row,
    const struct json_span value[LAYOUTPLAN_OPTIONS])
{
	struct buf *b = &t->ident;
	size_t i, n = 0;

	for (i = 0; i < LAYOUTPLAN_OPTIONS; i++) {
		struct json_span name;

		if (value[i].n == 0 || t->plan.opt_name[i] == LAYOUTPLAN_NONE)
			continue;
		name = layout_value(&row->cell[t->plan.opt_name[i]], LAYOUT_TRIM);
		if (name.n == 0)
			continue;
		(void)buf_adds(b, n++ == 0 ? ",\"options\":{" : ",");
		(void)json_put_str(b, name.p, name.n);
		(void)buf_addc(b, ':');
		(void)json_put_str(b, value[i].p, value[i].n);
	}
	if (n > 0)
		(void)buf_addc(b, '}');
	return 1;
}

/* Subject, sku, product, options, fields: what says which item it is, and the
 * part of data that rows of one item have in common. */
static int
put_ident(struct items *t, const struct csv_row *row, struct csvevent_bad *bad)
{
	struct json_span sku = layout_value(&row->cell[t->plan.sku], LAYOUT_TRIM), product = { "",
	    0 };
	struct json_span value[LAYOUTPLAN_OPTIONS] = { { "", 0 }, { "", 0 }, { "", 0 } };
	struct buf *b = &t->ident;
	size_t i, from;

	if (t->plan.product != LAYOUTPLAN_NONE)
		product = layout_value(&row->cell[t->plan.product], LAYOUT_TRIM);
	for (i = 0; i < LAYOUTPLAN_OPTIONS; i++)
		if (t->plan.opt_value[i] != LAYOUTPLAN_NONE)
			value[i] = layout_value(&row->cell[t->plan.opt_value[i]], LAYOUT_TRIM);
	if (sku.n == 0 && product.n == 0)
		return layout_bad(bad, "no-key", t->plan.h->name[t->plan.sku],
		    "blank, and there is no handle either", none);
	buf_clear(&t->subject);
	(void)buf_add(&t->subject, ",\"subject\":", 11);
	if (sku.n > 0) {
		(void)json_put_str(&t->subject, sku.p, sku.n);
	} else {
		buf_clear(&t->where);
		layout_subject(&t->where, product, value, LAYOUTPLAN_OPTIONS);
		(void)json_put_str(&t->subject, t->where.p, t->where.len);
	}
	buf_clear(b);
	(void)buf_add(b, "{\"sku\":", 7);
	(void)json_put_str(b, sku.p, sku.n);
	if (t->plan.product != LAYOUTPLAN_NONE) {
		(void)buf_add(b, ",\"product\":", 11);
		(void)json_put_str(b, product.p, product.n);
	}
	if (t->plan.inventory)
		(void)put_options(t, row, value);
	if (t->plan.fields.n == 0)
		return 1;
	(void)buf_add(b, ",\"fields\":", 10);
	from = b->len;
	if (!layout_put(b, &t->plan.fields, row, bad))
		return 0;
	if (!b->failed)
		b->p[from] = '{';	/* in place of the first comma */
	(void)buf_addc(b, '}');
	return 1;
}

static int
is_not_stocked(struct json_span s)
{
	static const char text[] = "not stocked";
	size_t i;

	for (i = 0; i < s.n && i < sizeof(text) - 1; i++)
		if ((s.p[i] | 32) != text[i])
			return 0;
	return i == s.n && s.n == sizeof(text) - 1;
}

/* One level with the comma that it needs; *n counts what is in the location. */
static int
put_level(struct items *t, const struct layoutplan_place *p, const struct layoutplan_level *v,
    const struct csv_row *row,
    size_t *n, struct csvevent_bad *bad)
{
	struct json_span s = layout_value(&row->cell[v->col], LAYOUT_TRIM);
	struct buf *b = &t->levels;
	int not = t->plan.inventory && is_not_stocked(s);

	/* a blank leaves the quantity alone; a place that has no stock has no quantity */
	if (s.n == 0 || (not && !v->stocked))
		return 1;
	if ((*n)++ == 0) {
		if (b->len > 0)
			(void)buf_addc(b, ',');
		(void)buf_add(b, p->key.len > 0 ? p->key.p : t->where.p,
		    p->key.len > 0 ? p->key.len : t->where.len);
	} else {
		(void)buf_addc(b, ',');
	}
	if (not)
		return buf_adds(b, "\"stocked\":false"), 1;
	(void)buf_add(b, v->key.p, v->key.len);
	return layout_integer(b, s, v->name, bad);
}

static int
put_levels(struct items *t, const struct csv_row *row, struct csvevent_bad *bad)
{
	size_t i, k, n;

	buf_clear(&t->levels);
	if (t->plan.location != LAYOUTPLAN_NONE) {
		struct json_span s = layout_value(&row->cell[t->plan.location], LAYOUT_TRIM);

		if (s.n == 0)
			return layout_bad(bad, "no-location", t->plan.h->name[t->plan.location],
			    "blank",
			    none);
		buf_clear(&t->where);
		(void)json_put_str(&t->where, s.p, s.n);
		(void)buf_adds(&t->where, ":{");
	}
	for (i = 0; i < t->plan.nplace; i++) {
		const struct layoutplan_place *p = &t->plan.place[i];

		for (k = n = 0; k < p->n; k++)
			if (!put_level(t, p, &p->v[k], row, &n, bad))
				return 0;
		if (n > 0)
			(void)buf_addc(&t->levels, '}');
	}
	return 1;
}

static int
equal(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/* Add the row to the event being held, if it speaks of the same item and of a
 * further location. */
static int
merge(struct items *t)
{
	if (!t->held || t->held_places >= MERGE_MAX || !equal(&t->ident, &t->held_ident) ||
	    !equal(&t->subject, &t->held_subject) ||
	    t->held_levels.len + t->levels.len + t->ident.len + CSVEVENT_FRAME > CSVEVENT_MAX)
		return 0;
	if (t->levels.len == 0)
		return 1;
	/* a location's name in another's would only cost an event */
	if (t->held_levels.len > 0 &&
	    memmem(t->held_levels.p, t->held_levels.len, t->where.p, t->where.len) != NULL)
		return 0;
	if (t->held_levels.len > 0)
		(void)buf_addc(&t->held_levels, ',');
	(void)buf_add(&t->held_levels, t->levels.p, t->levels.len);
	t->held_places++;
	return 1;
}

static void
swap(struct buf *a, struct buf *b)
{
	struct buf t = *a;

	*a = *b;
	*b = t;
}

static int
take(struct layout *l, const struct csv_row *row, struct csvevent_bad *bad, struct ss_err *err)
{
	struct items *t = (struct items *)l;

	if (!put_ident(t, row, bad) || !put_levels(t, row, bad))
		return 0;
	if (t->subject.failed || t->ident.failed || t->levels.failed || t->where.failed)
		return err_nomem(err);
	if (t->subject.len + t->ident.len + t->levels.len + t->e->at.len +
	    CSVEVENT_FRAME > CSVEVENT_MAX)
		return layout_bad(bad, "too-large", t->plan.h->name[t->plan.sku],
		    "the event is longer than a line may be", none);
	if (t->plan.location == LAYOUTPLAN_NONE)
		return write_event(t, &t->subject, &t->ident, &t->levels, row->number, err) == 0 ?
		    1 : -1;
	if (merge(t))
		return t->held_levels.failed ? err_nomem(err) : 1;
	if (end_items(l, err) == -1)
		return -1;
	swap(&t->subject, &t->held_subject);
	swap(&t->ident, &t->held_ident);
	swap(&t->levels, &t->held_levels);
	t->held = 1;
	t->held_places = 1;
	t->held_row = row->number;
	return 1;
}

/* --- */

static void
free_items(struct layout *l)
{
	struct items *t = (struct items *)l;

	layoutplan_free(&t->plan);
	buf_free(&t->subject);
	buf_free(&t->ident);
	buf_free(&t->levels);
	buf_free(&t->where);
	buf_free(&t->held_subject);
	buf_free(&t->held_ident);
	buf_free(&t->held_levels);
	free(t);
}

int
layoutitem_open(struct layout **out, const struct layout_header *h, const struct layout_opts *o,
    struct csvevent *e, struct ss_err *err)
{
	struct layoutplan plan;
	struct items *t;
	int rc = layoutplan_make(&plan, h, o, err);

	if (rc != 1)
		return rc;
	t = calloc(1, sizeof(*t));
	if (t == NULL) {
		layoutplan_free(&plan);
		return err_nomem(err);
	}
	t->l = (struct layout){ .name = plan.name, .row = take, .end = end_items,
	    .free = free_items };
	t->plan = plan;
	t->e = e;
	*out = &t->l;
	return 1;
}
