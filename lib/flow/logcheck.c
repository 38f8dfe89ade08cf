/* ss-log verify, rebuild, dump. */
#include "flow/logcheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/err.h"
#include "store/ledger.h"
#include "store/log.h"

struct verify {
	struct query *q;
	struct buf text;
	uint64_t findings;	/* lines written of what is wrong */
	int wrong;
	int rc;
	struct ss_err *err;
};

static int
put_line(struct verify *v)
{
	int rc = v->text.failed ? err_nomem(v->err) : out_line(&v->q->out, v->text.p, v->text.len, v->err);

	buf_clear(&v->text);
	if (rc == -1)
		v->rc = -1;
	return rc;
}

/* "path:offset: place N: what" */
static void
on_finding(void *ctx, const char *path, uint64_t offset, uint64_t seq, const char *what)
{
	struct verify *v = ctx;
	struct buf *b = &v->text;

	if (v->rc == -1)
		return;
	v->findings++;
	if (v->q->people) {
		(void)query_text(b, path, strlen(path));
		(void)buf_addf(b, ":%llu: place %llu: ", (unsigned long long)offset, (unsigned long long)seq);
		(void)query_text(b, what, strlen(what));
	} else {
		(void)buf_addc(b, '{');
		(void)json_put_member(b, "finding", what, strlen(what));
		(void)json_put_member(b, "path", path, strlen(path));
		(void)buf_addf(b, ",\"offset\":%llu,\"place\":%llu}", (unsigned long long)offset, (unsigned long long)seq);
	}
	(void)put_line(v);
}

static int
check_log(struct verify *v)
{
	struct log_report r;
	const char *word;

	if (log_verify(v->q->log, &r, on_finding, v, v->err) == -1 || v->rc == -1)
		return -1;
	if (r.damaged != 0 || r.gaps != 0 || v->findings > r.torn)
		v->wrong = 1;
	word = v->wrong ? "damaged" : r.torn != 0 ? "torn" : "ok";
	if (v->q->people) {
		const char *tint = query_tint(v->q, word, strlen(word));

		(void)buf_addf(&v->text, "log: %llu lines, %llu bytes in %llu segments, places %llu to %llu: ",
		    (unsigned long long)r.lines, (unsigned long long)r.bytes, (unsigned long long)r.segments,
		    (unsigned long long)r.first, (unsigned long long)r.last);
		if (strcmp(word, "ok") != 0)
			(void)buf_addf(&v->text, "%llu damaged, %llu gaps, %llu torn: ", (unsigned long long)r.damaged,
			    (unsigned long long)r.gaps, (unsigned long long)r.torn);
		(void)buf_addf(&v->text, "%s%s%s", tint, word, *tint == '\0' ? "" : "\033[0m");
	} else {
		(void)buf_addf(&v->text, "{\"check\":\"log\",\"ok\":%s,\"segments\":%llu,\"lines\":%llu,\"bytes\":%llu,"
		    "\"first\":%llu,\"last\":%llu,\"damaged\":%llu,\"gaps\":%llu,\"torn\":%llu}", v->wrong ? "false" : "true",
		    (unsigned long long)r.segments, (unsigned long long)r.lines, (unsigned long long)r.bytes,
		    (unsigned long long)r.first, (unsigned long long)r.last, (unsigned long long)r.damaged,
		    (unsigned long long)r.gaps, (unsigned long long)r.torn);
	}
	return put_line(v);
}

/* Opens the ledger; state/ that cannot be used is told of, not an error.  1
 * open, 0 not, -1. */
static int
check_state(struct verify *v)
{
	struct query *q = v->q;
	struct ss_err e = { .text = "" };
	int good;

	good = ledger_open(&q->ledger, q->cli->home, q->log, &e) == 0 && ledger_catchup(q->ledger, NULL, &e) == 0 &&
	    ledger_view(&q->view, q->ledger, &e) == 0 && ledger_applied(q->view, &q->applied, &e) == 0;
	if (!good && e.exit != SS_EXIT_DAMAGE) {
		*v->err = e;
		return -1;
	}
	if (!good)
		v->wrong = 1;
	if (q->people) {
		const char *word = good ? "ok" : "damaged", *tint = query_tint(q, word, strlen(word));

		if (good)
			(void)buf_addf(&v->text, "state: made up to place %llu: ", (unsigned long long)q->applied);
		else
			(void)buf_addf(&v->text, "%s: ", e.text);
		(void)buf_addf(&v->text, "%s%s%s", tint, word, *tint == '\0' ? "" : "\033[0m");
	} else {
		(void)buf_addf(&v->text, "{\"check\":\"state\",\"ok\":%s", good ? "true" : "false");
		if (good)
			(void)buf_addf(&v->text, ",\"applied\":%llu", (unsigned long long)q->applied);
		else
			(void)json_put_member(&v->text, "message", e.text, strlen(e.text));
		(void)buf_addc(&v->text, '}');
	}
	return put_line(v) == -1 ? -1 : good;
}

/* Every line up to where the ledger stands. */
static int
walk(struct verify *v, struct logcheck_accounts *a)
{
	struct json_mem mem = { 0 };
	struct log_cursor *c;
	struct log_line line;
	struct buf text = { 0 };
	struct event ev;
	struct ss_err e;
	int rc;

	if (log_cursor_open(&c, v->q->log, 0, v->err) == -1)
		return -1;
	while ((rc = log_cursor_next(c, &line, v->err)) == 1 && line.seq <= v->q->applied) {
		buf_clear(&text);
		(void)buf_add(&text, line.p, line.body);
		if (buf_addc(&text, '}') == -1) {
			rc = err_nomem(v->err);
			break;
		}
		if (event_parse(&ev, &mem, text.p, text.len, &e) == -1) {
			v->wrong = 1;
			on_finding(v, "log", 0, line.seq, e.text);
		} else if (logcheck_account_line(a, &ev, line.seq) == -1) {
			rc = err_nomem(v->err);
			break;
		}
	}
	log_cursor_close(c);
	json_mem_free(&mem);
	buf_free(&text);
	return rc == -1 || v->rc == -1 ? -1 : 0;
}

/* Does the ledger say of the pipeline what the lines do? */
static int
agrees(const struct logcheck_account *p, const struct ledger_counts *c, uint64_t position)
{
	uint64_t ended = 0;
	int t;

	for (t = EVENT_DELIVERED; t <= EVENT_DEAD; t++) {
		if (p->ended[t] != c->ended[t])
			return 0;
		ended += c->ended[t];
	}
	return p->opened == c->opened && p->replaced == c->replaced && p->doubles == c->doubles &&
	    p->nopen == c->open && p->nfailed == c->failed && p->nparked == c->parked && p->ndead == c->dead &&
	    c->opened == ended + c->replaced + c->open && position == logcheck_account_position(p);
}

static void
account_json(struct verify *v, const struct logcheck_account *p, const struct ledger_counts *c, uint64_t position, int ok)
{
	uint64_t ended = 0, led = 0;
	struct buf *b = &v->text;
	int t;

	for (t = EVENT_DELIVERED; t <= EVENT_DEAD; t++) {
		ended += p->ended[t];
		led += c->ended[t];
	}
	(void)buf_addf(b, "{\"check\":\"accounts\",\"ok\":%s", ok ? "true" : "false");
	(void)json_put_member(b, "pipeline", p->name, strlen(p->name));
	(void)buf_addf(b, ",\"opened\":%llu,\"ended\":%llu,\"replaced\":%llu,\"open\":%llu,\"failed\":%llu,\"parked\":%llu,"
	    "\"dead\":%llu,\"listed\":%llu,\"doubles\":%llu", (unsigned long long)p->opened, (unsigned long long)ended,
	    (unsigned long long)p->replaced, (unsigned long long)p->nopen, (unsigned long long)p->nfailed,
	    (unsigned long long)p->nparked, (unsigned long long)p->ended[EVENT_DEAD], (unsigned long long)p->ndead,
	    (unsigned long long)p->doubles);
	if (position != 0)
		(void)buf_addf(b, ",\"position\":%llu", (unsigned long long)position);
	if (!ok)
		(void)buf_addf(b, ",\"ledger\":{\"opened\":%llu,\"ended\":%llu,\"replaced\":%llu,\"open\":%llu,"
		    "\"failed\":%llu,\"parked\":%llu,\"dead\":%llu,\"listed\":%llu,\"doubles\":%llu}", (unsigned long long)c->opened,
		    (unsigned long long)led, (unsigned long long)c->replaced, (unsigned long long)c->open,
		    (unsigned long long)c->failed, (unsigned long long)c->parked,
		    (unsigned long long)c->ended[EVENT_DEAD], (unsigned long long)c->dead, (unsigned long long)c->doubles);
	(void)buf_addc(b, '}');
}

static void
account_people(struct query_sheet *s, const struct logcheck_account *p, int ok)
{
	static const char *const heads[] = { "PIPELINE", "OPENED", "ENDED", "REPLACED", "OPEN", "FAILED", "PARKED",
		"DEAD", "LISTED", "DOUBLES", "ACCOUNT" };
	uint64_t ended = 0;
	size_t i;

	for (i = 0; s->cell == i && i < s->cols; i++)
		(void)query_cells(s, heads[i]);
	for (i = EVENT_DELIVERED; i <= EVENT_DEAD; i++)
		ended += p->ended[i];
	(void)query_cells(s, p->name);
	(void)query_cellu(s, p->opened);
	(void)query_cellu(s, ended);
	(void)query_cellu(s, p->replaced);
	(void)query_cellu(s, p->nopen);
	(void)query_cellu(s, p->nfailed);
	(void)query_cellu(s, p->nparked);
	(void)query_cellu(s, p->ended[EVENT_DEAD]);
	(void)query_cellu(s, p->ndead);
	(void)query_cellu(s, p->doubles);
	(void)query_cells(s, ok ? "ok" : "differs");
}

static int
by_name(const void *a, const void *b)
{
	const struct logcheck_account *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
check_accounts(struct verify *v, struct logcheck_accounts *a)
{
	struct query_sheet s = { .cols = 11, .right = 0x3fe };
	struct ledger_counts c;
	struct buf name = { 0 };
	uint64_t position, last;
	size_t i, n = 0;
	int rc = 0;

	while ((rc = ledger_pipelines(v->q->view, &name, v->err)) == 1)
		n++;
	buf_free(&name);
	if (rc == -1)
		return -1;
	if (a->n > 1)
		qsort(a->v, a->n, sizeof(*a->v), by_name);
	for (i = 0; i < a->n; i++) {
		const struct logcheck_account *p = &a->v[i];
		int ok;

		rc = ledger_counts(v->q->view, p->name, &c, v->err);
		if (rc == 0)
			rc = ledger_open_run(v->q->view, p->name, 0, &position, &last, v->err);
		if (rc == -1)
			break;
		if (rc == 0)
			position = 0;
		rc = 0;
		ok = agrees(p, &c, position);
		v->wrong |= !ok;
		if (v->q->people) {
			account_people(&s, p, ok);
			continue;
		}
		account_json(v, p, &c, position, ok);
		if (put_line(v) == -1) {
			rc = -1;
			break;
		}
	}
	if (rc == 0 && v->q->people && s.cell > 0)
		rc = query_sheet_put(v->q, &s, v->err);
	query_sheet_free(&s);
	if (rc == 0 && n != a->n) {
		v->wrong = 1;
		on_finding(v, "state", 0, v->q->applied, "the ledger has other pipelines than the log");
	}
	return rc == -1 || v->rc == -1 ? -1 : 0;
}

static int
count_intent(void *ctx, struct json_span id, uint64_t place)
{
	(void)id;
	(void)place;
	++*(uint64_t *)ctx;
	return 0;
}

static int
check_intents(struct verify *v, const struct logcheck_accounts *a)
{
	const char *word, *tint;
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < a->ntargets; i++)
		if (ledger_intents(v->q->view, (struct json_span){ a->targets[i], strlen(a->targets[i]) }, count_intent,
		    &n, v->err) == -1)
			return -1;
	v->wrong |= n != a->nintents;
	if (!v->q->people) {
		(void)buf_addf(&v->text, "{\"check\":\"intents\",\"ok\":%s,\"open\":%llu}", n == a->nintents ? "true" : "false",
		    (unsigned long long)a->nintents);
		return put_line(v);
	}
	if (n == 0 && a->nintents == 0)
		return 0;
	word = n == a->nintents ? "ok" : "differs";
	tint = query_tint(v->q, word, strlen(word));
	(void)buf_addf(&v->text, "open intents: %llu: %s%s%s", (unsigned long long)a->nintents, tint, word,
	    *tint == '\0' ? "" : "\033[0m");
	return put_line(v);
}

enum ss_exit
logcheck_verify(struct query *q, struct ss_err *err)
{
	struct verify v = { .q = q, .err = err };
	struct logcheck_accounts a = { .n = 0 };
	int rc = check_log(&v);

	if (rc == 0)
		rc = check_state(&v);
	if (rc == 1 && (walk(&v, &a) == -1 || check_accounts(&v, &a) == -1 || check_intents(&v, &a) == -1))
		rc = -1;
	if (rc != -1)
		rc = out_flush(&q->out, err);
	logcheck_account_free(&a);
	buf_free(&v.text);
	return rc == -1 ? err->exit : v.wrong ? SS_EXIT_DAMAGE : SS_EXIT_OK;
}

enum ss_exit
logcheck_rebuild(struct query *q, struct ss_err *err)
{
	struct buf b = { 0 };
	int rc;

	/* tables that cannot even be opened are no hindrance */
	if (ledger_remove(q->cli->home, err) == -1 || ledger_open(&q->ledger, q->cli->home, q->log, err) == -1 ||
	    ledger_catchup(q->ledger, &q->applied, err) == -1)
		return err->exit;
	(void)buf_addf(&b, q->people ? "state made anew up to place %llu" : "{\"rebuilt\":%llu}",
	    (unsigned long long)q->applied);
	rc = b.failed ? err_nomem(err) : out_line(&q->out, b.p, b.len, err);
	if (rc == 0)
		rc = out_flush(&q->out, err);
	buf_free(&b);
	return rc == -1 ? err->exit : SS_EXIT_OK;
}

enum ss_exit
logcheck_dump(struct query *q, struct ss_err *err)
{
	struct buf b = { 0 };
	int rc = ledger_dump(q->view, &b, err);

	if (rc == 0 && b.len > 0)
		rc = out_line(&q->out, b.p, b.len - 1, err);
	if (rc == 0)
		rc = out_flush(&q->out, err);
	buf_free(&b);
	return rc == -1 ? err->exit : SS_EXIT_OK;
}
