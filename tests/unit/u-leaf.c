/* u-leaf - leaves, equality by kind, subjects */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "event/leaf.h"

static struct json_span
text(const char *s)
{
	return (struct json_span){ s, strlen(s) };
}

static uint64_t
hash(const char *path, const char *json)
{
	struct json_mem mem = { 0 };
	struct buf scratch = { 0 };
	struct yyjson_val *v = json_read(&mem, json, strlen(json), NULL);
	uint64_t h, h2;

	assert_non_null(v);
	h = leaf_hash(text(path), v, &scratch);
	h2 = leaf_hash_text(text(path), text(json), &mem, &scratch);
	assert_true(h == h2);
	json_mem_free(&mem);
	buf_free(&scratch);
	return h;
}

static void
canon(const char *path, const char *json, struct buf *out)
{
	struct json_mem mem = { 0 };
	struct yyjson_val *v = json_read(&mem, json, strlen(json), NULL);

	assert_non_null(v);
	assert_int_equal(leaf_canon(text(path), v, out), 0);
	json_mem_free(&mem);
}

static void
equality(void **state)
{
	static const struct { const char *path, *a, *b; int same; } t[] = {
		{ "fields/price", "10", "10.00", 1 },
		{ "fields/price", "\"10\"", "10.00", 1 },
		{ "fields/price", "\"10.0\"", "\"10\"", 1 },
		{ "fields/price", "\" 10 \"", "10", 1 },
		{ "fields/price", "\"+10\"", "10", 1 },
		{ "fields/price", "1e1", "10", 1 },
		{ "fields/price", "\"010\"", "10", 1 },
		{ "fields/price", "\".5\"", "0.5", 1 },
		{ "fields/price", "\"5.\"", "5", 1 },
		{ "fields/price", "-0", "0", 1 },
		{ "fields/price", "\"-0.00\"", "0", 1 },
		{ "fields/price", "-1", "1", 0 },
		{ "fields/price", "10.01", "10.1", 0 },
		{ "fields/price", "100", "1", 0 },
		{ "fields/price", "12345678901234567890.10", "12345678901234567890.1", 1 },
		{ "fields/price", "12345678901234567890.1", "12345678901234567890.2", 0 },
		{ "fields/price", "1000000000000000000000000000000000000000000000", "1e45", 1 },
		{ "fields/price", "\"free\"", "\"free\"", 1 },
		{ "fields/price", "\"1,000\"", "1000", 0 },
		{ "fields/price", "\"\\u0031\\u0030\"", "10", 1 },
		{ "fields/price", "null", "0", 0 },
		{ "fields/compare_at_price", "null", "\"\"", 1 },
		{ "fields/cost", "\"1.10\"", "1.1", 1 },
		{ "fields/weight", "1.50", "1.5", 1 },
		{ "levels/main/available", "\"12.0\"", "12", 1 },
		{ "levels/main/available", "12", "13", 0 },
		{ "fields/title", "\"10\"", "\"10.00\"", 0 },
		{ "fields/title", "10", "\"10\"", 1 },
		{ "fields/title", "\"a\"", "\"A\"", 0 },
		{ "fields/title", "\"caf\\u00e9\"", "\"caf\303\251\"", 1 },
		{ "fields/title", "null", "\"\"", 1 },
		{ "fields/title", "\" \"", "\"\"", 0 },
		{ "fields/tags", "\"a, b\"", "[\"b\",\"a\"]", 1 },
		{ "fields/tags", "\"a,b,a\"", "\" b ,a\"", 1 },
		{ "fields/tags", "\"a\"", "\"a,b\"", 0 },
		{ "fields/tags", "[]", "\"\"", 1 },
		{ "fields/tags", "null", "\" , \"", 1 },
		{ "fields/tags", "\"A\"", "\"a\"", 0 },
		{ "fields/published", "\"TRUE\"", "true", 1 },
		{ "fields/published", "\"yes\"", "1", 1 },
		{ "fields/published", "\"off\"", "false", 1 },
		{ "fields/published", "true", "false", 0 },
		{ "fields/published", "null", "false", 0 },
		{ "fields/x", "{\"a\":1.0}", "{ \"a\" : 1.0 }", 1 },
		{ "fields/x", "{\"a\":1.0}", "{\"a\":1}", 0 },
		{ "fields/x", "[1,2]", "[2,1]", 0 },
		{ "options/Color", "\"Red\"", "\"Red\"", 1 },
		{ "price", "10", "10.0", 0 },
	};
	struct buf a = { 0 }, b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int by_hash = hash(t[i].path, t[i].a) == hash(t[i].path, t[i].b), by_canon;

		buf_clear(&a);
		buf_clear(&b);
		canon(t[i].path, t[i].a, &a);
		canon(t[i].path, t[i].b, &b);
		by_canon = a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
		if (by_hash != t[i].same || by_canon != t[i].same)
			fail_msg("%s: %s and %s: want %d", t[i].path, t[i].a, t[i].b, t[i].same);
	}
	assert_true(hash("fields/price", "1") != hash("fields/cost", "1"));
	buf_free(&a);
	buf_free(&b);
}

static int
add_path(void *ctx, struct json_span path, struct yyjson_val *value)
{
	struct buf *b = ctx;

	(void)value;
	(void)buf_add(b, path.p, path.n);
	return buf_addc(b, ' ');
}

static void
paths(void **state)
{
	static const struct { const char *json, *want; } t[] = {
		{ "{\"sku\":\"A\",\"product\":\"h\",\"at\":{},\"fields\":{\"price\":1,\"a/b\":2}}",
		    "fields/price fields/a/b " },
		{ "{\"levels\":{\"main\":{\"available\":1,\"on_hand\":2},\"n\":{}}}",
		    "levels/main/available levels/main/on_hand " },
		{ "{\"options\":{\"Color\":\"Red\",\"Size\":\"S\"},\"images\":[1]}",
		    "options/Color options/Size images " },
		{ "{\"options\":[\"Color\"],\"items\":[{\"fields\":{\"x\":1}}]}", "options " },
		{ "{}", "" },
		{ "{\"fields\":[1],\"levels\":{\"main\":3}}", "" },
	};
	struct json_mem mem = { 0 };
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_clear(&b);
		assert_int_equal(leaf_each(json_read(&mem, t[i].json, strlen(t[i].json), NULL),
		    add_path, &b), 0);
		assert_string_equal(buf_cstr(&b), t[i].want);
	}
	buf_free(&b);
	json_mem_free(&mem);
}

static int
stop(void *ctx, struct json_span path, struct yyjson_val *value)
{
	(void)path;
	(void)value;
	return ++*(int *)ctx == 2 ? 7 : 0;
}

static void
limits(void **state)
{
	static const char two[] = "{\"fields\":{\"a\":1,\"b\":2,\"c\":3}}";
	struct json_mem mem = { 0 };
	struct buf b = { 0 };
	int n = 0;

	(void)state;
	assert_int_equal(leaf_each(json_read(&mem, two, strlen(two), NULL), stop, &n), 7);
	assert_int_equal(n, 2);
	(void)buf_addf(&b, "{\"fields\":{\"%0700d\":1}}", 0);
	assert_int_equal(leaf_each(json_read(&mem, b.p, b.len, NULL), stop, &n), -1);
	buf_free(&b);
	json_mem_free(&mem);
}

static void
subjects(void **state)
{
	static const struct { const char *json, *want; } t[] = {
		{ "{\"sku\":\"A/1%\"}", "A/1%" },
		{ "{\"sku\":12}", "12" },
		{ "{\"sku\":\"\",\"options\":{\"Size\":\"S/M\",\"Color\":\"50%\"}}",
		    "shirt/S%2FM/50%25" },
		{ "{\"sku\":null,\"product\":\"a/b\",\"options\":{\"Size\":\"S\"}}", "a%2Fb/S" },
		{ "{}", "shirt" },
	};
	struct json_mem mem = { 0 };
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_clear(&b);
		assert_int_equal(leaf_item_subject(json_read(&mem, t[i].json, strlen(t[i].json),
		    NULL), text("shirt"), &b), 0);
		assert_string_equal(buf_cstr(&b), t[i].want);
	}
	buf_free(&b);
	json_mem_free(&mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equality), cmocka_unit_test(paths), cmocka_unit_test(limits),
		    cmocka_unit_test(subjects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
