/*
 * One line of the log applied to the tables.  Everything here must follow from
 * the lines alone and in their order: ledger_rebuild() does it again.
 */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/uuid.h"
#include "event/leaf.h"
#include "store/ledger_internal.h"

static int
pipe_get(struct apply *a, const char *pipe, size_t pn, struct pipe_row *row)
{
	struct table_val v;
	int rc;

	memset(row, 0, sizeof(*row));
	rc = table_get(a->t, DB_PIPE, pipe, pn, &v, a->err);
	if (rc == 1 && v.n == sizeof(*row))
		memcpy(row, v.p, sizeof(*row));
	return rc == -1 ? -1 : 0;
}

static int
pipe_put(struct apply *a, const char *pipe, size_t pn, const struct pipe_row *row)
{
	return table_put(a->t, DB_PIPE, pipe, pn, row, sizeof(*row), a->err);
}

/* What is no name opens nothing; it must not stop what comes behind it. */
static int
name_ok(const char *p, size_t n)
{
	return n > 0 && n <= 200 && memchr(p, '\0', n) == NULL;
}

int
ledger_apply_open(struct apply *a, const char *pipe, size_t pn, uint64_t first, uint64_t count)
{
	struct pipe_row row;
	uint64_t n;

	if (!name_ok(pipe, pn) || count == 0)
		return 0;
	if (ledger_runs_add(a, pipe, pn, first, first + count - 1, &n) == -1 || pipe_get(a, pipe, pn, &row) == -1)
		return -1;
	row.opened += n;	/* a name may stand twice in a list */
	return pipe_put(a, pipe, pn, &row);
}

/* The first row of an exception in [first, last]: 1 with its place, 0, -1. */
static int
exc_next(struct apply *a, const char *pipe, size_t pn, uint64_t first, uint64_t last, uint64_t *place)
{
	struct buf *key = &a->l->key;
	struct table_cursor *c = NULL;
	struct table_val k, v;
	int rc;

	if (ledger_key(key, pipe, pn, first, a->err) == -1)
		return -1;
	k = (struct table_val){ key->p, key->len };
	rc = table_next(&c, a->t, DB_EXC, &k, &v, a->err);
	if (rc == 1 && (k.n != pn + 9 || memcmp(k.p, key->p, pn + 1) != 0 ||
	    (*place = ledger_u64((const char *)k.p + pn + 1)) > last))
		rc = 0;
	table_stop(c);
	return rc;
}

/* Drop the rows of exceptions in [first, last]. */
static int
exc_drop(struct apply *a, const char *pipe, size_t pn, uint64_t first, uint64_t last)
{
	uint64_t place = 0;
	int rc;

	while ((rc = exc_next(a, pipe, pn, first, last, &place)) == 1) {
		if (ledger_key(&a->l->key, pipe, pn, place, a->err) == -1 ||
		    table_del(a->t, DB_EXC, a->l->key.p, a->l->key.len, a->err) == -1)
			return -1;
		if (place == UINT64_MAX)
			return 0;
		first = place + 1;
	}
	return rc;
}

/* End the open places of a range.  One that has a row was not fed with its
 * neighbours: what is failed or parked gets a line of its own. */
static int
range_del(struct apply *a, const char *pipe, size_t pn, uint64_t first, uint64_t last, uint64_t *n)
{
	uint64_t place = 0, k;
	int rc = 0;

	*n = 0;
	while (first <= last && (rc = exc_next(a, pipe, pn, first, last, &place)) == 1) {
		if (place > first && ledger_runs_del(a, pipe, pn, first, place - 1, &k) == -1)
			return -1;
		*n += place > first ? k : 0;
		first = place + 1;
	}
	if (rc == -1 || first > last)
		return rc == -1 ? -1 : 0;
	rc = ledger_runs_del(a, pipe, pn, first, last, &k);
	*n += k;
	return rc;
}

/* The row of a failed, parked or dead delivery: when it first came to that,
 * then the outcome's own bytes. */
static int
exc_put(struct apply *a, int db, const char *pipe, size_t pn, uint64_t place, int64_t since, const struct event *ev)
{
	struct buf *val = &a->l->val;
	unsigned char be[8];

	if (ledger_key(&a->l->key, pipe, pn, place, a->err) == -1)
		return -1;
	ledger_be64(be, (uint64_t)since);
	buf_clear(val);
	(void)buf_add(val, be, 8);
	if (buf_add(val, ev->line.p, ev->line.n) == -1)
		return err_nomem(a->err);
	return table_put(a->t, db, a->l->key.p, a->l->key.len, val->p, val->len, a->err);
}

static int
is_replayed(const struct event *ev)
{
	struct json_span code = json_str(json_get(json_get(ev->data, "cause"), "code"));

	return code.n == 8 && memcmp(code.p, "replayed", 8) == 0;
}

/* When the delivery first failed, from its row; now when it has none. */
static int
exc_since(struct apply *a, const char *pipe, size_t pn, uint64_t place, const struct event *ev, int64_t *since)
{
	struct table_val v;
	int rc;

	if (ledger_key(&a->l->key, pipe, pn, place, a->err) == -1)
		return -1;
	rc = table_get(a->t, DB_EXC, a->l->key.p, a->l->key.len, &v, a->err);
	/* a replay lets the attempts, and the age that ends them, start anew */
	if (rc == 1 && is_replayed(ev))
		rc = 0;
	*since = rc == 1 && v.n > 8 ? (int64_t)ledger_u64(v.p) : event_time(ev);
	return rc == -1 ? -1 : 0;
}

static int
known_items(struct apply *a, struct json_span target, struct yyjson_val *set, struct json_span handle,
    int64_t at, int64_t etime, uint64_t eseq);

/* What a call really applied becomes known of the target. */
static int
outcome_known(struct apply *a, const struct event *ev)
{
	struct yyjson_val *set = json_get(ev->data, "set"), *of = json_get(ev->data, "event");
	struct json_span target = json_str(json_get(ev->data, "target"));
	struct json_span type = json_str(json_get(of, "type"));
	struct json_span t = json_str(json_get(ev->data, "at"));
	int64_t at, etime;
	uint64_t eseq = 0;

	if (set == NULL || target.n == 0)
		return 0;
	if (t.p == NULL || clock_parse(t.p, t.n, &at) == -1)
		at = event_time(ev);
	t = json_str(json_get(of, "time"));
	if (t.p == NULL || clock_parse(t.p, t.n, &etime) == -1)
		etime = INT64_MIN;
	(void)json_u64(json_get(of, "seq"), &eseq);
	if (type.n > 8 && memcmp(type.p, "product.", 8) == 0)
		return known_items(a, target, set, ev->subject, at, etime, eseq);
	return ledger_known_set(a, target, 'i', ev->subject, set, at, etime, eseq);
}

struct items {
	struct apply *a;
	struct json_span target;
	int64_t at, etime;
	uint64_t eseq;
};

static int
known_items(struct apply *a, struct json_span target, struct yyjson_val *set, struct json_span handle,
    int64_t at, int64_t etime, uint64_t eseq)
{
	struct json_walk items = json_walk(json_get(set, "items"));
	struct yyjson_val *item;
	struct buf subject = { 0 };
	int rc = ledger_known_set(a, target, 'p', handle, set, at, etime, eseq);

	while (rc == 0 && (item = json_next(&items)) != NULL) {
		buf_clear(&subject);
		if (leaf_item_subject(item, handle, &subject) == -1)
			rc = err_nomem(a->err);
		else
			rc = ledger_known_set(a, target, 'i', (struct json_span){ subject.p, subject.len },
			    leaf_state(item), at, etime, eseq);
	}
	buf_free(&subject);
	return rc;
}

/* A run of neighbours that all ended so. */
static int
apply_range(struct apply *a, const struct event *ev, enum event_type t, const char *pipe, size_t pn, struct yyjson_val *range)
{
	struct pipe_row row;
	uint64_t first, last, n, told;

	if (json_u64(json_at(range, 0), &first) == -1 || json_u64(json_at(range, 1), &last) == -1 || first > last ||
	    json_u64(json_get(ev->data, "n"), &told) == -1)
		return 0;
	if (range_del(a, pipe, pn, first, last, &n) == -1 || pipe_get(a, pipe, pn, &row) == -1)
		return -1;
	row.ended[t] += n;
	if (told > n)
		row.doubles += told - n;
	return pipe_put(a, pipe, pn, &row);
}

static int
apply_outcome(struct apply *a, const struct event *ev, enum event_type t)
{
	struct yyjson_val *of = json_get(ev->data, "event"), *range = json_get(ev->data, "range");
	struct json_span pipe = json_str(json_get(ev->data, "pipeline"));
	struct pipe_row row;
	uint64_t place = 0, n = 0;
	int64_t since = 0;

	if (outcome_known(a, ev) == -1)
		return -1;
	if (!name_ok(pipe.p, pipe.n))
		return 0;
	if (range != NULL && event_type_ends(t))
		return apply_range(a, ev, t, pipe.p, pipe.n, range);
	if (json_u64(json_get(of, "place"), &place) == -1 && json_u64(json_get(of, "seq"), &place) == -1)
		return 0;	/* of an event that was never stored: told, not counted */
	if (pipe_get(a, pipe.p, pipe.n, &row) == -1 || exc_since(a, pipe.p, pipe.n, place, ev, &since) == -1)
		return -1;
	if (!event_type_ends(t)) {
		int open = ledger_runs_has(a->t, &a->l->key, pipe.p, pipe.n, place, a->err);

		if (open != 1)
			return open;
		return exc_put(a, DB_EXC, pipe.p, pipe.n, place, since, ev);
	}
	if (ledger_runs_del(a, pipe.p, pipe.n, place, place, &n) == -1 ||
	    exc_drop(a, pipe.p, pipe.n, place, place) == -1)
		return -1;
	if (n == 0)
		row.doubles++;
	else
		row.ended[t]++;
	if (t == EVENT_DEAD && n != 0 && exc_put(a, DB_DEAD, pipe.p, pipe.n, place, since, ev) == -1)
		return -1;
	return pipe_put(a, pipe.p, pipe.n, &row);
}

/* Ids that are looked up: 1 when (source, id) was opened in this pipeline before,
 * else it is marked as such and 0. */
static int
opened_before(struct apply *a, struct json_span source, struct json_span id, const char *pipe, size_t pn, uint64_t place)
{
	struct hash_128 h;
	struct table_val v;
	unsigned char be[8];
	int rc;

	if (source.n == 0 || id.n == 0 || uuid_version(id.p, id.n) == 7)
		return 0;
	h = hash_pair(source.p, source.n, id.p, id.n);
	h = hash_pair(h.b, sizeof(h.b), pipe, pn);
	rc = table_get(a->t, DB_SEEN, h.b, sizeof(h.b), &v, a->err);
	if (rc != 0)
		return rc;
	ledger_be64(be, place);
	return table_put(a->t, DB_SEEN, h.b, sizeof(h.b), be, 8, a->err);
}

/* ss.replay opens the delivery again at its own place.  An older delivery of
 * the event that is still open is taken over, a dead one leaves the list. */
static int
apply_replay(struct apply *a, const struct event *ev, uint64_t seq)
{
	struct json_span pipe = json_str(json_get(ev->data, "pipeline"));
	struct yyjson_val *of = json_get(ev->data, "event");
	struct pipe_row row;
	uint64_t old, n;

	if (!name_ok(pipe.p, pipe.n))
		return 0;
	if (json_u64(json_get(of, "place"), &old) == 0) {
		if (ledger_runs_del(a, pipe.p, pipe.n, old, old, &n) == -1 ||
		    exc_drop(a, pipe.p, pipe.n, old, old) == -1 ||
		    ledger_key(&a->l->key, pipe.p, pipe.n, old, a->err) == -1 ||
		    table_del(a->t, DB_DEAD, a->l->key.p, a->l->key.len, a->err) == -1 ||
		    pipe_get(a, pipe.p, pipe.n, &row) == -1)
			return -1;
		row.replaced += n;
		if (pipe_put(a, pipe.p, pipe.n, &row) == -1)
			return -1;
	}
	/* it has been in this pipeline now, if it was not before */
	if (opened_before(a, json_str(json_get(of, "source")), json_str(json_get(of, "id")), pipe.p, pipe.n, seq) == -1)
		return -1;
	return ledger_apply_open(a, pipe.p, pipe.n, seq, 1);
}

/* target NUL id of an intent. */
static int
intent_key(struct apply *a, struct json_span target, struct json_span id)
{
	struct buf *key = &a->l->key;

	buf_clear(key);
	(void)buf_add(key, target.p, target.n);
	(void)buf_addc(key, '\0');
	if (buf_add(key, id.p, id.n) == -1)
		return err_nomem(a->err);
	return key->len > TABLE_KEY ? 0 : 1;
}

static int
apply_intent(struct apply *a, const struct event *ev, uint64_t seq, int settled)
{
	struct json_span target = json_str(json_get(ev->data, "target"));
	struct json_span id = settled ? json_str(json_get(ev->data, "intent")) : ev->id;
	unsigned char be[8];
	int rc;

	if (target.n == 0 || id.n == 0)
		return 0;
	rc = intent_key(a, target, id);
	if (rc != 1)
		return rc;
	if (settled)
		return table_del(a->t, DB_INTENT, a->l->key.p, a->l->key.len, a->err) == -1 ? -1 : 0;
	ledger_be64(be, seq);
	return table_put(a->t, DB_INTENT, a->l->key.p, a->l->key.len, be, 8, a->err);
}

static int
apply_known(struct apply *a, const struct event *ev)
{
	struct json_span target = json_str(json_get(ev->data, "target")), kind = json_str(json_get(ev->data, "kind"));
	struct json_span t = json_str(json_get(ev->data, "at"));
	int64_t at;

	if (target.n == 0 || ev->subject.n == 0)
		return 0;
	if (t.p == NULL || clock_parse(t.p, t.n, &at) == -1)
		at = event_time(ev);
	return ledger_known_set(a, target, kind.n == 7 ? 'p' : 'i', ev->subject, json_get(ev->data, "set"), at,
	    INT64_MIN, 0);
}

static int
apply_cursor(struct apply *a, const struct event *ev)
{
	struct json_span phase = json_str(json_get(ev->data, "phase"));
	struct json_span what = json_str(json_get(ev->data, "what")), name = json_str(json_get(ev->data, "name"));
	struct buf *key = &a->l->key;

	/* a beginning alone says nothing that could be relied on */
	if (phase.n != 3 || memcmp(phase.p, "end", 3) != 0)
		return 0;
	buf_clear(key);
	(void)buf_add(key, ev->source.p, ev->source.n);
	(void)buf_addc(key, '\0');
	(void)buf_add(key, what.p == NULL ? "" : what.p, what.n);
	(void)buf_addc(key, '\0');
	if (buf_add(key, name.p == NULL ? "" : name.p, name.n) == -1)
		return err_nomem(a->err);
	if (key->len > TABLE_KEY)
		return 0;
	return table_put(a->t, DB_CURSOR, key->p, key->len, ev->data_raw.p, ev->data_raw.n, a->err);
}

/* A worker's script that died in the middle of its work; see flow/run. */
static int
apply_alert(struct apply *a, const struct event *ev)
{
	struct json_span code = json_str(json_get(ev->data, "code")), pipe = json_str(json_get(ev->data, "pipeline"));
	struct yyjson_val *window = json_get(ev->data, "window");
	unsigned char row[24] = { 0 };
	struct table_val v;
	uint64_t first, last, n = 0;
	int rc;

	if (code.n != 11 || memcmp(code.p, "script-died", 11) != 0 || !name_ok(pipe.p, pipe.n) ||
	    json_u64(json_at(window, 0), &first) == -1 || json_u64(json_at(window, 1), &last) == -1)
		return 0;
	rc = table_get(a->t, DB_CRASH, pipe.p, pipe.n, &v, a->err);
	if (rc == -1)
		return -1;
	/* only deaths over the same work count together */
	if (rc == 1 && v.n == sizeof(row) && ledger_u64((const char *)v.p + 8) == first)
		n = ledger_u64(v.p);
	ledger_be64(row, n + 1);
	ledger_be64(row + 8, first);
	ledger_be64(row + 16, last);
	return table_put(a->t, DB_CRASH, pipe.p, pipe.n, row, sizeof(row), a->err);
}

/* A delivery in each pipeline of the list; once: not where this event has been
 * opened before, since two processes may store the same foreign id at once. */
static int
open_in_all(struct apply *a, struct json_span list, uint64_t place, struct json_span source, struct json_span id, int once)
{
	const char *p = list.n == 0 ? "-" : list.p, *end = list.n == 0 ? p + 1 : list.p + list.n, *c;

	for (; p < end; p = c + 1) {
		int before;

		c = memchr(p, ',', (size_t)(end - p));
		if (c == NULL)
			c = end;
		if (!name_ok(p, (size_t)(c - p)))
			continue;
		before = opened_before(a, source, id, p, (size_t)(c - p), place);
		if (before == -1)
			return -1;
		if ((before == 0 || !once) && ledger_apply_open(a, p, (size_t)(c - p), place, 1) == -1)
			return -1;
	}
	return 0;
}

static int
apply_event(struct apply *a, const struct event *ev, uint64_t seq)
{
	struct hash_128 h;
	struct table_val v;
	unsigned char be[8];
	int rc;

	if (uuid_version(ev->id.p, ev->id.n) != 7) {
		h = hash_pair(ev->source.p, ev->source.n, ev->id.p, ev->id.n);
		rc = table_get(a->t, DB_SEEN, h.b, sizeof(h.b), &v, a->err);
		ledger_be64(be, seq);
		/* the first line is the event, a later one only its double */
		if (rc == -1 || (rc == 0 && table_put(a->t, DB_SEEN, h.b, sizeof(h.b), be, 8, a->err) == -1))
			return -1;
	}
	return open_in_all(a, ev->pipeline, seq, ev->source, ev->id, 1);
}

int
ledger_apply_line(struct apply *a, const struct log_line *line)
{
	struct event ev;
	enum event_type t;
	struct ss_err e;
	struct buf *b = &a->l->val;
	struct json_span list;

	/* the event ends where its checksum begins */
	buf_clear(b);
	(void)buf_add(b, line->p, line->body);
	if (buf_addc(b, '}') == -1)
		return err_nomem(a->err);
	if (event_parse(&ev, &a->l->mem, b->p, b->len, &e) == -1)
		return 0;	/* a good line that is no event: ss-log verify names it */
	t = event_type(&ev);
	if (event_type_outcome(t)) {
		/* exc_put builds in the same scratch: the line moves to one of its own */
		struct buf own = *b;
		int rc;

		*b = (struct buf){ 0 };
		rc = apply_outcome(a, &ev, t);
		/* routed: opened elsewhere, a delivery in each pipeline that it names */
		list = t == EVENT_ROUTED ? json_str(json_get(ev.data, "to")) : (struct json_span){ NULL, 0 };
		if (rc == 0 && list.n > 0)
			rc = open_in_all(a, list, line->seq, json_str(json_get(json_get(ev.data, "event"), "source")),
			    json_str(json_get(json_get(ev.data, "event"), "id")), 0);
		buf_free(b);
		*b = own;
		return rc;
	}
	switch (t) {
	case EVENT_REPLAYED:
		return apply_replay(a, &ev, line->seq);
	case EVENT_ACCEPTED:
		list = json_str(json_get(ev.data, "pipeline"));
		return list.n == 0 ? 0 : open_in_all(a, list, line->seq, json_str(json_get(json_get(ev.data, "event"), "source")),
		    json_str(json_get(json_get(ev.data, "event"), "id")), 1);
	case EVENT_INTENT:
	case EVENT_SETTLED:
		return apply_intent(a, &ev, line->seq, t == EVENT_SETTLED);
	case EVENT_KNOWN:
		return apply_known(a, &ev);
	case EVENT_CURSOR:
		return apply_cursor(a, &ev);
	case EVENT_ALERT:
		return apply_alert(a, &ev);
	case EVENT_SEGMENT:
	case EVENT_STATE:
	case EVENT_END:
	case EVENT_STOP:
		return 0;
	default:
		/* a kind of a newer version is none of ours */
		return ev.is_ss ? 0 : apply_event(a, &ev, line->seq);
	}
}
