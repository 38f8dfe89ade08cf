#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "event/out.h"
#include "peer/layoutkinds.h"

/*
 * Files about items: item.observed, one a SKU.  Four kinds of header come down
 * to one plan: which column is the SKU, which are fields, and which are levels
 * of which location.  In a file with a location column the rows of one item
 * that stand together make one event.
 */
#define NONE ((size_t)-1)
#define OPTIONS 3
#define MERGE_MAX 1000	/* locations in one event; also bounds the search for a repeated one */

struct level {
	size_t col;
	struct json_span name;	/* in the header */
	struct buf key;		/* "available": */
	int stocked;		/* here "not stocked" is an order, elsewhere it is no number */
};

/* Levels of one location. */
struct place {
	struct buf key;		/* "main":{ ; empty: the row says which */
	struct level *v;
	size_t n;
};

struct items {
	struct layout l;
	const struct layout_header *h;
	struct csvevent *e;
	size_t sku, product, location;
	size_t opt_name[OPTIONS], opt_value[OPTIONS];
	int has_options;
	struct layout_cols fields;
	struct place *place;
	size_t nplace;
	/* the row at hand, then the event being held */
	struct buf subject, ident, levels, where;
	struct buf held_subject, held_ident, held_levels;
	size_t held, held_places;
	uint64_t held_row;
};

/* --- the plan ----------------------------------------------------------------- */

static int
is(struct json_span s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static int
twice(struct json_span name, struct ss_err *err)
{
	return err_set(err, SS_EXIT_USAGE, "the header has '%.*s' twice, or by two names",
	    (int)(name.n < 100 ? name.n : 100), name.p);
}

static int
set_col(size_t *at, size_t col, struct json_span name, struct ss_err *err)
{
	if (*at != NONE)
		return twice(name, err);
	*at = col;
	return 0;
}

static struct place *
find_place(struct items *t, const char *name, size_t n, struct ss_err *err)
{
	struct buf key = { 0 };
	struct place *p;
	size_t i;

	if (n > 0) {
		(void)json_put_str(&key, name, n);
		(void)buf_adds(&key, ":{");
	}
	for (i = 0; i < t->nplace; i++) {
		p = &t->place[i];
		if (p->key.len == key.len && (key.len == 0 || memcmp(p->key.p, key.p, key.len) == 0)) {
			buf_free(&key);
			return p;
		}
	}
	p = realloc(t->place, (t->nplace + 1) * sizeof(*p));
	if (p == NULL || key.failed) {
		err_nomem(err);
		buf_free(&key);
		return NULL;
	}
	t->place = p;
	p[t->nplace] = (struct place){ .key = key };
	return &p[t->nplace++];
}

/* n 0: the location that the row names. */
static int
add_level(struct items *t, size_t col, const char *key, const char *place, size_t n, int stocked,
    struct ss_err *err)
{
	struct place *p = find_place(t, place, n, err);
	struct level *v;
	size_t i;

	if (p == NULL)
		return -1;
	for (i = 0; i < p->n; i++)
		if (memcmp(p->v[i].key.p + 1, key, strlen(key)) == 0)
			return twice(t->h->name[col], err);
	v = realloc(p->v, (p->n + 1) * sizeof(*v));
	if (v == NULL)
		return err_nomem(err);
	p->v = v;
	v[p->n] = (struct level){ .col = col, .name = t->h->name[col], .stocked = stocked };
	(void)json_put_cstr(&v[p->n].key, key);
	(void)buf_addc(&v[p->n].key, ':');
	return v[p->n++].key.failed ? err_nomem(err) : 0;
}

/* --- the simple item file --------------------------------------------------------- */

/* A header name in the spelling of the vocabulary: "Compare-at price" too. */
static struct json_span
word(struct json_span norm, char to[64])
{
	size_t i;

	for (i = 0; i < norm.n && i < 64; i++)
		to[i] = (char)(norm.p[i] == ' ' || norm.p[i] == '-' ? '_' : norm.p[i]);
	return (struct json_span){ to, i };
}

static const struct {
	const char *name, *key;
	enum layout_cell kind;
} fields[] = {
	{ "title", "title", LAYOUT_TEXT }, { "vendor", "vendor", LAYOUT_TEXT },
	{ "tags", "tags", LAYOUT_TEXT }, { "barcode", "barcode", LAYOUT_TRIM },
	{ "price", "price", LAYOUT_DECIMAL }, { "compare_at_price", "compare_at_price", LAYOUT_DECIMAL },
	{ "cost", "cost", LAYOUT_DECIMAL }, { "weight", "weight", LAYOUT_DECIMAL }
};

static const char *
level_of(struct json_span w)
{
	if (is(w, "available") || is(w, "qty") || is(w, "quantity") || is(w, "stock"))
		return "available";
	if (is(w, "on_hand"))
		return "on_hand";
	return is(w, "incoming") ? "incoming" : NULL;
}

static const char *
field_of(struct json_span w, enum layout_cell *kind)
{
	size_t i;

	for (i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (is(w, fields[i].name)) {
			*kind = fields[i].kind;
			return fields[i].key;
		}
	return NULL;
}

/* "available@London": what stands before the sign. */
static struct json_span
before_at(struct json_span w)
{
	const char *at = memchr(w.p, '@', w.n);

	return at == NULL ? w : (struct json_span){ w.p, (size_t)(at - w.p) };
}

static int
is_simple(const struct layout_header *h)
{
	enum layout_cell kind;
	int sku = 0;
	size_t i;

	for (i = 0; i < h->n; i++) {
		char t[64];
		struct json_span w = word(h->norm[i], t), head = before_at(w);

		sku |= is(w, "sku");
		if (is(w, "sku") || is(w, "handle") || is(w, "product") || is(w, "location"))
			continue;
		/* the name of a location may be longer than a word */
		if (head.n < w.n ? level_of(head) == NULL || head.n + 1 == w.n :
		    h->norm[i].n > 63 || (level_of(w) == NULL && field_of(w, &kind) == NULL))
			return 0;
	}
	return sku;
}

static int
has_field(const struct layout_cols *c, const char *key)
{
	size_t i, n = strlen(key);

	for (i = 0; i < c->n; i++)
		if (c->v[i].key.len == n + 4 && memcmp(c->v[i].key.p + 2, key, n) == 0)
			return 1;
	return 0;
}

static int
simple_col(struct items *t, const struct layout_opts *o, size_t i, struct ss_err *err)
{
	char text[64];
	struct json_span name = t->h->name[i], w = word(t->h->norm[i], text), head = before_at(w);
	enum layout_cell kind = LAYOUT_TEXT;
	const char *key;

	if (is(w, "sku"))
		return set_col(&t->sku, i, name, err);
	if (is(w, "handle") || is(w, "product"))
		return set_col(&t->product, i, name, err);
	if (is(w, "location"))
		return 0;	/* found before */
	if (head.n < w.n)
		return add_level(t, i, level_of(head), name.p + head.n + 1, name.n - head.n - 1, 0, err);
	if ((key = level_of(w)) != NULL)
		return add_level(t, i, key, o->location, t->location != NONE ? 0 : strlen(o->location), 0, err);
	key = field_of(w, &kind);
	if (has_field(&t->fields, key))
		return twice(name, err);
	return layout_col(&t->fields, i, kind, name, key, strlen(key), err);
}

static int
plan_simple(struct items *t, const struct layout_opts *o, struct ss_err *err)
{
	size_t i;

	for (i = 0; i < t->h->n; i++)
		if (is(t->h->norm[i], "location") && set_col(&t->location, i, t->h->name[i], err) == -1)
			return -1;
	for (i = 0; i < t->h->n; i++)
		if (simple_col(t, o, i, err) == -1)
			return -1;
	return 0;
}

/* --- Shopify's inventory files ------------------------------------------------------ */

static size_t
column(const struct layout_header *h, const char *name)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (is(h->norm[i], name))
			return i;
	return NONE;
}

/* Columns that an inventory file has and that say nothing about levels. */
static int
is_beside(struct json_span n)
{
	static const char *const names[] = { "handle", "title", "sku", "barcode", "hs code", "coo",
		"location", "bin name", "option1 name", "option1 value", "option2 name", "option2 value",
		"option3 name", "option3 value" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (is(n, names[i]))
			return 1;
	return n.n > 15 && memcmp(n.p, "variant packed ", 15) == 0;
}

/* The three levels, by any of their names; on_hand without "On hand (new)". */
static const struct {
	const char *name, *key;
} columns[] = {
	{ "available", "available" }, { "available (not editable)", "available" },
	{ "on hand", "on_hand" }, { "on hand (current)", "on_hand" },
	{ "incoming", "incoming" }, { "incoming (not editable)", "incoming" },
	{ "unavailable", NULL }, { "unavailable (not editable)", NULL },
	{ "committed", NULL }, { "committed (not editable)", NULL },
	{ "on hand (new)", "on_hand" }
};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

static size_t
level_column(struct json_span norm)
{
	size_t i;

	for (i = 0; i < COLUMNS && !is(norm, columns[i].name); i++)
		;
	return i;
}

static int
is_inventory(const struct layout_header *h)
{
	size_t i, levels = 0, others = 0;

	if (column(h, "handle") == NONE || column(h, "sku") == NONE ||
	    column(h, "option1 name") == NONE || column(h, "option1 value") == NONE)
		return 0;
	for (i = 0; i < h->n; i++) {
		if (is_beside(h->norm[i]))
			continue;
		if (level_column(h->norm[i]) < COLUMNS)
			levels++;
		else if (layoutproduct_knows(h->norm[i]))
			return 0;
		else
			others++;
	}
	return levels > 0 || (others > 0 && column(h, "location") == NONE);
}

static int
plan_levels(struct items *t, const struct layout_opts *o, struct ss_err *err)
{
	size_t i, n = t->location != NONE ? 0 : strlen(o->location);
	size_t edited = column(t->h, "on hand (new)");

	if (edited != NONE) {
		/* the others are what the export saw; the import reads this one alone */
		for (i = edited + 1; i < t->h->n; i++)
			if (is(t->h->norm[i], "on hand (new)"))
				return twice(t->h->name[i], err);
		return add_level(t, edited, "on_hand", o->location, n, 1, err);
	}
	for (i = 0; i < t->h->n; i++) {
		size_t k = level_column(t->h->norm[i]);

		if (k < COLUMNS && columns[k].key != NULL &&
		    add_level(t, i, columns[k].key, o->location, n, 0, err) == -1)
			return -1;
	}
	return 0;
}

static int
plan_inventory(struct items *t, const struct layout_opts *o, struct ss_err *err)
{
	size_t i, levels = 0;

	for (i = 0; i < t->h->n; i++) {
		struct json_span n = t->h->norm[i], name = t->h->name[i];
		int k = n.n > 6 && memcmp(n.p, "option", 6) == 0 ? n.p[6] - '1' : -1;
		int rc = 0;

		if (is(n, "handle"))
			rc = set_col(&t->product, i, name, err);
		else if (is(n, "sku"))
			rc = set_col(&t->sku, i, name, err);
		else if (is(n, "location"))
			rc = set_col(&t->location, i, name, err);
		else if (k >= 0 && k < OPTIONS && is_beside(n))
			rc = set_col(n.p[n.n - 1] == 'e' && n.p[n.n - 2] == 'u' ? &t->opt_value[k] :
			    &t->opt_name[k], i, name, err);
		if (rc == -1)
			return -1;
		levels += level_column(n) < COLUMNS;
	}
	t->has_options = 1;
	if (levels > 0)
		return plan_levels(t, o, err);
	for (i = 0; i < t->h->n; i++)
		if (!is_beside(t->h->norm[i]) &&
		    add_level(t, i, "available", t->h->name[i].p, t->h->name[i].n, 0, err) == -1)
			return -1;
	return 0;
}

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
put_options(struct items *t, const struct csv_row *row, const struct json_span value[OPTIONS])
{
	struct buf *b = &t->ident;
	size_t i, n = 0;

	for (i = 0; i < OPTIONS; i++) {
		struct json_span name;

		if (value[i].n == 0 || t->opt_name[i] == NONE)
			continue;
		name = layout_value(&row->cell[t->opt_name[i]], LAYOUT_TRIM);
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
	struct json_span sku = layout_value(&row->cell[t->sku], LAYOUT_TRIM), product = { "", 0 };
	struct json_span value[OPTIONS] = { { "", 0 }, { "", 0 }, { "", 0 } };
	struct buf *b = &t->ident;
	size_t i, from;

	if (t->product != NONE)
		product = layout_value(&row->cell[t->product], LAYOUT_TRIM);
	for (i = 0; i < OPTIONS; i++)
		if (t->opt_value[i] != NONE)
			value[i] = layout_value(&row->cell[t->opt_value[i]], LAYOUT_TRIM);
	if (sku.n == 0 && product.n == 0)
		return layout_bad(bad, "no-key", t->h->name[t->sku], "blank, and there is no handle either",
		    (struct json_span){ NULL, 0 });
	buf_clear(&t->subject);
	(void)buf_add(&t->subject, ",\"subject\":", 11);
	if (sku.n > 0) {
		(void)json_put_str(&t->subject, sku.p, sku.n);
	} else {
		buf_clear(&t->where);
		layout_subject(&t->where, product, value, OPTIONS);
		(void)json_put_str(&t->subject, t->where.p, t->where.len);
	}
	buf_clear(b);
	(void)buf_add(b, "{\"sku\":", 7);
	(void)json_put_str(b, sku.p, sku.n);
	if (t->product != NONE) {
		(void)buf_add(b, ",\"product\":", 11);
		(void)json_put_str(b, product.p, product.n);
	}
	if (t->has_options)
		(void)put_options(t, row, value);
	if (t->fields.n == 0)
		return 1;
	(void)buf_add(b, ",\"fields\":", 10);
	from = b->len;
	if (!layout_put(b, &t->fields, row, bad))
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
put_level(struct items *t, const struct place *p, const struct level *v, const struct csv_row *row,
    size_t *n, struct csvevent_bad *bad)
{
	struct json_span s = layout_value(&row->cell[v->col], LAYOUT_TRIM);
	struct buf *b = &t->levels;
	int not = t->has_options && is_not_stocked(s);

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
	if (t->location != NONE) {
		struct json_span s = layout_value(&row->cell[t->location], LAYOUT_TRIM);

		if (s.n == 0)
			return layout_bad(bad, "no-location", t->h->name[t->location], "blank",
			    (struct json_span){ NULL, 0 });
		buf_clear(&t->where);
		(void)json_put_str(&t->where, s.p, s.n);
		(void)buf_adds(&t->where, ":{");
	}
	for (i = 0; i < t->nplace; i++) {
		const struct place *p = &t->place[i];

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
	if (t->subject.len + t->ident.len + t->levels.len + t->e->at.len + CSVEVENT_FRAME > CSVEVENT_MAX)
		return layout_bad(bad, "too-large", t->h->name[t->sku], "the event is longer than a line may be",
		    (struct json_span){ NULL, 0 });
	if (t->location == NONE)
		return write_event(t, &t->subject, &t->ident, &t->levels, row->number, err) == -1 ? -1 : 1;
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
	size_t i, k;

	layout_cols_free(&t->fields);
	for (i = 0; i < t->nplace; i++) {
		for (k = 0; k < t->place[i].n; k++)
			buf_free(&t->place[i].v[k].key);
		free(t->place[i].v);
		buf_free(&t->place[i].key);
	}
	free(t->place);
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
	int simple = is_simple(h), i;
	struct items *t;

	if (!simple && !is_inventory(h))
		return 0;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return err_nomem(err);
	t->l = (struct layout){ .name = simple ? "items" : "Shopify inventory", .row = take,
		.end = end_items, .free = free_items };
	t->h = h;
	t->e = e;
	t->sku = t->product = t->location = NONE;
	for (i = 0; i < OPTIONS; i++)
		t->opt_name[i] = t->opt_value[i] = NONE;
	if ((simple ? plan_simple(t, o, err) : plan_inventory(t, o, err)) == -1) {
		free_items(&t->l);
		return -1;
	}
	*out = &t->l;
	return 1;
}
