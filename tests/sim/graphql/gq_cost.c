/* gq_cost - what a request costs at Shopify */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gq_collect.h"
#include "gq_cost.h"
#include "gq_value.h"

/* Fields that are looked at, so that fragments in fragments end. */
#define WORK_MAX 100000

struct cost {
	struct gq_request *r;
	size_t left;
	int unknown;
	int actual;		/* by what came out */
};

/* Where a field stands. */
enum place { IN_QUERY, IN_PAYLOAD, BELOW };

static int64_t
clamp(double v)
{
	return v >= GQ_COST_HUGE ? GQ_COST_HUGE : (int64_t)v;
}

static int
ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static int
is_free(const char *type)
{
	static const char *const list[] = { "MoneyV2", "MoneyBag", "LocationAddress", "ShopAddress", "Weight",
		"InventoryItemMeasurement", "EditableProperty", "SEO" };

	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
		if (strcmp(type, list[i]) == 0)
			return 1;
	}
	return ends_with(type, "UserError");
}

/* The value of an argument that is a number; -1: none. */
static int64_t
number(struct gq_request *r, const struct gq_sel *s, const char *name)
{
	const struct gq_arg *a = s->args;
	yyjson_mut_val *v;
	int64_t n;

	while (a != NULL && strcmp(a->name, name) != 0)
		a = a->next;
	if (a == NULL)
		return -1;
	if (a->value->kind == GQ_V_INT) {
		n = strtoll(a->value->text, NULL, 10);
	} else {
		v = a->value->kind == GQ_V_VAR ? yyjson_mut_obj_get(r->vars, a->value->text) : NULL;
		if (!yyjson_mut_is_int(v))
			return -1;
		n = yyjson_mut_get_sint(v);
	}
	return n < 0 ? 0 : n;
}

static int64_t cost_all(struct cost *x, const struct gq_picked *list, enum place where, yyjson_mut_val *data);

/* What one of these rows costs, on the average. */
static int64_t
cost_rows(struct cost *x, const struct gq_picked *list, yyjson_mut_val *rows)
{
	double sum = 0;
	size_t i, n, some = 0;
	yyjson_mut_val *row;

	if (!yyjson_mut_is_arr(rows))
		return cost_all(x, list, BELOW, rows);
	yyjson_mut_arr_foreach(rows, i, n, row) {
		some += !yyjson_mut_is_null(row);
		sum += (double)(yyjson_mut_is_null(row) ? 0 : cost_rows(x, list, row));
	}
	return some == 0 ? 0 : clamp(floor(sum / (double)some + 0.5));
}

/* The members of edges that are nodes. */
static yyjson_mut_val *
nodes_of(struct cost *x, yyjson_mut_val *edges, const char *key)
{
	yyjson_mut_val *out = yyjson_mut_arr(x->r->out), *e;
	size_t i, n;

	yyjson_mut_arr_foreach(edges, i, n, e) {
		yyjson_mut_val *node = yyjson_mut_obj_get(e, key);

		if (node != NULL)
			(void)yyjson_mut_arr_append(out, yyjson_mut_val_mut_copy(x->r->out, node));
	}
	return out;
}

static int64_t
size_of(const struct cost *x, int64_t n, size_t rows)
{
	double log2 = n <= 0 ? 0 : 2 * log((double)n);

	if (n <= 0)
		return 0;
	if (x->actual)
		log2 = floor(log2 * (double)rows / (double)n + 0.5);
	/* Just below a whole number is meant to be it. */
	return log2 < 1 ? 1 : (int64_t)floor(log2 + 1e-9);
}

static int64_t
cost_connection(struct cost *x, const struct gq_picked *p, yyjson_mut_val *data)
{
	const struct gq_sel *s = p->fields->field;
	int64_t n = number(x->r, s, "first"), kids = 0;
	size_t rows = 0;

	if (n == -1)
		n = number(x->r, s, "last");
	for (const struct gq_picked *q = gq_collect(x->r, NULL, p->fields); q != NULL; q = q->next) {
		const struct gq_sel *f = q->fields->field;
		yyjson_mut_val *list = yyjson_mut_obj_get(data, f->key);

		if (strcmp(f->name, "nodes") == 0) {
			kids += 1 + cost_rows(x, gq_collect(x->r, NULL, q->fields), x->actual ? list : NULL);
			/* None at all was charged in full. */
			rows = yyjson_mut_arr_size(list) == 0 ? (size_t)(n > 0 ? n : 0) : yyjson_mut_arr_size(list);
		} else if (strcmp(f->name, "edges") == 0) {
			kids += 1;
			rows = yyjson_mut_arr_size(list);
			if (x->actual && rows == 0)
				return 2;
			for (const struct gq_picked *e = gq_collect(x->r, NULL, q->fields); e != NULL; e = e->next) {
				if (strcmp(e->fields->field->name, "node") == 0)
					kids += cost_rows(x, gq_collect(x->r, NULL, e->fields),
					    x->actual ? nodes_of(x, list, e->fields->field->key) : NULL);
			}
		}
	}
	return kids == 0 ? 2 : clamp(2 + (double)size_of(x, n, rows) * (double)kids);
}

static int64_t
cost_field(struct cost *x, const struct gq_picked *p, enum place where, yyjson_mut_val *data)
{
	const struct gq_sel *s = p->fields->field;
	const struct gq_field_def *def = p->on == NULL ? NULL : gq_field(x->r->schema, p->on, s->name);
	const struct gq_type *t;

	if (x->left == 0)
		return GQ_COST_HUGE;
	x->left--;
	if (def == NULL) {
		x->unknown = 1;
		return 0;
	}
	t = gq_named(def->type);
	/* The one leaf that is not free: every capture that has it is 1 more a row. */
	if (strcmp(s->name, "hasUnfulfilledOrders") == 0)
		return 1;
	if (gq_is_leaf(t) || (x->actual && (data == NULL || yyjson_mut_is_null(data))))
		return 0;
	if (ends_with(t->name, "Connection"))
		return cost_connection(x, p, data);
	if (strcmp(t->name, "Count") == 0 && where == IN_QUERY)
		return 10;
	return (where == IN_PAYLOAD || is_free(t->name) ? 0 : 1) +
	    cost_rows(x, gq_collect(x->r, NULL, p->fields), data);
}

static int64_t
cost_all(struct cost *x, const struct gq_picked *list, enum place where, yyjson_mut_val *data)
{
	double sum = 0;

	for (; list != NULL && sum < GQ_COST_HUGE; list = list->next) {
		const struct gq_sel *s = list->fields->field;

		if (strncmp(s->name, "__", 2) != 0)
			sum += (double)cost_field(x, list, where, x->actual ? yyjson_mut_obj_get(data, s->key) : NULL);
	}
	return clamp(sum);
}

static double
length(yyjson_mut_val *v, const char *name)
{
	return (double)yyjson_mut_arr_size(yyjson_mut_obj_get(v, name));
}

/* What some mutations charge for the rows of their input. */
static int64_t
cost_input(struct gq_request *r, const struct gq_sel *s)
{
	const struct gq_field_def *def = s->on == NULL ? NULL : gq_field(r->schema, s->on, s->name);
	yyjson_mut_val *args;

	if (strcmp(s->name, "productVariantsBulkCreate") != 0 || def == NULL)
		return 0;
	args = gq_args_json(r, def->args, s->args, NULL);
	return (int64_t)floor(0.2 * length(args, "variants") + 0.5);
}

static int64_t
cost_op(struct gq_request *r, yyjson_mut_val *data)
{
	struct cost x = { .r = r, .left = WORK_MAX, .actual = data != NULL };
	const struct gq_picked *list = gq_collect_sels(r, NULL, r->op->sels);
	double sum = 0;
	int64_t c;

	if (r->op->kind == GQ_MUTATION) {
		for (; list != NULL; list = list->next) {
			const struct gq_sel *s = list->fields->field;
			yyjson_mut_val *payload = yyjson_mut_obj_get(data, s->key);

			if (strncmp(s->name, "__", 2) == 0)
				continue;
			sum += 10 + (double)cost_input(r, s);
			if (!x.actual || yyjson_mut_is_obj(payload))
				sum += (double)cost_all(&x, gq_collect(r, NULL, list->fields), IN_PAYLOAD, payload);
		}
		c = clamp(sum);
	} else {
		c = cost_all(&x, list, IN_QUERY, data);
	}
	/* Also what skips all it has. */
	return x.unknown ? -1 : c < 1 ? 1 : c;
}

int64_t
gq_cost(struct gq_request *r)
{
	return cost_op(r, NULL);
}

int64_t
gq_cost_actual(struct gq_request *r, yyjson_mut_val *data)
{
	/* Without data there is still the least that is charged. */
	return cost_op(r, data != NULL ? data : yyjson_mut_obj(r->out));
}

int
gq_cost_refuse(struct gq_request *r, int64_t cost, int64_t max)
{
	yyjson_mut_val *err;

	if (cost <= max)
		return 0;
	err = gq_error(r, NULL, 0, "Query cost is %lld, which exceeds the single query max cost limit (%lld).",
	    (long long)cost, (long long)max);
	gq_error_ext(r, err, "code", "MAX_COST_EXCEEDED");
	gq_error_ext_val(r, err, "cost", yyjson_mut_sint(r->out, cost));
	gq_error_ext_val(r, err, "maxCost", yyjson_mut_sint(r->out, max));
	gq_error_ext(r, err, "documentation", "https://shopify.dev/api/usage/rate-limits");
	return -1;
}
