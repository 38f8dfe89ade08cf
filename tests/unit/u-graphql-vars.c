/* sim/graphql: variables and scalars */
#include "graphql.h"

static const char sdl[] =
    "type Query { echo(a: Int, b: String, list: [Int], f: Float, id: ID, kind: Kind, j: JSON): Int need(a: "
    "Int!): Int }\n"
    "type Mutation { set(input: Filter!, when: DateTime, url: URL, n: UnsignedInt64): Payload }\n"
    "type Payload { count: Int } enum Kind { A B }\n"
    "input Filter { id: ID! n: Int = 5 deep: Filter list: [Filter!] kind: Kind price: Decimal flag: Boolean! = "
    "true tags: [String!] }\n"
    "scalar JSON scalar Decimal scalar DateTime scalar URL scalar UnsignedInt64\n";

static const struct {
	const char *query, *vars, *want;
} coerced[] = {
	{ "query($a: Int) { need(a: 1) echo(a: $a) }", "{}", "{}" },
	{ "query($a: Int) { need(a: 1) echo(a: $a) }", "{\"a\":null,\"other\":1}", "{\"a\":null}" },
	{ "query($a: Int = 7) { echo(a: $a) }", NULL, "{\"a\":7}" },
	{ "query($a: Int = 7) { echo(a: $a) }", "{\"a\":null}", "{\"a\":null}" },
	{ "query($a: [Int]) { echo(list: $a) }", "{\"a\":5}", "{\"a\":[5]}" },
	{ "query($a: [Int]) { echo(list: $a) }", "{\"a\":[1,null]}", "{\"a\":[1,null]}" },
	{ "query($a: Float) { echo(f: $a) }", "{\"a\":5}", "{\"a\":5.0}" },
	{ "query($a: ID) { echo(id: $a) }", "{\"a\":5}", "{\"a\":\"5\"}" },
	{ "query($a: JSON) { echo(j: $a) }", "{\"a\":{\"x\":[1,{}]}}", "{\"a\":{\"x\":[1,{}]}}" },
	{ "mutation($a: Filter!) { set(input: $a) { count } }", "{\"a\":{\"id\":\"x\",\"price\":1.50,"
	    "\"tags\":\"t\",\"deep\":{\"id\":1,\"n\":null}}}",
	    "{\"a\":{\"id\":\"x\",\"price\":\"1.50\",\"tags\":[\"t\"],\"deep\":{\"id\":\"1\",\"n\":null,"
	    "\"flag\":true},\"n\":5,\"flag\":true}}" },
	{ "mutation($a: Filter! = {id: 1, kind: A}) { set(input: $a) { count } }", NULL,
	    "{\"a\":{\"id\":\"1\",\"kind\":\"A\",\"n\":5,\"flag\":true}}" },
};

static void
variables_are_coerced(void **state)
{
	struct gq_schema *s = must_read(sdl);

	(void)state;
	for (size_t i = 0; i < sizeof coerced / sizeof coerced[0]; i++) {
		struct ask a;
		char *text;

		if (ask(&a, s, coerced[i].query, coerced[i].vars, NULL) == -1)
			fail_msg("%s: %s", coerced[i].query, json_text(a.r.errors));
		text = json_text(a.r.vars);
		assert_string_equal(text, coerced[i].want);
		free(text);
		ask_end(&a);
	}
	gq_schema_free(s);
}

#define SET "mutation M(\n  $a: Filter!) { set(input: $a) { count } }"

static const struct {
	const char *query, *vars, *want;
} refused[] = {
	{ "query($a: Int!) { need(a: $a) }", "{}", "[{\"message\":\"Variable $a of type Int! was provided "
	    "invalid value\","
	    "\"locations\":[{\"line\":1,\"column\":7}],\"extensions\":{\"code\":\"INVALID_VARIABLE\","
	    "\"value\":null,"
	    "\"problems\":[{\"path\":[],\"explanation\":\"Expected value to not be null\"}]}}]" },
	{ SET, "{\"a\":{\"id\":\"1\",\"foo\":1}}", "[{\"message\":\"Variable $a of type Filter! was provided "
	    "invalid value for foo "
	    "(Field is not defined on Filter)\",\"locations\":[{\"line\":2,\"column\":3}],\"extensions\":{\"code\":"
	    "\"INVALID_VARIABLE\",\"value\":{\"id\":\"1\",\"foo\":1},\"problems\":[{\"path\":[\"foo\"],"
	    "\"explanation\":\"Field is "
	    "not defined on Filter\"}]}}]" },
	{ SET, "{\"a\":{\"list\":[{\"id\":1},{\"id\":null,\"kind\":\"C\"}]}}", "[{\"message\":\"Variable $a of "
	    "type Filter! was "
	    "provided invalid value for list.1.id (Expected value to not be null), list.1.kind (Expected "
	    "\\\"C\\\" to be one of: "
	    "A, B), id (Expected value to not be null)\",\"locations\":[{\"line\":2,\"column\":3}],"
	    "\"extensions\":{\"code\":"
	    "\"INVALID_VARIABLE\",\"value\":{\"list\":[{\"id\":1},{\"id\":null,\"kind\":\"C\"}]},"
	    "\"problems\":[{\"path\":[\"list\",1,"
	    "\"id\"],\"explanation\":\"Expected value to not be null\"},{\"path\":[\"list\",1,\"kind\"],"
	    "\"explanation\":\"Expected "
	    "\\\"C\\\" to be one of: A, B\"},{\"path\":[\"id\"],\"explanation\":\"Expected value to not be "
	    "null\"}]}}]" },
	{ SET, "{\"a\":[1]}", "[{\"message\":\"Variable $a of type Filter! was provided invalid value\","
	    "\"locations\":[{\"line\":2,"
	    "\"column\":3}],\"extensions\":{\"code\":\"INVALID_VARIABLE\",\"value\":[1],"
	    "\"problems\":[{\"path\":[],\"explanation\":"
	    "\"Expected [1] to be a key-value object.\"}]}}]" },
	{ "query($a: ID) { echo(id: $a) }", "[]", "[{\"message\":\"Variables are not an object\"}]" },
};

static const struct {
	const char *type, *arg, *value, *why;
} problem[] = {
	{ "Int", "a", "1.0", "Could not coerce value 1.0 to Int" }, { "Int", "a", "\"1\"",
	    "Could not coerce value \\\"1\\\" to Int" },
	{ "Int", "a", "2147483648", "Could not coerce value 2147483648 to Int" },
	{ "Int", "a", "true", "Could not coerce value true to Int" },
	{ "String", "b", "1", "Could not coerce value 1 to String" }, { "ID", "id", "1.5",
	    "Could not coerce value 1.5 to ID" },
	{ "Float", "f", "\"1\"", "Could not coerce value \\\"1\\\" to Float" }, { "ID", "id", "[]",
	    "Could not coerce value [] to ID" },
	{ "Kind", "kind", "1", "Expected 1 to be one of: A, B" }, { "[Int]", "list", "[[1]]",
	    "Could not coerce value [1] to Int" },
};

static void
bad_variables_are_told(void **state)
{
	struct gq_schema *s = must_read(sdl);
	struct ask a;
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		assert_int_equal(ask(&a, s, refused[i].query, refused[i].vars, NULL), -1);
		text = json_text(a.r.errors);
		assert_string_equal(text, refused[i].want);
		free(text);
		ask_end(&a);
	}
	for (size_t i = 0; i < sizeof problem / sizeof problem[0]; i++) {
		char query[200], vars[200];

		(void)snprintf(query, sizeof query, "query($v: %s) { echo(%s: $v) }", problem[i].type,
		    problem[i].arg);
		(void)snprintf(vars, sizeof vars, "{\"v\":%s}", problem[i].value);
		assert_int_equal(ask(&a, s, query, vars, NULL), -1);
		text = json_text(a.r.errors);
		if (strstr(text, problem[i].why) == NULL)
			fail_msg("%s is no %s: %s", problem[i].value, problem[i].type, text);
		free(text);
		ask_end(&a);
	}
	gq_schema_free(s);
}

/* Scalars with a form of their own, as literals and as variables alike. */
static void
scalars_have_forms(void **state)
{
	static const struct {
		const char *arg, *type, *value;
		int good;
	} t[] = {
		{ "when", "DateTime", "\"2026-10-01T12:00:00Z\"", 1 }, { "when", "DateTime", "\"2026-10-01\"", 1 },
		{ "when", "DateTime", "\"2026-10-01T12:00:00.123+02:00\"", 1 }, { "when", "DateTime", "\"soon\"",
		    0 },
		{ "when", "DateTime", "\"2026-10-01T12:00:00Q\"", 0 }, { "when", "DateTime", "\"2026-10-01T\"", 0 },
		{ "when", "DateTime", "\"2026-10-01T12:00Z\"", 1 }, { "when", "DateTime", "\"2026-10-01T12:00:0Z\"", 0 },
		{ "when", "DateTime", "1", 0 }, { "url", "URL", "\"https://a.example\"", 1 }, { "url", "URL",
		    "\"a.example\"", 0 },
		{ "n", "UnsignedInt64", "\"18446744073709551615\"", 1 }, { "n", "UnsignedInt64", "5", 1 },
		{ "n", "UnsignedInt64", "-5", 0 }, { "n", "UnsignedInt64", "\"x\"", 0 },
	};
	struct gq_schema *s = must_read(sdl);
	struct ask a;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		char query[200], vars[100];

		(void)snprintf(query, sizeof query, "mutation { set(input: {id: 1}, %s: %s) { count } }",
		    t[i].arg, t[i].value);
		if ((ask(&a, s, query, NULL, NULL) == 0) != t[i].good)
			fail_msg("%s", query);
		ask_end(&a);
		(void)snprintf(query, sizeof query, "mutation($v: %s) { set(input: {id: 1}, %s: $v) { count } }",
		    t[i].type,
		    t[i].arg);
		(void)snprintf(vars, sizeof vars, "{\"v\":%s}", t[i].value);
		if ((ask(&a, s, query, vars, NULL) == 0) != t[i].good)
			fail_msg("%s: %s", t[i].type, t[i].value);
		ask_end(&a);
	}
	s->global_ids = 1;
	assert_int_equal(ask(&a, s, "{ echo(id: \"gid://shopify/Thing/1\") }", NULL, NULL), 0);
	ask_end(&a);
	assert_int_equal(ask(&a, s, "{ echo(id: \"1\") }", NULL, NULL), -1);
	assert_string_equal(yyjson_mut_get_str(yyjson_mut_obj_get(yyjson_mut_arr_get_first(a.r.errors), "message")),
	    "Invalid global id '1'");
	ask_end(&a);
	gq_schema_free(s);
}

static void
deep_variables_are_refused(void **state)
{
	struct gq_schema *s = must_read(sdl);
	size_t n = 200000;
	char *vars = malloc(n + 20);
	struct ask a;

	(void)state;
	assert_non_null(vars);
	memcpy(vars, "{\"a\":", 5);
	memset(vars + 5, '[', n / 2);
	memset(vars + 5 + n / 2, ']', n / 2);
	memcpy(vars + 5 + n, "}", 2);
	assert_int_equal(ask(&a, s, "query($a: JSON) { echo(j: $a) }", vars, NULL), -1);
	assert_int_equal(a.r.nerrors, 1);
	ask_end(&a);
	free(vars);
	gq_schema_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_are_coerced),
		cmocka_unit_test(bad_variables_are_told),
		cmocka_unit_test(scalars_have_forms),
		cmocka_unit_test(deep_variables_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
