/* u-shopify - documents and the bodies of requests */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "peer/shopify_build.h"

#include "shopify-body.h"

static void
documents(void **state)
{
	int i;

	(void)state;
	/* each file stands in the list, each member of the list has a file (it would not link) */
	assert_int_equal(shopify_text_count, SHOPIFY_DOC_COUNT);
	for (i = 0; i < SHOPIFY_DOC_COUNT; i++) {
		const struct shopify_doc_info *d = shopify_doc((enum shopify_doc)i);
		const char *t = d->text->text, *name = strchr(t, ' ') + 1;

		assert_int_equal(strlen(t), d->text->n);
		assert_true(d->text->n < SHOPIFY_DOCUMENT);
		assert_null(strchr(t, '\n'));
		assert_null(strchr(t, '#'));
		assert_null(strstr(t, "  "));
		assert_memory_equal(name, d->text->operation, strlen(d->text->operation));
		assert_non_null(strstr(t, d->root));
		assert_int_equal(strncmp(t, "mutation ", 9) == 0, (d->flags & SHOPIFY_WRITE) != 0);
		assert_int_equal(strstr(t, "@idempotent(key: $key)") != NULL, (d->flags & SHOPIFY_KEYED) != 0);
		assert_int_equal(d->proof != NULL, (d->flags & SHOPIFY_WRITE) != 0);
		if ((d->flags & SHOPIFY_WRITE) != 0)
			assert_non_null(strstr(t, "userErrors { field message"));
	}
	/* what the API refuses within a bulk query */
	for (i = 0; i < 2; i++) {
		const char *t = shopify_doc(i == 0 ? SHOPIFY_DOC_bulk_variants : SHOPIFY_DOC_bulk_products)->text->text;

		assert_null(strstr(t, "nodes"));
		assert_null(strstr(t, "$"));
		assert_non_null(strstr(t, "edges { node { id "));
	}
}

static void
quantities(void **state)
{
	static const char key[] = "019aa4b6-4502-759b-a2cc-107a27529ad0";
	struct shopify_quantity row[] = {
		{ S("gid://shopify/InventoryItem/9223372036854775807"), S("gid://shopify/Location/1"), S("12"), S("0") },
		{ S("gid://shopify/InventoryItem/2"), S("gid://shopify/Location/\"1\\"), S("1.20e1"), { NULL, 0 } },
		{ S("i"), S("l"), S("-1000000000"), S("-2000000000") },
	};
	struct shopify_quantities q = { .row = row, .n = 3, .key = key };
	struct buf b = { 0 }, c = { 0 };
	size_t bad = 7;

	(void)state;
	assert_int_equal(shopify_build_quantities(&b, &q, &bad, NULL), 0);
	assert_int_equal(bad, SHOPIFY_NO_ROW);
	assert_variables(&b, SHOPIFY_DOC_set_quantities, "{\"input\":{\"name\":\"available\",\"reason\":\"correction\","
	    "\"quantities\":[{\"inventoryItemId\":\"gid://shopify/InventoryItem/9223372036854775807\",\"locationId\":"
	    "\"gid://shopify/Location/1\",\"quantity\":12,\"changeFromQuantity\":0},{\"inventoryItemId\":"
	    "\"gid://shopify/InventoryItem/2\",\"locationId\":\"gid://shopify/Location/\\\"1\\\\\",\"quantity\":12,"
	    "\"changeFromQuantity\":null},{\"inventoryItemId\":\"i\",\"locationId\":\"l\",\"quantity\":-1000000000,"
	    "\"changeFromQuantity\":-2000000000}]},\"key\":\"019aa4b6-4502-759b-a2cc-107a27529ad0\"}");
	/* the key later: the same bytes */
	q.key = NULL;
	assert_int_equal(shopify_build_quantities(&c, &q, NULL, NULL), 0);
	assert_int_equal(shopify_build_key(&c, key), 0);
	assert_int_equal(b.len, c.len);
	assert_memory_equal(b.p, c.p, b.len);
	/* behind what is in the buffer, and variables alone for a file */
	assert_int_equal(shopify_build_quantities(&c, &q, NULL, NULL), 0);
	assert_int_equal(shopify_build_variables_only(&c, b.len), 0);
	assert_memory_equal(c.p + b.len, "{\"input\":{\"name\":", 17);
	assert_memory_equal(c.p + c.len - 3, "0\"}", 3);
	q = (struct shopify_quantities){ .row = row, .n = 1, .on_hand = 1, .reason = "cycle_count_available",
		.reference = "gid://storesync/Run/1" };
	buf_clear(&b);
	assert_int_equal(shopify_build_quantities(&b, &q, NULL, NULL), 0);
	assert_variables(&b, SHOPIFY_DOC_set_quantities, "{\"input\":{\"name\":\"on_hand\",\"reason\":"
	    "\"cycle_count_available\",\"referenceDocumentUri\":\"gid://storesync/Run/1\",\"quantities\":[{"
	    "\"inventoryItemId\":\"gid://shopify/InventoryItem/9223372036854775807\",\"locationId\":"
	    "\"gid://shopify/Location/1\",\"quantity\":12,\"changeFromQuantity\":0}]},"
	    "\"key\":\"00000000-0000-0000-0000-000000000000\"}");
	buf_free(&b);
	buf_free(&c);
}

static void
quantities_refused(void **state)
{
	static const struct { struct json_span item, place, n, was; int on_hand; } t[] = {
		{ S("i"), S("l"), S(""), { NULL, 0 }, 0 }, { S("i"), S("l"), { NULL, 0 }, { NULL, 0 }, 0 },
		{ S("i"), S("l"), S("1.5"), { NULL, 0 }, 0 }, { S("i"), S("l"), S("12a"), { NULL, 0 }, 0 },
		{ S("i"), S("l"), S("1000000001"), { NULL, 0 }, 0 }, { S("i"), S("l"), S("-1000000001"), { NULL, 0 }, 0 },
		{ S("i"), S("l"), S("99999999999999999999999"), { NULL, 0 }, 0 }, { S("i"), S("l"), S("1e400"), { NULL, 0 }, 0 },
		{ S("i"), S("l"), S("-"), { NULL, 0 }, 0 }, { S("i"), S("l"), S("0x10"), { NULL, 0 }, 0 },
		{ S("i"), S("l"), S("-1"), { NULL, 0 }, 1 }, { S("i"), S("l"), S("1"), S("x"), 0 },
		{ S(""), S("l"), S("1"), { NULL, 0 }, 0 }, { S("i"), { NULL, 0 }, S("1"), { NULL, 0 }, 0 },
		{ S("i"), S("l"), S("1,\"x\":1"), { NULL, 0 }, 0 },
	};
	struct shopify_quantity row[300];
	struct shopify_quantities q = { .row = row, .n = 2 };
	struct buf b = { 0 };
	struct ss_err err;
	size_t i, bad;

	(void)state;
	(void)buf_adds(&b, "kept");
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		row[0] = (struct shopify_quantity){ SPAN("i"), SPAN("l"), SPAN("1"), none };
		row[1] = (struct shopify_quantity){ t[i].item, t[i].place, t[i].n, t[i].was };
		q.on_hand = t[i].on_hand;
		err.text[0] = '\0';
		if (shopify_build_quantities(&b, &q, &bad, &err) != -1)
			fail_msg("row %zu was taken", i);
		assert_int_equal(err.exit, SS_EXIT_USAGE);
		assert_int_equal(bad, 1);
		assert_int_equal(b.len, 4);
	}
	for (i = 0; i < 300; i++)
		row[i] = row[0];
	q.on_hand = 0;
	q.n = 250;
	assert_int_equal(shopify_build_quantities(&b, &q, &bad, &err), 0);
	for (i = 0; i < 2; i++) {
		b.len = 4;
		q.n = i == 0 ? 0 : 251;
		assert_int_equal(shopify_build_quantities(&b, &q, &bad, &err), -1);
		assert_int_equal(bad, SHOPIFY_NO_ROW);
		assert_int_equal(b.len, 4);
	}
	buf_free(&b);
	/* no memory, at every place where it can end */
	q.n = 2;
	for (i = 0; i < 1200; i++) {
		struct buf small = { .max = i };

		err.exit = SS_EXIT_OK;
		if (shopify_build_quantities(&small, &q, &bad, &err) == -1) {
			assert_int_equal(err.exit, SS_EXIT_AGAIN);
			assert_int_equal(small.len, 0);
		}
		buf_free(&small);
	}
}

static void
no_key_place(void **state)
{
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(shopify_build_key(&b, "019aa4b6-4502-759b-a2cc-107a27529ad0"), -1);
	assert_int_equal(shopify_build_tags(&b, 0, SPAN("gid://shopify/Product/1"),
	    SPAN("\"key\":\"00000000-0000-0000-0000-000000000000\","), NULL), 0);
	assert_int_equal(shopify_build_key(&b, "019aa4b6-4502-759b-a2cc-107a27529ad0"), -1);
	buf_free(&b);
}

static void
tags(void **state)
{
	static const struct { const char *want, *was, *add, *gone; } t[] = {
		{ "\"b, a\"", "[\"b\",\"c\"]", "a,", "c," }, { "\"\"", "\"a,b\"", "", "a,b," }, { NULL, NULL, "", "" },
		{ "\"a,a , a\"", NULL, "a,", "" }, { "[\"x\",\"y\"]", "\"y,x\"", "", "" }, { "\"a,ab,abc\"", "\"ab\"",
		    "a,abc,", "" },
	};
	struct buf b = { 0 };
	struct ss_err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct value w = { .v = NULL }, k = { .v = NULL };
		struct buf add = { 0 }, gone = { 0 };

		assert_int_equal(shopify_build_tags_diff(value(&w, t[i].want), value(&k, t[i].was), &add, &gone, &err), 0);
		if (strcmp(buf_cstr(&add), t[i].add) != 0 || strcmp(buf_cstr(&gone), t[i].gone) != 0)
			fail_msg("row %zu: %s %s", i, add.p, gone.p);
		buf_free(&add);
		buf_free(&gone);
		json_mem_free(&w.mem);
		json_mem_free(&k.mem);
	}
	assert_int_equal(shopify_build_tags(&b, 0, SPAN("p"), SPAN("a,b \"c\","), &err), 0);
	assert_variables(&b, SHOPIFY_DOC_tags_add, "{\"id\":\"p\",\"tags\":[\"a\",\"b \\\"c\\\"\"]}");
	buf_clear(&b);
	assert_int_equal(shopify_build_tags(&b, 1, SPAN("p"), SPAN("a"), &err), 0);
	assert_variables(&b, SHOPIFY_DOC_tags_remove, "{\"id\":\"p\",\"tags\":[\"a\"]}");
	assert_int_equal(shopify_build_tags(&b, 1, SPAN("p"), none, &err), -1);
	buf_free(&b);
}

static void
metafields(void **state)
{
	struct shopify_metafield m[26] = { { SPAN("gid://shopify/Product/1"), SPAN("ns"), SPAN("k"), SPAN("json"),
	    SPAN("{\"a\":1}"), SPAN("abc") }, { SPAN("o"), none, SPAN("k"), none, SPAN(""), { "", 0 } } };
	struct buf b = { 0 };
	struct ss_err err;
	size_t bad, i;

	(void)state;
	assert_int_equal(shopify_build_metafields(&b, m, 2, &bad, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_metafields_set, "{\"metafields\":[{\"ownerId\":\"gid://shopify/Product/1\","
	    "\"namespace\":\"ns\",\"key\":\"k\",\"type\":\"json\",\"value\":\"{\\\"a\\\":1}\",\"compareDigest\":\"abc\"},"
	    "{\"ownerId\":\"o\",\"key\":\"k\",\"value\":\"\",\"compareDigest\":null}]}");
	for (i = 2; i < 26; i++)
		m[i] = m[0];
	buf_clear(&b);
	assert_int_equal(shopify_build_metafields(&b, m, 25, &bad, &err), 0);
	buf_clear(&b);
	assert_int_equal(shopify_build_metafields(&b, m, 26, &bad, &err), -1);
	m[3].key = none;
	assert_int_equal(shopify_build_metafields(&b, m, 25, &bad, &err), -1);
	assert_int_equal(bad, 3);
	buf_free(&b);
}

static void
orders(void **state)
{
	struct shopify_line line[] = { { .id = SPAN("i1"), .quantity = SPAN("2") }, { .id = SPAN("i2"),
	    .quantity = SPAN("1.0") } };
	struct shopify_transfer t = { .destination = SPAN("l2"), .reference = SPAN("PO-1"), .line = line, .n = 2 };
	struct shopify_line lines[] = { { .id = SPAN("v1"), .quantity = SPAN("2") },
		{ .title = SPAN("Gift"), .price = SPAN("5.00"), .quantity = SPAN("1") } };
	struct value tag = { .v = NULL }, address = { .v = NULL };
	struct shopify_draft d = { .email = SPAN("a@b"), .phone = { "", 0 }, .currency = SPAN("EUR"), .line = lines, .n = 2,
		.tags = value(&tag, "\"z,a\""), .address = value(&address, "{\"city\":\"X\",\"country_code\":\"DE\",\"zip\":"
		    "null}") };
	struct buf b = { 0 };
	struct ss_err err;
	size_t bad;

	(void)state;
	assert_int_equal(shopify_build_transfer(&b, &t, &bad, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_transfer_create, "{\"input\":{\"destinationLocationId\":\"l2\",\"referenceName\":"
	    "\"PO-1\",\"lineItems\":[{\"inventoryItemId\":\"i1\",\"quantity\":2},{\"inventoryItemId\":\"i2\","
	    "\"quantity\":1}]},"
	    "\"key\":\"00000000-0000-0000-0000-000000000000\"}");
	buf_clear(&b);
	line[1].quantity = SPAN("0");
	assert_int_equal(shopify_build_transfer(&b, &t, &bad, &err), -1);
	assert_int_equal(bad, 1);
	assert_int_equal(shopify_build_draft(&b, &d, &bad, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_draft_create, "{\"input\":{\"email\":\"a@b\",\"tags\":[\"a\",\"z\"],"
	    "\"shippingAddress\":"
	    "{\"city\":\"X\",\"countryCode\":\"DE\"},\"lineItems\":[{\"variantId\":\"v1\",\"quantity\":2},{\"title\":"
	    "\"Gift\","
	    "\"originalUnitPriceWithCurrency\":{\"amount\":\"5\",\"currencyCode\":\"EUR\"},\"quantity\":1}]}}");
	buf_clear(&b);
	lines[1].price = SPAN("five");
	assert_int_equal(shopify_build_draft(&b, &d, &bad, &err), -1);
	assert_int_equal(bad, 1);
	d.n = 500;
	assert_int_equal(shopify_build_draft(&b, &d, &bad, &err), -1);
	assert_int_equal(shopify_build_activate(&b, SPAN("i"), SPAN("l"), "k", &err), 0);
	assert_variables(&b, SHOPIFY_DOC_activate, "{\"item\":\"i\",\"location\":\"l\",\"key\":\"k\"}");
	buf_free(&b);
	json_mem_free(&tag.mem);
	json_mem_free(&address.mem);
}

static void
searches(void **state)
{
	struct json_span sku[] = { SPAN("A-1"), SPAN("x\" OR sku:*"), SPAN("back\\slash (1):\n"), SPAN("\xc3\xa4\xff") };
	struct json_span ids[251];
	struct shopify_page p = { SHOPIFY_DOC_variants_page, 250, 0, SPAN("c=="), SPAN("2026-11-21T09:00:00Z") };
	struct buf b = { 0 };
	struct ss_err err;
	size_t bad, i;

	(void)state;
	assert_int_equal(shopify_build_skus(&b, sku, 4, none, &bad, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_variants_by_sku, "{\"query\":\"sku:\\\"A-1\\\" OR sku:\\\"x\\\\\\\" OR sku:"
	    "*\\\" OR "
	    "sku:\\\"back\\\\\\\\slash (1): \\\" OR sku:\\\"\xc3\xa4\xef\xbf\xbd\\\"\"}");
	sku[2] = none;
	assert_int_equal(shopify_build_skus(&b, sku, 4, none, &bad, &err), -1);
	assert_int_equal(bad, 2);
	buf_clear(&b);
	for (i = 0; i < 251; i++)
		ids[i] = SPAN("gid://shopify/InventoryItem/1");
	assert_int_equal(shopify_build_levels(&b, ids, 2, 20, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_levels_by_item, "{\"ids\":[\"gid://shopify/InventoryItem/1\","
	    "\"gid://shopify/InventoryItem/1\"],\"first\":20}");
	assert_int_equal(shopify_build_levels(&b, ids, 251, 20, &err), -1);
	assert_int_equal(shopify_build_levels(&b, ids, 250, 0, &err), -1);
	buf_clear(&b);
	assert_int_equal(shopify_build_page(&b, &p, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_variants_page, "{\"first\":250,\"after\":\"c==\",\"query\":"
	    "\"updated_at:>=\\\"2026-11-21T09:00:00Z\\\"\"}");
	buf_clear(&b);
	p = (struct shopify_page){ SHOPIFY_DOC_levels_page, 50, 20, none, none };
	assert_int_equal(shopify_build_page(&b, &p, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_levels_page, "{\"first\":50,\"levels\":20}");
	p.inner = 0;
	assert_int_equal(shopify_build_page(&b, &p, &err), -1);
	p = (struct shopify_page){ SHOPIFY_DOC_set_quantities, 50, 20, none, none };
	assert_int_equal(shopify_build_page(&b, &p, &err), -1);
	p = (struct shopify_page){ SHOPIFY_DOC_locations, 50, 0, none, SPAN("2026") };
	assert_int_equal(shopify_build_page(&b, &p, &err), -1);
	p.since = none;
	buf_clear(&b);
	assert_int_equal(shopify_build_page(&b, &p, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_locations, "{\"first\":50}");
	buf_free(&b);
}

static void
jobs(void **state)
{
	struct shopify_webhook w = { none, SPAN("ORDERS_CREATE"), SPAN("https://x/y"), none };
	const struct shopify_text *t = shopify_doc(SHOPIFY_DOC_bulk_variants)->text;
	struct json_mem mem = { 0 };
	struct buf b = { 0 };
	struct json_span s;
	struct ss_err err;

	(void)state;
	assert_int_equal(shopify_build_bulk_query(&b, SHOPIFY_DOC_bulk_variants, &err), 0);
	s = json_str(json_get(json_get(json_read(&mem, b.p, b.len, NULL), "variables"), "query"));
	assert_int_equal(s.n, t->n);
	assert_memory_equal(s.p, t->text, s.n);
	assert_int_equal(shopify_build_bulk_query(&b, SHOPIFY_DOC_products_page, &err), -1);
	buf_clear(&b);
	assert_int_equal(shopify_build_staged(&b, SPAN("a.jsonl"), 123, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_staged_upload, "{\"input\":[{\"resource\":\"BULK_MUTATION_VARIABLES\",\"filename\":"
	    "\"a.jsonl\",\"mimeType\":\"text/jsonl\",\"httpMethod\":\"POST\",\"fileSize\":\"123\"}]}");
	assert_int_equal(shopify_build_staged(&b, SPAN("a"), (uint64_t)1 << 40, &err), -1);
	buf_clear(&b);
	assert_int_equal(shopify_build_bulk_mutation(&b, SHOPIFY_DOC_set_quantities, SPAN("tmp/1/x"),
	    SPAN("run-0000001"), &err), 0);
	assert_int_equal(shopify_build_bulk_mutation(&b, SHOPIFY_DOC_set_quantities, SPAN("tmp/1/x"), SPAN("short"),
	    &err), -1);
	assert_int_equal(shopify_build_bulk_mutation(&b, SHOPIFY_DOC_variants_page, SPAN("tmp/1/x"), none, &err), -1);
	buf_clear(&b);
	assert_int_equal(shopify_build_bulk_id(&b, SHOPIFY_DOC_bulk_status, SPAN("gid://shopify/BulkOperation/1"), &err), 0);
	assert_variables(&b, SHOPIFY_DOC_bulk_status, "{\"id\":\"gid://shopify/BulkOperation/1\"}");
	assert_int_equal(shopify_build_bulk_id(&b, SHOPIFY_DOC_locations, SPAN("x"), &err), -1);
	buf_clear(&b);
	assert_int_equal(shopify_build_webhook(&b, &w, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_webhook_create, "{\"topic\":\"ORDERS_CREATE\",\"subscription\":{\"uri\":"
	    "\"https://x/y\",\"format\":\"JSON\"}}");
	buf_clear(&b);
	w.id = SPAN("w1");
	assert_int_equal(shopify_build_webhook(&b, &w, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_webhook_update, "{\"id\":\"w1\",\"subscription\":{\"uri\":\"https://x/y\","
	    "\"format\":\"JSON\"}}");
	buf_clear(&b);
	assert_int_equal(shopify_build_webhook_delete(&b, SPAN("w1"), &err), 0);
	buf_free(&b);
	json_mem_free(&mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents), cmocka_unit_test(quantities), cmocka_unit_test(quantities_refused),
		cmocka_unit_test(no_key_place), cmocka_unit_test(tags), cmocka_unit_test(metafields),
		cmocka_unit_test(orders), cmocka_unit_test(searches), cmocka_unit_test(jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
