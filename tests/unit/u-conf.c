/* u-conf - the configuration file and secrets */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/io.h"

struct dir {
	char dir[32], file[64], secret[64];
};

static int
make_dir(void **state)
{
	static struct dir d;

	(void)snprintf(d.dir, sizeof(d.dir), "/tmp/u-conf.XXXXXX");
	if (mkdtemp(d.dir) == NULL)
		return -1;
	(void)snprintf(d.file, sizeof(d.file), "%s/t.conf", d.dir);
	(void)snprintf(d.secret, sizeof(d.secret), "%s/token", d.dir);
	*state = &d;
	return 0;
}

static int
drop_dir(void **state)
{
	struct dir *d = *state;

	(void)unlink(d->file);
	(void)unlink(d->secret);
	return rmdir(d->dir);
}

static void
put_file(const char *path, const char *text, size_t n, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write(fd, text, n, path, NULL), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static struct conf *
open_text(struct dir *d, const char *text, struct ss_err *err)
{
	struct conf *c;

	put_file(d->file, text, strlen(text), 0600);
	if (conf_open(&c, d->file, err) == -1) {
		assert_null(c);
		return NULL;
	}
	return c;
}

static const char sample[] =
    "# a comment\n"
    "; another\n"
    "\n"
    "[storesync]\n"
    "environment = test\r\n"
    "[http \"acme shop\"]\n"
    "url = https://example.com/a?b=c;d # kept ; all of it\n"
    "header = A: 1\n"
    "header = B: 2\n"
    "body = reduce .[] as $x (0; . + $x) # sum\n"
    "  indented  =  yes  \n"
    "empty =\n"
    "timeout = 1m30s\n"
    "parallel = 8\n"
    "\t[http\t\"other\"]  \n"
    "url: x\n"
    "[fields]\n"
    "größe = ä\n"
    "[last]";

static void
reading(void **state)
{
	static const struct { const char *kind, *name, *key, *value; } t[] = {
		{ "storesync", NULL, "environment", "test" },
		{ "storesync", "", "environment", NULL },
		{ "http", "acme shop", "url", "https://example.com/a?b=c;d # kept ; all of it" },
		{ "http", "acme shop", "body", "reduce .[] as $x (0; . + $x) # sum" },
		{ "http", "acme shop", "indented", "yes" },
		{ "http", "acme shop", "empty", "" },
		{ "http", "acme shop", "header", "B: 2" },	/* the last counts */
		{ "http", "acme shop", "Header", NULL },
		{ "http", "other", "url", "x" },
		{ "http", "other", "header", NULL },
		{ "http", NULL, "url", NULL },
		{ "fields", NULL, "größe", "ä" },
		{ "last", NULL, "x", NULL },
	};
	struct ss_err err = { 0 };
	struct conf *c = open_text(*state, sample, &err);
	size_t i;

	assert_string_equal(err.text, "");
	assert_non_null(c);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		const char *v = conf_get(c, t[i].kind, t[i].name, t[i].key);

		if (t[i].value == NULL ? v != NULL : v == NULL || strcmp(v, t[i].value) != 0)
			fail_msg("%s: %s", t[i].key, v == NULL ? "absent" : v);
	}
	assert_string_equal(conf_next(c, "http", "acme shop", "header", 0), "A: 1");
	assert_string_equal(conf_next(c, "http", "acme shop", "header", 1), "B: 2");
	assert_null(conf_next(c, "http", "acme shop", "header", 2));
	assert_true(conf_has(c, "last", NULL));
	assert_true(conf_has(c, "http", "other"));
	assert_false(conf_has(c, "http", NULL));
	assert_false(conf_has(c, "http", "acme"));
	conf_free(c);
	conf_free(NULL);
}

static void
typed(void **state)
{
	static const char *const known[] = { "a", "b", "c", "d", "e", "f", "g", NULL };
	struct dir *d = *state;
	struct ss_err err = { 0 };
	struct conf *c = open_text(d, "[p \"x\"]\na = 5m\nb = 7\nc = on\nd = maybe\ne = 12x\n"
	    "f = 1\n\ng = no\n\n\nzz = 1\n", &err);
	char want[128];
	int64_t ms = 42;
	uint64_t n = 42;
	int b = 42;

	assert_non_null(c);
	assert_int_equal(conf_time(c, "p", "x", "a", &ms, &err), 0);
	assert_int_equal(ms, 300000);
	assert_int_equal(conf_count(c, "p", "x", "b", 1, 10, &n, &err), 0);
	assert_int_equal(n, 7);
	assert_int_equal(conf_bool(c, "p", "x", "c", &b, &err), 0);
	assert_int_equal(b, 1);
	assert_int_equal(conf_bool(c, "p", "x", "g", &b, &err), 0);
	assert_int_equal(b, 0);
	/* absent: untouched */
	assert_int_equal(conf_time(c, "p", "x", "none", &ms, &err), 0);
	assert_int_equal(conf_count(c, "p", "nobody", "b", 1, 10, &n, &err), 0);
	assert_int_equal(conf_bool(c, "q", NULL, "c", &b, &err), 0);
	assert_true(ms == 300000 && n == 7 && b == 0);
	/* bad: the line is named, nothing changed */
	assert_int_equal(conf_bool(c, "p", "x", "d", &b, &err), -1);
	(void)snprintf(want, sizeof(want), "%s:5: [p \"x\"] d: 'maybe' is neither yes nor no", d->file);
	assert_string_equal(err.text, want);
	assert_int_equal(err.exit, SS_EXIT_USAGE);
	assert_int_equal(conf_time(c, "p", "x", "e", &ms, &err), -1);
	assert_non_null(strstr(err.text, ":6: [p \"x\"] e: '12x' is not a duration"));
	assert_int_equal(conf_count(c, "p", "x", "b", 8, 10, &n, &err), -1);
	assert_non_null(strstr(err.text, ":3: [p \"x\"] b: '7' is not a whole number from 8 to 10"));
	assert_true(ms == 300000 && n == 7 && b == 0);
	assert_int_equal(conf_only(c, "p", "x", known, &err), -1);
	assert_non_null(strstr(err.text, ":12: [p \"x\"] zz: no such key"));
	assert_int_equal(conf_only(c, "p", "nobody", known, &err), 0);
	/* no entry: the section's line; no section: the file alone */
	assert_int_equal(conf_err(c, "p", "x", "url", &err, "is missing"), -1);
	assert_non_null(strstr(err.text, ":1: [p \"x\"] url: is missing"));
	assert_int_equal(conf_err(c, "q", NULL, "url", &err, "is %s", "missing"), -1);
	assert_non_null(strstr(err.text, "t.conf: [q] url: is missing"));
	conf_free(c);
}

static void
hostile(void **state)
{
	static const struct { const char *text; int line; const char *why; } t[] = {
		{ "a = 1\n", 1, "before any section" },
		{ "[s]\nno value\n", 2, "neither [section] nor key = value" },
		{ "[s]\n= x\n", 2, "no key" },
		{ "[s\na = 1\n", 1, "alone on its line" },
		{ "[s] junk\n", 1, "alone on its line" },
		{ "[s] ; comment\n", 1, "alone on its line" },
		{ "[]\n", 1, "no kind" },
		{ "[\"x\"]\n", 1, "a section is" },
		{ "[s \"]\n", 1, "a section is" },
		{ "[s \"\"]\n", 1, "a section is" },
		{ "[s x]\n", 1, "a section is" },
		{ "[s\"x\"]\n", 1, "a section is" },
		{ "[s \"a\"b\"]\n", 1, "a section is" },
		{ "[s \"a\" ]\n", 1, "a section is" },
		{ "[s ]\n", 1, "a section is" },
		{ "[../etc]\n", 1, "a section is" },
		{ "[s \"a]b\"]\n", 1, "alone on its line" },
		{ "[s \"0123456789012345678901234567890123456789012345678\"]\n", 1, "49 bytes" },
		{ "[s]\n[t]\n[s]\n", 3, "stands twice" },
		{ "[s]\nx = \x01\n", 2, "control character" },
		{ "[s]\nx = \x1b[2J\n", 2, "control character" },
		{ "[s]\nx = 1\x7f\n", 2, "control character" },
	};
	struct dir *d = *state;
	char want[128];
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct ss_err err = { 0 };
		struct conf *c = open_text(d, t[i].text, &err);

		(void)snprintf(want, sizeof(want), "%s:%d: ", d->file, t[i].line);
		if (c != NULL || strncmp(err.text, want, strlen(want)) != 0 ||
		    strstr(err.text, t[i].why) == NULL)
			fail_msg("%s: '%s'", t[i].text, err.text);
		assert_int_equal(err.exit, SS_EXIT_USAGE);
	}
}

/* A key stands once in a section, but for those that may be repeated. */
static void
once(void **state)
{
	static const char *const many[] = { "http header", "https x", NULL };
	static const struct { const char *text, *why; } t[] = {
		{ "[http \"a\"]\nurl = x\nheader = 1\nheader = 2\n[http \"b\"]\nurl = y\n[s]\nurl = z\n", NULL },
		{ "[http \"a\"]\nurl = x\n\nbatch = 1\nurl = x\n", ":5: [http \"a\"] url: stands twice, the first time in line 2" },
		{ "[s]\na = 1\nb = 1\nb =\n", ":4: [s] b: stands twice, the first time in line 3" },
		{ "[s]\nheader = 1\nheader = 2\n", ":3: [s] header: stands twice" },
		{ "[http \"a\"]\nx = 1\nx = 2\n", ":3: [http \"a\"] x: stands twice" },
		{ "", NULL },
	};
	struct dir *d = *state;
	size_t i;

	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct ss_err err = { 0 };
		struct conf *c = open_text(d, t[i].text, &err);
		int rc;

		assert_non_null(c);
		rc = conf_once(c, many, &err);
		if ((rc == 0) != (t[i].why == NULL) || (rc == -1 && (strstr(err.text, t[i].why) == NULL ||
		    strncmp(err.text, d->file, strlen(d->file)) != 0 || err.exit != SS_EXIT_USAGE)))
			fail_msg("row %zu: %d '%s'", i, rc, err.text);
		conf_free(c);
	}
}

static void
long_lines(void **state)
{
	struct dir *d = *state;
	struct ss_err err = { 0 };
	struct buf b = { 0 };
	struct conf *c;
	size_t i, n;

	for (n = 4095; n <= 4100; n++) {
		buf_clear(&b);
		buf_adds(&b, "[s]\nk = ");
		for (i = 4; i < n; i++)
			buf_addc(&b, 'v');
		buf_adds(&b, "\nz = 1\n");
		c = open_text(d, buf_cstr(&b), &err);
		if (n <= 4096) {
			assert_non_null(c);
			assert_int_equal(strlen(conf_get(c, "s", NULL, "k")), n - 4);
			assert_string_equal(conf_get(c, "s", NULL, "z"), "1");
		} else {
			assert_null(c);
			assert_non_null(strstr(err.text, ":2: the line is longer than 4096"));
		}
		conf_free(c);
	}
	/* NUL, and bytes of all kinds: an answer, whatever it is */
	put_file(d->file, "[s]\nk = a\0b\n", 12, 0600);
	assert_int_equal(conf_open(&c, d->file, &err), -1);
	assert_non_null(strstr(err.text, ":2: the line holds a control"));
	for (i = 0; i < 3000; i++) {
		static const char bits[] = "[]\"= \n\n;#ab\t\xff:";
		char text[64];

		for (n = 0; n < sizeof(text); n++)
			text[n] = bits[(i * 2654435761u >> (n % 24)) * (n + 7) % (sizeof(bits) - 1)];
		put_file(d->file, text, n, 0600);
		if (conf_open(&c, d->file, &err) == 0)
			conf_free(c);
	}
	buf_free(&b);
}

static void
no_file(void **state)
{
	struct dir *d = *state;
	struct ss_err err = { 0 };
	struct conf *c;

	assert_int_equal(conf_open(&c, NULL, &err), 0);
	assert_null(conf_get(c, "a", "b", "c"));
	assert_false(conf_has(c, "a", NULL));
	assert_int_equal(conf_err(c, "a", NULL, "b", &err, "x"), -1);
	assert_string_equal(err.text, "configuration: [a] b: x");
	conf_free(c);
	assert_int_equal(conf_open(&c, "/nowhere/x.conf", &err), -1);
	assert_null(c);
	assert_int_equal(conf_open(&c, d->dir, &err), -1);
	assert_int_equal(err.exit, SS_EXIT_USAGE);
	/* empty, and a mark of order in front */
	c = open_text(d, "", &err);
	assert_non_null(c);
	conf_free(c);
	c = open_text(d, "\xef\xbb\xbf[s]\nk = v\n", &err);
	assert_non_null(c);
	assert_string_equal(conf_get(c, "s", NULL, "k"), "v");
	conf_free(c);
}

static void
secret_files(void **state)
{
	static const struct { const char *text; size_t n; mode_t mode; int rc; const char *out; } t[] = {
		{ "s3cret\n", 7, 0600, 1, "s3cret" },
		{ "s3cret\r\n", 8, 0400, 1, "s3cret" },
		{ "two\nlines", 9, 0600, -1, ":2: [http \"acme\"] token-file: the secret has more than one line" },
		{ "s3cret\n\n", 8, 0600, -1, "more than one line" },
		{ "two\rlines", 9, 0600, -1, "more than one line" },
		{ " spaces ", 8, 0600, 1, " spaces " },
		{ "s3cret", 6, 0640, -1, "chmod 600" },
		{ "s3cret", 6, 0604, -1, "chmod 600" },
		{ "s3cret", 6, 0610, -1, "chmod 600" },
		{ "", 0, 0600, -1, "empty" },
		{ "\n", 1, 0600, -1, "empty" },
		{ "a\0b", 3, 0600, -1, "NUL" },
	};
	struct dir *d = *state;
	struct ss_err err = { 0 };
	struct buf b = { 0 };
	struct conf *c;
	size_t i;

	/* beside the configuration file, wherever one stands */
	c = open_text(d, "[http \"acme\"]\ntoken-file = token\ngone-file = nowhere\ndir-file = .\n", &err);
	assert_non_null(c);
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		int rc;

		(void)unlink(d->secret);
		put_file(d->secret, t[i].text, t[i].n, t[i].mode);
		buf_clear(&b);
		rc = conf_secret(c, "http", "acme", "token", &b, &err);
		if (rc != t[i].rc || strcmp(rc == 1 ? buf_cstr(&b) : "", rc == 1 ? t[i].out : "") != 0 ||
		    (rc == -1 && strstr(err.text, t[i].out) == NULL))
			fail_msg("row %zu: %d '%s'", i, rc, err.text);
		assert_null(strstr(err.text, "s3cret"));
		assert_true(rc == 1 || b.len == 0);
	}
	/* what is named must be there: no going on to the environment */
	assert_int_equal(setenv("SS_SECRET_HTTP_ACME_GONE", "x", 1), 0);
	assert_int_equal(conf_secret(c, "http", "acme", "gone", &b, &err), -1);
	assert_int_equal(conf_secret(c, "http", "acme", "dir", &b, &err), -1);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(unsetenv("SS_SECRET_HTTP_ACME_GONE"), 0);
	/* a fifo does not hang */
	(void)unlink(d->secret);
	assert_int_equal(mkfifo(d->secret, 0600), 0);
	assert_int_equal(conf_secret(c, "http", "acme", "token", &b, &err), -1);
	/* more than anybody's token */
	(void)unlink(d->secret);
	put_file(d->secret, "", 0, 0600);
	assert_int_equal(truncate(d->secret, 65537), 0);
	assert_int_equal(conf_secret(c, "http", "acme", "token", &b, &err), -1);
	assert_non_null(strstr(err.text, "larger than 65536"));
	(void)unlink(d->secret);
	conf_free(c);
	buf_free(&b);
}

static void
secret_elsewhere(void **state)
{
	struct dir *d = *state;
	struct ss_err err = { 0 };
	struct buf b = { 0 };
	struct conf *c;
	char path[64];

	assert_int_equal(conf_open(&c, NULL, &err), 0);
	assert_int_equal(conf_secret(c, "shopify", "acme-uk", "token", &b, &err), 0);
	assert_int_equal(setenv("SS_SECRET_SHOPIFY_ACME_UK_TOKEN", "from-env", 1), 0);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", d->dir, 1), 0);
	assert_int_equal(conf_secret(c, "shopify", "acme-uk", "token", &b, &err), 1);
	assert_string_equal(buf_cstr(&b), "from-env");
	/* read once, then gone */
	assert_null(getenv("SS_SECRET_SHOPIFY_ACME_UK_TOKEN"));
	buf_clear(&b);
	assert_int_equal(conf_secret(c, "shopify", "acme-uk", "token", &b, &err), 0);
	/* the directory comes before the variable */
	(void)snprintf(path, sizeof(path), "%s/shopify-acme-uk-token", d->dir);
	put_file(path, "from-dir\n", 9, 0440);
	assert_int_equal(setenv("SS_SECRET_SHOPIFY_ACME_UK_TOKEN", "from-env", 1), 0);
	assert_int_equal(conf_secret(c, "shopify", "acme-uk", "token", &b, &err), 1);
	assert_string_equal(buf_cstr(&b), "from-dir");
	buf_clear(&b);
	(void)unlink(path);
	/* a name cannot lead out of the directory */
	assert_int_equal(conf_secret(c, "x", "/../../etc/passwd", "y", &b, &err), 0);
	/* [kind] alone */
	(void)snprintf(path, sizeof(path), "%s/listen-key", d->dir);
	put_file(path, "k", 1, 0400);
	assert_int_equal(conf_secret(c, "listen", NULL, "key", &b, &err), 1);
	assert_string_equal(buf_cstr(&b), "k");
	(void)unlink(path);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	/* all of them */
	assert_int_equal(setenv("SS_SECRET_A", "1", 1), 0);
	assert_int_equal(setenv("U_CONF", "stays", 1), 0);
	assert_int_equal(setenv("SS_SECRET_B", "2", 1), 0);
	conf_drop_secrets();
	assert_null(getenv("SS_SECRET_A"));
	assert_null(getenv("SS_SECRET_B"));
	assert_null(getenv("SS_SECRET_SHOPIFY_ACME_UK_TOKEN"));
	assert_string_equal(getenv("U_CONF"), "stays");
	assert_int_equal(setenv("SS_SECRET_C", "3", 1), 0);
	conf_drop_secrets();
	assert_null(getenv("SS_SECRET_C"));
	conf_free(c);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading), cmocka_unit_test(typed), cmocka_unit_test(hostile),
		cmocka_unit_test(once), cmocka_unit_test(long_lines), cmocka_unit_test(no_file),
		cmocka_unit_test(secret_files), cmocka_unit_test(secret_elsewhere),
	};

	return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
