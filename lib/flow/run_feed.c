/* What the script is fed, in order of place. */
#include <inttypes.h>
#include <string.h>

#include "flow/run_internal.h"

#define FEED_BYTES ((size_t)256 << 10)
#define LOST_MOST 1000

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

	if (run_line_have(r, line, 1, &ev, err) == -1)
		return -1;
	/* run_line_have() parsed the event itself where it still is in the log */
	if (ev.is_ss)
		return run_line_dead(r, place, 1, OUTCOME_MISSING, "event-gone", "the event is no longer in the log", err);
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
	if (to - from >= LOST_MOST)
		return err_set(err, SS_EXIT_DAMAGE, "places %" PRIu64 " to %" PRIu64 " are open but not in the log: see ss-log verify",
		    from, to);
	for (; from <= to; from++)
		if (hash_get(&r->exc, from) == NULL && run_line_dead(r, from, 1, OUTCOME_MISSING, "line-lost",
		    "the event's line in the log is damaged or gone; see ss-log verify", err) == -1)
			return -1;
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
	rc = run_line_make(r, d->place, d->seq, d->attempt, d->replay, d->mode, d->force, &r->feed, err);
	if (rc == 0) {
		d->answered = 1;
		r->one = 0;	/* nothing is fed alone */
		return run_line_dead(r, d->place, d->attempt, OUTCOME_MISSING, "event-gone", "the event is no longer in the log", err);
	}
	if (rc == -1 || feed_line(r, 0) == -1 || run_plan_fed(r, d) == -1)
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
