/* sim/graphql: each rule of validation, with its error as Shopify forms it */
#include "graphql.h"

static const char sdl[] =
    "schema { query: QueryRoot mutation: Mutation }\n"
    "directive @idempotent(key: String!) on FIELD\n"
    "directive @many(n: Int) repeatable on FIELD\n"
    "interface Node { id: ID! }\n"
    "union Any = Thing | Other\n"
    "type QueryRoot { shop: Shop! thing(id: ID!): Thing node(id: ID!): Node any: Any list: [Any!]!\n"
    "  things(first: Int, kind: Kind, kinds: [Kind!], filter: Filter, flag: Boolean! = true, price: Decimal): "
    "[Thing!]!\n"
    "  by(one: One!): Thing matrix(m: [[Int!]!], f: Float, s: String, j: JSON): Int }\n"
    "type Mutation { set(input: Filter!): Thing }\n"
    "type Shop { id: ID! name: String }\n"
    "type Thing implements Node { id: ID! name: String count: Int! kind: Kind child: Thing children(first: "
    "Int): [Thing!] }\n"
    "type Other implements Node { id: ID! name: String! count: Int! kind: String child: Other }\n"
    "enum Kind { A B C }\n"
    "input Filter { id: ID! name: String n: Int = 5 deep: Filter list: [Filter!] kind: Kind }\n"
    "input One @oneOf { id: ID name: String }\n"
    "scalar Decimal scalar JSON\n";

/* The first error is "MESSAGE @LINE:COLUMN[,LINE:COLUMN] PATH CODE [rest of the
 * extensions]", and there is no other one. */
struct wrong {
	const char *query, *want;
};

/* A string that is there, or what shows that it is not. */
static const char *
text_of(yyjson_mut_val *v)
{
	return yyjson_mut_is_str(v) ? yyjson_mut_get_str(v) : "?";
}

static char *
first_error(struct ask *a)
{
	yyjson_mut_val *e = yyjson_mut_arr_get_first(a->r.errors), *v, *k;
	yyjson_mut_val *ext = yyjson_mut_obj_get(e, "extensions");
	char *path = json_text(yyjson_mut_obj_get(e, "path") == NULL ? e : yyjson_mut_obj_get(e, "path"));
	static char text[2000];
	size_t n, i, max;

	n = (size_t)snprintf(text, sizeof text, "%s @", text_of(yyjson_mut_obj_get(e, "message")));
	yyjson_mut_arr_foreach(yyjson_mut_obj_get(e, "locations"), i, max, v) {
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%d:%d", i == 0 ? "" : ",",
		    yyjson_mut_get_int(yyjson_mut_obj_get(v, "line")),
		    yyjson_mut_get_int(yyjson_mut_obj_get(v, "column")));
	}
	n += (size_t)snprintf(text + n, sizeof text - n, " %s", path);
	yyjson_mut_obj_foreach(ext, i, max, k, v)
		n += (size_t)snprintf(text + n, sizeof text - n, " %s", text_of(v));
	free(path);
	return text;
}

static void
check(const struct wrong *list, size_t n)
{
	struct gq_schema *s = must_read(sdl);

	for (size_t i = 0; i < n; i++) {
		struct ask a;

		if (ask(&a, s, list[i].query, NULL, NULL) == 0)
			fail_msg("was taken: %s", list[i].query);
		if (strcmp(first_error(&a), list[i].want) != 0 || a.r.nerrors != 1)
			fail_msg("%s: %zu errors\n got %s\nwant %s", list[i].query, a.r.nerrors, first_error(&a),
			    list[i].want);
		ask_end(&a);
	}
	gq_schema_free(s);
}

#define CHECK(list) check(list, sizeof list / sizeof list[0])

static void
fields(void **state)
{
	static const struct wrong list[] = {
		{ "{ shop { id foo } }", "Field 'foo' doesn't exist on type 'Shop' @1:13 [\"query\",\"shop\","
		    "\"foo\"] "
		    "undefinedField Shop foo" },
		{ "query Q {\n  x: foo { id }\n}", "Field 'foo' doesn't exist on type 'QueryRoot' @2:3 "
		    "[\"query Q\",\"x\"] undefinedField QueryRoot foo" },
		{ "mutation { foo }", "Field 'foo' doesn't exist on type 'Mutation' @1:12 [\"mutation\",\"foo\"] "
		    "undefinedField Mutation foo" },
		{ "{ node(id: 1) { name } }", "Field 'name' doesn't exist on type 'Node' @1:17 "
		    "[\"query\",\"node\",\"name\"] undefinedField Node name" },
		{ "{ any { id } }", "Selections can't be made directly on unions (see selections on Any) @1:9 "
		    "[\"query\",\"any\",\"id\"] selectionMismatch Any" },
		{ "{ shop }", "Field must have selections (field 'shop' returns Shop but has no selections. "
		    "Did you mean "
		    "'shop { ... }'?) @1:3 [\"query\",\"shop\"] selectionMismatch field 'shop' Shop" },
		{ "{ shop { id { a b } } }", "Selections can't be made on scalars (field 'id' returns ID but "
		    "has selections "
		    "[\"a\", \"b\"]) @1:10 [\"query\",\"shop\",\"id\"] selectionMismatch field 'id' ID" },
		{ "{ thing(id: 1) { kind { a } } }", "Selections can't be made on enums (field 'kind' returns "
		    "Kind but has "
		    "selections [\"a\"]) @1:18 [\"query\",\"thing\",\"kind\"] selectionMismatch field 'kind' "
		    "Kind" },
		{ "subscription { a }", "Schema is not configured for subscriptions @1:1 [\"subscription\"] "
		    "missingSubscriptionConfiguration" },
		{ "{ __schema { types { name } } }", "Field '__schema' doesn't exist on type 'QueryRoot' @1:3 "
		    "[\"query\",\"__schema\"] undefinedField QueryRoot __schema" },
	};

	(void)state;
	CHECK(list);
}

static void
arguments(void **state)
{
	static const struct wrong list[] = {
		{ "{ things(foo: 1) { id } }", "Field 'things' doesn't accept argument 'foo' @1:10 "
		    "[\"query\",\"things\",\"foo\"] argumentNotAccepted things Field foo" },
		{ "{ thing { id } }", "Field 'thing' is missing required arguments: id @1:3 [\"query\",\"thing\"] "
		    "missingRequiredArguments Field thing id" },
		{ "{ things(first: 1, first: 2) { id } }", "There can be only one argument named \"first\" @1:20 "
		    "[\"query\",\"things\"] argumentNotUnique first" },
		{ "{ x: things(first: \"1\") { id } }", "Argument 'first' on Field 'x' has an invalid value "
		    "(\"1\"). Expected "
		    "type 'Int'. @1:3 [\"query\",\"x\",\"first\"] argumentLiteralsIncompatible Field first" },
		{ "{ things(first: 2147483648) { id } }", "Argument 'first' on Field 'things' has an invalid value "
		    "(2147483648). Expected type 'Int'. @1:3 [\"query\",\"things\",\"first\"] "
		    "argumentLiteralsIncompatible Field first" },
		{ "{ things(first: 1.0) { id } }", "Argument 'first' on Field 'things' has an invalid value "
		    "(1.0). Expected "
		    "type 'Int'. @1:3 [\"query\",\"things\",\"first\"] argumentLiteralsIncompatible Field first" },
		{ "{ things(kind: D) { id } }", "Argument 'kind' on Field 'things' has an invalid value (D). "
		    "Expected type "
		    "'Kind'. @1:3 [\"query\",\"things\",\"kind\"] argumentLiteralsIncompatible Field kind" },
		{ "{ things(kind: \"A\") { id } }", "Argument 'kind' on Field 'things' has an invalid value "
		    "(\"A\"). Expected "
		    "type 'Kind'. @1:3 [\"query\",\"things\",\"kind\"] argumentLiteralsIncompatible Field kind" },
		{ "{ things(kinds: [A, null]) { id } }", "Argument 'kinds' on Field 'things' has an invalid "
		    "value ([A, "
		    "null]). Expected type '[Kind!]'. @1:3 [\"query\",\"things\",\"kinds\"] "
		    "argumentLiteralsIncompatible Field kinds" },
		{ "{ things(flag: null) { id } }", "Argument 'flag' on Field 'things' has an invalid value "
		    "(null). Expected "
		    "type 'Boolean!'. @1:3 [\"query\",\"things\",\"flag\"] argumentLiteralsIncompatible Field "
		    "flag" },
		{ "{ things(price: \"1,5\") { id } }", "Argument 'price' on Field 'things' has an invalid "
		    "value (\"1,5\"). "
		    "Expected type 'Decimal'. @1:3 [\"query\",\"things\",\"price\"] "
		    "argumentLiteralsIncompatible Field price" },
		{ "{ matrix(m: [[1], [\"2\"]]) }", "Argument 'm' on Field 'matrix' has an invalid value ([[1], "
		    "[\"2\"]]). "
		    "Expected type '[[Int!]!]'. @1:3 [\"query\",\"matrix\",\"m\"] argumentLiteralsIncompatible "
		    "Field m" },
		{ "{ matrix(s: 1) }", "Argument 's' on Field 'matrix' has an invalid value (1). Expected type "
		    "'String'. @1:3 "
		    "[\"query\",\"matrix\",\"s\"] argumentLiteralsIncompatible Field s" },
		{ "{ matrix(s: {a: 1, b: [\"\\n\"]}) }", "Argument 's' on Field 'matrix' has an invalid value "
		    "({a: 1, b: "
		    "[\"\\n\"]}). Expected type 'String'. @1:3 [\"query\",\"matrix\",\"s\"] "
		    "argumentLiteralsIncompatible Field s" },
	};

	(void)state;
	CHECK(list);
}

static void
input_objects(void **state)
{
	static const struct wrong list[] = {
		{ "mutation { set(input: {}) { id } }", "Argument 'id' on InputObject 'Filter' is required. "
		    "Expected type ID! "
		    "@1:23 [\"mutation\",\"set\",\"input\",\"id\"] missingRequiredInputObjectAttribute id ID! "
		    "Filter" },
		{ "mutation { set(input: {id: 1, foo: 2}) { id } }", "InputObject 'Filter' doesn't accept "
		    "argument 'foo' @1:31 "
		    "[\"mutation\",\"set\",\"input\",\"foo\"] argumentNotAccepted Filter InputObject foo" },
		{ "mutation { set(input: {id: 1, id: 2}) { id } }", "There can be only one input field named "
		    "\"id\" @1:31 "
		    "[\"mutation\",\"set\",\"input\"] inputFieldNotUnique id" },
		{ "mutation { set(input: {id: 1, n: \"2\"}) { id } }", "Argument 'n' on InputObject 'Filter' "
		    "has an invalid "
		    "value (\"2\"). Expected type 'Int'. @1:23 [\"mutation\",\"set\",\"input\",\"n\"] "
		    "argumentLiteralsIncompatible InputObject n" },
		{ "mutation { set(input: {id: 1, list: [{id: 2}, {id: null}]}) { id } }",
		    "Argument 'id' on InputObject "
		    "'Filter' has an invalid value (null). Expected type 'ID!'. @1:47 [\"mutation\",\"set\","
		    "\"input\",\"list\","
		    "1,\"id\"] argumentLiteralsIncompatible InputObject id" },
		{ "mutation { set(input: 1) { id } }", "Argument 'input' on Field 'set' has an invalid value "
		    "(1). Expected "
		    "type 'Filter!'. @1:12 [\"mutation\",\"set\",\"input\"] argumentLiteralsIncompatible Field "
		    "input" },
		{ "{ by(one: {}) { id } }", "OneOf Input Object 'One' must specify exactly one key. @1:11 "
		    "[\"query\",\"by\",\"one\"] invalidOneOfInputObject One" },
		{ "{ by(one: {id: 1, name: \"a\"}) { id } }", "OneOf Input Object 'One' must specify exactly "
		    "one key. @1:11 "
		    "[\"query\",\"by\",\"one\"] invalidOneOfInputObject One" },
		{ "{ by(one: {id: null}) { id } }", "Field 'One.id' must be non-null. @1:12 [\"query\",\"by\","
		    "\"one\",\"id\"] "
		    "invalidOneOfInputObject One" },
		{ "query($i: ID) { by(one: {id: $i}) { id } }", "Variable 'i' must be non-nullable to be used "
		    "for OneOf Input "
		    "Object 'One'. @1:25 [\"query\",\"by\",\"one\",\"id\"] invalidOneOfInputObject One" },
	};

	(void)state;
	CHECK(list);
}

static void
fragments(void **state)
{
	static const struct wrong list[] = {
		{ "{ shop { ...F } }", "Fragment F was used, but not defined @1:10 [\"query\",\"shop\",\"... F\"] "
		    "useAndDefineFragment F" },
		{ "{ shop { id } } fragment F on Shop { id }", "Fragment F was defined, but not used @1:17 "
		    "[\"fragment F\"] "
		    "useAndDefineFragment F" },
		{ "{ shop { ...F } } fragment F on Shop { id } fragment F on Shop { id }",
		    "Fragment name \"F\" must be unique "
		    "@1:45 [] fragmentNotUnique F" },
		{ "{ shop { ...F } } fragment F on Foo { id }", "No such type Foo, so it can't be a fragment "
		    "condition @1:19 "
		    "[\"fragment F\"] undefinedType Foo" },
		{ "{ shop { ... on Kind { id } } }", "Invalid fragment on type Kind (must be Union, Interface "
		    "or Object) @1:10 "
		    "[\"query\",\"shop\",\"... on Kind\"] fragmentOnNonCompositeType Kind" },
		{ "{ shop { ... on Thing { id } } }", "Fragment on Thing can't be spread inside Shop @1:10 "
		    "[\"query\",\"shop\",\"... on Thing\"] cannotSpreadFragment Thing unknown Shop" },
		{ "{ shop { ...F } } fragment F on Node { id }", "Fragment F on Node can't be spread inside "
		    "Shop @1:10 "
		    "[\"query\",\"shop\",\"... F\"] cannotSpreadFragment Node F Shop" },
		{ "{ shop { ...F } } fragment F on Shop { ...F }", "Fragment F contains an infinite loop @1:19 "
		    "[\"fragment F\"] infiniteLoop F" },
	};

	(void)state;
	CHECK(list);
}

static void
operations_and_directives(void **state)
{
	static const struct wrong list[] = {
		{ "{ shop { id @foo } }", "Directive @foo is not defined @1:13 [\"query\",\"shop\",\"id\"] "
		    "undefinedDirective "
		    "foo" },
		{ "query @skip(if: true) { shop { id } }", "'@skip' can't be applied to queries (allowed: "
		    "fields, fragment "
		    "spreads, inline fragments) @1:7 [\"query\"] directiveCannotBeApplied queries skip" },
		{ "{ ... @idempotent(key: \"a\") { shop { id } } }", "'@idempotent' can't be applied to inline "
		    "fragments "
		    "(allowed: fields) @1:7 [\"query\",\"...\"] directiveCannotBeApplied inline fragments "
		    "idempotent" },
		{ "{ shop { id @skip(if: true) @skip(if: true) } }", "The directive \"skip\" can only be used "
		    "once at this "
		    "location. @1:29 [\"query\",\"shop\",\"id\"] directiveNotUniqueForLocation skip" },
		{ "{ shop { id @skip } }", "Directive 'skip' is missing required arguments: if @1:13 "
		    "[\"query\",\"shop\",\"id\"] missingRequiredArguments Directive skip if" },
		{ "{ shop { id @skip(if: 1) } }", "Argument 'if' on Directive 'skip' has an invalid value (1). "
		    "Expected type "
		    "'Boolean!'. @1:13 [\"query\",\"shop\",\"id\",\"if\"] argumentLiteralsIncompatible "
		    "Directive if" },
	};

	(void)state;
	CHECK(list);
}

static void
variables(void **state)
{
	static const struct wrong list[] = {
		{ "query($a: Int) { shop { id } }", "Variable $a is declared by anonymous query but not used "
		    "@1:1 [\"query\"] "
		    "variableNotUsed a" },
		{ "query Q { things(first: $a) { id } }", "Variable $a is used by Q but not declared @1:25 "
		    "[\"query Q\",\"things\",\"first\"] variableNotDefined a" },
		{ "query Q { ...F } fragment F on QueryRoot { things(first: $a) { id } }",
		    "Variable $a is used by F but not "
		    "declared @1:58 [\"fragment F\",\"things\",\"first\"] variableNotDefined a" },
		{ "query($a: Foo) { things(first: $a) { id } }", "Foo isn't a defined input type (on $a) @1:7 "
		    "[\"query\"] "
		    "variableRequiresValidType Foo a" },
		{ "query($a: Thing) { things(first: $a) { id } }", "Thing isn't a valid input type (on $a) "
		    "@1:7 [\"query\"] "
		    "variableRequiresValidType Thing a" },
		{ "query($a: Int = \"1\") { things(first: $a) { id } }", "Default value for $a doesn't match "
		    "type Int @1:7 "
		    "[\"query\"] defaultValueInvalidType a Int" },
		{ "query($a: Int, $a: Int) { things(first: $a) { id } }", "There can only be one variable "
		    "named \"a\" @1:16 "
		    "[\"query\"] variableNotUnique a" },
		{ "query($a: String) { things(first: $a) { id } }", "Type mismatch on variable $a and argument "
		    "first (String / "
		    "Int) @1:28 [\"query\",\"things\",\"first\"] variableMismatch a String first Type mismatch" },
		{ "query($a: [Int]) { things(first: $a) { id } }", "List dimension mismatch on variable $a and "
		    "argument first "
		    "([Int] / Int) @1:27 [\"query\",\"things\",\"first\"] variableMismatch a [Int] first List "
		    "dimension mismatch" },
		{ "query($a: ID) { thing(id: $a) { id } }", "Nullability mismatch on variable $a and argument "
		    "id (ID / ID!) "
		    "@1:23 [\"query\",\"thing\",\"id\"] variableMismatch a ID id Nullability mismatch" },
		{ "query($a: [Kind]) { things(kinds: $a) { id } }", "Nullability mismatch on variable $a and "
		    "argument kinds "
		    "([Kind] / [Kind!]) @1:28 [\"query\",\"things\",\"kinds\"] variableMismatch a [Kind] kinds "
		    "Nullability "
		    "mismatch" },
		{ "query($a: Boolean) { shop { id @skip(if: $a) } }", "Nullability mismatch on variable $a and "
		    "argument if "
		    "(Boolean / Boolean!) @1:38 [\"query\",\"shop\",\"id\",\"if\"] variableMismatch a Boolean "
		    "if Nullability "
		    "mismatch" },
		{ "query($a: Kind) { things(kinds: [A, $a]) { id } }", "Nullability mismatch on variable $a "
		    "and argument kinds "
		    "(Kind / Kind!) @1:26 [\"query\",\"things\",\"kinds\",1] variableMismatch a Kind kinds "
		    "Nullability mismatch" },
	};

	(void)state;
	CHECK(list);
}

static void
merging(void **state)
{
	static const struct wrong list[] = {
		{ "{ shop { id id: name } }", "Field 'id' has a field conflict: id or name? @1:10,1:13 [] "
		    "fieldConflict id id "
		    "or name" },
		{ "{ x: shop { id } x: thing(id: 1) { id } }", "Field 'x' has a field conflict: shop or thing? "
		    "@1:3,1:18 "
		    "[] fieldConflict x shop or thing" },
		{ "{ thing(id: 1) { id } thing(id: 2) { id } }", "Field 'thing' has an argument conflict: "
		    "{id:\"1\"} or "
		    "{id:\"2\"}? @1:3,1:23 [] fieldConflict thing {id:\"1\"} or {id:\"2\"}" },
		{ "{ any { ... on Thing { x: count } ... on Other { x: name } } }",
		    "Field 'x' has a return_type conflict: "
		    "`Int!` or `String!`? @1:24,1:50 [] fieldConflict x `Int!` or `String!`" },
		{ "{ any { ... on Thing { c: child { x: count } } ... on Other { c: child { x: id } } } }",
		    "Field 'x' has a "
		    "return_type conflict: `Int!` or `ID!`? @1:35,1:74 [] fieldConflict x `Int!` or `ID!`" },
		{ "{ shop { ...F id } } fragment F on Shop { id: name }", "Field 'id' has a field conflict: id "
		    "or name? "
		    "@1:43,1:15 [] fieldConflict id id or name" },
		{ "{ node(id: 1) { ... on Thing { x: id } x: __typename } }", "Field 'x' has a field conflict: "
		    "__typename or "
		    "id? @1:32,1:40 [] fieldConflict x __typename or id" },
		{ "{ thing(id: 1) { child { a: id } child { a: count } } }", "Field 'a' has a field conflict: "
		    "count or id? "
		    "@1:26,1:42 [] fieldConflict a count or id" },
	};

	(void)state;
	CHECK(list);
}

static const char *const good[] = {
	"{ shop { id id x: id } }", "{ thing(id: 1) { id } thing(id: 1) { name } }",
	"{ any { __typename ... on Thing { x: name } ... on Other { y: name } ... on Node { id } } }",
	"{ any { ... on Thing { x: id } ... on Other { x: id } } }",
	"{ any { ... on Thing { x: count } ... on Other { x: count } } }",
	"{ any { ... on Thing { c: children(first: 1) { id } } ... on Other { d: child { id } } } }",
	"query($a: Int!) { things(first: $a) { id } }", "query($a: ID!) { thing(id: $a) { id } }",
	"query($a: Boolean) { things(flag: $a) { id } }", "query($a: Boolean! = true) { shop { id @skip(if: "
	    "$a) } }",
	"query($a: ID = 1) { thing(id: $a) { id } }", "query($a: [Kind!]!) { things(kinds: $a) { id } }",
	"{ things(kinds: A, price: 1.50) { id } }",
	"{ matrix(m: [[1]], f: 1, s: \"\", j: {a: [1, {b: null}]}) }", "{ matrix(m: null, f: 1e3, j: \"x\") }",
	"query($i: ID!) { by(one: {id: $i}) { id } }", "{ shop { id @many(n: 1) @many(n: 2) } }",
	"mutation { set(input: {id: 1, n: null, deep: {id: \"a\"}, list: {id: 2}}) @idempotent(key: \"k\") { "
	    "id } }",
	"query A { ...F } fragment F on QueryRoot { shop { ...G } } fragment G on Shop { id }",
	"query($a: Int) { ...F } fragment F on QueryRoot { things(first: $a) { id } }",
};

static void
what_is_right_is_taken(void **state)
{
	struct gq_schema *s = must_read(sdl);

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		static const char vars[] = "{\"a\":null,\"i\":\"1\"}";
		struct ask a;

		/* Variables are another matter; here they are only declared. */
		(void)ask(&a, s, good[i], vars, NULL);
		if (a.r.nerrors > 0 && strstr(first_error(&a), "INVALID_VARIABLE") == NULL)
			fail_msg("%s: %s", good[i], first_error(&a));
		ask_end(&a);
	}
	gq_schema_free(s);
}

static void
operation_is_chosen(void **state)
{
	static const char two[] = "query A { shop { id } } mutation B { set(input: {id: 1}) { id } }";
	struct gq_schema *s = must_read(sdl);
	struct ask a;
	char *text;

	(void)state;
	assert_int_equal(ask(&a, s, two, NULL, "B"), 0);
	assert_int_equal(a.r.op->kind, GQ_MUTATION);
	ask_end(&a);
	assert_int_equal(ask(&a, s, two, NULL, NULL), -1);
	text = json_text(a.r.errors);
	assert_string_equal(text, "[{\"message\":\"An operation name is required\"}]");
	free(text);
	ask_end(&a);
	assert_int_equal(ask(&a, s, two, NULL, "C"), -1);
	text = json_text(a.r.errors);
	assert_string_equal(text, "[{\"message\":\"No operation named \\\"C\\\"\"}]");
	free(text);
	ask_end(&a);
	assert_int_equal(ask(&a, s, "query A { shop { id } } query A { shop { id } }", NULL, "A"), -1);
	assert_string_equal(first_error(&a), "Operation name \"A\" must be unique @1:25 [] "
	    "uniquelyNamedOperations A");
	ask_end(&a);
	gq_schema_free(s);
}

/* Documents whose meaning is much larger than they are. */
static void
bombs_end(void **state)
{
	struct gq_schema *s = must_read(sdl);
	size_t cap = 1 << 20, n;
	char *q = malloc(cap);
	struct ask a;

	(void)state;
	assert_non_null(q);
	/* Each fragment spreads the next one twice: 2^60 fields. */
	n = (size_t)snprintf(q, cap, "{ thing(id: 1) { ...F0 } }");
	for (int i = 0; i < 60; i++)
		n += (size_t)snprintf(q + n, cap - n, " fragment F%d on Thing { a: child { ...F%d } b: child { "
		    "...F%d } }", i,
		    i + 1, i + 1);
	(void)snprintf(q + n, cap - n, " fragment F60 on Thing { id }");
	(void)ask(&a, s, q, NULL, NULL);
	ask_end(&a);
	/* The same, all with one key: what is below has to be compared. */
	n = (size_t)snprintf(q, cap, "{ thing(id: 1) { ...F0 } }");
	for (int i = 0; i < 45; i++)
		n += (size_t)snprintf(q + n, cap - n, " fragment F%d on Thing { child { ...F%d } child { "
		    "...F%d id } }", i,
		    i + 1, i + 1);
	(void)snprintf(q + n, cap - n, " fragment F45 on Thing { id }");
	(void)ask(&a, s, q, NULL, NULL);
	ask_end(&a);
	/* A long chain, and one that closes. */
	for (int loop = 0; loop < 2; loop++) {
		n = (size_t)snprintf(q, cap, "{ thing(id: 1) { ...F0 } }");
		for (int i = 0; i < 5000; i++)
			n += (size_t)snprintf(q + n, cap - n, " fragment F%d on Thing { ...F%d }", i,
			    i < 4999 ? i + 1 : loop ? 0 : 5000);
		(void)snprintf(q + n, cap - n, " fragment F5000 on Thing { id }");
		assert_int_equal(ask(&a, s, q, NULL, NULL), -1);
		ask_end(&a);
	}
	/* No more errors than somebody might read. */
	n = (size_t)snprintf(q, cap, "{");
	for (int i = 0; i < 20000; i++)
		n += (size_t)snprintf(q + n, cap - n, " f%d", i);
	(void)snprintf(q + n, cap - n, " }");
	assert_int_equal(ask(&a, s, q, NULL, NULL), -1);
	assert_int_equal(a.r.nerrors, 20000);
	assert_int_equal(yyjson_mut_arr_size(a.r.errors), GQ_ERRORS_MAX);
	ask_end(&a);
	free(q);
	gq_schema_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields), cmocka_unit_test(arguments), cmocka_unit_test(input_objects),
		cmocka_unit_test(fragments), cmocka_unit_test(operations_and_directives), cmocka_unit_test(variables),
		cmocka_unit_test(merging), cmocka_unit_test(what_is_right_is_taken),
		cmocka_unit_test(operation_is_chosen), cmocka_unit_test(bombs_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
