/* sim/graphql: tokens, strings, documents and schemas, good and hostile */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../sim/graphql/gq_parse.h"
#include "../sim/graphql/gq_schema.h"
#include "../sim/graphql/gq_string.h"

/* --- what is refused, and where ------------------------------------------------ */

static const struct {
	const char *text, *error;
} bad_doc[] = {
	{ "", "syntax error, unexpected end of file at [1, 1]" },
	{ " \n# only this\n", "syntax error, unexpected end of file at [3, 1]" },
	{ "query A {\n  shop {\n    id\n", "syntax error, unexpected end of file at [3, 5]" },
	{ "{ a } }", "syntax error, unexpected RCURLY (\"}\") at [1, 7]" },
	{ "{ }", "syntax error, unexpected RCURLY (\"}\") at [1, 3]" },
	{ "query Q { }", "syntax error, unexpected RCURLY (\"}\") at [1, 11]" },
	{ "query Q on X { a }", "syntax error, unexpected ON (\"on\"), expecting LCURLY at [1, 9]" },
	{ "query ($a Int) { a }", "syntax error, unexpected IDENTIFIER (\"Int\"), expecting COLON at [1, 11]" },
	{ "query () { a }", "syntax error, unexpected RPAREN (\")\"), expecting VAR_SIGN at [1, 8]" },
	{ "query ($a: [Int) { a }", "syntax error, unexpected RPAREN (\")\"), expecting RBRACKET at [1, 16]" },
	{ "query ($a: Int = $b) { a }", "syntax error, unexpected VAR_SIGN (\"$\") at [1, 18]" },
	{ "query ($a: Int!!) { a }", "syntax error, unexpected BANG (\"!\"), expecting VAR_SIGN at [1, 16]" },
	{ "{ a() }", "syntax error, unexpected RPAREN (\")\") at [1, 5]" },
	{ "{ a(b) }", "syntax error, unexpected RPAREN (\")\"), expecting COLON at [1, 6]" },
	{ "{ a(b: ) }", "syntax error, unexpected RPAREN (\")\") at [1, 8]" },
	{ "{ a(b: $) }", "syntax error, unexpected RPAREN (\")\") at [1, 9]" },
	{ "{ a(b: {c 1}) }", "syntax error, unexpected INT (\"1\"), expecting COLON at [1, 11]" },
	{ "{ a { } }", "syntax error, unexpected RCURLY (\"}\") at [1, 7]" },
	{ "{ ... }", "syntax error, unexpected RCURLY (\"}\"), expecting LCURLY at [1, 7]" },
	{ "{ ... on { a } }", "syntax error, unexpected LCURLY (\"{\") at [1, 10]" },
	{ "{ a @ }", "syntax error, unexpected RCURLY (\"}\") at [1, 7]" },
	{ "fragment on on X { a }", "syntax error, unexpected ON (\"on\") at [1, 10]" },
	{ "fragment A X { a }", "syntax error, unexpected IDENTIFIER (\"X\"), expecting ON at [1, 12]" },
	{ "type A { a: Int }", "syntax error, unexpected TYPE_LITERAL (\"type\") at [1, 1]" },
	{ "\"text\" { a }", "syntax error, unexpected STRING (\"\"text\"\") at [1, 1]" },
	{ "{ a(b: 01) }", "syntax error, unexpected invalid token (\"1\") at [1, 9]" },
	{ "{ a(b: -) }", "syntax error, unexpected invalid token (\"-\") at [1, 8]" },
	{ "{ a(b: 1.) }", "syntax error, unexpected invalid token (\".\") at [1, 9]" },
	{ "{ a(b: 1e) }", "syntax error, unexpected invalid token (\")\") at [1, 10]" },
	{ "{ a(b: 1a) }", "syntax error, unexpected invalid token (\"a\") at [1, 9]" },
	{ "{ a(b: 1.5.6) }", "syntax error, unexpected invalid token (\".\") at [1, 11]" },
	{ "{ a(b: \"c) }", "syntax error, unexpected invalid token (\"\\\"\") at [1, 8]" },
	{ "{ a(b: \"c\n\") }", "syntax error, unexpected invalid token (\"\\\"\") at [1, 8]" },
	{ "{ a(b: \"\"\"c) }", "syntax error, unexpected invalid token (\"\\\"\") at [1, 8]" },
	{ "{ a(b: \"\\x\") }", "syntax error, unexpected invalid token (\"\\\") at [1, 9]" },
	{ "{ a(b: \"\\u12\") }", "syntax error, unexpected invalid token (\"\\\") at [1, 9]" },
	{ "{ a(b: \"\\ud800\") }", "syntax error, unexpected invalid token (\"\\\") at [1, 9]" },
	{ "{ a(b: \"\\ud83d\\u0041\") }", "syntax error, unexpected invalid token (\"\\\") at [1, 9]" },
	{ "{ a(b: \"\\udc00\") }", "syntax error, unexpected invalid token (\"\\\") at [1, 9]" },
	{ "{ a .. b }", "syntax error, unexpected invalid token (\".\") at [1, 5]" },
	{ "{ a ? }", "syntax error, unexpected invalid token (\"?\") at [1, 5]" },
	/* Columns are characters, lines end in each of three ways. */
	{ "{ a(b: \"\xc3\xa4\xe2\x82\xac\") ? }", "syntax error, unexpected invalid token (\"?\") at [1, 14]" },
	{ "{\r\na\rb\n?", "syntax error, unexpected invalid token (\"?\") at [4, 1]" },
	{ "{ a \xe2\x82\xac }", "syntax error, unexpected invalid token (\"\xe2\x82\xac\") at [1, 5]" },
	{ "{ a \xff }", "syntax error, not UTF-8 at [1, 5]" },
	{ "{ a # \xed\xa0\x80\n }", "syntax error, not UTF-8 at [1, 7]" },
};

static void
errors_say_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_doc / sizeof bad_doc[0]; i++) {
		struct gq_arena a = { 0 };
		struct gq_fault f = { .text = "" };

		if (gq_parse(&a, bad_doc[i].text, strlen(bad_doc[i].text), &f) != NULL)
			fail_msg("was taken: %s", bad_doc[i].text);
		assert_string_equal(f.text, bad_doc[i].error);
		gq_arena_free(&a);
	}
}

/* Every cut of a document that has everything is refused and nothing worse,
 * and so is every byte of it made into another one, or taken. */
static void
damage_is_survived(void **state)
{
	static const char doc[] = "query Q($a: [Int!]! = [1, -2], $b: T = {x: \"\\u00e4\\n\", y: [E]}) @d(x: 1) {\n"
	    "  k: a(x: $a, y: \"\"\"\n   block \\\"\"\"\n    x\n\"\"\", z: 1.5e-3, n: null) @skip(if: true) { "
	    "b ...F }\n"
	    "  ... on T @include(if: $c) { c } ... { d } # comment\n}\nfragment F on T { e, f }\n";
	char copy[sizeof doc];
	size_t n = sizeof doc - 1, taken = 0;

	(void)state;
	for (size_t i = 0; i <= n; i++) {
		struct gq_arena a = { 0 };
		struct gq_fault f;

		memcpy(copy, doc, i);
		taken += gq_parse(&a, copy, i, &f) != NULL;
		for (int c = 0; c < 256 && i < n; c += 7) {
			memcpy(copy, doc, n);
			copy[i] = (char)c;
			(void)gq_parse(&a, copy, n, &f);
		}
		gq_arena_free(&a);
	}
	/* The whole, the whole without its line end, and what is before the fragment. */
	assert_int_equal(taken, 4);
}

static char *
repeat(const char *begin, const char *what, size_t times, const char *end)
{
	size_t b = strlen(begin), w = strlen(what), e = strlen(end);
	char *s = malloc(b + w * times + e + 1);

	assert_non_null(s);
	memcpy(s, begin, b);
	for (size_t i = 0; i < times; i++)
		memcpy(s + b + i * w, what, w);
	memcpy(s + b + w * times, end, e + 1);
	return s;
}

/* Deep and long documents end in an error, not in the stack or the memory. */
static void
bombs_are_refused(void **state)
{
	static const char *const deep[][2] = {
		{ "{ a", "{a" }, { "{ a(b: ", "[" }, { "{ a(b: ", "{x:" }, { "query ($a: ", "[" },
		{ "{ ", "...{" }, { "{ ", "... on T {" },
	};
	struct gq_fault f;

	(void)state;
	for (size_t i = 0; i < sizeof deep / sizeof deep[0]; i++) {
		struct gq_arena a = { 0 };
		char *s = repeat(deep[i][0], deep[i][1], 20000, "");

		assert_null(gq_parse(&a, s, strlen(s), &f));
		assert_non_null(strstr(f.text, "nested deeper than 100"));
		free(s);
		gq_arena_free(&a);
	}
	for (int k = 0; k < 2; k++) {
		struct gq_arena a = { 0 };
		char *s = repeat("{", "a ", k == 0 ? GQ_TOKENS_MAX - 2 : GQ_TOKENS_MAX - 1, "}");

		if (k == 0)
			assert_non_null(gq_parse(&a, s, strlen(s), &f));
		else
			assert_null(gq_parse(&a, s, strlen(s), &f));
		free(s);
		gq_arena_free(&a);
	}
	assert_non_null(strstr(f.text, "more tokens"));
}

/* --- what is read --------------------------------------------------------------- */

static void
trees_have_places(void **state)
{
	static const char doc[] = "\xef\xbb\xbf" "query Q($v: [ID!]! = [1]) @a {\n\tx: f(p: {q: $v, r: [E, "
	    "1.5]}) @b\n"
	    "  ...G\n  ... on T { g }\n}\nmutation { h }\nfragment G on T { i }";
	struct gq_arena a = { 0 };
	struct gq_fault f;
	struct gq_doc *d = gq_parse(&a, doc, sizeof doc - 1, &f);
	const struct gq_sel *s;
	const struct gq_value *v;

	(void)state;
	assert_non_null(d);
	assert_string_equal(d->ops->name, "Q");
	assert_int_equal(d->ops->vars->pos.col, 10);
	assert_int_equal(d->ops->vars->type->kind, GQ_R_NON_NULL);
	assert_string_equal(gq_typeref_text(&a, d->ops->vars->type), "[ID!]!");
	assert_int_equal(d->ops->vars->def->kind, GQ_V_LIST);
	s = d->ops->sels;
	assert_string_equal(s->key, "x");
	assert_string_equal(s->name, "f");
	assert_int_equal(s->pos.line, 2);
	assert_int_equal(s->pos.col, 2);
	v = s->args->value;
	assert_int_equal(v->kind, GQ_V_OBJECT);
	assert_int_equal(v->pos.col, 10);
	assert_int_equal(v->members->value->kind, GQ_V_VAR);
	assert_string_equal(v->members->value->text, "v");
	assert_int_equal(v->members->next->value->items->kind, GQ_V_ENUM);
	assert_string_equal(v->members->next->value->items->next->text, "1.5");
	assert_string_equal(s->dirs->name, "b");
	s = s->next;
	assert_int_equal(s->kind, GQ_S_SPREAD);
	assert_string_equal(s->name, "G");
	s = s->next;
	assert_int_equal(s->kind, GQ_S_INLINE);
	assert_string_equal(s->cond, "T");
	assert_null(s->next);
	assert_int_equal(d->ops->next->kind, GQ_MUTATION);
	assert_null(d->ops->next->name);
	assert_int_equal(d->ops->next->pos.line, 6);
	assert_string_equal(d->frags->name, "G");
	gq_arena_free(&a);
}

/* Words of the grammar are names wherever no other meaning is possible. */
static void
keywords_are_names(void **state)
{
	static const char doc[] = "query query($on: on) { fragment: on(type: query, true: null) { mutation } "
	    "... query } fragment query on fragment { null }";
	struct gq_arena a = { 0 };
	struct gq_fault f;

	(void)state;
	assert_non_null(gq_parse(&a, doc, sizeof doc - 1, &f));
	gq_arena_free(&a);
}

static const struct {
	const char *text, *want;
} strings[] = {
	{ "\"\"", "" }, { "\"a b\"", "a b" }, { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
	{ "\"\\u0041\\u00E4\\u20ac\\ud83d\\ude00\"", "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "\"#,{\"", "#,{" },
	{ "\"\"\"\"\"\"", "" }, { "\"\"\"a\"\"\"", "a" }, { "\"\"\"a \"b\" \\n \\\"\"\" c\"\"\"",
	    "a \"b\" \\n \"\"\" c" },
	{ "\"\"\"\n    Hello,\n      World!\n\n    Yours\n  \"\"\"", "Hello,\n  World!\n\nYours" },
	{ "\"\"\"a\n  b\r\n\tc\rd\"\"\"", "a\n  b\n\tc\nd" },
	{ "\"\"\"\n\n  \n\"\"\"", "" }, { "\"\"\"  a\n   b\n  \"\"\"", "  a\nb" },
};

static void
strings_are_unwrapped(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
		struct gq_arena a = { 0 };
		struct gq_fault f = { .text = "" };
		char doc[300];
		struct gq_doc *d;

		(void)snprintf(doc, sizeof doc, "{ a(b: %s) }", strings[i].text);
		d = gq_parse(&a, doc, strlen(doc), &f);
		if (d == NULL)
			fail_msg("%s: %s", strings[i].text, f.text);
		assert_int_equal(d->ops->sels->args->value->kind, GQ_V_STRING);
		assert_string_equal(d->ops->sels->args->value->text, strings[i].want);
		assert_int_equal(d->ops->sels->args->value->len, strlen(strings[i].want));
		gq_arena_free(&a);
	}
}

static void
utf8_is_told(void **state)
{
	static const struct {
		const char *text;
		size_t good;
	} t[] = {
		{ "abc", 3 }, { "\xc3\xa4", 2 }, { "\xc3", 0 }, { "a\xc0\x80", 1 }, { "\xe0\x80\x80", 0 },
		{ "\xe0\xa0\x80", 3 }, { "\xed\x9f\xbf", 3 }, { "\xed\xa0\x80", 0 }, { "\xf0\x90\x80\x80", 4 },
		{ "\xf0\x8f\xbf\xbf", 0 }, { "\xf4\x8f\xbf\xbf", 4 }, { "\xf4\x90\x80\x80", 0 }, { "\x80", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		assert_int_equal(gq_utf8_good(t[i].text, strlen(t[i].text)), t[i].good);
}

/* --- schemas ---------------------------------------------------------------------- */

static void
schemas_are_read(void **state)
{
	static const char sdl[] = "\"\"\"about\"\"\" schema { query: Q mutation: M }\n"
	    "\"a\" directive @d(\"x\" a: Int = 1 @deprecated) repeatable on FIELD | QUERY\n"
	    "interface N { id: ID! } interface B implements N { id: ID! }\n"
	    "type Q implements N & B @x { id: ID! \"f\" f(a: I!, b: [E!]! = [A], c: String = \"x\"): [[T!]]! "
	    "@deprecated u: U }\n"
	    "type M { m: T } type T { t: S } type V { v: Int } union U = | T | V\n"
	    "enum E { A \"b\" B @deprecated(reason: \"no\") } scalar S @specifiedBy(url: \"u\")\n"
	    "input I @oneOf { a: Int b: I }";
	struct gq_fault f = { .text = "" };
	struct gq_schema *s = gq_schema_parse(sdl, sizeof sdl - 1, &f);
	const struct gq_type *q;
	const struct gq_field_def *field;

	(void)state;
	if (s == NULL)
		fail_msg("%s", f.text);
	q = gq_type(s, "Q");
	assert_ptr_equal(s->root[GQ_QUERY], q);
	assert_null(s->root[GQ_SUBSCRIPTION]);
	field = gq_field(s, q, "f");
	assert_non_null(field);
	assert_true(field->deprecated);
	assert_string_equal(gq_typeref_text(&s->arena, field->type), "[[T!]]!");
	assert_true(gq_required(gq_input_def(field->args, "a")));
	assert_false(gq_required(gq_input_def(field->args, "b")));
	assert_null(gq_field(s, q, "nothing"));
	assert_null(gq_field(s, gq_type(s, "U"), "t"));
	assert_non_null(gq_field(s, gq_type(s, "U"), "__typename"));
	assert_true(gq_type(s, "I")->one_of);
	assert_true(gq_is_a(s, q, gq_type(s, "N")));
	assert_true(gq_is_a(s, gq_type(s, "V"), gq_type(s, "U")));
	assert_false(gq_is_a(s, gq_type(s, "U"), gq_type(s, "V")));
	assert_true(gq_overlap(s, gq_type(s, "N"), gq_type(s, "B")));
	assert_false(gq_overlap(s, gq_type(s, "N"), gq_type(s, "U")));
	assert_true(gq_dir_def(s, "d")->repeatable);
	assert_non_null(gq_dir_def(s, "skip"));
	assert_true(gq_type(s, "Int")->builtin);
	assert_non_null(gq_enum_value(s, gq_type(s, "E"), "B"));
	gq_schema_free(s);
}

static const struct {
	const char *sdl, *error;
} bad_schema[] = {
	{ "", "no type for queries" },
	{ "type Query { a: Foo }", "no type 'Foo' at [1, 17]" },
	{ "type Query { a(b: Query): Int }", "'Query' is no type for this" },
	{ "type Query { a: I } input I { b: Int }", "'I' is no type for this" },
	{ "type Query { a: Int a: Int }", "a second 'a' at [1, 21]" },
	{ "type Query { a: Int } type Query { b: Int }", "a second 'Query'" },
	{ "type Query { a: Int } scalar Int", "a second 'Int'" },
	{ "type Query { a(b: Int, b: Int): Int }", "a second 'b'" },
	{ "type Query { a: Int } enum E { A A }", "a second 'A'" },
	{ "type Query { a: Int } enum E { true }", "unexpected TRUE_LITERAL" },
	{ "type Query implements N { a: Int }", "no interface 'N'" },
	{ "type Query implements N { a: Int } interface N { b: Int }", "is not as its interface" },
	{ "type Query implements N { a: Int } interface N { a: Int! }", "is not as its interface" },
	{ "type Query implements N { a: Int } interface N { a(x: Int): Int }", "does not take 'x'" },
	{ "type Query { a: Int } union U = Int", "no object type 'Int'" },
	{ "type Query { a: Int } directive @d on NOWHERE", "unexpected IDENTIFIER (\"NOWHERE\")" },
	{ "schema { query: Foo }", "no object type 'Foo'" },
	{ "schema { other: Foo }", "unexpected IDENTIFIER (\"other\")" },
	{ "extend type Query { a: Int }", "unexpected EXTEND" },
	{ "type Query {", "unexpected end of file" }, { "type Query { a(: Int }", "unexpected COLON" },
	{ "type", "unexpected end of file" }, { "{ a }", "unexpected LCURLY" },
	{ "type Query { a: Int = 1 }", "unexpected EQUALS" }, { "input I { a: Int = $x }", "unexpected VAR_SIGN" },
};

static void
bad_schemas_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_schema / sizeof bad_schema[0]; i++) {
		struct gq_fault f = { .text = "" };

		if (gq_schema_parse(bad_schema[i].sdl, strlen(bad_schema[i].sdl), &f) != NULL)
			fail_msg("was taken: %s", bad_schema[i].sdl);
		if (strstr(f.text, bad_schema[i].error) == NULL)
			fail_msg("%s: %s", bad_schema[i].sdl, f.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_say_where), cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(bombs_are_refused), cmocka_unit_test(trees_have_places),
		cmocka_unit_test(keywords_are_names), cmocka_unit_test(strings_are_unwrapped),
		cmocka_unit_test(utf8_is_told), cmocka_unit_test(schemas_are_read),
		cmocka_unit_test(bad_schemas_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
