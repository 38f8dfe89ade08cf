#include "peer/shopify_reply.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "net/http.h"

/* --- rows and items --------------------------------------------------------------- */

static void
say(struct shopify_reply *r, enum sink_end end, enum outcome_class class, int retry, const char *code,
    const char *message)
{
	r->end = end;
	r->class = class;
	r->retry = retry;
	(void)snprintf(r->code, sizeof(r->code), "%s", code);
	(void)snprintf(r->message, sizeof(r->message), "%s", message);
}

static void
all_items(const struct shopify_reply *r, const struct shopify_ask *a, int ok, int named)
{
	size_t i;

	for (i = 0; i < a->n; i++) {
		struct sink_result *s = &a->res[i];

		*s = (struct sink_result){ .ok = ok, .named = named, .class = ok ? OUTCOME_NONE : r->class,
		    .retry = !ok && r->retry };
		if (!ok) {
			memcpy(s->code, r->code, sizeof(s->code));
			memcpy(s->message, r->message, sizeof(s->message));
		}
	}
}

static void
name_item(const struct shopify_ask *a, size_t i, const struct shopify_code *c, struct json_span code,
    struct json_span message)
{
	struct sink_result *s = &a->res[i];

	/* the first of several that speak of it */
	if (s->named && !s->ok)
		return;
	*s = (struct sink_result){ .ok = 0, .named = 1, .class = c->class, .retry = c->retry };
	shopify_copy(s->code, sizeof(s->code), code.n > 0 ? code : (struct json_span){ "refused", 7 });
	shopify_copy(s->message, sizeof(s->message), message);
}

/* An index: digits alone, as a string or a number. */
static int
is_index(struct yyjson_val *v, size_t *out)
{
	uint64_t x;

	if (json_u64(v, &x) == -1 || x > SIZE_MAX)
		return 0;
	*out = (size_t)x;
	return 1;
}

enum { ROW_NONE, ROW_ONE, ROW_ALL };

/* Which row a path speaks of: ["input","quantities","0","quantity"].  The path of an
 * INVALID_VARIABLE begins within the variable: its first index counts. */
static int
row_of(const struct shopify_ask *a, struct yyjson_val *path, int variable, size_t *row)
{
	const char *list = shopify_doc(a->doc)->list;
	struct json_walk w = json_walk(path);
	struct yyjson_val *v;
	int first = 1;

	if (list == NULL) {
		*row = 0;	/* the call is one row */
		return ROW_ONE;
	}
	for (; (v = json_next(&w)) != NULL; first = 0) {
		struct json_span s = json_str(v);

		if (variable && is_index(v, row))
			return *row < a->rows ? ROW_ONE : ROW_NONE;
		if (first && s.n == 9 && memcmp(s.p, "productId", 9) == 0)
			return ROW_ALL;
		if (s.n != strlen(list) || memcmp(s.p, list, s.n) != 0)
			continue;
		v = json_next(&w);
		return v != NULL && is_index(v, row) && *row < a->rows ? ROW_ONE : ROW_NONE;
	}
	return ROW_NONE;
}

/* 1 if an item could be named. */
static int
name_rows(const struct shopify_ask *a, int how, size_t row, const struct shopify_code *c, struct json_span code,
    struct json_span message)
{
	size_t i;

	if (how == ROW_ALL)
		for (i = 0; i < a->n; i++)
			name_item(a, i, c, code, message);
	if (how != ROW_ONE)
		return how == ROW_ALL && a->n > 0;
	i = a->item != NULL && row < a->rows ? a->item[row] : row;
	if (i >= a->n)
		return 0;
	name_item(a, i, c, code, message);
	return 1;
}

/* --- userErrors ------------------------------------------------------------------------ */

static const struct json_span silent = { "an error without a message", 26 };

static int
is(struct json_span s, const char *word)
{
	return s.n == strlen(word) && memcmp(s.p, word, s.n) == 0;
}

/* What a key has to do with it.  1 if the end follows from that. */
static int
key_error(struct shopify_reply *r, struct json_span code)
{
	if (is(code, "IDEMPOTENCY_CONCURRENT_REQUEST")) {
		r->same_key = 1;
		r->wait = 1000;
		r->end = SINK_UNKNOWN;
		return 1;
	}
	if (is(code, "IDEMPOTENCY_KEY_PARAMETER_MISMATCH") || is(code, "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"))
		r->new_key = 1;
	return 0;
}

/* Take the errors; how many could not be laid at an item's door. */
static size_t
user_errors(struct shopify_reply *r, const struct shopify_ask *a, struct yyjson_val *list)
{
	struct json_walk w = json_walk(list);
	struct yyjson_val *e;
	size_t row = 0, lost = 0;
	int how;

	for (; (e = json_next(&w)) != NULL; r->errors++) {
		struct json_span code = json_str(json_get(e, "code")), message = json_str(json_get(e, "message"));
		struct shopify_code c = shopify_code(code, message);

		how = row_of(a, json_get(e, "field"), 0, &row);
		if (how == ROW_NONE && is_index(json_get(e, "elementIndex"), &row) && row < a->rows)
			how = ROW_ONE;
		if (message.n == 0)
			message = silent;
		if (r->code[0] == '\0') {
			r->class = c.class;
			r->retry = c.retry;
			shopify_copy(r->code, sizeof(r->code), code.n > 0 ? code : (struct json_span){ "refused", 7 });
			shopify_copy(r->message, sizeof(r->message), message);
		}
		if (key_error(r, code))
			how = ROW_NONE;
		lost += (size_t)!name_rows(a, how, row, &c, code, message);
	}
	return lost;
}

/* The payload of a mutation that ran. */
static void
judge_payload(struct shopify_reply *r, const struct shopify_ask *a)
{
	const struct shopify_doc_info *d = shopify_doc(a->doc);
	struct yyjson_val *errors = json_get(r->root, "userErrors"), *proof = json_get(r->root, d->proof);
	int done = json_type(proof) != JSON_NULL && proof != NULL;
	size_t lost;

	all_items(r, a, 1, 1);
	if (json_type(errors) != JSON_ARRAY || proof == NULL) {
		say(r, SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply", "the reply lacks what was asked for");
		all_items(r, a, 0, 0);
		return;
	}
	r->end = SINK_APPLIED;
	if (json_walk(errors).left == 0) {
		r->noop = !done;
		if (!done && (d->flags & SHOPIFY_NOOP) == 0) {
			say(r, SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply", "the reply says neither that it was done nor why not");
			all_items(r, a, 0, 0);
		}
		return;
	}
	/* Payloads show the product that was asked for also when nothing was done to
	 * it; a group of changes is made only by changing something. */
	r->code[0] = r->message[0] = '\0';
	r->end = SINK_REFUSED;
	if (a->partial) {
		lost = user_errors(r, a, errors);
		if (lost == 0 && done)
			r->end = SINK_APPLIED;
	} else {
		r->class = OUTCOME_NONE;
		all_items(r, a, 0, 0);
		(void)user_errors(r, a, errors);
		if (done && (d->flags & SHOPIFY_NOOP) != 0)
			say(r, SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-reply", "the reply has changes and errors at once");
	}
	/* those that nothing was said of */
	for (lost = 0; lost < a->n && r->end != SINK_APPLIED; lost++)
		if (r->end == SINK_UNKNOWN || !a->res[lost].named || a->res[lost].ok) {
			struct shopify_ask one = { .res = &a->res[lost], .n = 1 };

			all_items(r, &one, 0, 0);
		}
}

/* --- errors on top ------------------------------------------------------------------------ */

/* Those of an INVALID_VARIABLE say in problems[].path which element is meant. */
static void
name_problems(const struct shopify_ask *a, struct yyjson_val *e, const struct shopify_code *c, struct json_span code)
{
	struct json_walk w = json_walk(json_get(json_get(e, "extensions"), "problems"));
	struct yyjson_val *p;
	size_t row = 0;

	if (shopify_doc(a->doc)->list == NULL)
		return;
	while ((p = json_next(&w)) != NULL) {
		int how = row_of(a, json_get(p, "path"), 1, &row);

		(void)name_rows(a, how, row, c, code, json_str(json_get(p, "explanation")));
	}
}

/* An end for what happened.  ran: there is data, if only null; a request that is
 * refused before it runs has none (GraphQL specification, section 7.1). */
static enum sink_end
end_of(const struct shopify_ask *a, const struct shopify_code *c, int ran)
{
	int write = (shopify_doc(a->doc)->flags & SHOPIFY_WRITE) != 0;

	switch (c->meaning) {
	case SHOPIFY_MEANS_THROTTLE:
		return SINK_THROTTLED;
	case SHOPIFY_MEANS_AUTH:
		return SINK_AUTH;
	case SHOPIFY_MEANS_DOCUMENT:
		return SINK_PEER;
	case SHOPIFY_MEANS_LOST:
		return write ? SINK_UNKNOWN : SINK_PEER;
	case SHOPIFY_MEANS_ROW:
		break;
	}
	/* an error that we do not know, in a mutation that may have got far */
	if (!c->known && ran)
		return write ? SINK_UNKNOWN : SINK_PEER;
	return SINK_REFUSED;
}

static void
judge_errors(struct shopify_reply *r, const struct shopify_ask *a, struct yyjson_val *errors, int ran)
{
	struct json_walk w = json_walk(errors);
	struct shopify_code worst = { OUTCOME_NONE, 0, SHOPIFY_MEANS_ROW, 1 };
	struct yyjson_val *e;
	int first = 1;

	for (; (e = json_next(&w)) != NULL; r->errors++) {
		struct json_span code = json_str(json_get(json_get(e, "extensions"), "code"));
		struct json_span message = json_str(json_get(e, "message"));
		struct shopify_code c = shopify_code(code, message);

		if (message.n == 0)
			message = silent;
		if (first || c.meaning > worst.meaning || (c.meaning == worst.meaning && !c.known && worst.known)) {
			worst = c;
			r->class = c.class;
			r->retry = c.retry;
			shopify_copy(r->code, sizeof(r->code), code.n > 0 ? code : (struct json_span){ "error", 5 });
			shopify_copy(r->message, sizeof(r->message), message);
			first = 0;
		}
	}
	if (r->root != NULL)
		return;
	r->end = end_of(a, &worst, ran);
	if (r->end == SINK_UNKNOWN || r->end == SINK_PEER)
		r->retry = 1;
	if (r->end == SINK_THROTTLED)
		r->wait = shopify_cost_wait(&r->cost) > r->wait ? shopify_cost_wait(&r->cost) : r->wait;
	all_items(r, a, 0, 0);
	if (r->end != SINK_REFUSED)
		return;
	for (w = json_walk(errors); (e = json_next(&w)) != NULL;) {
		struct json_span code = json_str(json_get(json_get(e, "extensions"), "code"));
		struct shopify_code c = shopify_code(code, code);

		if (is(code, "INVALID_VARIABLE"))
			name_problems(a, e, &c, code);
	}
}

/* A body that is GraphQL's. */
static void
judge_body(struct shopify_reply *r, const struct shopify_ask *a, struct yyjson_val *body)
{
	const struct shopify_doc_info *d = shopify_doc(a->doc);
	struct yyjson_val *errors = json_get(body, "errors"), *ext = json_get(body, "extensions"), *s;
	int write = (d->flags & SHOPIFY_WRITE) != 0;
	struct json_walk w;

	shopify_cost(&r->cost, ext);
	for (w = json_walk(json_get(ext, "search")); (s = json_next(&w)) != NULL;)
		r->unfiltered |= json_walk(json_get(s, "warnings")).left > 0;
	r->data = json_type(json_get(body, "data")) == JSON_OBJECT ? json_get(body, "data") : NULL;
	r->root = json_get(r->data, d->root);
	if (json_type(r->root) == JSON_NULL)
		r->root = NULL;
	if (json_type(errors) == JSON_ARRAY && json_walk(errors).left > 0) {
		judge_errors(r, a, errors, json_get(body, "data") != NULL);
		if (r->root == NULL)
			return;
	} else if (r->root == NULL && (write || json_get(r->data, d->root) == NULL)) {
		say(r, write ? SINK_UNKNOWN : SINK_PEER, OUTCOME_BUG, 1, "odd-reply", "the reply has neither data nor errors");
		all_items(r, a, 0, 0);
		return;
	}
	if (!write) {
		/* null: asked for one that is not there */
		r->end = SINK_APPLIED;
		all_items(r, a, 1, 1);
		return;
	}
	/* what single fields of the payload could not tell us is no failure */
	r->class = OUTCOME_NONE;
	r->retry = 0;
	r->code[0] = r->message[0] = '\0';
	judge_payload(r, a);
}

/* --- HTTP ----------------------------------------------------------------------------------- */

/* {"errors":"…"}, {"errors":[{"message":"…"}]}, {"error":"…"}; else the text itself. */
static void
body_message(struct shopify_reply *r, struct yyjson_val *body, struct json_span text)
{
	struct yyjson_val *e = json_get(body, "errors");
	struct json_span s = json_str(e);
	char said[300];

	if (s.n == 0)
		s = json_str(json_get(json_at(e, 0), "message"));
	if (s.n == 0)
		s = json_str(json_get(body, "error_description"));
	if (s.n == 0)
		s = json_str(json_get(body, "error"));
	if (s.n == 0)
		s = (struct json_span){ text.p, text.n < 200 ? text.n : 200 };
	shopify_copy(said, sizeof(said), s);
	(void)snprintf(r->message, sizeof(r->message), "status %d%s%s", r->status, said[0] != '\0' ? ": " : "", said);
}

static enum sink_end
end_of_status(int status, int write, enum outcome_class *class, int *retry)
{
	*retry = 1;
	switch (status) {
	case 401:
	case 402:	/* frozen */
	case 403:
	case 404:	/* no such shop, or version */
	case 423:	/* locked */
	case 430:	/* taken for an attack: by no means at once again */
		*class = OUTCOME_AUTH;
		return SINK_AUTH;
	case 408:
	case 425:
	case 429:
		*class = OUTCOME_RATE;
		return SINK_THROTTLED;
	case 501:
	case 503:
	case 530:	/* its name is not found */
	case 540:	/* shut off for a while */
		*class = OUTCOME_INTERMITTENT;
		return SINK_PEER;
	case 413:
		*class = OUTCOME_TOO_LARGE;
		*retry = 0;
		return SINK_REFUSED;
	default:
		break;
	}
	*class = OUTCOME_INTERMITTENT;
	if (status >= 500)
		return write && status != 783 ? SINK_UNKNOWN : SINK_PEER;
	if (status < 400)
		return SINK_PEER;
	*class = OUTCOME_BUG;
	*retry = 0;
	return SINK_REFUSED;
}

static void
judge_http(struct shopify_reply *r, struct json_mem *m, const struct shopify_ask *a, const struct http_reply *h)
{
	int write = (shopify_doc(a->doc)->flags & SHOPIFY_WRITE) != 0;
	struct ss_err err = { .text = "" };
	struct yyjson_val *body = NULL;

	if (h->end != HTTP_OK) {
		say(r, h->sent && write ? SINK_UNKNOWN : SINK_NOT_EXECUTED, OUTCOME_CONNECTION, 1,
		    h->end == HTTP_TOO_LARGE ? "reply-too-large" : "connection",
		    h->text != NULL && h->text[0] != '\0' ? h->text : http_end_text(h->end));
		all_items(r, a, 0, 0);
		return;
	}
	if (h->body.n > 0)
		body = json_read(m, h->body.p, h->body.n, &err);
	if (h->status >= 200 && h->status <= 299) {
		if (json_type(body) == JSON_OBJECT) {
			judge_body(r, a, body);
			return;
		}
		say(r, write ? SINK_UNKNOWN : SINK_PEER, OUTCOME_INTERMITTENT, 1, "odd-reply", "");
		(void)snprintf(r->message, sizeof(r->message), "the reply cannot be read: %.300s",
		    h->body.n == 0 ? "it is empty" : body != NULL ? "no object" : err.text);
		all_items(r, a, 0, 0);
		return;
	}
	r->end = end_of_status(h->status, write, &r->class, &r->retry);
	(void)snprintf(r->code, sizeof(r->code), "http-%d", h->status);
	body_message(r, body, h->body);
	all_items(r, a, 0, 0);
}

/* --- */

void
shopify_reply_read(struct shopify_reply *r, struct json_mem *m, const struct shopify_ask *a,
    const struct http_reply *h)
{
	*r = (struct shopify_reply){ .status = h->status, .wait = h->retry_after, .cost = { -1, -1, -1, -1, -1 } };
	judge_http(r, m, a, h);
}

void
shopify_reply_line(struct shopify_reply *r, struct json_mem *m, const struct shopify_ask *a, const char *p, size_t n)
{
	struct ss_err err = { .text = "" };
	struct yyjson_val *v = json_read(m, p, n, &err);

	*r = (struct shopify_reply){ .status = 200, .wait = -1, .cost = { -1, -1, -1, -1, -1 } };
	if (json_u64(json_get(v, "__lineNumber"), &r->line) == -1) {
		say(r, SINK_UNKNOWN, OUTCOME_BUG, 1, "odd-line", v == NULL ? err.text : "the line has no number");
		all_items(r, a, 0, 0);
		return;
	}
	judge_body(r, a, v);
}

int
shopify_reply_page(struct yyjson_val *connection, struct json_walk *nodes, struct json_span *after)
{
	struct yyjson_val *list = json_get(connection, "nodes"), *info = json_get(connection, "pageInfo");
	struct json_span more = json_scalar(json_get(info, "hasNextPage"));

	*nodes = json_walk(list);
	*after = json_str(json_get(info, "endCursor"));
	if (json_type(list) != JSON_ARRAY || json_type(json_get(info, "hasNextPage")) != JSON_BOOL)
		return -1;
	if (more.n != 4)
		return 0;
	/* a page after this one that cannot be asked for must not pass as the end */
	return after->n > 0 ? 1 : -1;
}

int
shopify_reply_version(const struct http_reply *h, char have[16])
{
	struct json_span s = http_header(h, "X-Shopify-API-Version");

	have[0] = '\0';
	if (s.n == 0 || is(s, SHOPIFY_VERSION))
		return 0;
	shopify_copy(have, 16, s);
	return 1;
}
