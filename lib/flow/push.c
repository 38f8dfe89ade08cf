#include "flow/push.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/conf.h"
#include "base/io.h"
#include "base/num.h"
#include "flow/push_internal.h"

#define QUEUE_BYTES ((size_t)8 << 20)	/* of events that wait: large ones make smaller calls */
#define GATHER_MS 5	/* how long some wait for more; what came last is applied within 10 */

/* ---- the target's lock: one round of calls at a time on this machine ---- */

static int
lock_target(struct push *p, struct ss_err *err)
{
	char path[PATH_MAX];

	if (p->lock == -1) {
		if (snprintf(path, sizeof(path), "%s/state/push", p->cli->home) >= (int)sizeof(path))
			return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
		if (io_mkdirs(path, err) == -1)
			return -1;
		(void)snprintf(path, sizeof(path), "%.*s/state/push/%016llx", (int)(sizeof(path) - 64), p->cli->home,
		    (unsigned long long)hash_64(p->sink->name, strlen(p->sink->name), 0));
		p->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (p->lock == -1)
			return err_sys(err, SS_EXIT_AGAIN, "cannot open '%s'", path);
	}
	while (flock(p->lock, LOCK_EX) == -1)
		if (errno != EINTR)
			return err_sys(err, SS_EXIT_AGAIN, "cannot lock target %s", p->sink->name);
	return 0;
}

static void
unlock_target(struct push *p)
{
	(void)flock(p->lock, LOCK_UN);
}

/* ---- the queue ---- */

/* What has left makes room; its buffers go behind the others, for later ones. */
static void
compact(struct push *p)
{
	size_t i, k = 0;

	p->bytes = 0;
	for (i = 0; i < p->n; i++) {
		if (p->q[i].gone) {
			push_item_empty(&p->q[i]);
			continue;
		}
		p->bytes += p->q[i].n;
		if (k++ != i) {
			struct push_item it = p->q[k - 1];

			p->q[k - 1] = p->q[i];
			p->q[i] = it;
		}
	}
	p->n = k;
	p->since = clock_mono();
}

/* The next place in the queue, NULL without memory. */
static struct push_item *
next_item(struct push *p)
{
	size_t cap = p->cap == 0 ? 1024 : p->cap * 2;
	struct push_item *v;

	if (p->n < p->cap)
		return &p->q[p->n];
	v = realloc(p->q, cap * sizeof(*v));
	if (v == NULL)
		return NULL;
	memset(v + p->cap, 0, (cap - p->cap) * sizeof(*v));
	p->q = v;
	p->cap = cap;
	return &v[p->n];
}

/* An event that ends without a call: unchanged, superseded, or behind another. */
static int
end_quietly(struct push *p, struct push_item *it, struct ss_err *err)
{
	struct outcome o = { .type = it->verdict == PUSH_UNCHANGED ? EVENT_UNCHANGED : EVENT_SUPERSEDED, .ms = -1 };

	if (o.type == EVENT_SUPERSEDED) {
		o.class = OUTCOME_STALE;
		o.code = "newer-sent";
	}
	return push_call_end_item(p, it, &o, err);
}

static int
park_behind(struct push *p, struct push_item *it, uint64_t behind, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_PARKED, .ms = -1, .behind = behind };

	return push_call_end_item(p, it, &o, err);
}

/* Another process may have settled an intent that named this delivery while we
 * waited for the lock: then it has its end in the log already. */
static int
ended_elsewhere(struct push *p, struct ledger_view *v, const struct push_item *it, struct ss_err *err)
{
	uint64_t first, last;
	int rc;

	if (p->f.pipeline == NULL || it->place == 0)
		return 0;
	rc = ledger_open_run(v, p->f.pipeline, it->place, &first, &last, err);
	return rc == -1 ? -1 : rc == 0 || first > it->place;
}

/* It leaves by a line that is marked as stored, so that no second end is. */
static int
leave_ended(struct push *p, struct push_item *it, struct ss_err *err)
{
	struct outcome o = { .type = EVENT_SUPERSEDED, .stage = "push", .pipeline = p->f.pipeline, .target = p->sink->name,
		.ms = -1, .code = "ended-elsewhere", .class = OUTCOME_DUPLICATE };
	char id[UUID_TEXT];
	struct event ev;

	if (event_parse(&ev, &p->mem, it->line, it->n, err) == -1)
		return -1;
	cli_uuid(p->cli, id);
	buf_clear(&p->tmp);
	if (outcome_put(&p->tmp, &ev, &o, id, clock_now(&p->cli->clock)) == -1)
		return err_nomem(err);
	p->tmp.len--;
	if (buf_addf(&p->tmp, ",\"ssseq\":%llu}", (unsigned long long)it->place) == -1)
		return err_nomem(err);
	it->gone = 1;
	return filter_end_line(&p->f, p->tmp.p, p->tmp.len, 0, err);
}

/* Take items for this round, in order: of other types one a key. */
static size_t
choose(struct push *p, struct push_item **v, size_t max, struct ss_err *err, int *rc)
{
	struct hash_map keys = { 0 };
	struct ledger_view *view;
	size_t i, n = 0;

	*rc = ledger_view(&view, p->ledger, err);
	for (i = 0; *rc == 0 && i < p->n && n < max; i++) {
		struct push_item *it = &p->q[i];
		uint64_t *behind = it->state ? NULL : hash_get(&p->failed, it->key), *slot;

		if (it->gone)
			continue;
		*rc = ended_elsewhere(p, view, it, err);
		if (*rc != 0) {
			*rc = *rc == 1 ? leave_ended(p, it, err) : -1;
			continue;
		}
		if (behind != NULL && *behind < it->place) {
			*rc = park_behind(p, it, *behind, err);
			continue;
		}
		if (!it->state) {
			slot = hash_add(&keys, it->key);
			if (slot == NULL)
				*rc = err_nomem(err);
			else if ((*slot)++ > 0)
				continue;
		}
		if (*rc == 0)
			v[n++] = it;
	}
	hash_free(&keys);
	ledger_view_end(view);
	return n;
}

/* --dry-run: an event that would end without a call leaves with a word why. */
static int
leave_dry(struct push *p, struct push_item *it, const char *why, struct ss_err *err)
{
	buf_clear(&p->tmp);
	(void)buf_adds(&p->tmp, "{\"target\":");
	(void)json_put_cstr(&p->tmp, p->sink->name);
	(void)json_put_member(&p->tmp, "subject", it->subject, it->subject_n);
	(void)json_put_member(&p->tmp, "not_sent", why, strlen(why));
	if (buf_addc(&p->tmp, '}') == -1)
		return err_nomem(err);
	it->gone = 1;
	p->f.ended++;
	return filter_extra(&p->f, p->tmp.p, p->tmp.len, err);
}

/* The user's template cannot make a request of these: the bad ones are dead, the
 * others go on without them. */
static int
render_failed(struct push *p, struct push_call *k, const struct ss_err *why, struct ss_err *err)
{
	struct push_item *it;
	struct buf body = { 0 };
	size_t i, bad = 0;
	int rc = 0;

	for (i = 0; rc == 0 && i < k->c.n; i++) {
		struct ss_err e = { .text = "" };

		it = k->items[i];
		buf_clear(&body);
		if (k->c.n > 1 && p->sink->ops->render(p->sink, &k->events[i], 1, &body, &e) == 0)
			continue;
		if (k->c.n > 1 && e.exit != SS_EXIT_USAGE) {
			*err = e;
			rc = -1;
			break;
		}
		bad++;
		if (p->o->dry_run)
			rc = leave_dry(p, it, k->c.n > 1 ? e.text : why->text, err);
		else
			rc = push_call_fail_item(p, it, OUTCOME_VALUE, 0, "body", k->c.n > 1 ? e.text : why->text, -1, err);
	}
	/* only together they are none: one by one */
	for (i = 0; bad == 0 && i < k->c.n; i++)
		k->items[i]->alone = 1;
	buf_free(&body);
	return rc;
}

/* Group what is to be sent into calls; *n of them, with their bodies. */
static int
make_calls(struct push *p, struct push_item **v, size_t n, struct push_call *calls, size_t max, size_t *made,
    struct ss_err *err)
{
	struct push_item **group = calloc(p->sink->batch + 1, sizeof(*group));
	size_t i = 0, g, bytes;
	int rc = group == NULL ? err_nomem(err) : 0;

	*made = 0;
	while (rc == 0 && i < n && *made < max) {
		struct push_call *k = &calls[*made];
		struct ss_err why = { .text = "" };

		for (g = 0, bytes = 0; i < n && g < p->sink->batch; i++) {
			if (v[i]->gone || v[i]->verdict != PUSH_SEND)
				continue;
			/* the intent names every delivery: it must stay a line of the log */
			bytes += v[i]->n + v[i]->event.len;
			if (g > 0 && (v[i]->alone || bytes > PUSH_CALL_MAX))
				break;
			group[g++] = v[i];
			if (v[i]->alone) {
				i++;
				break;
			}
		}
		if (g == 0)
			break;
		rc = push_call_make(p, k, group, g, err);
		if (rc == 0 && p->sink->ops->render(p->sink, k->events, g, &k->c.body, &why) == -1) {
			/* no memory is no event's fault */
			if (why.exit == SS_EXIT_USAGE)
				rc = render_failed(p, k, &why, err);
			else {
				*err = why;
				rc = -1;
			}
			push_call_free(k);
		} else if (rc == 0) {
			(*made)++;
		}
	}
	free(group);
	return rc;
}

static int
describe(struct push *p, struct push_call *calls, size_t n, struct ss_err *err)
{
	size_t c, i;

	for (c = 0; c < n; c++) {
		buf_clear(&p->tmp);
		if (p->sink->ops->describe(p->sink, &calls[c].c, &p->tmp, err) == -1 ||
		    filter_extra(&p->f, p->tmp.p, p->tmp.len, err) == -1)
			return -1;
		for (i = 0; i < calls[c].c.n; i++)
			calls[c].items[i]->gone = 1;
		p->f.ended += calls[c].c.n;
	}
	return 0;
}

static int
make_the_calls(struct push *p, struct push_call *calls, size_t n, struct ss_err *err)
{
	struct sink_call **v = calloc(n, sizeof(*v));
	size_t i;
	int rc = v == NULL ? err_nomem(err) : 0;

	for (i = 0; rc == 0 && i < n; i++)
		v[i] = &calls[i].c;
	if (rc == 0)
		rc = push_call_flush(p, err);	/* what ended without a call */
	if (rc == 0 && p->sink->ops->prepare != NULL)
		rc = p->sink->ops->prepare(p->sink, v, n, err);
	if (rc == 0)
		rc = push_call_intend(p, calls, n, err);
	if (rc == 0)
		rc = p->sink->ops->send(p->sink, v, n, err);
	for (i = 0; rc == 0 && i < n; i++)
		rc = push_call_conclude(p, &calls[i], err);
	free(v);
	return rc;
}

/* One round under the lock: settle what is open, compare, call, record. */
static int
round_locked(struct push *p, struct ss_err *err)
{
	size_t max = p->sink->batch * p->sink->parallel, n, i, made = 0;
	struct push_item **v = calloc(max, sizeof(*v));
	struct push_call *calls = calloc(p->sink->parallel, sizeof(*calls));
	int rc = v == NULL || calls == NULL ? err_nomem(err) : 0;

	if (rc == 0)
		rc = ledger_catchup(p->ledger, NULL, err);
	if (rc == 0 && !p->o->dry_run)
		rc = push_settle_open(p, err);
	if (rc == 0 && p->ill_since == 0) {
		n = choose(p, v, max, err, &rc);
		if (rc == 0)
			rc = push_item_prepare(p, v, n, err);
		for (i = 0; rc == 0 && i < n; i++) {
			if (v[i]->verdict == PUSH_SEND || (v[i]->verdict == PUSH_LATER && !p->o->dry_run))
				continue;
			if (p->o->dry_run)
				rc = leave_dry(p, v[i], v[i]->verdict == PUSH_BAD ? "name-too-long" :
				    v[i]->verdict == PUSH_UNCHANGED ? "unchanged" : "superseded", err);
			else if (v[i]->verdict == PUSH_BAD)
				rc = push_call_fail_item(p, v[i], OUTCOME_VALUE, 0, "name-too-long",
				    "a member of fields, levels or options has a name over 590 bytes", -1, err);
			else
				rc = end_quietly(p, v[i], err);
		}
		if (rc == 0)
			rc = make_calls(p, v, n, calls, p->breaker.state == PACE_HALF ? 1 : p->sink->parallel, &made, err);
		if (rc == 0 && made > 0)
			rc = p->o->dry_run ? describe(p, calls, made, err) : make_the_calls(p, calls, made, err);
		if (rc == 0)
			rc = push_call_flush(p, err);
	}
	for (i = 0; calls != NULL && i < made; i++)
		push_call_free(&calls[i]);
	free(calls);
	free(v);
	return rc;
}

/* How long to wait before the peer is tried again; -1 when it was ill too long. */
static int64_t
patience(struct push *p)
{
	int64_t now = clock_mono(), wait;

	if (p->ill_since == 0)
		return 0;
	if (p->ill_class == OUTCOME_AUTH)
		return -1;
	wait = pace_breaker_wait(&p->breaker, now);
	if (wait == 0)
		wait = pace_backoff(&p->cli->rng, 50, 1000, p->breaker.failed, -1);
	return now + wait - p->ill_since >= p->retry_for ? -1 : wait;
}

/* Rounds until less than min items wait (0: until all have left). */
static int
work(struct push *p, size_t min, struct ss_err *err)
{
	struct filter *f = &p->f;
	int rc = 0;

	while (rc == 0 && p->n > min && !f->stopped) {
		int64_t wait = patience(p);

		if (wait == -1)
			return filter_stop(f, p->ill_class, "peer", p->ill_why, err);
		if (wait > 0) {
			if ((rc = out_flush(&f->out, err)) == -1)
				break;
			clock_sleep(wait);
		}
		/* a round begins with a well peer until it shows otherwise; how long it
		 * has been ill is kept until a call goes through */
		rc = lock_target(p, err);
		if (rc == 0) {
			int64_t since = p->ill_since;

			p->ill_since = 0;
			p->well = 0;
			rc = round_locked(p, err);
			if (p->ill_since != 0 && since != 0 && !p->well)
				p->ill_since = since;
			if (!p->unsettled)
				unlock_target(p);
		}
		compact(p);
	}
	return rc;
}

/* ---- the filter ---- */

static size_t
full(const struct push *p)
{
	return p->sink->batch * p->sink->parallel;
}

static int
on_event(void *ctx, struct filter *f, const struct event *ev, struct ss_err *err)
{
	struct push *p = ctx;
	struct push_item *it = next_item(p);
	uint64_t *slot;
	const char *pipe = p->f.pipeline != NULL ? p->f.pipeline : "-";

	if (it == NULL)
		return err_nomem(err);
	if (push_item_take(p, ev, (struct json_span){ pipe, strlen(pipe) }, it, err) == -1)
		return -1;
	slot = hash_get(&p->settled, it->name);
	if (slot != NULL && *slot == PUSH_LOADED) {
		/* settling left it undone: from now on it is in our hands like any other */
		*slot = PUSH_QUEUED;
	} else if (slot != NULL && *slot != PUSH_QUEUED) {
		const char *s = p->early.p + *slot, *nl = memchr(s, '\n', p->early.len - (size_t)*slot);

		push_item_empty(it);
		/* once: when it is due again it is an event like any other */
		*slot = PUSH_QUEUED;
		return filter_end_line(f, s, (size_t)(nl - s), 0, err);
	}
	p->bytes += it->n;
	if (p->n++ == 0)
		p->since = clock_mono();
	if (p->n >= full(p))
		return work(p, full(p) - 1, err);
	return p->bytes >= QUEUE_BYTES ? work(p, p->n - 1, err) : 0;
}

/* A source's end must not overtake the outcomes that it counts. */
static int
on_other(void *ctx, struct filter *f, const struct event *ev, struct ss_err *err)
{
	(void)f;
	return event_type(ev) == EVENT_CURSOR ? work(ctx, 0, err) : 0;
}

/* Input pauses.  When what is before us is only slower than we are, more comes in an
 * instant, and a call and its syncs for every handful would take the time that it
 * needs.  One event by itself has nobody to wait for. */
static int
on_drain(void *ctx, struct filter *f, struct ss_err *err)
{
	struct push *p = ctx;
	int64_t left = p->n > 1 && p->n < full(p) ? p->since + GATHER_MS - clock_mono() : 0;

	if (left > 0 && io_ready(f->in.fd, left))
		return 0;
	return work(p, 0, err);
}

static int
on_end(void *ctx, struct filter *f, struct ss_err *err)
{
	struct push *p = ctx;

	(void)f;
	if (work(p, 0, err) == -1)
		return -1;
	/* the next turn feeds anew what failed in this one */
	hash_clear(&p->failed);
	return 0;
}

static int
settings(struct push *p, const struct conf *conf, struct ss_err *err)
{
	const char *colon = strchr(p->o->target, ':'), *env = getenv("SS_RETRY_FOR");
	char kind[16];

	(void)snprintf(kind, sizeof(kind), "%.*s", (int)(colon - p->o->target), p->o->target);
	p->attempts = 8;
	p->retry_base = 1000;
	p->retry_cap = 300000;
	p->give_up = (int64_t)7 * 86400000;
	p->retention = (int64_t)23 * 3600000;
	p->retry_for = p->o->retry_for;
	if (strcmp(kind, "http") == 0 &&
	    (conf_count(conf, kind, colon + 1, "retries", 1, 100, &p->attempts, err) == -1 ||
	    conf_time(conf, kind, colon + 1, "retry-base", &p->retry_base, err) == -1 ||
	    conf_time(conf, kind, colon + 1, "retry-cap", &p->retry_cap, err) == -1 ||
	    conf_time(conf, kind, colon + 1, "give-up", &p->give_up, err) == -1 ||
	    conf_time(conf, kind, colon + 1, "retention", &p->retention, err) == -1))
		return -1;
	if (p->o->attempts != 0)
		p->attempts = p->o->attempts;
	if (p->retry_for < 0 && (env == NULL || num_duration(env, &p->retry_for, "SS_RETRY_FOR", NULL) == -1))
		p->retry_for = 60000;
	pace_breaker_init(&p->breaker, 5, 200, 60000);
	return 0;
}

static void
push_free(struct push *p)
{
	size_t i;

	for (i = 0; i < p->cap; i++)
		push_item_free(&p->q[i]);
	free(p->q);
	free(p->lens);
	hash_free(&p->failed);
	hash_free(&p->settled);
	buf_free(&p->early);
	buf_free(&p->tmp);
	buf_free(&p->lines);
	buf_free(&p->out);
	buf_free(&p->ends);
	json_mem_free(&p->mem);
	json_mem_free(&p->mem2);
	if (p->lock != -1)
		(void)close(p->lock);
	filter_free(&p->f);
	sink_close(p->sink);
	ledger_close(p->ledger);
	log_close(p->log);
}

enum ss_exit
push_run(struct cli *c, const struct push_opts *o, struct ss_err *err)
{
	static const struct filter_ops ops = { on_event, on_drain, on_end, on_other };
	struct push p = { .cli = c, .o = o, .lock = -1 };
	struct conf *conf = NULL;
	enum ss_exit x;

	filter_init(&p.f, "push", NULL, &c->clock, &c->uuid);
	if (o->dry_run && p.f.pipeline != NULL) {
		filter_free(&p.f);
		return err_set(err, SS_EXIT_USAGE, "--dry-run has no place in a pipeline's script: its requests would be taken for "
		    "outcomes; type the pipe by hand"), SS_EXIT_USAGE;
	}
	if (conf_open(&conf, c->config, err) == -1 || sink_open(&p.sink, o->target, c, conf, err) == -1 ||
	    settings(&p, conf, err) == -1 || log_open(&p.log, c->home, 1, &c->clock, &c->rng, err) == -1 ||
	    ledger_open(&p.ledger, c->home, p.log, err) == -1) {
		x = err->exit;
	} else {
		conf_drop_secrets();
		p.f.target = p.sink->name;
		x = filter_run(&p.f, &ops, &p, err);
		if (p.f.stopped && p.ill_why[0] != '\0')
			cli_warn(c, "%s: %s; what was not delivered stays open", o->target, p.ill_why);
	}
	push_free(&p);
	conf_free(conf);
	return x;
}
