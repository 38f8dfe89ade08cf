/*
 * gql - how fast requests of 250 quantities are built, replies read, and bulk
 * results joined, on one core
 *
 * usage: gql [CALLS [ROOTS]]	(default 4000 and 200000)
 *
 * Prints one line of JSON: items a second for building, for reading replies that
 * say yes and replies that name every tenth row, for both together (half of the
 * replies of each kind), and lines a second for joining.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "net/http.h"
#include "peer/shopify_build.h"
#include "peer/shopify_bulk.h"
#include "peer/shopify_reply.h"

#define ROWS SHOPIFY_ROWS

struct bench {
	struct shopify_quantity row[ROWS];
	char item[ROWS][48], quantity[ROWS][12];
	struct buf body, good, bad;
	struct sink_result res[ROWS];
	struct json_mem mem;
	size_t out;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct json_span
span(const char *s)
{
	return (struct json_span){ s, strlen(s) };
}

static void
prepare(struct bench *b)
{
	static const char cost[] = "\"extensions\":{\"cost\":{\"requestedQueryCost\":10,\"actualQueryCost\":10,"
	    "\"throttleStatus\":{"
	    "\"maximumAvailable\":2000.0,\"currentlyAvailable\":1990,\"restoreRate\":100.0}}}}";
	int i;

	for (i = 0; i < ROWS; i++) {
		(void)snprintf(b->item[i], sizeof(b->item[i]), "gid://shopify/InventoryItem/%lld", 53469430055218LL + i);
		(void)snprintf(b->quantity[i], sizeof(b->quantity[i]), "%d", i * 7);
		b->row[i] = (struct shopify_quantity){ span(b->item[i]), span("gid://shopify/Location/106318430514"),
			span(b->quantity[i]), i % 2 == 0 ? span(b->quantity[i]) : (struct json_span){ NULL, 0 } };
	}
	(void)buf_addf(&b->good, "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":{\"id\":"
	    "\"gid:\\/\\/shopify\\/InventoryAdjustmentGroup\\/54640716251442\",\"createdAt\":\"2026-06-25T01:33:55Z\"},"
	    "\"userErrors\":[]}},%s", cost);
	(void)buf_adds(&b->bad, "{\"data\":{\"inventorySetQuantities\":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[");
	for (i = 0; i < ROWS; i += 10)
		(void)buf_addf(&b->bad, "%s{\"field\":[\"input\",\"quantities\",\"%d\",\"changeFromQuantity\"],\"message\":\"The "
		    "changeFromQuantity value does not match persisted value.\",\"code\":\"CHANGE_FROM_QUANTITY_STALE\"}",
		    i == 0 ? "" : ",", i);
	(void)buf_addf(&b->bad, "]}},%s", cost);
}

static int
build(struct bench *b)
{
	struct shopify_quantities q = { .row = b->row, .n = ROWS, .key = "019aa4b6-4502-759b-a2cc-107a27529ad0" };

	buf_clear(&b->body);
	return shopify_build_quantities(&b->body, &q, NULL, NULL);
}

static int
reply(struct bench *b, const struct buf *text, enum sink_end want)
{
	struct shopify_ask a = { .doc = SHOPIFY_DOC_set_quantities, .rows = ROWS, .res = b->res, .n = ROWS };
	struct http_reply h = { .end = HTTP_OK, .status = 200, .sent = 1, .retry_after = -1, .body = { text->p, text->len },
		.text = "" };
	struct shopify_reply r;

	shopify_reply_read(&r, &b->mem, &a, &h);
	return r.end == want ? 0 : -1;
}

static int
group(void *ctx, const struct shopify_group *g, struct buf *keep, struct ss_err *err)
{
	(void)err;
	*(size_t *)ctx += 1 + g->n;
	return buf_add(keep, "SKU-0000001", 11);
}

static int
late(void *ctx, struct json_span kept, struct json_span child, struct ss_err *err)
{
	(void)kept, (void)child, (void)err;
	++*(size_t *)ctx;
	return 0;
}

/* Variants with three levels each; 0, -1. */
static int
join(size_t roots, double *rate, size_t *peak)
{
	size_t out = 0, i;
	struct shopify_bulk_config cfg = { .group = group, .late = late, .ctx = &out, .alias = "inventoryItem" };
	struct shopify_bulk *b = shopify_bulk_open(&cfg, NULL);
	struct buf text = { 0 };
	struct ss_err err = { .text = "" };
	double t = 0, t0;
	int rc = b == NULL ? -1 : 0;

	for (i = 0; rc == 0 && i < roots; i++) {
		int k;

		(void)buf_addf(&text, "{\"id\":\"gid:\\/\\/shopify\\/ProductVariant\\/%zu\",\"sku\":\"SKU-%zu\",\"barcode\":"
		    "null,\"price\":"
		    "\"12.50\",\"compareAtPrice\":null,\"taxable\":true,\"updatedAt\":\"2026-07-19T10:11:12Z\",\"product\":{\"id\":"
		    "\"gid:\\/\\/shopify\\/Product\\/%zu\",\"handle\":\"shirt-%zu\"},\"inventoryItem\":{\"id\":"
		    "\"gid:\\/\\/shopify\\/InventoryItem\\/%zu\",\"tracked\":true}}\n", 51487966167346 + i, i, i / 5, i / 5,
		    53469430055218 + i);
		for (k = 0; k < 3; k++)
			(void)buf_addf(&text, "{\"id\":\"gid:\\/\\/shopify\\/InventoryLevel\\/%d?inventory_item_id=%zu\",\"updatedAt\":"
			    "\"2026-07-19T10:11:12Z\",\"location\":{\"id\":\"gid:\\/\\/shopify\\/Location\\/%d\"},\"quantities\":[{"
			    "\"name\":"
			    "\"available\",\"quantity\":%d}],\"__parentId\":\"gid:\\/\\/shopify\\/ProductVariant\\/%zu\"}\n", k,
			    53469430055218 + i, k, k * 7, 51487966167346 + i);
		if (text.len < 1 << 20 && i + 1 < roots)
			continue;
		t0 = now();
		rc = shopify_bulk_feed(b, text.p, text.len, &err);
		t += now() - t0;
		buf_clear(&text);
	}
	t0 = now();
	if (rc == 0)
		rc = shopify_bulk_end(b, roots * 4, roots, &err);
	t += now() - t0;
	if (rc == 0)
		(void)shopify_bulk_memory(b, peak);
	else
		fprintf(stderr, "gql: %s\n", err.text);
	*rate = (double)out / t;
	shopify_bulk_close(b);
	buf_free(&text);
	return rc;
}

int
main(int argc, char **argv)
{
	size_t calls = argc > 1 ? strtoul(argv[1], NULL, 10) : 4000, roots = argc > 2 ? strtoul(argv[2], NULL, 10) : 200000;
	static struct bench b;
	double t[5], lines;
	size_t i, peak = 0;
	int rc = 0;

	prepare(&b);
	t[0] = now();
	for (i = 0; i < calls; i++)
		rc |= build(&b);
	t[1] = now();
	for (i = 0; i < calls; i++)
		rc |= reply(&b, &b.good, SINK_APPLIED);
	t[2] = now();
	for (i = 0; i < calls; i++)
		rc |= reply(&b, &b.bad, SINK_REFUSED);
	t[3] = now();
	for (i = 0; i < calls; i++)
		rc |= build(&b) | (i % 2 == 0 ? reply(&b, &b.good, SINK_APPLIED) : reply(&b, &b.bad, SINK_REFUSED));
	t[4] = now();
	rc |= join(roots, &lines, &peak);
	printf("{\"calls\":%zu,\"bytes\":%zu,\"build\":%.0f,\"read-good\":%.0f,\"read-bad\":%.0f,\"both\":%.0f,"
	    "\"join-lines\":%.0f,"
	    "\"join-peak-mib\":%.1f}\n", calls, b.body.len, (double)(calls * ROWS) / (t[1] - t[0]),
	    (double)(calls * ROWS) / (t[2] - t[1]), (double)(calls * ROWS) / (t[3] - t[2]),
	    (double)(calls * ROWS) / (t[4] - t[3]),
	    lines, (double)peak / 1048576);
	buf_free(&b.body);
	buf_free(&b.good);
	buf_free(&b.bad);
	json_mem_free(&b.mem);
	return rc != 0;
}
