/* Encodings: what a file is taken for, and what becomes of its cells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "peer/csv.h"
#include "peer/text.h"

struct feed {
	const char *p;
	size_t n, block;
};

static ssize_t
feed_read(void *ctx, char *p, size_t n, struct ss_err *err)
{
	struct feed *f = ctx;
	size_t k = f->n < n ? f->n : n;

	(void)err;
	if (f->block > 0 && k > f->block)
		k = f->block;
	memcpy(p, f->p, k);
	f->p += k;
	f->n -= k;
	return (ssize_t)k;
}

/* Cells as [a][b], a row of other text as !; then what it was read as. */
static void
read_all(struct buf *out, const char *encoding, const char *p, size_t n, size_t block)
{
	struct feed f = { p, n, block };
	struct ss_err err = { .text = "" };
	struct text *t = text_open(encoding, feed_read, &f, &err);
	struct csv *c = csv_open(',', text_read, t, &err);
	struct csv_row row;
	size_t i;
	int rc, switched = 0;

	assert_non_null(t);
	assert_non_null(c);
	while ((rc = csv_next(c, &row, &err)) == 1) {
		rc = text_row(t, &row, &err);
		assert_int_not_equal(rc, -1);
		switched += text_switched(t);
		if (rc == 0)
			(void)buf_addc(out, '!');
		for (i = 0; rc == 1 && i < row.n; i++) {
			(void)buf_addc(out, '[');
			(void)buf_add(out, row.cell[i].p, row.cell[i].n);
			(void)buf_addc(out, ']');
		}
		(void)buf_addc(out, '\n');
	}
	assert_int_equal(rc, 0);
	(void)buf_addf(out, "%s%s", text_name(t), switched == 1 ? "+" : "");
	csv_close(c);
	text_close(t);
}

static const struct {
	const char *encoding, *in;
	size_t n;
	const char *want;
} table[] = {
#define ROW(encoding, in, want) { encoding, in, sizeof(in) - 1, want }
	ROW(NULL, "", "UTF-8"),
	ROW(NULL, "a,b\nc,d\n", "[a][b]\n[c][d]\nUTF-8"),
	ROW(NULL, "\xef\xbb\xbf" "a,b\n", "[a][b]\nUTF-8"),
	ROW(NULL, "\xef\xbb\xbf" "\"a\",b\n", "[a][b]\nUTF-8"),
	ROW(NULL, "h\n\xc3\xa9\n\xf0\x9f\x98\x8e\n", "[h]\n[\xc3\xa9]\n[\xf0\x9f\x98\x8e]\nUTF-8"),
	/* cp1252 from the row on that cannot be UTF-8 */
	ROW(NULL, "h\nx\ncaf\xe9,\x80\nn\xe4h\n",
	    "[h]\n[x]\n[caf\xc3\xa9][\xe2\x82\xac]\n[n\xc3\xa4h]\ncp1252+"),
	ROW(NULL, "\"na\xefve \"\"x\"\"\"\n", "[na\xc3\xafve \"x\"]\ncp1252+"),
	/* later rows stay cp1252, valid UTF-8 or not; not assigned: bad */
	ROW(NULL, "\xe9\n\xc3\xa9\nx\x81y\nz\n", "[\xc3\xa9]\n[\xc3\x83\xc2\xa9]\n!\n[z]\ncp1252+"),
	/* UTF-8 was seen: a bad row, and no more than that */
	ROW(NULL, "\xc3\xa9\n\xe9\nx\n", "[\xc3\xa9]\n!\n[x]\nUTF-8"),
	ROW("utf-8", "\xe9\nx\n", "!\n[x]\nutf-8"),
	ROW("UTF-8", "\xef\xbb\xbfh\n\xe9\n", "[h]\n!\nUTF-8"),
	ROW(NULL, "\xef\xbb\xbfh\n\xe9\n", "[h]\n!\nUTF-8"),
	/* surrogates, overlong forms, beyond U+10FFFF */
	ROW("utf-8", "\xed\xa0\x80\n\xc0\xaf\n\xf4\x90\x80\x80\nx", "!\n!\n!\n[x]\nutf-8"),
	ROW("cp1252", "\xc3\xa9,\x93q\x94\n",
	    "[\xc3\x83\xc2\xa9][\xe2\x80\x9cq\xe2\x80\x9d]\ncp1252"),
	ROW("iso-8859-15", "\xa4\n", "[\xe2\x82\xac]\niso-8859-15"),
	ROW(NULL, "\xff\xfe" "a\0,\0b\0\n\0\xe9\0,\0x\0", "[a][b]\n[\xc3\xa9][x]\nUTF-16LE"),
	ROW(NULL, "\xfe\xff\0a\0,\0b\0\n\0\xe9\0,\0x", "[a][b]\n[\xc3\xa9][x]\nUTF-16BE"),
	ROW("utf-16le", "\xff\xfe" "a\0\n\0", "[a]\nutf-16le"),
	ROW("utf-16", "\xfe\xff\0a\0\n", "[a]\nutf-16"),
	ROW("UTF-16LE", "a\0,\0\xac\x20\n\0", "[a][\xe2\x82\xac]\nUTF-16LE"),
	/* astral characters; a lone surrogate and half a unit spoil their row only */
	ROW(NULL, "\xff\xfe" "h\0\n\0\x3d\xd8\x0e\xde\n\0", "[h]\n[\xf0\x9f\x98\x8e]\nUTF-16LE"),
	ROW(NULL, "\xff\xfe" "h\0\n\0\x3d\xd8\n\0x\0\n\0y", "[h]\n!\n[x]\n!\nUTF-16LE"),
	/* a byte that is NUL now and then is no UTF-16 */
	ROW(NULL, "a\0b,c\nd,e\n", "[a"/* cut by the C string */)
};

static void
test_table(void **state)
{
	struct buf b = { 0 };
	size_t i, block;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(*table) - 1; i++)
		for (block = 0; block < 9; block++) {
			buf_clear(&b);
			read_all(&b, table[i].encoding, table[i].in, table[i].n, block);
			assert_string_equal(buf_cstr(&b), table[i].want);
		}
	buf_clear(&b);
	read_all(&b, NULL, table[i].in, table[i].n, 0);
	assert_int_equal(b.len, 21);
	assert_memory_equal(b.p, "[a\0b][c]\n[d][e]\nUTF-8", 21);
	buf_free(&b);
}

/* Without a mark the pattern needs a few characters in the first block. */
static void
test_pattern(void **state)
{
	static const char le[] = "s\0k\0u\0,\0q\0t\0y\0\n\0A\0,\0" "1\0\n",
	    be[] = "\0s\0k\0u\0\n\0A\0\n";
	struct buf b = { 0 };

	(void)state;
	read_all(&b, NULL, le, sizeof(le), 0);
	assert_string_equal(buf_cstr(&b), "[sku][qty]\n[A][1]\nUTF-16LE");
	buf_clear(&b);
	read_all(&b, NULL, be, sizeof(be) - 1, 7);
	assert_string_equal(buf_cstr(&b), "[sku]\n[A]\nUTF-16BE");
	buf_free(&b);
}

/* Much text through iconv, in blocks that split characters anywhere. */
static void
test_long(void **state)
{
	static char in[400000];
	struct buf a = { 0 }, b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i + 4 <= sizeof(in); i += 4)
		memcpy(in + i,
		    i % 40 == 36 ? "\x0d\0\x0a\0" : i % 12 == 0 ? "\x3d\xd8\x0e\xde" :
		    "\xac\x20x\0", 4);
	read_all(&a, "UTF-16LE", in, sizeof(in), 0);
	read_all(&b, "UTF-16LE", in, sizeof(in), 4097);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.p, b.p, a.len);
	assert_null(memchr(a.p, '!', a.len));
	buf_free(&a);
	buf_free(&b);
}

static void
test_unknown(void **state)
{
	struct feed f = { "", 0, 0 };
	struct ss_err err = { .text = "" };

	(void)state;
	assert_null(text_open("klingon", feed_read, &f, &err));
	assert_int_equal(err.exit, SS_EXIT_USAGE);
	assert_non_null(strstr(err.text, "klingon"));
	assert_null(text_open("x123456789012345678901234567890123456789012345678901234567890",
	    feed_read,
	    &f, &err));
	text_close(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table), cmocka_unit_test(test_pattern),
		cmocka_unit_test(test_long), cmocka_unit_test(test_unknown)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
