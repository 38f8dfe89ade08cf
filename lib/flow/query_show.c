/*
 * The story of one event, from the log's lines alone: a first search for the
 * lines that name its id, a second for the ranges that cover a delivery of which
 * no line tells the end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "flow/query_internal.h"
#include "store/log.h"

static int
same(struct json_span a, struct json_span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static int
hold(struct show *s, const char *p, size_t n, uint64_t seq, int related)
{
	struct held *v;

	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 32 : s->cap * 2;
		v = realloc(s->v, s->cap * sizeof(*v));
		if (v == NULL)
			return err_nomem(s->err);
		s->v = v;
	}
	s->v[s->n] = (struct held){ malloc(n), n, seq, related };
	if (s->v[s->n].p == NULL)
		return err_nomem(s->err);
	memcpy(s->v[s->n++].p, p, n);
	return 0;
}

/* The event of a found line into s->line; 0 if it is none. */
static int
parse_line(struct show *s, const struct log_line *line, struct event *ev)
{
	struct ss_err e;

	buf_clear(&s->line);
	(void)buf_add(&s->line, line->p, line->body);
	if (buf_addc(&s->line, '}') == -1)
		return err_nomem(s->err);
	return event_parse(ev, &s->mem, s->line.p, s->line.len, &e) == 0;
}

static int
on_id(void *ctx, const struct log_line *line)
{
	struct show *s = ctx;
	struct event ev;
	int rc = parse_line(s, line, &ev);

	if (rc != 1)
		return rc;
	if (same(ev.id, s->id))
		return hold(s, s->line.p, s->line.len, line->seq, 0);
	if (ev.is_ss && same(json_str(json_get(json_get(ev.data, "event"), "id")), s->id))
		return hold(s, s->line.p, s->line.len, line->seq, 1);
	return 0;
}

static struct delivery *
delivery(struct show *s, const char *pipeline, size_t n, uint64_t place)
{
	struct delivery *d;
	size_t i;

	for (i = 0; i < s->nd; i++)
		if (s->d[i].place == place && strlen(s->d[i].pipeline) == n && memcmp(s->d[i].pipeline, pipeline, n) == 0)
			return &s->d[i];
	d = realloc(s->d, (s->nd + 1) * sizeof(*d));
	if (d == NULL)
		return NULL;
	s->d = d;
	d += s->nd;
	*d = (struct delivery){ .pipeline = strndup(pipeline, n), .place = place };
	if (d->pipeline == NULL)
		return NULL;
	s->nd++;
	return d;
}

static int
add_line(struct show *s, struct delivery *d, size_t i)
{
	size_t *v = d == NULL ? NULL : realloc(d->lines, (d->nlines + 1) * sizeof(*v));

	if (v == NULL)
		return err_nomem(s->err);
	d->lines = v;
	v[d->nlines++] = i;
	return 0;
}

/* A delivery in each pipeline of a comma separated list. */
static int
open_all(struct show *s, struct json_span list, uint64_t place)
{
	const char *p = list.p, *end = p + list.n, *c;

	for (; p < end; p = c + 1) {
		c = memchr(p, ',', (size_t)(end - p));
		if (c == NULL)
			c = end;
		if (c > p && delivery(s, p, (size_t)(c - p), place) == NULL)
			return err_nomem(s->err);
	}
	return 0;
}

static void
drop_deliveries(struct show *s)
{
	size_t i;

	for (i = 0; i < s->nd; i++) {
		free(s->d[i].pipeline);
		free(s->d[i].lines);
	}
	free(s->d);
	s->d = NULL;
	s->nd = 0;
}

/* What one ss. line says of the event's deliveries. */
static int
take_line(struct show *s, const struct event *ev, size_t i)
{
	struct json_span pipe = json_str(json_get(ev->data, "pipeline"));
	struct yyjson_val *of = json_get(ev->data, "event");
	enum event_type t = event_type(ev);
	struct delivery *d;
	uint64_t place = 0;
	size_t k;

	if (pipe.n == 0)
		return 0;
	if (t == EVENT_ACCEPTED)
		return open_all(s, pipe, s->v[i].seq);
	(void)(json_u64(json_get(of, "place"), &place) == 0 || json_u64(json_get(of, "seq"), &place) == 0);
	if (t == EVENT_REPLAYED) {
		for (k = 0; k < s->nd; k++)
			if (s->d[k].place == place && same((struct json_span){ s->d[k].pipeline, strlen(s->d[k].pipeline) }, pipe) &&
			    !event_type_ends(s->d[k].state))
				s->d[k].replaced = s->v[i].seq;
		return add_line(s, delivery(s, pipe.p, pipe.n, s->v[i].seq), i);
	}
	if (!event_type_outcome(t))
		return 0;
	d = delivery(s, pipe.p, pipe.n, place);
	if (d == NULL)
		return err_nomem(s->err);
	if (!event_type_ends(d->state))
		d->state = t;
	return add_line(s, d, i);
}

/* Is the line about the event in s->v[at], whose source is given?  One stored
 * twice is told apart by its place. */
static int
is_about(const struct show *s, const struct event *ev, size_t at, struct json_span source)
{
	struct yyjson_val *of = json_get(ev->data, "event");
	uint64_t seq;

	return same(json_str(json_get(of, "source")), source) &&
	    (s->v[at].related || json_u64(json_get(of, "seq"), &seq) == -1 || seq == s->v[at].seq);
}

/* Deliveries of the event in s->v[at], or of that source when the log has only
 * outcomes of it. */
static int
collect(struct show *s, size_t at)
{
	struct event ev;
	char *source = NULL;
	size_t i, sn = 0;
	int rc = query_held(s, &s->v[at], &ev);

	drop_deliveries(s);
	if (rc == -1)
		return -1;
	if (!s->v[at].related) {
		source = strndup(ev.source.p, ev.source.n);
		sn = ev.source.n;
		if (!ev.is_ss)
			rc = open_all(s, ev.pipeline.n > 0 ? ev.pipeline : (struct json_span){ "-", 1 }, s->v[at].seq);
	} else {
		struct json_span of = json_str(json_get(json_get(ev.data, "event"), "source"));

		source = strndup(of.p == NULL ? "" : of.p, of.n);
		sn = of.n;
	}
	if (source == NULL)
		rc = err_nomem(s->err);
	for (i = 0; rc == 0 && i < s->n; i++) {
		if (s->v[i].related != 1)
			continue;
		rc = query_held(s, &s->v[i], &ev);
		if (rc == 0 && is_about(s, &ev, at, (struct json_span){ source, sn }))
			rc = take_line(s, &ev, i);
	}
	free(source);
	return rc;
}

static int
on_range(void *ctx, const struct log_line *line)
{
	struct show *s = ctx;
	struct event ev;
	struct json_span pipe;
	uint64_t first, last;
	size_t i, open = 0;
	int rc = parse_line(s, line, &ev), held = 0;

	if (rc != 1 || !event_type_ends(event_type(&ev)) ||
	    json_u64(json_at(json_get(ev.data, "range"), 0), &first) == -1 ||
	    json_u64(json_at(json_get(ev.data, "range"), 1), &last) == -1)
		return rc == -1 ? -1 : 0;
	pipe = json_str(json_get(ev.data, "pipeline"));
	for (i = 0; i < s->nd; i++) {
		struct delivery *d = &s->d[i];

		if (event_type_ends(d->state) || d->replaced != 0)
			continue;
		if (d->place < first || d->place > last || line->seq <= d->place ||
		    !same((struct json_span){ d->pipeline, strlen(d->pipeline) }, pipe)) {
			open++;
			continue;
		}
		if (!held && hold(s, s->line.p, s->line.len, line->seq, 2) == -1)
			return -1;
		held = 1;
		d->state = event_type(&ev);
		if (add_line(s, d, s->n - 1) == -1)
			return -1;
	}
	return open == 0;	/* 1: all is known */
}

/* Ends that stand for a run of neighbours name no id. */
static int
find_ranges(struct show *s)
{
	static const char needle[] = "\"range\":[";
	uint64_t from = UINT64_MAX;
	size_t i;

	for (i = 0; i < s->nd; i++)
		if (!event_type_ends(s->d[i].state) && s->d[i].replaced == 0 && s->d[i].place < from)
			from = s->d[i].place;
	if (from == UINT64_MAX)
		return 0;
	return log_search(s->q->log, from, needle, sizeof(needle) - 1, on_range, s, s->err) == -1 ? -1 : 0;
}

/* One event with its deliveries. */
static int
show_one(struct show *s, size_t at)
{
	size_t i;
	int rc;

	if (collect(s, at) == -1 || find_ranges(s) == -1)
		return -1;
	rc = query_story_event(s, at);
	for (i = 0; rc == 0 && i < s->nd; i++)
		rc = query_story_delivery(s, &s->d[i], at);
	return rc;
}

/* Is the source of the outcome in s->v[at] one of an event or outcome before it? */
static int
told_before(struct show *s, size_t at, size_t n)
{
	struct json_mem mem = { 0 };
	struct event a, b;
	struct json_span want;
	size_t i;
	int hit = 0;

	if (event_parse(&a, &mem, s->v[at].p, s->v[at].n, s->err) == 0) {
		want = json_str(json_get(json_get(a.data, "event"), "source"));
		for (i = 0; i < n && !hit; i++) {
			if (i == at || (s->v[i].related && i > at) || query_held(s, &s->v[i], &b) == -1)
				continue;
			hit = same(want, s->v[i].related ? json_str(json_get(json_get(b.data, "event"), "source")) : b.source);
		}
	}
	json_mem_free(&mem);
	return hit;
}

int
query_show(struct query *q, const char *id, uint64_t *found, struct ss_err *err)
{
	struct show s = { .q = q, .id = { id, strlen(id) }, .err = err };
	struct buf needle = { 0 };
	size_t i, n;
	int rc;

	*found = 0;
	rc = json_put_cstr(&needle, id) == -1 ? err_nomem(err) :
	    log_search(q->log, 0, needle.p, needle.len, on_id, &s, err);
	n = s.n;	/* show_one() adds ranges behind */
	for (i = 0; rc == 0 && i < n; i++) {
		if (s.v[i].related && told_before(&s, i, n))
			continue;
		rc = show_one(&s, i);
		++*found;
	}
	if (rc == 0)
		rc = out_flush(&q->out, err);
	drop_deliveries(&s);
	for (i = 0; i < s.n; i++)
		free(s.v[i].p);
	free(s.v);
	json_mem_free(&s.mem);
	buf_free(&s.line);
	buf_free(&s.text);
	buf_free(&needle);
	return rc;
}
