/* u-shopify-reply - what replies say */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "net/http.h"
#include "peer/shopify_reply.h"

#define N 4
#define SET "\"inventorySetQuantities\""
#define GROUP "{\"id\":\"gid:\\/\\/shopify\\/InventoryAdjustmentGroup\\/1\"}"
#define VARIANTS "\"productVariantsBulkUpdate\""

static struct http_reply
http(int status, const char *body)
{
	return (struct http_reply){ .end = HTTP_OK, .status = status, .sent = 1, .retry_after = -1, .date = -1,
		.body = { body, strlen(body) }, .text = "" };
}

/* One letter an item: k ok, x named, - not named. */
static void
letters(const struct sink_result *res, size_t n, char *out)
{
	size_t i;

	for (i = 0; i < n; i++)
		out[i] = res[i].ok ? 'k' : res[i].named ? 'x' : '-';
	out[n] = '\0';
}

static const struct row {
	enum shopify_doc doc;
	int status;
	const char *body;
	enum sink_end end;
	enum outcome_class class;
	int retry;
	const char *code, *items;
} rows[] = {
	/* done, nothing to do, refused as a whole */
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":" GROUP ",\"userErrors\":[]}}}",
	    SINK_APPLIED, OUTCOME_NONE, 0, "", "kkkk" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[]}}}",
	    SINK_APPLIED, OUTCOME_NONE, 0, "", "kkkk" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{"
	    "\"field\":"
	    "[\"input\",\"quantities\",\"2\",\"changeFromQuantity\"],\"message\":\"stale\",\"code\":"
	    "\"CHANGE_FROM_QUANTITY_STALE\"}]}}}",
	    SINK_REFUSED, OUTCOME_CONFLICT, 1, "CHANGE_FROM_QUANTITY_STALE", "--x-" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{"
	    "\"field\":"
	    "[\"input\",\"quantities\",\"0\",\"inventoryItemId\"],\"message\":\"m\",\"code\":"
	    "\"INVALID_INVENTORY_ITEM\"},{\"field\":"
	    "[\"input\",\"quantities\",\"0\",\"locationId\"],\"message\":\"m\",\"code\":\"INVALID_LOCATION\"},{\"field\":"
	    "[\"input\",\"quantities\",\"3\",\"quantity\"],\"message\":\"m\",\"code\":\"INVALID_QUANTITY_NEGATIVE\"}]}}}",
	    SINK_REFUSED, OUTCOME_MISSING, 0, "INVALID_INVENTORY_ITEM", "x--x" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{"
	    "\"field\":"
	    "[\"input\",\"reason\"],\"message\":\"m\",\"code\":\"INVALID_REASON\"}]}}}",
	    SINK_REFUSED, OUTCOME_VALUE, 0, "INVALID_REASON", "----" },
	/* rows that are none, paths that are odd */
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{"
	    "\"field\":"
	    "[\"input\",\"quantities\",\"4\"],\"code\":\"A_NEW_CODE\"},{\"field\":[\"quantities\",\"-1\"]},{\"field\":"
	    "\"quantities\"},"
	    "{\"field\":[\"quantities\"]},{\"field\":[\"quantities\",\"99999999999999999999999\"]},{\"field\":[null,{},"
	    "[\"quantities\"]]},"
	    "7,null]}}}",
	    SINK_REFUSED, OUTCOME_VALUE, 0, "A_NEW_CODE", "----" },
	/* keys */
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{"
	    "\"field\":null,"
	    "\"message\":\"m\",\"code\":\"IDEMPOTENCY_CONCURRENT_REQUEST\"}]}}}",
	    SINK_UNKNOWN, OUTCOME_INTERMITTENT, 1, "IDEMPOTENCY_CONCURRENT_REQUEST", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{"
	    "\"field\":null,"
	    "\"message\":\"m\",\"code\":\"IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED\"}]}}}",
	    SINK_REFUSED, OUTCOME_INTERMITTENT, 1, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{"
	    "\"field\":null,"
	    "\"message\":\"m\",\"code\":\"IDEMPOTENCY_KEY_PARAMETER_MISMATCH\"}]}}}",
	    SINK_REFUSED, OUTCOME_BUG, 1, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "----" },
	/* replies that say too little, or both */
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":" GROUP ",\"userErrors\":["
	    "{\"field\":"
	    "[\"input\",\"quantities\",\"0\"],\"code\":\"X\"}]}}}", SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":" GROUP "}}}",
	    SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"userErrors\":[]}}}", SINK_UNKNOWN, OUTCOME_BUG, 1,
	    "odd-reply", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":"
	    "\"none\"}}}",
	    SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":7}}", SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{\"other\":{}}}", SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":[],\"errors\":\"x\"}", SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply",
	    "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{}", SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "[]", SINK_UNKNOWN, OUTCOME_INTERMITTENT, 1, "odd-reply", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "", SINK_UNKNOWN, OUTCOME_INTERMITTENT, 1, "odd-reply", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "<html>", SINK_UNKNOWN, OUTCOME_INTERMITTENT, 1, "odd-reply", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":" GROUP ",\"userErrors\":[",
	    SINK_UNKNOWN, OUTCOME_INTERMITTENT, 1, "odd-reply", "----" },
	{ SHOPIFY_DOC_draft_create, 200, "{\"data\":{\"draftOrderCreate\":{\"draftOrder\":null,\"userErrors\":[]}}}",
	    SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply", "----" },
	/* other mutations */
	{ SHOPIFY_DOC_variants_update, 200, "{\"data\":{" VARIANTS ":{\"productVariants\":null,\"userErrors\":[{"
	    "\"field\":[\"productId\"],"
	    "\"message\":\"Product does not exist\",\"code\":\"PRODUCT_DOES_NOT_EXIST\"}]}}}",
	    SINK_REFUSED, OUTCOME_MISSING, 0, "PRODUCT_DOES_NOT_EXIST", "xxxx" },
	{ SHOPIFY_DOC_variants_update, 200, "{\"data\":{" VARIANTS ":{\"productVariants\":null,\"userErrors\":[{"
	    "\"field\":[\"variants\",\"1\","
	    "\"id\"],\"message\":\"m\",\"code\":\"PRODUCT_VARIANT_DOES_NOT_EXIST\"}]}}}",
	    SINK_REFUSED, OUTCOME_MISSING, 0, "PRODUCT_VARIANT_DOES_NOT_EXIST", "-x--" },
	{ SHOPIFY_DOC_product_update, 200, "{\"data\":{\"productUpdate\":{\"product\":{\"id\":\"1\"},\"userErrors\":[{"
	    "\"field\":[\"title\"],"
	    "\"message\":\"Title can't be blank\"}]}}}", SINK_REFUSED, OUTCOME_VALUE, 0, "refused", "x---" },
	{ SHOPIFY_DOC_tags_add, 200, "{\"data\":{\"tagsAdd\":{\"node\":null,\"userErrors\":[{\"field\":[\"id\"],\"message\":"
	    "\"Product does not exist\"}]}}}", SINK_REFUSED, OUTCOME_MISSING, 0, "refused", "x---" },
	{ SHOPIFY_DOC_metafields_set, 200, "{\"data\":{\"metafieldsSet\":{\"metafields\":[],\"userErrors\":[{\"field\":"
	    "[\"metafields\",\"3\","
	    "\"value\"],\"message\":\"m\",\"code\":\"STALE_OBJECT\",\"elementIndex\":null},{\"field\":null,\"message\":"
	    "\"m\","
	    "\"code\":\"INVALID_VALUE\",\"elementIndex\":1}]}}}", SINK_REFUSED, OUTCOME_CONFLICT, 1, "STALE_OBJECT",
	    "-x-x" },
	{ SHOPIFY_DOC_bulk_query, 200, "{\"data\":{\"bulkOperationRunQuery\":{\"bulkOperation\":null,\"userErrors\":[{"
	    "\"field\":null,"
	    "\"message\":\"m\",\"code\":\"OPERATION_IN_PROGRESS\"}]}}}", SINK_REFUSED, OUTCOME_RATE, 1,
	    "OPERATION_IN_PROGRESS", "x---" },
	/* errors on top */
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"Throttled\",\"extensions\":{\"code\":"
	    "\"THROTTLED\"}}],"
	    "\"extensions\":{\"cost\":{\"requestedQueryCost\":70,\"actualQueryCost\":null,\"throttleStatus\":{"
	    "\"maximumAvailable\":1000.0,"
	    "\"currentlyAvailable\":66,\"restoreRate\":2}}}}", SINK_THROTTLED, OUTCOME_RATE, 1, "THROTTLED", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"too dear\",\"extensions\":{\"code\":"
	    "\"MAX_COST_EXCEEDED\"}}]}",
	    SINK_REFUSED, OUTCOME_TOO_LARGE, 0, "MAX_COST_EXCEEDED", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"m\",\"extensions\":{\"code\":"
	    "\"ACCESS_DENIED\"},\"path\":[" SET "]}],"
	    "\"data\":{" SET ":null}}", SINK_AUTH, OUTCOME_AUTH, 1, "ACCESS_DENIED", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"Internal error\\nRequest ID: 1\","
	    "\"extensions\":{\"code\":"
	    "\"INTERNAL_SERVER_ERROR\"}}],\"data\":{" SET ":null}}", SINK_UNKNOWN, OUTCOME_INTERMITTENT, 1,
	    "INTERNAL_SERVER_ERROR", "----" },
	{ SHOPIFY_DOC_variants_page, 200, "{\"errors\":[{\"message\":\"m\",\"extensions\":{\"code\":"
	    "\"INTERNAL_SERVER_ERROR\"}}],\"data\":null}",
	    SINK_PEER, OUTCOME_INTERMITTENT, 1, "INTERNAL_SERVER_ERROR", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"m\",\"extensions\":{\"code\":\"undefinedField\"}}]}",
	    SINK_PEER, OUTCOME_BUG, 1, "undefinedField", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"m\",\"extensions\":{\"code\":"
	    "\"BAD_REQUEST\"}}],\"data\":{" SET ":null}}",
	    SINK_REFUSED, OUTCOME_VALUE, 0, "BAD_REQUEST", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"m\",\"extensions\":{\"code\":"
	    "\"INVALID_VARIABLE\",\"problems\":[{\"path\":"
	    "[\"quantities\",1,\"quantity\"],\"explanation\":\"no\"},{\"path\":[\"quantities\",9]},{\"path\":[]}]}}]}",
	    SINK_REFUSED, OUTCOME_VALUE, 0, "INVALID_VARIABLE", "-x--" },
	{ SHOPIFY_DOC_variants_update, 200, "{\"errors\":[{\"message\":\"m\",\"extensions\":{\"code\":"
	    "\"INVALID_VARIABLE\",\"problems\":[{\"path\":"
	    "[3,\"price\"],\"explanation\":\"no\"}]}}]}", SINK_REFUSED, OUTCOME_VALUE, 0, "INVALID_VARIABLE", "---x" },
	/* a code that is not known: the mutation may have got far, or was never begun */
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"m\",\"extensions\":{\"code\":\"NEW\"}}],"
	    "\"data\":{" SET ":null}}",
	    SINK_UNKNOWN, OUTCOME_VALUE, 1, "NEW", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"m\"}],\"data\":null}", SINK_UNKNOWN,
	    OUTCOME_VALUE, 1, "error", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"first cannot exceed 250\"}]}", SINK_REFUSED,
	    OUTCOME_VALUE, 0, "error", "----" },
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[1,null,{\"extensions\":[]},{\"extensions\":{\"code\":"
	    "\"THROTTLED\"}}]}",
	    SINK_THROTTLED, OUTCOME_RATE, 1, "THROTTLED", "----" },
	/* an error within a payload that is there */
	{ SHOPIFY_DOC_set_quantities, 200, "{\"errors\":[{\"message\":\"m\",\"extensions\":{\"code\":"
	    "\"ACCESS_DENIED\"}}],\"data\":{" SET ":{"
	    "\"inventoryAdjustmentGroup\":" GROUP ",\"userErrors\":[]}}}", SINK_APPLIED, OUTCOME_NONE, 0, "", "kkkk" },
	{ SHOPIFY_DOC_orders_page, 200, "{\"errors\":[{\"message\":\"m\",\"extensions\":{\"code\":\"ACCESS_DENIED\"}}],"
	    "\"data\":{\"orders\":{}}}",
	    SINK_APPLIED, OUTCOME_AUTH, 1, "ACCESS_DENIED", "kkkk" },
	/* queries */
	{ SHOPIFY_DOC_bulk_status, 200, "{\"data\":{\"bulkOperation\":null}}", SINK_APPLIED, OUTCOME_NONE, 0, "", "kkkk" },
	{ SHOPIFY_DOC_bulk_status, 200, "{\"data\":{}}", SINK_PEER, OUTCOME_BUG, 1, "odd-reply", "----" },
	/* HTTP */
	{ SHOPIFY_DOC_set_quantities, 401, "{\"errors\":\"[API] Invalid API key\"}", SINK_AUTH, OUTCOME_AUTH, 1,
	    "http-401", "----" },
	{ SHOPIFY_DOC_set_quantities, 402, "", SINK_AUTH, OUTCOME_AUTH, 1, "http-402", "----" },
	{ SHOPIFY_DOC_set_quantities, 404, "{\"errors\":\"Not Found\"}", SINK_AUTH, OUTCOME_AUTH, 1, "http-404", "----" },
	{ SHOPIFY_DOC_set_quantities, 423, "", SINK_AUTH, OUTCOME_AUTH, 1, "http-423", "----" },
	{ SHOPIFY_DOC_set_quantities, 430, "", SINK_AUTH, OUTCOME_AUTH, 1, "http-430", "----" },
	{ SHOPIFY_DOC_set_quantities, 429, "x", SINK_THROTTLED, OUTCOME_RATE, 1, "http-429", "----" },
	{ SHOPIFY_DOC_set_quantities, 400, "{\"errors\":{}}", SINK_REFUSED, OUTCOME_BUG, 0, "http-400", "----" },
	{ SHOPIFY_DOC_set_quantities, 413, "", SINK_REFUSED, OUTCOME_TOO_LARGE, 0, "http-413", "----" },
	{ SHOPIFY_DOC_set_quantities, 500, "", SINK_UNKNOWN, OUTCOME_INTERMITTENT, 1, "http-500", "----" },
	{ SHOPIFY_DOC_set_quantities, 502, "", SINK_UNKNOWN, OUTCOME_INTERMITTENT, 1, "http-502", "----" },
	{ SHOPIFY_DOC_set_quantities, 504, "", SINK_UNKNOWN, OUTCOME_INTERMITTENT, 1, "http-504", "----" },
	{ SHOPIFY_DOC_set_quantities, 503, "", SINK_PEER, OUTCOME_INTERMITTENT, 1, "http-503", "----" },
	{ SHOPIFY_DOC_set_quantities, 540, "", SINK_PEER, OUTCOME_INTERMITTENT, 1, "http-540", "----" },
	{ SHOPIFY_DOC_set_quantities, 301, "", SINK_PEER, OUTCOME_INTERMITTENT, 1, "http-301", "----" },
	{ SHOPIFY_DOC_variants_page, 500, "", SINK_PEER, OUTCOME_INTERMITTENT, 1, "http-500", "----" },
};

static void
table(void **state)
{
	struct json_mem mem = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sink_result res[N];
		struct shopify_ask a = { .doc = rows[i].doc, .rows = N, .res = res, .n = N };
		struct http_reply h = http(rows[i].status, rows[i].body);
		struct shopify_reply r;
		char items[N + 1];

		memset(res, 0x5a, sizeof(res));
		shopify_reply_read(&r, &mem, &a, &h);
		letters(res, N, items);
		if (r.end != rows[i].end || r.class != rows[i].class || r.retry != rows[i].retry ||
		    strcmp(r.code, rows[i].code) != 0 || strcmp(items, rows[i].items) != 0)
			fail_msg("row %zu, %.150s: end %d class %d retry %d code '%s' items %s", i, rows[i].body, r.end, r.class,
			    r.retry, r.code, items);
		if (r.code[0] != '\0')
			assert_int_not_equal(r.message[0], '\0');
	}
	json_mem_free(&mem);
}

static void
details(void **state)
{
	struct json_mem mem = { 0 };
	struct sink_result res[2];
	const size_t item[3] = { 1, 1, 0 };
	struct shopify_ask a = { .doc = SHOPIFY_DOC_set_quantities, .rows = 3, .res = res, .n = 2, .item = item };
	struct http_reply h = http(200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{"
	    "\"field\":[\"input\","
	    "\"quantities\",\"1\",\"quantity\"],\"message\":\"The\\nquantity\",\"code\":\"INVALID_QUANTITY_NEGATIVE\"},"
	    "{\"field\":[\"input\","
	    "\"quantities\",\"0\",\"quantity\"],\"message\":\"second\",\"code\":\"INVALID_QUANTITY_TOO_HIGH\"}]}},"
	    "\"extensions\":{\"cost\":{"
	    "\"requestedQueryCost\":13,\"actualQueryCost\":10.5,\"throttleStatus\":{\"maximumAvailable\":2000.0,"
	    "\"currentlyAvailable\":"
	    "1986.9,\"restoreRate\":100.0}},\"search\":[{\"path\":[\"x\"],\"warnings\":[]}]}}");
	struct shopify_reply r;

	(void)state;
	shopify_reply_read(&r, &mem, &a, &h);
	assert_int_equal(r.errors, 2);
	assert_int_equal(r.cost.requested, 13);
	assert_int_equal(r.cost.actual, 11);
	assert_int_equal(r.cost.maximum, 2000);
	assert_int_equal(r.cost.available, 1986);
	assert_int_equal(r.cost.restore, 100);
	assert_int_equal(r.wait, -1);
	assert_false(r.noop || r.same_key || r.new_key || r.unfiltered);
	assert_true(res[1].named && !res[1].ok && !res[0].named);
	assert_string_equal(res[1].code, "INVALID_QUANTITY_NEGATIVE");
	assert_string_equal(res[1].message, "The quantity");
	assert_int_equal(res[1].class, OUTCOME_VALUE);
	/* nothing to do; ids are unescaped */
	h = http(200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[]}}}");
	shopify_reply_read(&r, &mem, &a, &h);
	assert_true(r.noop && r.cost.requested == -1 && r.cost.available == -1);
	h = http(200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":" GROUP ",\"userErrors\":[]}}}");
	shopify_reply_read(&r, &mem, &a, &h);
	assert_false(r.noop);
	assert_memory_equal(json_str(json_get(json_get(r.root, "inventoryAdjustmentGroup"), "id")).p,
	    "gid://shopify/InventoryAdjustmentGroup/1", 41);
	/* keys */
	h = http(200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{\"code\":"
	    "\"IDEMPOTENCY_CONCURRENT_REQUEST\"}]}}}");
	shopify_reply_read(&r, &mem, &a, &h);
	assert_true(r.same_key && !r.new_key && r.wait == 1000);
	h = http(200, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{\"code\":"
	    "\"IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED\"}]}}}");
	shopify_reply_read(&r, &mem, &a, &h);
	assert_true(r.new_key && !r.same_key);
	/* a search that was not understood */
	h = http(200, "{\"data\":{\"productVariants\":{\"nodes\":[]}},\"extensions\":{\"search\":[{\"warnings\":[{"
	    "\"field\":\"skuu\","
	    "\"code\":\"invalid_field\"}]}]}}");
	a = (struct shopify_ask){ .doc = SHOPIFY_DOC_variants_by_sku };
	shopify_reply_read(&r, &mem, &a, &h);
	assert_true(r.unfiltered && r.end == SINK_APPLIED);
	json_mem_free(&mem);
}

static void
partial(void **state)
{
	static const struct { const char *payload, *items; enum sink_end end; } t[] = {
		{ "{\"productVariants\":[{},{}],\"userErrors\":[{\"field\":[\"variants\",\"1\",\"price\"],\"code\":"
		    "\"BLANK\"}]}", "kxkk", SINK_APPLIED },
		{ "{\"productVariants\":null,\"userErrors\":[{\"field\":[\"variants\",\"1\",\"price\"],\"code\":\"BLANK\"}]}",
		    "-x--", SINK_REFUSED },
		{ "{\"productVariants\":[{}],\"userErrors\":[{\"field\":[\"variants\",\"1\"]},{\"field\":null,\"code\":"
		    "\"X\"}]}", "-x--", SINK_REFUSED },
		{ "{\"productVariants\":[{}],\"userErrors\":[]}", "kkkk", SINK_APPLIED },
	};
	struct json_mem mem = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct sink_result res[N];
		struct shopify_ask a = { .doc = SHOPIFY_DOC_variants_update, .partial = 1, .rows = N, .res = res, .n = N };
		struct shopify_reply r;
		struct http_reply h;
		struct buf b = { 0 };
		char items[N + 1];

		(void)buf_addf(&b, "{\"data\":{" VARIANTS ":%s}}", t[i].payload);
		h = http(200, buf_cstr(&b));
		shopify_reply_read(&r, &mem, &a, &h);
		letters(res, N, items);
		if (r.end != t[i].end || strcmp(items, t[i].items) != 0)
			fail_msg("row %zu: end %d, %s", i, r.end, items);
		buf_free(&b);
	}
	json_mem_free(&mem);
}

/* Long and deep, and every cut of a good reply. */
static void
huge_and_cut(void **state)
{
	static const char good[] = "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[{\"field\":["
	    "\"input\",\"quantities\","
	    "\"0\",\"x\"],\"message\":\"\xc3\xa4\",\"code\":\"X\"}]}},\"extensions\":{\"cost\":{\"requestedQueryCost\":"
	    "1e1}}}";
	struct json_mem mem = { 0 };
	struct sink_result res[N];
	struct shopify_ask a = { .doc = SHOPIFY_DOC_set_quantities, .rows = N, .res = res, .n = N };
	struct shopify_reply r;
	struct http_reply h;
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) - 1; i++) {
		char *cut = malloc(i + 1);	/* so that a read behind it is seen */

		memcpy(cut, good, i);
		h = http(200, "");
		h.body = (struct json_span){ cut, i };
		shopify_reply_read(&r, &mem, &a, &h);
		assert_int_equal(r.end, SINK_UNKNOWN);
		free(cut);
	}
	/* 20,000 errors, a message longer than its place that must not be cut within a character */
	(void)buf_adds(&b, "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[");
	for (i = 0; i < 20000; i++)
		(void)buf_addf(&b, "%s{\"field\":[\"input\",\"quantities\",\"%zu\"],\"code\":\"C\"}", i == 0 ? "" : ",", i);
	(void)buf_adds(&b, ",{\"field\":[\"quantities\",\"1\"],\"message\":\"");
	for (i = 0; i < 500; i++)
		(void)buf_adds(&b, "\xe2\x82\xac");
	(void)buf_adds(&b, "\"}]}}}");
	h = http(200, buf_cstr(&b));
	shopify_reply_read(&r, &mem, &a, &h);
	assert_int_equal(r.end, SINK_REFUSED);
	assert_int_equal(r.errors, 20001);
	for (i = 0; i < N; i++)
		assert_true(res[i].named && !res[i].ok);
	buf_clear(&b);
	for (i = 0; i < 300; i++)
		(void)buf_adds(&b, "\xe2\x82\xac");
	shopify_copy(res[0].message, sizeof(res[0].message), (struct json_span){ b.p, b.len });
	assert_int_equal(strlen(res[0].message), 399);
	assert_true(json_utf8(res[0].message, 399));
	shopify_copy(res[0].code, 2, (struct json_span){ b.p, b.len });
	assert_string_equal(res[0].code, "");
	buf_clear(&b);
	for (i = 0; i < 100000; i++)
		(void)buf_adds(&b, "{\"data\":");
	h = http(200, buf_cstr(&b));
	shopify_reply_read(&r, &mem, &a, &h);
	assert_int_equal(r.end, SINK_UNKNOWN);
	/* rows that say more items than there are */
	a.item = (const size_t[]){ 9, 9, 9, 9 };
	h = http(200, good);
	shopify_reply_read(&r, &mem, &a, &h);
	assert_int_equal(r.end, SINK_REFUSED);
	buf_free(&b);
	json_mem_free(&mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table), cmocka_unit_test(details), cmocka_unit_test(partial), cmocka_unit_test(huge_and_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
