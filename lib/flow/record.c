#include "flow/record.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "event/outcome.h"
#include "store/ledger.h"
#include "store/log.h"

#define AHEAD_MS 300000	/* a source's clock may be this far ahead (design 2) */

struct record_batch *
record_batch_new(void)
{
	struct record_batch *b = calloc(1, sizeof(*b));

	if (b != NULL)
		b->plain = 1;
	return b;
}

void
record_batch_free(struct record_batch *b)
{
	if (b == NULL)
		return;
	buf_free(&b->lines);
	buf_free(&b->rejected);
	buf_free(&b->extra);
	buf_free(&b->silent);
	buf_free(&b->out);
	free(b->lens);
	free(b);
}

int
record_init(struct record *r, struct log *log, struct ledger *ledger, struct cli *c,
    const char *pipeline, int relabel, struct ss_err *err)
{
	memset(r, 0, sizeof(*r));
	r->log = log;
	r->ledger = ledger;
	r->cli = c;
	r->pipeline = pipeline;
	r->relabel = relabel;
	r->b = record_batch_new();
	r->fresh = calloc(1, sizeof(*r->fresh));
	return r->fresh == NULL || r->b == NULL ? err_nomem(err) : 0;
}

void
record_free(struct record *r)
{
	size_t i;

	json_mem_free(&r->mem);
	buf_free(&r->tmp);
	buf_free(&r->line);
	buf_free(&r->tail);
	record_batch_free(r->b);
	if (r->fresh != NULL)
		hash_free(r->fresh);
	free(r->fresh);
	ledger_view_end(r->view);
	for (i = 0; i < r->ncursors; i++)
		free(r->cursor[i].source);
}

size_t
record_pending(const struct record *r)
{
	return r->b->lines.len + r->b->extra.len;
}

/* The event's own members at its end, label and recordedtime in this order so
 * that ss-run can tell them without parsing, and the closing brace. */
static int
put_tail(const struct record *r, const char *label, struct buf *b)
{
	if (label != NULL) {
		(void)buf_adds(b, ",\"sspipeline\":");
		(void)json_put_cstr(b, label);
	}
	(void)buf_adds(b, ",\"recordedtime\":\"");
	(void)buf_add(b, r->now_text, CLOCK_TEXT - 1);
	return buf_adds(b, "\"}");
}

/* The time is taken once a batch: its lines came together. */
static int
batch_time(struct record *r, struct ss_err *err)
{
	if (r->b->now != 0)
		return 0;
	r->b->now = r->now = clock_now(&r->cli->clock);
	clock_format(r->now, r->now_text);
	clock_format(r->now + AHEAD_MS, r->limit_text);
	buf_clear(&r->tail);
	return put_tail(r, r->pipeline, &r->tail) == -1 ? err_nomem(err) : 0;
}

/* Count the line that was just put behind start in lines. */
static int
batch_add(struct record *r, size_t start, struct ss_err *err)
{
	if (r->b->lines.failed)
		return err_nomem(err);
	if (r->b->n == r->b->cap) {
		size_t cap = r->b->cap == 0 ? 4096 : r->b->cap * 2;
		uint32_t *v = realloc(r->b->lens, cap * sizeof(*v));

		if (v == NULL)
			return err_nomem(err);
		r->b->lens = v;
		r->b->cap = cap;
	}
	r->b->lens[r->b->n++] = (uint32_t)(r->b->lines.len - start);
	return 0;
}

int
record_own(struct record *r, const char *p, size_t n, int is_event, struct ss_err *err)
{
	size_t start = r->b->lines.len;

	if (batch_time(r, err) == -1)
		return -1;
	r->b->plain = 0;
	(void)buf_add(&r->b->lines, p, n);
	r->stored += is_event != 0;
	r->outcomes += is_event == 0;
	return batch_add(r, start, err);
}

/* A line that goes on as it is, behind what is in the batch so far. */
static int
pass_by(struct record *r, const char *p, size_t n, struct ss_err *err)
{
	uint64_t head[2] = { r->b->n, n };

	(void)buf_add(&r->b->extra, head, sizeof(head));
	return buf_add(&r->b->extra, p, n) == -1 ? err_nomem(err) : 0;
}

static int
count_for_cursor(struct record *r, struct json_span source)
{
	size_t i;

	for (i = 0; source.n > 0 && i < r->ncursors; i++)
		if (strlen(r->cursor[i].source) == source.n && memcmp(r->cursor[i].source, source.p, source.n) == 0) {
			r->cursor[i].lines++;
			return 1;
		}
	return 0;
}

static void
drop_cursor(struct record *r, size_t i)
{
	free(r->cursor[i].source);
	r->cursor[i] = r->cursor[--r->ncursors];
}

static int
cut_short(struct record *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int
cut_short(struct record *r, const char *fmt, ...)
{
	va_list ap;

	if (!r->cut_short) {
		va_start(ap, fmt);
		(void)vsnprintf(r->why, sizeof(r->why), fmt, ap);
		va_end(ap);
	}
	r->cut_short = 1;
	return RECORD_DROPPED;
}

/* begin opens a count, end closes it and is stored only if the count agrees:
 * else the source is not held to have been read (loss guard). */
static int
take_cursor(struct record *r, const struct event *ev, struct ss_err *err)
{
	struct json_span phase = json_str(json_get(ev->data, "phase"));
	uint64_t told = 0;
	size_t i, start = r->b->lines.len;
	uint32_t at;

	for (i = 0; i < r->ncursors; i++)
		if (strlen(r->cursor[i].source) == ev->source.n &&
		    memcmp(r->cursor[i].source, ev->source.p, ev->source.n) == 0)
			break;
	if (phase.n == 5 && memcmp(phase.p, "begin", 5) == 0) {
		if (i < r->ncursors) {
			(void)cut_short(r, "source %.60s began again before its end", r->cursor[i].source);
			drop_cursor(r, i);
		}
		if (r->ncursors == RECORD_CURSORS)
			return err_set(err, SS_EXIT_USAGE, "more than %d sources at once on standard input", RECORD_CURSORS);
		r->cursor[r->ncursors].source = strndup(ev->source.p, ev->source.n);
		r->cursor[r->ncursors].lines = 0;
		if (r->cursor[r->ncursors++].source == NULL)
			return err_nomem(err);
		return RECORD_CURSOR;
	}
	if (i == r->ncursors)
		return cut_short(r, "source %.*s ended without having begun", (int)(ev->source.n > 60 ? 60 : ev->source.n),
		    ev->source.p);
	if (json_u64(json_get(ev->data, "lines"), &told) == -1 || told != r->cursor[i].lines) {
		(void)cut_short(r, "source %.60s wrote %" PRIu64 " lines, %" PRIu64 " came here", r->cursor[i].source, told,
		    r->cursor[i].lines);
		drop_cursor(r, i);
		return RECORD_DROPPED;
	}
	drop_cursor(r, i);
	r->b->plain = 0;
	/* consumed here, as its begin was: who comes behind us must not miss that */
	at = (uint32_t)r->b->n;
	(void)buf_add(&r->b->lines, ev->line.p, ev->line.n);
	return buf_add(&r->b->silent, &at, sizeof(at)) == -1 || batch_add(r, start, err) == -1 ? err_nomem(err) : RECORD_CURSOR;
}

/* Is (source, id) in the log already?  1 with its place (0: in this batch). */
static int
seen_before(struct record *r, const struct event *ev, uint64_t *place, struct ss_err *err)
{
	struct hash_128 h = hash_pair(ev->source.p, ev->source.n, ev->id.p, ev->id.n);
	uint64_t key, *have;
	int rc;

	memcpy(&key, h.b, sizeof(key));
	have = hash_get(r->fresh, key);
	if (have != NULL) {
		*place = *have;
		return 1;
	}
	if (r->view == NULL && ((r->quiesce != NULL && r->quiesce(r->quiesce_ctx, err) == -1) ||
	    ledger_catchup(r->ledger, NULL, err) == -1 || ledger_view(&r->view, r->ledger, err) == -1))
		return -1;
	rc = ledger_seen(r->view, ev->source, ev->id, place, err);
	if (rc == 0 && hash_add(r->fresh, key) == NULL)
		return err_nomem(err);
	return rc;
}

static int
digits(const char *p, size_t n)
{
	while (n > 0 && *p >= '0' && *p <= '9')
		p++, n--;
	return n == 0;
}

/* Is it RFC 3339?  Most are of the same minute as the one before. */
static int
good_time(struct record *r, struct json_span t)
{
	int64_t ms;
	int usual = t.n == CLOCK_TEXT - 1;

	if (usual && memcmp(t.p, r->minute, sizeof(r->minute)) == 0 && t.p[17] <= '5' && digits(t.p + 17, 2) &&
	    t.p[19] == '.' && digits(t.p + 20, 3) && t.p[23] == 'Z')
		return 1;
	if (clock_parse(t.p, t.n, &ms) == -1)
		return 0;
	if (usual)
		memcpy(r->minute, t.p, sizeof(r->minute));
	return 1;
}

/* Does the source's clock say more than AHEAD_MS too much?  Most times come in
 * the form that clock_format gives, which sorts as text. */
static int
is_ahead(const struct record *r, const struct event *ev)
{
	struct json_span t = ev->time;

	if (t.p == NULL)
		return 0;
	if (t.n == CLOCK_TEXT - 1 && t.p[10] == 'T' && t.p[CLOCK_TEXT - 2] == 'Z' &&
	    memcmp(t.p, r->limit_text, CLOCK_TEXT - 1) <= 0)
		return 0;
	return event_time(ev) > r->now + AHEAD_MS;
}

/* The event as it is stored. */
static int
put_event(struct record *r, const struct event *ev, struct ss_err *err)
{
	size_t start = r->b->lines.len;
	struct buf *b = &r->b->lines;
	int ahead = is_ahead(r, ev);
	const char *label = r->pipeline;

	if (ahead || ev->passage) {
		struct event_edit e[8] = { { "ssseq", NULL, 0 }, { "sscrc", NULL, 0 }, { "ssturn", NULL, 0 },
			{ "ssplace", NULL, 0 }, { "sspipeline", NULL, 0 }, { "recordedtime", NULL, 0 }, { "time", NULL, 0 } };
		size_t n = 6;

		buf_clear(&r->tmp);
		if (!r->relabel && ev->pipeline.n > 0) {
			(void)buf_add(&r->tmp, ev->pipeline.p, ev->pipeline.n);
			label = buf_cstr(&r->tmp);
		}
		buf_clear(&r->line);
		if (ahead) {
			(void)json_put_str(&r->line, r->now_text, CLOCK_TEXT - 1);
			e[6].raw = r->line.p;
			e[6].n = r->line.len;
			n = 7;
			r->ahead++;
		}
		if (event_edit(b, ev, e, n) == -1)
			return err_nomem(err);
		b->len--;
	} else {
		(void)buf_add(b, ev->line.p, ev->line.n - 1);
	}
	r->stored++;
	if (label == r->pipeline) {
		(void)buf_add(b, r->tail.p, r->tail.len);
	} else {
		r->b->plain = 0;
		(void)put_tail(r, label, b);
	}
	return batch_add(r, start, err);
}

/* A known event that was never in this pipeline: ss.accepted opens a delivery
 * there.  1 then; 2 the event itself was stored once more, for it came twice in
 * one batch; 0 it has been there, -1. */
static int
bring_further(struct record *r, const struct event *ev, uint64_t place, struct ss_err *err)
{
	struct hash_128 h;
	struct json_span label = { r->pipeline, r->pipeline == NULL ? 0 : strlen(r->pipeline) };
	char id[UUID_TEXT];
	uint64_t key, *have;
	uint32_t at;
	int rc;

	if (!r->relabel && ev->pipeline.n > 0)
		label = ev->pipeline;
	if (label.n == 0 || memchr(label.p, ',', label.n) != NULL)
		return 0;
	h = hash_pair(ev->source.p, ev->source.n, ev->id.p, ev->id.n);
	h = hash_pair(h.b, sizeof(h.b), label.p, label.n);
	memcpy(&key, h.b, sizeof(key));
	have = hash_get(r->fresh, key);
	rc = have != NULL ? 1 : place == 0 || r->view == NULL ? 0 : ledger_seen_in(r->view, ev->source, ev->id, label, err);
	if (rc == -1 || rc == 1)
		return rc == 1 ? 0 : -1;
	if (hash_add(r->fresh, key) == NULL)
		return err_nomem(err);
	if (place == 0)
		return put_event(r, ev, err) == -1 ? -1 : 2;
	cli_uuid(r->cli, id);
	buf_clear(&r->line);
	(void)buf_addf(&r->line, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"%s\",\"type\":\"ss.accepted\",\"time\":\"%s\","
	    "\"data\":{\"event\":{", id, r->cli->prog->name, r->now_text);
	(void)json_put_member(&r->line, "source", ev->source.p, ev->source.n);
	(void)json_put_member(&r->line, "id", ev->id.p, ev->id.n);
	(void)buf_addf(&r->line, ",\"seq\":%" PRIu64 "}", place);
	(void)json_put_member(&r->line, "pipeline", label.p, label.n);
	(void)buf_adds(&r->line, "}}");
	at = (uint32_t)r->b->n;
	if (r->line.failed || buf_add(&r->b->silent, &at, sizeof(at)) == -1 ||
	    record_own(r, r->line.p, r->line.len, 1, err) == -1)
		return err_nomem(err);
	return 1;
}

/* Remember in which pipelines an id of this batch was stored. */
static int
fresh_label(struct record *r, const struct event *ev)
{
	struct hash_128 h = hash_pair(ev->source.p, ev->source.n, ev->id.p, ev->id.n);
	const char *label = !r->relabel && ev->pipeline.n > 0 ? ev->pipeline.p : r->pipeline;
	size_t n = !r->relabel && ev->pipeline.n > 0 ? ev->pipeline.n : label == NULL ? 0 : strlen(label);
	uint64_t key;

	if (n == 0)
		return 0;
	h = hash_pair(h.b, sizeof(h.b), label, n);
	memcpy(&key, h.b, sizeof(key));
	return hash_add(r->fresh, key) == NULL ? -1 : 0;
}

static int
take_event(struct record *r, const struct event *ev, struct ss_err *err)
{
	uint64_t place = 0;
	int rc, rejected = ev->type.n == 13 && memcmp(ev->type.p, "line.rejected", 13) == 0;

	if (uuid_version(ev->id.p, ev->id.n) != 7) {
		r->b->plain = 0;
		rc = seen_before(r, ev, &place, err);
		if (rc == -1)
			return -1;
		if (rc == 1) {
			char num[24];
			struct event_edit e = { "ssseq", num, 0 };

			rc = bring_further(r, ev, place, err);
			if (rc == -1 || rc == 2)
				return rc == -1 ? -1 : RECORD_STORED;
			r->known += rc == 0;
			e.n = (size_t)snprintf(num, sizeof(num), "%" PRIu64, place);
			buf_clear(&r->line);
			if (event_edit(&r->line, ev, &e, place != 0) == -1)
				return err_nomem(err);
			return pass_by(r, r->line.p, r->line.len, err) == -1 ? -1 : RECORD_KNOWN;
		}
		if (fresh_label(r, ev) == -1)
			return err_nomem(err);
	}
	if (rejected) {
		uint32_t at = (uint32_t)r->b->n;

		r->b->plain = 0;
		r->rejects++;
		if (buf_add(&r->b->rejected, &at, sizeof(at)) == -1)
			return err_nomem(err);
	}
	if (put_event(r, ev, err) == -1)
		return -1;
	return rejected ? RECORD_REJECTED : RECORD_STORED;
}

/* Lines of the programs' own kind: checked by record_line(). */
static int
take_ss(struct record *r, const struct event *ev, struct ss_err *err)
{
	enum event_type t = event_type(ev);
	size_t start = r->b->lines.len;

	if (t == EVENT_CURSOR && ev->seq == 0)
		return take_cursor(r, ev, err);
	if (ev->seq != 0 || t == EVENT_END || t == EVENT_STOP || t == EVENT_SEGMENT)
		return pass_by(r, ev->line.p, ev->line.n, err) == -1 ? -1 : RECORD_PASSED;
	r->b->plain = 0;
	r->outcomes++;
	(void)buf_add(&r->b->lines, ev->line.p, ev->line.n);
	return batch_add(r, start, err) == -1 ? -1 : RECORD_STORED;
}

/* What is no event is kept with its reason; a torn last line of a source that
 * did not end is only what a crash left of a line that will come again. */
static int
take_bad(struct record *r, const struct line *l, int kind, const char *why, struct ss_err *err)
{
	struct event ev;
	char source[64];

	if (kind == LINE_TORN && r->ncursors > 0)
		return cut_short(r, "the last line is torn");
	if (r->strict)
		return err_set(err, SS_EXIT_USAGE, "standard input: line %" PRIu64 ": %s", l->number, why);
	buf_clear(&r->line);
	(void)snprintf(source, sizeof(source), "%s", r->cli->prog->name);
	if (outcome_put_rejected(&r->line, source, "stdin", l->number, l->p, l->n, why, r->now) == -1)
		return err_nomem(err);
	buf_clear(&r->tmp);
	(void)buf_add(&r->tmp, r->line.p, r->line.len);
	if (r->tmp.failed || event_parse(&ev, &r->mem, r->tmp.p, r->tmp.len, err) == -1)
		return -1;
	return take_event(r, &ev, err);
}

int
record_line(struct record *r, const struct line *l, int kind, struct ss_err *err)
{
	struct event *ev = &r->ev;
	enum event_type t;
	const char *why;

	if (batch_time(r, err) == -1)
		return -1;
	if (kind == LINE_LONG)
		return take_bad(r, l, kind, "line longer than max-line (1 MiB)", err);
	if (event_parse(ev, &r->mem, l->p, l->n, &r->bad) == -1)
		return take_bad(r, l, kind, r->bad.text, err);
	if (r->ncursors > 0) {
		/* behind a filter an outcome stands for the event it is about */
		struct json_span source = event_type_outcome(event_type(ev)) ?
		    json_str(json_get(json_get(ev->data, "event"), "source")) : ev->source;

		if (!ev->is_ss || source.p != ev->source.p)
			(void)count_for_cursor(r, source);
	}
	if (!ev->is_ss && ev->time.p != NULL && !good_time(r, ev->time))
		return take_bad(r, l, kind, "time is not as RFC 3339 has it", err);
	if (!ev->is_ss)
		return take_event(r, ev, err);
	/* one that has its place was checked when it got it */
	why = ev->seq != 0 ? NULL : event_ss_bad(ev);
	t = event_type(ev);
	/* ss.end and ss.stop come by where one ss-run stands in another's script */
	if (why == NULL && ev->seq == 0 && r->relabel && t == EVENT_SEGMENT)
		why = "ss.segment is the log's own, nothing that a source says";
	return why != NULL ? take_bad(r, l, kind, why, err) : take_ss(r, ev, err);
}

void
record_finish(struct record *r)
{
	while (r->ncursors > 0) {
		(void)cut_short(r, "source %.60s did not end: it was cut short, run it again", r->cursor[0].source);
		drop_cursor(r, 0);
	}
}
