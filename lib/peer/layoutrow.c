#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "event/event.h"
#include "event/jqx.h"
#include "event/out.h"
#include "peer/layoutkinds.h"

#define RESULTS_MAX 10000	/* of a jq program for one row */

static const struct json_span none = { NULL, 0 };	/* no cell to show in a message */

struct rows {
	struct layout l;
	const struct layout_header *h;
	struct csvevent *e;
	struct layout_cols keys;
	struct jqx *jq;
	struct buf in, result, line;
	struct json_mem mem, check;
	struct event ev;
};

/* Header names as keys: of equal ones the second gets _2, and so on. */
static int
make_keys(struct rows *r, struct ss_err *err)
{
	struct hash_map seen = { 0 };
	struct buf key = { 0 };
	size_t i;
	int rc = 0;

	for (i = 0; i < r->h->n && rc == 0; i++) {
		struct json_span s = r->h->name[i];
		uint64_t *count, *same;

		buf_clear(&key);
		(void)buf_add(&key, s.p, s.n);
		/* the same place counts on, so that a thousand equal names are no trouble */
		while ((same = hash_add(&seen, hash_64(key.p, key.len, 0))) != NULL && *same != 0) {
			count = hash_add(&seen, hash_64(s.p, s.n, 0));
			if (count == NULL)
				break;
			key.len = s.n;
			(void)buf_addf(&key, "_%llu", (unsigned long long)++*count);
		}
		if (same == NULL || key.failed)
			rc = err_nomem(err);
		else
			*same = 1;
		if (rc == 0)
			rc = layout_col(&r->keys, i, LAYOUT_TEXT, s, key.p, key.len, err);
	}
	hash_free(&seen);
	buf_free(&key);
	return rc;
}

static void
put_row(struct rows *r, struct buf *b, const struct csv_row *row)
{
	size_t i;

	(void)buf_adds(b, "\"row\":{");
	for (i = 0; i < r->keys.n; i++) {
		const struct buf *k = &r->keys.v[i].key;
		size_t comma = i == 0;

		(void)buf_add(b, k->p + comma, k->len - comma);
		(void)json_put_str(b, row->cell[i].p, row->cell[i].n);
	}
	(void)buf_addc(b, '}');
}

static int
too_large(struct csvevent_bad *bad, size_t at)
{
	bad->cls = "value";
	bad->code = "too-large";
	(void)snprintf(bad->message, sizeof(bad->message),
	    "the event of %zu bytes is longer than a line may be",
	    at);
	return 0;
}

static int
take_row(struct layout *l, const struct csv_row *row, struct csvevent_bad *bad, struct ss_err *err)
{
	struct rows *r = (struct rows *)l;
	struct buf *b = out_buf(r->e->out);
	size_t from = b->len;

	csvevent_begin(r->e, b, "row.read", 8);
	csvevent_data(r->e, b);
	(void)buf_addc(b, '{');
	put_row(r, b, row);
	(void)buf_addc(b, ',');
	csvevent_at(r->e, b, row->number);
	(void)buf_adds(b, "}}");
	if (b->failed)
		return err_nomem(err);
	if (b->len - from >= CSVEVENT_MAX) {
		size_t n = b->len - from;

		b->len = from;
		return too_large(bad, n);
	}
	return csvevent_done(r->e, err) == -1 ? -1 : 1;
}

/* --- --map ------------------------------------------------------------------- */

static void
put_input(struct rows *r, const struct csv_row *row)
{
	struct buf *b = &r->in;
	size_t i;

	buf_clear(b);
	(void)buf_addc(b, '{');
	put_row(r, b, row);
	(void)buf_adds(b, ",\"cells\":[");
	for (i = 0; i < row->n; i++) {
		if (i > 0)
			(void)buf_addc(b, ',');
		(void)json_put_str(b, row->cell[i].p, row->cell[i].n);
	}
	(void)buf_adds(b, "],\"header\":");
	(void)buf_add(b, r->e->header.p, r->e->header.len);
	(void)buf_adds(b, ",\"file\":");
	(void)json_put_cstr(b, r->e->file);
	(void)buf_adds(b, ",\"entry\":");
	if (r->e->entry != NULL)
		(void)json_put_cstr(b, r->e->entry);
	else
		(void)buf_adds(b, "null");
	(void)buf_addf(b, ",\"number\":%llu}", (unsigned long long)row->number);
}

static int
map_bad(struct csvevent_bad *bad, const char *text)
{
	bad->cls = "value";
	bad->code = "map";
	(void)snprintf(bad->message, sizeof(bad->message), "%.390s", text);
	return 0;
}

/* What the parts of a result are. */
struct parts {
	struct json_span id, subject, time, data, more[32];
	size_t n;
	struct json_span type, wrong;
};

static int
each_member(void *ctx, struct json_span key, struct yyjson_val *val, struct json_span raw)
{
	struct parts *p = ctx;

	if (key.n == 4 && memcmp(key.p, "type", 4) == 0)
		p->type = json_str(val);
	else if (key.n == 7 && memcmp(key.p, "subject", 7) == 0)
		p->subject = raw;
	else if (key.n == 4 && memcmp(key.p, "time", 4) == 0)
		p->time = raw;
	else if (key.n == 4 && memcmp(key.p, "data", 4) == 0)
		p->data = raw;
	else if (key.n == 2 && memcmp(key.p, "id", 2) == 0)
		p->id = raw;
	else if ((key.n == 11 && memcmp(key.p, "specversion", 11) == 0) ||
	    (key.n == 6 && memcmp(key.p, "source", 6) == 0) || p->n + 2 > 32)
		p->wrong = key;
	else {
		p->more[p->n++] = key;
		p->more[p->n++] = raw;
	}
	return 0;
}

static int
put_result(struct rows *r, const char *p, size_t n, struct csvevent_bad *bad, struct buf *b)
{
	struct parts parts = { .n = 0 };
	struct yyjson_val *v;
	struct ss_err err = { .text = "" };
	size_t i, from = b->len;

	v = json_read(&r->mem, p, n, &err);
	if (v == NULL)
		return map_bad(bad, err.text);
	if (p[0] != '{')
		return map_bad(bad, "the jq program's result is no object");
	(void)json_members(&r->mem, p, v, (struct json_span){ p, n }, each_member, &parts);
	if (parts.type.n == 0)
		return map_bad(bad, "the jq program's result has no type");
	if (parts.wrong.p != NULL)
		return layout_bad(bad, "map", parts.wrong, "not for a jq program to set",
		    none);
	if (parts.id.n > 0)
		csvevent_begin_id(r->e, b, parts.id);
	else
		csvevent_begin(r->e, b, "", 0);
	b->len -= b->failed ? 0 : 2;	/* the type comes with its own quotes */
	(void)json_put_str(b, parts.type.p, parts.type.n);
	if (parts.subject.n > 0) {
		(void)buf_adds(b, ",\"subject\":");
		(void)buf_add(b, parts.subject.p, parts.subject.n);
	}
	(void)buf_adds(b, ",\"time\":");
	if (parts.time.n > 0)
		(void)buf_add(b, parts.time.p, parts.time.n);
	else
		(void)buf_addf(b, "\"%s\"", r->e->time);
	for (i = 0; i < parts.n; i += 2) {
		(void)buf_addc(b, ',');
		(void)json_put_str(b, parts.more[i].p, parts.more[i].n);
		(void)buf_addc(b, ':');
		(void)buf_add(b, parts.more[i + 1].p, parts.more[i + 1].n);
	}
	if (parts.data.n > 0) {
		(void)buf_adds(b, ",\"data\":");
		(void)buf_add(b, parts.data.p, parts.data.n);
	}
	(void)buf_addc(b, '}');
	if (b->len - from >= CSVEVENT_MAX)
		return too_large(bad, b->len - from);
	if (!b->failed && event_parse(&r->ev, &r->check, b->p + from, b->len - from, &err) == -1)
		return map_bad(bad, err.text);
	/* what these say of deliveries and cursors is taken for the truth */
	if (!b->failed && r->ev.is_ss)
		return map_bad(bad, "the jq program's result has a type that begins with ss., which is storesync's own");
	(void)buf_addc(b, '\n');
	return 1;
}

/* All results of a row, or none of them: the row is bad then. */
static int
take_map(struct layout *l, const struct csv_row *row, struct csvevent_bad *bad, struct ss_err *err)
{
	struct rows *r = (struct rows *)l;
	struct ss_err jq = { .text = "" };
	const char *p, *nl, *end;
	int n;

	put_input(r, row);
	buf_clear(&r->result);
	buf_clear(&r->line);
	if (r->in.failed)
		return err_nomem(err);
	n = jqx_run(r->jq, r->in.p, r->in.len, &r->result, RESULTS_MAX, &jq);
	if (n == -1)
		return map_bad(bad, jq.text);
	for (p = r->result.p, end = p + r->result.len; n > 0 && p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		if (put_result(r, p, (size_t)(nl - p), bad, &r->line) == 0)
			return 0;
	}
	if (n > 0) {
		(void)buf_add(out_buf(r->e->out), r->line.p, r->line.len);
		r->e->lines += (uint64_t)n;
	}
	if (r->line.failed || out_buf(r->e->out)->failed)
		return err_nomem(err);
	return out_done(r->e->out, (unsigned)n, err) == -1 ? -1 : 1;
}

/* --- */

static int
end_rows(struct layout *l, struct ss_err *err)
{
	(void)l;
	(void)err;
	return 0;
}

static void
free_rows(struct layout *l)
{
	struct rows *r = (struct rows *)l;

	layout_cols_free(&r->keys);
	jqx_free(r->jq);
	buf_free(&r->in);
	buf_free(&r->result);
	buf_free(&r->line);
	json_mem_free(&r->mem);
	json_mem_free(&r->check);
	free(r);
}

int
layoutrow_open(struct layout **out, const struct layout_header *h, const struct layout_opts *o,
    struct csvevent *e, struct ss_err *err)
{
	struct rows *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return err_nomem(err);
	r->l = (struct layout){ .name = "rows", .row = take_row, .end = end_rows,
	    .free = free_rows };
	r->h = h;
	r->e = e;
	if (make_keys(r, err) == -1)
		goto fail;
	if (o->map != NULL) {
		r->l.row = take_map;
		r->l.name = "map";
		r->jq = jqx_open(o->map, o->map_name, NULL, err);
		if (r->jq == NULL)
			goto fail;
	}
	*out = &r->l;
	return 1;
fail:
	free_rows(&r->l);
	return -1;
}
