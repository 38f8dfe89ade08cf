/* What of an event differs from what is known; values keep their bytes. */
#include <stdlib.h>
#include <string.h>

#include "event/leaf.h"
#include "flow/diff_internal.h"

int
diff_row_add(struct diff_row *row, struct json_span path, struct json_span value)
{
	if (row->n == row->cap) {
		size_t cap = row->cap == 0 ? 64 : row->cap * 2;
		struct diff_leaf *v = realloc(row->v, cap * sizeof(*v));

		if (v == NULL)
			return -1;
		row->v = v;
		row->cap = cap;
	}
	row->v[row->n++] = (struct diff_leaf){ path, value };
	return 0;
}

const struct diff_leaf *
diff_row_find(const struct diff_row *row, struct json_span path)
{
	size_t lo = 0, hi = row->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2, m = row->v[mid].path.n;
		int c = memcmp(row->v[mid].path.p, path.p, m < path.n ? m : path.n);

		if (c == 0)
			c = m < path.n ? -1 : m > path.n;
		if (c == 0)
			return &row->v[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static int
is(struct json_span k, const char *s)
{
	return k.n == strlen(s) && memcmp(k.p, s, k.n) == 0;
}

static void
put_name(struct buf *b, struct json_span key)
{
	if (b->len > 0 && b->p[b->len - 1] != '{' && b->p[b->len - 1] != '[')
		(void)buf_addc(b, ',');
	(void)json_put_str(b, key.p, key.n);
	(void)buf_addc(b, ':');
}

static void
put_raw(struct buf *b, const char *key, struct json_span raw)
{
	put_name(b, (struct json_span){ key, strlen(key) });
	(void)buf_add(b, raw.p, raw.n);
}

/* 1 the same by kind, 0 not, -1 without memory. */
static int
same(struct diff_narrow *n, struct json_span path, struct yyjson_val *val, struct json_span raw,
    struct json_span known)
{
	struct buf *a = &n->canon[0], *b = &n->canon[1];
	struct yyjson_val *v;

	if (raw.n == known.n && memcmp(raw.p, known.p, raw.n) == 0)
		return 1;
	if ((v = json_read(&n->vmem, known.p, known.n, n->err)) == NULL)
		return -1;
	buf_clear(a);
	buf_clear(b);
	if (leaf_canon(path, val, a) == -1 || leaf_canon(path, v, b) == -1)
		return err_nomem(n->err);
	return a->len == b->len && (a->len == 0 || memcmp(a->p, b->p, a->len) == 0);
}

/* The leaf at n->path. */
static int
put_leaf(struct diff_narrow *n, struct json_span key, struct yyjson_val *val, struct json_span raw)
{
	struct json_span path = { n->path.p, n->path.len };
	const struct diff_leaf *known = diff_row_find(&n->row, path);
	int rc;

	if (!n->whole && known != NULL && (rc = same(n, path, val, raw, known->value)) != 0)
		return rc == 1 ? 0 : -1;
	put_name(&n->set, key);
	(void)buf_add(&n->set, raw.p, raw.n);
	if (known != NULL) {
		put_name(&n->was, key);
		(void)buf_add(&n->was, known->value.p, known->value.n);
	}
	return 0;
}

/* "key":{ begins in set and in was, and is taken back where it stays empty. */
struct group {
	struct diff_narrow *n;
	size_t path;		/* length of the prefix */
	int deep;		/* members are objects of leaves */
	size_t set, was, set_in, was_in;
};

static void
group_open(struct group *g, struct diff_narrow *n, struct json_span key, int deep)
{
	*g = (struct group){ .n = n, .deep = deep, .set = n->set.len, .was = n->was.len };
	(void)buf_add(&n->path, key.p, key.n);
	(void)buf_addc(&n->path, '/');
	g->path = n->path.len;
	put_name(&n->set, key);
	(void)buf_addc(&n->set, '{');
	put_name(&n->was, key);
	(void)buf_addc(&n->was, '{');
	g->set_in = n->set.len;
	g->was_in = n->was.len;
}

static void
group_close(struct group *g)
{
	struct diff_narrow *n = g->n;

	if (n->set.len == g->set_in)
		n->set.len = g->set;
	else
		(void)buf_addc(&n->set, '}');
	if (n->was.len == g->was_in)
		n->was.len = g->was;
	else
		(void)buf_addc(&n->was, '}');
}

static int
group_member(void *ctx, struct json_span key, struct yyjson_val *val, struct json_span raw)
{
	struct group *g = ctx, in;
	struct diff_narrow *n = g->n;
	int rc;

	n->path.len = g->path;
	if (g->deep) {
		group_open(&in, n, key, 0);
		rc = json_members(n->mem, n->text, val, raw, group_member, &in);
		group_close(&in);
		return rc;
	}
	if (buf_add(&n->path, key.p, key.n) == -1)
		return err_nomem(n->err);
	return put_leaf(n, key, val, raw);
}

/* One object of state: its members but the leaves go to n->into as they are. */
struct state {
	struct diff_narrow *n;
	int keep_options;	/* they are what it is known by */
};

static int
state_member(void *ctx, struct json_span key, struct yyjson_val *val, struct json_span raw)
{
	struct state *s = ctx;
	struct diff_narrow *n = s->n;
	struct group g;
	int options = is(key, "options"), rc;

	if (is(key, "items") && n->product) {
		n->items = raw;
		return 0;
	}
	if (!options && !is(key, "fields") && !is(key, "levels") && !is(key, "images")) {
		if (!is(key, "set") && !is(key, "was") && !is(key, "new")) {
			put_name(n->into, key);
			(void)buf_add(n->into, raw.p, raw.n);
		}
		return 0;
	}
	if (options && s->keep_options)
		put_raw(n->into, "options", raw);
	buf_clear(&n->path);
	if (raw.p[0] != '{') {
		if (buf_add(&n->path, key.p, key.n) == -1)
			return err_nomem(n->err);
		return put_leaf(n, key, val, raw);
	}
	group_open(&g, n, key, is(key, "levels"));
	rc = json_members(n->mem, n->text, val, raw, group_member, &g);
	group_close(&g);
	return rc;
}

/* Append obj's narrowed form, without its braces, to n->into; *some tells
 * whether a leaf differs. */
static int
put_state(struct diff_narrow *n, struct yyjson_val *obj, struct json_span raw, int item, int *some)
{
	struct state s = { n, item && json_scalar(json_get(obj, "sku")).n == 0 };

	if (n->forget)
		n->row.n = 0;
	buf_clear(&n->set);
	buf_clear(&n->was);
	(void)buf_addc(&n->set, '{');
	(void)buf_addc(&n->was, '{');
	if (json_members(n->mem, n->text, obj, raw, state_member, &s) != 0)
		return -1;
	*some = n->set.len > 1;
	(void)buf_addc(&n->set, '}');
	put_raw(n->into, "set", (struct json_span){ n->set.p, n->set.len });
	if (n->was.len > 1) {
		(void)buf_addc(&n->was, '}');
		put_raw(n->into, "was", (struct json_span){ n->was.p, n->was.len });
	}
	return n->set.failed || n->was.failed || n->into->failed || n->path.failed ?
	    err_nomem(n->err) : 0;
}

static int
load(struct diff_narrow *n, char kind, struct json_span subject)
{
	n->row.n = 0;
	return n->known(n->ctx, kind, subject, &n->row, n->err);
}

/* Where the value at p ends, in text that is known to be JSON. */
static const char *
value_end(const char *p)
{
	size_t depth = 0;

	for (;; p++) {
		switch (*p) {
		case '"':
			for (p++; *p != '"'; p++)
				p += *p == '\\';
			break;
		case '{': case '[':
			depth++;
			break;
		case '}': case ']':
			if (depth == 0)
				return p;
			depth--;
			break;
		case ',': case ' ': case '\t': case '\r': case '\n':
			if (depth == 0)
				return p;
			continue;
		default:
			continue;
		}
		if (depth == 0)
			return p + 1;
	}
}

/* One item of a product: 1 it is named in the result, 0 not, -1. */
static int
put_item(struct diff_narrow *n, struct yyjson_val *item, struct json_span raw)
{
	size_t len = n->data.len;
	int exists, some;

	buf_clear(&n->subject);
	if (leaf_item_subject(item, n->handle, &n->subject) == -1)
		return err_nomem(n->err);
	exists = load(n, 'i', (struct json_span){ n->subject.p, n->subject.len });
	if (exists == -1)
		return -1;
	if (n->data.p[len - 1] != '[')
		(void)buf_addc(&n->data, ',');
	(void)buf_addc(&n->data, '{');
	if (put_state(n, item, raw, 1, &some) == -1)
		return -1;
	(void)buf_addc(&n->data, '}');
	if (some || n->whole || exists == 0)
		return 1;
	n->data.len = len;
	return 0;
}

static int
put_items(struct diff_narrow *n, const struct event *ev)
{
	struct yyjson_val *items = json_get(ev->data, "items"), *item;
	const char *p = n->items.p;
	size_t i, len = n->data.len;
	int rc, any = 0;

	if (json_at(items, 0) == NULL)
		return 0;
	(void)buf_adds(&n->data, ",\"items\":[");
	for (i = 0; (item = json_at(items, i)) != NULL; i++) {
		const char *end;

		while (*p != '{')
			p++;
		end = value_end(p);
		rc = put_item(n, item, (struct json_span){ p, (size_t)(end - p) });
		if (rc == -1)
			return -1;
		any |= rc;
		p = end;
	}
	if (!any)
		n->data.len = len;
	else
		(void)buf_addc(&n->data, ']');
	return any;
}

int
diff_narrow(struct diff_narrow *n, const struct event *ev, const struct json_mem *mem, int whole,
    int forget,
    struct ss_err *err)
{
	int exists, some, items = 0;

	n->mem = mem;
	n->text = ev->line.p;
	n->whole = whole || forget;
	n->forget = forget;
	n->product = diff_event_kind(ev) == 2;
	n->handle = ev->subject;
	n->into = &n->data;
	n->err = err;
	buf_clear(&n->data);
	(void)buf_addc(&n->data, '{');
	exists = load(n, n->product ? 'p' : 'i', ev->subject);
	if (exists == -1 || put_state(n, ev->data, ev->data_raw, !n->product, &some) == -1 ||
	    (n->product && (items = put_items(n, ev)) == -1))
		return -1;
	if (n->product && !exists)
		(void)buf_adds(&n->data, ",\"new\":true");
	if (buf_addc(&n->data, '}') == -1 || n->data.failed)
		return err_nomem(err);
	return n->whole || some || items;
}

void
diff_narrow_free(struct diff_narrow *n)
{
	free(n->row.v);
	buf_free(&n->data);
	buf_free(&n->set);
	buf_free(&n->was);
	buf_free(&n->path);
	buf_free(&n->subject);
	buf_free(&n->canon[0]);
	buf_free(&n->canon[1]);
	json_mem_free(&n->vmem);
	memset(n, 0, sizeof(*n));
}

struct json_span
diff_narrow_type(const struct event *ev)
{
	static const char item[] = "\"item.changed\"", product[] = "\"product.changed\"";

	if (diff_event_kind(ev) == 2)
		return (struct json_span){ product, sizeof(product) - 1 };
	return (struct json_span){ item, sizeof(item) - 1 };
}
