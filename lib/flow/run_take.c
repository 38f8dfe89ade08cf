/* What comes out of the script: outcomes, new events, events as themselves. */
#include <stdio.h>
#include <string.h>

#include "flow/run_internal.h"

int64_t
run_delay(struct run *r, uint64_t attempt)
{
	int64_t d = r->o->base_delay;
	uint64_t i;

	for (i = 1; i < attempt && d < 3600000; i++)
		d *= 2;
	/* full jitter, but never at once */
	return d / 2 + (int64_t)rng_below(&r->cli->rng, (uint64_t)(d / 2 + 1));
}

int
run_outcome(struct run *r, const struct event *ev, struct outcome *o, struct ss_err *err)
{
	struct buf b = { 0 };
	char id[UUID_TEXT];
	int rc;

	if (o->stage == NULL)
		o->stage = "run";
	o->pipeline = r->o->name;
	cli_uuid(r->cli, id);
	rc = outcome_put(&b, ev, o, id, clock_now(&r->cli->clock));
	rc = rc == -1 ? err_nomem(err) : record_own(&r->back, b.p, b.len, 0, err);
	buf_free(&b);
	if (rc == 0 && record_pending(&r->back) >= RUN_COMMIT_BYTES)
		rc = run_turn_commit(r, err);
	return rc;
}

static void
answered(struct run *r, uint64_t place)
{
	size_t lo = 0, hi = r->ndue;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->due[mid].place < place)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < r->ndue && r->due[lo].place == place)
		r->due[lo].answered = 1;
}

/* An event that carries our label and a place leaves the script as itself. */
static int
leave(struct run *r, const struct event *ev, struct ss_err *err)
{
	static const struct event_edit strip[] = { { "ssturn", NULL, 0 }, { "ssplace", NULL, 0 } };
	struct outcome o = { .type = EVENT_DELIVERED, .target = "stdout", .ms = -1 };
	struct buf *b = out_buf(&r->stdout_o);

	answered(r, outcome_place(ev));
	if (event_edit(b, ev, strip, 2) == -1 || buf_addc(b, '\n') == -1)
		return err_nomem(err);
	if (out_done(&r->stdout_o, 1, err) == -1)
		return -1;
	r->done++;
	return run_outcome(r, ev, &o, err);
}

static int
outcome(struct run *r, const struct event *ev, enum event_type t, struct ss_err *err)
{
	struct json_span pipe = json_str(json_get(ev->data, "pipeline"));
	uint64_t place = 0, n = 1;

	if (pipe.n == strlen(r->o->name) && memcmp(pipe.p, r->o->name, pipe.n) == 0) {
		struct yyjson_val *of = json_get(ev->data, "event");

		if (json_u64(json_get(of, "place"), &place) == 0 || json_u64(json_get(of, "seq"), &place) == 0)
			answered(r, place);
		else if (ev->seq == 0)	/* else nobody has looked whether n is right */
			(void)json_u64(json_get(ev->data, "n"), &n);
	}
	r->dead += t == EVENT_DEAD;
	r->failed += t == EVENT_FAILED;
	r->parked += t == EVENT_PARKED;
	if (event_type_ends(t))
		r->done += n;
	return ev->seq != 0 ? 0 : record_own(&r->back, ev->line.p, ev->line.n, 0, err);
}

static int
stop(struct run *r, const struct event *ev)
{
	struct json_span m = json_str(json_get(ev->data, "message")), t = json_str(json_get(ev->data, "target"));
	int n = t.n < 100 ? (int)t.n : 100, k = m.n < 250 ? (int)m.n : 250;
	enum ss_exit x = SS_EXIT_AGAIN;
	uint64_t code;

	if (json_u64(json_get(ev->data, "exit"), &code) == 0 && (code == SS_EXIT_USAGE || code == SS_EXIT_DAMAGE))
		x = (enum ss_exit)code;
	r->saw_stop = 1;
	/* of several that stop the one with the highest code is named */
	if (err_worse(r->stop_exit, x) != x)
		return 0;
	r->stop_exit = x;
	(void)snprintf(r->stop_why, sizeof(r->stop_why), "%.*s%s%.*s", n, n > 0 ? t.p : "", n > 0 ? ": " : "", k,
	    k > 0 ? m.p : "");
	return 0;
}

/* An event without a place that was fed with one in this turn: stored as a new
 * one it would come in again, and so on for ever.  Only the first few of a turn
 * are looked up, since a script does it to all or to none.  1 yes, 0, -1. */
static int
lost_its_place(struct run *r, const struct event *ev, struct ss_err *err)
{
	struct log_cursor *c = NULL;
	struct log_line line;
	int rc, found = 0;

	if (ev->seq != 0 || uuid_version(ev->id.p, ev->id.n) != 7 || r->live_first == 0 || r->looked_up >= 3)
		return 0;
	r->looked_up++;
	if (log_cursor_open(&c, r->log, r->live_first, err) == -1)
		return -1;
	while (!found && (rc = log_cursor_next(c, &line, err)) == 1 && line.seq <= r->live_last)
		found = memmem(line.p, line.body, ev->id.p, ev->id.n) != NULL &&
		    event_parse(&r->other, &r->mem2, line.p, line.n, NULL) == 0 && !r->other.is_ss &&
		    r->other.id.n == ev->id.n && memcmp(r->other.id.p, ev->id.p, ev->id.n) == 0 &&
		    r->other.source.n == ev->source.n && memcmp(r->other.source.p, ev->source.p, ev->source.n) == 0;
	log_cursor_close(c);
	return rc == -1 ? -1 : found;
}

int
run_take_line(struct run *r, const struct line *l, int kind, struct ss_err *err)
{
	struct event *ev = &r->back_ev;
	enum event_type t;

	if (kind == LINE_TORN)
		return 0;	/* the script died in the middle of a line: what it was about stays open */
	if (kind == LINE_LONG || event_parse(ev, &r->mem, l->p, l->n, &r->bad) == -1)
		return record_line(&r->back, l, kind, err) == -1 ? -1 : 0;
	t = event_type(ev);
	if (t == EVENT_END) {
		uint64_t turn = 0;

		if (json_u64(json_get(ev->data, "turn"), &turn) == 0 && turn == r->turn)
			r->saw_end = 1;
		return 0;
	}
	if (t == EVENT_STOP)
		return stop(r, ev);
	/* one with a place of its own is stored already, and was looked at then */
	if (event_type_outcome(t) && (ev->seq != 0 || event_ss_bad(ev) == NULL))
		return outcome(r, ev, t, err);
	if (!ev->is_ss && ev->seq != 0 && event_in_list(ev->pipeline, r->o->name, strlen(r->o->name)))
		return leave(r, ev, err);
	if (!ev->is_ss) {
		int rc = lost_its_place(r, ev, err);

		if (rc == 1 && record_commit(&r->back, NULL, err) == 0)
			rc = err_set(err, SS_EXIT_USAGE, "the script took ssseq off event %.*s: what it changes must keep all "
			    "other members (jq: . + {...})", (int)(ev->id.n > 60 ? 60 : ev->id.n), ev->id.p);
		if (rc != 0)
			return -1;
	}
	/* a new event, ss.known and the like; what is wrong with it is found there */
	return record_line(&r->back, l, kind, err) == -1 ? -1 : 0;
}
