/* The story of one event as it is printed. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"
#include "flow/query_internal.h"

int
query_held(struct show *s, const struct held *h, struct event *ev)
{
	return event_parse(ev, &s->mem, h->p, h->n, s->err);
}

static const char *
state_name(const struct delivery *d)
{
	if (event_type_ends(d->state))
		return event_type_name(d->state) + 3;
	return d->replaced != 0 ? "replaced" : d->state == EVENT_OTHER ? "open" : event_type_name(d->state) + 3;
}

typedef int stage_fn(struct show *s, struct json_span name, uint64_t ms, int *n);

/* Calls each for every "stage@ms" of list. */
static int
each_stage(struct json_span list, stage_fn *each, struct show *s, int *n)
{
	const char *p = list.p, *end = p + list.n, *sp, *at;
	uint64_t ms;

	for (; p != NULL && p < end; p = sp + 1) {
		sp = memchr(p, ' ', (size_t)(end - p));
		if (sp == NULL)
			sp = end;
		at = memrchr(p, '@', (size_t)(sp - p));
		if (at != NULL && num_scan(at + 1, (size_t)(sp - at - 1), &ms) > 0 &&
		    each(s, (struct json_span){ p, (size_t)(at - p) }, ms, n) == -1)
			return -1;
	}
	return 0;
}

/* --- as NDJSON --- */

static int
stage_json(struct show *s, struct json_span name, uint64_t ms, int *n)
{
	char t[CLOCK_TEXT];

	clock_format(ms > INT64_MAX / 2 ? 0 : (int64_t)ms, t);
	(void)buf_adds(&s->text, (*n)++ == 0 ? "{" : ",{");
	(void)json_put_member(&s->text, "stage", name.p, name.n);
	(void)json_put_member(&s->text, "time", t, CLOCK_TEXT - 1);
	return buf_addc(&s->text, '}');
}

/* The stages that the last line of d tells of, else those of the event. */
static int
stages_json(struct show *s, const struct delivery *d, size_t at)
{
	struct event ev;
	struct json_span list = { NULL, 0 };
	int n = 0;
	size_t i;

	for (i = d->nlines; i > 0 && list.n == 0; i--) {
		if (query_held(s, &s->v[d->lines[i - 1]], &ev) == -1)
			return -1;
		list = json_str(json_get(ev.data, "stages"));
	}
	if (list.n == 0) {
		if (query_held(s, &s->v[at], &ev) == -1)
			return -1;
		list = ev.stages;
	}
	(void)buf_adds(&s->text, ",\"stages\":[");
	if (each_stage(list, stage_json, s, &n) == -1)
		return err_nomem(s->err);
	return buf_addc(&s->text, ']');
}

static int
delivery_json(struct show *s, const struct delivery *d, size_t at)
{
	struct buf *b = &s->text;
	struct event ev;
	struct json_span source;
	const char *state = state_name(d);
	size_t i;

	if (query_held(s, &s->v[at], &ev) == -1)
		return -1;
	source = s->v[at].related ? json_str(json_get(json_get(ev.data, "event"), "source")) : ev.source;
	buf_clear(b);
	(void)buf_adds(b, "{\"delivery\":{");
	(void)json_put_member(b, "source", source.p, source.n);
	(void)json_put_member(b, "id", s->id.p, s->id.n);
	(void)json_put_member(b, "pipeline", d->pipeline, strlen(d->pipeline));
	(void)buf_addf(b, ",\"place\":%llu}", (unsigned long long)d->place);
	(void)json_put_member(b, "state", state, strlen(state));
	if (d->replaced != 0)
		(void)buf_addf(b, ",\"replaced\":%llu", (unsigned long long)d->replaced);
	if (stages_json(s, d, at) == -1)
		return -1;
	(void)buf_adds(b, ",\"lines\":[");
	for (i = 0; i < d->nlines; i++) {
		if (i > 0)
			(void)buf_addc(b, ',');
		(void)buf_add(b, s->v[d->lines[i]].p, s->v[d->lines[i]].n);
	}
	if (buf_adds(b, "]}") == -1)
		return err_nomem(s->err);
	return out_line(&s->q->out, b->p, b->len, s->err);
}

/* --- for people --- */

static int
put_text_line(struct show *s)
{
	int rc = s->text.failed ? err_nomem(s->err) : out_line(&s->q->out, s->text.p, s->text.len, s->err);

	buf_clear(&s->text);
	return rc;
}

static void
add_label(struct show *s, const char *label, struct json_span v)
{
	if (v.n == 0)
		return;
	(void)buf_addf(&s->text, "%s", label);
	(void)query_text(&s->text, v.p, v.n);
}

static int
stage_people(struct show *s, struct json_span name, uint64_t ms, int *n)
{
	char t[CLOCK_TEXT];

	(void)n;
	clock_format(ms > INT64_MAX / 2 ? 0 : (int64_t)ms, t);
	(void)buf_addf(&s->text, "    %s  ", t);
	(void)query_text(&s->text, name.p, name.n);
	return put_text_line(s);
}

static int
outcome_people(struct show *s, const struct event *ev)
{
	struct yyjson_val *cause = json_get(ev->data, "cause"), *wait = json_get(ev->data, "wait");
	const char *name = event_type_name(event_type(ev)) + 3, *tint = query_tint(s->q, name, strlen(name));
	struct yyjson_val *run = json_get(ev->data, "range");
	struct json_span stage = json_str(json_get(ev->data, "stage")), range = json_scalar(json_at(run, 0));
	struct buf *b = &s->text;

	(void)buf_adds(b, "    ");
	(void)query_text(b, ev->time.p == NULL ? "" : ev->time.p, ev->time.n);
	add_label(s, "  ", stage.n > 0 ? stage : ev->source);
	(void)buf_addf(b, "  %s%s%s", tint, name, *tint == '\0' ? "" : "\033[0m");
	add_label(s, "  ", json_str(json_get(ev->data, "target")));
	add_label(s, "  attempt ", json_scalar(json_get(ev->data, "attempt")));
	if (json_get(ev->data, "ms") != NULL) {
		add_label(s, "  ", json_scalar(json_get(ev->data, "ms")));
		(void)buf_adds(b, " ms");
	}
	if (range.n > 0) {
		add_label(s, "  with places ", range);
		add_label(s, " to ", json_scalar(json_at(run, 1)));
	}
	add_label(s, "  replay ", json_scalar(json_get(ev->data, "replay")));
	if (put_text_line(s) == -1)
		return -1;
	if (cause != NULL) {
		add_label(s, "        cause: ", json_str(json_get(cause, "class")));
		add_label(s, " ", json_scalar(json_get(cause, "code")));
		add_label(s, ": ", json_str(json_get(cause, "message")));
		if (put_text_line(s) == -1)
			return -1;
	}
	if (wait != NULL) {
		add_label(s, "        waits for ", json_str(json_get(wait, "table")));
		add_label(s, " ", json_str(json_get(wait, "key")));
		add_label(s, "        waits behind place ", json_scalar(json_get(wait, "behind")));
		if (put_text_line(s) == -1)
			return -1;
	}
	add_label(s, "        tried again ", json_str(json_get(ev->data, "due")));
	add_label(s, "        given up ", json_str(json_get(ev->data, "deadline")));
	return s->text.len == 0 ? 0 : put_text_line(s);
}

static int
delivery_people(struct show *s, const struct delivery *d, size_t at)
{
	const char *state = state_name(d), *tint = query_tint(s->q, state, strlen(state));
	char *told = NULL;
	size_t told_n = 0, i;
	struct json_span list;
	struct event ev;
	int rc = 0;

	(void)buf_adds(&s->text, "  pipeline ");
	(void)query_text(&s->text, d->pipeline, strlen(d->pipeline));
	(void)buf_addf(&s->text, ", place %llu: %s%s%s", (unsigned long long)d->place, tint, state,
	    *tint == '\0' ? "" : "\033[0m");
	if (d->replaced != 0)
		(void)buf_addf(&s->text, " by place %llu", (unsigned long long)d->replaced);
	rc = put_text_line(s);
	if (rc == 0 && query_held(s, &s->v[at], &ev) == 0 && !s->v[at].related && ev.stages.n > 0) {
		rc = each_stage(ev.stages, stage_people, s, NULL);
		told = strndup(ev.stages.p, ev.stages.n);
		told_n = told == NULL ? 0 : ev.stages.n;
	}
	for (i = 0; rc == 0 && i < d->nlines; i++) {
		rc = query_held(s, &s->v[d->lines[i]], &ev);
		if (rc == -1)
			break;
		list = json_str(json_get(ev.data, "stages"));
		/* a later turn begins with the stages of before: not told again */
		if (told_n > 0 && list.n >= told_n && memcmp(list.p, told, told_n) == 0) {
			list.p += told_n;
			list.n -= told_n;
		}
		if (list.n > 0)
			rc = each_stage(list, stage_people, s, NULL);
		if (rc == 0)
			rc = outcome_people(s, &ev);
	}
	free(told);
	return rc;
}

static int
event_people(struct show *s, size_t at)
{
	struct event ev;

	if (query_held(s, &s->v[at], &ev) == -1)
		return -1;
	(void)buf_addf(&s->text, "%sevent ", s->q->color ? "\033[1m" : "");
	(void)query_text(&s->text, s->id.p, s->id.n);
	if (s->q->color)
		(void)buf_adds(&s->text, "\033[0m");
	if (s->v[at].related) {
		add_label(s, " of ", json_str(json_get(json_get(ev.data, "event"), "source")));
		(void)buf_adds(&s->text, ": not in the log, but what became of it is");
		return put_text_line(s);
	}
	add_label(s, "  ", ev.type);
	add_label(s, "  ", ev.subject);
	add_label(s, "  from ", ev.source);
	(void)buf_addf(&s->text, "  place %llu", (unsigned long long)s->v[at].seq);
	if (put_text_line(s) == -1)
		return -1;
	(void)buf_adds(&s->text, "  ");
	(void)query_text(&s->text, ev.line.p, ev.line.n);
	return put_text_line(s);
}

int
query_story_event(struct show *s, size_t at)
{
	if (s->q->people)
		return event_people(s, at);
	return s->v[at].related ? 0 : out_line(&s->q->out, s->v[at].p, s->v[at].n, s->err);
}

int
query_story_delivery(struct show *s, const struct delivery *d, size_t at)
{
	return s->q->people ? delivery_people(s, d, at) : delivery_json(s, d, at);
}
