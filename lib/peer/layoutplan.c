#include "peer/layoutplan.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "peer/layoutkinds.h"

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
	if (*at != LAYOUTPLAN_NONE)
		return twice(name, err);
	*at = col;
	return 0;
}

static struct layoutplan_place *
find_place(struct layoutplan *t, const char *name, size_t n, struct ss_err *err)
{
	struct buf key = { 0 };
	struct layoutplan_place *p;
	size_t i;

	if (n > 0) {
		(void)json_put_str(&key, name, n);
		(void)buf_adds(&key, ":{");
	}
	for (i = 0; i < t->nplace; i++) {
		p = &t->place[i];
		if (p->key.len == key.len &&
		    (key.len == 0 || memcmp(p->key.p, key.p, key.len) == 0)) {
			buf_free(&key);
			return p;
		}
	}
	p = realloc(t->place, (t->nplace + 1) * sizeof(*p));
	if (p != NULL)
		t->place = p;
	if (p == NULL || key.failed) {
		err_nomem(err);
		buf_free(&key);
		return NULL;
	}
	p[t->nplace] = (struct layoutplan_place){ .key = key };
	return &p[t->nplace++];
}

/* n 0: the location that the row names. */
static int
add_level(struct layoutplan *t, size_t col, const char *key, const char *place, size_t n,
    int stocked,
    struct ss_err *err)
{
	struct layoutplan_place *p = find_place(t, place, n, err);
	struct layoutplan_level *v;
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
	v[p->n] = (struct layoutplan_level){ .col = col, .name = t->h->name[col], .stocked = stocked };
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
	{ "price", "price", LAYOUT_DECIMAL },
	{ "compare_at_price", "compare_at_price", LAYOUT_DECIMAL },
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
simple_col(struct layoutplan *t, const struct layout_opts *o, size_t i, struct ss_err *err)
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
		return add_level(t, i, level_of(head), name.p + head.n + 1, name.n - head.n - 1, 0,
		    err);
	if ((key = level_of(w)) != NULL)
		return add_level(t, i, key, o->location,
		    t->location != LAYOUTPLAN_NONE ? 0 : strlen(o->location), 0, err);
	key = field_of(w, &kind);
	if (has_field(&t->fields, key))
		return twice(name, err);
	return layout_col(&t->fields, i, kind, name, key, strlen(key), err);
}

static int
plan_simple(struct layoutplan *t, const struct layout_opts *o, struct ss_err *err)
{
	size_t i;

	for (i = 0; i < t->h->n; i++)
		if (is(t->h->norm[i], "location") &&
		    set_col(&t->location, i, t->h->name[i], err) == -1)
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
	return LAYOUTPLAN_NONE;
}

/* Columns that an inventory file has and that say nothing about levels. */
static int
is_beside(struct json_span n)
{
	static const char *const names[] = { "handle", "title", "sku", "barcode", "hs code", "coo",
		"location", "bin name", "option1 name", "option1 value", "option2 name",
		"option2 value",
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

	if (column(h, "handle") == LAYOUTPLAN_NONE || column(h, "sku") == LAYOUTPLAN_NONE ||
	    column(h, "option1 name") == LAYOUTPLAN_NONE || column(h,
	    "option1 value") == LAYOUTPLAN_NONE)
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
	return levels > 0 || (others > 0 && column(h, "location") == LAYOUTPLAN_NONE);
}

static int
plan_levels(struct layoutplan *t, const struct layout_opts *o, struct ss_err *err)
{
	size_t i, n = t->location != LAYOUTPLAN_NONE ? 0 : strlen(o->location);
	size_t edited = column(t->h, "on hand (new)");

	if (edited != LAYOUTPLAN_NONE) {
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
plan_inventory(struct layoutplan *t, const struct layout_opts *o, struct ss_err *err)
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
		else if (k >= 0 && k < LAYOUTPLAN_OPTIONS && is_beside(n))
			rc = set_col(n.p[n.n - 1] == 'e' && n.p[n.n - 2] == 'u' ? &t->opt_value[k] :
			    &t->opt_name[k], i, name, err);
		if (rc == -1)
			return -1;
		levels += level_column(n) < COLUMNS;
	}
	t->inventory = 1;
	if (levels > 0)
		return plan_levels(t, o, err);
	for (i = 0; i < t->h->n; i++)
		if (!is_beside(t->h->norm[i]) &&
		    add_level(t, i, "available", t->h->name[i].p, t->h->name[i].n, 0, err) == -1)
			return -1;
	return 0;
}

/* --- */

void
layoutplan_free(struct layoutplan *p)
{
	size_t i, k;

	layout_cols_free(&p->fields);
	for (i = 0; i < p->nplace; i++) {
		for (k = 0; k < p->place[i].n; k++)
			buf_free(&p->place[i].v[k].key);
		free(p->place[i].v);
		buf_free(&p->place[i].key);
	}
	free(p->place);
	*p = (struct layoutplan){ .name = NULL };
}

int
layoutplan_make(struct layoutplan *p, const struct layout_header *h, const struct layout_opts *o,
    struct ss_err *err)
{
	int simple = is_simple(h), i;

	if (!simple && !is_inventory(h))
		return 0;
	*p = (struct layoutplan){ .name = simple ? "items" : "Shopify inventory", .h = h };
	p->sku = p->product = p->location = LAYOUTPLAN_NONE;
	for (i = 0; i < LAYOUTPLAN_OPTIONS; i++)
		p->opt_name[i] = p->opt_value[i] = LAYOUTPLAN_NONE;
	if ((simple ? plan_simple(p, o, err) : plan_inventory(p, o, err)) == -1) {
		layoutplan_free(p);
		return -1;
	}
	return 1;
}
