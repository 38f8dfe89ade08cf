/* sim/graphql: what requests and answers cost */
#include "graphql.h"

#include "../sim/graphql/gq_cost.h"

static const char sdl[] =
    "type Query { things(first: Int, last: Int): ThingConnection! shop: Thing thingsCount: Count }\n"
    "type Mutation { set(input: Filter!): Payload productVariantsBulkCreate(variants: [Filter!]!): Payload }\n"
    "type Payload { thing: Thing userErrors: [UserError!]! count: Int }\n"
    "type UserError { field: [String!] message: String! }\n"
    "type Thing { id: ID! name: String child: Thing price: MoneyV2 things(first: Int): ThingConnection! "
    "thingsCount: Count\n"
    "  hasUnfulfilledOrders: Boolean }\n"
    "type MoneyV2 { amount: Int } type Count { count: Int! } input Filter { id: ID! }\n"
    "type ThingConnection { nodes: [Thing!]! edges: [ThingEdge!]! pageInfo: PageInfo! }\n"
    "type ThingEdge { node: Thing! cursor: String! } type PageInfo { hasNextPage: Boolean! }\n";

static void
requests_are_priced(void **state)
{
	static const struct {
		const char *query, *vars;
		int64_t cost;
	} t[] = {
		{ "{ shop { id name } }", NULL, 1 }, { "{ __typename }", NULL, 1 }, {
		    "{ shop { child { id child { id } } } }", NULL, 3 },
		{ "{ shop { price { amount } } }", NULL, 1 }, { "{ thingsCount { count } }", NULL, 10 },
		{ "{ shop { thingsCount { count } } }", NULL, 2 }, { "{ things(first: 250) { nodes { id } } }",
		    NULL, 13 },
		{ "{ things(first: 1) { nodes { id } } }", NULL, 3 }, { "{ things(first: 0) { nodes { id } } }",
		    NULL, 2 },
		{ "{ things { nodes { id } } }", NULL, 2 }, { "{ things(last: 10) { edges { cursor node { id } "
		    "} pageInfo { hasNextPage } } }",
		    NULL, 6 },
		{ "{ things(first: 3) { nodes { id child { id } } } }", NULL, 6 },
		{ "{ things(first: 10) { nodes { things(first: 10) { nodes { id } } } } }", NULL, 30 },
		{ "query($n: Int!) { things(first: $n) { nodes { id } } }", "{\"n\":50}", 9 },
		{ "query($n: Int = 20) { things(first: $n) { ...F } } fragment F on ThingConnection { nodes { "
		    "id } }", NULL, 7 },
		{ "{ things(first: 100) { nodes { hasUnfulfilledOrders } } }", NULL, 20 },
		{ "{ a: shop { id } b: shop { id } shop { id } shop { name } }", NULL, 3 },
		{ "mutation { set(input: {id: 1}) { userErrors { message } thing { id child { id } } } }", NULL,
		    11 },
		{ "mutation { a: set(input: {id: 1}) { count } b: set(input: {id: 1}) { count } }", NULL, 20 },
		{ "mutation($v: [Filter!]!) { productVariantsBulkCreate(variants: $v) { count } }",
		    "{\"v\":[{\"id\":1},{\"id\":1},{\"id\":1},{\"id\":1},{\"id\":1},{\"id\":1},{\"id\":1}]}", 11 },
		{ "mutation { set(input: {id: 1}) @skip(if: true) { count } }", NULL, 1 },
	};
	struct gq_schema *s = must_read(sdl);
	size_t cap = 100000, n;
	struct ask a;
	char *q = malloc(cap);

	(void)state;
	assert_non_null(q);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		if (ask(&a, s, t[i].query, t[i].vars, NULL) == -1)
			fail_msg("%s: %s", t[i].query, json_text(a.r.errors));
		if (gq_cost(&a.r) != t[i].cost)
			fail_msg("%s: %lld, not %lld", t[i].query, (long long)gq_cost(&a.r), (long long)t[i].cost);
		ask_end(&a);
	}
	/* What grows without end is just too much. */
	n = (size_t)snprintf(q, cap, "{ shop { ...F0 } }");
	for (int i = 0; i < 30; i++)
		n += (size_t)snprintf(q + n, cap - n, " fragment F%d on Thing { a: child { ...F%d } b: child { "
		    "...F%d } }", i, i + 1, i + 1);
	(void)snprintf(q + n, cap - n, " fragment F30 on Thing { id }");
	assert_int_equal(ask(&a, s, q, NULL, NULL), 0);
	assert_true(gq_cost(&a.r) > 100000);
	assert_int_equal(gq_cost_refuse(&a.r, 1000, 1000), 0);
	assert_int_equal(gq_cost_refuse(&a.r, 1001, 1000), -1);
	assert_int_equal(a.r.nerrors, 1);
	ask_end(&a);
	/* What is spread again and again is still one thing. */
	n = (size_t)snprintf(q, cap, "{ shop { ...F0 } }");
	for (int i = 0; i < 60; i++)
		n += (size_t)snprintf(q + n, cap - n, " fragment F%d on Thing { ...F%d ...F%d }", i, i + 1, i + 1);
	(void)snprintf(q + n, cap - n, " fragment F60 on Thing { id }");
	assert_int_equal(ask(&a, s, q, NULL, NULL), 0);
	assert_int_equal(gq_cost(&a.r), 1);
	ask_end(&a);
	free(q);
	gq_schema_free(s);
}

static yyjson_mut_val *
tree(struct gq_request *r, const char *text)
{
	yyjson_doc *d = yyjson_read(text, strlen(text), 0);
	yyjson_mut_val *v = yyjson_val_mut_copy(r->out, yyjson_doc_get_root(d));

	yyjson_doc_free(d);
	return v;
}

static void
answers_are_priced(void **state)
{
	static const struct {
		const char *query, *data;
		int64_t cost;
	} t[] = {
		{ "{ shop { id child { id } } }", "{\"shop\":{\"id\":\"1\",\"child\":null}}", 1 },
		{ "{ shop { id } }", "{\"shop\":null}", 1 },
		{ "{ things(first: 250) { edges { node { id } } } }", "{\"things\":{\"edges\":[]}}", 2 },
		{ "{ things(first: 10) { nodes { id } } }", "{\"things\":{\"nodes\":[{\"id\":\"1\"},"
		    "{\"id\":\"2\"}]}}", 3 },
		{ "mutation { set(input: {id: 1}) { userErrors { message } thing { id child { id } } } }",
		    "{\"set\":{\"userErrors\":[],\"thing\":null}}", 10 },
		{ "mutation { set(input: {id: 1}) { thing { child { id } } } }",
		    "{\"set\":{\"thing\":{\"child\":{\"id\":\"1\"}}}}", 11 },
		{ "mutation { set(input: {id: 1}) { count } }", "{\"set\":null}", 10 },
	};
	struct gq_schema *s = must_read(sdl);

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct ask a;
		int64_t cost;

		assert_int_equal(ask(&a, s, t[i].query, NULL, NULL), 0);
		cost = gq_cost_actual(&a.r, tree(&a.r, t[i].data));
		if (cost != t[i].cost)
			fail_msg("%s: %lld, not %lld", t[i].query, (long long)cost, (long long)t[i].cost);
		ask_end(&a);
	}
	gq_schema_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_priced),
		cmocka_unit_test(answers_are_priced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
