/* What of an event is left to send: compared last, right before the call. */
#include <stdlib.h>
#include <string.h>

#include "event/leaf.h"
#include "flow/push_internal.h"

#define SPARE_MAX ((size_t)16 << 10)	/* a larger buffer is not kept for the next event */

static int
room(char **p, size_t *cap, size_t n)
{
	char *s;

	if (n <= *cap)
		return 0;
	s = realloc(*p, n);
	if (s == NULL)
		return -1;
	*p = s;
	*cap = n;
	return 0;
}

static char *
put(char *to, struct json_span s)
{
	if (s.n > 0)
		memcpy(to, s.p, s.n);
	return to + s.n;
}

uint64_t
push_item_name(struct json_span pipeline, struct json_span source, struct json_span id, uint64_t place)
{
	struct hash_128 h = hash_pair(source.p == NULL ? "" : source.p, source.n, id.p == NULL ? "" : id.p, id.n);
	uint64_t name;

	memcpy(&name, h.b, sizeof(name));
	name = hash_64(&place, sizeof(place), name);
	return hash_64(pipeline.n == 0 ? "-" : pipeline.p, pipeline.n == 0 ? 1 : pipeline.n, name);
}

int
push_item_take(struct push *p, const struct event *ev, struct json_span pipeline, struct push_item *it,
    struct ss_err *err)
{
	struct json_span key = event_order_key(ev);
	char *to;

	(void)p;
	if (room(&it->line, &it->line_cap, ev->line.n + 1) == -1 || room(&it->subject, &it->subject_cap,
	    ev->subject.n + ev->source.n + ev->id.n + ev->turn.n + 1) == -1)
		return err_nomem(err);
	*put(it->line, ev->line) = '\0';
	it->n = ev->line.n;
	to = put(it->subject, ev->subject);
	*to++ = '\0';
	(void)put(put(put(to, ev->source), ev->id), ev->turn);
	it->subject_n = ev->subject.n;
	it->source_n = ev->source.n;
	it->id_n = ev->id.n;
	it->turn_n = ev->turn.n;
	it->place = outcome_place(ev);
	it->seq = ev->seq;
	it->etime = event_time(ev);
	it->key = hash_64(key.p, key.n, 0);
	it->name = push_item_name(pipeline, ev->source, ev->id, it->place);
	it->state = event_is_state(ev);
	return 0;
}

void
push_item_free(struct push_item *it)
{
	free(it->line);
	free(it->subject);
	free(it->pipeline);
	buf_free(&it->event);
	buf_free(&it->set);
	memset(it, 0, sizeof(*it));
}

static void
spare(struct buf *b)
{
	if (b->cap > SPARE_MAX)
		buf_free(b);
	else
		buf_clear(b);
}

void
push_item_empty(struct push_item *it)
{
	struct push_item was = *it;

	free(it->pipeline);
	memset(it, 0, sizeof(*it));
	if (was.line_cap > SPARE_MAX)
		free(was.line);
	else
		it->line = was.line, it->line_cap = was.line_cap;
	if (was.subject_cap > SPARE_MAX)
		free(was.subject);
	else
		it->subject = was.subject, it->subject_cap = was.subject_cap;
	spare(&was.event);
	spare(&was.set);
	it->event = was.event;
	it->set = was.set;
}

#define OVERTAKEN 2	/* want.stale: not by what was sent, but by another of this round */

/* A leaf of the round: which item wants it, and whether it is still sent. */
struct want {
	uint64_t hash;		/* of kind, row and path */
	uint64_t value;		/* canonical */
	size_t item;
	unsigned char keep, stale;
};

struct prep {
	struct push *p;
	struct ledger_view *v;
	struct push_item **items;
	size_t item;		/* the one being walked */
	int force, nomem;
	struct want *w;
	size_t n, cap, at;
	struct hash_map newest;	/* want.hash -> index + 1 of the newest wanting it */
	/* the row being walked */
	char kind;
	struct buf row;
	struct { uint64_t path, value; int64_t etime; uint64_t eseq; } known[256];
	size_t nknown;
	struct buf scratch;
	struct json_mem mem;
	struct ss_err *err;
};

static int
known_leaf(void *ctx, const struct ledger_leaf *leaf)
{
	struct prep *q = ctx;
	struct yyjson_val *v;

	if (q->nknown == sizeof(q->known) / sizeof(q->known[0]))
		return 0;
	v = json_read(&q->mem, leaf->value.p, leaf->value.n, NULL);
	if (v == NULL)
		return 0;
	q->known[q->nknown].path = hash_64(leaf->path.p, leaf->path.n, 0);
	q->known[q->nknown].value = leaf_hash(leaf->path, v, &q->scratch);
	q->known[q->nknown].etime = leaf->etime;
	q->known[q->nknown].eseq = leaf->eseq;
	q->nknown++;
	return 0;
}

/* Is the event (etime, seq) older than what was sent before? */
static int
older(int64_t etime, uint64_t seq, int64_t than_time, uint64_t than_seq)
{
	return than_time != INT64_MIN && (etime < than_time || (etime == than_time && seq < than_seq));
}

/* First pass over a leaf: held already, stale, or overtaken within the round? */
static int
judge_leaf(void *ctx, struct json_span path, struct yyjson_val *value)
{
	struct prep *q = ctx;
	struct push_item *it = q->items[q->item];
	struct want w = { .item = q->item, .keep = 1 }, *other;
	uint64_t ph = hash_64(path.p, path.n, 0), *slot;
	size_t i;

	w.hash = hash_64(q->row.p == NULL ? "" : q->row.p, q->row.len, ph ^ (uint64_t)q->kind);
	w.value = leaf_hash(path, value, &q->scratch);
	for (i = 0; !q->force && i < q->nknown; i++)
		if (q->known[i].path == ph) {
			w.stale = (unsigned char)older(it->etime, it->seq, q->known[i].etime, q->known[i].eseq);
			w.keep = !w.stale && q->known[i].value != w.value;
			break;
		}
	slot = hash_add(&q->newest, w.hash);
	if (slot == NULL) {
		q->nomem = 1;
		return -1;
	}
	if (*slot != 0 && !q->force) {
		other = &q->w[*slot - 1];
		if (older(it->etime, it->seq, q->items[other->item]->etime, q->items[other->item]->seq)) {
			w.keep = 0;
			w.stale = OVERTAKEN;
		} else if (other->keep) {
			/* the newer value of this round is sent even if it is what the
			 * target held before the older one */
			other->keep = 0;
			other->stale = OVERTAKEN;
			w.keep = 1;
			w.stale = 0;
			for (i = 0; i < q->nknown; i++)
				if (q->known[i].path == ph && q->known[i].value == w.value)
					w.keep = 0;
		}
	}
	if (q->n == q->cap) {
		size_t cap = q->cap == 0 ? 1024 : q->cap * 2;
		struct want *v = realloc(q->w, cap * sizeof(*v));

		if (v == NULL) {
			q->nomem = 1;
			return -1;
		}
		q->w = v;
		q->cap = cap;
	}
	q->w[q->n++] = w;
	if (*slot == 0 || !w.stale)
		*slot = q->n;
	return 0;
}

static int
judge_row(struct prep *q, char kind, struct json_span subject, struct yyjson_val *state)
{
	buf_clear(&q->row);
	q->kind = kind;
	q->nknown = 0;
	if (buf_add(&q->row, subject.p, subject.n) == -1)
		return err_nomem(q->err);
	if (!q->force && ledger_known(q->v, (struct json_span){ q->p->sink->name, strlen(q->p->sink->name) }, kind, subject,
	    known_leaf, q, q->err) == -1)
		return -1;
	if (leaf_each(state, judge_leaf, q) == -1) {
		if (q->nomem)
			return err_nomem(q->err);
		q->items[q->item]->unnamed = 1;	/* a name that no path can hold */
	}
	return 0;
}

static int
is_product(const struct event *ev)
{
	return ev->type.n > 8 && memcmp(ev->type.p, "product.", 8) == 0;
}

/* Calls fn for the event's own row and, for a product, for each item's. */
static int
each_row(struct prep *q, const struct event *ev,
    int (*fn)(struct prep *q, char kind, struct json_span subject, struct yyjson_val *state))
{
	struct yyjson_val *state = leaf_state(ev->data), *items, *item;
	struct json_walk w;
	struct buf subject = { 0 };
	int rc = fn(q, is_product(ev) ? 'p' : 'i', ev->subject, state);

	items = is_product(ev) ? json_get(state, "items") : NULL;
	if (items == NULL && is_product(ev))
		items = json_get(ev->data, "items");
	w = json_walk(items);
	while (rc == 0 && (item = json_next(&w)) != NULL) {
		buf_clear(&subject);
		if (leaf_item_subject(item, ev->subject, &subject) == -1)
			rc = err_nomem(q->err);
		else
			rc = fn(q, 'i', (struct json_span){ subject.p, subject.len }, leaf_state(item));
	}
	buf_free(&subject);
	return rc;
}

/* ---- second pass: what is kept, as JSON ---- */

struct writer {
	struct prep *q;
	struct buf *b;
	char section[600];	/* the object that is open: "", "fields", "levels/main", "options" */
	size_t section_n;
	int any;
};

static void
close_section(struct writer *w)
{
	if (w->section_n == 0)
		return;
	(void)buf_addc(w->b, '}');
	if (memchr(w->section, '/', w->section_n) != NULL)
		(void)buf_addc(w->b, '}');
	w->section_n = 0;
}

static void
comma(struct buf *b)
{
	if (b->len > 0 && b->p[b->len - 1] != '{' && b->p[b->len - 1] != '[')
		(void)buf_addc(b, ',');
}

/* Open the object that holds path's last part; levels/A/ and levels/B/ share levels. */
static void
open_section(struct writer *w, const char *p, size_t n)
{
	const char *slash = memchr(p, '/', n);
	size_t top = slash == NULL ? n : (size_t)(slash - p);

	if (w->section_n == n && memcmp(w->section, p, n) == 0)
		return;
	if (slash != NULL && w->section_n > top && memcmp(w->section, p, top + 1) == 0) {
		(void)buf_addc(w->b, '}');	/* another location */
	} else {
		close_section(w);
		comma(w->b);
		(void)json_put_str(w->b, p, top);
		(void)buf_adds(w->b, ":{");
	}
	if (slash != NULL) {
		comma(w->b);
		(void)json_put_str(w->b, slash + 1, n - top - 1);
		(void)buf_adds(w->b, ":{");
	}
	memcpy(w->section, p, n);
	w->section_n = n;
}

static int
write_leaf(void *ctx, struct json_span path, struct yyjson_val *value)
{
	struct writer *w = ctx;
	/* fields/NAME and options/NAME, where a name may hold slashes; levels/LOCATION/NAME,
	 * where the location may */
	int level = path.n > 7 && memcmp(path.p, "levels/", 7) == 0;
	const char *last = level ? memrchr(path.p, '/', path.n) : memchr(path.p, '/', path.n);

	if (!w->q->w[w->q->at++].keep)
		return 0;
	w->any = 1;
	if (last == NULL) {
		close_section(w);
		comma(w->b);
		(void)json_put_str(w->b, path.p, path.n);
		(void)buf_addc(w->b, ':');
	} else {
		open_section(w, path.p, (size_t)(last - path.p));
		comma(w->b);
		(void)json_put_str(w->b, last + 1, (size_t)(path.p + path.n - last - 1));
		(void)buf_addc(w->b, ':');
	}
	return json_write(w->b, value);
}

/* {"fields":…} of one row's kept leaves; *any tells whether there are some. */
static int
write_set(struct prep *q, struct yyjson_val *state, struct buf *b, int *any)
{
	struct writer w = { .q = q, .b = b };

	(void)buf_addc(b, '{');
	if (leaf_each(state, write_leaf, &w) == -1)
		return -1;
	close_section(&w);
	(void)buf_addc(b, '}');
	*any = w.any;
	return b->failed ? -1 : 0;
}

/* Items of a product that have something left: who they are, and their set. */
static int
write_items(struct prep *q, struct yyjson_val *items, struct buf *b, int *any)
{
	static const char *const who[] = { "sku", "product" };
	struct json_walk w = json_walk(items);
	struct yyjson_val *item;
	size_t k;
	int some, first = 1;

	while ((item = json_next(&w)) != NULL) {
		size_t before = b->len;

		if (!first)
			(void)buf_addc(b, ',');
		(void)buf_addc(b, '{');
		for (k = 0; k < 2; k++)
			if (json_get(item, who[k]) != NULL) {
				comma(b);
				(void)buf_addf(b, "\"%s\":", who[k]);
				(void)json_write(b, json_get(item, who[k]));
			}
		if (json_scalar(json_get(item, "sku")).n == 0 && json_get(item, "options") != NULL) {
			/* without a SKU its options say which it is */
			comma(b);
			(void)buf_adds(b, "\"options\":");
			(void)json_write(b, json_get(item, "options"));
		}
		comma(b);
		(void)buf_adds(b, "\"set\":");
		if (write_set(q, leaf_state(item), b, &some) == -1)
			return -1;
		(void)buf_addc(b, '}');
		if (!some)
			b->len = before;
		else
			first = 0;
		*any |= some;
	}
	return 0;
}

struct keep_member {
	struct buf *b;
};

/* Members of data that are not the state itself stay as they came. */
static int
keep_member(void *ctx, struct json_span key, struct yyjson_val *val, struct json_span raw)
{
	static const char *const state[] = { "fields", "levels", "options", "images", "items", "set", "was" };
	struct keep_member *k = ctx;
	size_t i;

	(void)val;
	for (i = 0; i < sizeof(state) / sizeof(state[0]); i++)
		if (strlen(state[i]) == key.n && memcmp(state[i], key.p, key.n) == 0)
			return 0;
	comma(k->b);
	(void)json_put_str(k->b, key.p, key.n);
	(void)buf_addc(k->b, ':');
	return buf_add(k->b, raw.p, raw.n);
}

static const char *const own[] = { "sspipeline", "ssseq", "sscrc", "ssturn", "ssplace", "ssstages", "recordedtime" };

/* The event for the call: our own members off, data narrowed to what is left. */
static int
render(struct prep *q, const struct event *ev, struct push_item *it, int narrow)
{
	struct event_edit e[8] = { { "data", NULL, 0 } };
	struct keep_member k = { &q->p->tmp };
	size_t i, n = 0;

	if (narrow) {
		buf_clear(&q->p->tmp);
		(void)buf_addc(&q->p->tmp, '{');
		if (json_members(&q->p->mem, it->line, ev->data, ev->data_raw, keep_member, &k) == -1)
			return -1;
		comma(&q->p->tmp);
		(void)buf_adds(&q->p->tmp, "\"set\":");
		(void)buf_add(&q->p->tmp, it->set.p, it->set.len);
		if (buf_addc(&q->p->tmp, '}') == -1)
			return -1;
		e[n++] = (struct event_edit){ "data", q->p->tmp.p, q->p->tmp.len };
	}
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		e[n++] = (struct event_edit){ own[i], NULL, 0 };
	return event_edit(&it->event, ev, e, n);
}

static int
render_item(struct prep *q, struct push_item *it)
{
	struct event ev;
	struct yyjson_val *state, *items;
	size_t start, i;
	int any = 0, stale = 0, rc;

	while (q->at < q->n && q->w[q->at].item < q->item)
		q->at++;
	start = q->at;
	if (it->unnamed) {
		it->verdict = PUSH_BAD;
		return 0;
	}
	buf_clear(&it->event);
	buf_clear(&it->set);
	it->verdict = PUSH_SEND;
	if (event_parse(&ev, &q->p->mem, it->line, it->n, q->err) == -1)
		return -1;
	state = leaf_state(ev.data);
	if (!it->state || state == NULL || (ev.type.n > 8 && memcmp(ev.type.p + ev.type.n - 8, ".removed", 8) == 0))
		return render(q, &ev, it, 0) == -1 ? err_nomem(q->err) : 0;
	rc = write_set(q, state, &it->set, &any);
	items = is_product(&ev) ? json_get(state, "items") : NULL;
	if (items == NULL && is_product(&ev))
		items = json_get(ev.data, "items");
	if (rc == 0 && items != NULL) {
		it->set.len--;
		comma(&it->set);
		(void)buf_adds(&it->set, "\"items\":[");
		rc = write_items(q, items, &it->set, &any);
		(void)buf_adds(&it->set, "]}");
	}
	if (rc == -1 || it->set.failed)
		return err_nomem(q->err);
	for (i = start; i < q->at; i++)
		stale |= q->w[i].stale;
	if ((stale & OVERTAKEN) != 0) {
		it->verdict = PUSH_LATER;
		return 0;
	}
	if (!any) {
		it->verdict = stale ? PUSH_SUPERSEDED : PUSH_UNCHANGED;
		return 0;
	}
	return render(q, &ev, it, 1) == -1 ? err_nomem(q->err) : 0;
}

int
push_item_prepare(struct push *p, struct push_item **v, size_t n, struct ss_err *err)
{
	struct prep *q = calloc(1, sizeof(*q));
	struct event_turn turn;
	struct event ev;
	int rc = 0;

	if (q == NULL)
		return err_nomem(err);
	q->p = p;
	q->items = v;
	q->err = err;
	rc = ledger_view(&q->v, p->ledger, err);
	for (q->item = 0; rc == 0 && q->item < n; q->item++) {
		struct push_item *it = v[q->item];

		if (!it->state)
			continue;
		rc = event_parse(&ev, &p->mem, it->line, it->n, err);
		if (rc == -1 || (ev.type.n > 8 && memcmp(ev.type.p + ev.type.n - 8, ".removed", 8) == 0))
			continue;
		event_turn(&ev, &turn);
		q->force = turn.force;
		rc = each_row(q, &ev, judge_row);
	}
	for (q->item = 0; rc == 0 && q->item < n; q->item++)
		rc = render_item(q, v[q->item]);
	ledger_view_end(q->v);
	hash_free(&q->newest);
	free(q->w);
	buf_free(&q->row);
	buf_free(&q->scratch);
	json_mem_free(&q->mem);
	free(q);
	return rc;
}
