/* Calls: the intent before, the settled line and the outcomes after. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sha.h"
#include "flow/push_internal.h"

int
push_call_make(struct push *p, struct push_call *k, struct push_item **items, size_t n, struct ss_err *err)
{
	size_t i;

	memset(k, 0, sizeof(*k));
	k->items = calloc(n, sizeof(*k->items));
	k->subjects = calloc(n, sizeof(*k->subjects));
	k->events = calloc(n, sizeof(*k->events));
	k->c.res = calloc(n, sizeof(*k->c.res));
	if (k->items == NULL || k->subjects == NULL || k->events == NULL || k->c.res == NULL) {
		push_call_free(k);
		return err_nomem(err);
	}
	k->c.n = n;
	k->c.subjects = k->subjects;
	k->c.retry_after = -1;
	cli_uuid(p->cli, k->c.id);
	for (i = 0; i < n; i++) {
		k->items[i] = items[i];
		k->subjects[i] = (struct json_span){ items[i]->subject, items[i]->subject_n };
		k->events[i] = (struct json_span){ items[i]->event.p, items[i]->event.len };
	}
	return 0;
}

void
push_call_free(struct push_call *k)
{
	free(k->items);
	free(k->subjects);
	free(k->events);
	free(k->c.res);
	buf_free(&k->c.body);
	memset(k, 0, sizeof(*k));
}

/* One more line for the next write to the log. */
static int
line_done(struct push *p, size_t start, struct ss_err *err)
{
	if (p->lines.failed)
		return err_nomem(err);
	if (p->nlens == p->caplens) {
		size_t cap = p->caplens == 0 ? 256 : p->caplens * 2;
		uint32_t *v = realloc(p->lens, cap * sizeof(*v));

		if (v == NULL)
			return err_nomem(err);
		p->lens = v;
		p->caplens = cap;
	}
	p->lens[p->nlens++] = (uint32_t)(p->lines.len - start);
	return 0;
}

static void
head(struct push *p, const char *id, const char *type)
{
	char time[CLOCK_TEXT];

	clock_format(clock_now(&p->cli->clock), time);
	(void)buf_addf(&p->lines, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"ss-push\",\"type\":\"%s\",\"time\":\"%s\","
	    "\"data\":{\"target\":", id, type, time);
	(void)json_put_cstr(&p->lines, p->sink->name);
}

static void
put_delivery(struct push *p, const struct push_item *it)
{
	const char *pipe = it->pipeline != NULL ? it->pipeline : p->f.pipeline != NULL ? p->f.pipeline : "-";
	const char *s = it->subject + it->subject_n + 1;

	(void)buf_adds(&p->lines, "{\"place\":");
	(void)buf_addu(&p->lines, it->place);
	(void)buf_adds(&p->lines, ",\"seq\":");
	(void)buf_addu(&p->lines, it->seq);
	(void)buf_adds(&p->lines, ",\"pipeline\":");
	(void)json_put_cstr(&p->lines, pipe);
	(void)json_put_member(&p->lines, "subject", it->subject, it->subject_n);
	(void)json_put_member(&p->lines, "source", s, it->source_n);
	(void)json_put_member(&p->lines, "id", s + it->source_n, it->id_n);
	if (it->turn_n > 0)
		(void)json_put_member(&p->lines, "turn", s + it->source_n + it->id_n, it->turn_n);
	(void)buf_addc(&p->lines, '}');
}

int
push_call_intend(struct push *p, struct push_call *k, size_t n, struct ss_err *err)
{
	char sum[65];
	uint64_t first;
	size_t c, i;
	int rc = 0;

	buf_clear(&p->lines);
	p->nlens = 0;
	for (c = 0; rc == 0 && c < n; c++) {
		size_t start = p->lines.len;
		struct sink_call *s = &k[c].c;

		head(p, s->id, "ss.intent");
		(void)buf_addf(&p->lines, ",\"offset\":%" PRIu64 ",\"deliveries\":[", s->offset);
		for (i = 0; i < s->n; i++) {
			if (i > 0)
				(void)buf_addc(&p->lines, ',');
			put_delivery(p, k[c].items[i]);
		}
		(void)buf_adds(&p->lines, "],");
		if (s->body.len <= PUSH_BODY_MAX && json_utf8(s->body.p == NULL ? "" : s->body.p, s->body.len)) {
			(void)buf_adds(&p->lines, "\"body\":");
			(void)json_put_str(&p->lines, s->body.p == NULL ? "" : s->body.p, s->body.len);
		} else if (sha_256(s->body.p, s->body.len, sum) == 0) {
			(void)buf_addf(&p->lines, "\"bytes\":%zu,\"sha256\":\"%s\"", s->body.len, sum);
		} else {
			rc = err_set(err, SS_EXIT_AGAIN, "libcrypto has no SHA-256");
		}
		(void)buf_adds(&p->lines, "}}");
		if (rc == 0)
			rc = line_done(p, start, err);
	}
	if (rc == 0)
		rc = log_append(p->log, p->lines.p, p->lens, p->nlens, &first, NULL, err);
	if (rc == 0)
		rc = log_sync(p->log, err);
	buf_clear(&p->lines);
	p->nlens = 0;
	return rc;
}

struct mark {
	uint64_t name;
	int outcome, bad;	/* outcome 0: a settled line, not handed on */
};

static int
mark(struct push *p, uint64_t name, int outcome, int bad, struct ss_err *err)
{
	struct mark m = { name, outcome, bad };

	return buf_add(&p->ends, &m, sizeof(m)) == -1 ? err_nomem(err) : 0;
}

int
push_call_end_item(struct push *p, struct push_item *it, struct outcome *o, struct ss_err *err)
{
	size_t start = p->lines.len;
	struct event ev;
	char id[UUID_TEXT];
	int bad = o->type == EVENT_DEAD || o->type == EVENT_FAILED || o->type == EVENT_PARKED;

	if (event_parse(&ev, &p->mem, it->line, it->n, err) == -1)
		return -1;
	o->stage = "push";
	o->pipeline = it->pipeline != NULL ? it->pipeline : p->f.pipeline;
	o->target = p->sink->name;
	cli_uuid(p->cli, id);
	if (outcome_put(&p->lines, &ev, o, id, clock_now(&p->cli->clock)) == -1 || line_done(p, start, err) == -1)
		return err_nomem(err);
	it->gone = 1;
	if ((o->type == EVENT_FAILED || o->type == EVENT_PARKED) && !it->state) {
		uint64_t *slot = hash_add(&p->failed, it->key);

		if (slot == NULL)
			return err_nomem(err);
		if (*slot == 0)
			*slot = it->place;
	}
	return mark(p, it->name, 1, bad, err);
}

/* Has it been failing for longer than give-up?  Its own time says nothing of
 * that: it may have been old when it came. */
static int
failing_too_long(struct push *p, const struct push_item *it, int64_t now, struct ss_err *err)
{
	const char *pipe = it->pipeline != NULL ? it->pipeline : p->f.pipeline;
	struct json_mem mem = { 0 };
	struct ledger_view *v;
	struct ledger_exc e;
	int rc;

	if (pipe == NULL || it->place == 0)
		return 0;
	if (ledger_view(&v, p->ledger, err) == -1)
		return -1;
	rc = ledger_exception(v, pipe, it->place, 0, &mem, &e, err);
	if (rc == 1)
		rc = now - e.since >= p->give_up;
	json_mem_free(&mem);
	ledger_view_end(v);
	return rc;
}

int
push_call_fail_item(struct push *p, struct push_item *it, enum outcome_class class, int retry,
    const char *code, const char *message, int64_t ms, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_DEAD, .class = class, .code = code[0] == '\0' ? NULL : code,
		.message = message[0] == '\0' ? NULL : message, .retry = retry, .ms = ms };
	int64_t now = clock_now(&p->cli->clock);
	struct event_turn t;
	struct event ev;
	int rc = 0;

	if (event_parse(&ev, &p->mem, it->line, it->n, err) == -1)
		return -1;
	event_turn(&ev, &t);
	if (t.attempt == 0)
		t.attempt = 1;
	if (retry && t.attempt < p->attempts && t.attempt > 1)
		rc = failing_too_long(p, it, now, err);
	if (rc == -1)
		return -1;
	if (retry && t.attempt < p->attempts && rc == 0) {
		o.type = EVENT_FAILED;
		o.due = now + pace_backoff(&p->cli->rng, p->retry_base, p->retry_cap, (unsigned)t.attempt, -1) + p->retry_base / 2;
	}
	return push_call_end_item(p, it, &o, err);
}

static int
put_settled(struct push *p, const struct push_call *k, const char *end, struct ss_err *err)
{
	size_t start = p->lines.len;
	char id[UUID_TEXT];

	cli_uuid(p->cli, id);
	head(p, id, "ss.settled");
	(void)buf_addf(&p->lines, ",\"intent\":\"%s\",\"end\":\"%s\",\"status\":%d", k->c.id, end, k->c.status);
	if (k->c.why[0] != '\0')
		(void)json_put_member(&p->lines, "message", k->c.why, strlen(k->c.why));
	/* how many outcomes stand behind it in the same write: the log's recovery takes
	 * it back when a power cut left fewer (ss-log(5)) */
	(void)buf_adds(&p->lines, ",\"lines\":\"");
	p->lines_at = p->lines.len;
	(void)buf_adds(&p->lines, "000000\"}}");
	if (line_done(p, start, err) == -1)
		return -1;
	return mark(p, 0, 0, 0, err);
}

static int
conclude_items(struct push *p, struct push_call *k, struct ss_err *err);

/* A call's settled line and all outcomes of it. */
static int
put_whole(struct push *p, struct push_call *k, const char *end, struct ss_err *err)
{
	char n[16];
	size_t before, at;

	if (put_settled(p, k, end, err) == -1)
		return -1;
	before = p->nlens;
	at = p->lines_at;
	if (conclude_items(p, k, err) == -1)
		return -1;
	(void)snprintf(n, sizeof(n), "%06zu", p->nlens - before);
	memcpy(p->lines.p + at, n, 6);
	return 0;
}

/* What was loaded from the log to settle an intent is in nobody's hands here.  A
 * failure of another pipeline's delivery is not ours to tell: nothing of it was
 * applied, so its own run goes on with it, by its own attempts and in its own
 * order.  Only what nobody can tell ends here, since who feeds it again may do it
 * twice; and nothing ends that has its end already.  1: leave it out, 0, -1. */
static int
not_ours_to_fail(struct push *p, const struct push_item *it, const struct sink_result *r, struct ss_err *err)
{
	struct ledger_view *v;
	uint64_t first, last;
	int rc;

	if (it->pipeline == NULL)
		return 0;
	if (strcmp(it->pipeline, p->f.pipeline != NULL ? p->f.pipeline : "-") != 0 && strcmp(r->code, PUSH_UNKNOWN) != 0)
		return 1;
	if (ledger_view(&v, p->ledger, err) == -1)
		return -1;
	rc = ledger_open_run(v, it->pipeline, it->place, &first, &last, err);
	ledger_view_end(v);
	return rc == -1 ? -1 : rc == 0 || first > it->place;
}

static int
conclude_items(struct push *p, struct push_call *k, struct ss_err *err)
{
	size_t i;
	int named = 0;

	for (i = 0; i < k->c.n; i++)
		named |= k->c.res[i].named && !k->c.res[i].ok;
	for (i = 0; i < k->c.n; i++) {
		struct sink_result *r = &k->c.res[i];
		struct push_item *it = k->items[i];
		struct outcome o = { .type = EVENT_DELIVERED, .ms = k->c.ms, .at = k->c.at,
			.set = { it->set.p, it->state ? it->set.len : 0 } };
		int rc;

		if (k->c.end == SINK_REFUSED && (r->ok || !r->named)) {
			/* nothing was applied: again without those that were named, by
			 * itself when none was */
			if (named || k->c.n > 1) {
				it->alone = !named;
				continue;
			}
			if (r->ok) {
				/* the reply program calls it well, the status does not */
				r->ok = 0;
				r->class = OUTCOME_VALUE;
				(void)snprintf(r->code, sizeof(r->code), "http-%d", k->c.status);
				(void)snprintf(r->message, sizeof(r->message), "%s", k->c.why);
			}
		}
		rc = r->ok ? 0 : not_ours_to_fail(p, it, r, err);
		if (rc == 1)
			continue;
		if (rc == 0)
			rc = r->ok ? push_call_end_item(p, it, &o, err) :
			    push_call_fail_item(p, it, r->class, r->retry, r->code, r->message, k->c.ms, err);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static void
ill(struct push *p, const struct push_call *k, enum outcome_class class)
{
	int64_t now = clock_mono();

	if (p->ill_since == 0)
		p->ill_since = now;
	p->ill_class = class;
	(void)snprintf(p->ill_why, sizeof(p->ill_why), "%s", k->c.why);
	pace_breaker_fail(&p->breaker, now, k->c.retry_after);
}

int
push_call_conclude(struct push *p, struct push_call *k, struct ss_err *err)
{
	const char *end = "applied";

	switch (k->c.end) {
	case SINK_APPLIED:
	case SINK_REFUSED:
		p->ill_since = 0;
		p->well = 1;
		pace_breaker_ok(&p->breaker);
		if (k->c.end == SINK_REFUSED)
			end = "refused";
		else if (k->c.n > 0 && strcmp(k->c.res[0].code, PUSH_UNKNOWN) == 0)
			end = "unknown";
		return put_whole(p, k, end, err);
	case SINK_NOT_EXECUTED:
	case SINK_PEER:
		ill(p, k, k->c.end == SINK_PEER ? OUTCOME_INTERMITTENT : OUTCOME_CONNECTION);
		return put_settled(p, k, "not-executed", err);
	case SINK_THROTTLED:
		ill(p, k, OUTCOME_RATE);
		return put_settled(p, k, "throttled", err);
	case SINK_AUTH:
		ill(p, k, OUTCOME_AUTH);
		return put_settled(p, k, "not-executed", err);
	case SINK_UNKNOWN:
		/* the intent stays open: push_settle_open() decides */
		p->unsettled = 1;
		ill(p, k, k->c.status == 401 || k->c.status == 403 ? OUTCOME_AUTH : OUTCOME_CONNECTION);
		return 0;
	}
	return 0;
}

int
push_call_flush(struct push *p, struct ss_err *err)
{
	struct mark m;
	uint64_t first;
	const char *s, *nl;
	size_t i;

	if (p->nlens == 0)
		return 0;
	buf_clear(&p->out);
	if (log_append(p->log, p->lines.p, p->lens, p->nlens, &first, &p->out, err) == -1 || log_sync(p->log, err) == -1)
		return -1;
	s = p->out.p;
	for (i = 0; i < p->nlens; i++, s = nl + 1) {
		uint64_t *slot;

		nl = memchr(s, '\n', (size_t)(p->out.p + p->out.len - s));
		memcpy(&m, p->ends.p + i * sizeof(m), sizeof(m));
		if (!m.outcome)
			continue;
		slot = hash_get(&p->settled, m.name);
		if (slot != NULL && *slot == PUSH_LOADED) {
			/* settled before its event came to us: handed on when it does */
			*slot = p->early.len;
			if (buf_add(&p->early, s, (size_t)(nl - s) + 1) == -1)
				return err_nomem(err);
			p->f.bad += m.bad != 0;
		} else if (filter_end_line(&p->f, s, (size_t)(nl - s), m.bad, err) == -1) {
			return -1;
		}
	}
	buf_clear(&p->lines);
	buf_clear(&p->ends);
	p->nlens = 0;
	return 0;
}
