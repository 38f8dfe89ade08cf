/* What is open, failed, parked, dead, and the accounts: from the ledger. */
#include "flow/query.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cli.h"
#include "store/ledger.h"
#include "store/log.h"

int
query_open(struct query *q, struct cli *c, int ledger, int json, struct ss_err *err)
{
	const char *no_color = getenv("NO_COLOR");
	char dir[PATH_MAX];

	memset(q, 0, sizeof(*q));
	q->cli = c;
	out_init(&q->out, STDOUT_FILENO, "standard output");
	q->people = !json && isatty(STDOUT_FILENO);
	q->color = q->people && (no_color == NULL || *no_color == '\0');
	if (snprintf(dir, sizeof(dir), "%s/log", c->home) >= (int)sizeof(dir))
		return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
	if (access(dir, F_OK) == -1)
		return err_sys(err, errno == ENOENT ? SS_EXIT_NO : SS_EXIT_AGAIN, "no log in '%s'", c->home);
	if (log_open(&q->log, c->home, 0, &c->clock, &c->rng, err) == -1)
		return -1;
	if (!ledger)
		return 0;
	if (ledger_open(&q->ledger, c->home, q->log, err) == -1 || ledger_catchup(q->ledger, NULL, err) == -1 ||
	    ledger_view(&q->view, q->ledger, err) == -1)
		return -1;
	return ledger_applied(q->view, &q->applied, err);
}

void
query_close(struct query *q)
{
	ledger_view_end(q->view);
	ledger_close(q->ledger);
	log_close(q->log);
	out_free(&q->out);
}

/* --- list --- */

struct list {
	struct query *q;
	const struct query_filter *f;
	const char *pipeline;
	struct query_sheet sheet;
	struct json_mem mem;
	struct log_cursor *cursor;
	struct buf line, text;
	uint64_t rows;
	struct ss_err *err;
};

/* What a row shows, from an exception or from the line of an open delivery. */
struct row {
	const char *state;
	uint64_t place, seq, attempt, behind;
	struct json_span id, source, type, subject, target, stage, class, code, message, table, key;
	int64_t since, due, deadline;
};

static int
is_span(struct json_span s, const char *want)
{
	return want == NULL || (s.n == strlen(want) && memcmp(s.p, want, s.n) == 0);
}

static int
full(const struct list *l)
{
	return l->f->limit != 0 && l->rows >= l->f->limit;
}

static void
json_text(struct buf *b, const char *key, struct json_span s)
{
	if (s.p != NULL)
		(void)json_put_member(b, key, s.p, s.n);
}

static void
json_time(struct buf *b, const char *key, int64_t ms)
{
	char t[CLOCK_TEXT];

	if (ms <= 0)
		return;
	clock_format(ms, t);
	(void)json_put_member(b, key, t, CLOCK_TEXT - 1);
}

static int
row_json(struct list *l, const struct row *r)
{
	struct buf *b = &l->text;

	buf_clear(b);
	(void)buf_adds(b, "{");
	(void)json_put_member(b, "state", r->state, strlen(r->state));
	(void)json_put_member(b, "pipeline", l->pipeline, strlen(l->pipeline));
	(void)buf_addf(b, ",\"place\":%llu", (unsigned long long)r->place);
	if (r->seq != 0)
		(void)buf_addf(b, ",\"seq\":%llu", (unsigned long long)r->seq);
	json_text(b, "id", r->id);
	json_text(b, "source", r->source);
	json_text(b, "type", r->type);
	json_text(b, "subject", r->subject);
	json_text(b, "target", r->target);
	json_text(b, "stage", r->stage);
	if (r->attempt != 0)
		(void)buf_addf(b, ",\"attempt\":%llu", (unsigned long long)r->attempt);
	json_time(b, "since", r->since);
	json_time(b, "due", r->due);
	json_time(b, "deadline", r->deadline);
	if (r->class.n > 0) {
		(void)buf_adds(b, ",\"cause\":{");
		json_text(b, "class", r->class);
		json_text(b, "code", r->code);
		json_text(b, "message", r->message);
		(void)buf_addc(b, '}');
	}
	if (r->table.n > 0 || r->behind != 0) {
		(void)buf_adds(b, ",\"wait\":{");
		json_text(b, "table", r->table);
		json_text(b, "key", r->key);
		if (r->behind != 0)
			(void)buf_addf(b, "%s\"behind\":%llu", r->table.n > 0 ? "," : "", (unsigned long long)r->behind);
		(void)buf_addc(b, '}');
	}
	if (buf_addc(b, '}') == -1)
		return err_nomem(l->err);
	return out_line(&l->q->out, b->p, b->len, l->err);
}

static int
row_people(struct list *l, const struct row *r)
{
	struct query_sheet *s = &l->sheet;
	struct buf *b = &l->text;
	char t[CLOCK_TEXT] = "";
	size_t cut = r->message.n;

	if (s->cell == 0) {
		static const char *const heads[] = { "STATE", "PIPELINE", "PLACE", "ID", "SUBJECT", "TARGET", "TRY",
			"SINCE", "CAUSE" };
		size_t i;

		for (i = 0; i < s->cols; i++)
			(void)query_cells(s, heads[i]);
	}
	if (r->since > 0)
		clock_format(r->since, t);
	buf_clear(b);
	(void)buf_addf(b, "%.*s %.*s", (int)r->class.n, r->class.p == NULL ? "" : r->class.p, (int)r->code.n,
	    r->code.p == NULL ? "" : r->code.p);
	/* not within a character */
	for (cut = cut > 80 ? 80 : cut; cut > 0 && cut < r->message.n && ((unsigned char)r->message.p[cut] & 0xc0) == 0x80;)
		cut--;
	if (cut > 0)
		(void)buf_addf(b, ": %.*s%s", (int)cut, r->message.p, cut < r->message.n ? "…" : "");
	if (r->table.n > 0)
		(void)buf_addf(b, "waits for %.*s %.*s", (int)r->table.n, r->table.p, (int)r->key.n,
		    r->key.p == NULL ? "" : r->key.p);
	else if (r->behind != 0)
		(void)buf_addf(b, "waits behind place %llu", (unsigned long long)r->behind);
	(void)query_cells(s, r->state);
	(void)query_cells(s, l->pipeline);
	(void)query_cellu(s, r->place);
	(void)query_cell(s, r->id.p, r->id.n);
	(void)query_cell(s, r->subject.p, r->subject.n);
	(void)query_cell(s, r->target.p, r->target.n);
	(void)query_cellu(s, r->attempt);
	(void)query_cells(s, t);
	(void)query_cell(s, b->p, b->len == 1 ? 0 : b->len);
	return s->text.failed || b->failed ? err_nomem(l->err) : 0;
}

/* 1: enough. */
static int
put_row(struct list *l, const struct row *r)
{
	if (!is_span(r->target, l->f->target) || !is_span(r->class, l->f->class))
		return 0;
	if ((l->q->people ? row_people(l, r) : row_json(l, r)) == -1)
		return -1;
	l->rows++;
	return full(l);
}

static struct row
row_of(const struct ledger_exc *e)
{
	return (struct row){
		.state = e->state == EVENT_DEAD ? "dead" : e->state == EVENT_PARKED ? "parked" : "failed",
		.place = e->place, .seq = e->seq, .attempt = e->attempt, .behind = e->behind,
		.id = e->id, .source = e->source, .type = e->type, .subject = e->subject, .target = e->target,
		.stage = e->stage, .class = e->class, .code = e->code, .message = e->message,
		.table = e->table, .key = e->row, .since = e->since, .due = e->due, .deadline = e->deadline,
	};
}

static int
on_exception(void *ctx, const struct ledger_exc *e)
{
	struct list *l = ctx;
	struct row r = row_of(e);

	if (l->f->state != NULL && strcmp(l->f->state, r.state) != 0)
		return 0;
	return put_row(l, &r);
}

/* An open place: its exception, else the line that opened it. */
static int
open_place(struct list *l, uint64_t place)
{
	struct ledger_exc e;
	struct event ev;
	struct row r;
	struct log_line line;
	int rc = ledger_exception(l->q->view, l->pipeline, place, 0, &l->mem, &e, l->err);

	if (rc == -1)
		return -1;
	if (rc == 1) {
		r = row_of(&e);
		return put_row(l, &r);
	}
	r = (struct row){ .state = "open", .place = place };
	if (l->cursor == NULL ? log_cursor_open(&l->cursor, l->q->log, place, l->err) == -1 :
	    log_cursor_seek(l->cursor, place, l->err) == -1)
		return -1;
	rc = log_cursor_next(l->cursor, &line, l->err);
	if (rc == -1)
		return -1;
	/* a damaged line is open as well */
	if (rc == 1 && line.seq == place) {
		buf_clear(&l->line);
		(void)buf_add(&l->line, line.p, line.body);
		if (buf_addc(&l->line, '}') == -1)
			return err_nomem(l->err);
		if (event_parse(&ev, &l->mem, l->line.p, l->line.len, l->err) == 0) {
			struct yyjson_val *of = ev.is_ss ? json_get(ev.data, "event") : NULL;

			r.id = of == NULL ? ev.id : json_str(json_get(of, "id"));
			r.source = of == NULL ? ev.source : json_str(json_get(of, "source"));
			r.type = of == NULL ? ev.type : json_str(json_get(of, "type"));
			r.subject = ev.subject;
			r.seq = place;
			if (of != NULL)
				(void)json_u64(json_get(of, "seq"), &r.seq);
			r.since = event_time(&ev);
		}
	}
	return put_row(l, &r);
}

static int
list_open(struct list *l)
{
	uint64_t from = 0, first, last, p;
	int rc;

	while ((rc = ledger_open_run(l->q->view, l->pipeline, from, &first, &last, l->err)) == 1) {
		for (p = first; p <= last; p++) {
			rc = open_place(l, p);
			if (rc != 0)
				return rc;
		}
		from = last + 1;
	}
	return rc;
}

static int
list_pipeline(struct list *l)
{
	const char *state = l->f->state;
	int rc = 0;

	if (state != NULL && strcmp(state, "open") == 0)
		return list_open(l);
	if (state == NULL || strcmp(state, "dead") != 0)
		rc = ledger_exceptions(l->q->view, l->pipeline, 0, on_exception, l, l->err);
	if (rc == 0 && (state == NULL || strcmp(state, "dead") == 0))
		rc = ledger_exceptions(l->q->view, l->pipeline, 1, on_exception, l, l->err);
	return rc;
}

int
query_list(struct query *q, const struct query_filter *f, uint64_t *rows, struct ss_err *err)
{
	struct list l = { .q = q, .f = f, .sheet = { .cols = 9, .right = 1 << 2 | 1 << 6 }, .err = err };
	struct buf name = { 0 };
	int rc = 0;

	if (f->pipeline != NULL) {
		l.pipeline = f->pipeline;
		rc = list_pipeline(&l);
	}
	while (f->pipeline == NULL && rc == 0 && (rc = ledger_pipelines(q->view, &name, err)) == 1) {
		l.pipeline = buf_cstr(&name);
		rc = l.pipeline == NULL ? err_nomem(err) : list_pipeline(&l);
	}
	if (rc != -1 && q->people)
		rc = query_sheet_put(q, &l.sheet, err);
	if (rc != -1)
		rc = out_flush(&q->out, err);
	*rows = l.rows;
	query_sheet_free(&l.sheet);
	log_cursor_close(l.cursor);
	json_mem_free(&l.mem);
	buf_free(&l.line);
	buf_free(&l.text);
	buf_free(&name);
	return rc == -1 ? -1 : 0;
}

/* --- stats --- */

static int
stats_json(struct query *q, const char *name, const struct ledger_counts *c, struct ss_err *err)
{
	struct buf b = { 0 };
	int t, rc;

	(void)buf_addc(&b, '{');
	(void)json_put_member(&b, "pipeline", name, strlen(name));
	(void)buf_addf(&b, ",\"opened\":%llu", (unsigned long long)c->opened);
	for (t = EVENT_DELIVERED; t <= EVENT_DEAD; t++)
		(void)buf_addf(&b, ",\"%s\":%llu", event_type_name((enum event_type)t) + 3, (unsigned long long)c->ended[t]);
	(void)buf_addf(&b, ",\"replaced\":%llu,\"open\":%llu,\"failed\":%llu,\"parked\":%llu,\"listed\":%llu}",
	    (unsigned long long)c->replaced, (unsigned long long)c->open, (unsigned long long)c->failed,
	    (unsigned long long)c->parked, (unsigned long long)c->dead);
	rc = b.failed ? err_nomem(err) : out_line(&q->out, b.p, b.len, err);
	buf_free(&b);
	return rc;
}

static int
stats_people(struct query_sheet *s, const char *name, const struct ledger_counts *c, struct ss_err *err)
{
	int t;

	(void)query_cells(s, name);
	(void)query_cellu(s, c->opened);
	for (t = EVENT_DELIVERED; t <= EVENT_DEAD; t++)
		(void)query_cellu(s, c->ended[t]);
	(void)query_cellu(s, c->replaced);
	(void)query_cellu(s, c->open);
	(void)query_cellu(s, c->failed);
	(void)query_cellu(s, c->parked);
	return query_cellu(s, c->dead) == -1 ? err_nomem(err) : 0;
}

int
query_stats(struct query *q, struct ss_err *err)
{
	static const char *const heads[] = { "PIPELINE", "OPENED", "DELIVERED", "UNCHANGED", "SUPERSEDED", "FILTERED",
		"ROUTED", "DEAD", "REPLACED", "OPEN", "FAILED", "PARKED", "LISTED" };
	struct query_sheet s = { .cols = 13, .right = 0x1ffe };
	struct ledger_counts c;
	struct buf name = { 0 };
	size_t i;
	int rc = 0;

	for (i = 0; i < s.cols; i++)
		(void)query_cells(&s, heads[i]);
	while (rc == 0 && (rc = ledger_pipelines(q->view, &name, err)) == 1) {
		const char *n = buf_cstr(&name);

		if (n == NULL)
			rc = err_nomem(err);
		else if (ledger_counts(q->view, n, &c, err) == -1)
			rc = -1;
		else
			rc = q->people ? stats_people(&s, n, &c, err) : stats_json(q, n, &c, err);
	}
	if (rc == 0 && q->people)
		rc = query_sheet_put(q, &s, err);
	if (rc == 0)
		rc = out_flush(&q->out, err);
	query_sheet_free(&s);
	buf_free(&name);
	return rc;
}
