#include <string.h>

#include "base/err.h"
#include "peer/shopify_internal.h"

/* optionValues of {"Size":"M"}, in the event's order. */
struct options {
	struct shopify_body *y;
	size_t n;
};

static int
each_option(struct options *o, struct json_span name, struct json_span value)
{
	struct buf *b = o->y->b;

	if (value.n == 0)
		return shopify_body_bad(o->y, "option '%.*s' has no value", (int)(name.n < 60 ? name.n : 60), name.p);
	shopify_put_comma(b);
	(void)buf_addc(b, '{');
	shopify_put_text(b, "optionName", name);
	shopify_put_text(b, "name", value);
	(void)buf_addc(b, '}');
	o->n++;
	return 0;
}

/* --- members of variants -------------------------------------------------------- */

static int
put_options(struct shopify_body *y, struct yyjson_val *options)
{
	struct options o = { y, 0 };
	struct json_span name;
	struct json_pairs p = json_pairs(options);
	struct yyjson_val *v;

	shopify_put_name(y->b, "optionValues");
	(void)buf_addc(y->b, '[');
	while ((v = json_pair(&p, &name)) != NULL)
		if (each_option(&o, name, json_scalar(v)) == -1)
			return -1;
	(void)buf_addc(y->b, ']');
	return 0;
}

static int
put_inventory_item(struct shopify_body *y, struct yyjson_val *fields, struct json_span sku)
{
	if (sku.p == NULL && !shopify_has_item(fields))
		return 0;
	shopify_put_name(y->b, "inventoryItem");
	(void)buf_addc(y->b, '{');
	if (shopify_put_item(y, fields, sku) == -1)
		return -1;
	(void)buf_addc(y->b, '}');
	return 0;
}

int
shopify_build_variants(struct buf *b, struct json_span product, const struct shopify_variant *v, size_t n, int partial,
    size_t *bad, struct ss_err *err)
{
	struct shopify_body y;
	size_t i;

	shopify_body_begin(&y, b, SHOPIFY_DOC_variants_update, bad, err);
	if (n == 0 || n > SHOPIFY_ROWS)
		return shopify_body_bad(&y, "%zu variants: 1 to %d fit a call", n, SHOPIFY_ROWS);
	shopify_put_text(b, "productId", product);
	shopify_put_name(b, "variants");
	(void)buf_addc(b, '[');
	for (i = 0; i < n; i++) {
		y.row = i;
		if (v[i].id.n == 0)
			return shopify_body_bad(&y, "a variant without an id");
		shopify_put_comma(b);
		(void)buf_addc(b, '{');
		shopify_put_text(b, "id", v[i].id);
		if (shopify_put_variant(&y, v[i].fields) == -1 || put_inventory_item(&y, v[i].fields, v[i].sku) == -1)
			return -1;
		if (json_pairs(v[i].options).left > 0 && put_options(&y, v[i].options) == -1)
			return -1;
		(void)buf_addc(b, '}');
	}
	(void)buf_addc(b, ']');
	shopify_put_name(b, "partial");
	(void)buf_adds(b, partial ? "true" : "false");
	return shopify_body_end(&y, NULL);
}

int
shopify_build_item(struct buf *b, struct json_span id, struct yyjson_val *fields, struct ss_err *err)
{
	struct shopify_body y;

	shopify_body_begin(&y, b, SHOPIFY_DOC_item_update, NULL, err);
	if (!shopify_has_item(fields))
		return shopify_body_bad(&y, "no field of it belongs to the inventory item");
	shopify_put_text(b, "id", id);
	shopify_put_name(b, "input");
	(void)buf_addc(b, '{');
	if (shopify_put_item(&y, fields, (struct json_span){ NULL, 0 }) == -1)
		return -1;
	(void)buf_addc(b, '}');
	return shopify_body_end(&y, NULL);
}

int
shopify_build_product(struct buf *b, struct json_span id, struct yyjson_val *fields, struct ss_err *err)
{
	struct shopify_body y;
	size_t from;

	shopify_body_begin(&y, b, SHOPIFY_DOC_product_update, NULL, err);
	shopify_put_name(b, "product");
	(void)buf_addc(b, '{');
	shopify_put_text(b, "id", id);
	from = b->len;
	if (shopify_put_product(&y, fields, 0) == -1)
		return -1;
	if (b->len == from && !b->failed)
		return shopify_body_bad(&y, "no field of it can be sent");
	(void)buf_addc(b, '}');
	return shopify_body_end(&y, NULL);
}

/* --- a product that is not there yet ----------------------------------------------- */

/* The values of the option, each once, in the order in which items name them. */
static int
put_values(struct shopify_body *y, struct yyjson_val *items, struct json_span option)
{
	struct json_span seen[SHOPIFY_VALUES], s;
	struct json_walk w = json_walk(items);
	struct yyjson_val *it, *v;
	size_t n = 0, i;
	char key[256];

	if (option.n == 0 || option.n >= sizeof(key) || memchr(option.p, '\0', option.n) != NULL)
		return shopify_body_bad(y, "an option's name of %zu bytes", option.n);
	memcpy(key, option.p, option.n);
	key[option.n] = '\0';
	shopify_put_name(y->b, "values");
	(void)buf_addc(y->b, '[');
	while ((it = json_next(&w)) != NULL) {
		v = json_get(json_get(it, "options"), key);
		s = json_scalar(v);
		for (i = 0; i < n && !(seen[i].n == s.n && memcmp(seen[i].p, s.p, s.n) == 0); i++)
			;
		if (s.n == 0 || i < n)
			continue;
		if (n == SHOPIFY_VALUES)
			return shopify_body_bad(y, "option '%s' has more than %d values", key, SHOPIFY_VALUES);
		seen[n++] = s;
		shopify_put_comma(y->b);
		(void)buf_addc(y->b, '{');
		shopify_put_text(y->b, "name", s);
		(void)buf_addc(y->b, '}');
	}
	(void)buf_addc(y->b, ']');
	return 0;
}

static int
put_product_options(struct shopify_body *y, struct yyjson_val *data)
{
	struct yyjson_val *list = json_get(data, "options"), *items = json_get(data, "items"), *o;
	struct json_walk w = json_walk(list);
	size_t n = 0;

	shopify_put_name(y->b, "productOptions");
	(void)buf_addc(y->b, '[');
	while ((o = json_next(&w)) != NULL) {
		struct json_span name = json_scalar(o);

		/* as exports write a product that has no options */
		if (n++ == SHOPIFY_OPTIONS)
			return shopify_body_bad(y, "more than %d options", SHOPIFY_OPTIONS);
		shopify_put_comma(y->b);
		(void)buf_addc(y->b, '{');
		shopify_put_text(y->b, "name", name);
		if (put_values(y, items, name) == -1)
			return -1;
		(void)buf_addc(y->b, '}');
	}
	if (n == 0)
		(void)buf_adds(y->b, "{\"name\":\"Title\",\"values\":[{\"name\":\"Default Title\"}]}");
	(void)buf_addc(y->b, ']');
	return 0;
}

static void
put_file(struct buf *b, struct json_span src, struct json_span alt)
{
	(void)buf_addc(b, '{');
	shopify_put_text(b, "originalSource", src);
	if (alt.n > 0)
		shopify_put_text(b, "alt", alt);
	(void)buf_adds(b, ",\"contentType\":\"IMAGE\"}");
}

static int
put_images(struct shopify_body *y, struct yyjson_val *images)
{
	struct json_walk w = json_walk(images);
	struct yyjson_val *im;
	size_t n = 0;

	if (w.left == 0)
		return 0;
	if (w.left > SHOPIFY_ROWS)
		return shopify_body_bad(y, "%zu images: %d at most", w.left, SHOPIFY_ROWS);
	shopify_put_name(y->b, "files");
	(void)buf_addc(y->b, '[');
	for (; (im = json_next(&w)) != NULL; n++) {
		struct json_span src = json_str(json_get(im, "src"));

		if (src.n == 0)
			return shopify_body_bad(y, "image %zu has no address", n + 1);
		shopify_put_comma(y->b);
		put_file(y->b, src, json_str(json_get(im, "alt")));
	}
	(void)buf_addc(y->b, ']');
	return 0;
}

/* inventoryQuantities of {"main":{"available":12}}: of on_hand and available one
 * can be set, since each moves the other. */
static int
put_levels(struct shopify_body *y, struct yyjson_val *levels, shopify_place_fn *place, void *ctx)
{
	struct json_pairs p = json_pairs(levels);
	struct yyjson_val *level;
	struct json_span name, id;
	int64_t v;

	if (place == NULL || p.left == 0)
		return 0;
	if (p.left > SHOPIFY_ROWS)
		return shopify_body_bad(y, "%zu locations: %d at most", p.left, SHOPIFY_ROWS);
	shopify_put_name(y->b, "inventoryQuantities");
	(void)buf_addc(y->b, '[');
	while ((level = json_pair(&p, &name)) != NULL) {
		int on_hand = json_get(level, "available") == NULL;
		struct json_span q = json_scalar(json_get(level, on_hand ? "on_hand" : "available"));

		if (q.n == 0)
			continue;
		id = place(ctx, name);
		if (id.n == 0)
			return shopify_body_bad(y, "location '%.*s' is not known", (int)(name.n < 60 ? name.n : 60), name.p);
		if (shopify_int(q, on_hand ? 0 : -1000000000, 1000000000, &v) == -1)
			return shopify_body_bad(y, "'%.*s' is no quantity", (int)(q.n < 40 ? q.n : 40), q.p);
		shopify_put_comma(y->b);
		(void)buf_addc(y->b, '{');
		shopify_put_text(y->b, "locationId", id);
		shopify_put_cstr(y->b, "name", on_hand ? "on_hand" : "available");
		shopify_put_name(y->b, "quantity");
		(void)buf_addi(y->b, v);
		(void)buf_addc(y->b, '}');
	}
	(void)buf_addc(y->b, ']');
	return 0;
}

static int
put_new_variant(struct shopify_body *y, struct yyjson_val *item, int options, shopify_place_fn *place, void *ctx)
{
	struct yyjson_val *fields = json_get(item, "fields");
	struct json_span image = json_str(json_get(fields, "image"));
	struct buf *b = y->b;

	shopify_put_comma(b);
	(void)buf_addc(b, '{');
	if (options) {
		if (put_options(y, json_get(item, "options")) == -1)
			return -1;
	} else {
		(void)buf_adds(b, "\"optionValues\":[{\"optionName\":\"Title\",\"name\":\"Default Title\"}]");
	}
	if (shopify_put_variant(y, fields) == -1 || put_inventory_item(y, fields, json_str(json_get(item, "sku"))) == -1 ||
	    put_levels(y, json_get(item, "levels"), place, ctx) == -1)
		return -1;
	if (image.n > 0) {
		shopify_put_name(b, "file");
		put_file(b, image, (struct json_span){ NULL, 0 });
	}
	(void)buf_addc(b, '}');
	return b->failed ? shopify_body_nomem(y) : 0;
}

static int
put_new_variants(struct shopify_body *y, struct yyjson_val *data, shopify_place_fn *place, void *ctx)
{
	int options = json_walk(json_get(data, "options")).left > 0;
	struct json_walk w = json_walk(json_get(data, "items"));
	struct yyjson_val *item;
	size_t i;

	if (w.left > SHOPIFY_VARIANTS)
		return shopify_body_bad(y, "%zu items: %d at most", w.left, SHOPIFY_VARIANTS);
	if (!options && w.left > 1)
		return shopify_body_bad(y, "%zu items without options to tell them apart", w.left);
	if (w.left == 0)
		return 0;
	if (put_product_options(y, data) == -1)
		return -1;
	shopify_put_name(y->b, "variants");
	(void)buf_addc(y->b, '[');
	for (i = 0; (item = json_next(&w)) != NULL; i++) {
		y->row = i;
		if (put_new_variant(y, item, options, place, ctx) == -1)
			return -1;
	}
	y->row = SHOPIFY_NO_ROW;
	(void)buf_addc(y->b, ']');
	return 0;
}

int
shopify_build_create(struct buf *b, struct json_span handle, struct yyjson_val *data, shopify_place_fn *place,
    void *ctx, size_t *bad, struct ss_err *err)
{
	struct yyjson_val *fields = json_get(data, "fields");
	struct shopify_body y;

	shopify_body_begin(&y, b, SHOPIFY_DOC_product_set, bad, err);
	if (handle.n == 0 || json_scalar(json_get(fields, "title")).n == 0)
		return shopify_body_bad(&y, "a product without %s", handle.n == 0 ? "a handle" : "a title");
	shopify_put_name(b, "identifier");
	(void)buf_addc(b, '{');
	shopify_put_text(b, "handle", handle);
	(void)buf_addc(b, '}');
	shopify_put_name(b, "input");
	(void)buf_addc(b, '{');
	if (json_get(fields, "handle") == NULL)
		shopify_put_text(b, "handle", handle);
	if (shopify_put_product(&y, fields, 1) == -1 || put_images(&y, json_get(data, "images")) == -1 ||
	    put_new_variants(&y, data, place, ctx) == -1)
		return -1;
	(void)buf_addc(b, '}');
	return shopify_body_end(&y, NULL);
}
