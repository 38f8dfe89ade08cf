#include <string.h>

#include "base/err.h"
#include "peer/shopify_internal.h"

/*
 * Search text: a quoted phrase takes everything but " and \, so that no colon,
 * bracket, OR or star in a SKU means anything.
 */
void
shopify_build_term(struct buf *b, const char *name, const char *sign, struct json_span value)
{
	size_t i;

	(void)buf_adds(b, name);
	(void)buf_addc(b, ':');
	(void)buf_adds(b, sign);
	(void)buf_addc(b, '"');
	for (i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '"' || c == '\\')
			(void)buf_addc(b, '\\');
		(void)buf_addc(b, (unsigned char)c < 0x20 ? ' ' : c);
	}
	(void)buf_addc(b, '"');
}

int
shopify_build_skus(struct buf *b, const struct json_span *sku, size_t n, struct json_span after, size_t *bad,
    struct ss_err *err)
{
	struct buf q = { 0 };
	struct shopify_body y;
	size_t i;

	shopify_body_begin(&y, b, SHOPIFY_DOC_variants_by_sku, bad, err);
	if (n == 0 || n > SHOPIFY_SKUS)
		return shopify_body_bad(&y, "%zu SKUs: 1 to %d fit a search", n, SHOPIFY_SKUS);
	for (i = 0; i < n; i++) {
		if (sku[i].n == 0) {
			/* a search for nothing would find everything */
			buf_free(&q);
			y.row = i;
			return shopify_body_bad(&y, "a blank SKU cannot be searched for");
		}
		if (i > 0)
			(void)buf_adds(&q, " OR ");
		shopify_build_term(&q, "sku", "", sku[i]);
	}
	shopify_put_text(b, "query", (struct json_span){ q.p, q.len });
	if (after.p != NULL)
		shopify_put_text(b, "after", after);
	if (q.failed)
		b->failed = 1;
	buf_free(&q);
	return shopify_body_end(&y, NULL);
}

static void
put_number(struct buf *b, const char *name, uint64_t v)
{
	shopify_put_name(b, name);
	(void)buf_addu(b, v);
}

int
shopify_build_levels(struct buf *b, const struct json_span *item, size_t n, unsigned first, struct ss_err *err)
{
	struct shopify_body y;
	size_t i;

	shopify_body_begin(&y, b, SHOPIFY_DOC_levels_by_item, NULL, err);
	if (n == 0 || n > SHOPIFY_ROWS || first == 0 || first > SHOPIFY_ROWS)
		return shopify_body_bad(&y, "%zu items, %u levels of each: 1 to %d fit a call", n, first, SHOPIFY_ROWS);
	shopify_put_name(b, "ids");
	(void)buf_addc(b, '[');
	for (i = 0; i < n; i++) {
		shopify_put_comma(b);
		(void)json_put_str(b, item[i].p, item[i].n);
	}
	(void)buf_addc(b, ']');
	put_number(b, "first", first);
	return shopify_body_end(&y, NULL);
}

int
shopify_build_page(struct buf *b, const struct shopify_page *p, struct ss_err *err)
{
	int plain = p->doc == SHOPIFY_DOC_locations || p->doc == SHOPIFY_DOC_webhooks;
	const char *inner = p->doc == SHOPIFY_DOC_levels_page ? "levels" : p->doc == SHOPIFY_DOC_orders_page ? "lines" : NULL;
	struct buf q = { 0 };
	struct shopify_body y;

	shopify_body_begin(&y, b, p->doc, NULL, err);
	if (!plain && inner == NULL && p->doc != SHOPIFY_DOC_variants_page && p->doc != SHOPIFY_DOC_products_page)
		return shopify_body_bad(&y, "'%s' has no pages", y.doc->name);
	if (p->first == 0 || p->first > SHOPIFY_ROWS || (inner != NULL && (p->inner == 0 || p->inner > SHOPIFY_ROWS)))
		return shopify_body_bad(&y, "pages of %u, %u: 1 to %d", p->first, p->inner, SHOPIFY_ROWS);
	if (plain && p->since.p != NULL)
		return shopify_body_bad(&y, "it cannot be asked for what changed");
	put_number(b, "first", p->first);
	if (p->after.p != NULL)
		shopify_put_text(b, "after", p->after);
	if (p->since.p != NULL) {
		shopify_build_term(&q, "updated_at", ">=", p->since);
		shopify_put_text(b, "query", (struct json_span){ q.p, q.len });
		if (q.failed)
			b->failed = 1;
		buf_free(&q);
	}
	if (inner != NULL)
		put_number(b, inner, p->inner);
	return shopify_body_end(&y, NULL);
}

/* --- bulk -------------------------------------------------------------------------- */

int
shopify_build_bulk_query(struct buf *b, enum shopify_doc inner, struct ss_err *err)
{
	const struct shopify_text *t = shopify_doc(inner)->text;
	struct shopify_body y;

	shopify_body_begin(&y, b, SHOPIFY_DOC_bulk_query, NULL, err);
	if (inner != SHOPIFY_DOC_bulk_variants && inner != SHOPIFY_DOC_bulk_products)
		return shopify_body_bad(&y, "'%s' is no bulk query", shopify_doc(inner)->name);
	shopify_put_text(b, "query", (struct json_span){ t->text, t->n });
	return shopify_body_end(&y, NULL);
}

int
shopify_build_bulk_id(struct buf *b, enum shopify_doc doc, struct json_span id, struct ss_err *err)
{
	struct shopify_body y;

	shopify_body_begin(&y, b, doc, NULL, err);
	if ((doc != SHOPIFY_DOC_bulk_status && doc != SHOPIFY_DOC_bulk_cancel) || id.n == 0)
		return shopify_body_bad(&y, "'%s' by an id of %zu bytes", y.doc->name, id.n);
	shopify_put_text(b, "id", id);
	return shopify_body_end(&y, NULL);
}

int
shopify_build_staged(struct buf *b, struct json_span filename, uint64_t size, struct ss_err *err)
{
	struct shopify_body y;

	shopify_body_begin(&y, b, SHOPIFY_DOC_staged_upload, NULL, err);
	if (filename.n == 0 || size == 0 || size > (uint64_t)100 << 20)
		return shopify_body_bad(&y, "a file of %llu bytes: 1 to 100 MiB can be run", (unsigned long long)size);
	(void)buf_adds(b, "\"input\":[{\"resource\":\"BULK_MUTATION_VARIABLES\"");
	shopify_put_text(b, "filename", filename);
	/* an UnsignedInt64 is a string */
	(void)buf_adds(b, ",\"mimeType\":\"text/jsonl\",\"httpMethod\":\"POST\",\"fileSize\":\"");
	(void)buf_addu(b, size);
	(void)buf_adds(b, "\"}]");
	return shopify_body_end(&y, NULL);
}

int
shopify_build_bulk_mutation(struct buf *b, enum shopify_doc inner, struct json_span path, struct json_span client,
    struct ss_err *err)
{
	const struct shopify_doc_info *in = shopify_doc(inner);
	struct shopify_body y;

	shopify_body_begin(&y, b, SHOPIFY_DOC_bulk_mutation, NULL, err);
	if ((in->flags & SHOPIFY_WRITE) == 0 || inner == SHOPIFY_DOC_bulk_query || inner == SHOPIFY_DOC_bulk_mutation)
		return shopify_body_bad(&y, "'%s' cannot be run in bulk", in->name);
	if (path.n == 0 || (client.p != NULL && (client.n < 10 || client.n > 255)))
		return shopify_body_bad(&y, "a path is needed, and a name of 10 to 255 characters or none");
	shopify_put_text(b, "mutation", (struct json_span){ in->text->text, in->text->n });
	shopify_put_text(b, "path", path);
	if (client.p != NULL)
		shopify_put_text(b, "client", client);
	return shopify_body_end(&y, NULL);
}

/* --- webhooks ------------------------------------------------------------------------ */

int
shopify_build_webhook(struct buf *b, const struct shopify_webhook *w, struct ss_err *err)
{
	struct shopify_body y;

	shopify_body_begin(&y, b, w->id.p == NULL ? SHOPIFY_DOC_webhook_create : SHOPIFY_DOC_webhook_update, NULL, err);
	if (w->uri.n == 0 || (w->id.p == NULL && w->topic.n == 0))
		return shopify_body_bad(&y, "a subscription without %s", w->uri.n == 0 ? "an address" : "a topic");
	if (w->id.p == NULL)
		shopify_put_text(b, "topic", w->topic);
	else
		shopify_put_text(b, "id", w->id);
	shopify_put_name(b, "subscription");
	(void)buf_addc(b, '{');
	shopify_put_text(b, "uri", w->uri);
	shopify_put_cstr(b, "format", "JSON");
	if (w->filter.p != NULL)
		shopify_put_text(b, "filter", w->filter);
	(void)buf_addc(b, '}');
	return shopify_body_end(&y, NULL);
}

int
shopify_build_webhook_delete(struct buf *b, struct json_span id, struct ss_err *err)
{
	struct shopify_body y;

	shopify_body_begin(&y, b, SHOPIFY_DOC_webhook_delete, NULL, err);
	shopify_put_text(b, "id", id);
	return shopify_body_end(&y, NULL);
}
