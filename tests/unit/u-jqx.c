/* u-jqx - libjq: bytes kept, no environment, errors that do not stick */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "event/jqx.h"

/* One run of one program; the result is -1 or the count, out a C string. */
static int
once(const char *program, const char *in, char *out, size_t size, struct ss_err *err)
{
	struct jqx *j = jqx_open(program, "body", NULL, err);
	struct buf b = { 0 };
	int n;

	out[0] = '\0';
	if (j == NULL)
		return -2;
	n = jqx_run(j, in, strlen(in), &b, 100, err);
	if (b.len > 0 && b.len < size)
		memcpy(out, b.p, b.len);
	out[b.len < size ? b.len : 0] = '\0';
	buf_free(&b);
	jqx_free(j);
	return n;
}

static void
results(void **state)
{
	static const struct { const char *program, *in, *out; } t[] = {
		/* numbers that a double does not give back (design 2) */
		{ ".", "1.50", "1.50\n" },
		{ ".", "1e2", "1e2\n" },
		{ ".", "12345678901234567890", "12345678901234567890\n" },
		{ ".", "-0", "-0\n" },
		{ ".", "1E400", "1E400\n" },
		{ ".", "0.1", "0.1\n" },
		{ ".", "123456789012345678901234567890123456789012345678901234567890",
		    "123456789012345678901234567890123456789012345678901234567890\n" },
		{ "type", "1.50", "\"string\"\n" },
		{ "type", "1E400", "\"string\"\n" },
		{ "type", "12345678901234567890", "\"string\"\n" },
		{ "type", "9007199254740993", "\"string\"\n" },
		{ "type", "9007199254740992", "\"number\"\n" },
		{ "type", "0.1", "\"number\"\n" },
		{ "type", "-999999999999999", "\"number\"\n" },
		{ ". + 1", "-999999999999999", "-999999999999998\n" },
		{ ". + 1", "41", "42\n" },
		{ ". + 0.5", "1", "1.5\n" },
		{ "tonumber * 2", "1.50", "3\n" },
		{ "[.[] | tonumber] | add", "[0.10,0.20]", "0.30000000000000004\n" },
		{ "0 * -1", "1", "-0\n" },
		{ ". * 10, . * 9", "100000000000000", "1000000000000000\n900000000000000\n" },
		/* untouched at its path: as it came; moved: digits as a string */
		{ ".b = 1", "{\"a\":1.50,\"b\":2.0,\"c\":[1e2,{\"d\":1.0}]}",
		    "{\"a\":1.50,\"b\":1,\"c\":[1e2,{\"d\":1.0}]}\n" },
		{ ".c[1].d = \"x\"", "{\"c\":[1e2,{\"d\":1.0,\"e\":1.0},2.0]}",
		    "{\"c\":[1e2,{\"d\":\"x\",\"e\":1.0},2.0]}\n" },
		{ "{a: .a, z: .b}", "{\"b\":2.50,\"a\":1.50}", "{\"a\":1.50,\"z\":\"2.50\"}\n" },
		{ "{b: .b, a: .a}", "{\"a\":1.50,\"b\":2.50}", "{\"b\":2.50,\"a\":1.50}\n" },
		{ ".[1:]", "[1,2.50]", "[\"2.50\"]\n" },
		{ ".[0]", "[1.50]", "\"1.50\"\n" },
		{ "del(.a)", "{\"a\":1,\"b\":1.0}", "{\"b\":1.0}\n" },
		/* text */
		{ ".", "\"\\u00e9\\u4e16\\ud83d\\ude00\"", "\"é世😀\"\n" },
		{ ".", "\"\\u0000\\u001f\\u007f\\\"\\\\\"", "\"\\u0000\\u001f\\u007f\\\"\\\\\"\n" },
		{ ". + \"x\"", "\"é\\u0000\"", "\"é\\u0000x\"\n" },
		{ "keys", "{\"é\":1,\"\":2}", "[\"\",\"é\"]\n" },
		{ "ascii_downcase", "\"ÀB\"", "\"Àb\"\n" },
		/* none, several, all kinds */
		{ "empty", "{}", "" },
		{ ".[]", "[1,null,true,false,\"s\",[],{}]", "1\nnull\ntrue\nfalse\n\"s\"\n[]\n{}\n" },
		{ "nan, infinite", "1", "null\n1.7976931348623157e+308\n" },
		{ "", "{\"a\":1.0}", "{\"a\":1.0}\n" },
		{ "def f: .; f", "[1.0]", "[1.0]\n" },
		{ "# nothing but a comment", "2", "2\n" },
		{ ".a\n| # why\n.b", "{\"a\":{\"b\":1}}", "1\n" },
		/* nothing of the process is seen, nothing is printed or read */
		{ "env", "1", "{}\n" },
		{ "$ENV", "1", "{}\n" },
		{ "env.HOME, $ENV.PATH", "1", "null\nnull\n" },
		{ "stderr", "1.0", "1.0\n" },
		{ "debug, debug(1)", "1", "1\n1\n" },
		{ "[inputs]", "1", "[]\n" },
		{ "input_filename, input_line_number", "1", "null\n0\n" },
		{ "try input catch .", "1", "\"no further input\"\n" },
		{ "try halt catch .", "1", "\"halt\"\n" },
		{ "$__loc__.line", "1", "1\n" },
	};
	char out[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct ss_err err = { 0 };

		if (once(t[i].program, t[i].in, out, sizeof(out), &err) < 0)
			fail_msg("%s on %s: %s", t[i].program, t[i].in, err.text);
		if (strcmp(out, t[i].out) != 0)
			fail_msg("%s on %s: %s", t[i].program, t[i].in, out);
	}
}

static void
errors(void **state)
{
	/* rc -2: does not compile; the text must be in the message */
	static const struct { const char *program, *in; int rc; const char *text; } t[] = {
		{ ".a |", "1", -2, "body: syntax error" },
		{ ".a\n| foo", "1", -2, "foo/0 is not defined at <top-level>, line 2" },
		{ "$nope", "1", -2, "$nope is not defined" },
		{ "import \"x\" as x; .", "1", -2, "syntax error" },
		{ "include \"x\"; .", "1", -2, "syntax error" },
		{ "module {}; .", "1", -2, "syntax error" },
		{ "error(\"no\")", "1", -1, "body: no" },
		{ "error({a:1})", "1", -1, "body: {\"a\":1}" },
		{ "error(\"two\\nlines\")", "1", -1, "body: two?lines" },
		{ "1, error(\"late\")", "1", -1, "body: late" },
		{ ".a.b", "{\"a\":1}", -1, "Cannot index number" },
		{ "input", "1", -1, "no further input" },
		{ "halt", "1", -1, "body: halt" },
		{ "halt_error", "\"why\"", -1, "body: why" },
		{ "halt_error(3)", "null", -1, "body: halt" },
		{ "repeat(1)", "1", -1, "more than 100 results" },
		{ "range(101)", "1", -1, "more than 100 results" },
		{ "reduce range(600) as $i (1; [.])", "1", -1, "nested deeper than 512" },
		{ ".", "", -1, "body: " },
		{ ".", "{\"a\":1", -1, "body: not JSON" },
		{ ".", "{\"a\":1,\"b\":2,\"a\":3}", -1, "stands twice" },
		{ ".", "\"\\ud800\"", -1, "body: not JSON" },
		{ ".", "\"\xff\"", -1, "body: not JSON" },
		{ ".", "01", -1, "body: not JSON" },
	};
	char out[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct ss_err err = { 0 };
		int rc = once(t[i].program, t[i].in, out, sizeof(out), &err);

		if (rc != t[i].rc || strstr(err.text, t[i].text) == NULL ||
		    strchr(err.text, '\n') != NULL || out[0] != '\0')
			fail_msg("%s on %s: %d '%s' %s", t[i].program, t[i].in, rc, err.text, out);
		assert_int_equal(err.exit, SS_EXIT_USAGE);
	}
}

/* One object, many runs: an error leaves nothing behind, out keeps what it had. */
static void
again(void **state)
{
	struct ss_err err = { 0 };
	struct jqx *j = jqx_open("if .bad then 1, error(\"bad\") else .n, .n end", "t", NULL, &err);
	struct buf b = { 0 };
	int i;

	(void)state;
	assert_non_null(j);
	buf_adds(&b, "kept\n");
	for (i = 0; i < 200; i++) {
		assert_int_equal(jqx_run(j, "{\"bad\":true}", 12, &b, 9, &err), -1);
		assert_int_equal(jqx_run(j, "{", 1, &b, 9, &err), -1);
		assert_int_equal(jqx_run(j, "{\"n\":7}", 7, &b, 1, &err), -1);
		assert_int_equal(b.len, 5);
		assert_int_equal(jqx_run(j, "{\"n\":7}", 7, &b, 2, &err), 2);
		assert_int_equal(b.len, 9);
		b.len = 5;
	}
	assert_memory_equal(b.p, "kept\n7\n7\n", 9);
	/* a buffer that is full */
	b.max = b.cap;
	b.len = b.cap;
	assert_int_equal(jqx_run(j, "{\"n\":7}", 7, &b, 2, &err), -1);
	buf_free(&b);
	jqx_free(j);
	jqx_free(NULL);
}

static void
arguments(void **state)
{
	static const char *const args[] = { "shop", "\"acme\"", "big", "12345678901234567890",
		"list", "[1,2]", NULL };
	static const char *const bad[] = { "x", "{", NULL };
	struct ss_err err = { 0 };
	struct jqx *j = jqx_open("[$shop, $big, $list[1], .]", "t", args, &err);
	struct buf b = { 0 };

	(void)state;
	assert_non_null(j);
	assert_int_equal(jqx_run(j, "1", 1, &b, 1, &err), 1);
	assert_string_equal(buf_cstr(&b), "[\"acme\",\"12345678901234567890\",2,1]\n");
	jqx_free(j);
	assert_null(jqx_open("$x", "t", bad, &err));
	assert_non_null(strstr(err.text, "t: $x: not JSON"));
	buf_free(&b);
}

/* The environment is back after each call, and what jq would print is not. */
static void
quiet(void **state)
{
	char out[64], name[] = "/tmp/u-jqx.XXXXXX";
	int fd = mkstemp(name), saved = dup(2);
	struct ss_err err = { 0 };

	(void)state;
	assert_true(fd >= 0 && saved >= 0);
	(void)unlink(name);
	assert_int_equal(setenv("U_JQX", "seen", 1), 0);
	(void)dup2(fd, 2);
	(void)once("stderr | debug | debug(2)", "1", out, sizeof(out), &err);
	(void)once("foo", "1", out, sizeof(out), &err);
	(void)once("error(\"x\")", "1", out, sizeof(out), &err);
	(void)once("halt_error", "\"x\"", out, sizeof(out), &err);
	(void)dup2(saved, 2);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	assert_string_equal(getenv("U_JQX"), "seen");
	(void)close(fd);
	(void)close(saved);
}

static void
nesting(void **state)
{
	struct ss_err err = { 0 };
	struct buf in = { 0 }, out = { 0 };
	struct jqx *j = jqx_open("(.., 1) |= .", "t", NULL, &err);
	struct jqx *same = jqx_open(".", "t", NULL, &err);
	int i;

	(void)state;
	for (i = 0; i < 512; i++)
		buf_addc(&in, '[');
	for (i = 0; i < 512; i++)
		buf_addc(&in, ']');
	assert_int_equal(jqx_run(same, in.p, in.len, &out, 1, &err), 1);
	assert_int_equal(out.len, in.len + 1);
	assert_memory_equal(out.p, in.p, in.len);
	/* whatever jq makes of it, it comes back */
	buf_clear(&out);
	(void)jqx_run(j, in.p, in.len, &out, 1, &err);
	jqx_free(j);
	jqx_free(same);
	buf_free(&in);
	buf_free(&out);
}

struct sweep {
	struct jqx *dot, *edit, *back;
	unsigned long seen;
};

/* `.` gives the same bytes; so does a walk that touches one member at the end. */
static void
check_text(struct sweep *s, const char *where, const char *p, size_t n)
{
	struct ss_err err = { 0 };
	struct json_mem mem = { 0 };
	struct buf want = { 0 }, got = { 0 };
	struct yyjson_val *v = json_read(&mem, p, n, &err);
	struct jqx *const all[] = { s->dot, s->edit };
	size_t i;

	if (v == NULL) {
		json_mem_free(&mem);
		return;
	}
	assert_int_equal(json_write(&want, v), 0);
	buf_addc(&want, '\n');
	for (i = 0; i < 2; i++) {
		buf_clear(&got);
		if (jqx_run(all[i], p, n, &got, 1, &err) != 1)
			fail_msg("%s: %s", where, err.text);
		if (got.len != want.len || memcmp(got.p, want.p, want.len) != 0)
			fail_msg("%s: program %zu: %.*s", where, i, (int)got.len, got.p);
	}
	s->seen++;
	buf_free(&want);
	buf_free(&got);
	json_mem_free(&mem);
}

static void
check_file(struct sweep *s, const char *path)
{
	struct buf b = { 0 };
	const char *p, *end, *nl;
	size_t n = strlen(path);

	if (io_slurp(path, (size_t)64 << 20, &b, NULL) == -1) {
		buf_free(&b);
		return;
	}
	if (n > 7 && strcmp(path + n - 7, ".ndjson") == 0) {
		for (p = b.p, end = b.p + b.len; p < end; p = nl + 1) {
			nl = memchr(p, '\n', (size_t)(end - p));
			if (nl == NULL)
				nl = end;
			if (nl > p)
				check_text(s, path, p, (size_t)(nl - p));
		}
	} else if (n > 5 && strcmp(path + n - 5, ".json") == 0) {
		check_text(s, path, b.p, b.len);
	}
	buf_free(&b);
}

static void
check_dir(struct sweep *s, const char *dir, int depth)
{
	char path[4096];
	struct dirent *e;
	DIR *d = depth > 8 ? NULL : opendir(dir);

	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' ||
		    snprintf(path, sizeof(path), "%s/%s", dir, e->d_name) >= (int)sizeof(path))
			continue;
		if (e->d_type == DT_DIR)
			check_dir(s, path, depth + 1);
		else
			check_file(s, path);
	}
	(void)closedir(d);
}

static void
webhooks(void **state)
{
	const char *shared = getenv("SS_SHARED");
	struct sweep s = { 0 };
	struct ss_err err = { 0 };
	char dir[4096];

	(void)state;
	(void)snprintf(dir, sizeof(dir), "%s/webhooks", shared != NULL ? shared : "../shared/data");
	if (access(dir, R_OK) == -1 && shared != NULL)
		(void)snprintf(dir, sizeof(dir), "%s/data/webhooks", shared);
	if (access(dir, R_OK) == -1) {
		print_message("# left out, for want of %s\n", dir);
		return;
	}
	s.dot = jqx_open(".", "t", NULL, &err);
	/* forces the walk: every container is made anew */
	s.edit = jqx_open("def w: if type == \"object\" then with_entries(.value |= w) "
	    "elif type == \"array\" then map(w) else . end; w", "t", NULL, &err);
	assert_non_null(s.dot);
	assert_non_null(s.edit);
	check_dir(&s, dir, 0);
	print_message("%lu payloads\n", s.seen);
	jqx_free(s.dot);
	jqx_free(s.edit);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results), cmocka_unit_test(errors), cmocka_unit_test(again),
		cmocka_unit_test(arguments), cmocka_unit_test(quiet), cmocka_unit_test(nesting),
		cmocka_unit_test(webhooks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
