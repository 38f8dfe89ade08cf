/* Open places as runs: a set of intervals in a table. */
#include <string.h>

#include "store/ledger_internal.h"

void
ledger_be64(unsigned char out[8], uint64_t v)
{
	int i;

	for (i = 0; i < 8; i++)
		out[i] = (unsigned char)(v >> (56 - 8 * i));
}

uint64_t
ledger_u64(const void *p)
{
	const unsigned char *s = p;
	uint64_t v = 0;
	int i;

	for (i = 0; i < 8; i++)
		v = v << 8 | s[i];
	return v;
}

int
ledger_key(struct buf *key, const char *name, size_t n, uint64_t place, struct ss_err *err)
{
	unsigned char be[8];

	if (n == 0 || n > 200 || memchr(name, '\0', n) != NULL)
		return err_set(err, SS_EXIT_USAGE, "a pipeline's name has 1 to 200 characters");
	ledger_be64(be, place);
	buf_clear(key);
	(void)buf_add(key, name, n);
	(void)buf_addc(key, '\0');
	return buf_add(key, be, 8) == -1 ? err_nomem(err) : 0;
}

/* The run that holds or precedes place: 1 with its ends, 0, -1. */
static int
floor_run(struct table_txn *t, struct buf *key, const char *pipe, size_t pn, uint64_t place,
    uint64_t *first, uint64_t *last, struct ss_err *err)
{
	struct table_val k, v;
	int rc;

	if (ledger_key(key, pipe, pn, place, err) == -1)
		return -1;
	rc = table_floor(t, DB_OPEN, key->p, key->len, &k, &v, err);
	if (rc != 1)
		return rc;
	if (k.n != pn + 9 || v.n != 8 || memcmp(k.p, key->p, pn + 1) != 0)
		return 0;
	*first = ledger_u64((const char *)k.p + pn + 1);
	*last = ledger_u64(v.p);
	return 1;
}

static int
put_run(struct apply *a, const char *pipe, size_t pn, uint64_t first, uint64_t last)
{
	unsigned char be[8];

	if (ledger_key(&a->l->key, pipe, pn, first, a->err) == -1)
		return -1;
	ledger_be64(be, last);
	return table_put(a->t, DB_OPEN, a->l->key.p, a->l->key.len, be, 8, a->err);
}

static int
del_run(struct apply *a, const char *pipe, size_t pn, uint64_t first)
{
	if (ledger_key(&a->l->key, pipe, pn, first, a->err) == -1)
		return -1;
	return table_del(a->t, DB_OPEN, a->l->key.p, a->l->key.len, a->err) == -1 ? -1 : 0;
}

int
ledger_runs_add(struct apply *a, const char *pipe, size_t pn, uint64_t first, uint64_t last, uint64_t *n)
{
	uint64_t f = 0, e = 0;
	int rc = floor_run(a->t, &a->l->key, pipe, pn, first, &f, &e, a->err);

	if (rc == -1)
		return -1;
	*n = rc == 0 || e < first ? last - first + 1 : e < last ? last - e : 0;
	/* places only grow, so a new run can only touch the one before it */
	if (rc == 1 && e + 1 == first)
		return put_run(a, pipe, pn, f, last);
	if (rc == 1 && e >= first)
		return e >= last ? 0 : put_run(a, pipe, pn, f, last);
	return put_run(a, pipe, pn, first, last);
}

int
ledger_runs_del(struct apply *a, const char *pipe, size_t pn, uint64_t first, uint64_t last, uint64_t *n)
{
	uint64_t f, e;
	int rc;

	*n = 0;
	/* from the back, one run at a time, until none reaches into the range */
	while ((rc = floor_run(a->t, &a->l->key, pipe, pn, last, &f, &e, a->err)) == 1 && e >= first) {
		uint64_t lo = f > first ? f : first, hi = e < last ? e : last;

		*n += hi - lo + 1;
		/* put before delete: a tree that becomes empty in between makes LMDB take
		 * a fresh page each time within one transaction */
		if ((e > hi && put_run(a, pipe, pn, hi + 1, e) == -1) ||
		    (f < lo ? put_run(a, pipe, pn, f, lo - 1) : del_run(a, pipe, pn, f)) == -1)
			return -1;
	}
	return rc == -1 ? -1 : 0;
}

int
ledger_runs_has(struct table_txn *t, struct buf *key, const char *pipe, size_t pn, uint64_t place, struct ss_err *err)
{
	uint64_t f, e;
	int rc = floor_run(t, key, pipe, pn, place, &f, &e, err);

	return rc == 1 ? e >= place : rc;
}

int
ledger_open_run(struct ledger_view *v, const char *pipeline, uint64_t from, uint64_t *first,
    uint64_t *last, struct ss_err *err)
{
	struct buf key = { 0 };
	struct table_cursor *c = NULL;
	struct table_val k, d;
	size_t pn = strlen(pipeline);
	int rc = floor_run(v->t, &key, pipeline, pn, from, first, last, err);

	if (rc == 1 && *last >= from) {
		if (*first < from)
			*first = from;
		goto done;
	}
	if (rc == -1)
		goto done;
	if (ledger_key(&key, pipeline, pn, from, err) == -1) {
		rc = -1;
		goto done;
	}
	k = (struct table_val){ key.p, key.len };
	rc = table_next(&c, v->t, DB_OPEN, &k, &d, err);
	if (rc == 1 && (k.n != pn + 9 || d.n != 8 || memcmp(k.p, key.p, pn + 1) != 0))
		rc = 0;
	if (rc == 1) {
		*first = ledger_u64((const char *)k.p + pn + 1);
		*last = ledger_u64(d.p);
	}
	table_stop(c);
done:
	buf_free(&key);
	return rc;
}
