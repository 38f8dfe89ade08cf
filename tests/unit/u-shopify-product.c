/* u-shopify-product - requests about products and variants */
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
variants(void **state)
{
	static const struct { const char *fields, *options, *sku, *want; } t[] = {
		{ "{\"cost\":4.50,\"price\":\"12.50\",\"compare_at_price\":\"\",\"unknown\":1}", NULL, NULL,
		    "\"price\":\"12.5\",\"compareAtPrice\":null,\"inventoryItem\":{\"cost\":\"4.5\"}" },
		{ "{\"barcode\":4006381333931,\"taxable\":\"TRUE\",\"requires_shipping\":false}", NULL, NULL,
		    "\"barcode\":\"4006381333931\",\"taxable\":true,\"inventoryItem\":{\"requiresShipping\":false}" },
		{ "{\"barcode\":null,\"cost\":null,\"weight\":\"\"}", NULL, NULL, "\"barcode\":\"\",\"inventoryItem\":{"
		    "\"cost\":null,\"measurement\":{\"weight\":{\"value\":0,\"unit\":\"GRAMS\"}}}" },
		{ "{\"weight\":\"1234.50\",\"weight_unit\":\"kg\"}", NULL, NULL,
		    "\"inventoryItem\":{\"measurement\":{\"weight\":{\"value\":1.2345,\"unit\":\"KILOGRAMS\"}}}" },
		{ "{\"weight\":7,\"weight_unit\":\"lb\"}", NULL, NULL,
		    "\"inventoryItem\":{\"measurement\":{\"weight\":{\"value\":7,\"unit\":\"GRAMS\"}}}" },
		{ "{\"inventory_policy\":\"Continue\",\"inventory_tracker\":\"shopify\"}", NULL, NULL,
		    "\"inventoryPolicy\":\"CONTINUE\",\"inventoryItem\":{\"tracked\":true}" },
		{ "{\"inventory_tracker\":\"shopify\",\"tracked\":\"no\"}", NULL, NULL, "\"inventoryItem\":{\"tracked\":false}" },
		{ "{\"country_of_origin\":\"de\",\"hs_code\":\"610910\"}", NULL, NULL,
		    "\"inventoryItem\":{\"harmonizedSystemCode\":\"610910\",\"countryCodeOfOrigin\":\"DE\"}" },
		{ NULL, "{\"Size\":\"M\",\"Colour \\\"x\\\"\":5}", NULL, "\"optionValues\":[{\"optionName\":\"Size\",\"name\":"
		    "\"M\"},{\"optionName\":\"Colour \\\"x\\\"\",\"name\":\"5\"}]" },
		{ "{\"sku\":\"OLD\"}", "{}", "NEW", "\"inventoryItem\":{\"sku\":\"NEW\"}" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct value f = { .v = NULL }, o = { .v = NULL };
		struct shopify_variant v = { SPAN("gid://shopify/ProductVariant/1"), none, value(&f, t[i].fields),
			value(&o, t[i].options) };
		struct buf b = { 0 }, want = { 0 };

		if (t[i].sku != NULL)
			v.sku = SPAN(t[i].sku);
		assert_int_equal(shopify_build_variants(&b, SPAN("gid://shopify/Product/1"), &v, 1, i % 2 == 1, NULL, NULL), 0);
		(void)buf_addf(&want, "{\"productId\":\"gid://shopify/Product/1\",\"variants\":[{\"id\":"
		    "\"gid://shopify/ProductVariant/1\",%s}],\"partial\":%s}", t[i].want, i % 2 == 1 ? "true" : "false");
		assert_variables(&b, SHOPIFY_DOC_variants_update, buf_cstr(&want));
		buf_free(&b);
		buf_free(&want);
		json_mem_free(&f.mem);
		json_mem_free(&o.mem);
	}
}

static void
variants_refused(void **state)
{
	static const struct { const char *fields, *why; } t[] = {
		{ "{\"price\":\"\"}", "price" }, { "{\"price\":null}", "price" }, { "{\"price\":\"12,50\"}", "12,50" },
		{ "{\"cost\":\"1e200\"}", "cost" }, { "{\"taxable\":\"perhaps\"}", "perhaps" }, { "{\"taxable\":\"\"}", "taxable" },
		{ "{\"barcode\":{\"a\":1}}", "barcode" }, { "{\"barcode\":[]}", "barcode" }, { "{\"weight\":\"-1\"}", "weight" },
		{ "{\"weight\":\"1 kg\"}", "weight" }, { "{\"weight\":{}}", "weight" }, { "{\"inventory_policy\":\"maybe\"}",
		    "maybe" },
		{ "{\"inventory_tracker\":\"amazon\"}", "amazon" }, { "{\"country_of_origin\":\"Germany\"}", "Germany" },
	};
	struct value ok = { .v = NULL };
	struct shopify_variant v[2] = { { SPAN("v1"), none, value(&ok, "{\"price\":1}"), NULL } };
	struct buf b = { 0 };
	struct ss_err err;
	size_t i, bad;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct value f = { .v = NULL };

		v[1] = (struct shopify_variant){ SPAN("v2"), none, value(&f, t[i].fields), NULL };
		bad = 9;
		if (shopify_build_variants(&b, SPAN("p"), v, 2, 0, &bad, &err) != -1 || strstr(err.text, t[i].why) == NULL)
			fail_msg("%s: %s", t[i].fields, err.text);
		assert_int_equal(bad, 1);
		assert_int_equal(b.len, 0);
		json_mem_free(&f.mem);
	}
	assert_int_equal(shopify_build_variants(&b, SPAN("p"), v, 0, 0, &bad, &err), -1);
	assert_int_equal(shopify_build_variants(&b, SPAN("p"), v, 251, 0, &bad, &err), -1);
	json_mem_free(&ok.mem);
	buf_free(&b);
}

static void
items_and_products(void **state)
{
	struct value f = { .v = NULL };
	struct buf b = { 0 };
	struct ss_err err;

	(void)state;
	assert_int_equal(shopify_build_item(&b, SPAN("i"), value(&f, "{\"price\":1,\"cost\":\"2.10\",\"tracked\":1}"),
	    &err), 0);
	assert_variables(&b, SHOPIFY_DOC_item_update, "{\"id\":\"i\",\"input\":{\"cost\":\"2.1\",\"tracked\":true}}");
	assert_int_equal(shopify_build_item(&b, SPAN("i"), value(&f, "{\"price\":1}"), &err), -1);
	buf_clear(&b);
	assert_int_equal(shopify_build_product(&b, SPAN("p"), value(&f, "{\"tags\":\"a\",\"seo_description\":\"\","
	    "\"seo_title\":"
	    "\"T\",\"status\":\"Draft\",\"title\":\"A \\u0001 \\\"b\\\"\",\"category\":\"Apparel > Shirts\"}"), &err), 0);
	assert_variables(&b, SHOPIFY_DOC_product_update, "{\"product\":{\"id\":\"p\",\"title\":\"A \\u0001 \\\"b\\\"\","
	    "\"status\":\"DRAFT\",\"seo\":{\"title\":\"T\",\"description\":\"\"}}}");
	buf_clear(&b);
	assert_int_equal(shopify_build_product(&b, SPAN("p"), value(&f, "{\"tags\":\"a\",\"category\":\"Shirts\"}"),
	    &err), -1);
	assert_int_equal(shopify_build_product(&b, SPAN("p"), value(&f, "{\"title\":\"\"}"), &err), -1);
	assert_int_equal(shopify_build_product(&b, SPAN("p"), value(&f, "{\"status\":\"gone\"}"), &err), -1);
	assert_int_equal(shopify_build_product(&b, SPAN("p"), value(&f, "[]"), &err), -1);
	assert_true(shopify_build_knows_item(SPAN("weight")) && shopify_build_knows_item(SPAN("price")));
	assert_false(shopify_build_knows_item(SPAN("fulfillment_service")));
	assert_true(shopify_build_knows_product(SPAN("vendor"), NULL, 0));
	assert_false(shopify_build_knows_product(SPAN("tags"), NULL, 0));
	assert_true(shopify_build_knows_product(SPAN("tags"), NULL, 1));
	assert_false(shopify_build_knows_product(SPAN("category"), value(&f, "\"Shirts\""), 0));
	assert_true(shopify_build_knows_product(SPAN("category"), value(&f, "\"gid://shopify/TaxonomyCategory/aa-1\""), 0));
	json_mem_free(&f.mem);
	buf_free(&b);
}

static struct json_span
place(void *ctx, struct json_span name)
{
	(void)ctx;
	return name.n == 4 && memcmp(name.p, "main", 4) == 0 ? SPAN("gid://shopify/Location/1") : none;
}

static void
create(void **state)
{
	static const char *const bad_data[] = { "{\"fields\":{}}", "{\"fields\":{\"title\":\"\"}}",
		"{\"fields\":{\"title\":\"T\"},\"items\":[{},{}]}",
		"{\"fields\":{\"title\":\"T\"},\"options\":[\"a\",\"b\",\"c\",\"d\"],\"items\":[{}]}",
		"{\"fields\":{\"title\":\"T\"},\"images\":[{\"src\":\"\"}]}",
		"{\"fields\":{\"title\":\"T\"},\"items\":[{\"levels\":{\"elsewhere\":{\"available\":1}}}]}",
		"{\"fields\":{\"title\":\"T\"},\"items\":[{\"levels\":{\"main\":{\"available\":\"x\"}}}]}",
		"{\"fields\":{\"title\":\"T\"},\"options\":[{}],\"items\":[{}]}",
		"{\"fields\":{\"title\":\"T\"},\"options\":[\"a\"],\"items\":[{\"options\":{\"a\":\"\"}}]}", "7", "null" };
	struct value d = { .v = NULL };
	struct buf b = { 0 }, many = { 0 };
	struct ss_err err;
	size_t i, bad;

	(void)state;
	assert_int_equal(shopify_build_create(&b, SPAN("shirt"), value(&d, "{\"fields\":{\"title\":\"Shirt\",\"tags\":"
	    "\"b, a,b\",\"gift_card\":\"false\",\"image\":\"x\"},\"options\":[\"Size\",\"Colour\"],\"images\":[{\"src\":"
	    "\"https://x/1.jpg\",\"alt\":\"front\"}],\"items\":[{\"sku\":\"S-1\",\"options\":{\"Size\":\"M\",\"Colour\":"
	    "\"red\"},\"fields\":{\"price\":5,\"image\":\"https://x/2.jpg\"},\"levels\":{\"main\":{\"available\":3,"
	    "\"on_hand\":4}}},"
	    "{\"sku\":\"S-2\",\"options\":{\"Size\":\"L\",\"Colour\":\"red\"},\"levels\":{\"main\":{\"on_hand\":"
	    "\"1.0\"}}}]}"),
	    place, NULL, &bad, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_product_set, "{\"identifier\":{\"handle\":\"shirt\"},\"input\":{\"handle\":"
	    "\"shirt\","
	    "\"title\":\"Shirt\",\"giftCard\":false,\"tags\":[\"a\",\"b\"],\"files\":[{\"originalSource\":\"https:"
	    "//x/1.jpg\","
	    "\"alt\":\"front\",\"contentType\":\"IMAGE\"}],\"productOptions\":[{\"name\":\"Size\",\"values\":[{"
	    "\"name\":\"M\"},"
	    "{\"name\":\"L\"}]},{\"name\":\"Colour\",\"values\":[{\"name\":\"red\"}]}],\"variants\":[{\"optionValues\":["
	    "{\"optionName\":\"Size\",\"name\":\"M\"},{\"optionName\":\"Colour\",\"name\":\"red\"}],\"price\":\"5\","
	    "\"inventoryItem\":{\"sku\":\"S-1\"},\"inventoryQuantities\":[{\"locationId\":\"gid://shopify/Location/1\","
	    "\"name\":\"available\",\"quantity\":3}],\"file\":{\"originalSource\":\"https://x/2.jpg\",\"contentType\":"
	    "\"IMAGE\"}},"
	    "{\"optionValues\":[{\"optionName\":\"Size\",\"name\":\"L\"},{\"optionName\":\"Colour\",\"name\":\"red\"}],"
	    "\"inventoryItem\":{\"sku\":\"S-2\"},\"inventoryQuantities\":[{\"locationId\":\"gid://shopify/Location/1\","
	    "\"name\":\"on_hand\",\"quantity\":1}]}]}}");
	buf_clear(&b);
	assert_int_equal(shopify_build_create(&b, SPAN("cup"), value(&d, "{\"fields\":{\"title\":\"Cup\"},\"items\":["
	    "{\"sku\":\"C\",\"levels\":{\"else\":{\"available\":1}}}]}"), NULL, NULL, &bad, &err), 0);
	assert_variables(&b, SHOPIFY_DOC_product_set, "{\"identifier\":{\"handle\":\"cup\"},\"input\":{\"handle\":\"cup\","
	    "\"title\":\"Cup\",\"productOptions\":[{\"name\":\"Title\",\"values\":[{\"name\":\"Default Title\"}]}],"
	    "\"variants\":[{\"optionValues\":[{\"optionName\":\"Title\",\"name\":\"Default Title\"}],\"inventoryItem\":"
	    "{\"sku\":\"C\"}}]}}");
	buf_clear(&b);
	for (i = 0; i < sizeof(bad_data) / sizeof(bad_data[0]); i++)
		if (shopify_build_create(&b, SPAN("h"), value(&d, bad_data[i]), place, NULL, &bad, &err) != -1 || b.len != 0)
			fail_msg("%s was taken", bad_data[i]);
	/* 101 values, 2049 items */
	for (i = 0; i < 2; i++) {
		size_t n = i == 0 ? 101 : 2049, k;

		buf_clear(&many);
		(void)buf_adds(&many, "{\"fields\":{\"title\":\"T\"},\"options\":[\"o\"],\"items\":[");
		for (k = 0; k < n; k++)
			(void)buf_addf(&many, "%s{\"options\":{\"o\":%zu}}", k == 0 ? "" : ",", i == 0 ? k : k % 9);
		(void)buf_adds(&many, "]}");
		assert_int_equal(shopify_build_create(&b, SPAN("h"), value(&d, buf_cstr(&many)), NULL, NULL, &bad, &err), -1);
	}
	buf_free(&many);
	buf_free(&b);
	json_mem_free(&d.mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variants), cmocka_unit_test(variants_refused), cmocka_unit_test(items_and_products),
		cmocka_unit_test(create),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
