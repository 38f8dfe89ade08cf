/* What is given to the script, in which order, and what if no line comes back. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/run_internal.h"
#include "store/rows.h"

#define FEED_BYTES ((size_t)256 << 10)
#define LOST_MOST 1000

/* ---- planning a turn ---- */

struct plan {
	struct run *r;
	struct ledger_view *v;
	struct ss_err *err;
	int64_t now, next_due;
	struct rows *rows;
	char table[128];
	struct buf expired;	/* places (uint64_t) whose deadline is over */
};

static int
is_state(struct json_span type)
{
	return (type.n > 5 && memcmp(type.p, "item.", 5) == 0) || (type.n > 8 && memcmp(type.p, "product.", 8) == 0);
}

/* Is the row there that a parked delivery waits for?  Tables are few: the last
 * one stays open. */
static int
row_present(struct plan *p, const struct ledger_exc *e)
{
	char name[sizeof(p->table)];

	/* a row that names no table cannot come: it waits for its deadline */
	if (e->table.n == 0 || e->table.n >= sizeof(name))
		return 0;
	memcpy(name, e->table.p, e->table.n);
	name[e->table.n] = '\0';
	if (rows_check_name(name, NULL) == -1)
		return 0;
	if (p->rows == NULL || strlen(p->table) != e->table.n || memcmp(p->table, e->table.p, e->table.n) != 0) {
		rows_close(p->rows);
		p->rows = NULL;
		memcpy(p->table, e->table.p, e->table.n);
		p->table[e->table.n] = '\0';
		if (rows_open(&p->rows, p->r->cli->home, p->table, p->err) == -1)
			return -1;
	}
	return p->rows == NULL ? 0 : rows_has(p->rows, e->row.p, e->row.n, p->err);
}

/* 1 feed it now, 0 not yet, 2 its deadline is over, -1. */
static int
is_due(struct plan *p, const struct ledger_exc *e)
{
	uint64_t first, last;
	int rc;

	if (e->state == EVENT_FAILED) {
		if (e->due > p->now && (p->next_due == 0 || e->due < p->next_due))
			p->next_due = e->due;
		return e->due <= p->now;
	}
	if (e->behind != 0) {
		rc = ledger_open_run(p->v, p->r->o->name, e->behind, &first, &last, p->err);
		return rc == -1 ? -1 : rc == 0 || first > e->behind;
	}
	rc = row_present(p, e);
	if (rc != 0)
		return rc;
	return e->deadline != 0 && e->deadline <= p->now ? 2 : 0;
}

static int
add_due(struct run *r, const struct ledger_exc *e)
{
	if (r->ndue == r->capdue) {
		size_t cap = r->capdue == 0 ? 256 : r->capdue * 2;
		struct run_due *v = realloc(r->due, cap * sizeof(*v));

		if (v == NULL)
			return -1;
		r->due = v;
		r->capdue = cap;
	}
	r->due[r->ndue++] = (struct run_due){ .place = e->place, .seq = e->seq, .replay = e->replay, .force = e->force,
		/* parking is no attempt */
		.attempt = e->attempt + (e->state == EVENT_FAILED), .mode = EVENT_DUE };
	return 0;
}

static int
plan_row(void *ctx, const struct ledger_exc *e)
{
	struct plan *p = ctx;
	struct run *r = p->r;
	uint64_t *slot = hash_add(&r->exc, e->place), key;
	int due;

	if (slot == NULL)
		return err_nomem(p->err);
	*slot = 1;
	due = is_due(p, e);
	if (due == -1)
		return -1;
	if (due == 2)
		return buf_add(&p->expired, &e->place, sizeof(e->place)) == -1 ? err_nomem(p->err) : 0;
	if (due == 1)
		return add_due(r, e) == -1 ? err_nomem(p->err) : 0;
	if (is_state(e->type) || e->key.n == 0)
		return 0;
	key = hash_64(e->key.p, e->key.n, 0);
	slot = hash_add(&r->held, key);
	if (slot == NULL)
		return err_nomem(p->err);
	if (*slot == 0)
		*slot = e->place;
	return 0;
}

/* The line of a delivery as the script gets it: our label alone, its turn, its
 * place where that is not the event's own.  Appended to out without newline.
 * 1; 0 when the event is gone from the log; -1. */
static int
make_line(struct run *r, uint64_t place, uint64_t seq, uint64_t attempt, uint64_t replay, const char *mode,
    int force, struct buf *out, struct ss_err *err)
{
	struct event_edit e[5] = { { "sspipeline", NULL, 0 }, { "ssturn", NULL, 0 }, { "ssplace", NULL, 0 },
		{ "ssstages", NULL, 0 } };
	struct buf label = { 0 };
	char turn[96], at[24];
	struct event ev;
	int rc;

	buf_clear(&r->event);
	rc = log_get(r->log, seq, &r->event, err);
	if (rc != 1)
		return rc;
	if (event_parse(&ev, &r->mem, r->event.p, r->event.len, err) == -1)
		return -1;
	(void)json_put_cstr(&label, r->o->name);
	e[0].raw = label.p;
	e[0].n = label.len;
	e[1].raw = turn;
	e[1].n = (size_t)snprintf(turn, sizeof(turn), "\"%" PRIu64 ",%" PRIu64 ",%s%s\"", attempt, replay, mode,
	    force ? ",force" : "");
	if (place != seq) {
		e[2].raw = at;
		e[2].n = (size_t)snprintf(at, sizeof(at), "%" PRIu64, place);
	}
	rc = event_edit(out, &ev, e, 4) == -1 ? err_nomem(err) : 1;
	buf_free(&label);
	return rc;
}

static const char *
mode_name(int mode)
{
	return mode == EVENT_DUE ? "due" : mode == EVENT_REPLAY ? "replay" : "live";
}

/* What opened the delivery at place: the event itself, or a line that names it. */
struct opened {
	uint64_t seq, replay;
	int force, mode;
};

static int
opened_by(const struct event *ev, struct opened *o)
{
	enum event_type t = event_type(ev);
	struct yyjson_val *of = json_get(ev->data, "event");

	*o = (struct opened){ .seq = ev->seq };
	if (t != EVENT_REPLAYED && t != EVENT_ACCEPTED && t != EVENT_ROUTED)
		return 0;
	if (t == EVENT_REPLAYED) {
		o->mode = EVENT_REPLAY;
		(void)json_u64(json_get(ev->data, "n"), &o->replay);
		o->force = json_scalar(json_get(ev->data, "force")).n == 4;
	}
	return json_u64(json_get(of, "seq"), &o->seq);
}

/* Parse the delivery at place anew, for an outcome of our own about it.  1, 0 when
 * its event is gone (ev is then the opening line itself), -1. */
static int
load(struct run *r, uint64_t place, uint64_t attempt, struct event *ev, struct ss_err *err)
{
	struct opened o;
	int rc;

	buf_clear(&r->event);
	rc = log_get(r->log, place, &r->event, err);
	if (rc == 0) {
		/* damaged: a stand-in, so that its delivery can have an end */
		buf_clear(&r->event);
		(void)buf_addf(&r->event, "{\"specversion\":\"1.0\",\"id\":\"place-%" PRIu64 "\",\"source\":\"storesync/log\","
		    "\"type\":\"ss.lost\",\"ssseq\":%" PRIu64 "}", place, place);
		return r->event.failed ? err_nomem(err) : event_parse(ev, &r->mem, r->event.p, r->event.len, err);
	}
	if (rc == -1)
		return -1;
	if (event_parse(ev, &r->mem, r->event.p, r->event.len, err) == -1)
		return -1;
	(void)opened_by(ev, &o);
	buf_clear(&r->line);
	rc = make_line(r, place, o.seq, attempt, o.replay, mode_name(o.mode), o.force, &r->line, err);
	if (rc == 1)
		rc = event_parse(ev, &r->mem, r->line.p, r->line.len, err) == -1 ? -1 : 1;
	return rc;
}

/* Give up a delivery without asking the script. */
static int
end_dead(struct run *r, uint64_t place, uint64_t attempt, enum outcome_class class, const char *code,
    const char *message, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_DEAD, .class = class, .code = code, .message = message, .ms = -1,
		.attempt = attempt };
	struct event ev;

	if (load(r, place, attempt, &ev, err) == -1)
		return -1;
	r->dead++;
	return run_outcome(r, &ev, &o, err);
}

static int
plan_live(struct run *r, struct ledger_view *v, uint64_t applied, struct ss_err *err)
{
	uint64_t first, last, n;
	int rc;

	r->live_from = r->live_next = 1;
	r->live_end = applied + 1;
	r->live_first = r->live_last = 0;
	rc = ledger_crashes(v, r->o->name, &n, &first, &last, err);
	r->alone_first = r->alone_last = 0;
	if (rc == 0 && n >= RUN_CRASHES) {
		r->alone_first = first;
		r->alone_last = last;
	}
	return rc;
}

int
run_feed_plan(struct run *r, struct ss_err *err)
{
	struct plan p = { .r = r, .err = err };
	uint64_t applied = 0, place;
	size_t i;
	int rc = -1;

	if (ledger_catchup(r->ledger, &applied, err) == -1 || ledger_view(&p.v, r->ledger, err) == -1)
		return -1;
	p.now = clock_now(&r->cli->clock);
	hash_clear(&r->exc);
	hash_clear(&r->held);
	r->ndue = r->next_due = 0;
	r->fed_all = r->sent_end = r->saw_end = 0;
	r->fed_turn = 0;
	r->looked_up = 0;
	r->one = 0;
	r->turn++;
	if (ledger_exceptions(p.v, r->o->name, 0, plan_row, &p, err) == 0 && plan_live(r, p.v, applied, err) == 0)
		rc = 0;
	rows_close(p.rows);
	ledger_view_end(p.v);
	for (i = 0; rc == 0 && i + sizeof(place) <= p.expired.len; i += sizeof(place)) {
		memcpy(&place, p.expired.p + i, sizeof(place));
		rc = end_dead(r, place, 0, OUTCOME_MISSING, "deadline",
		    "what it waited for did not come before the deadline", err);
	}
	buf_free(&p.expired);
	return rc;
}

/* ---- feeding ---- */

/* A type that is not fed: it shows by its point, of which a line has few. */
static int
has_own_type(const char *p, size_t n)
{
	static const char rej[] = "line.rejected";
	const char *end = p + n, *dot = p;

	for (; (dot = memchr(dot, '.', (size_t)(end - dot))) != NULL; dot++) {
		if (dot - p >= 3 && memcmp(dot - 3, "\"ss", 3) == 0)
			return 1;
		if (dot - p >= 4 && (size_t)(end - dot) >= sizeof(rej) - 5 &&
		    memcmp(dot - 4, rej, sizeof(rej) - 1) == 0)
			return 1;
	}
	return 0;
}

/* The recorder writes ,"sspipeline":"NAME","recordedtime":"…" right before ssseq:
 * such a line needs no parsing to be fed.  0: look closer. */
static int
is_plain(const struct run *r, const struct log_line *line)
{
	static const char rt[] = ",\"recordedtime\":\"", sp[] = ",\"sspipeline\":\"";
	size_t n = line->body, k = strlen(r->o->name);
	const char *p = line->p;

	while (n > 0 && p[n - 1] >= '0' && p[n - 1] <= '9')
		n--;
	if (n < 9 + 42 + k + sizeof(sp) + 2)
		return 0;
	n -= 9;			/* ,"ssseq": */
	n -= 42;		/* ,"recordedtime":"2026-11-21T09:00:00.000Z" */
	if (memcmp(p + n, rt, sizeof(rt) - 1) != 0 || p[n - 1] != '"')
		return 0;
	n -= 1 + k;
	if (memcmp(p + n, r->o->name, k) != 0 || n < sizeof(sp) - 1 || memcmp(p + n - (sizeof(sp) - 1), sp, sizeof(sp) - 1) != 0)
		return 0;
	return !has_own_type(p, n < 400 ? n : 400);
}

/* Other types than item.* and product.* wait behind an open one of their key. */
static int
hold_back(struct run *r, const struct event *ev, uint64_t place, struct ss_err *err)
{
	struct json_span key = event_order_key(ev);
	struct outcome o = { .type = EVENT_PARKED, .ms = -1, .class = OUTCOME_NONE };
	uint64_t *behind;

	if (r->held.n == 0 || event_is_state(ev))
		return 0;
	behind = hash_get(&r->held, hash_64(key.p, key.n, 0));
	if (behind == NULL || *behind >= place)
		return 0;
	o.behind = *behind;
	r->parked++;
	return run_outcome(r, ev, &o, err) == -1 ? -1 : 1;
}

static int
feed_line(struct run *r, uint64_t place)
{
	(void)buf_addc(&r->feed, '\n');
	r->fed++;
	r->fed_turn++;
	if (place != 0) {
		if (r->live_first == 0)
			r->live_first = place;
		r->live_last = place;
	}
	return r->feed.failed ? -1 : 0;
}

/* A line that must be looked at: 0 done (fed, held back or ended), -1. */
static int
feed_slow(struct run *r, const struct log_line *line, struct ss_err *err)
{
	struct event ev;
	uint64_t place = line->seq;
	int rc;

	if (load(r, place, 1, &ev, err) == -1)
		return -1;
	/* load() parsed the event itself where it still is in the log */
	if (ev.is_ss)
		return end_dead(r, place, 1, OUTCOME_MISSING, "event-gone", "the event is no longer in the log", err);
	if (ev.type.n == 13 && memcmp(ev.type.p, "line.rejected", 13) == 0) {
		struct json_span why = json_str(json_get(ev.data, "message"));
		struct outcome dead = { .type = EVENT_DEAD, .class = OUTCOME_PARSE, .code = "rejected", .ms = -1,
			.message = why.p, .message_n = why.n };

		r->dead++;
		return run_outcome(r, &ev, &dead, err);
	}
	rc = hold_back(r, &ev, place, err);
	if (rc != 0)
		return rc == -1 ? -1 : 0;
	if (buf_add(&r->feed, r->line.p, r->line.len) == -1 || feed_line(r, place) == -1)
		return err_nomem(err);
	return 0;
}

static int
feed_one(struct run *r, const struct log_line *line, struct ss_err *err)
{
	static const char turn[] = ",\"ssturn\":\"1,0,live\"}";

	if (r->held.n > 0 || !is_plain(r, line))
		return feed_slow(r, line, err);
	(void)buf_add(&r->feed, line->p, line->body);
	if (buf_add(&r->feed, turn, sizeof(turn) - 1) == -1 || feed_line(r, line->seq) == -1)
		return err_nomem(err);
	return 0;
}

/* Open places whose lines are damaged or gone: ended dead, so that somebody sees
 * them, and the rest goes on.  Many at once are no flipped byte: then nothing is
 * ended. */
static int
end_lost(struct run *r, uint64_t from, uint64_t to, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_DEAD, .class = OUTCOME_MISSING, .code = "line-lost", .ms = -1,
		.message = "the event's line in the log is damaged or gone; see ss-log verify" };
	struct event ev = { .source = { "log", 3 }, .type = { "lost", 4 } };
	char id[24] = "";

	if (to - from >= LOST_MOST)
		return err_set(err, SS_EXIT_DAMAGE, "places %" PRIu64 " to %" PRIu64 " are open but not in the log: see ss-log verify",
		    from, to);
	for (; from <= to; from++) {
		if (hash_get(&r->exc, from) != NULL)
			continue;
		ev.id = (struct json_span){ id, (size_t)snprintf(id, sizeof(id), "%" PRIu64, from) };
		ev.seq = from;
		r->dead++;
		if (run_outcome(r, &ev, &o, err) == -1)
			return -1;
	}
	return 0;
}

/* A place that the script died over is fed alone: 1 not now, something else is
 * in this turn already. */
static int
must_wait(struct run *r, uint64_t place)
{
	if (r->alone_first == 0 || place < r->alone_first || place > r->alone_last)
		return 0;
	r->one = 1;
	r->one_place = place;
	return r->fed_turn > 0;
}

static int
feed_due(struct run *r, struct ss_err *err)
{
	struct run_due *d = &r->due[r->next_due];
	int rc;

	if (must_wait(r, d->place)) {
		r->one = 0;
		r->fed_all = 1;
		return 0;
	}
	r->next_due++;
	rc = make_line(r, d->place, d->seq, d->attempt, d->replay, mode_name(d->mode), d->force, &r->feed, err);
	if (rc == 0)
		d->answered = 1;
	if (rc == 0)
		return end_dead(r, d->place, d->attempt, OUTCOME_MISSING, "event-gone", "the event is no longer in the log", err);
	if (rc == -1 || feed_line(r, 0) == -1)
		return rc == -1 ? -1 : err_nomem(err);
	return 0;
}

/* Live places in order, those with a row passed over. */
static int
feed_live(struct run *r, struct ss_err *err)
{
	struct ledger_view *v;
	struct log_line line;
	uint64_t first, last;
	int rc;

	if (ledger_view(&v, r->ledger, err) == -1)
		return -1;
	rc = ledger_open_run(v, r->o->name, r->live_next, &first, &last, err);
	ledger_view_end(v);
	if (rc == -1)
		return -1;
	if (rc == 0 || first >= r->live_end) {
		r->live_next = r->live_end;
		return 0;
	}
	if (last >= r->live_end)
		last = r->live_end - 1;
	r->live_next = first;
	if (r->cursor == NULL ? log_cursor_open(&r->cursor, r->log, first, err) == -1 :
	    log_cursor_seek(r->cursor, first, err) == -1)
		return -1;
	while (r->live_next <= last && r->feed.len - r->feed_at < FEED_BYTES && !r->one) {
		uint64_t at = r->live_next;

		if (hash_get(&r->exc, at) != NULL) {
			r->live_next++;
			continue;
		}
		if ((rc = log_cursor_next(r->cursor, &line, err)) == -1)
			return -1;
		if (rc == 0 || line.seq > last) {
			at = r->live_next;
			r->live_next = last + 1;
			return end_lost(r, at, last, err);
		}
		if (line.seq > at && end_lost(r, at, line.seq - 1, err) == -1)
			return -1;
		if (hash_get(&r->exc, line.seq) == NULL) {
			if (must_wait(r, line.seq)) {
				r->one = 0;
				r->fed_all = 1;
				return 0;
			}
			if (feed_one(r, &line, err) == -1)
				return -1;
			r->one = r->one && r->fed_turn > 0;	/* it may have been held back */
		}
		r->live_next = line.seq + 1;
	}
	return 0;
}

int
run_feed_more(struct run *r, struct ss_err *err)
{
	if (r->feed_at > 0) {
		buf_shift(&r->feed, r->feed_at);
		r->feed_at = 0;
	}
	while (r->feed.len < FEED_BYTES && !r->fed_all) {
		int rc = 0;

		if (r->stopping || r->one || (r->next_due >= r->ndue && r->live_next >= r->live_end))
			r->fed_all = 1;
		else
			rc = r->next_due < r->ndue ? feed_due(r, err) : feed_live(r, err);
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* ---- what did not come back ---- */

struct next_due {
	int64_t now, due;
};

static int
next_row(void *ctx, const struct ledger_exc *e)
{
	struct next_due *n = ctx;
	int64_t t = e->state == EVENT_FAILED ? e->due : e->behind == 0 ? e->deadline : 0;

	if (t != 0 && (n->due == 0 || t < n->due))
		n->due = t;
	return 0;
}

int
run_feed_next_due(struct run *r, int64_t *due, struct ss_err *err)
{
	struct next_due n = { 0 };
	struct ledger_view *v;
	int rc;

	if (ledger_catchup(r->ledger, NULL, err) == -1 || ledger_view(&v, r->ledger, err) == -1)
		return -1;
	rc = ledger_exceptions(v, r->o->name, 0, next_row, &n, err);
	ledger_view_end(v);
	*due = n.due;
	return rc;
}

static int
drop_one(struct run *r, uint64_t place, uint64_t attempt, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_FAILED, .class = OUTCOME_BUG, .code = "dropped", .ms = -1, .retry = 1,
		.attempt = attempt, .message = "the script let the event vanish: no outcome came back" };
	struct event ev;

	int rc = load(r, place, attempt, &ev, err);

	if (rc == -1)
		return -1;
	if (rc == 0) {
		o.type = EVENT_DEAD;
		o.class = OUTCOME_MISSING;
		o.code = "event-gone";
		o.message = "its line in the log is damaged or gone";
		r->dead++;
		return run_outcome(r, &ev, &o, err);
	}
	r->dropped++;
	if (attempt >= RUN_ATTEMPTS) {
		o.type = EVENT_DEAD;
		r->dead++;
	} else {
		o.due = clock_now(&r->cli->clock) + run_delay(r, attempt);
		r->failed++;
	}
	return run_outcome(r, &ev, &o, err);
}

/* Open places in [from, to] that have no row: each(place) */
static int
open_without_row(struct run *r, uint64_t from, uint64_t to, struct buf *places, struct ss_err *err)
{
	struct json_mem mem = { 0 };
	struct ledger_view *v;
	struct ledger_exc e;
	uint64_t first, last, at;
	int rc = 1;

	if (ledger_view(&v, r->ledger, err) == -1)
		return -1;
	for (at = from; rc == 1 && at <= to; at = last + 1) {
		uint64_t p;

		rc = ledger_open_run(v, r->o->name, at, &first, &last, err);
		if (rc != 1 || first > to)
			break;
		for (p = first; p <= last && p <= to; p++) {
			int has = ledger_exception(v, r->o->name, p, 0, &mem, &e, err);

			if (has == -1 || (has == 0 && buf_add(places, &p, sizeof(p)) == -1)) {
				rc = -1;
				break;
			}
		}
	}
	json_mem_free(&mem);
	ledger_view_end(v);
	return rc == -1 ? -1 : 0;
}

int
run_feed_dropped(struct run *r, struct ss_err *err)
{
	struct buf places = { 0 };
	uint64_t place;
	size_t i;
	int rc = 0;

	for (i = 0; rc == 0 && i < r->next_due; i++)
		if (!r->due[i].answered)
			rc = drop_one(r, r->due[i].place, r->due[i].attempt, err);
	if (rc == 0 && r->live_first != 0)
		rc = open_without_row(r, r->live_first, r->live_last, &places, err);
	for (i = 0; rc == 0 && i + sizeof(place) <= places.len; i += sizeof(place)) {
		memcpy(&place, places.p + i, sizeof(place));
		rc = drop_one(r, place, 1, err);
	}
	buf_free(&places);
	return rc;
}

/* A death over part of the work of an earlier one is another one over the same. */
static int
same_work(struct run *r, uint64_t *first, uint64_t *last, struct ss_err *err)
{
	struct ledger_view *v;
	uint64_t n, of, ol;
	int rc;

	if (ledger_view(&v, r->ledger, err) == -1)
		return -1;
	rc = ledger_crashes(v, r->o->name, &n, &of, &ol, err);
	ledger_view_end(v);
	if (rc == 0 && n > 0 && of <= *last && *first <= ol) {
		*first = of;
		*last = *last > ol ? *last : ol;
	}
	return rc;
}

int
run_feed_died(struct run *r, struct ss_err *err)
{
	struct buf places = { 0 }, b = { 0 };
	uint64_t first = 0, last = 0, place;
	char id[UUID_TEXT], time[CLOCK_TEXT];
	size_t i;
	int rc = 0;

	for (i = 0; i < r->next_due; i++)
		if (!r->due[i].answered && (first == 0 || r->due[i].place < first))
			first = r->due[i].place;
	if (r->live_first != 0)
		rc = open_without_row(r, r->live_first, r->live_last, &places, err);
	if (rc == 0 && places.len >= sizeof(place)) {
		memcpy(&place, places.p, sizeof(place));
		if (first == 0 || place < first)
			first = place;
		memcpy(&last, places.p + places.len - sizeof(last), sizeof(last));
	}
	buf_free(&places);
	for (i = 0; i < r->next_due; i++)
		if (!r->due[i].answered && r->due[i].place > last)
			last = r->due[i].place;
	if (rc == -1 || first == 0)
		return rc;	/* it died with nothing in its hands */
	if (r->one)
		return end_dead(r, r->one_place, 0, OUTCOME_BUG, "script-died", "the script died while this event was alone in it", err);
	if (same_work(r, &first, &last, err) == -1)
		return -1;
	cli_uuid(r->cli, id);
	clock_format(clock_now(&r->cli->clock), time);
	(void)buf_addf(&b, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"ss-run\",\"type\":\"ss.alert\",\"time\":\"%s\","
	    "\"data\":{\"pipeline\":", id, time);
	(void)json_put_cstr(&b, r->o->name);
	(void)buf_addf(&b, ",\"class\":\"bug\",\"code\":\"script-died\",\"message\":\"the script ended with status %d before ss.end "
	    "came back\",\"window\":[%" PRIu64 ",%" PRIu64 "]}}", r->status, first, last);
	rc = b.failed ? err_nomem(err) : record_own(&r->back, b.p, b.len, 0, err);
	buf_free(&b);
	return rc;
}
