/*
 * What a target is known to hold: one row a key in DB_KNOWN, its leaves sorted
 * by path as
 *   u16 path length, path, u32 value length, value, i64 at, i64 etime, u64 eseq
 * (little-endian), and one in DB_HELD: leaf_spelled() of the state that came last
 * (0 when something newer stayed) and the hash of each leaf.  That is all that
 * most comparisons need, in a fifth of the pages.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "event/leaf.h"
#include "store/ledger_internal.h"

/* target NUL kind subject; a subject too long for a key goes in as NUL + hash. */
static int
known_key(struct buf *key, struct json_span target, char kind, struct json_span subject, struct ss_err *err)
{
	if (target.n == 0 || target.n > 100)
		return err_set(err, SS_EXIT_USAGE, "a target's name has 1 to 100 characters");
	buf_clear(key);
	(void)buf_add(key, target.p, target.n);
	(void)buf_addc(key, '\0');
	(void)buf_addc(key, kind);
	if (subject.n > 400) {
		struct hash_128 h = hash_pair(subject.p, subject.n, "", 0);

		(void)buf_addc(key, '\0');
		(void)buf_add(key, h.b, sizeof(h.b));
	} else {
		(void)buf_add(key, subject.p, subject.n);
	}
	return key->failed ? err_nomem(err) : 0;
}

/* The leaf at *p, which is stepped on; 0 at the end or on a damaged row. */
static int
leaf_read(const char **p, const char *end, struct ledger_leaf *leaf)
{
	uint16_t pl;
	uint32_t vl;

	if (end - *p < 2)
		return 0;
	memcpy(&pl, *p, 2);
	if ((size_t)(end - *p) < 2 + (size_t)pl + 4)
		return 0;
	leaf->path = (struct json_span){ *p + 2, pl };
	memcpy(&vl, *p + 2 + pl, 4);
	if ((size_t)(end - *p) < 2 + (size_t)pl + 4 + vl + 24)
		return 0;
	leaf->value = (struct json_span){ *p + 6 + pl, vl };
	*p += 6 + pl + vl;
	memcpy(&leaf->at, *p, 8);
	memcpy(&leaf->etime, *p + 8, 8);
	memcpy(&leaf->eseq, *p + 16, 8);
	*p += 24;
	return 1;
}

static void
leaf_write(struct buf *b, const struct ledger_leaf *leaf)
{
	uint16_t pl = (uint16_t)leaf->path.n;
	uint32_t vl = (uint32_t)leaf->value.n;

	(void)buf_add(b, &pl, 2);
	(void)buf_add(b, leaf->path.p, pl);
	(void)buf_add(b, &vl, 4);
	(void)buf_add(b, leaf->value.p, vl);
	(void)buf_add(b, &leaf->at, 8);
	(void)buf_add(b, &leaf->etime, 8);
	(void)buf_add(b, &leaf->eseq, 8);
}

static int
path_cmp(struct json_span a, struct json_span b)
{
	int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);

	return c != 0 ? c : a.n < b.n ? -1 : a.n > b.n;
}

struct fold {
	struct buf text;	/* paths and values of the new leaves */
	struct new_leaf {
		size_t path, path_n, value, value_n, order;
	} *v;
	size_t n, cap;
	const char *base;	/* text.p, for the sort */
	int kept;		/* the row does not hold all of this state: a newer value stayed, or a name was odd */
	int failed;
};

/* Newest wins per leaf, by the moment at the peer; a look keeps what was sent.
 * 1 when the old value stays. */
static int
merge(const struct ledger_leaf *old, struct ledger_leaf *neu)
{
	int kept = old->at > neu->at;

	if (kept) {
		neu->value = old->value;
		neu->at = old->at;
	}
	if (neu->etime == INT64_MIN || (old->etime != INT64_MIN && (old->etime > neu->etime ||
	    (old->etime == neu->etime && old->eseq > neu->eseq)))) {
		neu->etime = old->etime;
		neu->eseq = old->eseq;
	}
	return kept;
}

/* Collect a leaf; the row is merged when all are there. */
static int
fold_leaf(void *ctx, struct json_span path, struct yyjson_val *value)
{
	struct fold *f = ctx;
	struct new_leaf *v, *l;

	if (f->n == f->cap) {
		size_t cap = f->cap == 0 ? 16 : f->cap * 2;

		v = realloc(f->v, cap * sizeof(*v));
		if (v == NULL) {
			f->failed = 1;
			return -1;
		}
		f->v = v;
		f->cap = cap;
	}
	l = &f->v[f->n];
	*l = (struct new_leaf){ .path = f->text.len, .path_n = path.n, .order = f->n };
	(void)buf_add(&f->text, path.p, path.n);
	l->value = f->text.len;
	f->failed |= json_write(&f->text, value) == -1;
	l->value_n = f->text.len - l->value;
	f->n++;
	return f->failed ? -1 : 0;
}

static int
by_path(const void *a, const void *b, void *ctx)
{
	const struct new_leaf *x = a, *y = b;
	const struct fold *f = ctx;
	int c = path_cmp((struct json_span){ f->base + x->path, x->path_n }, (struct json_span){ f->base + y->path, y->path_n });

	return c != 0 ? c : x->order < y->order ? -1 : 1;
}

/* Row and new leaves, both in order of path, into one row. */
static void
merge_row(struct fold *f, struct table_val row, int64_t at, int64_t etime, uint64_t eseq, struct buf *out)
{
	const char *p = row.p, *end = p + row.n;
	struct ledger_leaf old, neu;
	int have = row.n > 0 && leaf_read(&p, end, &old);
	size_t i;

	f->base = f->text.p;
	if (f->n > 1)
		qsort_r(f->v, f->n, sizeof(*f->v), by_path, f);
	for (i = 0; i < f->n; i++) {
		const struct new_leaf *l = &f->v[i];

		neu = (struct ledger_leaf){ { f->base + l->path, l->path_n }, { f->base + l->value, l->value_n }, at, etime, eseq };
		/* a member that stands twice: the last one counts */
		if (i + 1 < f->n && path_cmp(neu.path, (struct json_span){ f->base + l[1].path, l[1].path_n }) == 0)
			continue;
		for (; have && path_cmp(old.path, neu.path) < 0; have = leaf_read(&p, end, &old))
			leaf_write(out, &old);
		if (have && path_cmp(old.path, neu.path) == 0) {
			f->kept |= merge(&old, &neu);
			have = leaf_read(&p, end, &old);
		}
		leaf_write(out, &neu);
	}
	for (; have; have = leaf_read(&p, end, &old))
		leaf_write(out, &old);
}

/* What stands in DB_HELD for a row; -1 without memory. */
static int
hashes_of(const struct buf *row, struct yyjson_val *state, struct buf *hashes)
{
	const char *p = row->p, *end = p + row->len;
	struct json_mem mem = { 0 };
	struct buf scratch = { 0 };
	struct ledger_leaf leaf;
	uint64_t h = state == NULL ? 0 : leaf_spelled(state, &scratch);
	int rc;

	(void)buf_add(hashes, &h, sizeof(h));
	while (row->len > 0 && leaf_read(&p, end, &leaf)) {
		h = leaf_hash_text(leaf.path, leaf.value, &mem, &scratch);
		(void)buf_add(hashes, &h, sizeof(h));
	}
	rc = hashes->failed || scratch.failed ? -1 : 0;
	json_mem_free(&mem);
	buf_free(&scratch);
	return rc;
}

int
ledger_known_set(struct apply *a, struct json_span target, char kind, struct json_span subject,
    struct yyjson_val *state, int64_t at, int64_t etime, uint64_t eseq)
{
	struct fold f = { .n = 0 };
	struct buf *key = &a->l->key, row = { 0 }, hashes = { 0 };
	struct table_val v = { NULL, 0 };
	int rc;

	if (subject.n == 0 || target.n > 100)
		return 0;
	if (known_key(key, target, kind, subject, a->err) == -1)
		return -1;
	rc = table_get(a->t, DB_KNOWN, key->p, key->len, &v, a->err);
	/* a leaf that cannot be named ends the walk: what is not known is sent */
	if (rc != -1) {
		f.kept = leaf_each(state, fold_leaf, &f) != 0;
		if (!f.failed)
			merge_row(&f, v, at, etime, eseq, &row);
		if (f.failed || row.failed || hashes_of(&row, f.kept ? NULL : state, &hashes) == -1)
			rc = err_nomem(a->err);
	}
	if (rc != -1)
		rc = table_put(a->t, DB_KNOWN, key->p, key->len, row.len == 0 ? "" : row.p, row.len, a->err);
	if (rc != -1)
		rc = table_put(a->t, DB_HELD, key->p, key->len, hashes.p, hashes.len, a->err);
	buf_free(&hashes);
	buf_free(&row);
	buf_free(&f.text);
	free(f.v);
	return rc == -1 ? -1 : 0;
}

static int
row_each(struct table_val v, int (*each)(void *ctx, const struct ledger_leaf *leaf), void *ctx)
{
	const char *p = v.p, *end = p + v.n;
	struct ledger_leaf leaf;
	int rc = 0;

	while (rc == 0 && leaf_read(&p, end, &leaf))
		rc = each(ctx, &leaf);
	return rc;
}

int
ledger_known(struct ledger_view *v, struct json_span target, char kind, struct json_span subject,
    int (*each)(void *ctx, const struct ledger_leaf *leaf), void *ctx, struct ss_err *err)
{
	struct buf *key = &v->l->key;
	struct table_val d;
	int rc;

	if (subject.n == 0)
		return 0;
	if (known_key(key, target, kind, subject, err) == -1)
		return -1;
	rc = table_get(v->t, DB_KNOWN, key->p, key->len, &d, err);
	if (rc != 1)
		return rc;
	return row_each(d, each, ctx) == -1 ? -1 : 1;
}

int
ledger_known_all(struct ledger_view *v, struct json_span target, char kind,
    int (*row)(void *ctx, struct json_span subject, const void *words, size_t n), void *ctx, struct ss_err *err)
{
	struct buf key = { 0 };
	struct table_cursor *c = NULL;
	struct table_val k, d;
	int rc;

	if (known_key(&key, target, kind, (struct json_span){ "", 0 }, err) == -1) {
		buf_free(&key);
		return -1;
	}
	k = (struct table_val){ key.p, key.len };
	while ((rc = table_next(&c, v->t, DB_HELD, &k, &d, err)) == 1) {
		if (k.n < key.len || memcmp(k.p, key.p, key.len) != 0) {
			rc = 0;
			break;
		}
		if (d.n < sizeof(uint64_t))
			continue;
		rc = row(ctx, (struct json_span){ (const char *)k.p + key.len, k.n - key.len }, d.p,
		    d.n / sizeof(uint64_t) - 1);
		if (rc != 0)
			break;
	}
	table_stop(c);
	buf_free(&key);
	return rc;
}

int
ledger_known_count(struct ledger_view *v, uint64_t *n, struct ss_err *err)
{
	return table_count(v->t, DB_KNOWN, n, err);
}
