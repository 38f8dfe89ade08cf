#ifndef SS_PEER_SHOPIFY_H
#define SS_PEER_SHOPIFY_H

#include <stddef.h>

/*
 * Shopify's Admin GraphQL API: the documents that we speak, and its limits.
 * Requests are made in shopify_build*.c, replies read in shopify_reply*.c, bulk
 * results joined in shopify_bulk.c.
 */

/* The one version spoken; every document is valid from 2026-04 on.
 * https://shopify.dev/docs/api/usage/versioning */
#define SHOPIFY_VERSION "2026-10"

/* https://shopify.dev/docs/api/usage/limits */
enum {
	SHOPIFY_ROWS = 250,		/* elements of an input array, rows of a page */
	SHOPIFY_METAFIELDS = 25,	/* of a metafieldsSet */
	SHOPIFY_VARIANTS = 2048,	/* of a product */
	SHOPIFY_OPTIONS = 3,		/* of a product */
	SHOPIFY_VALUES = 100,		/* of an option */
	SHOPIFY_LINES = 499,		/* of a draft order */
	SHOPIFY_SKUS = 100,		/* our own: of one search, so that its text stays short */
	SHOPIFY_DOCUMENT = 65535	/* bytes of a bulk document */
};

/* What kind of document it is. */
enum {
	SHOPIFY_WRITE = 1,	/* it changes something: an end that is lost is an end not known */
	SHOPIFY_KEYED = 2,	/* takes an idempotency key, kept for 24 h */
	SHOPIFY_NOOP = 4	/* nothing to change is answered by null without an error */
};

/*
 * X(name, root field, list, proof, flags).  list: the argument whose elements
 * are a call's rows, as userErrors name it; NULL: the call is one row.  proof:
 * the member of the payload that is there when it was done; NULL: a query.
 */
#define SHOPIFY_DOCS(X) \
	X(set_quantities, "inventorySetQuantities", "quantities", "inventoryAdjustmentGroup", \
	    SHOPIFY_WRITE | SHOPIFY_KEYED | SHOPIFY_NOOP) \
	X(activate, "inventoryActivate", NULL, "inventoryLevel", SHOPIFY_WRITE | SHOPIFY_KEYED) \
	X(item_update, "inventoryItemUpdate", NULL, "inventoryItem", SHOPIFY_WRITE) \
	X(variants_update, "productVariantsBulkUpdate", "variants", "productVariants", SHOPIFY_WRITE) \
	X(product_update, "productUpdate", NULL, "product", SHOPIFY_WRITE) \
	X(product_set, "productSet", NULL, "product", SHOPIFY_WRITE) \
	X(tags_add, "tagsAdd", NULL, "node", SHOPIFY_WRITE) \
	X(tags_remove, "tagsRemove", NULL, "node", SHOPIFY_WRITE) \
	X(metafields_set, "metafieldsSet", "metafields", "metafields", SHOPIFY_WRITE) \
	X(transfer_create, "inventoryTransferCreateAsReadyToShip", NULL, "inventoryTransfer", \
	    SHOPIFY_WRITE | SHOPIFY_KEYED) \
	X(draft_create, "draftOrderCreate", NULL, "draftOrder", SHOPIFY_WRITE) \
	X(variants_by_sku, "productVariants", NULL, NULL, 0) \
	X(levels_by_item, "nodes", NULL, NULL, 0) \
	X(locations, "locations", NULL, NULL, 0) \
	X(variants_page, "productVariants", NULL, NULL, 0) \
	X(levels_page, "inventoryItems", NULL, NULL, 0) \
	X(products_page, "products", NULL, NULL, 0) \
	X(orders_page, "orders", NULL, NULL, 0) \
	X(bulk_query, "bulkOperationRunQuery", NULL, "bulkOperation", SHOPIFY_WRITE) \
	X(bulk_mutation, "bulkOperationRunMutation", NULL, "bulkOperation", SHOPIFY_WRITE) \
	X(bulk_status, "bulkOperation", NULL, NULL, 0) \
	X(bulk_cancel, "bulkOperationCancel", NULL, "bulkOperation", SHOPIFY_WRITE) \
	X(staged_upload, "stagedUploadsCreate", NULL, "stagedTargets", SHOPIFY_WRITE) \
	X(bulk_variants, "productVariants", NULL, NULL, 0) \
	X(bulk_products, "products", NULL, NULL, 0) \
	X(webhooks, "webhookSubscriptions", NULL, NULL, 0) \
	X(webhook_create, "webhookSubscriptionCreate", NULL, "webhookSubscription", SHOPIFY_WRITE) \
	X(webhook_update, "webhookSubscriptionUpdate", NULL, "webhookSubscription", SHOPIFY_WRITE) \
	X(webhook_delete, "webhookSubscriptionDelete", NULL, "deletedWebhookSubscriptionId", SHOPIFY_WRITE)

#define SHOPIFY_ENUM(name, root, list, proof, flags) SHOPIFY_DOC_##name,
enum shopify_doc { SHOPIFY_DOCS(SHOPIFY_ENUM) SHOPIFY_DOC_COUNT };
#undef SHOPIFY_ENUM

/* Made from the .graphql file. */
struct shopify_text {
	const char *operation;
	const char *text;	/* one line, fewer than SHOPIFY_DOCUMENT bytes */
	size_t n;
};
#define SHOPIFY_TEXT(name, root, list, proof, flags) extern const struct shopify_text shopify_text_##name;
SHOPIFY_DOCS(SHOPIFY_TEXT)
#undef SHOPIFY_TEXT
extern const size_t shopify_text_count;

struct shopify_doc_info {
	const char *name, *root, *list, *proof;
	unsigned flags;
	const struct shopify_text *text;
};
/* Never NULL for a member of the enum. */
const struct shopify_doc_info *shopify_doc(enum shopify_doc d);

#endif /* !SS_PEER_SHOPIFY_H */
