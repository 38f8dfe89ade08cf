/* hs_shop - applies items, refuses and forgets as told, and writes it all down */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hs_internal.h"
#include "hs_util.h"

static void
answer_error(struct answer *a, int status, const char *text)
{
	yyjson_mut_val *root;
	yyjson_mut_doc *d = hs_shop_object(&root);

	yyjson_mut_obj_add_str(d, root, "error", text);
	free(a->body);
	a->body = hs_shop_text(d, YYJSON_WRITE_NEWLINE_AT_END, &a->len);
	a->status = status;
}

static yyjson_mut_val *
result_json(yyjson_mut_doc *d, const struct turn *t, size_t i)
{
	const struct item *it = &t->items.v[i];
	const struct refusal *r = &t->refusal[i];
	yyjson_mut_val *o = yyjson_mut_obj(d);

	yyjson_mut_obj_add_strn(d, o, "key", it->key, it->klen);
	if (t->result[i] != RES_REFUSED) {
		yyjson_mut_obj_add_str(d, o, "status", "ok");
		return o;
	}
	yyjson_mut_obj_add_str(d, o, "status", r->status);
	yyjson_mut_obj_add_str(d, o, "code", r->code);
	yyjson_mut_obj_add_str(d, o, "message", r->message);
	yyjson_mut_obj_add_bool(d, o, "permanent", r->permanent);
	return o;
}

/* The reply to items; refused_only where the others were left undone for it. */
static void
answer_results(struct turn *t, int status, int refused_only)
{
	yyjson_mut_val *root, *list;
	yyjson_mut_doc *d = hs_shop_object(&root);

	if (refused_only)
		yyjson_mut_obj_add_str(d, root, "error", "nothing applied: items were refused");
	list = yyjson_mut_obj_add_arr(d, root, "results");
	for (size_t i = 0; i < t->items.n; i++)
		if (!refused_only || t->result[i] == RES_REFUSED)
			yyjson_mut_arr_append(list, result_json(d, t, i));
	t->a->body = hs_shop_text(d, YYJSON_WRITE_NEWLINE_AT_END, &t->a->len);
	t->a->status = status;
}

void
hs_shop_apply(struct shop *s, const char *key, size_t klen, const char *patch, size_t n)
{
	struct entry *e = hs_table_put(&s->items, key, klen);
	size_t len;
	char *val = hs_items_merge(e->val, e->vlen, patch, n, &len);

	hs_table_set(e, val, len);
	e->count++;
}

void
hs_shop_remember(struct shop *s, const char *idem, size_t n, uint64_t digest, int status, const char *body, size_t len)
{
	struct entry *e = hs_table_put(&s->replies, idem, n);

	e->digest = digest;
	e->status = status;
	hs_table_set(e, hs_memdup(body, len), len);
}

uint64_t
hs_shop_digest(const struct ask *q)
{
	uint64_t h = hs_hash(1, q->method, strlen(q->method));

	return hs_hash(hs_hash(h, q->path, strlen(q->path)), q->body, q->len);
}

struct shop *
hs_shop_open(const char *state, const char *journal, uint64_t seed)
{
	struct shop *s = hs_realloc(NULL, sizeof *s);
	pthread_condattr_t attr;

	*s = (struct shop){ .seed = seed, .state_fd = -1, .state_path = state,
		.journal_path = journal ? journal : "journal in memory", .started = hs_now() };
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->woken, &attr);
	pthread_condattr_destroy(&attr);
	s->script = hs_script_parse(NULL, 0, NULL, 0);
	if (state) {
		hs_shop_load(s);
		s->state_fd = open(state, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (s->state_fd == -1)
			hs_die("open '%s': %s", state, strerror(errno));
	}
	s->journal_fd = journal ? open(journal, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600) :
	    memfd_create("journal", MFD_CLOEXEC);
	if (s->journal_fd == -1)
		hs_die("open '%s': %s", s->journal_path, strerror(errno));
	return s;
}

void
hs_shop_free(struct shop *s)
{
	hs_table_clear(&s->items);
	hs_table_clear(&s->replies);
	hs_script_free(s->script);
	if (s->state_fd != -1)
		close(s->state_fd);
	close(s->journal_fd);
	pthread_cond_destroy(&s->woken);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int
hs_shop_script(struct shop *s, const char *text, size_t n, char *why, size_t whylen)
{
	struct script *script = hs_script_parse(text, n, why, whylen);

	if (!script)
		return -1;
	pthread_mutex_lock(&s->lock);
	hs_script_free(s->script);
	s->script = script;
	hs_script_restart(s->script, s->n);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

void
hs_shop_reset(struct shop *s)
{
	pthread_mutex_lock(&s->lock);
	hs_table_clear(&s->items);
	hs_table_clear(&s->replies);
	s->stats = (struct stats){ 0 };
	s->n = 0;
	hs_script_restart(s->script, 0);
	if ((s->state_fd != -1 && ftruncate(s->state_fd, 0) == -1) || ftruncate(s->journal_fd, 0) == -1)
		hs_die("truncate: %s", strerror(errno));
	lseek(s->journal_fd, 0, SEEK_SET);	/* the one in memory is not opened to append */
	pthread_mutex_unlock(&s->lock);
}

void
hs_shop_stop(struct shop *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopping = 1;
	pthread_cond_broadcast(&s->woken);
	pthread_mutex_unlock(&s->lock);
}

/* With the lock held, which is let go meanwhile. */
static void
doze(struct shop *s, int64_t ms)
{
	int64_t until = hs_now() + ms;
	struct timespec ts = { until / 1000, until % 1000 * 1000000 };

	while (!s->stopping && hs_now() < until)
		pthread_cond_timedwait(&s->woken, &s->lock, &ts);
}

static void
judge(struct shop *s, struct turn *t)
{
	for (size_t i = 0; i < t->items.n; i++) {
		if (!hs_script_refuses(s->script, &t->call, i, s->seed, &t->refusal[i]))
			continue;
		t->result[i] = RES_REFUSED;
		t->refused++;
		t->plan.fired |= (uint64_t)1 << t->refusal[i].rule;
		t->plan.atomic |= t->refusal[i].atomic;
	}
	s->stats.refused += t->refused;
}

static void
apply_items(struct shop *s, struct turn *t, int may_remember)
{
	size_t end = t->plan.action == ACT_PARTIAL ? t->items.n / 2 : t->items.n;
	int remembered;

	judge(s, t);
	if (t->plan.atomic && t->refused) {
		answer_results(t, 422, 1);
		return;
	}
	for (size_t i = 0; i < end; i++) {
		const struct item *it = &t->items.v[i];

		if (t->result[i] == RES_REFUSED)
			continue;
		hs_shop_apply(s, it->key, it->klen, it->text, it->tlen);
		t->result[i] = RES_OK;
		t->applied++;
	}
	s->stats.applied += t->applied;
	if (t->plan.action == ACT_PARTIAL)
		answer_error(t->a, 500, "stopped half way");
	else
		answer_results(t, 200, 0);
	remembered = may_remember && t->applied && t->a->status == 200;
	if (remembered)
		hs_shop_remember(s, t->q->idem, strlen(t->q->idem), hs_shop_digest(t->q), t->a->status, t->a->body, t->a->len);
	if (t->applied)
		hs_shop_save(s, t, remembered);
}

static void
take_items(struct shop *s, struct turn *t)
{
	int keyed = t->q->idem && hs_script_idempotency(s->script);
	const struct entry *e = keyed ? hs_table_find(&s->replies, t->q->idem, strlen(t->q->idem)) : NULL;

	for (const char *c = t->q->idem; c && *c; c++)
		if (*c & 0x80) {
			answer_error(t->a, 400, "Idempotency-Key is not ASCII");
			return;
		}
	if (e && e->digest != hs_shop_digest(t->q)) {
		s->stats.conflicts++;
		answer_error(t->a, 422, "this Idempotency-Key came with another request");
	} else if (e) {
		s->stats.replayed++;
		for (size_t i = 0; i < t->items.n; i++)
			t->result[i] = RES_REPLAYED;
		t->a->status = e->status;
		t->a->body = hs_memdup(e->val, e->vlen);
		t->a->len = e->vlen;
	} else
		apply_items(s, t, keyed);
}

static void
give_item(struct shop *s, struct turn *t)
{
	const struct entry *e = NULL;

	if (t->items.n)
		e = hs_table_find(&s->items, t->items.v[0].key, t->items.v[0].klen);
	if (!e) {
		answer_error(t->a, 404, "not found");
		return;
	}
	t->result[0] = RES_OK;
	t->a->status = 200;
	t->a->body = hs_memdup(e->val, e->vlen);
	t->a->len = e->vlen;
}

static int
is_reading(const struct ask *q)
{
	return strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;
}

static int
is_writing(const struct ask *q)
{
	return strcmp(q->method, "POST") == 0 || strcmp(q->method, "PUT") == 0;
}

static void
take_effect(struct shop *s, struct turn *t)
{
	if (is_reading(t->q))
		give_item(s, t);
	else if (!is_writing(t->q))
		answer_error(t->a, 405, "only GET, POST and PUT");
	else if (t->q->too_large)
		answer_error(t->a, 413, "a body is at most 64 MiB");
	else if (t->bad)
		answer_error(t->a, 400, t->why);
	else
		take_items(s, t);
}

/* 1: the request ends here, before it has any effect. */
static int
act_before(struct shop *s, struct turn *t)
{
	switch (t->plan.action) {
	case ACT_STATUS:
		answer_error(t->a, t->plan.status, "told to answer so");
		break;
	case ACT_THROTTLE:
		s->stats.throttled++;
		answer_error(t->a, 429, "too many requests");
		break;
	case ACT_DROP_BEFORE:
	case ACT_DIE_BEFORE:
		t->a->delivery = SEND_NOTHING;
		break;
	default:
		return 0;
	}
	memcpy(t->a->retry_after, t->plan.retry_after, sizeof t->a->retry_after);
	return 1;
}

static void
act_after(struct turn *t)
{
	static const char garbage[] = "<html><body>Bad gateway, perhaps {\n";

	switch (t->plan.action) {
	case ACT_DROP_AFTER:
	case ACT_DIE_AFTER:
		t->a->delivery = SEND_NOTHING;
		break;
	case ACT_GARBAGE:
		free(t->a->body);
		t->a->len = sizeof garbage - 1;
		t->a->body = hs_memdup(garbage, t->a->len);
		t->a->status = 200;
		break;
	case ACT_TRUNCATE:
		t->a->delivery = SEND_CUT;
		break;
	default:
		break;
	}
}

static void
count(struct shop *s, const struct turn *t)
{
	if (t->a->delivery == SEND_NOTHING)
		s->stats.dropped++;
	else if (t->a->delivery == SEND_CUT || t->plan.action == ACT_GARBAGE)
		s->stats.broken++;
	else if (t->a->status >= 400 && t->plan.action != ACT_THROTTLE)
		s->stats.errors++;
}

/* With the lock held. */
static void
go_through(struct shop *s, struct turn *t)
{
	if (!t->q->authorized) {
		s->stats.unauthorized++;
		answer_error(t->a, 401, "a token is needed");
		return;
	}
	hs_script_plan(s->script, &t->call, s->seed, t->came, &t->plan);
	if (t->plan.delay_ms)
		doze(s, t->plan.delay_ms);
	if (s->stopping) {
		t->a->delivery = SEND_NOTHING;
		return;
	}
	if (act_before(s, t))
		return;
	take_effect(s, t);
	act_after(t);
}

/* The key that a reader names in its path stands as the only item, so that
 * rules and the journal see it as they see those of a writer. */
static void
key_of_path(struct turn *t)
{
	static const char prefix[] = "/items/";
	const char *key = t->q->path + sizeof prefix - 1;

	if (strncmp(t->q->path, prefix, sizeof prefix - 1) != 0 || !*key)
		return;
	t->items.v = hs_realloc(NULL, sizeof *t->items.v);
	t->items.n = 1;
	t->items.v[0] = (struct item){ .key = hs_memdup(key, strlen(key)), .klen = strlen(key) };
}

void
hs_shop_ask(struct shop *s, const struct ask *q, struct answer *a)
{
	struct turn t = { .q = q, .a = a };

	*a = (struct answer){ 0 };
	if (is_reading(q))
		key_of_path(&t);
	else if (is_writing(q) && !q->too_large)
		t.bad = hs_items_parse(&t.items, q->body, q->len, t.why, sizeof t.why) == -1;
	t.result = calloc(t.items.n + 1, sizeof *t.result);
	t.refusal = calloc(t.items.n + 1, sizeof *t.refusal);
	if (!t.result || !t.refusal)
		hs_die("out of memory");
	pthread_mutex_lock(&s->lock);
	t.came = hs_now();
	s->stats.requests++;
	t.call = (struct call){ q->method, q->path, ++s->n, t.items.v, t.items.n };
	go_through(s, &t);
	count(s, &t);
	hs_shop_note(s, &t);
	if (t.plan.action == ACT_DIE_BEFORE || t.plan.action == ACT_DIE_AFTER)
		_exit(9);
	pthread_mutex_unlock(&s->lock);
	free(t.result);
	free(t.refusal);
	hs_items_free(&t.items);
}
