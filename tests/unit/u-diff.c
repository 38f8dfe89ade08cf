/* u-diff - the table of hashes, the form of an event, narrowing */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "flow/diff_internal.h"

#define ROWS 20000

static size_t
leaves_of(size_t i)
{
	return i % (DIFF_LEAVES + 3);
}

static void
check_row(const struct diff_table *t, uint64_t key, size_t i)
{
	uint64_t leaf[DIFF_LEAVES + 3], no;
	size_t n = leaves_of(i), k;

	for (k = 0; k < n; k++)
		leaf[n - 1 - k] = key + 1 + k;	/* their order is of no account */
	assert_int_equal(diff_table_holds(t, key, leaf, n), n <= DIFF_LEAVES);
	if (n == 0 || n > DIFF_LEAVES)
		return;
	assert_int_equal(diff_table_holds(t, key, leaf, n - 1), 1);
	no = leaf[0];
	leaf[0] = key;
	assert_int_equal(diff_table_holds(t, key, leaf, n), 0);
	leaf[0] = no;
}

static void
table(void **state)
{
	struct diff_table t = { 0 };
	struct rng r;
	uint64_t *keys = calloc(ROWS, sizeof(*keys)), *to;
	size_t i, k;
	int twice;

	(void)state;
	assert_non_null(keys);
	rng_init(&r, 1, 5);
	for (i = 0; i < ROWS; i++) {
		/* many share their tag, some their first slot */
		keys[i] = i % 3 == 0 ? rng_next(&r) >> 16 : rng_next(&r);
		to = i % 2 == 0 ? diff_table_append(&t, keys[i], leaves_of(i)) :
		    diff_table_add(&t, keys[i], leaves_of(i), &twice);
		assert_non_null(to);
		for (k = 0; leaves_of(i) <= DIFF_LEAVES && k < leaves_of(i); k++)
			to[k] = keys[i] + 1 + k;
	}
	diff_table_settle(&t);
	assert_int_equal(t.n, ROWS);
	for (i = 0; i < ROWS; i++) {
		diff_table_fetch_slot(&t, keys[i]);
		diff_table_fetch_record(&t, keys[i]);
		check_row(&t, keys[i], i);
		assert_int_equal(diff_table_holds(&t, keys[i] ^ 1, NULL, 0), 0);
	}
	diff_table_free(&t);
	free(keys);
}

static void
same_key(void **state)
{
	struct diff_table t = { .extra = 1 }, u = { 0 };
	uint64_t *r, leaf = 5;
	unsigned n;
	int twice;

	(void)state;
	assert_null(diff_table_get(&t, 1, &n));
	r = diff_table_add(&t, 0, 1, &twice);
	assert_int_equal(twice, 0);
	r[0] = 77;
	r[1] = 5;
	assert_int_equal(diff_table_holds(&t, 0, &leaf, 1), 1);
	r = diff_table_add(&t, 0, 3, &twice);
	assert_int_equal(twice, 1);
	assert_int_equal(r[0], 77);
	assert_int_equal(diff_table_holds(&t, 0, &leaf, 1), 0);
	assert_non_null(diff_table_get(&t, 0, &n));
	assert_int_equal(n, DIFF_MANY);
	diff_table_free(&t);
	*diff_table_append(&u, 9, 1) = 5;
	*diff_table_append(&u, 9, 1) = 6;
	diff_table_settle(&u);
	assert_int_equal(diff_table_holds(&u, 9, &leaf, 1), 0);
	diff_table_free(&u);
}

/* What the test's target holds. */
static int
known(void *ctx, char kind, struct json_span subject, struct diff_row *row, struct ss_err *err)
{
	static const struct { const char *path, *value; } a[] = {
		{ "fields/price", "\"12.50\"" }, { "fields/title", "\"Shirt\"" },
		    { "levels/main/available", "12" },
	};
	size_t i;

	(void)ctx;
	(void)err;
	if (subject.n != 1 || (kind == 'i' ? 'A' : 'P') != subject.p[0])
		return 0;
	for (i = 0; i < 3; i++)
		if (diff_row_add(row, (struct json_span){ a[i].path, strlen(a[i].path) },
		    (struct json_span){ a[i].value, strlen(a[i].value) }) == -1)
			return -1;
	return 1;
}

static void
narrowing(void **state)
{
	enum { WHOLE = 1, FORGET = 2 };
	static const struct { const char *type, *subject, *data; int how,
	    rc; const char *want; } t[] = {
		{ "item", "A", "{\"fields\":{\"price\":12.5}}", 0, 0, NULL },
		{ "item", "A",
		    "{ \"sku\" : \"A\" , \"fields\" : { \"price\" : 1.0e1 , \"title\" : \"Shirt\" } }", 0, 1,
		    "{\"sku\":\"A\",\"set\":{\"fields\":{\"price\":1.0e1}},\"was\":{\"fields\":{\"price\":\"12.50\"}}}" },
		{ "item", "A", "{\"fields\":{\"price\":12.50}}", WHOLE, 1,
		    "{\"set\":{\"fields\":{\"price\":12.50}},\"was\":{\"fields\":{\"price\":\"12.50\"}}}" },
		{ "item", "A", "{\"fields\":{\"price\":12.50}}", FORGET, 1,
		    "{\"set\":{\"fields\":{\"price\":12.50}}}" },
		{ "item", "A",
		    "{\"levels\":{\"main\":{\"available\":12},\"x\\\"y\":{\"available\":1}}}", 0, 1,
		    "{\"set\":{\"levels\":{\"x\\\"y\":{\"available\":1}}}}" },
		{ "item", "B", "{\"options\":{\"Size\":\"S\"},\"fields\":{},\"at\":{\"row\":3}}", 0,
		    1,
		    "{\"options\":{\"Size\":\"S\"},\"at\":{\"row\":3},\"set\":{\"options\":{\"Size\":\"S\"}}}" },
		{ "item", "B", "{\"sku\":\"B\",\"options\":{\"Size\":\"S\"}}", 0, 1,
		    "{\"sku\":\"B\",\"set\":{\"options\":{\"Size\":\"S\"}}}" },
		{ "product", "P",
		    "{\"fields\":{\"title\":\"Shirt\"},\"items\":[ {\"sku\":\"A\",\"fields\":{\"price\":\"12.5\"}} ]}",
		    0, 0, NULL },
		{ "product", "P",
		    "{\"fields\":{\"title\":\"T\"},\"items\":[{\"sku\":\"A\",\"fields\":{\"title\":\"]}{[\\\"\"}},"
		    "{\"sku\":\"N\",\"fields\":{\"price\":1}}]}", 0, 1,
		    "{\"set\":{\"fields\":{\"title\":\"T\"}},\"was\":{\"fields\":{\"title\":\"Shirt\"}},\"items\":["
		    "{\"sku\":\"A\",\"set\":{\"fields\":{\"title\":\"]}{[\\\"\"}},\"was\":{\"fields\":{\"title\":\"Shirt\"}}},"
		    "{\"sku\":\"N\",\"set\":{\"fields\":{\"price\":1}}}]}" },
		{ "product", "Q", "{\"options\":[\"Size\"]}", 0, 1,
		    "{\"set\":{\"options\":[\"Size\"]},\"new\":true}" },
		{ "product", "P", "{\"fields\":{\"title\":\"Shirt\"}}", FORGET, 1,
		    "{\"set\":{\"fields\":{\"title\":\"Shirt\"}}}" },
	};
	struct diff_narrow n = { .known = known };
	struct json_mem mem = { 0 };
	struct ss_err err = { .text = "" };
	struct buf b = { 0 };
	struct event ev;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		buf_clear(&b);
		(void)buf_addf(&b,
		    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"%s.observed\","
		    "\"subject\":\"%s\",\"data\":%s}", t[i].type, t[i].subject, t[i].data);
		assert_int_equal(event_parse(&ev, &mem, b.p, b.len, &err), 0);
		assert_int_equal(diff_event_check(&ev, &err), 0);
		if (diff_narrow(&n, &ev, &mem, t[i].how == WHOLE, t[i].how == FORGET,
		    &err) != t[i].rc)
			fail_msg("%s: want %d; %s", t[i].data, t[i].rc, buf_cstr(&n.data));
		if (t[i].want != NULL)
			assert_string_equal(buf_cstr(&n.data), t[i].want);
	}
	diff_narrow_free(&n);
	json_mem_free(&mem);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table), cmocka_unit_test(same_key), cmocka_unit_test(narrowing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
