#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "event/out.h"
#include "peer/layoutkinds.h"

/*
 * Shopify's product files, old header and new: product.observed, one a
 * product.  Rows of one handle stand together; the first carries the product,
 * each may carry an item and an image.
 */
#define NONE ((size_t)-1)
#define OPTIONS 3

static const struct json_span none = { NULL, 0 };	/* no cell to show in a message */

enum role { PRODUCT, ITEM, HANDLE, TITLE, SKU, QUANTITY, IMAGE, POSITION, ALT, OPTION_NAME,
    OPTION_VALUE };

static const struct known {
	const char *name, *key;
	enum role role;
	enum layout_cell kind;
} known[] = {
	{ "handle", "handle", HANDLE, LAYOUT_TRIM },
	{ "url handle", "handle", HANDLE, LAYOUT_TRIM },
	{ "title", "title", TITLE, LAYOUT_TEXT },
	{ "body (html)", "description", PRODUCT, LAYOUT_TEXT },
	{ "description", "description", PRODUCT, LAYOUT_TEXT },
	{ "vendor", "vendor", PRODUCT, LAYOUT_TEXT },
	{ "product category", "category", PRODUCT, LAYOUT_TEXT },
	{ "type", "type", PRODUCT, LAYOUT_TEXT },
	{ "tags", "tags", PRODUCT, LAYOUT_TEXT },
	{ "published", "published", PRODUCT, LAYOUT_TRIM },
	{ "published on online store", "published", PRODUCT, LAYOUT_TRIM },
	{ "status", "status", PRODUCT, LAYOUT_TRIM },
	{ "gift card", "gift_card", PRODUCT, LAYOUT_TRIM },
	{ "seo title", "seo_title", PRODUCT, LAYOUT_TEXT },
	{ "seo description", "seo_description", PRODUCT, LAYOUT_TEXT },
	{ "variant sku", "sku", SKU, LAYOUT_TRIM }, { "sku", "sku", SKU, LAYOUT_TRIM },
	{ "variant price", "price", ITEM, LAYOUT_DECIMAL },
	{ "price", "price", ITEM, LAYOUT_DECIMAL },
	{ "variant compare at price", "compare_at_price", ITEM, LAYOUT_DECIMAL },
	{ "compare-at price", "compare_at_price", ITEM, LAYOUT_DECIMAL },
	{ "compare at price", "compare_at_price", ITEM, LAYOUT_DECIMAL },
	{ "cost per item", "cost", ITEM, LAYOUT_DECIMAL },
	{ "variant barcode", "barcode", ITEM, LAYOUT_TRIM },
	{ "barcode", "barcode", ITEM, LAYOUT_TRIM },
	{ "variant taxable", "taxable", ITEM, LAYOUT_TRIM },
	{ "charge tax", "taxable", ITEM, LAYOUT_TRIM },
	{ "variant tax code", "tax_code", ITEM, LAYOUT_TRIM },
	{ "tax code", "tax_code", ITEM, LAYOUT_TRIM },
	{ "variant requires shipping", "requires_shipping", ITEM, LAYOUT_TRIM },
	{ "requires shipping", "requires_shipping", ITEM, LAYOUT_TRIM },
	{ "variant grams", "weight", ITEM, LAYOUT_DECIMAL },
	{ "weight value (grams)", "weight", ITEM, LAYOUT_DECIMAL },
	{ "variant weight unit", "weight_unit", ITEM, LAYOUT_TRIM },
	{ "weight unit for display", "weight_unit", ITEM, LAYOUT_TRIM },
	{ "variant inventory tracker", "inventory_tracker", ITEM, LAYOUT_TRIM },
	{ "inventory tracker", "inventory_tracker", ITEM, LAYOUT_TRIM },
	{ "variant inventory policy", "inventory_policy", ITEM, LAYOUT_TRIM },
	{ "continue selling when out of stock", "inventory_policy", ITEM, LAYOUT_TRIM },
	{ "variant fulfillment service", "fulfillment_service", ITEM, LAYOUT_TRIM },
	{ "fulfillment service", "fulfillment_service", ITEM, LAYOUT_TRIM },
	{ "variant image", "image", ITEM, LAYOUT_TRIM },
	{ "variant image url", "image", ITEM, LAYOUT_TRIM },
	{ "variant inventory qty", "quantity", QUANTITY, LAYOUT_TRIM },
	{ "inventory quantity", "quantity", QUANTITY, LAYOUT_TRIM },
	{ "image src", "src", IMAGE, LAYOUT_TRIM },
	{ "product image url", "src", IMAGE, LAYOUT_TRIM },
	{ "image position", "position", POSITION, LAYOUT_TRIM },
	{ "image alt text", "alt", ALT, LAYOUT_TEXT },
	{ "option1 name", "option1 name", OPTION_NAME, LAYOUT_TRIM },
	{ "option2 name", "option2 name", OPTION_NAME, LAYOUT_TRIM },
	{ "option3 name", "option3 name", OPTION_NAME, LAYOUT_TRIM },
	{ "option1 value", "option1 value", OPTION_VALUE, LAYOUT_TRIM },
	{ "option2 value", "option2 value", OPTION_VALUE, LAYOUT_TRIM },
	{ "option3 value", "option3 value", OPTION_VALUE, LAYOUT_TRIM }
};
#define KNOWN (sizeof(known) / sizeof(*known))

struct products {
	struct layout l;
	const struct layout_header *h;
	struct csvevent *e;
	size_t handle, title, sku, quantity, image, position, alt;
	size_t opt_name[OPTIONS], opt_value[OPTIONS];
	struct layout_cols fields, item;	/* of the product, of an item */
	struct buf place;			/* "main":{"available": */
	/* the product being held */
	struct buf key;				/* its handle */
	struct buf fields_text, options, items, images;
	struct buf option[OPTIONS];		/* names, as JSON strings with colon */
	int held, rejected;
	uint64_t row;
	/* of the row at hand */
	struct buf one_item, one_image;
};

/* --- the plan ------------------------------------------------------------------- */

static const struct known *
find_known(struct json_span norm)
{
	size_t i;

	for (i = 0; i < KNOWN; i++)
		if (strlen(known[i].name) == norm.n && memcmp(known[i].name, norm.p, norm.n) == 0)
			return &known[i];
	return NULL;
}

int
layoutproduct_knows(struct json_span norm)
{
	return find_known(norm) != NULL;
}

/* A handle, a title, and a further column of ours or nothing else. */
static int
is_products(const struct layout_header *h)
{
	size_t i, n = 0, others = 0;
	int handle = 0, title = 0;

	for (i = 0; i < h->n; i++) {
		const struct known *k = find_known(h->norm[i]);

		if (k == NULL)
			others++;
		else if (k->role == HANDLE)
			handle = 1;
		else if (k->role == TITLE)
			title = 1;
		else
			n++;
	}
	/* a file that updates items only may leave the title out */
	return handle && (n > 0 || others == 0) && (title || n > 1);
}

static int
starts(struct json_span s, const char *with)
{
	size_t n = strlen(with);

	return s.n >= n && memcmp(s.p, with, n) == 0;
}

/* Columns that we do not know: whose are they, the product's or the item's? */
static int
is_items_own(struct json_span norm)
{
	return starts(norm, "variant ") || starts(norm, "price / ") ||
	    starts(norm, "unit price ") ||
	    starts(norm, "compare at price / ") || starts(norm, "compare-at price / ") ||
	    memmem(norm.p, norm.n, "variant.metafields.", 19) != NULL;
}

static int
set_col(size_t *at, const struct products *p, size_t col, struct ss_err *err)
{
	struct json_span name = p->h->name[col];

	if (*at != NONE)
		return err_set(err, SS_EXIT_USAGE, "the header has '%.*s' twice, or by two names",
		    (int)(name.n < 100 ? name.n : 100), name.p);
	*at = col;
	return 0;
}

static size_t *
place_of(struct products *p, const struct known *k)
{
	switch (k->role) {
	case HANDLE: return &p->handle;
	case TITLE: return &p->title;
	case SKU: return &p->sku;
	case QUANTITY: return &p->quantity;
	case IMAGE: return &p->image;
	case POSITION: return &p->position;
	case ALT: return &p->alt;
	case OPTION_NAME: return &p->opt_name[k->name[6] - '1'];
	case OPTION_VALUE: return &p->opt_value[k->name[6] - '1'];
	default: return NULL;
	}
}

/* The key under which a column stands: the vocabulary's, which must be free, or
 * the header's own, made so. */
static int
field(struct products *p, struct hash_map *seen, size_t col, const struct known *k,
    struct ss_err *err)
{
	struct json_span name = p->h->name[col];
	int item = k != NULL ? k->role == ITEM : is_items_own(p->h->norm[col]);
	struct buf key = { 0 };
	uint64_t *taken;
	size_t no = NONE;
	unsigned n = 1;
	int rc;

	if (k != NULL)
		(void)buf_adds(&key, k->key);
	else
		(void)buf_add(&key, name.p, name.n);
	while ((taken = hash_add(seen, hash_64(key.p, key.len, (uint64_t)item))) != NULL &&
	    *taken != 0) {
		if (k != NULL) {
			buf_free(&key);
			no = col;
			return set_col(&no, p, col, err);
		}
		key.len = name.n;
		(void)buf_addf(&key, "_%u", ++n);
		if (n > 1000)
			break;
	}
	if (taken == NULL || key.failed || n > 1000) {
		buf_free(&key);
		return n > 1000 ? err_set(err, SS_EXIT_USAGE,
		    "the header has '%.*s' more than 1000 times",
		    (int)(name.n < 100 ? name.n : 100), name.p) : err_nomem(err);
	}
	*taken = 1;
	rc = layout_col(item ? &p->item : &p->fields, col, k != NULL ? k->kind : LAYOUT_TEXT, name,
	    key.p, key.len, err);
	buf_free(&key);
	return rc;
}

static int
plan(struct products *p, const struct layout_opts *o, struct ss_err *err)
{
	static const struct known title = { "title", "title", PRODUCT, LAYOUT_TEXT };
	struct hash_map seen = { 0 };
	size_t i;
	int rc = 0;

	/* the vocabulary's names first: a column that is only called so must give way */
	for (i = 0; i < p->h->n && rc == 0; i++) {
		const struct known *k = find_known(p->h->norm[i]);
		size_t *at = k != NULL ? place_of(p, k) : NULL;

		if (k == NULL)
			continue;
		if (at != NULL)
			rc = set_col(at, p, i, err);
		if (rc == 0 && (at == NULL || k->role == TITLE))
			rc = field(p, &seen, i, at == NULL ? k : &title, err);
	}
	for (i = 0; i < p->h->n && rc == 0; i++)
		if (find_known(p->h->norm[i]) == NULL)
			rc = field(p, &seen, i, NULL, err);
	hash_free(&seen);
	(void)json_put_cstr(&p->place, o->location);
	(void)buf_adds(&p->place, ":{\"available\":");
	if (rc == 0 && p->place.failed)
		rc = err_nomem(err);
	return rc;
}

/* --- rows -------------------------------------------------------------------------- */

static struct json_span
cell(const struct csv_row *row, size_t col)
{
	if (col == NONE)
		return (struct json_span){ "", 0 };
	return layout_value(&row->cell[col], LAYOUT_TRIM);
}

static int
end_products(struct layout *l, struct ss_err *err)
{
	struct products *p = (struct products *)l;
	struct buf *b = out_buf(p->e->out);

	if (!p->held)
		return 0;
	p->held = 0;
	csvevent_begin(p->e, b, "product.observed", 16);
	(void)json_put_member(b, "subject", p->key.p, p->key.len);
	csvevent_data(p->e, b);
	(void)buf_addc(b, '{');
	if (p->fields_text.len > 0) {
		(void)buf_adds(b, "\"fields\":{");
		(void)buf_add(b, p->fields_text.p + 1, p->fields_text.len - 1);
		(void)buf_adds(b, "},");
	}
	if (p->options.len > 0) {
		(void)buf_adds(b, "\"options\":[");
		(void)buf_add(b, p->options.p + 1, p->options.len - 1);
		(void)buf_adds(b, "],");
	}
	if (p->images.len > 0) {
		(void)buf_adds(b, "\"images\":[");
		(void)buf_add(b, p->images.p + 1, p->images.len - 1);
		(void)buf_adds(b, "],");
	}
	if (p->items.len > 0) {
		(void)buf_adds(b, "\"items\":[");
		(void)buf_add(b, p->items.p + 1, p->items.len - 1);
		(void)buf_adds(b, "],");
	}
	csvevent_at(p->e, b, p->row);
	(void)buf_adds(b, "}}");
	return b->failed ? err_nomem(err) : csvevent_done(p->e, err);
}

/* Does the row say anything about an item?  Rows with an image only do not. */
static int
has_item(const struct products *p, const struct csv_row *row)
{
	size_t i;

	if (cell(row, p->sku).n > 0 || cell(row, p->quantity).n > 0)
		return 1;
	for (i = 0; i < OPTIONS; i++)
		if (cell(row, p->opt_value[i]).n > 0)
			return 1;
	for (i = 0; i < p->item.n; i++)
		if (!layout_blank(&row->cell[p->item.v[i].col]))
			return 1;
	return 0;
}

/* Append to one_item: ,{"sku":…,"product":…,"options":…,"fields":…,"levels":…} */
static int
put_item(struct products *p, const struct csv_row *row, struct json_span handle,
    struct csvevent_bad *bad)
{
	struct buf *b = &p->one_item;
	struct json_span s;
	size_t i, n = 0, from;

	(void)buf_addc(b, ',');
	(void)buf_addc(b, '{');
	if (p->sku != NONE) {
		s = cell(row, p->sku);
		(void)json_put_member(b, "sku", s.p, s.n);
	}
	(void)json_put_member(b, "product", handle.p, handle.n);
	for (i = 0; i < OPTIONS; i++) {
		s = cell(row, p->opt_value[i]);
		if (s.n == 0 || p->option[i].len == 0)
			continue;
		(void)buf_adds(b, n++ == 0 ? ",\"options\":{" : ",");
		(void)buf_add(b, p->option[i].p, p->option[i].len);
		(void)json_put_str(b, s.p, s.n);
	}
	if (n > 0)
		(void)buf_addc(b, '}');
	if (p->item.n > 0) {
		(void)buf_adds(b, ",\"fields\":");
		from = b->len;
		if (!layout_put(b, &p->item, row, bad))
			return 0;
		if (!b->failed)
			b->p[from] = '{';
		(void)buf_addc(b, '}');
	}
	s = cell(row, p->quantity);
	if (s.n > 0) {
		(void)buf_adds(b, ",\"levels\":{");
		(void)buf_add(b, p->place.p, p->place.len);
		if (!layout_integer(b, s, p->h->name[p->quantity], bad))
			return 0;
		(void)buf_adds(b, "}}");
	}
	(void)buf_addc(b, '}');
	return 1;
}

static int
put_image(struct products *p, const struct csv_row *row, struct csvevent_bad *bad)
{
	struct json_span src = cell(row, p->image), at = cell(row, p->position);
	struct buf *b = &p->one_image;

	if (src.n == 0)
		return 1;
	(void)buf_addc(b, ',');
	(void)buf_addc(b, '{');
	(void)json_put_member(b, "src", src.p, src.n);
	if (at.n > 0) {
		(void)buf_adds(b, ",\"position\":");
		if (!layout_integer(b, at, p->h->name[p->position], bad))
			return 0;
	}
	if (p->alt != NONE) {
		struct json_span alt = layout_value(&row->cell[p->alt], LAYOUT_TEXT);

		(void)json_put_member(b, "alt", alt.p, alt.n);
	}
	(void)buf_addc(b, '}');
	return 1;
}

/* The option names, which only the product's first row has. */
static void
put_options(struct products *p, const struct csv_row *row)
{
	size_t i;

	buf_clear(&p->options);
	for (i = 0; i < OPTIONS; i++) {
		struct json_span s = cell(row, p->opt_name[i]);

		buf_clear(&p->option[i]);
		if (s.n == 0)
			continue;
		(void)json_put_str(&p->option[i], s.p, s.n);
		(void)buf_addc(&p->options, ',');
		(void)buf_add(&p->options, p->option[i].p, p->option[i].len);
		(void)buf_addc(&p->option[i], ':');
	}
}

/* The item and the image of a row, to be added when both are good. */
static int
put_parts(struct products *p, const struct csv_row *row, struct json_span handle,
    struct csvevent_bad *bad)
{
	buf_clear(&p->one_item);
	buf_clear(&p->one_image);
	if (has_item(p, row) && !put_item(p, row, handle, bad))
		return 0;
	if (!put_image(p, row, bad))
		return 0;
	if (p->fields_text.len + p->options.len + p->items.len + p->images.len + p->key.len +
	    p->one_item.len + p->one_image.len + p->e->at.len + CSVEVENT_FRAME > CSVEVENT_MAX)
		return layout_bad(bad, "too-large", p->h->name[p->handle],
		    "the product's event is longer than a line may be", none);
	return 1;
}

static int
first_row(struct products *p, const struct csv_row *row, struct json_span handle,
    struct csvevent_bad *bad)
{
	buf_clear(&p->key);
	buf_clear(&p->fields_text);
	buf_clear(&p->items);
	buf_clear(&p->images);
	(void)buf_add(&p->key, handle.p, handle.n);
	p->row = row->number;
	p->rejected = 1;	/* until all of it is found good */
	if (p->title != NONE && cell(row, p->title).n == 0)
		return layout_bad(bad, "no-title", p->h->name[p->title],
		    "blank in a product's first row: do its rows stand together?",
		    none);
	if (!layout_put(&p->fields_text, &p->fields, row, bad))
		return 0;
	put_options(p, row);
	if (!put_parts(p, row, handle, bad))
		return 0;
	p->rejected = 0;
	p->held = 1;
	return 1;
}

static int
failed(const struct products *p)
{
	return p->key.failed || p->fields_text.failed || p->options.failed || p->items.failed ||
	    p->images.failed || p->one_item.failed || p->one_image.failed;
}

static int
take(struct layout *l, const struct csv_row *row, struct csvevent_bad *bad, struct ss_err *err)
{
	struct products *p = (struct products *)l;
	struct json_span handle = cell(row, p->handle);
	int same = (p->held || p->rejected) && handle.n == p->key.len &&
	    handle.n > 0 && memcmp(handle.p, p->key.p, handle.n) == 0;

	if (handle.n == 0)
		return layout_bad(bad, "no-handle", p->h->name[p->handle], "blank",
		    none);
	if (!same && end_products(l, err) == -1)
		return -1;
	if (same && p->rejected)
		return layout_bad(bad, "no-product", p->h->name[p->handle],
		    "the product's first row was rejected", none);
	if (!(same ? put_parts(p, row, handle, bad) : first_row(p, row, handle, bad)))
		return 0;
	(void)buf_add(&p->items, p->one_item.p, p->one_item.len);
	(void)buf_add(&p->images, p->one_image.p, p->one_image.len);
	return failed(p) ? err_nomem(err) : 1;
}

/* --- */

static void
free_products(struct layout *l)
{
	struct products *p = (struct products *)l;
	size_t i;

	layout_cols_free(&p->fields);
	layout_cols_free(&p->item);
	buf_free(&p->place);
	buf_free(&p->key);
	buf_free(&p->fields_text);
	buf_free(&p->options);
	buf_free(&p->items);
	buf_free(&p->images);
	buf_free(&p->one_item);
	buf_free(&p->one_image);
	for (i = 0; i < OPTIONS; i++)
		buf_free(&p->option[i]);
	free(p);
}

int
layoutproduct_open(struct layout **out, const struct layout_header *h, const struct layout_opts *o,
    struct csvevent *e, struct ss_err *err)
{
	struct products *p;
	int i;

	if (!is_products(h))
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return err_nomem(err);
	p->l = (struct layout){ .name = "Shopify products", .row = take, .end = end_products,
		.free = free_products };
	p->h = h;
	p->e = e;
	p->handle = p->title = p->sku = p->quantity = p->image = p->position = p->alt = NONE;
	for (i = 0; i < OPTIONS; i++)
		p->opt_name[i] = p->opt_value[i] = NONE;
	if (plan(p, o, err) == -1) {
		free_products(&p->l);
		return -1;
	}
	*out = &p->l;
	return 1;
}
