#include "peer/shopify_build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "event/leaf.h"
#include "peer/shopify_internal.h"

/* --- the frame of a request --------------------------------------------------- */

void
shopify_body_begin(struct shopify_body *y, struct buf *b, enum shopify_doc doc, size_t *bad, struct ss_err *err)
{
	*y = (struct shopify_body){ b, shopify_doc(doc), b->len, SHOPIFY_NO_ROW, bad, err };
	if (bad != NULL)
		*bad = SHOPIFY_NO_ROW;
	(void)buf_adds(b, "{\"query\":");
	(void)json_put_str(b, y->doc->text->text, y->doc->text->n);
	(void)buf_adds(b, ",\"variables\":{");
}

int
shopify_body_end(struct shopify_body *y, const char *key)
{
	struct buf *b = y->b;

	if ((y->doc->flags & SHOPIFY_KEYED) != 0)
		shopify_put_cstr(b, "key", key != NULL ? key : SHOPIFY_KEY_LATER);
	(void)buf_adds(b, "},\"operationName\":\"");
	(void)buf_adds(b, y->doc->text->operation);
	(void)buf_adds(b, "\"}");
	return b->failed ? shopify_body_nomem(y) : 0;
}

int
shopify_body_nomem(struct shopify_body *y)
{
	y->b->len = y->from;
	y->b->failed = 0;
	return err_nomem(y->err);
}

int
shopify_body_bad(struct shopify_body *y, const char *fmt, ...)
{
	char why[300];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	y->b->len = y->from;
	y->b->failed = 0;
	if (y->bad != NULL)
		*y->bad = y->row;
	return err_set(y->err, SS_EXIT_USAGE, "%s: %s", y->doc->root, why);
}

int
shopify_build_key(struct buf *b, const char id[UUID_TEXT])
{
	static const char place[] = "\"key\":\"";
	const size_t n = sizeof(place) - 1, key = UUID_TEXT - 1;
	size_t i;

	/* the last variable; within a string its quotes would be escaped */
	if (b->len < n + key || strlen(id) != key)
		return -1;
	for (i = b->len - n - key; i > 0; i--)
		if (b->p[i] == '"' && memcmp(b->p + i, place, n) == 0) {
			if (b->p[i + n + key] != '"')
				return -1;
			memcpy(b->p + i + n, id, key);
			return 0;
		}
	return -1;
}

int
shopify_build_variables_only(struct buf *b, size_t from)
{
	static const char begin[] = ",\"variables\":", end[] = ",\"operationName\":\"";
	const char *p = b->p + from, *v, *e;
	size_t n = b->len - from, i;

	/* our own document comes first, and in it no such member can be */
	v = memmem(p, n, begin, sizeof(begin) - 1);
	for (i = n < sizeof(end) ? 0 : n - sizeof(end); i > 0 && memcmp(p + i, end, sizeof(end) - 1) != 0; i--)
		;
	e = p + i;
	if (v == NULL || i == 0 || v > e)
		return -1;
	v += sizeof(begin) - 1;
	n = (size_t)(e - v);
	memmove(b->p + from, v, n);
	b->len = from + n;
	return 0;
}

/* --- members ------------------------------------------------------------------- */

void
shopify_put_comma(struct buf *b)
{
	if (b->len > 0 && b->p[b->len - 1] != '{' && b->p[b->len - 1] != '[')
		(void)buf_addc(b, ',');
}

void
shopify_put_name(struct buf *b, const char *name)
{
	shopify_put_comma(b);
	(void)buf_addc(b, '"');
	(void)buf_adds(b, name);
	(void)buf_adds(b, "\":");
}

void
shopify_put_text(struct buf *b, const char *name, struct json_span s)
{
	shopify_put_name(b, name);
	(void)json_put_str(b, s.n == 0 ? "" : s.p, s.n);
}

void
shopify_put_cstr(struct buf *b, const char *name, const char *s)
{
	shopify_put_text(b, name, (struct json_span){ s, strlen(s) });
}

void
shopify_put_or_null(struct buf *b, const char *name, struct json_span s)
{
	if (s.p != NULL) {
		shopify_put_text(b, name, s);
		return;
	}
	shopify_put_name(b, name);
	(void)buf_adds(b, "null");
}

void
shopify_put_set(struct buf *b, const char *name, struct json_span set, size_t *n)
{
	const char *p = set.p, *end = set.p + set.n, *c;

	shopify_put_name(b, name);
	(void)buf_addc(b, '[');
	for (*n = 0; set.n > 0 && p < end; p = c + 1, ++*n) {
		c = memchr(p, ',', (size_t)(end - p));
		if (c == NULL)
			c = end;
		shopify_put_comma(b);
		(void)json_put_str(b, p, (size_t)(c - p));
	}
	(void)buf_addc(b, ']');
}

/* Digits, a sign before them allowed. */
static int
plain_int(const char *p, size_t n, int64_t *out)
{
	size_t i = n > 0 && *p == '-';
	int64_t v = 0;

	if (i == n || n - i > 18)
		return -1;
	for (; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	*out = *p == '-' ? -v : v;
	return 0;
}

int
shopify_int(struct json_span s, int64_t min, int64_t max, int64_t *out)
{
	struct buf t = { 0 };
	int rc = s.p == NULL ? -1 : plain_int(s.p, s.n, out);

	if (rc == -1 && s.n > 0 && json_decimal(s.p, s.n, &t) == 0)
		rc = plain_int(t.p, t.len, out);
	buf_free(&t);
	return rc == 0 && *out >= min && *out <= max ? 0 : -1;
}

/* --- stock ----------------------------------------------------------------------- */

#define QUANTITY_MAX 1000000000	/* InventorySetQuantities: INVALID_QUANTITY_TOO_HIGH, _TOO_LOW */

static int
put_quantity(struct shopify_body *y, const struct shopify_quantity *r, int64_t min)
{
	struct buf *b = y->b;
	int64_t v, was = 0;

	if (r->item.n == 0 || r->location.n == 0)
		return shopify_body_bad(y, "a quantity without %s", r->item.n == 0 ? "an inventory item" : "a location");
	if (shopify_int(r->quantity, min, QUANTITY_MAX, &v) == -1)
		return shopify_body_bad(y, "'%.*s' is no whole number from %lld to %d",
		    (int)(r->quantity.n < 40 ? r->quantity.n : 40), r->quantity.p == NULL ? "" : r->quantity.p,
		    (long long)min, QUANTITY_MAX);
	if (r->was.p != NULL && shopify_int(r->was, -2 * (int64_t)QUANTITY_MAX, 2 * (int64_t)QUANTITY_MAX, &was) == -1)
		return shopify_body_bad(y, "what is known, '%.*s', is no quantity", (int)(r->was.n < 40 ? r->was.n : 40),
		    r->was.p);
	(void)buf_adds(b, b->p[b->len - 1] == '[' ? "{\"inventoryItemId\":" : ",{\"inventoryItemId\":");
	(void)json_put_str(b, r->item.p, r->item.n);
	(void)buf_adds(b, ",\"locationId\":");
	(void)json_put_str(b, r->location.p, r->location.n);
	(void)buf_adds(b, ",\"quantity\":");
	(void)buf_addi(b, v);
	/* null must be written: a key that is absent is an error since 2026-04 */
	(void)buf_adds(b, ",\"changeFromQuantity\":");
	if (r->was.p != NULL)
		(void)buf_addi(b, was);
	else
		(void)buf_adds(b, "null");
	(void)buf_addc(b, '}');
	return b->failed ? shopify_body_nomem(y) : 0;
}

int
shopify_build_quantities(struct buf *b, const struct shopify_quantities *q, size_t *bad, struct ss_err *err)
{
	struct shopify_body y;
	size_t i;

	shopify_body_begin(&y, b, SHOPIFY_DOC_set_quantities, bad, err);
	if (q->n == 0 || q->n > SHOPIFY_ROWS)
		return shopify_body_bad(&y, "%zu quantities: 1 to %d fit a call", q->n, SHOPIFY_ROWS);
	shopify_put_name(b, "input");
	(void)buf_addc(b, '{');
	shopify_put_cstr(b, "name", q->on_hand ? "on_hand" : "available");
	shopify_put_cstr(b, "reason", q->reason != NULL ? q->reason : "correction");
	if (q->reference != NULL)
		shopify_put_cstr(b, "referenceDocumentUri", q->reference);
	shopify_put_name(b, "quantities");
	(void)buf_addc(b, '[');
	if (b->failed)
		return shopify_body_nomem(&y);
	for (i = 0; i < q->n; i++) {
		y.row = i;
		if (put_quantity(&y, &q->row[i], q->on_hand ? 0 : -QUANTITY_MAX) == -1)
			return -1;
	}
	(void)buf_adds(b, "]}");
	return shopify_body_end(&y, q->key);
}

int
shopify_build_activate(struct buf *b, struct json_span item, struct json_span location, const char *key,
    struct ss_err *err)
{
	struct shopify_body y;

	shopify_body_begin(&y, b, SHOPIFY_DOC_activate, NULL, err);
	shopify_put_text(b, "item", item);
	shopify_put_text(b, "location", location);
	return shopify_body_end(&y, key);
}

/* --- tags, metafields --------------------------------------------------------- */

/* The next of "a,b,"; {NULL,0} at the end. */
static struct json_span
next_tag(const char **p, const char *end)
{
	struct json_span s = { *p, 0 };
	const char *c;

	if (*p == end)
		return (struct json_span){ NULL, 0 };
	c = memchr(*p, ',', (size_t)(end - *p));
	if (c == NULL)
		c = end;
	s.n = (size_t)(c - *p);
	*p = c == end ? end : c + 1;
	return s;
}

static int
compare(struct json_span a, struct json_span b)
{
	int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return c != 0 ? c : a.n < b.n ? -1 : a.n > b.n;
}

static void
add_tag(struct buf *b, struct json_span s)
{
	(void)buf_add(b, s.p, s.n);
	(void)buf_addc(b, ',');
}

int
shopify_build_tags_diff(struct yyjson_val *want, struct yyjson_val *was, struct buf *add, struct buf *gone,
    struct ss_err *err)
{
	static const struct json_span path = { "fields/tags", 11 };
	struct buf w = { 0 }, k = { 0 };
	struct json_span a, b;
	const char *p, *q, *pe, *qe;
	int failed = (want != NULL && leaf_canon(path, want, &w) == -1) || (was != NULL && leaf_canon(path, was, &k) == -1);

	p = w.len > 0 ? w.p : "";
	q = k.len > 0 ? k.p : "";
	pe = p + w.len;
	qe = q + k.len;
	a = next_tag(&p, pe);
	b = next_tag(&q, qe);
	while (!failed && (a.p != NULL || b.p != NULL)) {
		int c = a.p == NULL ? 1 : b.p == NULL ? -1 : compare(a, b);

		if (c < 0)
			add_tag(add, a);
		else if (c > 0)
			add_tag(gone, b);
		if (c <= 0)
			a = next_tag(&p, pe);
		if (c >= 0)
			b = next_tag(&q, qe);
	}
	buf_free(&w);
	buf_free(&k);
	return failed || add->failed || gone->failed ? err_nomem(err) : 0;
}

int
shopify_build_tags(struct buf *b, int remove, struct json_span id, struct json_span set, struct ss_err *err)
{
	struct shopify_body y;
	size_t n;

	shopify_body_begin(&y, b, remove ? SHOPIFY_DOC_tags_remove : SHOPIFY_DOC_tags_add, NULL, err);
	shopify_put_text(b, "id", id);
	shopify_put_set(b, "tags", set, &n);
	if (n == 0 || n > SHOPIFY_ROWS)
		return shopify_body_bad(&y, "%zu tags: 1 to %d fit a call", n, SHOPIFY_ROWS);
	return shopify_body_end(&y, NULL);
}

int
shopify_build_metafields(struct buf *b, const struct shopify_metafield *m, size_t n, size_t *bad, struct ss_err *err)
{
	struct shopify_body y;
	size_t i;

	shopify_body_begin(&y, b, SHOPIFY_DOC_metafields_set, bad, err);
	if (n == 0 || n > SHOPIFY_METAFIELDS)
		return shopify_body_bad(&y, "%zu metafields: 1 to %d fit a call", n, SHOPIFY_METAFIELDS);
	shopify_put_name(b, "metafields");
	(void)buf_addc(b, '[');
	for (i = 0; i < n; i++) {
		y.row = i;
		if (m[i].owner.n == 0 || m[i].key.n == 0)
			return shopify_body_bad(&y, "a metafield without %s", m[i].owner.n == 0 ? "an owner" : "a key");
		shopify_put_comma(b);
		(void)buf_addc(b, '{');
		shopify_put_text(b, "ownerId", m[i].owner);
		if (m[i].namespace.p != NULL)
			shopify_put_text(b, "namespace", m[i].namespace);
		shopify_put_text(b, "key", m[i].key);
		if (m[i].type.p != NULL)
			shopify_put_text(b, "type", m[i].type);
		shopify_put_text(b, "value", m[i].value);
		if (m[i].digest.p != NULL)
			shopify_put_or_null(b, "compareDigest", m[i].digest.n > 0 ? m[i].digest : (struct json_span){ NULL, 0 });
		(void)buf_addc(b, '}');
	}
	(void)buf_addc(b, ']');
	return shopify_body_end(&y, NULL);
}
