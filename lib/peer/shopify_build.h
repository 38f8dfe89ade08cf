#ifndef SS_PEER_SHOPIFY_BUILD_H
#define SS_PEER_SHOPIFY_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "event/json.h"
#include "peer/shopify.h"

struct buf;
struct ss_err;
struct yyjson_val;

/*
 * The bodies of requests: {"query":…,"variables":{…},"operationName":…},
 * appended to b.  The same input gives the same bytes, members in a fixed order:
 * the fingerprint that Shopify keeps with an idempotency key depends on it
 * (https://shopify.dev/docs/api/usage/implementing-idempotency).
 *
 * Texts are UTF-8.  Ids are opaque ("gid://shopify/…").  Numbers come as text.
 *
 * All: 0, or -1 with b as it was.  SS_EXIT_USAGE: a value cannot be expressed, or
 * a limit is passed; *bad (may be NULL) is the row that is at fault, or
 * SHOPIFY_NO_ROW.  Else there was no memory.
 */
#define SHOPIFY_NO_ROW ((size_t)-1)

/* Where a key is not known yet: 36 bytes that shopify_build_key replaces. */
#define SHOPIFY_KEY_LATER "00000000-0000-0000-0000-000000000000"
/* Put the intent's id in; -1 when the body has no such place. */
int shopify_build_key(struct buf *b, const char id[UUID_TEXT]);

/*
 * inventorySetQuantities: rows are pairs of item and location, each pair once, 1
 * to SHOPIFY_ROWS of them; all or nothing.  quantity: a whole number within
 * ±10^9, of on_hand not below 0.  was: what the peer is known to hold, compared
 * there before anything is set; {NULL,0}: do not compare.
 * https://shopify.dev/docs/api/admin-graphql/latest/mutations/inventorySetQuantities
 */
struct shopify_quantity {
	struct json_span item, location, quantity, was;
};
struct shopify_quantities {
	int on_hand;			/* 0: available */
	const char *reason;		/* NULL: "correction" */
	const char *reference;		/* a URI shown in the stock's history; NULL: none */
	const char *key;		/* NULL: SHOPIFY_KEY_LATER */
	const struct shopify_quantity *row;
	size_t n;
};
int shopify_build_quantities(struct buf *b, const struct shopify_quantities *q, size_t *bad, struct ss_err *err);

/* inventoryActivate, without quantities: set them afterwards.
 * https://shopify.dev/docs/api/admin-graphql/latest/mutations/inventoryActivate */
int shopify_build_activate(struct buf *b, struct json_span item, struct json_span location, const char *key,
    struct ss_err *err);

/*
 * Fields of item events by the vocabulary: price, compare_at_price, barcode,
 * taxable, tax_code, inventory_policy (deny, continue); sku, cost, tracked,
 * inventory_tracker ("shopify" or blank), requires_shipping, weight (grams;
 * weight_unit kg: sent as kilograms), hs_code, country_of_origin,
 * province_of_origin.  Others are left out: ask before what is called set.
 * Blank: a text becomes "", compare_at_price and cost null, weight 0; a blank
 * price, true-or-false or country is refused.
 */
int shopify_build_knows_item(struct json_span field);

/*
 * productVariantsBulkUpdate: rows are variants of one product, 1 to SHOPIFY_ROWS.
 * partial: good rows are set though others are bad.  fields: {"price":…} or NULL;
 * options: {"Size":"M"} or NULL; sku: a new one, or {NULL,0}.
 * https://shopify.dev/docs/api/admin-graphql/latest/mutations/productVariantsBulkUpdate
 */
struct shopify_variant {
	struct json_span id, sku;
	struct yyjson_val *fields, *options;
};
int shopify_build_variants(struct buf *b, struct json_span product, const struct shopify_variant *v, size_t n,
    int partial, size_t *bad, struct ss_err *err);

/* inventoryItemUpdate: those fields that belong to the inventory item (cost, tracked,
 * weight, …).  None of them in fields: refused.
 * https://shopify.dev/docs/api/admin-graphql/latest/mutations/inventoryItemUpdate */
int shopify_build_item(struct buf *b, struct json_span id, struct yyjson_val *fields, struct ss_err *err);

/*
 * Fields of product events: title, description, vendor, type, status (active,
 * draft, archived, unlisted), handle, template_suffix, category (a taxonomy id
 * alone can be sent, names are left out), seo_title, seo_description; when it is
 * created also gift_card and tags, which otherwise go by tagsAdd and tagsRemove.
 */
int shopify_build_knows_product(struct json_span field, struct yyjson_val *value, int create);

/* https://shopify.dev/docs/api/admin-graphql/latest/mutations/productUpdate */
int shopify_build_product(struct buf *b, struct json_span id, struct yyjson_val *fields, struct ss_err *err);

/*
 * productSet for a product that is not there: data of a product event (fields,
 * options, images, items) and its handle.  Should there be one of that handle it
 * is made the same, and whatever it has beyond loses its variants: search first.
 * Items without options become the one default variant; at most SHOPIFY_VARIANTS
 * items, SHOPIFY_OPTIONS options, SHOPIFY_VALUES values of each, SHOPIFY_ROWS
 * images.  *bad is the item.  place(ctx, name) gives a location's id, {NULL,0}
 * when there is none (refused); place NULL: no levels are sent.
 * https://shopify.dev/docs/api/admin-graphql/latest/mutations/productSet
 */
typedef struct json_span shopify_place_fn(void *ctx, struct json_span name);
int shopify_build_create(struct buf *b, struct json_span handle, struct yyjson_val *data, shopify_place_fn *place,
    void *ctx, size_t *bad, struct ss_err *err);

/*
 * Tags go as a difference, so that those made by hand stay.  want, was: an array
 * or a comma separated text; NULL: none.  add and gone get "a,b," sorted, each
 * once; empty: nothing to do.
 */
int shopify_build_tags_diff(struct yyjson_val *want, struct yyjson_val *was, struct buf *add, struct buf *gone,
    struct ss_err *err);
/* tagsAdd, tagsRemove: set is "a,b,", 1 to SHOPIFY_ROWS tags.
 * https://shopify.dev/docs/api/admin-graphql/latest/mutations/tagsAdd */
int shopify_build_tags(struct buf *b, int remove, struct json_span id, struct json_span set, struct ss_err *err);

/* metafieldsSet: 1 to SHOPIFY_METAFIELDS; all or nothing.  type {NULL,0}: as its
 * definition says.  digest: compare-and-set; none: {NULL,0}; {"",0}: it must not
 * be there yet.
 * https://shopify.dev/docs/api/admin-graphql/latest/mutations/metafieldsSet */
struct shopify_metafield {
	struct json_span owner, namespace, key, type, value, digest;
};
int shopify_build_metafields(struct buf *b, const struct shopify_metafield *m, size_t n, size_t *bad,
    struct ss_err *err);

/* inventoryTransferCreateAsReadyToShip: 1 to SHOPIFY_ROWS lines, quantities from 1.
 * origin {NULL,0}: a supplier's delivery.
 * https://shopify.dev/docs/api/admin-graphql/latest/mutations/inventoryTransferCreateAsReadyToShip */
struct shopify_line {
	struct json_span id;		/* inventory item, variant */
	struct json_span quantity;
	struct json_span title, price;	/* draft order: a line of no variant; price in the shop's currency */
};
struct shopify_transfer {
	struct json_span origin, destination, reference, note;
	const char *key;
	const struct shopify_line *line;
	size_t n;
};
int shopify_build_transfer(struct buf *b, const struct shopify_transfer *t, size_t *bad, struct ss_err *err);

/* draftOrderCreate: 1 to SHOPIFY_LINES lines, of a variant, or of a title, price and
 * currency.  address: {"first_name":…,"last_name","company","address1","address2",
 * "city","zip","province_code","country_code","phone"} or NULL.  tags: as in product
 * events, or NULL.
 * https://shopify.dev/docs/api/admin-graphql/latest/mutations/draftOrderCreate */
struct shopify_draft {
	struct json_span email, phone, note, po_number, source, currency;
	struct yyjson_val *tags, *address;
	const struct shopify_line *line;
	size_t n;
};
int shopify_build_draft(struct buf *b, const struct shopify_draft *d, size_t *bad, struct ss_err *err);

/* Variants by sku, 1 to SHOPIFY_SKUS, none of them blank.  The answer may hold others
 * (compare), the same sku twice, and lags behind writes.
 * https://shopify.dev/docs/api/usage/search-syntax */
int shopify_build_skus(struct buf *b, const struct json_span *sku, size_t n, struct json_span after, size_t *bad,
    struct ss_err *err);
/* name:"value" in search syntax, appended to a search text: quoted, with " and \
 * escaped; bytes below blank become blanks. */
void shopify_build_term(struct buf *b, const char *name, const char *sign, struct json_span value);

/* Levels of 1 to SHOPIFY_ROWS inventory items, at most first locations of each. */
int shopify_build_levels(struct buf *b, const struct json_span *item, size_t n, unsigned first, struct ss_err *err);

/*
 * A page: locations, variants_page, levels_page, products_page, orders_page,
 * webhooks.  after: the cursor of the page before; since: what was updated at or
 * after that moment (RFC 3339; not for locations and webhooks); {NULL,0}: none.
 * first and inner (levels, lines of each row): 1 to SHOPIFY_ROWS.
 * https://shopify.dev/docs/api/usage/pagination-graphql
 */
struct shopify_page {
	enum shopify_doc doc;
	unsigned first, inner;
	struct json_span after, since;
};
int shopify_build_page(struct buf *b, const struct shopify_page *p, struct ss_err *err);

/* bulkOperationRunQuery of one of our documents (bulk_variants, bulk_products);
 * bulkOperation, bulkOperationCancel by id.
 * https://shopify.dev/docs/api/usage/bulk-operations/queries */
int shopify_build_bulk_query(struct buf *b, enum shopify_doc inner, struct ss_err *err);
int shopify_build_bulk_id(struct buf *b, enum shopify_doc doc, struct json_span id, struct ss_err *err);
/* Where a file of variables goes, then the job that runs inner once a line.  client:
 * 10 to 255 characters that name the job, or {NULL,0}.
 * https://shopify.dev/docs/api/usage/bulk-operations/imports */
int shopify_build_staged(struct buf *b, struct json_span filename, uint64_t size, struct ss_err *err);
int shopify_build_bulk_mutation(struct buf *b, enum shopify_doc inner, struct json_span path, struct json_span client,
    struct ss_err *err);
/* The variables alone of a whole request that was just appended at from: one line of
 * such a file, without its newline. */
int shopify_build_variables_only(struct buf *b, size_t from);

/* webhookSubscriptionCreate (id {NULL,0}) or …Update; uri: https, pubsub: or an ARN.
 * filter {NULL,0}: none.
 * https://shopify.dev/docs/api/admin-graphql/latest/mutations/webhookSubscriptionCreate */
struct shopify_webhook {
	struct json_span id, topic, uri, filter;
};
int shopify_build_webhook(struct buf *b, const struct shopify_webhook *w, struct ss_err *err);
int shopify_build_webhook_delete(struct buf *b, struct json_span id, struct ss_err *err);

#endif /* !SS_PEER_SHOPIFY_BUILD_H */
