/* The CSV scanner: hostile rows, every block boundary, and a model to compare with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "peer/csv.h"

/* Input in blocks of a given size (0: whatever is asked for). */
struct feed {
	const char *p;
	size_t n, block;
	int fail;	/* an error in place of the end */
};

static ssize_t
feed_read(void *ctx, char *p, size_t n, struct ss_err *err)
{
	struct feed *f = ctx;
	size_t k = f->n < n ? f->n : n;

	if (k == 0 && f->fail)
		return err_set(err, SS_EXIT_AGAIN, "cut");
	if (f->block > 0 && k > f->block)
		k = f->block;
	memcpy(p, f->p, k);
	f->p += k;
	f->n -= k;
	return (ssize_t)k;
}

/* Rows as text: cells between brackets, then @line and what is wrong. */
static void
put_row(struct buf *b, const struct csv_row *r)
{
	size_t i;

	(void)buf_addf(b, "%llu@%llu", (unsigned long long)r->number, (unsigned long long)r->line);
	if (r->bad != CSV_FINE)
		(void)buf_addf(b, "!%s", csv_bad_code(r->bad));
	else
		for (i = 0; i < r->n; i++) {
			(void)buf_addc(b, '[');
			(void)buf_add(b, r->cell[i].p, r->cell[i].n);
			(void)buf_addc(b, ']');
		}
	(void)buf_addc(b, '{');
	(void)buf_add(b, r->raw, r->raw_n);
	(void)buf_adds(b, "}\n");
}

static void
read_all(struct buf *out, const char *p, size_t n, size_t block, char delim)
{
	struct feed f = { p, n, block, 0 };
	struct ss_err err = { .text = "" };
	struct csv *c = csv_open(delim, feed_read, &f, &err);
	struct csv_row row;
	int rc;

	assert_non_null(c);
	while ((rc = csv_next(c, &row, &err)) == 1)
		put_row(out, &row);
	assert_int_equal(rc, 0);
	/* the end stays the end */
	assert_int_equal(csv_next(c, &row, &err), 0);
	csv_close(c);
}

static void
assert_rows(const char *in, size_t n, char delim, const char *want)
{
	struct buf whole = { 0 }, part = { 0 };
	size_t block;

	read_all(&whole, in, n, 0, delim);
	if (want != NULL)
		assert_string_equal(buf_cstr(&whole), want);
	for (block = 1; block <= n + 1; block++) {
		buf_clear(&part);
		read_all(&part, in, n, block, delim);
		assert_int_equal(part.len, whole.len);
		assert_memory_equal(part.p, whole.p, whole.len);
	}
	buf_free(&whole);
	buf_free(&part);
}

/* Each "want" was checked against Python 3.11: csv.reader(open(f, newline="")). */
static const struct {
	const char *in, *want;
} table[] = {
	{ "", "" },
	{ "a", "1@1[a]{a}\n" },
	{ "a,b", "1@1[a][b]{a,b}\n" },
	{ "a,", "1@1[a][]{a,}\n" },
	{ ",", "1@1[][]{,}\n" },
	{ "\n", "1@1[]{}\n" },
	{ "a\nb", "1@1[a]{a}\n2@2[b]{b}\n" },
	{ "a\r\nb\r\n", "1@1[a]{a}\n2@2[b]{b}\n" },
	{ "a\rb\r", "1@1[a]{a}\n2@2[b]{b}\n" },
	{ "a\r\n\nb\r\rc\n\rd",
	"1@1[a]{a}\n2@2[]{}\n3@3[b]{b}\n4@4[]{}\n5@5[c]{c}\n6@6[]{}\n7@7[d]{d}\n" },
	/* RFC 4180 2.5 to 2.7 */
	{ "\"a\",\"b\"\r\n", "1@1[a][b]{\"a\",\"b\"}\n" },
	{ "\"a,b\",c", "1@1[a,b][c]{\"a,b\",c}\n" },
	{ "\"a\"\"b\",c", "1@1[a\"b][c]{\"a\"\"b\",c}\n" },
	{ "\"\",\"\"\"\"", "1@1[][\"]{\"\",\"\"\"\"}\n" },
	{ "\"a\nb\",c\nd,e", "1@1[a\nb][c]{\"a\nb\",c}\n2@3[d][e]{d,e}\n" },
	{ "\"a\r\nb\rc\n\",d\ne,f", "1@1[a\r\nb\rc\n][d]{\"a\r\nb\rc\n\",d}\n2@5[e][f]{e,f}\n" },
	{ "\"\n\",x\ny,z", "1@1[\n][x]{\"\n\",x}\n2@3[y][z]{y,z}\n" },
	/* quotes where none should be */
	{ "a\"b,c\"\n", "1@1[a\"b][c\"]{a\"b,c\"}\n" },
	{ "a \"b\",c", "1@1[a \"b\"][c]{a \"b\",c}\n" },
	{ " \"a\",b", "1@1[ \"a\"][b]{ \"a\",b}\n" },
	{ "\"a\"b,c", "1@1[ab][c]{\"a\"b,c}\n" },
	{ "\"a\" \"b\",c", "1@1[a \"b\"][c]{\"a\" \"b\",c}\n" },
	{ "\"a\"b\"c,d\"\ne", "1@1[ab\"c][d\"]{\"a\"b\"c,d\"}\n2@2[e]{e}\n" },
	{ "\"a\"\"b\"c\"\"d,e", "1@1[a\"bc\"\"d][e]{\"a\"\"b\"c\"\"d,e}\n" },
	{ "\"Hey, I missed \" it\",3", "1@1[Hey, I missed  it\"][3]{\"Hey, I missed \" it\",3}\n" },
	{ "\"a\"x", "1@1[ax]{\"a\"x}\n" },
	/* never closed: bad, and named by its first line */
	{ "\"", "1@1!open-quote{\"}\n" },
	{ "a\n\"b\nc\nd", "1@1[a]{a}\n2@2!open-quote{\"b\nc\nd}\n" },
	{ "a,\"b\"\"", "1@1!open-quote{a,\"b\"\"}\n" },
	/* bytes that are none of ours */
	{ "a\tb;c|d,e", "1@1[a\tb;c|d][e]{a\tb;c|d,e}\n" },
	{ "\xff\xfe,\x01", "1@1[\xff\xfe][\x01]{\xff\xfe,\x01}\n" }
};

static void
test_table(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(table) / sizeof(*table); i++)
		assert_rows(table[i].in, strlen(table[i].in), ',', table[i].want);
	assert_rows("a\0b,\0\n", 6, ',', NULL);
}

/* The same rows with something long in front, so that each byte of them meets
 * each place of the 64 that are looked at in one go. */
static void
test_chunks(void **state)
{
	static const char tail[] = "\"a\"\"b\r\nc\",d\r\n\"e\"f\"\r\rg,\"h\"\n";
	char in[256];
	struct buf a = { 0 }, b = { 0 };
	size_t pad, block;

	(void)state;
	for (pad = 1; pad < 200; pad++) {
		memset(in, 'x', pad);
		memcpy(in + pad, "\n", 1);
		memcpy(in + pad + 1, tail, sizeof(tail) - 1);
		buf_clear(&a);
		read_all(&a, in, pad + sizeof(tail), 0, ',');
		assert_non_null(strstr(buf_cstr(&a), "2@2[a\"b\r\nc][d]"));
		assert_non_null(strstr(buf_cstr(&a), "3@4[ef\"]"));
		assert_non_null(strstr(buf_cstr(&a), "5@6[g][h]"));
		for (block = 61; block < 68; block++) {
			buf_clear(&b);
			read_all(&b, in, pad + sizeof(tail), block, ',');
			assert_int_equal(a.len, b.len);
			assert_memory_equal(a.p, b.p, a.len);
		}
	}
	buf_free(&a);
	buf_free(&b);
}

/* --- a model: one byte after the other, as in CPython's _csv.c ------------------- */

enum model_state { RECORD, FIELD_START, FIELD, IN_QUOTES, AFTER_QUOTE };

static void
model(struct buf *out, const char *p, size_t n, char delim)
{
	enum model_state st = RECORD;
	struct buf cells = { 0 }, raw = { 0 };
	unsigned long long row = 0, line = 1, first = 1;
	size_t i;

	for (i = 0; i <= n; i++) {
		int end = i == n, nl;
		char c = '\0';

		if (!end)
			c = p[i];
		nl = !end && (c == '\n' || c == '\r');
		if (st == RECORD) {
			if (end)
				break;
			first = line;
			buf_clear(&cells);
			buf_clear(&raw);
			(void)buf_addc(&cells, '[');
			st = FIELD_START;
		}
		if (nl)
			line += !(c == '\n' && i > 0 && p[i - 1] == '\r');
		if (st == IN_QUOTES && !end) {
			if (c == '"')
				st = AFTER_QUOTE;
			else
				(void)buf_addc(&cells, c);
		} else if (end || nl) {
			(void)buf_addf(out, "%llu@%llu", ++row, first);
			(void)buf_addc(&cells, ']');
			if (st == IN_QUOTES)
				(void)buf_adds(out, "!open-quote");
			else
				(void)buf_add(out, cells.p, cells.len);
			(void)buf_addc(out, '{');
			(void)buf_add(out, raw.p, raw.len);
			(void)buf_adds(out, "}\n");
			st = RECORD;
			if (nl && c == '\r' && i + 1 < n && p[i + 1] == '\n')
				i++;
			if (i + 1 >= n)
				break;
			continue;
		} else if (c == delim) {
			(void)buf_adds(&cells, "][");
			st = FIELD_START;
		} else if (st == FIELD_START && c == '"') {
			st = IN_QUOTES;
		} else if (st == AFTER_QUOTE && c == '"') {
			(void)buf_addc(&cells, c);
			st = IN_QUOTES;
		} else {
			(void)buf_addc(&cells, c);
			st = FIELD;
		}
		(void)buf_addc(&raw, c);
	}
	buf_free(&cells);
	buf_free(&raw);
}

static void
test_model(void **state)
{
	static const char abc[] = "\"\"\"\",,,\n\r\nab ;";
	struct rng rng;
	struct buf got = { 0 }, want = { 0 };
	char in[300];
	int round;

	(void)state;
	rng_init(&rng, 1, 42);
	for (round = 0; round < 30000; round++) {
		size_t n = (size_t)rng_below(&rng, round % 10 == 0 ? 300 : 24), i;
		size_t block = (size_t)rng_below(&rng, 80);

		for (i = 0; i < n; i++)
			in[i] = abc[rng_below(&rng, sizeof(abc) - 1)];
		buf_clear(&got);
		buf_clear(&want);
		read_all(&got, in, n, block, ',');
		model(&want, in, n, ',');
		if (got.len != want.len || (got.len > 0 && memcmp(got.p, want.p, got.len) != 0))
			fail_msg("input <%.*s> block %zu\ngot:\n%s\nwant:\n%s", (int)n, in, block,
			    buf_cstr(&got), buf_cstr(&want));
	}
	buf_free(&got);
	buf_free(&want);
}

static void
test_delimiter(void **state)
{
	static const struct {
		const char *in;
		char want;
	} t[] = { { "a,b\n", ',' }, { "a;b;c\n1,5;2,5;3\n", ';' }, { "a\tb\n", '\t' },
	    { "a|b|c", '|' },
		{ "one", ',' }, { "", ',' }, { "\"x;y;z\",b\n", ',' }, { "\n\r\n  \na;b\n", ';' },
		{ "\"a\nb;;;\",c,d\n", ',' }, { "a;b,c\n", ',' }, { "say \"hi;\";b;c\n", ';' } };
	struct ss_err err = { .text = "" };
	struct csv_row row;
	size_t i, block;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(*t); i++)
		for (block = 0; block < 6; block++) {
			struct feed f = { t[i].in, strlen(t[i].in), block, 0 };
			struct csv *c = csv_open(0, feed_read, &f, &err);

			assert_non_null(c);
			(void)csv_next(c, &row, &err);
			assert_int_equal(csv_delimiter(c), t[i].want);
			csv_close(c);
		}
	assert_rows("a;b,c;d", 7, ';', "1@1[a][b,c][d]{a;b,c;d}\n");
}

/* --- limits ---------------------------------------------------------------------- */

static void
limit(const struct buf *in, size_t block, enum csv_bad want, uint64_t size, uint64_t line)
{
	struct feed f = { in->p, in->len, block, 0 };
	struct ss_err err = { .text = "" };
	struct csv *c = csv_open(',', feed_read, &f, &err);
	struct csv_row row;

	assert_non_null(c);
	assert_int_equal(csv_next(c, &row, &err), 1);
	assert_int_equal(row.bad, CSV_FINE);
	assert_int_equal(csv_next(c, &row, &err), 1);
	assert_int_equal(row.bad, want);
	assert_int_equal(row.size, size);
	assert_int_equal(row.line, 2);
	assert_true(want != CSV_ROW_LONG || row.raw_n <= CSV_ROW_MAX);
	/* the rest goes on */
	if (line != 0) {
		assert_int_equal(csv_next(c, &row, &err), 1);
		assert_int_equal(row.bad, CSV_FINE);
		assert_int_equal(row.n, 2);
		assert_memory_equal(row.cell[0].p, "good", 4);
		assert_memory_equal(row.cell[1].p, "row", 3);
		assert_int_equal(row.number, 3);
		assert_int_equal(row.line, line);
	}
	assert_int_equal(csv_next(c, &row, &err), 0);
	csv_close(c);
}

static void
fill(struct buf *b, const char *what, size_t n)
{
	size_t k = strlen(what);

	for (; n > 0; n--)
		(void)buf_add(b, what, k);
}

static void
test_limits(void **state)
{
	static const size_t blocks[] = { 0, 1000, 4096, 65537 };
	struct buf b = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		buf_clear(&b);
		fill(&b, "h,h\n", 1);
		fill(&b, "x", CSV_CELL_MAX);
		fill(&b, ",y\ngood,row\n", 1);
		limit(&b, blocks[i], CSV_FINE, CSV_CELL_MAX + 2, 3);

		buf_clear(&b);
		fill(&b, "h,h\n", 1);
		fill(&b, "x", CSV_CELL_MAX + 1);
		fill(&b, ",y\ngood,row\n", 1);
		limit(&b, blocks[i], CSV_CELL_LONG, CSV_CELL_MAX + 3, 3);

		/* longer than a row may be, with line ends in quotes and doubled quotes */
		buf_clear(&b);
		fill(&b, "h,h\n\"", 1);
		fill(&b, "\"\"\r\n", CSV_ROW_MAX / 2);
		fill(&b, "\",z\r\ngood,row\n", 1);
		limit(&b, blocks[i], CSV_ROW_LONG, CSV_ROW_MAX * 2 + 4, 3 + CSV_ROW_MAX / 2);

		buf_clear(&b);
		fill(&b, "h,h\n", 1);
		fill(&b, "cell,", CSV_ROW_MAX);
		fill(&b, "\"\"\"\"\ngood,row", 1);
		limit(&b, blocks[i], CSV_ROW_LONG, CSV_ROW_MAX * 5 + 4, 3);

		buf_clear(&b);
		fill(&b, "h,h\n", 1);
		fill(&b, ",", CSV_COLUMNS_MAX - 1);
		fill(&b, "\ngood,row\n", 1);
		limit(&b, blocks[i], CSV_FINE, CSV_COLUMNS_MAX - 1, 3);

		buf_clear(&b);
		fill(&b, "h,h\n", 1);
		fill(&b, ",", CSV_COLUMNS_MAX);
		fill(&b, "\r\ngood,row\n", 1);
		limit(&b, blocks[i], CSV_COLUMNS, CSV_COLUMNS_MAX, 3);

		buf_clear(&b);
		fill(&b, "h,h\nx,\"", 1);
		fill(&b, "y,z\n", CSV_ROW_MAX);
		limit(&b, blocks[i], CSV_OPEN_QUOTE, CSV_ROW_MAX * 4 + 3, 0);
	}
	buf_free(&b);
}

/* Reading that fails is not the end, and gives no half row. */
static void
test_failure(void **state)
{
	struct feed f = { "a,b\nc,d\ne,", 10, 3, 1 };
	struct ss_err err = { .text = "" };
	struct csv *c = csv_open(0, feed_read, &f, &err);
	struct csv_row row;

	(void)state;
	assert_non_null(c);
	assert_int_equal(csv_next(c, &row, &err), 1);
	assert_int_equal(csv_next(c, &row, &err), 1);
	assert_int_equal(csv_next(c, &row, &err), -1);
	assert_string_equal(err.text, "cut");
	csv_close(c);
	csv_close(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table), cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_model), cmocka_unit_test(test_delimiter),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_failure)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
