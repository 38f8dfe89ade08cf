/* event/json: verdicts, raw numbers, spans, escaping, decimals. */
#include <dirent.h>
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
#include "base/io.h"
#include "event/json.h"

/* ../shared/data/json-suites/nst: y_ must be read, n_ refused, i_ may do either
 * but not crash. */
static void
nst_verdicts(void **state)
{
	const char *root = getenv("SS_SHARED");
	char dir[512], path[1024];
	struct json_mem mem = { 0 };
	struct dirent *e;
	int y = 0, n = 0, i = 0;
	DIR *d;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/data/json-suites/nst/test_parsing", root != NULL ? root : "../shared");
	d = opendir(dir);
	if (d == NULL) {
		print_message("# left out, for want of %s\n", dir);
		return;
	}
	while ((e = readdir(d)) != NULL) {
		struct ss_err err = { .text = "" };
		struct buf b = { 0 };
		int ok;

		if (strchr("yni", e->d_name[0]) == NULL || e->d_name[1] != '_')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		assert_int_equal(io_slurp(path, 1 << 24, &b, &err), 0);
		ok = json_read(&mem, b.p == NULL ? "" : b.p, b.len, &err) != NULL;
		if (e->d_name[0] == 'y' && !ok)
			fail_msg("%s was refused: %s", e->d_name, err.text);
		if (e->d_name[0] == 'n' && ok)
			fail_msg("%s was accepted", e->d_name);
		y += e->d_name[0] == 'y';
		n += e->d_name[0] == 'n';
		i += e->d_name[0] == 'i';
		buf_free(&b);
	}
	closedir(d);
	json_mem_free(&mem);
	assert_true(y > 90 && n > 180 && i > 30);
}

static void
numbers_stay_text(void **state)
{
	static const char *const nums[] = { "0", "-0", "1.50", "1e2", "1E400", "-1e-999", "12345678901234567890",
		"0.10000000000000000000000001", "99999999999999999999999999999999999999" };
	struct json_mem mem = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(nums) / sizeof(nums[0]); i++) {
		struct buf out = { 0 };
		char text[200];
		int n = snprintf(text, sizeof(text), "{\"a\":[%s,{\"b\":%s}]}", nums[i], nums[i]);

		assert_non_null(json_read(&mem, text, (size_t)n, NULL));
		assert_int_equal(json_write(&out, json_read(&mem, text, (size_t)n, NULL)), 0);
		assert_int_equal(out.len, n);
		assert_memory_equal(out.p, text, out.len);
		buf_free(&out);
	}
	json_mem_free(&mem);
}

struct spans {
	char text[1000];
};

static int
collect(void *ctx, struct json_span key, struct yyjson_val *v, struct json_span raw)
{
	struct spans *s = ctx;
	size_t n = strlen(s->text);

	(void)v;
	(void)snprintf(s->text + n, sizeof(s->text) - n, "[%.*s=%.*s]", (int)key.n, key.p, (int)raw.n, raw.p);
	return 0;
}

static void
member_spans(void **state)
{
	static const struct { const char *in, *out; } t[] = {
		{ "{}", "" },
		{ "{\"a\":1}", "[a=1]" },
		{ " { \"a\" : 1.50 , \"b\":[ 1, 2 ] ,\"c\" : {\"d\":\"}\"} }\n", "[a=1.50][b=[ 1, 2 ]][c={\"d\":\"}\"}]" },
		{ "{\"\\u0061\":\"x,\\\"y\",\"b\\\"\\\\\":null,\"\":true}", "[a=\"x,\\\"y\"][b\"\\=null][=true]" },
		{ "{\"a\":{},\"a\":[]}", "[a={}][a=[]]" },
		{ "\t{\"k:1\":\":\",\"k,2\"\t:\t\",\"\t}", "[k:1=\":\"][k,2=\",\"]" },
	};
	struct json_mem mem = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct spans s = { "" };
		const char *open = strchr(t[i].in, '{'), *close = strrchr(t[i].in, '}');
		struct yyjson_val *v = json_read(&mem, t[i].in, strlen(t[i].in), NULL);

		assert_non_null(v);
		assert_int_equal(json_members(&mem, t[i].in, v, (struct json_span){ open, (size_t)(close - open) + 1 },
		    collect, &s), 0);
		assert_string_equal(s.text, t[i].out);
	}
	json_mem_free(&mem);
}

/* Every byte, and every pair across the 8-byte step, survives a round trip. */
static void
escaping(void **state)
{
	struct json_mem mem = { 0 };
	unsigned a, pad;

	(void)state;
	for (a = 0; a < 0x80; a++)
		for (pad = 0; pad < 17; pad++) {
			struct buf b = { 0 };
			struct json_span s;
			char in[20];

			memset(in, 'x', sizeof(in));
			in[pad] = (char)a;
			assert_int_equal(json_put_str(&b, in, sizeof(in)), 0);
			s = json_str(json_read(&mem, b.p, b.len, NULL));
			assert_int_equal(s.n, sizeof(in));
			assert_memory_equal(s.p, in, sizeof(in));
			assert_null(memchr(b.p, '\n', b.len));
			buf_free(&b);
		}
	json_mem_free(&mem);
}

static void
invalid_utf8_is_replaced(void **state)
{
	static const char *const bad[] = { "\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82", ("a\xff" "b") };
	struct json_mem mem = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf b = { 0 };

		assert_int_equal(json_utf8(bad[i], strlen(bad[i])), 0);
		assert_int_equal(json_put_str(&b, bad[i], strlen(bad[i])), 0);
		assert_non_null(json_read(&mem, b.p, b.len, NULL));
		assert_non_null(memmem(b.p, b.len, "\xef\xbf\xbd", 3));
		buf_free(&b);
	}
	assert_int_equal(json_utf8("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 16), 1);
	json_mem_free(&mem);
}

static void
decimals(void **state)
{
	static const struct { const char *in, *out; } t[] = {
		{ "10", "10" }, { "10.00", "10" }, { "1e1", "10" }, { "0010", "10" }, { " 10 ", "10" }, { "+10", "10" },
		{ "-0", "0" }, { "0.00", "0" }, { ".5", "0.5" }, { "5.", "5" }, { "-12.340", "-12.34" }, { "0.001", "0.001" },
		{ "1e-3", "0.001" }, { "123e-2", "1.23" }, { "1.5e3", "1500" }, { "", NULL }, { ".", NULL }, { "1,5", NULL },
		{ "1e", NULL }, { "abc", NULL }, { "1.2.3", NULL }, { "--1", NULL }, { "1e999999999", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct buf b = { 0 };
		int rc = json_decimal(t[i].in, strlen(t[i].in), &b);

		if (t[i].out == NULL) {
			if (rc != -1)
				fail_msg("'%s' was taken for a number", t[i].in);
		} else {
			assert_int_equal(rc, 0);
			assert_string_equal(buf_cstr(&b), t[i].out);
		}
		buf_free(&b);
	}
}

static void
types_and_walks(void **state)
{
	static const char text[] = "{\"a\":null,\"b\":true,\"c\":1e999,\"d\":\"\",\"e\":[{},[1]],\"f\":{\"x\":{\"y\":[]}},\"\":2}";
	static const char names[] = "abcdef";
	struct json_mem mem = { 0 };
	struct yyjson_val *root = json_read(&mem, text, sizeof(text) - 1, NULL), *v;
	struct json_pairs p = json_pairs(root);
	struct json_span name = { NULL, 0 };
	int i;

	(void)state;
	for (i = 0; i < 6; i++) {
		v = json_pair(&p, &name);
		assert_int_equal(json_type(v), JSON_NULL + i);
		assert_int_equal(name.n, 1);
		assert_int_equal(name.p[0], names[i]);
	}
	assert_int_equal(json_type(json_pair(&p, &name)), JSON_NUMBER);
	assert_int_equal(name.n, 0);
	assert_null(json_pair(&p, &name));
	assert_null(json_pair(&p, &name));
	assert_int_equal(json_type(NULL), JSON_NONE);
	p = json_pairs(json_get(root, "e"));
	assert_null(json_pair(&p, &name));
	p = json_pairs(NULL);
	assert_null(json_pair(&p, &name));
	json_mem_free(&mem);
}

static void
deep_nesting(void **state)
{
	struct json_mem mem = { 0 };
	struct ss_err err = { .text = "" };
	struct buf b = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 100000; i++)
		(void)buf_addc(&b, '[');
	for (i = 0; i < 100000; i++)
		(void)buf_addc(&b, ']');
	assert_null(json_read(&mem, b.p, b.len, &err));
	assert_non_null(strstr(err.text, "nested"));
	assert_non_null(json_read(&mem, b.p + 100000 - JSON_DEPTH, 2 * JSON_DEPTH, &err));
	buf_free(&b);
	json_mem_free(&mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nst_verdicts), cmocka_unit_test(numbers_stay_text), cmocka_unit_test(member_spans),
		cmocka_unit_test(escaping), cmocka_unit_test(invalid_utf8_is_replaced), cmocka_unit_test(decimals),
		cmocka_unit_test(types_and_walks), cmocka_unit_test(deep_nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
