#!/bin/sh
# the GraphQL of the simulators: schemas compared, requests checked and priced
. "$(dirname "$0")/lib.sh"
command -v sdl-subset >/dev/null && command -v gql-check >/dev/null || {
	fail 'sdl-subset and gql-check are built'
	done_testing
}

cat >theirs.graphql <<'EOF'
schema { query: QueryRoot mutation: Mutation }
"""Not in ours."""
directive @once(key: String!) on FIELD
interface Node { id: ID! }
type QueryRoot { thing(id: ID!, old: Boolean = false): Thing things(first: Int, kinds: [Kind!] = [A]): ThingConnection! }
type Mutation { thingSet(input: ThingInput!): ThingSetPayload }
type ThingSetPayload { thing: Thing userErrors: [UserError!]! }
type UserError { field: [String!] message: String! }
type Thing implements Node { id: ID! name: String @deprecated(reason: "x") sub: [Sub!]! price: Money }
type Sub { id: ID! }
union Any = Thing | Sub
type ThingConnection { nodes: [Thing!]! edges: [ThingEdge!]! pageInfo: PageInfo! }
type ThingEdge { node: Thing! cursor: String! }
type PageInfo { hasNextPage: Boolean! }
enum Kind { A B C }
input ThingInput { name: String! note: String = "none" kind: Kind one: One }
input One @oneOf { id: ID name: String }
scalar Money
EOF

# ours LINE...: the changed schema; differs TITLE WANT: what is said about it.
ours()
{
	sed "$@" theirs.graphql >ours.graphql
}

differs()
{
	status "$1" 1 sdl-subset ours.graphql theirs.graphql >said
	is "$1: it says that and no more" "$(cat said)" "$2"
}

ours -e 's/name: String @deprecated[^)]*)//' -e 's/ C }/ }/' -e 's/^union.*//' -e '/^directive/d' -e 's/ note: String = "none"//'
ok 'what is less is a part' sdl-subset ours.graphql theirs.graphql >said
is 'and it says how much' "$(cat said)" '14 types, 18 fields: all there'
ours -e ''
ok 'a schema is a part of itself' sdl-subset ours.graphql theirs.graphql

ours -e 's/^scalar Money/& scalar Other/'
differs 'another type' 'Other: not there'
ours -e 's/^scalar Money/enum Money { X }/'
differs 'another kind' 'Money: is enum, there scalar'
ours -e 's/hasNextPage: Boolean!/& extra: Int/'
differs 'another field' 'PageInfo.extra: not there'
ours -e 's/sub: \[Sub!\]!/sub: [Sub!]/'
differs 'another type of a field' 'Thing.sub: is [Sub!], there [Sub!]!'
ours -e 's/first: Int,/first: Int, last: Int,/'
differs 'another argument' 'QueryRoot.things.last: not there'
ours -e 's/thing(id: ID!/thing(id: ID/'
differs 'another type of an argument' 'QueryRoot.thing.id: is ID, there ID!'
ours -e 's/thing(id: ID!, /thing(/'
differs 'an argument that is required there' 'QueryRoot.thing.id: is required there'
ours -e 's/= \[A\]/= [B]/'
differs 'another default' 'QueryRoot.things.kinds: default is [B], there [A]'
ours -e 's/ = "none"//'
differs 'no default' 'ThingInput.note: default is none, there "none"'
ours -e 's/input ThingInput { name: String!/input ThingInput {/'
differs 'a member that is required there' 'ThingInput.name: is required there'
ours -e 's/A B C/A B D/'
differs 'another value' 'Kind.D: not there'
ours -e 's/@oneOf//'
differs 'no @oneOf' 'One: is @oneOf there'
ours -e 's/Thing | Sub/Thing | Sub | PageInfo/'
differs 'another member of a union' 'Any.PageInfo: no member there'
ours -e 's/^type Sub /type Sub implements Node /'
differs 'another interface' 'Sub.Node: not implemented there'
ours -e 's/on FIELD/on QUERY/'
differs 'a directive elsewhere' '@once: stands elsewhere there'
ours -e 's/@once(key: String!)/@once(key: Int!)/'
differs 'another argument of a directive' '@once.key: is Int!, there String!'
ours -e 's/query: QueryRoot mutation: Mutation/query: Thing/'
differs 'another root' 'query: another root there'

echo 'type Query { a: Foo }' >bad.graphql
status 'a bad schema' 2 sdl-subset bad.graphql theirs.graphql
is 'a bad schema: it says where' "$(cat "$ERR")" "sdl-subset: bad.graphql: syntax error, no type 'Foo' at [1, 17]"
status 'no file' 2 sdl-subset nothing theirs.graphql
status 'called wrong' 2 sdl-subset theirs.graphql

# --- the simulator's own schema -------------------------------------------------

SDL=$ROOT/tests/sim/shopify/schema.graphql
ok 'the schema of sim-shopify is one' sdl-subset "$SDL" "$SDL"

# says TITLE REQUEST JQ: what jq makes of the reply is true.
says()
{
	printf '%s\n' "$2" >request
	gql-check "$SDL" <request >reply 2>stray
	ok "$1" jq -e "$3" reply
}

if command -v jq >/dev/null; then
	says 'a query' '{"query":"{ products(first: 250) { nodes { id } } }"}' '. == {"cost":13}'
	says 'a mutation' '{"query":"mutation($i: InventorySetQuantitiesInput!, $k: String!) { inventorySetQuantities(input: $i) @idempotent(key: $k) { inventoryAdjustmentGroup { id changes { name delta item { id } location { id } } } userErrors { field code message } } }","variables":{"k":"1","i":{"name":"available","reason":"correction","quantities":[{"inventoryItemId":"gid://shopify/InventoryItem/1","locationId":"gid://shopify/Location/1","quantity":5,"changeFromQuantity":null}]}}}' '. == {"cost":13}'
	says 'an unknown field' '{"query":"{ shop { foo } }"}' '.errors[0].extensions == {"code":"undefinedField","typeName":"Shop","fieldName":"foo"}'
	says 'a bad variable' '{"query":"query($n: Int!) { products(first: $n) { nodes { id } } }","variables":{"n":"1"}}' '.errors[0].message == "Variable $n of type Int! was provided invalid value" and .errors[0].extensions.problems == [{"path":[],"explanation":"Could not coerce value \"1\" to Int"}]'
else
	skip 'requests' 'jq is not here'
fi
printf '%s\n' '{"query":"{ shop { id } }","requested":1}' '{"query":"{ shop { id } }","requested":3}' >priced
ok 'costs are compared' gql-check --costs "$SDL" <priced >said
is 'costs are compared: and counted' "$(cat said)" "1 for 3: { shop { id } }
2 requests, 1 exact, 1 within 1"
echo '{}' >priced
status 'what is no request' 2 gql-check "$SDL" <priced

done_testing
