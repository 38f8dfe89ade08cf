#ifndef SS_PEER_SHOPIFY_INTERNAL_H
#define SS_PEER_SHOPIFY_INTERNAL_H

#include <stddef.h>

#include "base/buf.h"
#include "event/json.h"
#include "peer/shopify.h"
#include "peer/shopify_build.h"

struct ss_err;

/* Shared by the files of shopify_build. */

/* A request being written: body is cut back to from when it goes wrong. */
struct shopify_body {
	struct buf *b;
	const struct shopify_doc_info *doc;
	size_t from;
	size_t row;		/* the one at hand, for messages */
	size_t *bad;
	struct ss_err *err;
};
/* {"query":"…","variables":{ */
void shopify_body_begin(struct shopify_body *y, struct buf *b, enum shopify_doc doc, size_t *bad, struct ss_err *err);
/* The key where the document takes one, and the end.  -1 without memory. */
int shopify_body_end(struct shopify_body *y, const char *key);
/* Cut back; the row at hand is the bad one unless it is SHOPIFY_NO_ROW.  -1. */
int shopify_body_bad(struct shopify_body *y, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int shopify_body_nomem(struct shopify_body *y);

/* ,"name": with the comma where one is due. */
void shopify_put_name(struct buf *b, const char *name);
/* A comma unless an array or object begins here. */
void shopify_put_comma(struct buf *b);
/* ,"name":"text" */
void shopify_put_text(struct buf *b, const char *name, struct json_span s);
void shopify_put_cstr(struct buf *b, const char *name, const char *s);
/* ,"name":"text" or null where there is none. */
void shopify_put_or_null(struct buf *b, const char *name, struct json_span s);
/* ["a","b"] of a canonical set "a,b,". */
void shopify_put_set(struct buf *b, const char *name, struct json_span set, size_t *n);

/* A whole number from its text ("12", "12.0", "1.2e1") within [min, max]. */
int shopify_int(struct json_span s, int64_t min, int64_t max, int64_t *out);

/* The members of a variant, of its inventory item, of a product; those of
 * fields that can be sent.  y->err says what is wrong; -1. */
int shopify_put_variant(struct shopify_body *y, struct yyjson_val *fields);
int shopify_put_item(struct shopify_body *y, struct yyjson_val *fields, struct json_span sku);
int shopify_put_product(struct shopify_body *y, struct yyjson_val *fields, int create);
/* 1 if there is a member of an inventory item in fields. */
int shopify_has_item(struct yyjson_val *fields);

#endif /* !SS_PEER_SHOPIFY_INTERNAL_H */
