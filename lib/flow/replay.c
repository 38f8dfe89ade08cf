#include "flow/replay.h"

#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event/jqx.h"
#include "event/out.h"
#include "event/outcome.h"
#include "flow/record.h"
#include "flow/replay_find.h"
#include "flow/replay_row.h"
#include "store/ledger.h"
#include "store/log.h"

static void
who(char out[64])
{
	const struct passwd *pw = getpwuid(getuid());

	(void)snprintf(out, 64, "%s", pw != NULL ? pw->pw_name : "?");
}

/* Store ss.replay; its place is the delivery's from now on. */
static int
put_replay(struct cli *c, struct record *r, const struct replay_found *f, size_t at, const char *pipe, uint64_t old,
    uint64_t replays, struct ss_err *err)
{
	struct buf b = { 0 };
	char id[UUID_TEXT], time[CLOCK_TEXT], by[64];
	struct event ev;
	int rc;

	cli_uuid(c, id);
	clock_format(clock_now(&c->clock), time);
	who(by);
	if (event_parse(&ev, &r->mem, f->ev[at].line, f->ev[at].n, err) == -1)
		return -1;
	(void)buf_addf(&b, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"ss-replay\",\"type\":\"ss.replay\"", id);
	if (ev.subject.n > 0)
		(void)json_put_member(&b, "subject", ev.subject.p, ev.subject.n);
	(void)buf_addf(&b, ",\"time\":\"%s\",\"data\":{\"event\":{", time);
	(void)json_put_member(&b, "source", ev.source.p, ev.source.n);
	(void)json_put_member(&b, "id", ev.id.p, ev.id.n);
	(void)buf_addf(&b, ",\"seq\":%" PRIu64, f->ev[at].seq);
	if (old != 0)
		(void)buf_addf(&b, ",\"place\":%" PRIu64, old);
	(void)buf_addc(&b, '}');
	(void)json_put_member(&b, "pipeline", pipe, strlen(pipe));
	(void)buf_addf(&b, ",\"n\":%" PRIu64, replays + 1);
	if (f->o->force)
		(void)buf_adds(&b, ",\"force\":true");
	(void)json_put_member(&b, "by", by, strlen(by));
	(void)buf_adds(&b, "}}");
	rc = b.failed ? err_nomem(err) : record_own(r, b.p, b.len, 0, err);
	buf_free(&b);
	return rc == -1 || record_commit(r, NULL, err) == -1 ? -1 : 0;
}

static int
is_rejected(const struct event *ev)
{
	return ev->type.n == 13 && memcmp(ev->type.p, "line.rejected", 13) == 0;
}

/* The line that --edit made of the event: a new id, the old one as its cause. */
static int
edited(struct cli *c, const struct replay_found *f, size_t at, struct buf *out, struct ss_err *err)
{
	static const char *const own[] = { "ssseq", "sscrc", "sspipeline", "recordedtime" };
	struct jqx *j = jqx_open(f->o->edit, "--edit", NULL, err);
	struct buf res = { 0 }, cause = { 0 }, nid = { 0 };
	struct json_mem mem = { 0 };
	struct event_edit e[6];
	char id[UUID_TEXT];
	struct event ev;
	size_t i, n = 0;
	int rc = -1, row;

	if (j == NULL)
		return -1;
	row = event_parse(&ev, &mem, f->ev[at].line, f->ev[at].n, err) == 0 && is_rejected(&ev);
	if (jqx_run(j, f->ev[at].line, f->ev[at].n, &res, 2, err) != 1) {
		if (err->text[0] == '\0')
			err_set(err, SS_EXIT_USAGE, "--edit must give one event");
		err->exit = SS_EXIT_USAGE;
		goto done;
	}
	if (event_parse(&ev, &mem, res.p, res.len - 1, err) == -1) {
		err_prefix(err, "--edit");
		goto done;
	}
	if (ev.is_ss || (is_rejected(&ev) && !row)) {
		err_set(err, SS_EXIT_USAGE, "--edit gave the type '%.*s': types that begin with ss., and line.rejected, are the "
		    "programs' own", (int)(ev.type.n > 60 ? 60 : ev.type.n), ev.type.p);
		goto done;
	}
	cli_uuid(c, id);
	(void)json_put_cstr(&nid, id);
	(void)json_put_cstr(&cause, f->o->id);
	for (i = 0; i < 4; i++)
		e[n++] = (struct event_edit){ own[i], NULL, 0 };
	e[n++] = (struct event_edit){ "id", nid.p, nid.len };
	e[n++] = (struct event_edit){ "causationid", cause.p, cause.len };
	rc = event_edit(out, &ev, e, n) == -1 ? err_nomem(err) : 0;
done:
	jqx_free(j);
	json_mem_free(&mem);
	buf_free(&res);
	buf_free(&cause);
	buf_free(&nid);
	return rc;
}

/* Lines of b through the recorder, as if they had come on standard input. */
static int
store_lines(struct record *r, const struct buf *b, struct ss_err *err)
{
	const char *p = b->p, *end = b->p + b->len, *nl;
	struct line l = { .number = 0 };

	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		l.p = p;
		l.n = (size_t)(nl - p);
		l.number++;
		if (l.n > 0 && record_line(r, &l, LINE_OK, err) == -1)
			return -1;
	}
	return 0;
}

struct replay {
	struct cli *c;
	struct log *log;
	struct ledger *ledger;
	struct record r;
	struct replay_found f;
	uint64_t fed;		/* place of the delivery that goes as it is */
	size_t at;
	const char *pipe;
	uint64_t place, replays;
};

/* An outcome for the delivery opened at place, of pipeline o->pipeline; not
 * committed. */
static int
put_outcome(struct replay *x, struct outcome *o, uint64_t place, struct ss_err *err)
{
	const char *line = x->f.ev[x->at].line;
	struct event_edit e = { "ssplace", NULL, 0 };
	struct buf with = { 0 }, b = { 0 };
	char id[UUID_TEXT], num[24];
	struct event ev;
	int rc = -1;

	o->stage = "replay";
	o->ms = -1;
	e.n = (size_t)snprintf(num, sizeof(num), "%" PRIu64, place);
	e.raw = num;
	cli_uuid(x->c, id);
	if (event_parse(&ev, &x->r.mem, line, x->f.ev[x->at].n, err) == -1)
		goto done;
	if (event_edit(&with, &ev, &e, 1) == -1) {
		err_nomem(err);
		goto done;
	}
	if (event_parse(&ev, &x->r.mem, with.p, with.len, err) == -1)
		goto done;
	rc = outcome_put(&b, &ev, o, id, clock_now(&x->c->clock)) == -1 ? err_nomem(err) :
	    record_own(&x->r, b.p, b.len, 0, err);
done:
	buf_free(&with);
	buf_free(&b);
	return rc;
}

/* What was recorded by hand, in the pipeline that nobody feeds, ends there when
 * it is sent to another. */
static int
leave_unfed(struct replay *x, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_ROUTED, .pipeline = "-" };
	uint64_t seq = x->f.ev[x->at].seq, first, last;
	struct ledger_view *v;
	int rc;

	if (ledger_catchup(x->ledger, NULL, err) == -1 || ledger_view(&v, x->ledger, err) == -1)
		return -1;
	rc = ledger_open_run(v, "-", seq, &first, &last, err);
	ledger_view_end(v);
	return rc == 1 && first <= seq ? put_outcome(x, &o, seq, err) : rc == -1 ? -1 : 0;
}

/* New events instead of the old one: store them, end the old one superseded. */
static int
replace(struct replay *x, const struct buf *lines, uint64_t place, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_SUPERSEDED, .pipeline = x->pipe, .class = OUTCOME_STALE, .code = "edited",
		.message = "by an event made from it" };

	return store_lines(&x->r, lines, err) == -1 || put_outcome(x, &o, place, err) == -1 ? -1 :
	    record_commit(&x->r, NULL, err);
}

/* It was rejected again, and nothing new comes of it. */
static int
reject(struct replay *x, const struct replay_row_cause *cause, uint64_t place, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_DEAD, .pipeline = x->pipe, .class = cause->class, .code = cause->code,
		.message = cause->message };

	cli_warn(x->c, "it stays rejected: %s", cause->message);
	return put_outcome(x, &o, place, err) == -1 ? -1 : record_commit(&x->r, NULL, err);
}

/* What is to be stored in the event's place: 1 with lines, 2 nothing, it goes as
 * it is, 0 it is rejected again, -1. */
static int
make_lines(struct replay *x, struct buf *lines, struct replay_row_cause *cause, struct ss_err *err)
{
	const char *p = x->f.ev[x->at].line;
	size_t n = x->f.ev[x->at].n;
	struct json_mem mem = { 0 };
	struct buf one = { 0 };
	struct event ev;
	int rc = 0;

	if (x->f.o->edit != NULL) {
		rc = edited(x->c, &x->f, x->at, &one, err);
		p = one.p;
		n = one.len;
	}
	if (rc == 0)
		rc = event_parse(&ev, &mem, p, n, err);
	if (rc == 0 && is_rejected(&ev)) {
		/* the id that its events name as their cause is that of the row as stored */
		ev.id = (struct json_span){ x->f.o->id, strlen(x->f.o->id) };
		rc = replay_row_again(x->c, &ev, lines, cause, err);
	} else if (rc == 0 && one.len == 0) {
		rc = 2;
	} else if (rc == 0) {
		rc = buf_add(lines, one.p, one.len) == -1 ? err_nomem(err) : 1;
	}
	json_mem_free(&mem);
	buf_free(&one);
	return rc;
}

/*
 * Of other types than item.* and product.* the next of a key waits until the one
 * before has ended.  A delivery that is still open has its turn before those that
 * wait: opened anew at the log's end it would come behind them.  So it stays where
 * it is, and what is held up until later is due now.  1: so it was; 2: it waits for
 * another itself; 0: it is to be opened, -1.
 */
static int
keep_turn(struct replay *x, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_FAILED, .pipeline = x->pipe, .class = OUTCOME_INTERMITTENT, .code = "replayed",
		.retry = 1, .due = clock_now(&x->c->clock) };
	struct json_mem mem = { 0 };
	char by[64], why[96];
	struct ledger_view *v;
	struct ledger_exc e;
	struct event ev;
	uint64_t first, last;
	int rc, row = 0;

	if (event_parse(&ev, &x->r.mem, x->f.ev[x->at].line, x->f.ev[x->at].n, err) == -1)
		return -1;
	if (event_is_state(&ev) || x->place == 0)
		return 0;
	if (ledger_catchup(x->ledger, NULL, err) == -1 || ledger_view(&v, x->ledger, err) == -1)
		return -1;
	rc = ledger_open_run(v, x->pipe, x->place, &first, &last, err);
	if (rc == 1)
		rc = first <= x->place;
	if (rc == 1)
		row = ledger_exception(v, x->pipe, x->place, 0, &mem, &e, err);
	ledger_view_end(v);
	if (row == 1 && e.behind != 0) {
		cli_warn(x->c, "it waits for another of its key, at place %" PRIu64 ", and goes when that has ended", e.behind);
		rc = 2;
	} else if (row == 1) {
		who(by);
		(void)snprintf(why, sizeof(why), "tried again now, asked for by %s", by);
		o.message = why;
		if (put_outcome(x, &o, x->place, err) == -1 || record_commit(&x->r, NULL, err) == -1)
			row = -1;
	}
	json_mem_free(&mem);
	return row == -1 ? -1 : rc;
}

static enum ss_exit
go(struct replay *x, struct ss_err *err)
{
	struct replay_row_cause cause;
	struct buf lines = { 0 };
	int what = make_lines(x, &lines, &cause, err), rc = what == -1 ? -1 : leave_unfed(x, err), kept = 0;

	if (rc == 0 && what == 2)
		kept = keep_turn(x, err);
	if (kept == -1)
		rc = -1;
	/* a dead or finished delivery is opened again so that it can end anew */
	if (rc == 0 && kept == 0)
		rc = put_replay(x->c, &x->r, &x->f, x->at, x->pipe, x->place, x->replays, err);
	if (rc == 0 && what == 2)
		x->fed = kept == 0 ? x->r.last : x->place;
	if (rc == 0 && what == 1)
		rc = replace(x, &lines, x->r.last, err);
	else if (rc == 0 && what == 0)
		rc = reject(x, &cause, x->r.last, err);
	buf_free(&lines);
	return rc == -1 ? (err->exit == SS_EXIT_OK ? SS_EXIT_AGAIN : err->exit) :
	    what == 0 || kept == 2 ? SS_EXIT_OPEN : SS_EXIT_OK;
}

static enum ss_exit
print(const struct replay_found *f, size_t at, struct ss_err *err)
{
	struct out o;
	int rc;

	out_init(&o, STDOUT_FILENO, "standard output");
	rc = buf_add(out_buf(&o), f->ev[at].line, f->ev[at].n) == -1 || buf_addc(out_buf(&o), '\n') == -1 ? err_nomem(err) :
	    out_flush(&o, err);
	out_free(&o);
	return rc == -1 ? err->exit : SS_EXIT_OK;
}

/* It must be there before a delivery is opened in it that nobody would end. */
static int
check_script(const char *home, const char *name, struct ss_err *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/pipelines/%s", home, name) >= (int)sizeof(path))
		return err_set(err, SS_EXIT_USAGE, "path of the pipeline is too long");
	return access(path, X_OK) == 0 ? 0 : err_sys(err, SS_EXIT_USAGE, "cannot run '%s'", path);
}

/* The event and the pipeline that are meant; reads only. */
static enum ss_exit
choose(struct replay *x, struct ss_err *err)
{
	const struct cli *c = x->c;
	enum ss_exit e;
	int rc = log_open(&x->log, c->home, 0, &c->clock, &x->c->rng, err);

	if (rc == 0)
		rc = replay_find(&x->f, x->log, err);
	log_close(x->log);
	x->log = NULL;
	if (rc == -1)
		return err->exit;
	e = replay_choose_event(&x->f, &x->at, err);
	if (e != SS_EXIT_OK || x->f.o->print)
		return e;
	e = replay_choose_pipe(&x->f, x->f.ev[x->at].source, &x->pipe, &x->place, &x->replays, err);
	if (e == SS_EXIT_OK && check_script(c->home, x->pipe, err) == -1)
		e = err->exit;
	return e;
}

/* Nothing was said against it, but has it its end?  Another run that is at work, or
 * what one that was killed has left behind, may have it still. */
static enum ss_exit
ended(struct cli *c, const char *name, uint64_t place, struct ss_err *err)
{
	struct log *log = NULL;
	struct ledger *ledger = NULL;
	struct ledger_view *v = NULL;
	struct ledger_exc row_of;
	struct json_mem mem = { 0 };
	uint64_t first, last;
	int open = -1, row = 0;

	if (log_open(&log, c->home, 0, &c->clock, &c->rng, err) == 0 && ledger_open(&ledger, c->home, log, err) == 0 &&
	    ledger_catchup(ledger, NULL, err) == 0 && ledger_view(&v, ledger, err) == 0)
		open = ledger_open_run(v, name, place, &first, &last, err);
	if (open == 1)
		open = first <= place;
	if (open == 1)
		row = ledger_exception(v, name, place, 0, &mem, &row_of, err);
	json_mem_free(&mem);
	ledger_view_end(v);
	ledger_close(ledger);
	log_close(log);
	if (open == -1 || row == -1)
		return err->exit;
	if (open == 0 || row == 1)
		return open == 0 ? SS_EXIT_OK : SS_EXIT_OPEN;
	cli_warn(c, "it is open: another run of pipeline '%s' is at work, which feeds it or leaves it to the next", name);
	return SS_EXIT_AGAIN;
}

enum ss_exit
replay_run(struct cli *c, const struct replay_opts *o, struct ss_err *err)
{
	struct replay x = { .c = c, .f = { .o = o } };
	struct run_opts run = o->run;
	char name[128] = "";
	enum ss_exit e = SS_EXIT_AGAIN, worked;

	e = choose(&x, err);
	if (e != SS_EXIT_OK)
		goto done;
	if (o->print) {
		e = print(&x.f, x.at, err);
		goto done;
	}
	(void)snprintf(name, sizeof(name), "%s", x.pipe);
	if (log_open(&x.log, c->home, 1, &c->clock, &c->rng, err) == -1 || ledger_open(&x.ledger, c->home, x.log, err) == -1 ||
	    record_init(&x.r, x.log, x.ledger, c, name, 1, err) == -1) {
		e = err->exit;
		goto done;
	}
	e = go(&x, err);
done:
	record_free(&x.r);
	replay_found_free(&x.f);
	ledger_close(x.ledger);
	log_close(x.log);
	if ((e != SS_EXIT_OK && e != SS_EXIT_OPEN) || o->print || err->text[0] != '\0')
		return e;
	run.name = name;
	run.no_input = 1;
	worked = run_pipeline(c, &run, err);
	if (worked == SS_EXIT_OK && x.fed != 0)
		worked = ended(c, name, x.fed, err);
	return err_worse(e, worked);
}
