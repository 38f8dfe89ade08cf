#include "flow/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "store/rows.h"

struct lookup {
	const struct lookup_opts *o;
	const char *into;
	char *path;		/* names on the way to the key, each ended by NUL, then an empty one */
	struct rows *rows;
	int stale;		/* input was waited for: the table may have been replaced */
	struct hash_map parked;	/* order keys -> place of the event that is parked */
	struct json_mem mem;
	struct buf data, line;
};

/* ".data.a.b" or "subject" into names. */
static int
split(struct lookup *l, const char *by, struct ss_err *err)
{
	size_t n = strlen(by), i;
	const char *p = by + (*by == '.');

	l->path = calloc(1, n + 2);
	if (l->path == NULL)
		return err_nomem(err);
	memcpy(l->path, p, strlen(p));
	if (*p == '\0' || *p == '.' || p[strlen(p) - 1] == '.' || strstr(p, "..") != NULL ||
	    (*by != '.' && strchr(by, '.') != NULL))
		return err_set(err, SS_EXIT_USAGE,
		    "--by '%s' is neither an attribute's name nor a path like .data.sku", by);
	for (i = 0; l->path[i] != '\0'; i++)
		if (l->path[i] == '.')
			l->path[i] = '\0';
	return 0;
}

int
lookup_open(struct lookup **out, const struct lookup_opts *o, int *there, struct ss_err *err)
{
	struct lookup *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (l == NULL)
		return err_nomem(err);
	l->o = o;
	l->into = o->into != NULL ? o->into : o->table;
	if (split(l, o->by != NULL ? o->by : "subject", err) == -1 ||
	    rows_open(&l->rows, o->home, o->table, err) == -1) {
		lookup_close(l);
		return -1;
	}
	if (there != NULL)
		*there = rows_exists(l->rows);
	*out = l;
	return 0;
}

void
lookup_close(struct lookup *l)
{
	if (l == NULL)
		return;
	rows_close(l->rows);
	hash_free(&l->parked);
	json_mem_free(&l->mem);
	buf_free(&l->data);
	buf_free(&l->line);
	free(l->path);
	free(l);
}

static struct json_span
key_of(const struct lookup *l, const struct event *ev)
{
	struct yyjson_val *v = ev->root;
	const char *p;

	for (p = l->path; *p != '\0' && v != NULL; p += strlen(p) + 1)
		v = json_get(v, p);
	return v == NULL ? (struct json_span){ NULL, 0 } : json_scalar(v);
}

/* --- what is missing ----------------------------------------------------------- */

static uint64_t
order_hash(const struct event *ev)
{
	struct json_span k = event_order_key(ev);

	return hash_64(k.p, k.n, 0);
}

static int
dead(struct filter *f, const struct event *ev, enum outcome_class class, const char *code,
    const char *message,
    struct ss_err *err)
{
	struct outcome o = { .type = EVENT_DEAD, .ms = -1, .class = class, .code = code, .message =
	    message };

	return filter_end(f, ev, &o, err);
}

static int
park(struct lookup *l, struct filter *f, const struct event *ev, struct json_span key,
    struct ss_err *err)
{
	struct outcome o = { .type = EVENT_PARKED, .ms = -1, .class = OUTCOME_MISSING, .code =
	    "no-row", .retry = 1,
		.deadline = clock_now(f->clock) + l->o->deadline, .table = l->o->table, .row =
		    key };
	uint64_t *at = hash_add(&l->parked, order_hash(ev));
	char message[300];

	if (at == NULL)
		return err_nomem(err);
	*at = outcome_place(ev);
	(void)snprintf(message, sizeof(message), "table '%s' has no row '%.*s'", l->o->table,
	    (int)(key.n > 200 ? 200 : key.n), key.p);
	o.message = message;
	return filter_end(f, ev, &o, err);
}

/* The event's order key has one that is parked and earlier: 1 with its place. */
static int
is_behind(const struct lookup *l, const struct event *ev, uint64_t *place)
{
	uint64_t *at = l->parked.n == 0 || event_is_state(ev) ? NULL :
	    hash_get(&l->parked, order_hash(ev)), own;

	if (at == NULL)
		return 0;
	own = outcome_place(ev);
	*place = *at;
	return own == 0 || *at < own;
}

static int
missing(struct lookup *l, struct filter *f, const struct event *ev, struct json_span key,
    struct ss_err *err)
{
	char message[300];

	if (l->o->miss == LOOKUP_PASS)
		return filter_pass(f, ev, NULL, 0, err);
	if (key.n == 0)
		return dead(f, ev, OUTCOME_VALUE, "no-key", "the event has no key to look up", err);
	if (l->o->miss == LOOKUP_PARK)
		return park(l, f, ev, key, err);
	(void)snprintf(message, sizeof(message), "table '%s' has no row '%.*s'", l->o->table,
	    (int)(key.n > 200 ? 200 : key.n), key.p);
	return dead(f, ev, OUTCOME_MISSING, "no-row", message, err);
}

/* --- the join -------------------------------------------------------------------- */

struct replace {
	struct lookup *l;
	struct json_span row;
	int done;
};

static int
copy_member(void *ctx, struct json_span key, struct yyjson_val *val, struct json_span raw)
{
	struct replace *r = ctx;
	struct buf *b = &r->l->data;

	(void)val;
	if (b->len > 1)
		(void)buf_addc(b, ',');
	(void)json_put_str(b, key.p, key.n);
	(void)buf_addc(b, ':');
	if (key.n == strlen(r->l->into) && memcmp(key.p, r->l->into, key.n) == 0) {
		r->done = 1;
		raw = r->row;
	}
	(void)buf_add(b, raw.p, raw.n);
	return 0;
}

/* data has such a member already: the row takes its place. */
static int
join_over(struct lookup *l, const struct event *ev, struct json_span row, struct ss_err *err)
{
	struct replace r = { l, row, 0 };
	struct event own;

	buf_clear(&l->line);
	if (buf_add(&l->line, ev->line.p, ev->line.n) == -1)
		return err_nomem(err);
	/* parsed anew, since the members' bytes are found from the text's beginning */
	if (event_parse(&own, &l->mem, l->line.p, l->line.len, err) == -1)
		return -1;
	(void)buf_addc(&l->data, '{');
	(void)json_members(&l->mem, l->line.p, own.data, own.data_raw, copy_member, &r);
	return buf_addc(&l->data, '}') == -1 ? err_nomem(err) : 0;
}

static int
join(struct lookup *l, const struct event *ev, struct json_span row, struct ss_err *err)
{
	const char *p = ev->data_raw.p, *end = p + ev->data_raw.n;

	buf_clear(&l->data);
	if (ev->data != NULL && json_get(ev->data, l->into) != NULL)
		return join_over(l, ev, row, err);
	if (ev->data == NULL) {
		(void)buf_addc(&l->data, '{');
	} else {
		for (end--; end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'; end--)
			;
		(void)buf_add(&l->data, p, (size_t)(end - p));
		if (end[-1] != '{' || end - p > 1)
			(void)buf_addc(&l->data, ',');
	}
	(void)json_put_cstr(&l->data, l->into);
	(void)buf_addc(&l->data, ':');
	(void)buf_add(&l->data, row.p, row.n);
	return buf_addc(&l->data, '}') == -1 || l->data.failed ? err_nomem(err) : 0;
}

static int
on_event(void *ctx, struct filter *f, const struct event *ev, struct ss_err *err)
{
	struct lookup *l = ctx;
	struct json_span key, row;
	struct event_edit edit = { "data", NULL, 0 };
	uint64_t behind;
	int rc;

	if (l->stale && rows_fresh(l->rows, err) == -1)
		return -1;
	l->stale = 0;
	if (l->o->miss == LOOKUP_PARK && is_behind(l, ev, &behind)) {
		struct outcome o = { .type = EVENT_PARKED, .ms = -1, .class = OUTCOME_MISSING,
		    .code = "behind",
			.message = "an earlier event of the same key is parked", .retry = 1,
			    .behind = behind };

		return filter_end(f, ev, &o, err);
	}
	key = key_of(l, ev);
	rc = key.n == 0 ? 0 : rows_get(l->rows, key.p, key.n, &row, err);
	if (rc == -1)
		return -1;
	if (rc == 0)
		return missing(l, f, ev, key, err);
	if (ev->data != NULL && ev->data_raw.p[0] != '{')
		return dead(f, ev, OUTCOME_VALUE, "form",
		    "data is not an object, so nothing can be added to it", err);
	if (join(l, ev, row, err) == -1)
		return -1;
	edit.raw = l->data.p;
	edit.n = l->data.len;
	return filter_pass(f, ev, &edit, 1, err);
}

static int
on_drain(void *ctx, struct filter *f, struct ss_err *err)
{
	struct lookup *l = ctx;

	(void)f;
	(void)err;
	l->stale = 1;
	return 0;
}

static int
on_end(void *ctx, struct filter *f, struct ss_err *err)
{
	struct lookup *l = ctx;

	hash_clear(&l->parked);
	return on_drain(ctx, f, err);
}

const struct filter_ops lookup_ops = { .event = on_event, .drain = on_drain, .end = on_end };
