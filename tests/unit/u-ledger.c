/* u-ledger - what follows from the log's lines */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/uuid.h"
#include "store/ledger.h"
#include "store/ledger_internal.h"
#include "store/log.h"

#define NOW 1795000000000LL	/* 2026-11-18T11:06:40Z */
#define TEN 1794996000000LL	/* 10:00:00Z that day */

struct fix {
	char home[64];
	struct clock clock;
	struct rng rng;
	struct uuid_gen uuid;
	struct ss_err err;
	struct log *log;
	struct ledger *ledger;
	struct ledger_view *view;
};

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
fix_start(struct fix *f)
{
	memset(f, 0, sizeof(*f));
	(void)snprintf(f->home, sizeof(f->home), "%s/u-ledger.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(f->home));
	f->clock = (struct clock){ 1, NOW };
	rng_init(&f->rng, 1, 42);
	f->uuid.rng = &f->rng;
	if (log_open(&f->log, f->home, 1, &f->clock, &f->rng, &f->err) == -1 ||
	    ledger_open(&f->ledger, f->home, f->log, &f->err) == -1)
		fail_msg("open: %s", f->err.text);
}

static void
fix_end(struct fix *f)
{
	ledger_view_end(f->view);
	ledger_close(f->ledger);
	log_close(f->log);
	(void)nftw(f->home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static uint64_t put(struct fix *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* One line into the log; its place. */
static uint64_t
put(struct fix *f, const char *fmt, ...)
{
	char t[4096];
	uint32_t len;
	uint64_t first;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t, sizeof(t), fmt, ap);
	va_end(ap);
	assert_true(n > 0 && (size_t)n < sizeof(t));
	len = (uint32_t)n;
	if (log_append(f->log, t, &len, 1, &first, NULL, &f->err) == -1)
		fail_msg("log_append: %s", f->err.text);
	return first;
}

#define HEAD "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"%s\",\"type\":\"%s\",\"time\":\"2026-11-18T10:00:00.000Z\""

/* An event accepted for pipelines (NULL: none named). */
static uint64_t
put_event(struct fix *f, const char *id, const char *pipelines)
{
	char own[UUID_TEXT];

	uuid_v7(&f->uuid, f->clock.now, own);
	if (pipelines == NULL)
		return put(f, HEAD ",\"subject\":\"S\"}", id == NULL ? own : id, "src", "item.observed");
	return put(f, HEAD ",\"subject\":\"S\",\"sspipeline\":\"%s\"}", id == NULL ? own : id, "src",
	    "item.observed", pipelines);
}

/* An outcome of the delivery at place; more: further members of data. */
static uint64_t
put_outcome(struct fix *f, const char *type, const char *pipeline, uint64_t place, const char *more)
{
	return put(f, HEAD ",\"subject\":\"S\",\"data\":{\"event\":{\"source\":\"src\",\"id\":\"e\",\"type\":\"item.observed\","
	    "\"seq\":%llu},\"pipeline\":\"%s\",\"target\":\"shopify:acme\",\"stage\":\"push\",\"attempt\":1%s}}", "o",
	    "ss-push", type, (unsigned long long)place, pipeline, more);
}

/* Applies all and opens a view. */
static void
look(struct fix *f)
{
	ledger_view_end(f->view);
	f->view = NULL;
	if (ledger_catchup(f->ledger, NULL, &f->err) == -1 || ledger_view(&f->view, f->ledger, &f->err) == -1)
		fail_msg("catch up: %s", f->err.text);
}

static struct ledger_counts
counts(struct fix *f, const char *pipeline)
{
	struct ledger_counts c;
	uint64_t ended = 0;
	int t;

	if (ledger_counts(f->view, pipeline, &c, &f->err) == -1)
		fail_msg("ledger_counts: %s", f->err.text);
	for (t = EVENT_DELIVERED; t <= EVENT_DEAD; t++)
		ended += c.ended[t];
	/* the law of accounts */
	assert_int_equal(c.opened, ended + c.replaced + c.open);
	return c;
}

/* "first-last first-last " of what is open. */
static const char *
open_runs(struct fix *f, const char *pipeline, char out[512])
{
	uint64_t from = 0, a, b;
	size_t n = 0;
	int rc;

	out[0] = '\0';
	while ((rc = ledger_open_run(f->view, pipeline, from, &a, &b, &f->err)) == 1) {
		n += (size_t)snprintf(out + n, 512 - n, "%llu-%llu ", (unsigned long long)a, (unsigned long long)b);
		assert_true(n < 512);
		from = b + 1;
	}
	assert_int_equal(rc, 0);
	return out;
}

/* The tables must be the same when made anew. */
static void
rebuilt_same(struct fix *f)
{
	struct buf live = { 0 }, anew = { 0 };

	look(f);
	assert_int_equal(ledger_dump(f->view, &live, &f->err), 0);
	ledger_view_end(f->view);
	f->view = NULL;
	assert_int_equal(ledger_rebuild(f->ledger, NULL, &f->err), 0);
	look(f);
	assert_int_equal(ledger_dump(f->view, &anew, &f->err), 0);
	if (live.len != anew.len || memcmp(live.p, anew.p, live.len) != 0)
		fail_msg("rebuilt state differs:\n%s\n---\n%s", buf_cstr(&live), buf_cstr(&anew));
	buf_free(&live);
	buf_free(&anew);
}

/* --- deliveries --- */

static void
lifecycle(void **state)
{
	struct fix f;
	struct ledger_counts c;
	uint64_t p[8];
	char t[512];
	int i;

	(void)state;
	fix_start(&f);
	for (i = 0; i < 6; i++)
		p[i] = put_event(&f, NULL, "a");
	p[6] = put_event(&f, NULL, "a,b");
	p[7] = put_event(&f, NULL, NULL);
	look(&f);
	assert_string_equal(open_runs(&f, "a", t), "2-8 ");
	assert_string_equal(open_runs(&f, "b", t), "8-8 ");
	assert_string_equal(open_runs(&f, "-", t), "9-9 ");
	assert_string_equal(open_runs(&f, "c", t), "");
	put_outcome(&f, "ss.delivered", "a", p[1], "");
	put_outcome(&f, "ss.failed", "a", p[2], ",\"due\":\"2026-11-18T11:00:00.000Z\"");
	put_outcome(&f, "ss.parked", "a", p[3], ",\"wait\":{\"table\":\"stock\",\"key\":\"K\",\"behind\":4}");
	put_outcome(&f, "ss.dead", "a", p[4], ",\"cause\":{\"class\":\"value\",\"code\":\"422\",\"message\":\"no\"}");
	put_outcome(&f, "ss.filtered", "b", p[6], "");
	look(&f);
	assert_string_equal(open_runs(&f, "a", t), "2-2 4-5 7-8 ");
	c = counts(&f, "a");
	assert_int_equal(c.opened, 7);
	assert_int_equal(c.open, 5);
	assert_int_equal(c.ended[EVENT_DELIVERED], 1);
	assert_int_equal(c.ended[EVENT_DEAD], 1);
	assert_int_equal(c.failed, 1);
	assert_int_equal(c.parked, 1);
	assert_int_equal(c.dead, 1);
	assert_int_equal(counts(&f, "b").ended[EVENT_FILTERED], 1);
	assert_int_equal(counts(&f, "-").open, 1);
	assert_int_equal(counts(&f, "nobody").opened, 0);
	/* a second end is told, not counted; an exception that ended has no row */
	put_outcome(&f, "ss.delivered", "a", p[1], "");
	put_outcome(&f, "ss.delivered", "a", p[2], "");
	put_outcome(&f, "ss.failed", "a", p[1], "");
	look(&f);
	c = counts(&f, "a");
	assert_int_equal(c.doubles, 1);
	assert_int_equal(c.ended[EVENT_DELIVERED], 2);
	assert_int_equal(c.failed, 0);
	rebuilt_same(&f);
	fix_end(&f);
}

static void
ranges(void **state)
{
	struct fix f;
	struct ledger_counts c;
	char t[512];
	int i;

	(void)state;
	fix_start(&f);
	for (i = 0; i < 20; i++)
		put_event(&f, NULL, i == 10 ? "other" : "a");	/* 2..21, 12 is not ours */
	put_outcome(&f, "ss.failed", "a", 5, "");
	put(&f, HEAD ",\"data\":{\"pipeline\":\"a\",\"stage\":\"diff\",\"range\":[4,15],\"n\":10}}", "r", "ss-diff",
	    "ss.unchanged");
	look(&f);
	/* 5 has a row: it was not fed with its neighbours */
	assert_string_equal(open_runs(&f, "a", t), "2-3 5-5 16-21 ");
	c = counts(&f, "a");
	assert_int_equal(c.ended[EVENT_UNCHANGED], 10);
	assert_int_equal(c.doubles, 0);
	assert_int_equal(c.failed, 1);
	assert_int_equal(counts(&f, "other").open, 1);
	/* the same once more: all doubles; nonsense: nothing */
	put(&f, HEAD ",\"data\":{\"pipeline\":\"a\",\"range\":[4,15],\"n\":11}}", "r", "ss-diff", "ss.unchanged");
	put(&f, HEAD ",\"data\":{\"pipeline\":\"a\",\"range\":[15,4],\"n\":11}}", "r", "ss-diff", "ss.unchanged");
	put(&f, HEAD ",\"data\":{\"pipeline\":\"a\",\"range\":[\"x\"],\"n\":1}}", "r", "ss-diff", "ss.unchanged");
	look(&f);
	c = counts(&f, "a");
	assert_int_equal(c.ended[EVENT_UNCHANGED], 10);
	assert_int_equal(c.doubles, 11);
	rebuilt_same(&f);
	fix_end(&f);
}

static void
replays(void **state)
{
	struct fix f;
	struct ledger_counts c;
	uint64_t dead, open, again;
	char t[512];

	(void)state;
	fix_start(&f);
	dead = put_event(&f, NULL, "a");
	open = put_event(&f, NULL, "a");
	put_outcome(&f, "ss.dead", "a", dead, "");
	again = put(&f, HEAD ",\"data\":{\"pipeline\":\"a\",\"event\":{\"source\":\"src\",\"id\":\"e\",\"seq\":%llu,"
	    "\"place\":%llu}}}", "r", "ss-replay", "ss.replay", (unsigned long long)dead, (unsigned long long)dead);
	put(&f, HEAD ",\"data\":{\"pipeline\":\"a\",\"event\":{\"source\":\"src\",\"id\":\"e\",\"seq\":%llu,"
	    "\"place\":%llu}}}", "r", "ss-replay", "ss.replay", (unsigned long long)open, (unsigned long long)open);
	look(&f);
	c = counts(&f, "a");
	assert_int_equal(c.opened, 4);
	assert_int_equal(c.ended[EVENT_DEAD], 1);
	assert_int_equal(c.dead, 0);
	assert_int_equal(c.replaced, 1);
	(void)snprintf(t, sizeof(t), "%llu-%llu ", (unsigned long long)again, (unsigned long long)again + 1);
	assert_string_equal(open_runs(&f, "a", t + 100), t);
	/* a known event for a further pipeline */
	put(&f, HEAD ",\"data\":{\"pipeline\":\"x,y\"}}", "r", "ss-track", "ss.accepted");
	look(&f);
	assert_int_equal(counts(&f, "x").open, 1);
	assert_int_equal(counts(&f, "y").open, 1);
	rebuilt_same(&f);
	fix_end(&f);
}

struct rows {
	struct ledger_exc e[8];
	char text[8][200];
	int n;
};

static int
on_row(void *ctx, const struct ledger_exc *e)
{
	struct rows *r = ctx;

	r->e[r->n] = *e;
	(void)snprintf(r->text[r->n++], 200, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s", (int)e->id.n, e->id.p,
	    (int)e->source.n, e->source.p, (int)e->type.n, e->type.p, (int)e->subject.n, e->subject.p,
	    (int)e->key.n, e->key.p, (int)e->target.n, e->target.p, (int)e->class.n, e->class.p,
	    (int)e->code.n, e->code.p, (int)e->message.n, e->message.p, (int)e->table.n, e->table.p,
	    (int)e->row.n, e->row.p);
	return 0;
}

static int
stop_at_once(void *ctx, const struct ledger_exc *e)
{
	(void)e;
	++*(int *)ctx;
	return 7;
}

static void
exceptions(void **state)
{
	struct fix f;
	struct rows r = { .n = 0 };
	struct json_mem mem = { 0 };
	struct ledger_exc e;
	uint64_t a, b, c;
	int n = 0;

	(void)state;
	fix_start(&f);
	a = put_event(&f, NULL, "ab");
	b = put_event(&f, NULL, "a");
	c = put_event(&f, NULL, "a");
	put_outcome(&f, "ss.failed", "ab", a, "");
	put_outcome(&f, "ss.failed", "a", c, ",\"replay\":2,\"force\":true,\"due\":\"2026-11-18T11:00:00.000Z\","
	    "\"cause\":{\"class\":\"intermittent\",\"code\":\"503\",\"message\":\"a \\\"quoted\\\" word\",\"retry\":true}");
	f.clock.now += 60000;
	put(&f, "{\"specversion\":\"1.0\",\"id\":\"o\",\"source\":\"ss-push\",\"type\":\"ss.failed\",\"subject\":\"S\","
	    "\"time\":\"2026-11-18T10:30:00.000Z\",\"data\":{\"event\":{\"source\":\"src\",\"id\":\"e\",\"type\":\"order.paid\","
	    "\"key\":\"K\",\"seq\":%llu},\"pipeline\":\"a\",\"attempt\":2}}", (unsigned long long)c);
	put_outcome(&f, "ss.parked", "a", b, ",\"wait\":{\"table\":\"stock\",\"key\":\"R\",\"behind\":2},"
	    "\"deadline\":\"2026-11-19T10:00:00.000Z\"");
	look(&f);
	assert_int_equal(ledger_exceptions(f.view, "a", 0, on_row, &r, &f.err), 0);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.e[0].state, EVENT_PARKED);
	assert_int_equal(r.e[0].place, b);
	assert_int_equal(r.e[0].behind, 2);
	assert_int_equal(r.e[0].deadline, TEN + 86400000);
	assert_string_equal(r.text[0], "e|src|item.observed|S|S|shopify:acme||||stock|R");
	assert_int_equal(r.e[1].state, EVENT_FAILED);
	assert_int_equal(r.e[1].place, c);
	assert_int_equal(r.e[1].attempt, 2);
	assert_int_equal(r.e[1].since, TEN);	/* when it failed first */
	assert_string_equal(r.text[1], "e|src|order.paid|S|K||||||");
	assert_int_equal(ledger_exception(f.view, "a", c, 0, &mem, &e, &f.err), 1);
	assert_int_equal(e.attempt, 2);
	assert_int_equal(ledger_exception(f.view, "a", c, 1, &mem, &e, &f.err), 0);
	assert_int_equal(ledger_exception(f.view, "a", a, 0, &mem, &e, &f.err), 0);
	assert_int_equal(ledger_exceptions(f.view, "a", 0, stop_at_once, &n, &f.err), 7);
	assert_int_equal(n, 1);
	put_outcome(&f, "ss.dead", "a", c, ",\"cause\":{\"class\":\"value\",\"code\":\"422\",\"message\":\"no\"}");
	look(&f);
	r.n = 0;
	assert_int_equal(ledger_exceptions(f.view, "a", 1, on_row, &r, &f.err), 0);
	assert_int_equal(r.n, 1);
	assert_int_equal(r.e[0].since, TEN);
	assert_string_equal(r.text[0], "e|src|item.observed|S|S|shopify:acme|value|422|no||");
	json_mem_free(&mem);
	rebuilt_same(&f);
	fix_end(&f);
}

/* --- the other tables --- */

struct leaves {
	char text[1000];
};

static int
on_leaf(void *ctx, const struct ledger_leaf *leaf)
{
	struct leaves *l = ctx;
	size_t n = strlen(l->text);

	(void)snprintf(l->text + n, sizeof(l->text) - n, "%.*s=%.*s%s ", (int)leaf->path.n, leaf->path.p,
	    (int)leaf->value.n, leaf->value.p, leaf->etime == INT64_MIN ? "" : "!");
	return 0;
}

static const char *
known(struct fix *f, const char *target, char kind, const char *subject, struct leaves *l)
{
	l->text[0] = '\0';
	if (ledger_known(f->view, (struct json_span){ target, strlen(target) }, kind,
	    (struct json_span){ subject, strlen(subject) }, on_leaf, l, &f->err) == 0)
		return "none";
	return l->text;
}

static void
put_known(struct fix *f, const char *at, const char *set)
{
	put(f, HEAD ",\"subject\":\"S\",\"data\":{\"target\":\"t:1\",\"kind\":\"item\",\"at\":\"%s\",\"set\":%s}}", "k",
	    "ss-reconcile", "ss.known", at, set);
}

static void
put_sent(struct fix *f, const char *at, const char *etime, const char *set)
{
	put(f, HEAD ",\"subject\":\"S\",\"data\":{\"event\":{\"source\":\"src\",\"id\":\"e\",\"type\":\"item.observed\","
	    "\"time\":\"%s\",\"seq\":2},\"pipeline\":\"a\",\"target\":\"t:1\",\"at\":\"%s\",\"set\":%s}}", "o", "ss-push",
	    "ss.delivered", etime, at, set);
}

static void
known_state(void **state)
{
	struct fix f;
	struct leaves l;
	uint64_t n;

	(void)state;
	fix_start(&f);
	put_event(&f, NULL, "a");
	put_sent(&f, "2026-11-18T10:00:00Z", "2026-11-18T09:00:00Z",
	    "{\"fields\":{\"price\":\"1.00\",\"title\":\"T\"},\"levels\":{\"main\":{\"available\":12345678901234567890}}}");
	look(&f);
	assert_string_equal(known(&f, "t:1", 'i', "S", &l),
	    "fields/price=\"1.00\"! fields/title=\"T\"! levels/main/available=12345678901234567890! ");
	assert_string_equal(known(&f, "t:1", 'p', "S", &l), "none");
	assert_string_equal(known(&f, "t:2", 'i', "S", &l), "none");
	/* a look that is newer wins and keeps what was sent; an older one does not */
	put_known(&f, "2026-11-18T11:00:00Z", "{\"fields\":{\"price\":\"2.00\",\"vendor\":\"V\"}}");
	put_known(&f, "2026-11-18T09:59:00Z", "{\"fields\":{\"title\":\"old\"}}");
	look(&f);
	assert_string_equal(known(&f, "t:1", 'i', "S", &l), "fields/price=\"2.00\"! fields/title=\"T\"! "
	    "fields/vendor=\"V\" levels/main/available=12345678901234567890! ");
	/* what was sent before that look is overtaken; what is sent later wins */
	put_sent(&f, "2026-11-18T10:30:00Z", "2026-11-18T09:30:00Z", "{\"fields\":{\"price\":\"3.00\",\"vendor\":\"W\"}}");
	put_sent(&f, "2026-11-18T11:30:00Z", "2026-11-18T09:30:00Z", "{\"fields\":{\"vendor\":\"X\"}}");
	look(&f);
	assert_string_equal(known(&f, "t:1", 'i', "S", &l), "fields/price=\"2.00\"! fields/title=\"T\"! "
	    "fields/vendor=\"X\"! levels/main/available=12345678901234567890! ");
	assert_int_equal(ledger_known_count(f.view, &n, &f.err), 0);
	assert_int_equal(n, 1);
	rebuilt_same(&f);
	fix_end(&f);
}

static void
known_product(void **state)
{
	struct fix f;
	struct leaves l;

	(void)state;
	fix_start(&f);
	put(&f, HEAD ",\"subject\":\"shirt\",\"data\":{\"event\":{\"source\":\"s\",\"id\":\"e\",\"type\":\"product.observed\","
	    "\"time\":\"2026-11-18T09:00:00Z\",\"seq\":2},\"pipeline\":\"a\",\"target\":\"t:1\",\"set\":{\"fields\":{\"title\":\"Shirt\"},\"items\":["
	    "{\"sku\":\"A\",\"fields\":{\"price\":\"1\"}},{\"options\":{\"Size\":\"M/L\"},\"fields\":{\"price\":\"2\"}}]}}}", "o",
	    "ss-push", "ss.delivered");
	look(&f);
	assert_string_equal(known(&f, "t:1", 'p', "shirt", &l), "fields/title=\"Shirt\"! ");
	assert_string_equal(known(&f, "t:1", 'i', "A", &l), "fields/price=\"1\"! ");
	assert_string_equal(known(&f, "t:1", 'i', "shirt/M%2FL", &l), "fields/price=\"2\"! options/Size=\"M/L\"! ");
	rebuilt_same(&f);
	fix_end(&f);
}

struct intents {
	char id[4][40];
	uint64_t place[4];
	int n;
};

static int
on_intent(void *ctx, struct json_span id, uint64_t place)
{
	struct intents *i = ctx;

	(void)snprintf(i->id[i->n], 40, "%.*s", (int)id.n, id.p);
	i->place[i->n++] = place;
	return 0;
}

static void
intents_cursors_seen(void **state)
{
	const struct json_span t1 = { "t:1", 3 }, src = { "src", 3 };
	struct intents in = { .n = 0 };
	struct buf b = { 0 };
	struct fix f;
	uint64_t i2, place, own;

	(void)state;
	fix_start(&f);
	put(&f, HEAD ",\"data\":{\"target\":\"t:1\"}}", "i1", "ss-push", "ss.intent");
	i2 = put(&f, HEAD ",\"data\":{\"target\":\"t:1\"}}", "i2", "ss-push", "ss.intent");
	put(&f, HEAD ",\"data\":{\"target\":\"t:11\"}}", "i3", "ss-push", "ss.intent");
	put(&f, HEAD ",\"data\":{\"target\":\"t:1\",\"intent\":\"i1\"}}", "x", "ss-push", "ss.settled");
	put(&f, HEAD ",\"data\":{\"what\":\"orders\",\"name\":\"n\",\"phase\":\"begin\",\"v\":1}}", "c", "p:1", "ss.cursor");
	look(&f);
	assert_int_equal(ledger_intents(f.view, t1, on_intent, &in, &f.err), 0);
	assert_int_equal(in.n, 1);
	assert_string_equal(in.id[0], "i2");
	assert_int_equal(in.place[0], i2);
	in.n = 0;
	assert_int_equal(ledger_intents(f.view, (struct json_span){ NULL, 0 }, on_intent, &in, &f.err), 0);
	assert_int_equal(in.n, 2);
	assert_string_equal(in.id[0], "i2");
	assert_string_equal(in.id[1], "i3");
	assert_int_equal(ledger_cursor(f.view, "p:1", "orders", "n", &b, &f.err), 0);
	put(&f, HEAD ",\"data\":{\"what\":\"orders\",\"name\":\"n\",\"phase\":\"end\",\"v\":2}}", "c", "p:1", "ss.cursor");
	own = put_event(&f, "foreign-1", "a");
	put_event(&f, NULL, "a");
	look(&f);
	assert_int_equal(ledger_cursor(f.view, "p:1", "orders", "n", &b, &f.err), 1);
	assert_string_equal(buf_cstr(&b), "{\"what\":\"orders\",\"name\":\"n\",\"phase\":\"end\",\"v\":2}");
	assert_int_equal(ledger_cursor(f.view, "p:1", "orders", "", &b, &f.err), 0);
	assert_int_equal(ledger_seen(f.view, src, (struct json_span){ "foreign-1", 9 }, &place, &f.err), 1);
	assert_int_equal(place, own);
	assert_int_equal(ledger_seen(f.view, src, (struct json_span){ "foreign-2", 9 }, &place, &f.err), 0);
	buf_free(&b);
	rebuilt_same(&f);
	fix_end(&f);
}

static void
crashes(void **state)
{
	struct fix f;
	uint64_t n, first, last;
	int i;

	(void)state;
	fix_start(&f);
	for (i = 0; i < 4; i++)
		put_event(&f, NULL, "a");
	look(&f);
	assert_int_equal(ledger_crashes(f.view, "a", &n, &first, &last, &f.err), 0);
	assert_int_equal(n, 0);
	for (i = 0; i < 2; i++)
		put(&f, HEAD ",\"data\":{\"code\":\"script-died\",\"pipeline\":\"a\",\"window\":[3,4]}}", "x", "ss-run", "ss.alert");
	look(&f);
	assert_int_equal(ledger_crashes(f.view, "a", &n, &first, &last, &f.err), 0);
	assert_true(n == 2 && first == 3 && last == 4);
	put_outcome(&f, "ss.delivered", "a", 3, "");
	look(&f);
	assert_int_equal(ledger_crashes(f.view, "a", &n, &first, &last, &f.err), 0);
	assert_int_equal(n, 2);
	put_outcome(&f, "ss.dead", "a", 4, "");
	look(&f);
	assert_int_equal(ledger_crashes(f.view, "a", &n, &first, &last, &f.err), 0);
	assert_int_equal(n, 0);
	rebuilt_same(&f);
	fix_end(&f);
}

static void
pipelines(void **state)
{
	static const char *const want[] = { "-", "a", "a-b", "ab", "b" };
	struct buf name = { 0 };
	struct fix f;
	size_t i;

	(void)state;
	fix_start(&f);
	put_event(&f, NULL, "b,ab,a,a-b");
	put_event(&f, NULL, NULL);
	look(&f);
	for (i = 0; i < 5; i++) {
		assert_int_equal(ledger_pipelines(f.view, &name, &f.err), 1);
		assert_string_equal(buf_cstr(&name), want[i]);
	}
	assert_int_equal(ledger_pipelines(f.view, &name, &f.err), 0);
	buf_free(&name);
	fix_end(&f);
}

/* Lines that say nothing, or nonsense, stop nothing and break no account. */
static void
hostile(void **state)
{
	static const char *const lines[] = {
		"{\"not\":\"an event\"}",
		"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"sspipeline\":\"a\\u0000b\"}",
		"{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"s\",\"type\":\"t\",\"sspipeline\":\",,a,,a,\"}",
		"{\"specversion\":\"1.0\",\"id\":\"3\",\"source\":\"s\",\"type\":\"ss.delivered\"}",
		"{\"specversion\":\"1.0\",\"id\":\"3\",\"source\":\"s\",\"type\":\"ss.delivered\",\"data\":[]}",
		"{\"specversion\":\"1.0\",\"id\":\"4\",\"source\":\"s\",\"type\":\"ss.delivered\",\"data\":{\"pipeline\":\"a\\u0000\","
		"\"event\":{\"seq\":4}}}",
		"{\"specversion\":\"1.0\",\"id\":\"4\",\"source\":\"s\",\"type\":\"ss.failed\",\"data\":{\"pipeline\":\"a\","
		"\"event\":{\"seq\":-4}}}",
		"{\"specversion\":\"1.0\",\"id\":\"5\",\"source\":\"s\",\"type\":\"ss.delivered\",\"data\":{\"pipeline\":\"a\","
		"\"event\":{\"seq\":18446744073709551615}}}",
		"{\"specversion\":\"1.0\",\"id\":\"5\",\"source\":\"s\",\"type\":\"ss.unchanged\",\"data\":{\"pipeline\":\"zz\","
		"\"range\":[0,18446744073709551615],\"n\":18446744073709551615}}",
		"{\"specversion\":\"1.0\",\"id\":\"6\",\"source\":\"s\",\"type\":\"ss.replay\",\"data\":{\"pipeline\":\"a\","
		"\"event\":{\"place\":18446744073709551615}}}",
		"{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"s\",\"type\":\"ss.intent\",\"data\":{\"target\":\"\"}}",
		"{\"specversion\":\"1.0\",\"id\":\"8\",\"source\":\"s\",\"type\":\"ss.settled\",\"data\":7}",
		"{\"specversion\":\"1.0\",\"id\":\"9\",\"source\":\"s\",\"type\":\"ss.known\",\"subject\":\"x\",\"data\":{\"target\":\"t\","
		"\"set\":\"text\"}}",
		"{\"specversion\":\"1.0\",\"id\":\"9\",\"source\":\"s\",\"type\":\"ss.cursor\",\"data\":{\"phase\":\"end\"}}",
		"{\"specversion\":\"1.0\",\"id\":\"9\",\"source\":\"s\",\"type\":\"ss.alert\",\"data\":{\"code\":\"script-died\"}}",
		"{\"specversion\":\"1.0\",\"id\":\"9\",\"source\":\"s\",\"type\":\"ss.unheard-of\",\"sspipeline\":\"a\"}",
	};
	char big[3000], path[800];
	struct fix f;
	size_t i;
	char t[512];

	(void)state;
	fix_start(&f);
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		put(&f, "%s", lines[i]);
	memset(big, 'n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	put(&f, HEAD ",\"sspipeline\":\"%s\"}", "x", "s", "t", big);
	put(&f, HEAD ",\"data\":{\"target\":\"%s\"}}", "x", "s", "ss.intent", big);
	put(&f, HEAD ",\"subject\":\"%s\",\"data\":{\"target\":\"t\",\"set\":{\"fields\":{\"a\":1}}}}", "x", "s", "ss.known", big);
	put(&f, HEAD ",\"subject\":\"q\",\"data\":{\"target\":\"t\",\"set\":{\"fields\":{\"a\":1,\"%s\":1}}}}", "x", "s",
	    "ss.known", path);
	put_event(&f, NULL, "after");
	look(&f);
	assert_int_equal(counts(&f, "after").open, 1);
	/* "a" stands twice in one list, but opens one delivery */
	assert_int_equal(counts(&f, "a").opened, 2);
	(void)counts(&f, "zz");
	assert_string_equal(open_runs(&f, "after", t), "22-22 ");
	rebuilt_same(&f);
	fix_end(&f);
}

/* --- against a model --- */

#define PLACES 600

/* Adds at the end, deletes anywhere, compared with one byte a place. */
static void
runs_model(void **state)
{
	unsigned char is[PLACES + 2] = { 0 };
	struct fix f;
	struct apply a = { .err = NULL };
	struct rng rng;
	uint64_t next = 1, n, want, first, last, p;
	int i;

	(void)state;
	fix_start(&f);
	a.l = f.ledger;
	a.err = &f.err;
	rng_init(&rng, 1, 11);
	for (i = 0; i < 1500; i++) {
		assert_int_equal(table_begin(&a.t, f.ledger->env, 1, &f.err), 0);
		if (rng_below(&rng, 3) == 0 && next < PLACES - 20) {
			first = next + rng_below(&rng, 3);
			last = first + rng_below(&rng, 12);
			/* now and then one that was given already */
			if (rng_below(&rng, 8) == 0 && first > 2)
				first--;
			for (want = 0, p = first; p <= last; p++) {
				want += !is[p];
			}
			if (is[first] || first >= next) {
				assert_int_equal(ledger_runs_add(&a, "m", 1, first, last, &n), 0);
				assert_int_equal(n, want);
				for (p = first; p <= last; p++)
					is[p] = 1;
				next = last + 1;
			}
		} else {
			first = rng_below(&rng, PLACES);
			last = first + rng_below(&rng, rng_below(&rng, 4) == 0 ? 100 : 3);
			assert_int_equal(ledger_runs_del(&a, "m", 1, first, last, &n), 0);
			for (want = 0, p = first; p <= last && p <= PLACES; p++) {
				want += is[p];
				is[p] = 0;
			}
			assert_int_equal(n, want);
		}
		p = rng_below(&rng, PLACES);
		assert_int_equal(ledger_runs_has(a.t, &f.ledger->key, "m", 1, p, &f.err), is[p]);
		assert_int_equal(table_commit(a.t, &f.err), 0);
		/* the whole of it, run by run */
		assert_int_equal(ledger_view(&f.view, f.ledger, &f.err), 0);
		for (p = 0; p <= PLACES;) {
			int rc = ledger_open_run(f.view, "m", p, &first, &last, &f.err);

			for (; p <= PLACES && !is[p]; p++)
				;
			assert_int_equal(rc, p <= PLACES);
			if (rc == 0)
				break;
			assert_int_equal(first, p);
			for (; p <= PLACES && is[p]; p++)
				;
			assert_int_equal(last, p - 1);
		}
		ledger_view_end(f.view);
		f.view = NULL;
	}
	fix_end(&f);
}

/* Any order of lines: accounts always agree, and a rebuild is the same. */
static void
random_lines(void **state)
{
	static const char *const types[] = { "ss.delivered", "ss.unchanged", "ss.filtered", "ss.dead", "ss.failed", "ss.parked" };
	static const char *const pipes[] = { "a", "b", "-" };
	struct fix f;
	struct rng rng;
	uint64_t seed, end = 2;
	int i;

	(void)state;
	for (seed = 1; seed <= 6; seed++) {
		fix_start(&f);
		log_segment_max(f.log, 20000);
		rng_init(&rng, 1, seed);
		for (i = 0; i < 600; i++) {
			uint64_t place = 2 + rng_below(&rng, end);
			const char *pipe = pipes[rng_below(&rng, 3)];

			switch (rng_below(&rng, 6)) {
			case 0:
			case 1:
				end = put_event(&f, NULL, rng_below(&rng, 2) == 0 ? "a,b" : pipe);
				break;
			case 2:
				put(&f, HEAD ",\"data\":{\"pipeline\":\"%s\",\"range\":[%llu,%llu],\"n\":4}}", "r", "ss-diff",
				    "ss.unchanged", pipe, (unsigned long long)place, (unsigned long long)place + 3);
				break;
			case 3:
				put(&f, HEAD ",\"data\":{\"pipeline\":\"%s\",\"event\":{\"place\":%llu}}}", "r", "ss-replay",
				    "ss.replay", pipe, (unsigned long long)place);
				break;
			default:
				put_outcome(&f, types[rng_below(&rng, 6)], pipe, place, "");
			}
			if (rng_below(&rng, 40) == 0) {
				look(&f);
				(void)counts(&f, "a");
				(void)counts(&f, "b");
				(void)counts(&f, "-");
			}
		}
		rebuilt_same(&f);
		fix_end(&f);
	}
}

/* A batch told of by ledger_note gives the same state as one read back. */
static void
noted(void **state)
{
	struct fix f;
	struct buf live = { 0 }, anew = { 0 }, b = { 0 };
	char id[UUID_TEXT], line[300];
	uint32_t lens[50];
	uint64_t first;
	int i, k;

	(void)state;
	fix_start(&f);
	log_segment_max(f.log, 30000);
	for (i = 0; i < 40; i++) {
		const char *pipe = i % 7 == 3 ? "b" : "a";
		int n = 1 + i % 50;

		buf_clear(&b);
		for (k = 0; k < n; k++) {
			uuid_v7(&f.uuid, f.clock.now, id);
			lens[k] = (uint32_t)snprintf(line, sizeof(line), HEAD ",\"sspipeline\":\"%s\"}", id, "src", "t.x", pipe);
			(void)buf_add(&b, line, lens[k]);
		}
		assert_int_equal(log_append(f.log, b.p, lens, (size_t)n, &first, NULL, &f.err), 0);
		/* others append between and behind */
		if (i % 3 != 0)
			assert_int_equal(ledger_note(f.ledger, pipe, first, (uint64_t)n, &f.err), 0);
		if (i % 4 == 0)
			put_outcome(&f, "ss.delivered", pipe, first, "");
		if (i % 5 == 0)
			look(&f);
	}
	look(&f);
	assert_int_equal(ledger_dump(f.view, &live, &f.err), 0);
	ledger_view_end(f.view);
	f.view = NULL;
	assert_int_equal(ledger_rebuild(f.ledger, NULL, &f.err), 0);
	look(&f);
	assert_int_equal(ledger_dump(f.view, &anew, &f.err), 0);
	assert_string_equal(buf_cstr(&live), buf_cstr(&anew));
	buf_free(&live);
	buf_free(&anew);
	buf_free(&b);
	fix_end(&f);
}

/* Tables that another process has open are not taken away from it. */
static void
in_use(void **state)
{
	int up[2], down[2], status;
	struct ledger *other;
	struct fix f;
	char c = 'x';
	pid_t pid;

	(void)state;
	fix_start(&f);
	put_event(&f, NULL, "a");
	assert_int_equal(pipe(up) | pipe(down), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		/* until it is told to end, or nobody is left who could */
		int bad = close(down[1]) == -1 || ledger_open(&other, f.home, f.log, &f.err) == -1 || write(up[1], &c, 1) != 1 ||
		    read(down[0], &c, 1) != 1;

		_exit(bad);
	}
	assert_int_equal(read(up[0], &c, 1), 1);
	f.err.exit = SS_EXIT_OK;
	assert_int_equal(ledger_rebuild(f.ledger, NULL, &f.err), -1);
	assert_int_equal(f.err.exit, SS_EXIT_AGAIN);
	f.err.exit = SS_EXIT_OK;
	assert_int_equal(ledger_remove(f.home, &f.err), -1);
	assert_int_equal(f.err.exit, SS_EXIT_AGAIN);
	/* what was refused can go on */
	look(&f);
	assert_int_equal(counts(&f, "a").open, 1);
	ledger_view_end(f.view);
	f.view = NULL;
	assert_int_equal(write(down[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(ledger_rebuild(f.ledger, NULL, &f.err), 0);
	look(&f);
	assert_int_equal(counts(&f, "a").open, 1);
	(void)close(up[0]);
	(void)close(up[1]);
	(void)close(down[0]);
	(void)close(down[1]);
	fix_end(&f);
}

/* What another version left is made anew from the log, unless somebody works with it. */
static void
other_format(void **state)
{
	struct table_txn *t;
	struct ledger *other;
	struct fix f;

	(void)state;
	fix_start(&f);
	put_event(&f, NULL, "a");
	look(&f);
	ledger_view_end(f.view);
	f.view = NULL;
	assert_int_equal(table_begin(&t, f.ledger->env, 1, &f.err), 0);
	assert_int_equal(table_put(t, DB_META, "format", 6, "0", 1, &f.err), 0);
	assert_int_equal(table_commit(t, &f.err), 0);
	ledger_close(f.ledger);
	assert_int_equal(ledger_open(&f.ledger, f.home, f.log, &f.err), 0);
	look(&f);
	assert_int_equal(counts(&f, "a").open, 1);
	ledger_view_end(f.view);
	f.view = NULL;
	assert_int_equal(table_begin(&t, f.ledger->env, 1, &f.err), 0);
	assert_int_equal(table_put(t, DB_META, "format", 6, "0", 1, &f.err), 0);
	assert_int_equal(table_commit(t, &f.err), 0);
	f.err.exit = SS_EXIT_OK;
	assert_int_equal(ledger_open(&other, f.home, f.log, &f.err), -1);
	assert_int_equal(f.err.exit, SS_EXIT_AGAIN);
	fix_end(&f);
}

/* State that speaks of more than the log holds is an alarm, not a start. */
static void
state_ahead(void **state)
{
	char dir[100];
	struct fix f;
	int i;

	(void)state;
	fix_start(&f);
	for (i = 0; i < 5; i++)
		put_event(&f, NULL, "a");
	look(&f);
	ledger_view_end(f.view);
	f.view = NULL;
	ledger_close(f.ledger);
	log_close(f.log);
	(void)snprintf(dir, sizeof(dir), "%s/log", f.home);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	/* a reader, to whom there is no log at all */
	assert_int_equal(log_open(&f.log, f.home, 0, &f.clock, &f.rng, &f.err), 0);
	assert_int_equal(ledger_open(&f.ledger, f.home, f.log, &f.err), 0);
	assert_int_equal(ledger_catchup(f.ledger, NULL, &f.err), -1);
	assert_int_equal(f.err.exit, SS_EXIT_DAMAGE);
	ledger_close(f.ledger);
	log_close(f.log);
	assert_int_equal(log_open(&f.log, f.home, 1, &f.clock, &f.rng, &f.err), 0);
	assert_int_equal(ledger_open(&f.ledger, f.home, f.log, &f.err), 0);
	put_event(&f, NULL, "a");
	assert_int_equal(ledger_catchup(f.ledger, NULL, &f.err), -1);
	assert_int_equal(f.err.exit, SS_EXIT_DAMAGE);
	assert_int_equal(ledger_rebuild(f.ledger, NULL, &f.err), 0);
	look(&f);
	assert_int_equal(counts(&f, "a").open, 1);
	fix_end(&f);
}

/* How long it has been failing counts from the replay on. */
static void
since_replay(void **state)
{
	static const char line[] = "{\"specversion\":\"1.0\",\"id\":\"o\",\"source\":\"ss-push\",\"type\":\"ss.failed\",\"subject\":\"S\","
	    "\"time\":\"2026-11-%02dT10:00:00.000Z\",\"data\":{\"event\":{\"source\":\"src\",\"id\":\"e\",\"type\":\"t\",\"seq\":%llu},"
	    "\"pipeline\":\"a\",\"stage\":\"push\",\"attempt\":1,\"cause\":{\"class\":\"intermittent\",\"code\":\"%s\"},"
	    "\"due\":\"2026-11-18T10:00:00.000Z\"}}";
	struct json_mem mem = { 0 };
	struct ledger_exc e;
	int64_t first;
	struct fix f;
	uint64_t at;

	(void)state;
	fix_start(&f);
	at = put_event(&f, NULL, "a");
	put(&f, line, 10, (unsigned long long)at, "http-500");
	put(&f, line, 12, (unsigned long long)at, "http-500");
	look(&f);
	assert_int_equal(ledger_exception(f.view, "a", at, 0, &mem, &e, &f.err), 1);
	first = e.since;
	put(&f, line, 14, (unsigned long long)at, "replayed");
	put(&f, line, 15, (unsigned long long)at, "http-500");
	look(&f);
	assert_int_equal(ledger_exception(f.view, "a", at, 0, &mem, &e, &f.err), 1);
	assert_int_equal(e.since - first, 4 * 86400000);
	json_mem_free(&mem);
	fix_end(&f);
}

/* A log that was put back from a backup has grown past the place since. */
static void
another_log(void **state)
{
	char dir[100];
	struct fix f;
	int i;

	(void)state;
	fix_start(&f);
	for (i = 0; i < 5; i++)
		put_event(&f, NULL, "a");
	look(&f);
	ledger_view_end(f.view);
	f.view = NULL;
	ledger_close(f.ledger);
	assert_int_equal(ledger_open(&f.ledger, f.home, f.log, &f.err), 0);
	assert_int_equal(ledger_check(f.ledger, &f.err), 0);
	ledger_close(f.ledger);
	log_close(f.log);
	(void)snprintf(dir, sizeof(dir), "%s/log", f.home);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(log_open(&f.log, f.home, 1, &f.clock, &f.rng, &f.err), 0);
	for (i = 0; i < 9; i++)
		put_event(&f, NULL, "b");
	assert_int_equal(ledger_open(&f.ledger, f.home, f.log, &f.err), 0);
	assert_int_equal(ledger_check(f.ledger, &f.err), -1);
	assert_int_equal(f.err.exit, SS_EXIT_DAMAGE);
	assert_int_equal(ledger_catchup(f.ledger, NULL, &f.err), -1);
	assert_int_equal(ledger_rebuild(f.ledger, NULL, &f.err), 0);
	look(&f);
	assert_int_equal(counts(&f, "b").open, 9);
	fix_end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifecycle),
		cmocka_unit_test(ranges),
		cmocka_unit_test(replays),
		cmocka_unit_test(exceptions),
		cmocka_unit_test(known_state),
		cmocka_unit_test(known_product),
		cmocka_unit_test(intents_cursors_seen),
		cmocka_unit_test(crashes),
		cmocka_unit_test(pipelines),
		cmocka_unit_test(hostile),
		cmocka_unit_test(runs_model),
		cmocka_unit_test(random_lines),
		cmocka_unit_test(noted),
		cmocka_unit_test(in_use),
		cmocka_unit_test(other_format),
		cmocka_unit_test(state_ahead),
		cmocka_unit_test(another_log),
		cmocka_unit_test(since_replay),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
