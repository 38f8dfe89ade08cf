/*
 * Fields of events, and what they are called by Shopify.  The order of the
 * tables is the order in requests.
 */
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "event/leaf.h"
#include "peer/shopify_internal.h"

enum kind { TEXT, NEEDED, MONEY, PRICE, BOOL, COUNTRY, POLICY, TRACKER, STATUS, CATEGORY };

struct field {
	const char *name, *to;
	enum kind kind;
};

static const struct field variant[] = {
	{ "price", "price", PRICE }, { "compare_at_price", "compareAtPrice", MONEY }, { "barcode", "barcode", TEXT },
	{ "taxable", "taxable", BOOL }, { "tax_code", "taxCode", TEXT }, { "inventory_policy", "inventoryPolicy", POLICY },
	{ NULL, NULL, TEXT }
};

/* weight is apart: it is an object there */
static const struct field item[] = {
	{ "sku", "sku", TEXT }, { "cost", "cost", MONEY }, { "tracked", "tracked", BOOL },
	{ "inventory_tracker", "tracked", TRACKER }, { "requires_shipping", "requiresShipping", BOOL },
	{ "hs_code", "harmonizedSystemCode", TEXT }, { "country_of_origin", "countryCodeOfOrigin", COUNTRY },
	{ "province_of_origin", "provinceCodeOfOrigin", TEXT }, { NULL, NULL, TEXT }
};

static const struct field product[] = {
	{ "title", "title", NEEDED }, { "handle", "handle", NEEDED }, { "description", "descriptionHtml", TEXT },
	{ "vendor", "vendor", TEXT }, { "type", "productType", TEXT }, { "status", "status", STATUS },
	{ "template_suffix", "templateSuffix", TEXT }, { "category", "category", CATEGORY }, { NULL, NULL, TEXT }
};

static const struct field seo[] = {
	{ "seo_title", "title", TEXT }, { "seo_description", "description", TEXT }, { NULL, NULL, TEXT }
};

static const struct field created[] = { { "gift_card", "giftCard", BOOL }, { NULL, NULL, TEXT } };

static const struct field *
find(const struct field *f, struct json_span name)
{
	for (; f->name != NULL; f++)
		if (strlen(f->name) == name.n && memcmp(f->name, name.p, name.n) == 0)
			return f;
	return NULL;
}

static int
is(struct json_span s, const char *word)
{
	return strlen(word) == s.n && strncasecmp(s.p, word, s.n) == 0;
}

static int
is_taxonomy(struct json_span s)
{
	static const char begin[] = "gid://shopify/TaxonomyCategory/";

	return s.n > sizeof(begin) - 1 && memcmp(s.p, begin, sizeof(begin) - 1) == 0;
}

int
shopify_build_knows_item(struct json_span field)
{
	return find(variant, field) != NULL || find(item, field) != NULL || is(field, "weight");
}

int
shopify_build_knows_product(struct json_span field, struct yyjson_val *value, int create)
{
	const struct field *f = find(product, field);

	if (f != NULL && f->kind == CATEGORY)
		return is_taxonomy(json_scalar(value));
	return f != NULL || find(seo, field) != NULL || (create && (is(field, "tags") || find(created, field) != NULL));
}

/* No field is a list or an object. */
static int
is_container(struct yyjson_val *v)
{
	return json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT;
}

/* A number in one spelling; 0 when the text is none. */
static int
is_decimal(struct json_span s)
{
	struct buf t = { 0 };
	int rc = s.n > 0 && json_decimal(s.p, s.n, &t) == 0 && memchr(t.p, 'e', t.len) == NULL;

	buf_free(&t);
	return rc;
}

static int
bad_value(struct shopify_body *y, const struct field *f, struct json_span s, const char *what)
{
	if (s.n == 0)
		return shopify_body_bad(y, "%s is blank: %s", f->name, what);
	return shopify_body_bad(y, "%s '%.*s': %s", f->name, (int)(s.n < 60 ? s.n : 60), s.p, what);
}

/* One of words, written in capitals. */
static int
put_word(struct shopify_body *y, const struct field *f, struct json_span s, const char *const *words, const char *what)
{
	char up[16] = "";
	size_t i, k;

	for (i = 0; words[i] != NULL && !is(s, words[i]); i++)
		;
	if (words[i] == NULL)
		return bad_value(y, f, s, what);
	for (k = 0; words[i][k] != '\0'; k++)
		up[k] = (char)(words[i][k] - 'a' + 'A');
	shopify_put_cstr(y->b, f->to, up);
	return 0;
}

static int
put_money(struct shopify_body *y, const struct field *f, struct json_span s)
{
	struct buf t = { 0 };

	if (s.n == 0 && f->kind == MONEY) {
		shopify_put_or_null(y->b, f->to, (struct json_span){ NULL, 0 });
		return 0;
	}
	if (!is_decimal(s))
		return bad_value(y, f, s, "an amount is needed");
	(void)json_decimal(s.p, s.n, &t);
	shopify_put_text(y->b, f->to, (struct json_span){ t.p, t.len });
	buf_free(&t);
	return 0;
}

static int
put_bool(struct shopify_body *y, const struct field *f, struct json_span s)
{
	static const char *const yes[] = { "true", "yes", "1", "y", "on", NULL };
	static const char *const no[] = { "false", "no", "0", "n", "off", NULL };
	size_t i, k;

	for (i = 0; yes[i] != NULL && !is(s, yes[i]); i++)
		;
	for (k = 0; no[k] != NULL && !is(s, no[k]); k++)
		;
	if (yes[i] == NULL && no[k] == NULL)
		return bad_value(y, f, s, "true or false is needed");
	shopify_put_name(y->b, f->to);
	(void)buf_adds(y->b, yes[i] != NULL ? "true" : "false");
	return 0;
}

static int
put_country(struct shopify_body *y, const struct field *f, struct json_span s)
{
	char up[2];
	size_t i;

	if (s.n == 0) {
		shopify_put_or_null(y->b, f->to, (struct json_span){ NULL, 0 });
		return 0;
	}
	for (i = 0; i < 2 && i < s.n; i++)
		up[i] = (char)(s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] - 'a' + 'A' : s.p[i]);
	if (s.n != 2 || up[0] < 'A' || up[0] > 'Z' || up[1] < 'A' || up[1] > 'Z')
		return bad_value(y, f, s, "a country's two letters are needed");
	shopify_put_text(y->b, f->to, (struct json_span){ up, 2 });
	return 0;
}

static int
put_one(struct shopify_body *y, const struct field *f, struct yyjson_val *v)
{
	static const char *const policy[] = { "deny", "continue", NULL };
	static const char *const status[] = { "active", "draft", "archived", "unlisted", NULL };
	struct json_span s = json_scalar(v);

	if (is_container(v))
		return shopify_body_bad(y, "%s is a list or an object: one value is needed", f->name);
	switch (f->kind) {
	case PRICE:
	case MONEY:
		return put_money(y, f, s);
	case BOOL:
		return put_bool(y, f, s);
	case COUNTRY:
		return put_country(y, f, s);
	case POLICY:
		return put_word(y, f, s.n == 0 ? (struct json_span){ "deny", 4 } : s, policy, "deny or continue is needed");
	case STATUS:
		return put_word(y, f, s, status, "active, draft, archived or unlisted is needed");
	case TRACKER:
		if (s.n > 0 && !is(s, "shopify"))
			return bad_value(y, f, s, "stock that another service tracks cannot be set; 'shopify' or blank is needed");
		shopify_put_name(y->b, f->to);
		(void)buf_adds(y->b, s.n > 0 ? "true" : "false");
		return 0;
	case CATEGORY:
		if (is_taxonomy(s))
			shopify_put_text(y->b, f->to, s);
		return 0;
	case NEEDED:
		if (s.n == 0)
			return bad_value(y, f, s, "Shopify takes no product without it");
		break;
	case TEXT:
		break;
	}
	shopify_put_text(y->b, f->to, s);
	return 0;
}

static int
put_fields(struct shopify_body *y, const struct field *f, struct yyjson_val *fields)
{
	struct yyjson_val *v;

	for (; f->name != NULL; f++) {
		/* two names of one member */
		if (f->kind == TRACKER && json_get(fields, "tracked") != NULL)
			continue;
		v = json_get(fields, f->name);
		if (v != NULL && put_one(y, f, v) == -1)
			return -1;
	}
	return 0;
}

static int
any(const struct field *f, struct yyjson_val *fields)
{
	for (; f->name != NULL; f++)
		if (json_get(fields, f->name) != NULL)
			return 1;
	return 0;
}

/* measurement: grams; as kilograms where that is the unit shown. */
static int
put_weight(struct shopify_body *y, struct yyjson_val *fields)
{
	static const struct field f = { "weight", "value", TEXT };
	struct yyjson_val *v = json_get(fields, "weight");
	struct json_span s = json_scalar(v), unit = json_scalar(json_get(fields, "weight_unit"));
	int kg = is(unit, "kg") || is(unit, "kilograms");
	struct buf t = { 0 }, u = { 0 };
	int rc = 0;

	if (v == NULL)
		return 0;
	if (s.n == 0 && !is_container(v))
		s = (struct json_span){ "0", 1 };
	if (!is_decimal(s) || s.p[0] == '-')
		return bad_value(y, &f, s, "a weight in grams is needed");
	(void)json_decimal(s.p, s.n, &t);
	if (kg)
		(void)buf_adds(&t, "e-3");
	shopify_put_name(y->b, "measurement");
	(void)buf_adds(y->b, "{\"weight\":{\"value\":");
	if (t.failed || json_decimal(t.p, t.len, &u) == -1)
		rc = shopify_body_nomem(y);
	else
		(void)buf_add(y->b, u.p, u.len);
	if (rc == 0)
		(void)buf_adds(y->b, kg ? ",\"unit\":\"KILOGRAMS\"}}" : ",\"unit\":\"GRAMS\"}}");
	buf_free(&t);
	buf_free(&u);
	return rc;
}

int
shopify_put_item(struct shopify_body *y, struct yyjson_val *fields, struct json_span sku)
{
	if (sku.p != NULL)
		shopify_put_text(y->b, "sku", sku);
	if (put_fields(y, sku.p != NULL ? item + 1 : item, fields) == -1)
		return -1;
	return put_weight(y, fields);
}

int
shopify_has_item(struct yyjson_val *fields)
{
	return any(item, fields) || json_get(fields, "weight") != NULL;
}

int
shopify_put_variant(struct shopify_body *y, struct yyjson_val *fields)
{
	return put_fields(y, variant, fields);
}

static int
put_tags(struct shopify_body *y, struct yyjson_val *v)
{
	struct buf tags = { 0 };
	size_t n = 0;
	int rc = leaf_canon((struct json_span){ "fields/tags", 11 }, v, &tags) == -1 ? shopify_body_nomem(y) : 0;

	if (rc == 0)
		shopify_put_set(y->b, "tags", (struct json_span){ tags.p, tags.len }, &n);
	if (n > SHOPIFY_ROWS)
		rc = shopify_body_bad(y, "%zu tags: %d at most", n, SHOPIFY_ROWS);
	buf_free(&tags);
	return rc;
}

int
shopify_put_product(struct shopify_body *y, struct yyjson_val *fields, int create)
{
	struct yyjson_val *tags = create ? json_get(fields, "tags") : NULL;

	if (put_fields(y, product, fields) == -1)
		return -1;
	if (any(seo, fields)) {
		shopify_put_name(y->b, "seo");
		(void)buf_addc(y->b, '{');
		if (put_fields(y, seo, fields) == -1)
			return -1;
		(void)buf_addc(y->b, '}');
	}
	if (create && put_fields(y, created, fields) == -1)
		return -1;
	return tags != NULL ? put_tags(y, tags) : 0;
}
