/* u-shopify-page - replies that did not come, throttled ones, lines and pages */
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

static void
waits(void **state)
{
	static const struct { const char *requested, *available, *restore; int64_t wait; } t[] = {
		{ "70", "66", "50", 1000 }, { "70", "66", "2", 2000 }, { "71", "66.5", "2", 2500 }, { "1000", "0", "100.0", 10000 },
		{ "1000", "-50", "100", 10000 }, { "70", "66", "0", 1000 }, { "70", "66", "-1", 1000 }, { "70", "\"66\"", "2",
		    1000 },
		{ "1e99", "0", "1", 1000 }, { "1e3", "0", "100", 10000 }, { "999999999999", "0", "1", 3600000 },
		{ "99999999999999999999999999", "0", "1", 1000 }, { "null", "0", "1", 1000 }, { "{}", "[]", "true", 1000 },
		{ "10", "99999999999999999999", "1", 1000 },
	};
	struct json_mem mem = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct shopify_ask a = { .doc = SHOPIFY_DOC_set_quantities };
		struct shopify_reply r;
		struct http_reply h;
		struct buf b = { 0 };

		(void)buf_addf(&b, "{\"errors\":[{\"extensions\":{\"code\":\"THROTTLED\"}}],\"extensions\":{\"cost\":{"
		    "\"requestedQueryCost\":%s,"
		    "\"throttleStatus\":{\"currentlyAvailable\":%s,\"restoreRate\":%s}}}}", t[i].requested, t[i].available,
		    t[i].restore);
		h = http(200, buf_cstr(&b));
		shopify_reply_read(&r, &mem, &a, &h);
		if (r.end != SINK_THROTTLED || r.wait != t[i].wait)
			fail_msg("row %zu: end %d wait %lld", i, r.end, (long long)r.wait);
		h.retry_after = 7000000;
		shopify_reply_read(&r, &mem, &a, &h);
		assert_int_equal(r.wait, 7000000);
		buf_free(&b);
	}
	json_mem_free(&mem);
}

static void
no_reply(void **state)
{
	static const struct { enum shopify_doc doc; enum http_end how; int sent; enum sink_end end; } t[] = {
		{ SHOPIFY_DOC_set_quantities, HTTP_CONNECTION, 0, SINK_NOT_EXECUTED },
		{ SHOPIFY_DOC_set_quantities, HTTP_CONNECTION, 1, SINK_UNKNOWN },
		{ SHOPIFY_DOC_set_quantities, HTTP_TIMEOUT, 1, SINK_UNKNOWN },
		{ SHOPIFY_DOC_set_quantities, HTTP_TOO_LARGE, 1, SINK_UNKNOWN },
		{ SHOPIFY_DOC_set_quantities, HTTP_TLS, 0, SINK_NOT_EXECUTED },
		{ SHOPIFY_DOC_variants_page, HTTP_TIMEOUT, 1, SINK_NOT_EXECUTED },
	};
	struct json_mem mem = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct sink_result res[N];
		struct shopify_ask a = { .doc = t[i].doc, .rows = N, .res = res, .n = N };
		struct http_reply h = { .end = t[i].how, .sent = t[i].sent, .retry_after = -1, .text = "" };
		struct shopify_reply r;
		char items[N + 1];

		shopify_reply_read(&r, &mem, &a, &h);
		letters(res, N, items);
		if (r.end != t[i].end || r.class != OUTCOME_CONNECTION || strcmp(items, "----") != 0 || r.message[0] == '\0')
			fail_msg("row %zu: %d %d %s", i, r.end, r.class, items);
	}
	json_mem_free(&mem);
}

static void
lines(void **state)
{
	struct json_mem mem = { 0 };
	struct sink_result res[1];
	struct shopify_ask a = { .doc = SHOPIFY_DOC_set_quantities, .rows = 1, .res = res, .n = 1 };
	struct shopify_reply r;
	static const struct { const char *line; enum sink_end end; uint64_t n; } t[] = {
		{ "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[]}},\"__lineNumber\":7}",
		    SINK_APPLIED, 7 },
		{ "{\"errors\":[{\"message\":\"m\",\"extensions\":{\"code\":\"BAD_REQUEST\"}}],\"__lineNumber\":0}",
		    SINK_REFUSED, 0 },
		{ "{\"data\":{" SET ":null},\"__lineNumber\":1}", SINK_UNKNOWN, 1 },
		{ "{\"data\":{" SET ":{\"inventoryAdjustmentGroup\":null,\"userErrors\":[]}}}", SINK_UNKNOWN, 0 },
		{ "{\"data\":{},\"__lineNumber\":-1}", SINK_UNKNOWN, 0 }, { "", SINK_UNKNOWN, 0 }, { "{\"data\"", SINK_UNKNOWN, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		shopify_reply_line(&r, &mem, &a, t[i].line, strlen(t[i].line));
		if (r.end != t[i].end || r.line != t[i].n)
			fail_msg("%s: end %d line %llu", t[i].line, r.end, (unsigned long long)r.line);
	}
	json_mem_free(&mem);
}

static void
pages(void **state)
{
	static const struct { const char *text; int rc; size_t n; const char *after; } t[] = {
		{ "{\"nodes\":[1,2],\"pageInfo\":{\"hasNextPage\":true,\"endCursor\":\"abc==\"}}", 1, 2, "abc==" },
		{ "{\"nodes\":[],\"pageInfo\":{\"hasNextPage\":false,\"endCursor\":null}}", 0, 0, "" },
		{ "{\"nodes\":[1],\"pageInfo\":{\"hasNextPage\":true,\"endCursor\":null}}", -1, 1, "" },
		{ "{\"nodes\":[1]}", -1, 1, "" }, { "{\"nodes\":{},\"pageInfo\":{\"hasNextPage\":false}}", -1, 0, "" },
		{ "{\"nodes\":[1],\"pageInfo\":{\"hasNextPage\":\"false\"}}", -1, 1, "" }, { "null", -1, 0, "" },
	};
	struct json_mem mem = { 0 };
	size_t i, n;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct json_walk w;
		struct json_span after;

		assert_int_equal(shopify_reply_page(json_read(&mem, t[i].text, strlen(t[i].text), NULL), &w, &after), t[i].rc);
		for (n = 0; json_next(&w) != NULL; n++)
			;
		assert_int_equal(n, t[i].n);
		assert_int_equal(after.n, strlen(t[i].after));
	}
	json_mem_free(&mem);
}

static void
versions(void **state)
{
	static const struct { const char *headers; int rc; const char *have; } t[] = {
		{ "HTTP/2 200\r\nx-shopify-api-version: " SHOPIFY_VERSION "\r\n", 0, "" }, { "HTTP/2 200\r\nA: b\r\n", 0, "" },
		{ "HTTP/2 200\r\nX-Shopify-API-Version: 2025-10\r\n", 1, "2025-10" },
		{ "HTTP/2 200\r\nX-Shopify-API-Version: a very long version name indeed\r\n", 1, "a very long ver" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct http_reply h = { .headers = { t[i].headers, strlen(t[i].headers) } };
		char have[16];

		assert_int_equal(shopify_reply_version(&h, have), t[i].rc);
		assert_string_equal(have, t[i].have);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits), cmocka_unit_test(no_reply), cmocka_unit_test(lines), cmocka_unit_test(pages),
		cmocka_unit_test(versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
