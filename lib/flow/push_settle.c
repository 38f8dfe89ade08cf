/*
 * Intents that are open when nobody else holds the target's lock: their call
 * may or may not have been made.  The same bytes with the same key where the
 * target takes one, else a look, else a person decides.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha.h"
#include "flow/push_internal.h"

struct found {
	struct buf places;	/* uint64_t */
	int failed;
};

static int
found_one(void *ctx, struct json_span id, uint64_t place)
{
	struct found *f = ctx;

	(void)id;
	f->failed |= buf_add(&f->places, &place, sizeof(place)) == -1;
	return 0;
}

/* The item that is in our hands for a delivery, or the event loaded from the log. */
static int
item_for(struct push *p, struct yyjson_val *d, struct push_item **out, struct push_item *own, struct ss_err *err)
{
	struct json_span source = json_str(json_get(d, "source")), id = json_str(json_get(d, "id"));
	struct json_span turn = json_str(json_get(d, "turn")), pipe = json_str(json_get(d, "pipeline"));
	struct buf line = { 0 }, edited = { 0 }, text = { 0 };
	uint64_t place = 0, seq = 0, name, *slot;
	char num[24];
	struct event_edit e[2] = { { "ssturn", NULL, 0 }, { "ssplace", NULL, 0 } };
	struct event ev;
	size_t i;
	int rc;

	(void)json_u64(json_get(d, "place"), &place);
	(void)json_u64(json_get(d, "seq"), &seq);
	name = push_item_name(pipe, source, id, place);
	*out = NULL;
	for (i = 0; i < p->n; i++)
		if (!p->q[i].gone && p->q[i].name == name) {
			*out = &p->q[i];
			return 1;
		}
	if (seq == 0)
		return 0;
	rc = log_get(p->log, seq, &line, err);
	if (rc == 1) {
		(void)json_put_str(&text, turn.p == NULL ? "" : turn.p, turn.n);
		e[0].raw = turn.n > 0 ? text.p : NULL;
		e[0].n = text.len;
		if (place != seq) {
			e[1].raw = num;
			e[1].n = (size_t)snprintf(num, sizeof(num), "%llu", (unsigned long long)place);
		}
		if (event_parse(&ev, &p->mem, line.p, line.len, err) == -1 || event_edit(&edited, &ev, e, 2) == -1 ||
		    event_parse(&ev, &p->mem, edited.p, edited.len, err) == -1 || push_item_take(p, &ev, pipe, own, err) == -1)
			rc = -1;
	}
	if (rc == 1) {
		own->pipeline = strndup(pipe.p == NULL ? "-" : pipe.p, pipe.p == NULL ? 1 : pipe.n);
		slot = hash_add(&p->settled, own->name);
		rc = own->pipeline == NULL || slot == NULL ? err_nomem(err) : 1;
		if (slot != NULL)
			*slot = PUSH_LOADED;
		*out = own;
	}
	buf_free(&line);
	buf_free(&edited);
	buf_free(&text);
	return rc;
}

/* The bytes of the call as they were: from the intent, or made again and
 * compared by their hash.  1, 0 they cannot be had, -1. */
static int
body_for(struct push *p, struct push_call *k, struct yyjson_val *data, struct ss_err *err)
{
	struct json_span body = json_str(json_get(data, "body")), sum = json_str(json_get(data, "sha256"));
	char now[65];
	struct ss_err e = { .text = "" };

	if (json_get(data, "body") != NULL)
		return buf_add(&k->c.body, body.p == NULL ? "" : body.p, body.n) == -1 ? err_nomem(err) : 1;
	if (p->sink->ops->render(p->sink, k->events, k->c.n, &k->c.body, &e) == -1) {
		/* the template has changed since, or there is no memory: then try again */
		if (e.exit == SS_EXIT_USAGE)
			return 0;
		*err = e;
		return -1;
	}
	if (sha_256(k->c.body.p, k->c.body.len, now) == -1)
		return err_set(err, SS_EXIT_AGAIN, "libcrypto has no SHA-256");
	return sum.n == 64 && memcmp(sum.p, now, 64) == 0;
}

/* What can be done about it: made again, looked at, or left to a person. */
static int
decide(struct push *p, struct push_call *k, int64_t age, int have_body, struct ss_err *err)
{
	struct sink_call *c = &k->c;
	struct sink *s = p->sink;
	size_t i;

	if (have_body && s->can_check && s->ops->recover != NULL)
		return s->ops->recover(s, c, err);
	if (have_body && s->repeatable && age < p->retention) {
		if (s->ops->send(s, (struct sink_call *[]){ c }, 1, err) == -1)
			return -1;
		/* a peer that is ill now says nothing of the first sending: the intent
		 * stays open, under its key, until it is answered */
		if (c->end != SINK_APPLIED && c->end != SINK_REFUSED)
			c->end = SINK_UNKNOWN;
		return 0;
	}
	c->end = SINK_APPLIED;	/* settled; each item says that it is not known */
	(void)snprintf(c->why, sizeof(c->why), "not known whether the call was applied");
	for (i = 0; i < c->n; i++) {
		c->res[i] = (struct sink_result){ .ok = 0, .named = 1, .class = OUTCOME_CONFLICT };
		(void)snprintf(c->res[i].code, sizeof(c->res[i].code), "%s", PUSH_UNKNOWN);
		(void)snprintf(c->res[i].message, sizeof(c->res[i].message), "the call may have been applied and its reply was "
		    "lost; look at the target, then ss-replay it or leave it");
	}
	return 0;
}

static int
settle(struct push *p, const struct event *intent, struct push_item *own, size_t n, struct ss_err *err)
{
	struct yyjson_val *list = json_get(intent->data, "deliveries");
	struct push_item **items = calloc(n + 1, sizeof(*items));
	struct push_call k = { .items = NULL };
	int64_t at = event_time(intent);
	uint64_t offset = 0;
	struct json_walk w = json_walk(list);
	size_t i, have = 0;
	int rc = items == NULL ? err_nomem(err) : 0;

	for (i = 0; rc != -1 && i < n; i++) {
		rc = item_for(p, json_next(&w), &items[have], &own[i], err);
		have += rc == 1;
	}
	if (rc != -1)
		rc = push_item_prepare(p, items, have, err);
	if (rc != -1)
		rc = push_call_make(p, &k, items, have, err);
	if (rc != -1) {
		memcpy(k.c.id, intent->id.p, intent->id.n < UUID_TEXT ? intent->id.n : UUID_TEXT - 1);
		(void)json_u64(json_get(intent->data, "offset"), &offset);
		k.c.offset = offset;
		rc = body_for(p, &k, intent->data, err);
	}
	if (rc != -1)
		rc = decide(p, &k, clock_now(&p->cli->clock) - at, rc, err);
	if (rc != -1)
		rc = push_call_conclude(p, &k, err);
	if (rc != -1)
		rc = push_call_flush(p, err);
	push_call_free(&k);
	free(items);
	return rc == -1 ? -1 : 0;
}

static int
settle_at(struct push *p, uint64_t place, struct ss_err *err)
{
	struct buf line = { 0 };
	struct push_item *own = NULL;
	struct yyjson_val *list;
	struct json_walk w;
	struct event ev;
	size_t n = 0, i;
	int rc = log_get(p->log, place, &line, err);

	if (rc == 0)
		rc = err_set(err, SS_EXIT_DAMAGE, "the open intent at place %llu is not in the log",
		    (unsigned long long)place);
	if (rc == 1 && event_parse(&ev, &p->mem2, line.p, line.len, err) == -1)
		rc = -1;
	if (rc == 1) {
		list = json_get(ev.data, "deliveries");
		for (w = json_walk(list); json_next(&w) != NULL; n++)
			;
		own = calloc(n + 1, sizeof(*own));
		rc = own == NULL ? err_nomem(err) : settle(p, &ev, own, n, err);
	}
	for (i = 0; own != NULL && i < n; i++)
		push_item_free(&own[i]);
	free(own);
	buf_free(&line);
	return rc == -1 ? -1 : 0;
}

int
push_settle_open(struct push *p, struct ss_err *err)
{
	struct found f = { .failed = 0 };
	struct ledger_view *v;
	uint64_t place;
	size_t i;
	int rc;

	if (ledger_view(&v, p->ledger, err) == -1)
		return -1;
	rc = ledger_intents(v, (struct json_span){ p->sink->name, strlen(p->sink->name) }, found_one, &f, err);
	ledger_view_end(v);
	if (rc != -1 && f.failed)
		rc = err_nomem(err);
	p->unsettled = 0;
	for (i = 0; rc != -1 && i + sizeof(place) <= f.places.len; i += sizeof(place)) {
		memcpy(&place, f.places.p + i, sizeof(place));
		rc = settle_at(p, place, err);
		/* an ill peer: the rest waits with it, and so does the lock */
		if (p->ill_since != 0) {
			if (i + 2 * sizeof(place) <= f.places.len)
				p->unsettled = 1;
			break;
		}
	}
	if (rc != -1 && f.places.len > 0)
		rc = ledger_catchup(p->ledger, NULL, err);
	buf_free(&f.places);
	return rc == -1 ? -1 : 0;
}
