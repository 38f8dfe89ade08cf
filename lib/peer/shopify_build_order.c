#include <string.h>

#include "base/err.h"
#include "event/leaf.h"
#include "peer/shopify_internal.h"

static const struct json_span none = { NULL, 0 };

static int
put_count(struct shopify_body *y, struct json_span quantity)
{
	int64_t v;

	if (shopify_int(quantity, 1, 2147483647, &v) == -1)
		return shopify_body_bad(y, "quantity '%.*s': a whole number from 1 is needed",
		    (int)(quantity.n < 40 ? quantity.n : 40), quantity.p == NULL ? "" : quantity.p);
	shopify_put_name(y->b, "quantity");
	(void)buf_addi(y->b, v);
	return 0;
}

static void
put_given(struct buf *b, const char *name, struct json_span s)
{
	if (s.p != NULL)
		shopify_put_text(b, name, s);
}

int
shopify_build_transfer(struct buf *b, const struct shopify_transfer *t, size_t *bad, struct ss_err *err)
{
	struct shopify_body y;
	size_t i;

	shopify_body_begin(&y, b, SHOPIFY_DOC_transfer_create, bad, err);
	if (t->n == 0 || t->n > SHOPIFY_ROWS)
		return shopify_body_bad(&y, "%zu lines: 1 to %d fit a transfer", t->n, SHOPIFY_ROWS);
	shopify_put_name(b, "input");
	(void)buf_addc(b, '{');
	put_given(b, "originLocationId", t->origin);
	put_given(b, "destinationLocationId", t->destination);
	put_given(b, "referenceName", t->reference);
	put_given(b, "note", t->note);
	shopify_put_name(b, "lineItems");
	(void)buf_addc(b, '[');
	for (i = 0; i < t->n; i++) {
		y.row = i;
		if (t->line[i].id.n == 0)
			return shopify_body_bad(&y, "a line without an inventory item");
		shopify_put_comma(b);
		(void)buf_addc(b, '{');
		shopify_put_text(b, "inventoryItemId", t->line[i].id);
		if (put_count(&y, t->line[i].quantity) == -1)
			return -1;
		(void)buf_addc(b, '}');
	}
	(void)buf_adds(b, "]}");
	return shopify_body_end(&y, t->key);
}

static void
put_address(struct buf *b, struct yyjson_val *address)
{
	static const char *const name[][2] = { { "first_name", "firstName" }, { "last_name", "lastName" },
		{ "company", "company" }, { "address1", "address1" }, { "address2", "address2" }, { "city", "city" },
		{ "zip", "zip" }, { "province_code", "provinceCode" }, { "country_code", "countryCode" },
		{ "phone", "phone" } };
	size_t i;

	shopify_put_name(b, "shippingAddress");
	(void)buf_addc(b, '{');
	for (i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
		struct json_span s = json_scalar(json_get(address, name[i][0]));

		/* a blank country is no country code, and blanks say nothing here anyhow */
		if (s.n > 0)
			shopify_put_text(b, name[i][1], s);
	}
	(void)buf_addc(b, '}');
}

static int
put_draft_line(struct shopify_body *y, const struct shopify_line *l, struct json_span currency)
{
	struct buf *b = y->b, t = { 0 };

	shopify_put_comma(b);
	(void)buf_addc(b, '{');
	if (l->id.n > 0) {
		shopify_put_text(b, "variantId", l->id);
	} else {
		if (l->title.n == 0 || l->price.n == 0 || currency.n != 3)
			return shopify_body_bad(y, "a line without a variant needs a title, a price and a currency");
		if (json_decimal(l->price.p, l->price.n, &t) == -1) {
			buf_free(&t);
			return shopify_body_bad(y, "price '%.*s': an amount is needed", (int)(l->price.n < 40 ? l->price.n : 40),
			    l->price.p);
		}
		shopify_put_text(b, "title", l->title);
		shopify_put_name(b, "originalUnitPriceWithCurrency");
		(void)buf_addc(b, '{');
		shopify_put_text(b, "amount", (struct json_span){ t.p, t.len });
		shopify_put_text(b, "currencyCode", currency);
		(void)buf_addc(b, '}');
		buf_free(&t);
	}
	if (put_count(y, l->quantity) == -1)
		return -1;
	(void)buf_addc(b, '}');
	return 0;
}

int
shopify_build_draft(struct buf *b, const struct shopify_draft *d, size_t *bad, struct ss_err *err)
{
	struct buf tags = { 0 };
	struct shopify_body y;
	size_t i, n;

	shopify_body_begin(&y, b, SHOPIFY_DOC_draft_create, bad, err);
	if (d->n == 0 || d->n > SHOPIFY_LINES)
		return shopify_body_bad(&y, "%zu lines: 1 to %d fit a draft order", d->n, SHOPIFY_LINES);
	shopify_put_name(b, "input");
	(void)buf_addc(b, '{');
	put_given(b, "email", d->email.n > 0 ? d->email : none);
	put_given(b, "phone", d->phone.n > 0 ? d->phone : none);
	put_given(b, "note", d->note);
	put_given(b, "poNumber", d->po_number);
	put_given(b, "sourceName", d->source);
	if (d->tags != NULL) {
		if (leaf_canon((struct json_span){ "fields/tags", 11 }, d->tags, &tags) == -1) {
			buf_free(&tags);
			return shopify_body_nomem(&y);
		}
		shopify_put_set(b, "tags", (struct json_span){ tags.p, tags.len }, &n);
		buf_free(&tags);
		if (n > SHOPIFY_ROWS)
			return shopify_body_bad(&y, "%zu tags: %d at most", n, SHOPIFY_ROWS);
	}
	if (d->address != NULL)
		put_address(b, d->address);
	shopify_put_name(b, "lineItems");
	(void)buf_addc(b, '[');
	for (i = 0; i < d->n; i++) {
		y.row = i;
		if (put_draft_line(&y, &d->line[i], d->currency) == -1)
			return -1;
	}
	(void)buf_adds(b, "]}");
	return shopify_body_end(&y, NULL);
}
