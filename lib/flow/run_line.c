/* A delivery's line as the script gets it, and ends that the script is not asked about. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "flow/run_internal.h"

static const char *
mode_name(int mode)
{
	return mode == EVENT_DUE ? "due" : mode == EVENT_REPLAY ? "replay" : "live";
}

#define NEAR 256	/* lines: reading on is less than a search */

/* log_get(), into r->event, for many in a row: a search and a block for each line
 * would cost a second for a few thousand.  1, 0 not there, -1. */
static int
read_at(struct run *r, struct run_reader *rd, uint64_t seq, struct ss_err *err)
{
	struct log_line line;
	int rc;

	buf_clear(&r->event);
	if (rd->cursor == NULL || seq < rd->next || seq - rd->next >= NEAR || seq >= rd->sure) {
		if (rd->cursor == NULL ? log_cursor_open(&rd->cursor, r->log, seq, err) == -1 :
		    log_cursor_seek(rd->cursor, seq, err) == -1)
			return -1;
		rd->sure = r->live_end;
	}
	rd->next = seq + 1;
	do {
		rc = log_cursor_next(rd->cursor, &line, err);
		if (rc == 1)
			rd->next = line.seq + 1;
	} while (rc == 1 && line.seq < seq);
	if (rc != 1 || line.seq != seq)
		return rc == -1 ? -1 : 0;
	(void)buf_add(&r->event, line.p, line.body);
	return buf_addc(&r->event, '}') == -1 ? err_nomem(err) : 1;
}

/* The line of the event that is in r->event. */
static int
make(struct run *r, uint64_t place, uint64_t seq, uint64_t attempt, uint64_t replay, int mode, int force, struct buf *out,
    struct ss_err *err)
{
	struct event_edit e[5] = { { "sspipeline", NULL, 0 }, { "ssturn", NULL, 0 }, { "ssplace", NULL, 0 },
		{ "ssstages", NULL, 0 } };
	struct buf label = { 0 };
	char turn[96], at[24];
	struct event ev;
	int rc;

	if (event_parse(&ev, &r->mem, r->event.p, r->event.len, err) == -1)
		return -1;
	(void)json_put_cstr(&label, r->o->name);
	e[0].raw = label.p;
	e[0].n = label.len;
	e[1].raw = turn;
	e[1].n = (size_t)snprintf(turn, sizeof(turn), "\"%" PRIu64 ",%" PRIu64 ",%s%s\"", attempt, replay, mode_name(mode),
	    force ? ",force" : "");
	if (place != seq) {
		e[2].raw = at;
		e[2].n = (size_t)snprintf(at, sizeof(at), "%" PRIu64, place);
	}
	rc = event_edit(out, &ev, e, 4) == -1 ? err_nomem(err) : 1;
	buf_free(&label);
	return rc;
}

int
run_line_make(struct run *r, uint64_t place, uint64_t seq, uint64_t attempt, uint64_t replay, int mode, int force,
    struct buf *out, struct ss_err *err)
{
	int rc = read_at(r, &r->events, seq, err);

	return rc == 1 ? make(r, place, seq, attempt, replay, mode, force, out, err) : rc;
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

/* The opening line is in r->event. */
static int
opened(struct run *r, uint64_t place, uint64_t attempt, struct event *ev, struct ss_err *err)
{
	struct opened o;
	int rc;

	if (event_parse(ev, &r->mem, r->event.p, r->event.len, err) == -1)
		return -1;
	(void)opened_by(ev, &o);
	buf_clear(&r->line);
	if (o.seq == place)
		rc = make(r, place, place, attempt, o.replay, o.mode, o.force, &r->line, err);
	else
		rc = run_line_make(r, place, o.seq, attempt, o.replay, o.mode, o.force, &r->line, err);
	if (rc == 1)
		rc = event_parse(ev, &r->mem, r->line.p, r->line.len, err) == -1 ? -1 : 1;
	return rc;
}

int
run_line_have(struct run *r, const struct log_line *line, uint64_t attempt, struct event *ev, struct ss_err *err)
{
	buf_clear(&r->event);
	(void)buf_add(&r->event, line->p, line->body);
	return buf_addc(&r->event, '}') == -1 ? err_nomem(err) : opened(r, line->seq, attempt, ev, err);
}

int
run_line_load(struct run *r, uint64_t place, uint64_t attempt, struct event *ev, struct ss_err *err)
{
	int rc = read_at(r, &r->opening, place, err);

	if (rc == 0) {
		/* damaged: a stand-in, so that its delivery can have an end */
		buf_clear(&r->event);
		(void)buf_addf(&r->event, "{\"specversion\":\"1.0\",\"id\":\"place-%" PRIu64 "\",\"source\":\"storesync/log\","
		    "\"type\":\"ss.lost\",\"ssseq\":%" PRIu64 "}", place, place);
		return r->event.failed ? err_nomem(err) : event_parse(ev, &r->mem, r->event.p, r->event.len, err);
	}
	return rc == -1 ? -1 : opened(r, place, attempt, ev, err);
}

static int
add_place(void *ctx, struct json_span id, uint64_t place)
{
	(void)id;
	return buf_add(ctx, &place, sizeof(place));
}

/* Does the open intent whose line is at seq name the delivery?  1, 0, -1. */
static int
names(struct run *r, uint64_t seq, uint64_t place, struct ss_err *err)
{
	struct buf line = { 0 };
	struct json_walk w;
	struct yyjson_val *d;
	struct event ev;
	uint64_t at;
	int rc = log_get(r->log, seq, &line, err), found = 0;

	/* a damaged one names nobody that could be found */
	if (rc == 1 && event_parse(&ev, &r->mem2, line.p, line.len, NULL) == 0)
		for (w = json_walk(json_get(ev.data, "deliveries")); !found && (d = json_next(&w)) != NULL;) {
			struct json_span pipe = json_str(json_get(d, "pipeline"));

			found = json_u64(json_get(d, "place"), &at) == 0 && at == place && pipe.n == strlen(r->o->name) &&
			    memcmp(pipe.p, r->o->name, pipe.n) == 0;
		}
	buf_free(&line);
	return rc == -1 ? -1 : found;
}

int
run_line_unsettled(struct run *r, uint64_t place, struct ss_err *err)
{
	struct buf places = { 0 };
	struct ledger_view *v;
	uint64_t seq;
	size_t i;
	int rc;

	if (ledger_catchup(r->ledger, NULL, err) == -1 || ledger_view(&v, r->ledger, err) == -1)
		return -1;
	rc = ledger_intents(v, (struct json_span){ NULL, 0 }, add_place, &places, err);
	ledger_view_end(v);
	if (rc == -1 && places.failed)
		err_nomem(err);
	for (i = 0; rc == 0 && i + sizeof(seq) <= places.len; i += sizeof(seq)) {
		memcpy(&seq, places.p + i, sizeof(seq));
		rc = names(r, seq, place, err);
	}
	buf_free(&places);
	return rc;
}

int
run_line_dead(struct run *r, uint64_t place, uint64_t attempt, enum outcome_class class, const char *code,
    const char *message, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_DEAD, .class = class, .code = code, .message = message, .ms = -1,
		.attempt = attempt };
	struct event ev;
	int open = run_line_unsettled(r, place, err);

	if (open == -1 || run_line_load(r, place, attempt, &ev, err) == -1)
		return -1;
	if (open) {
		/* the same words as of a call that nobody can settle */
		o.class = OUTCOME_CONFLICT;
		o.code = "unknown-outcome";
		o.message = "given up while a call for it was open, which may have been applied; look at the target, then "
		    "ss-replay it or leave it";
	}
	r->dead++;
	return run_outcome(r, &ev, &o, err);
}
