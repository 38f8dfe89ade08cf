/* sim/graphql: execution */
#include "graphql.h"

#include "../sim/graphql/gq_exec.h"

static const char sdl[] =
    "schema { query: QueryRoot mutation: Mutation }\n"
    "directive @idempotent(key: String!) on FIELD\n"
    "interface Node { id: ID! }\n"
    "union Any = Thing | Other\n"
    "type QueryRoot { echo(a: Int, b: String = \"dflt\", in: Filter, list: [Int], f: Float, id: ID, kind: Kind "
    "= B, j: JSON): JSON\n"
    "  need(a: Int!): Int must: Int! fail: String failMust: String! thing: Thing mustThing: Thing! list: "
    "[Thing!] holes: [Thing]\n"
    "  any: [Any!]! node: Node wrong: Int tree: Thing things(first: Int, last: Int): ThingConnection! shop: "
    "Thing thingsCount: Count }\n"
    "type Mutation { set(input: Filter!, when: DateTime, url: URL, n: UnsignedInt64): Payload sets(input: "
    "[Filter!]!): Payload\n"
    "  productVariantsBulkCreate(variants: [Filter!]!): Payload }\n"
    "type Payload { thing: Thing userErrors: [UserError!]! count: Int }\n"
    "type UserError { field: [String!] message: String! }\n"
    "type Thing implements Node { id: ID! name: String must: String! child: Thing mustChild: Thing! tags: "
    "[String!]! price: MoneyV2\n"
    "  kind: Kind things(first: Int): ThingConnection! thingsCount: Count hasUnfulfilledOrders: Boolean }\n"
    "type Other implements Node { id: ID! other: Int }\n"
    "type MoneyV2 { amount: Decimal currencyCode: String }\n"
    "type Count { count: Int! }\n"
    "type ThingConnection { nodes: [Thing!]! edges: [ThingEdge!]! pageInfo: PageInfo! }\n"
    "type ThingEdge { node: Thing! cursor: String! } type PageInfo { hasNextPage: Boolean! }\n"
    "enum Kind { A B }\n"
    "input Filter { id: ID! n: Int = 5 deep: Filter list: [Filter!] kind: Kind price: Decimal flag: Boolean! = "
    "true tags: [String!] }\n"
    "scalar JSON scalar Decimal scalar DateTime scalar URL scalar UnsignedInt64\n";

static const char thing_tree[] = "{\"id\":\"t\",\"name\":null,\"must\":\"m\",\"tags\":[\"a\",\"b\"],"
    "\"kind\":\"NEW\","
    "\"child\":{\"id\":\"c\",\"must\":null},\"price\":{\"amount\":\"1.00\",\"currencyCode\":\"EUR\"},"
    "\"mustChild\":{\"id\":null}}";

struct shop {
	int calls;
	char order[100];
	char idempotent[50];
	int wants_name;
};

static yyjson_mut_val *
tree(struct gq_request *r, const char *text)
{
	yyjson_doc *d = yyjson_read(text, strlen(text), 0);
	yyjson_mut_val *v = yyjson_val_mut_copy(r->out, yyjson_doc_get_root(d));

	yyjson_doc_free(d);
	return v;
}

static int
resolve(void *ctx, const struct gq_call *c, struct gq_result *out)
{
	static const int object = 1;
	struct shop *shop = ctx;
	const char *name = c->def->name;
	yyjson_mut_val *dir = gq_call_dir(c, "idempotent");

	shop->calls++;
	if (c->obj == NULL)
		(void)snprintf(shop->order + strlen(shop->order), sizeof shop->order - strlen(shop->order),
		    "%s ", c->field->key);
	if (dir != NULL)
		(void)snprintf(shop->idempotent, sizeof shop->idempotent, "%s",
		    yyjson_mut_get_str(yyjson_mut_obj_get(dir, "key")));
	if (strcmp(name, "echo") == 0) {
		*out = (struct gq_result){ .kind = GQ_TREE, .tree = c->args };
	} else if (strcmp(name, "fail") == 0 || strcmp(name, "failMust") == 0) {
		const struct gq_pos also = { 9, 9 };

		return gq_call_error(c, "BAD_REQUEST", strcmp(name, "fail") == 0 ? &also : NULL, "no %s", "way");
	} else if (strcmp(name, "tree") == 0) {
		*out = (struct gq_result){ .kind = GQ_TREE, .tree = tree(c->r, thing_tree) };
	} else if (strcmp(name, "any") == 0) {
		*out = (struct gq_result){ .kind = GQ_TREE,
		    .tree = tree(c->r, "[{\"__typename\":\"Thing\",\"id\":\"1\"},{\"__typename\":\"Other\","
		    "\"id\":\"2\",\"other\":3}]") };
	} else if (strcmp(name, "node") == 0) {
		*out = (struct gq_result){ .kind = GQ_TREE, .tree = tree(c->r, "{\"id\":\"no type\"}") };
	} else if (strcmp(name, "list") == 0 || strcmp(name, "holes") == 0) {
		out->kind = GQ_LIST;
		out->n = 3;
		out->items = gq_alloc(&c->r->arena, 3 * sizeof *out->items);
		out->items[0] = out->items[2] = (struct gq_result){ .kind = GQ_OBJ, .obj = &object };
	} else if (strcmp(name, "wrong") == 0) {
		*out = (struct gq_result){ .kind = GQ_TREE, .tree = yyjson_mut_str(c->r->out, "text") };
	} else if (strcmp(name, "thing") == 0 || strcmp(name, "mustThing") == 0 || strcmp(name, "child") == 0) {
		shop->wants_name = gq_call_wants(c, "name");
		*out = (struct gq_result){ .kind = GQ_OBJ, .obj = &object };
	} else if (strcmp(name, "set") == 0) {
		*out = (struct gq_result){ .kind = GQ_TREE, .tree = tree(c->r, "{\"userErrors\":[]}") };
	} else if (c->obj == &object && (strcmp(name, "id") == 0 || strcmp(name, "name") == 0)) {
		*out = (struct gq_result){ .kind = GQ_TREE, .tree = yyjson_mut_str(c->r->out, name) };
	}
	return 0;
}

static const struct {
	const char *query, *vars, *data, *errors;
} run[] = {
	/* Order, aliases, merging, __typename. */
	{ "{ b: __typename thing { name } a: thing { __typename } thing { id } }", NULL,
	    "{\"b\":\"QueryRoot\",\"thing\":{\"name\":\"name\",\"id\":\"id\"},\"a\":{\"__typename\":\"Thing\"}}",
	    "[]" },
	{ "{ ...F thing { child { child { id } } } } fragment F on QueryRoot { thing { ... on Node { id } "
	    "child { name } } }", NULL,
	    "{\"thing\":{\"id\":\"id\",\"child\":{\"name\":\"name\",\"child\":{\"id\":\"id\"}}}}", "[]" },
	{ "query($t: Boolean!, $f: Boolean = false) { a: __typename @skip(if: $t) b: __typename @include(if: $t) "
	    "... @include(if: $f) { c: __typename } ...F @skip(if: $f) d: __typename @include(if: true) "
	    "@skip(if: true) } "
	    "fragment F on QueryRoot { e: __typename }", "{\"t\":true}",
	    "{\"b\":\"QueryRoot\",\"e\":\"QueryRoot\"}", "[]" },
	/* Arguments: defaults, null, absent, variables in lists and objects. */
	{ "{ echo }", NULL, "{\"echo\":{\"b\":\"dflt\",\"kind\":\"B\"}}", "[]" },
	{ "{ echo(a: null, b: null, list: 5, f: 1, id: 7, kind: A) }", NULL,
	    "{\"echo\":{\"a\":null,\"b\":null,\"list\":[5],\"f\":1.0,\"id\":\"7\",\"kind\":\"A\"}}", "[]" },
	{ "query($a: Int, $b: String, $n: Int) { echo(a: $a, b: $b, list: [1, $a, $n], in: {id: \"x\", n: $n}, "
	    "j: {a: $a, n: $n}) }",
	    "{\"n\":null}", "{\"echo\":{\"list\":[1,null,null],\"in\":{\"id\":\"x\",\"n\":null,\"flag\":true},"
	    "\"j\":{\"n\":null},"
	    "\"b\":\"dflt\",\"kind\":\"B\"}}", "[]" },
	{ "query($a: Int, $n: Int) { echo(in: {id: \"x\", n: $n}, a: $a) }", "{\"a\":3}",
	    "{\"echo\":{\"in\":{\"id\":\"x\",\"n\":5,\"flag\":true},\"a\":3,\"b\":\"dflt\",\"kind\":\"B\"}}",
	    "[]" },
	{ "query($a: Int = 1) { need(a: $a) }", "{\"a\":null}", "{\"need\":null}",
	    "[{\"message\":\"`null` is not a valid input for `a`\",\"locations\":[{\"line\":1,\"column\":22}],"
	    "\"extensions\":{\"code\":"
	    "\"INVALID_FIELD_ARGUMENTS\"},\"path\":[\"need\"]}]" },
	/* Trees and abstract types. */
	{ "{ tree { id name tags kind price { amount } x: child { id } } }", NULL, "{\"tree\":{\"id\":\"t\","
	    "\"name\":null,\"tags\":"
	    "[\"a\",\"b\"],\"kind\":\"NEW\",\"price\":{\"amount\":\"1.00\"},\"x\":{\"id\":\"c\"}}}", "[]" },
	{ "{ any { __typename ... on Other { other } ... on Node { id } ... on Thing { x: id } } }", NULL,
	    "{\"any\":[{\"__typename\":\"Thing\",\"id\":\"1\",\"x\":\"1\"},{\"__typename\":\"Other\","
	    "\"other\":3,\"id\":\"2\"}]}", "[]" },
	/* Errors and nulls that go up. */
	{ "{ fail a: __typename }", NULL, "{\"fail\":null,\"a\":\"QueryRoot\"}", "[{\"message\":\"no way\","
	    "\"locations\":[{\"line\":1,"
	    "\"column\":3},{\"line\":9,\"column\":9}],\"extensions\":{\"code\":\"BAD_REQUEST\"},"
	    "\"path\":[\"fail\"]}]" },
	{ "{ x: failMust }", NULL, NULL, "[{\"message\":\"no way\",\"locations\":[{\"line\":1,\"column\":3}],"
	    "\"extensions\":{\"code\":"
	    "\"BAD_REQUEST\"},\"path\":[\"x\"]}]" },
	{ "{ thing { id c: child { must } } }", NULL, "{\"thing\":{\"id\":\"id\",\"c\":null}}",
	    "[{\"message\":\"Cannot return null "
	    "for non-nullable field Thing.must\",\"locations\":[{\"line\":1,\"column\":25}],"
	    "\"extensions\":{\"code\":"
	    "\"INTERNAL_SERVER_ERROR\"},\"path\":[\"thing\",\"c\",\"must\"]}]" },
	{ "{ tree { id mustChild { id } } }", NULL, "{\"tree\":null}", "[{\"message\":\"Cannot return null for "
	    "non-nullable field "
	    "Thing.id\",\"locations\":[{\"line\":1,\"column\":25}],"
	    "\"extensions\":{\"code\":\"INTERNAL_SERVER_ERROR\"},\"path\":"
	    "[\"tree\",\"mustChild\",\"id\"]}]" },
	{ "{ list { id } }", NULL, "{\"list\":null}", "[{\"message\":\"Cannot return null for non-nullable "
	    "field QueryRoot.list\","
	    "\"locations\":[{\"line\":1,\"column\":3}],\"extensions\":{\"code\":\"INTERNAL_SERVER_ERROR\"},"
	    "\"path\":[\"list\",1]}]" },
	{ "{ holes { id } }", NULL, "{\"holes\":[{\"id\":\"id\"},null,{\"id\":\"id\"}]}", "[]" },
	{ "{ holes { must } }", NULL, "{\"holes\":[null,null,null]}", NULL },
	{ "{ mustThing { must } }", NULL, NULL, NULL },
	{ "{ wrong }", NULL, "{\"wrong\":null}", "[{\"message\":\"QueryRoot.wrong: what came is no Int\","
	    "\"locations\":[{\"line\":1,"
	    "\"column\":3}],\"extensions\":{\"code\":\"INTERNAL_SERVER_ERROR\"},\"path\":[\"wrong\"]}]" },
	{ "{ node { id } }", NULL, "{\"node\":null}", NULL },
};

static void
fields_are_run(void **state)
{
	struct gq_schema *s = must_read(sdl);

	(void)state;
	for (size_t i = 0; i < sizeof run / sizeof run[0]; i++) {
		struct shop shop = { .calls = 0 };
		yyjson_mut_val *data;
		struct ask a;
		char *text;

		if (ask(&a, s, run[i].query, run[i].vars, NULL) == -1)
			fail_msg("%s: %s", run[i].query, json_text(a.r.errors));
		data = gq_execute(&a.r, resolve, &shop);
		text = data == NULL ? strdup("null") : json_text(data);
		assert_string_equal(text, run[i].data == NULL ? "null" : run[i].data);
		free(text);
		if (run[i].errors != NULL) {
			text = json_text(a.r.errors);
			assert_string_equal(text, run[i].errors);
			free(text);
		} else {
			assert_true(a.r.nerrors > 0);
		}
		ask_end(&a);
	}
	gq_schema_free(s);
}

static void
mutations_go_in_order(void **state)
{
	struct gq_schema *s = must_read(sdl);
	struct shop shop = { .calls = 0 };
	const struct gq_var *var;
	struct ask a;
	char *text;

	(void)state;
	assert_int_equal(ask(&a, s, "mutation($k: String!) { z: set(input: {id: 1}) @idempotent(key: $k) { "
	    "userErrors { message } thing "
	    "{ id } } a: set(input: {id: 1}) { count } z: set(input: {id: 1}) { count } }", "{\"k\":\"key\"}",
	    NULL), 0);
	text = json_text(gq_execute(&a.r, resolve, &shop));
	assert_string_equal(text, "{\"z\":{\"userErrors\":[],\"thing\":null,\"count\":null},"
	    "\"a\":{\"count\":null}}");
	assert_string_equal(shop.order, "z a ");
	assert_int_equal(shop.calls, 2);
	assert_string_equal(shop.idempotent, "key");
	free(text);
	ask_end(&a);

	assert_int_equal(ask(&a, s, "query($x: Int = 1) { need(a: $x) thing { ...F } } fragment F on Thing { "
	    "n: name }", NULL, NULL), 0);
	(void)gq_execute(&a.r, resolve, &shop);
	assert_true(shop.wants_name);
	var = gq_call_var(&(struct gq_call){ .r = &a.r, .field = a.r.op->sels }, "a");
	assert_ptr_equal(var, a.r.op->vars);
	ask_end(&a);
	gq_schema_free(s);
}

static size_t
at_most(void *ctx, const char *field, const char *name)
{
	(void)ctx;
	return strcmp(field, "sets") == 0 && strcmp(name, "tags") == 0 ? 1 : 2;
}

static void
long_lists_are_refused(void **state)
{
	struct gq_schema *s = must_read(sdl);
	struct ask a;
	char *text;

	(void)state;
	assert_int_equal(ask(&a, s, "mutation($l: [Filter!]!) { sets(input: $l) { count } }",
	    "{\"l\":[{\"id\":1,\"tags\":[\"a\"]},{\"id\":2,\"tags\":[]}]}", NULL), 0);
	assert_int_equal(gq_request_sizes(&a.r, at_most, NULL), 0);
	ask_end(&a);
	assert_int_equal(ask(&a, s, "mutation($l: [Filter!]!) { x: sets(input: $l) { count } b: sets(input: "
	    "[{id: 1, tags: [\"a\", "
	    "\"b\"]}]) { count } }", "{\"l\":[{\"id\":1},{\"id\":2},{\"id\":3}]}", NULL), 0);
	assert_int_equal(gq_request_sizes(&a.r, at_most, NULL), -1);
	text = json_text(a.r.errors);
	assert_string_equal(text, "[{\"message\":\"The input array size of 3 is greater than the maximum "
	    "allowed of 2.\",\"locations\":"
	    "[{\"line\":1,\"column\":28}],\"path\":[\"x\",\"input\"],"
	    "\"extensions\":{\"code\":\"MAX_INPUT_SIZE_EXCEEDED\"}},{\"message\":"
	    "\"The input array size of 2 is greater than the maximum allowed of 1.\","
	    "\"locations\":[{\"line\":1,\"column\":57}],"
	    "\"path\":[\"b\",\"input\",0,\"tags\"],\"extensions\":{\"code\":\"MAX_INPUT_SIZE_EXCEEDED\"}}]");
	free(text);
	ask_end(&a);
	gq_schema_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_run),
		cmocka_unit_test(mutations_go_in_order),
		cmocka_unit_test(long_lists_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
