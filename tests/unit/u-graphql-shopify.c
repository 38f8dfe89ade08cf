/* sim/shopify: the schema has what storesync asks for, and refuses as the shop does */
#include "graphql.h"

#include "../sim/graphql/gq_cost.h"
#include "../sim/shopify/sp_schema.h"

/* Documents as a client writes them, with what they cost. */
static const struct {
	const char *query, *vars;
	int64_t cost;
} asked[] = {
	{ "{ shop { id name myshopifyDomain currencyCode ianaTimezone plan { displayName } } }", NULL, 2 },
	{ "query($a: String) { products(first: 250, after: $a, sortKey: UPDATED_AT) { nodes { id handle title status tags "
	    "vendor updatedAt } pageInfo { hasNextPage endCursor } } }", NULL, 13 },
	{ "query($q: String!) { productVariants(first: 250, query: $q) { edges { cursor node { id sku barcode price "
	    "compareAtPrice inventoryPolicy inventoryQuantity product { id status } inventoryItem { id tracked unitCost { "
	    "amount currencyCode } measurement { weight { unit value } } inventoryLevels(first: 5) { nodes { location { id } "
	    "quantities(names: [\"available\", \"on_hand\"]) { name quantity } } } } } } pageInfo { endCursor } } }",
	    "{\"q\":\"sku:A OR sku:B\"}", 156 },
	{ "{ inventoryItems(first: 10, query: \"sku:A\") { nodes { id sku inventoryLevel(locationId: "
	    "\"gid://shopify/Location/1\") { id isActive quantities(names: [\"available\"]) { quantity updatedAt } } } } }",
	    NULL, 14 },
	{ "{ locations(first: 50, includeInactive: true) { nodes { id name isActive fulfillsOnlineOrders } } }", NULL, 9 },
	{ "{ orders(first: 10, query: \"updated_at:>2026-01-01\", sortKey: UPDATED_AT) { nodes { id name "
	    "displayFinancialStatus cancelledAt lineItems(first: 5) { nodes { sku quantity currentQuantity } } "
	    "totalPriceSet { shopMoney { amount } } } } }", NULL, 26 },
	{ "query($i: [ID!]!) { nodes(ids: $i) { id ... on ProductVariant { sku } ... on InventoryItem { tracked } } }",
	    "{\"i\":[\"gid://shopify/ProductVariant/1\"]}", 1 },
	{ "{ currentBulkOperation(type: MUTATION) { id status errorCode url partialDataUrl objectCount } bulkOperation(id: "
	    "\"gid://shopify/BulkOperation/1\") { status } }", NULL, 2 },
	{ "{ webhookSubscriptions(first: 100, topics: [ORDERS_CREATE]) { nodes { id topic uri format filter includeFields } "
	    "} publications(first: 10) { nodes { id autoPublish } } productsCount(query: \"tag:a\") { count precision } }",
	    NULL, 27 },
	{ "mutation($i: InventorySetQuantitiesInput!, $k: String!) { inventorySetQuantities(input: $i) @idempotent(key: $k) "
	    "{ inventoryAdjustmentGroup { id createdAt reason changes { name delta quantityAfterChange item { id } location "
	    "{ id name } } } userErrors { field message code } } }", "{\"k\":\"1\",\"i\":{\"name\":\"available\",\"reason\":"
	    "\"correction\",\"quantities\":[{\"inventoryItemId\":\"gid://shopify/InventoryItem/1\",\"locationId\":"
	    "\"gid://shopify/Location/1\",\"quantity\":5,\"changeFromQuantity\":null}]}}", 13 },
	{ "mutation($i: InventoryAdjustQuantitiesInput!) { inventoryAdjustQuantities(input: $i) @idempotent(key: \"1\") { "
	    "inventoryAdjustmentGroup { id } userErrors { code field message } } }", "{\"i\":{\"name\":\"available\","
	    "\"reason\":\"correction\",\"changes\":[]}}", 10 },
	{ "mutation { inventoryActivate(inventoryItemId: \"gid://shopify/InventoryItem/1\", locationId: "
	    "\"gid://shopify/Location/1\", onHand: 5) @idempotent(key: \"1\") { inventoryLevel { id } userErrors { field } } }",
	    NULL, 10 },
	{ "mutation($p: ProductSetInput!, $i: ProductSetIdentifiers) { productSet(identifier: $i, input: $p, synchronous: "
	    "true) { product { id variants(first: 10) { nodes { id sku } } } productSetOperation { id status } userErrors { "
	    "code field message } } }", "{\"i\":{\"handle\":\"a\"},\"p\":{\"title\":\"A\",\"productOptions\":[{\"name\":"
	    "\"Title\",\"values\":[{\"name\":\"x\"}]}],\"variants\":[{\"sku\":\"A\",\"price\":\"1.00\",\"optionValues\":"
	    "[{\"optionName\":\"Title\",\"name\":\"x\"}],\"inventoryQuantities\":[{\"locationId\":"
	    "\"gid://shopify/Location/1\",\"name\":\"available\",\"quantity\":1}]}]}}", 16 },
	{ "mutation($p: ProductCreateInput!) { productCreate(product: $p) { product { id } userErrors { field message } } }",
	    "{\"p\":{\"title\":\"A\",\"status\":\"DRAFT\"}}", 10 },
	{ "mutation($p: ProductUpdateInput!) { productUpdate(product: $p) { product { id } userErrors { field message } } }",
	    "{\"p\":{\"id\":\"gid://shopify/Product/1\",\"title\":\"A\",\"vendor\":null}}", 10 },
	{ "mutation($v: [ProductVariantsBulkInput!]!) { productVariantsBulkUpdate(productId: \"gid://shopify/Product/1\", "
	    "variants: $v, allowPartialUpdates: true) { productVariants { id } userErrors { code field message } } "
	    "productVariantsBulkCreate(productId: \"gid://shopify/Product/1\", variants: $v) { userErrors { code } } }",
	    "{\"v\":[{\"id\":\"gid://shopify/ProductVariant/1\",\"price\":\"2.50\",\"barcode\":\"1\",\"inventoryItem\":"
	    "{\"sku\":\"A\",\"cost\":\"1.00\"}}]}", 20 },
	{ "mutation { tagsAdd(id: \"gid://shopify/Product/1\", tags: [\"a\"]) { node { id } userErrors { message } } "
	    "tagsRemove(id: \"gid://shopify/Product/1\", tags: \"b\") { userErrors { message } } }", NULL, 20 },
	{ "mutation { metafieldsSet(metafields: [{ownerId: \"gid://shopify/Product/1\", key: \"a\", value: \"b\", type: "
	    "\"single_line_text_field\", compareDigest: null}]) { metafields { id } userErrors { code elementIndex } } }",
	    NULL, 10 },
	{ "mutation($i: InventoryTransferCreateInput!) { inventoryTransferCreate(input: $i) @idempotent(key: \"1\") { "
	    "inventoryTransfer { id status } userErrors { code } } inventoryTransferMarkAsReadyToShip(id: "
	    "\"gid://shopify/InventoryTransfer/1\") { userErrors { code } } }", "{\"i\":{\"originLocationId\":"
	    "\"gid://shopify/Location/1\",\"destinationLocationId\":\"gid://shopify/Location/2\",\"lineItems\":"
	    "[{\"inventoryItemId\":\"gid://shopify/InventoryItem/1\",\"quantity\":3}]}}", 20 },
	{ "mutation($i: DraftOrderInput!) { draftOrderCreate(input: $i) { draftOrder { id name } userErrors { field message "
	    "} } }", "{\"i\":{\"lineItems\":[{\"variantId\":\"gid://shopify/ProductVariant/1\",\"quantity\":1}],\"note\":"
	    "\"refill\",\"tags\":[\"auto\"]}}", 10 },
	{ "mutation($q: String!) { bulkOperationRunQuery(query: $q) { bulkOperation { id status } userErrors { code field "
	    "message } } }", "{\"q\":\"{ products { edges { node { id } } } }\"}", 10 },
	{ "mutation { bulkOperationRunMutation(mutation: \"mutation { x }\", stagedUploadPath: \"tmp/1\") { bulkOperation { "
	    "id } userErrors { code } } }", NULL, 10 },
	{ "mutation($i: [StagedUploadInput!]!) { stagedUploadsCreate(input: $i) { stagedTargets { url resourceUrl parameters "
	    "{ name value } } userErrors { field message } } }", "{\"i\":[{\"resource\":\"BULK_MUTATION_VARIABLES\","
	    "\"filename\":\"a.jsonl\",\"mimeType\":\"text/jsonl\",\"httpMethod\":\"POST\"}]}", 11 },
	{ "mutation { webhookSubscriptionCreate(topic: INVENTORY_LEVELS_UPDATE, webhookSubscription: {uri: "
	    "\"https://a.example/hook\", format: JSON}) { webhookSubscription { id } userErrors { field message } } "
	    "webhookSubscriptionDelete(id: \"gid://shopify/WebhookSubscription/1\") { deletedWebhookSubscriptionId } }",
	    NULL, 20 },
};

static void
what_storesync_asks_is_known(void **state)
{
	struct gq_schema *s = sp_schema();

	(void)state;
	for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
		struct ask a;

		if (ask(&a, s, asked[i].query, asked[i].vars, NULL) == -1)
			fail_msg("%s: %s", asked[i].query, json_text(a.r.errors));
		if (gq_cost(&a.r) != asked[i].cost)
			fail_msg("%s: %lld, not %lld", asked[i].query, (long long)gq_cost(&a.r), (long long)asked[i].cost);
		ask_end(&a);
	}
	gq_schema_free(s);
}

static void
what_the_shop_refuses_is_refused(void **state)
{
	static const struct {
		const char *query, *vars, *want;
	} t[] = {
		/* It went with 2026-04. */
		{ "mutation($input: InventorySetQuantitiesInput!) { inventorySetQuantities(input: $input) { userErrors { code } } }",
		    "{\"input\":{\"name\":\"available\",\"reason\":\"x\",\"ignoreCompareQuantity\":true,\"quantities\":[]}}",
		    "Variable $input of type InventorySetQuantitiesInput! was provided invalid value for "
		    "ignoreCompareQuantity (Field is not defined on InventorySetQuantitiesInput)" },
		{ "query($id: ID!) { product(id: $id) { id } }", "{\"id\":\"1\"}",
		    "Variable $id of type ID! was provided invalid value" },
		{ "{ product(id: \"1\") { id } }", NULL, "Invalid global id '1'" },
		{ "{ productByIdentifier(identifier: {id: \"gid://shopify/Product/1\", handle: \"a\"}) { id } }", NULL,
		    "OneOf Input Object 'ProductIdentifierInput' must specify exactly one key." },
		{ "mutation { productVariantsBulkUpdate(productId: \"gid://shopify/Product/1\", variants: [{sku: \"A\"}]) { "
		    "userErrors { code } } }", NULL, "InputObject 'ProductVariantsBulkInput' doesn't accept argument 'sku'" },
	};
	struct gq_schema *s = sp_schema();

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		yyjson_mut_val *first;
		struct ask a;

		assert_int_equal(ask(&a, s, t[i].query, t[i].vars, NULL), -1);
		first = yyjson_mut_arr_get_first(a.r.errors);
		assert_string_equal(yyjson_mut_get_str(yyjson_mut_obj_get(first, "message")), t[i].want);
		ask_end(&a);
	}
	gq_schema_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_storesync_asks_is_known), cmocka_unit_test(what_the_shop_refuses_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
