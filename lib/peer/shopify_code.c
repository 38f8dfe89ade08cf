/*
 * What the codes of errors mean, and what the cost block says.
 * https://shopify.dev/docs/api/usage/error-handling, the *UserErrorCode enums of the
 * schema, https://shopify.dev/docs/api/usage/limits
 */
#include <string.h>

#include "base/buf.h"
#include "peer/shopify_reply.h"

#define ROW SHOPIFY_MEANS_ROW
#define DOCUMENT SHOPIFY_MEANS_DOCUMENT
#define LOST SHOPIFY_MEANS_LOST

static const struct entry {
	const char *code;
	enum outcome_class class;
	int retry;
	enum shopify_meaning meaning;
} codes[] = {
	/* on top of the body */
	{ "THROTTLED", OUTCOME_RATE, 1, SHOPIFY_MEANS_THROTTLE },
	{ "ACCESS_DENIED", OUTCOME_AUTH, 1, SHOPIFY_MEANS_AUTH },
	{ "UNAUTHORIZED", OUTCOME_AUTH, 1, SHOPIFY_MEANS_AUTH },
	{ "SHOP_INACTIVE", OUTCOME_AUTH, 1, SHOPIFY_MEANS_AUTH },
	{ "INTERNAL_SERVER_ERROR", OUTCOME_INTERMITTENT, 1, LOST },
	{ "TIMEOUT", OUTCOME_INTERMITTENT, 1, LOST },
	{ "MAX_COST_EXCEEDED", OUTCOME_TOO_LARGE, 0, ROW },
	{ "MAX_INPUT_SIZE_EXCEEDED", OUTCOME_TOO_LARGE, 0, ROW },
	{ "INVALID_VARIABLE", OUTCOME_VALUE, 0, ROW },
	{ "INVALID_FIELD_ARGUMENTS", OUTCOME_VALUE, 0, ROW },
	{ "BAD_REQUEST", OUTCOME_VALUE, 0, ROW },
	{ "RESOURCE_NOT_FOUND", OUTCOME_MISSING, 0, ROW },
	{ "NOT_FOUND", OUTCOME_MISSING, 0, ROW },
	{ "PARSE_ERROR", OUTCOME_BUG, 0, DOCUMENT }, { "undefinedField", OUTCOME_BUG, 0, DOCUMENT },
	{ "argumentNotAccepted", OUTCOME_BUG, 0, DOCUMENT }, { "missingRequiredArguments", OUTCOME_BUG, 0, DOCUMENT },
	{ "argumentLiteralsIncompatible", OUTCOME_BUG, 0, DOCUMENT },
	{ "missingRequiredInputObjectAttribute", OUTCOME_BUG, 0, DOCUMENT },
	{ "selectionMismatch", OUTCOME_BUG, 0, DOCUMENT }, { "variableNotUsed", OUTCOME_BUG, 0, DOCUMENT },
	{ "variableMismatch", OUTCOME_BUG, 0, DOCUMENT }, { "undefinedDirective", OUTCOME_BUG, 0, DOCUMENT },
	{ "undefinedType", OUTCOME_BUG, 0, DOCUMENT }, { "invalidOneOfInputObject", OUTCOME_BUG, 0, DOCUMENT },
	/* of mutations */
	{ "CHANGE_FROM_QUANTITY_STALE", OUTCOME_CONFLICT, 1, ROW }, { "COMPARE_QUANTITY_STALE", OUTCOME_CONFLICT, 1, ROW },
	{ "STALE_OBJECT", OUTCOME_CONFLICT, 1, ROW }, { "INVALID_COMPARE_DIGEST", OUTCOME_CONFLICT, 1, ROW },
	{ "INVALID_INVENTORY_ITEM", OUTCOME_MISSING, 0, ROW }, { "INVALID_LOCATION", OUTCOME_MISSING, 0, ROW },
	{ "ITEM_NOT_STOCKED_AT_LOCATION", OUTCOME_MISSING, 1, ROW }, { "INVALID_PRODUCT", OUTCOME_MISSING, 0, ROW },
	{ "INVALID_VARIANT", OUTCOME_MISSING, 0, ROW }, { "MUST_BE_FOR_THIS_PRODUCT", OUTCOME_MISSING, 0, ROW },
	{ "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", OUTCOME_DUPLICATE, 0, ROW },
	{ "TAKEN", OUTCOME_DUPLICATE, 0, ROW }, { "HANDLE_NOT_UNIQUE", OUTCOME_DUPLICATE, 0, ROW },
	{ "VARIANT_ALREADY_EXISTS", OUTCOME_DUPLICATE, 0, ROW }, { "DUPLICATE_ITEM", OUTCOME_DUPLICATE, 0, ROW },
	{ "LESS_THAN_OR_EQUAL_TO", OUTCOME_TOO_LARGE, 0, ROW },
	{ "OPERATION_IN_PROGRESS", OUTCOME_RATE, 1, ROW }, { "LIMIT_REACHED", OUTCOME_RATE, 1, ROW },
	{ "APP_NOT_AUTHORIZED", OUTCOME_AUTH, 0, ROW },
	{ "INTERNAL_ERROR", OUTCOME_INTERMITTENT, 1, ROW }, { "INTERNAL_FILE_SERVER_ERROR", OUTCOME_INTERMITTENT, 1, ROW },
	{ "SERVICE_UNAVAILABLE", OUTCOME_INTERMITTENT, 1, ROW }, { "JOB_ERROR", OUTCOME_INTERMITTENT, 1, ROW },
	{ "GENERIC_ERROR", OUTCOME_INTERMITTENT, 1, ROW },
	{ "IDEMPOTENCY_CONCURRENT_REQUEST", OUTCOME_INTERMITTENT, 1, LOST },
	{ "IDEMPOTENCY_KEY_PARAMETER_MISMATCH", OUTCOME_BUG, 1, ROW },
	{ "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", OUTCOME_INTERMITTENT, 1, ROW },
};

/* Does the word stand in the text? */
static int
has(struct json_span s, const char *word)
{
	return s.n > 0 && memmem(s.p, s.n, word, strlen(word)) != NULL;
}

struct shopify_code
shopify_code(struct json_span code, struct json_span message)
{
	size_t i;

	for (i = 0; code.n > 0 && i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strlen(codes[i].code) == code.n && memcmp(codes[i].code, code.p, code.n) == 0)
			return (struct shopify_code){ codes[i].class, codes[i].retry, codes[i].meaning, 1 };
	/* enums grow, and plain UserErrors have no code: by what they are called.  A
	 * wrong guess costs a class in a report, no retry hangs on it. */
	if (has(code, "NOT_FOUND") || has(code, "DOES_NOT_EXIST") ||
	    (code.n == 0 && (has(message, "does not exist") || has(message, "not found") || has(message, "not be found"))))
		return (struct shopify_code){ OUTCOME_MISSING, 0, ROW, 0 };
	if (has(code, "DUPLICATE") || has(code, "ALREADY_EXISTS") || (code.n == 0 && has(message, "already been taken")))
		return (struct shopify_code){ OUTCOME_DUPLICATE, 0, ROW, 0 };
	if (has(code, "OVER_LIMIT") || has(code, "LIMIT_EXCEEDED"))
		return (struct shopify_code){ OUTCOME_TOO_LARGE, 0, ROW, 0 };
	if (has(code, "STALE"))
		return (struct shopify_code){ OUTCOME_CONFLICT, 1, ROW, 0 };
	return (struct shopify_code){ OUTCOME_VALUE, 0, ROW, 0 };
}

/* Whole points of a number like 13, 2000.0 or 99.5; -1 if it is none or absurd. */
static int64_t
points(struct yyjson_val *v, int up)
{
	struct json_span s = json_scalar(v);
	struct buf t = { 0 };
	int64_t x = 0;
	size_t i = 0;

	if (json_type(v) != JSON_NUMBER || json_decimal(s.p, s.n, &t) == -1) {
		buf_free(&t);
		return -1;
	}
	if (t.p[0] == '-')
		i = t.len;	/* a bucket that is overdrawn is empty */
	for (; i < t.len && t.p[i] >= '0' && t.p[i] <= '9' && x < INT64_C(1000000000000); i++)
		x = x * 10 + (t.p[i] - '0');
	if (i < t.len && t.p[i] != '.')
		x = -1;
	else if (i < t.len && up)
		x++;
	buf_free(&t);
	return x;
}

void
shopify_cost(struct shopify_cost *c, struct yyjson_val *extensions)
{
	struct yyjson_val *cost = json_get(extensions, "cost"), *status = json_get(cost, "throttleStatus");

	c->requested = points(json_get(cost, "requestedQueryCost"), 1);
	c->actual = points(json_get(cost, "actualQueryCost"), 1);
	c->maximum = points(json_get(status, "maximumAvailable"), 0);
	c->available = points(json_get(status, "currentlyAvailable"), 0);
	c->restore = points(json_get(status, "restoreRate"), 0);
}

int64_t
shopify_cost_wait(const struct shopify_cost *c)
{
	int64_t ms = 1000;

	if (c->requested > c->available && c->available >= 0 && c->restore > 0)
		ms = ((c->requested - c->available) * 1000 + c->restore - 1) / c->restore;
	return ms < 1000 ? 1000 : ms > 3600000 ? 3600000 : ms;
}

void
shopify_copy(char *to, size_t size, struct json_span s)
{
	size_t n = s.n < size - 1 ? s.n : size - 1, i;

	/* not within a character */
	while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	for (i = 0; i < n; i++)
		to[i] = (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? ' ' : s.p[i];
	to[n] = '\0';
}
