#include "event/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"

void
filter_init(struct filter *f, const char *stage, const char *target, const struct clock *clock,
    struct uuid_gen *uuid)
{
	const char *p = getenv("SS_PIPELINE");

	memset(f, 0, sizeof(*f));
	f->stage = stage;
	f->target = target;
	f->clock = clock;
	f->uuid = uuid;
	f->pipeline = p != NULL && *p != '\0' ? p : NULL;
	/* what ss-run feeds is a line of the log and what was added to it since */
	line_init(&f->in, 0, LINE_MAX_DEFAULT + (f->pipeline != NULL ? 65536 : 0), "standard input");
	out_init(&f->out, 1, "standard output");
}

void
filter_free(struct filter *f)
{
	line_free(&f->in);
	out_free(&f->out);
	json_mem_free(&f->mem);
	buf_free(&f->scratch);
	buf_free(&f->scratch2);
}

static void
new_id(struct filter *f, char id[UUID_TEXT])
{
	uuid_v7(f->uuid, clock_now(f->clock), id);
}

/* Write the run of neighbours that is being collected. */
static int
close_range(struct filter *f, struct ss_err *err)
{
	struct outcome o = { .type = f->range.type, .stage = f->stage, .pipeline = f->pipeline, .target = f->target,
		.class = f->range.class, .code = f->range.code };
	char id[UUID_TEXT], source[64];

	if (f->range.n == 0)
		return 0;
	(void)snprintf(source, sizeof(source), "ss-%s", f->stage);
	new_id(f, id);
	(void)outcome_put_range(out_buf(&f->out), &o, f->range.first, f->range.last, f->range.n, source, id,
	    clock_now(f->clock));
	(void)buf_addc(out_buf(&f->out), '\n');
	f->range.n = 0;
	return out_done(&f->out, 1, err);
}

int
filter_pass(struct filter *f, const struct event *ev, const struct event_edit *edits, size_t n, struct ss_err *err)
{
	struct event_edit all[16];

	if (n > 15)
		return f->faulty = 1, err_set(err, SS_EXIT_DAMAGE, "bug: too many edits");
	if (close_range(f, err) == -1)
		return -1;
	if (n > 0)
		memcpy(all, edits, n * sizeof(*edits));
	buf_clear(&f->scratch2);
	if (outcome_put_stages(&f->scratch2, ev, f->stage, clock_now(f->clock)) == -1)
		return err_nomem(err);
	all[n] = (struct event_edit){ "ssstages", f->scratch2.p, f->scratch2.len };
	f->passed++;
	if (event_edit(out_buf(&f->out), ev, all, n + 1) == -1)
		return err_nomem(err);
	(void)buf_addc(out_buf(&f->out), '\n');
	return out_done(&f->out, 1, err);
}

int
filter_end(struct filter *f, const struct event *ev, struct outcome *o, struct ss_err *err)
{
	char id[UUID_TEXT];

	if (close_range(f, err) == -1)
		return -1;
	if (o->stage == NULL)
		o->stage = f->stage;
	if (o->pipeline == NULL)
		o->pipeline = f->pipeline;
	if (o->target == NULL)
		o->target = f->target;
	new_id(f, id);
	f->ended++;
	f->bad += o->type == EVENT_DEAD || o->type == EVENT_FAILED || o->type == EVENT_PARKED;
	if (outcome_put(out_buf(&f->out), ev, o, id, clock_now(f->clock)) == -1)
		return err_nomem(err);
	(void)buf_addc(out_buf(&f->out), '\n');
	return out_done(&f->out, 1, err);
}

int
filter_end_line(struct filter *f, const char *p, size_t n, int bad, struct ss_err *err)
{
	if (close_range(f, err) == -1)
		return -1;
	f->ended++;
	f->bad += bad != 0;
	return out_line(&f->out, p, n, err);
}

int
filter_can_range(const struct filter *f, const struct event *ev)
{
	struct event_turn t;

	if (f->pipeline == NULL || ev->seq == 0)
		return 0;
	event_turn(ev, &t);
	return t.mode == EVENT_LIVE && t.attempt <= 1;
}

static int
extend_range(struct filter *f, uint64_t place, enum event_type type, enum outcome_class class, const char *code,
    struct ss_err *err)
{
	if (f->range.n > 0 && (f->range.type != type || f->range.class != class || f->range.code != code ||
	    place <= f->range.last) && close_range(f, err) == -1)
		return -1;
	if (f->range.n == 0) {
		f->range.type = type;
		f->range.class = class;
		f->range.code = code;
		f->range.first = place;
	}
	f->range.last = place;
	f->range.n++;
	f->ended++;
	return 0;
}

int
filter_end_place(struct filter *f, uint64_t place, enum event_type type, struct ss_err *err)
{
	return extend_range(f, place, type, OUTCOME_NONE, NULL, err);
}

int
filter_end_range(struct filter *f, const struct event *ev, enum event_type type, enum outcome_class class,
    const char *code, struct ss_err *err)
{
	struct outcome o = { .type = type, .class = class, .code = code, .ms = -1 };

	if (filter_can_range(f, ev))
		return extend_range(f, outcome_place(ev), type, class, code, err);
	return filter_end(f, ev, &o, err);
}

int
filter_extra(struct filter *f, const char *p, size_t n, struct ss_err *err)
{
	return out_line(&f->out, p, n, err);
}

static int
put_stop(struct filter *f, enum outcome_class class, const char *code, const char *message, enum ss_exit x,
    struct ss_err *err)
{
	char id[UUID_TEXT], time[CLOCK_TEXT];
	struct buf *b = out_buf(&f->out);

	if (close_range(f, err) == -1)
		return -1;
	new_id(f, id);
	clock_format(clock_now(f->clock), time);
	(void)buf_addf(b, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"ss-%s\",\"type\":\"ss.stop\",\"time\":\"%s\",\"data\":{",
	    id, f->stage, time);
	(void)json_put_member(b, "class", outcome_class_name(class), strlen(outcome_class_name(class)));
	(void)json_put_member(b, "code", code, strlen(code));
	if (f->target != NULL)
		(void)json_put_member(b, "target", f->target, strlen(f->target));
	(void)json_put_member(b, "message", message, strlen(message));
	if (x != SS_EXIT_AGAIN)
		(void)buf_addf(b, ",\"exit\":%d", (int)x);
	(void)buf_adds(b, "}}\n");
	if (out_done(&f->out, 1, err) == -1)
		return -1;
	return out_flush(&f->out, err);
}

int
filter_stop(struct filter *f, enum outcome_class class, const char *code, const char *message, struct ss_err *err)
{
	f->stopped = 1;
	return put_stop(f, class, code, message, SS_EXIT_AGAIN, err);
}

/* What an end with exit code x says of the events: nothing, but for a fault of our
 * own, which may lie in one of them. */
static int
is_stop(const struct filter *f, enum ss_exit x)
{
	return x == SS_EXIT_AGAIN || x == SS_EXIT_USAGE || (x == SS_EXIT_DAMAGE && !f->faulty);
}

enum ss_exit
filter_fail(struct filter *f, const struct ss_err *err)
{
	enum ss_exit x = err->exit == SS_EXIT_OK ? SS_EXIT_AGAIN : err->exit;
	struct ss_err late = { .text = "" };
	struct buf *b = out_buf(&f->out);
	const char *nl;

	if (is_stop(f, x) && f->pipeline != NULL && !f->stopped && err->sys != EPIPE) {
		/* it may have failed in the middle of a line */
		nl = b->len > 0 ? memrchr(b->p, '\n', b->len) : NULL;
		b->len = nl == NULL ? 0 : (size_t)(nl - b->p) + 1;
		b->failed = 0;
		/* if this cannot be written either, the exit code has to do */
		(void)put_stop(f, x == SS_EXIT_AGAIN ? OUTCOME_INTERMITTENT : x == SS_EXIT_USAGE ? OUTCOME_VALUE : OUTCOME_BUG,
		    "stopped", err->text, x, &late);
	}
	return x;
}

/* A line that is no event: kept as line.rejected, so that nothing vanishes. */
static int
reject(struct filter *f, const struct line *l, const char *why, struct ss_err *err)
{
	char source[64];

	(void)snprintf(source, sizeof(source), "ss-%s", f->stage);
	f->rejected++;
	if (close_range(f, err) == -1)
		return -1;
	if (outcome_put_rejected(out_buf(&f->out), source, "stdin", l->number, l->p, l->n, why,
	    clock_now(f->clock)) == -1)
		return err_nomem(err);
	(void)buf_addc(out_buf(&f->out), '\n');
	return out_done(&f->out, 1, err);
}

static int
is_mine(const struct filter *f, const struct event *ev)
{
	if (ev->is_ss)
		return 0;
	if (f->pipeline == NULL)
		return !(ev->type.n == 13 && memcmp(ev->type.p, "line.rejected", 13) == 0);
	return ev->seq != 0 && event_in_list(ev->pipeline, f->pipeline, strlen(f->pipeline));
}

static int
finish(struct filter *f, const struct filter_ops *ops, void *ctx, struct ss_err *err)
{
	if (ops->end != NULL && ops->end(ctx, f, err) == -1)
		return -1;
	if (close_range(f, err) == -1)
		return -1;
	if (!f->stopped && f->seen != f->passed + f->ended)
		return f->faulty = 1, err_set(err, SS_EXIT_DAMAGE, "bug: %llu events came in, %llu left", (unsigned long long)f->seen,
		    (unsigned long long)(f->passed + f->ended));
	return 0;
}

static int
one(struct filter *f, const struct filter_ops *ops, void *ctx, const struct line *l, struct ss_err *err)
{
	const struct event *ev = &f->ev;

	if (event_parse(&f->ev, &f->mem, l->p, l->n, &f->why) == -1)
		return reject(f, l, f->why.text, err);
	if (is_mine(f, ev)) {
		f->seen++;
		return ops->event(ctx, f, ev, err);
	}
	if (ev->is_ss && event_type(ev) == EVENT_END) {
		if (finish(f, ops, ctx, err) == -1)
			return -1;
		if (f->stopped)
			return 0;
		f->saw_end = 1;
		if (out_line(&f->out, l->p, l->n, err) == -1)
			return -1;
		return out_flush(&f->out, err);
	}
	if (ops->other != NULL && ops->other(ctx, f, ev, err) == -1)
		return -1;
	if (close_range(f, err) == -1)
		return -1;
	return out_line(&f->out, l->p, l->n, err);
}

/* About to wait for input: nothing that is ready may stay here meanwhile. */
static int
before_wait(struct filter *f, const struct filter_ops *ops, void *ctx, struct ss_err *err)
{
	if (ops->drain != NULL && ops->drain(ctx, f, err) == -1)
		return -1;
	if (close_range(f, err) == -1)
		return -1;
	return out_flush(&f->out, err);
}

enum ss_exit
filter_run(struct filter *f, const struct filter_ops *ops, void *ctx, struct ss_err *err)
{
	struct line l;
	int k = LINE_OK, rc = 0;

	while (rc == 0 && !f->stopped) {
		if (!line_ready(&f->in) && (rc = before_wait(f, ops, ctx, err)) != 0)
			break;
		if (f->stopped || (k = line_next(&f->in, &l, err)) == LINE_END || k == -1)
			break;
		if (k == LINE_LONG)
			rc = reject(f, &l, "line longer than max-line (1 MiB)", err);
		else
			rc = one(f, ops, ctx, &l, err);
	}
	if (k == -1)
		rc = -1;
	if (rc == 0 && !f->stopped)
		rc = finish(f, ops, ctx, err);
	if (rc == 0)
		rc = out_flush(&f->out, err);
	if (rc == -1)
		return filter_fail(f, err);
	if (f->stopped)
		return SS_EXIT_AGAIN;
	return f->bad > 0 || f->rejected > 0 ? SS_EXIT_OPEN : SS_EXIT_OK;
}
