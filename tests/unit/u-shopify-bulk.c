/* u-shopify-bulk - results of bulk queries, joined */
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
#include "base/rng.h"
#include "peer/shopify_bulk.h"

/* What was given out, as "root(child,child)" and "!kept:child", by the member k. */
struct got {
	struct json_mem mem;
	struct buf text;
	size_t groups, children;
	int stop;
};

static void
put_k(struct got *g, struct json_span line)
{
	struct json_span s = json_scalar(json_get(json_read(&g->mem, line.p, line.n, NULL), "k"));

	(void)buf_add(&g->text, s.p == NULL ? "?" : s.p, s.p == NULL ? 1 : s.n);
}

static int
group(void *ctx, const struct shopify_group *group, struct buf *keep, struct ss_err *err)
{
	struct got *g = ctx;
	size_t i;

	if (g->stop)
		return err_set(err, SS_EXIT_AGAIN, "stopped");
	g->groups++;
	g->children += group->n;
	put_k(g, group->root);
	(void)buf_add(keep, g->text.p + g->text.len - 1, 1);
	(void)buf_addc(&g->text, '(');
	for (i = 0; i < group->n; i++)
		put_k(g, group->child[i]);
	(void)buf_addc(&g->text, ')');
	return 0;
}

static int
late(void *ctx, struct json_span kept, struct json_span child, struct ss_err *err)
{
	struct got *g = ctx;

	(void)err;
	g->children++;
	(void)buf_addf(&g->text, "!%.*s:", (int)kept.n, kept.p);
	put_k(g, child);
	return 0;
}

#define R(id, k) "{\"id\":\"gid:\\/\\/shopify\\/Product\\/" id "\",\"k\":\"" k "\"}\n"
#define C(id, up, k) "{\"id\":\"gid:\\/\\/shopify\\/V\\/" id "\",\"k\":\"" k "\",\"__parentId\":" \
	"\"gid:\\/\\/shopify\\/" up "\"}\n"

static const struct row {
	const char *text, *out;
	int deep;
	const char *alias;
	size_t window;
	uint64_t objects, roots;
	int end;	/* 0, or the exit */
} rows[] = {
	{ "", "", 0, NULL, 0, 0, 0, 0 },
	{ R("1", "a") C("1", "Product/1", "x") C("2", "Product/1", "y") R("2", "b"), "a(xy)b()", 0, NULL, 0, 4, 2, 0 },
	/* others between, children of children */
	{ R("1", "a") R("2", "b") C("1", "Product/1", "x") C("2", "Product/2", "y") C("3", "Product/1", "z"),
	    "b(y)a(xz)", 0, NULL, 0, 5, 2, 0 },
	{ R("1", "a") C("1", "Product/1", "x") R("2", "b") C("9", "V/1", "z"), "b()a(xz)", 1, NULL, 0, 4, 2, 0 },
	{ R("1", "a") C("1", "Product/1", "x") C("9", "V/1", "z"), "a(x)", 0, NULL, 0, 3, 1, SS_EXIT_DAMAGE },
	/* what is held does not suffice: late children find their root's name */
	{ R("1", "a") R("2", "b") C("1", "Product/1", "x") C("2", "Product/2", "y"), "a()b()!a:x!b:y", 0, NULL, 1, 4, 2, 0 },
	{ R("1", "a") C("1", "Product/1", "x") C("9", "V/1", "z"), "a()!a:x!a:z", 1, NULL, 1, 3, 1, 0 },
	/* an id within the root that stands for it */
	{ "{\"id\":\"1\",\"k\":\"a\",\"inventoryItem\":{\"id\":\"i1\"}}\n{\"k\":\"x\",\"__parentId\":\"i1\"}\n{\"k\":"
	    "\"y\",\"__parentId\":\"1\"}\n",
	    "a(xy)", 0, "inventoryItem", 0, 3, 1, 0 },
	{ "{\"id\":\"1\",\"k\":\"a\",\"inventoryItem\":7}\n", "a()", 0, "inventoryItem", 0, 1, 1, 0 },
	/* ends of lines */
	{ "\n" R("1", "a") "\r\n\n{\"id\":\"2\",\"k\":\"b\"}\r\n{\"id\":\"3\",\"k\":\"c\"}", "a()b()c()", 0, NULL, 0, 3,
	    3, 0 },
	/* cut short, at a line's end and within one */
	{ R("1", "a"), "a()", 0, NULL, 0, 2, 1, SS_EXIT_AGAIN }, { R("1", "a"), "a()", 0, NULL, 0, UINT64_MAX, 2,
	    SS_EXIT_AGAIN },
	{ R("1", "a") "{\"id\":\"2\",", "a()", 0, NULL, 0, UINT64_MAX, UINT64_MAX, SS_EXIT_AGAIN },
	{ C("1", "Product/1", "x") R("1", "a"), "a()", 0, NULL, 0, 2, 1, SS_EXIT_DAMAGE },
};

static void
run(const struct row *t, size_t piece)
{
	struct got g = { .stop = 0 };
	struct shopify_bulk_config cfg = { .window = t->window, .deep = t->deep, .alias = t->alias, .group = group,
	    .late = late,
		.ctx = &g };
	struct ss_err err = { .exit = SS_EXIT_OK };
	struct shopify_bulk *b = shopify_bulk_open(&cfg, &err);
	size_t n = strlen(t->text), at;

	for (at = 0; at < n; at += piece) {
		size_t k = n - at < piece ? n - at : piece;
		char *copy = malloc(k);

		memcpy(copy, t->text + at, k);
		assert_int_equal(shopify_bulk_feed(b, copy, k, &err), 0);
		free(copy);
	}
	assert_int_equal(shopify_bulk_end(b, t->objects, t->roots, &err), t->end == 0 ? 0 : -1);
	assert_int_equal(err.exit, t->end);
	if (strcmp(buf_cstr(&g.text), t->out) != 0)
		fail_msg("row %zu by %zu: %s, want %s", (size_t)(t - rows), piece, g.text.p, t->out);
	shopify_bulk_close(b);
	json_mem_free(&g.mem);
	buf_free(&g.text);
}

static void
table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		run(&rows[i], 1);
		run(&rows[i], 7);
		run(&rows[i], 100000);
	}
}

static void
bad_lines(void **state)
{
	static const char *const t[] = { "x\n", "[]\n", "null\n", "{\"k\":1}\n", "{\"id\":7}\n", "{\"id\":\"\"}\n",
	    R("1", "a") R("1", "b"),
		"{\"id\":\"1\",\"__parentId\":7}\n", "{\"id\":\"1\",\"__parentId\":null}\n", "{\"id\":\"1\"}}\n",
		    "{\"id\":\"\xff\"}\n",
		"{\"id\":\"1\",\"inventoryItem\":{\"id\":\"1\"}}\n" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct got g = { .stop = 0 };
		struct shopify_bulk_config cfg = { .group = group, .late = late, .ctx = &g, .alias = "inventoryItem" };
		struct ss_err err = { .text = "" };
		struct shopify_bulk *b = shopify_bulk_open(&cfg, &err);

		if (shopify_bulk_feed(b, t[i], strlen(t[i]), &err) != -1 || err.exit != SS_EXIT_DAMAGE || strstr(err.text,
		    "line ") == NULL)
			fail_msg("%s: %s", t[i], err.text);
		shopify_bulk_close(b);
		json_mem_free(&g.mem);
		buf_free(&g.text);
	}
}

static void
limits(void **state)
{
	struct got g = { .stop = 0 };
	struct shopify_bulk_config cfg = { .group = group, .late = late, .ctx = &g, .max_line = 100, .known = 20000 };
	struct ss_err err = { .text = "" };
	struct shopify_bulk *b = shopify_bulk_open(&cfg, &err);
	char line[300];
	int i, rc = 0;

	(void)state;
	/* a line without an end, and one with */
	memset(line, 'x', sizeof(line));
	assert_int_equal(shopify_bulk_feed(b, line, 100, &err), 0);
	assert_int_equal(shopify_bulk_feed(b, line, 1, &err), -1);
	shopify_bulk_close(b);
	b = shopify_bulk_open(&cfg, &err);
	line[200] = '\n';
	assert_int_equal(shopify_bulk_feed(b, line, 201, &err), -1);
	shopify_bulk_close(b);
	/* more ids than allowed */
	b = shopify_bulk_open(&cfg, &err);
	for (i = 0; rc == 0 && i < 10000; i++)
		rc = shopify_bulk_feed(b, line, (size_t)snprintf(line, sizeof(line), "{\"id\":\"%d\"}\n", i), &err);
	assert_int_equal(rc, -1);
	assert_non_null(strstr(err.text, "memory is allowed"));
	assert_in_range(i, 50, 1000);
	shopify_bulk_close(b);
	/* the callback says no */
	g.stop = 1;
	cfg.known = 0;
	b = shopify_bulk_open(&cfg, &err);
	assert_int_equal(shopify_bulk_feed(b, "{\"id\":\"1\"}\n", 11, &err), 0);
	assert_int_equal(shopify_bulk_end(b, 1, 1, &err), -1);
	assert_int_equal(err.exit, SS_EXIT_AGAIN);
	shopify_bulk_close(b);
	shopify_bulk_close(NULL);
	json_mem_free(&g.mem);
	buf_free(&g.text);
}

/* 3,000 roots and 12,000 children in random order behind them: each is given out
 * once, and what is held stays within the window. */
static void
any_order(void **state)
{
	const size_t windows[] = { 0, 20000, 1 };
	struct rng r = { 7 };
	size_t w;

	(void)state;
	for (w = 0; w < 3; w++) {
		struct got g = { .stop = 0 };
		struct shopify_bulk_config cfg = { .group = group, .late = late, .ctx = &g, .window = windows[w] };
		struct ss_err err = { .text = "" };
		struct shopify_bulk *b = shopify_bulk_open(&cfg, &err);
		struct shopify_bulk_counts c;
		size_t roots = 0, peak;
		char line[200];
		int i;

		for (i = 0; i < 15000; i++) {
			int root = roots < 3000 && (roots == 0 || rng_next(&r) % 5 == 0), n;

			if (root)
				n = snprintf(line, sizeof(line), "{\"id\":\"p%zu\",\"k\":1}\n", roots++);
			else
				n = snprintf(line, sizeof(line), "{\"id\":\"c%d\",\"k\":2,\"__parentId\":\"p%zu\"}\n", i,
				    (size_t)(rng_next(&r) % roots));
			assert_int_equal(shopify_bulk_feed(b, line, (size_t)n, &err), 0);
			if (windows[w] != 0)
				assert_true(shopify_bulk_memory(b, &peak) < windows[w] + 1500000);
		}
		assert_int_equal(shopify_bulk_end(b, 15000, roots, &err), 0);
		c = shopify_bulk_counts(b);
		assert_int_equal(g.groups, roots);
		assert_int_equal(g.groups + g.children, 15000);
		assert_int_equal(c.orphans, 0);
		assert_int_equal(c.late > 0, windows[w] != 0);
		shopify_bulk_close(b);
		json_mem_free(&g.mem);
		buf_free(&g.text);
	}
}

static void
jobs(void **state)
{
	static const struct { const char *text; int rc; enum shopify_job_status status; uint64_t objects; int url; } t[] = {
		{ "{\"id\":\"1\",\"status\":\"COMPLETED\",\"objectCount\":\"12\",\"url\":\"https:\\/\\/x\"}", 0,
		    SHOPIFY_JOB_COMPLETED, 12, 1 },
		{ "{\"id\":\"1\",\"status\":\"COMPLETED\",\"objectCount\":0,\"url\":null}", 0, SHOPIFY_JOB_COMPLETED, 0, 0 },
		{ "{\"id\":\"1\",\"status\":\"CREATED\"}", 0, SHOPIFY_JOB_RUNNING, UINT64_MAX, 0 },
		{ "{\"id\":\"1\",\"status\":\"CANCELING\"}", 0, SHOPIFY_JOB_RUNNING, UINT64_MAX, 0 },
		{ "{\"id\":\"1\",\"status\":\"FAILED\",\"errorCode\":\"TIMEOUT\"}", 0, SHOPIFY_JOB_ENDED, UINT64_MAX, 0 },
		{ "{\"id\":\"1\",\"status\":\"EXPIRED\"}", 0, SHOPIFY_JOB_ENDED, UINT64_MAX, 0 },
		{ "{\"id\":\"1\",\"status\":\"PAUSED\",\"objectCount\":\"-1\"}", 0, SHOPIFY_JOB_OTHER, UINT64_MAX, 0 },
		{ "{\"id\":\"1\"}", -1, SHOPIFY_JOB_OTHER, 0, 0 }, { "{\"status\":\"RUNNING\"}", -1, SHOPIFY_JOB_OTHER, 0, 0 },
		{ "null", -1, SHOPIFY_JOB_OTHER, 0, 0 },
	};
	struct json_mem mem = { 0 };
	struct shopify_job j;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(shopify_bulk_job(&j, json_read(&mem, t[i].text, strlen(t[i].text), NULL)), t[i].rc);
		if (t[i].rc == 0)
			assert_true(j.status == t[i].status && j.objects == t[i].objects && (j.url.n > 0) == t[i].url);
	}
	json_mem_free(&mem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table), cmocka_unit_test(bad_lines), cmocka_unit_test(limits), cmocka_unit_test(any_order),
		cmocka_unit_test(jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
