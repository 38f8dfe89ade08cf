/* hs_table - what the shop holds, by key */
#include <stdlib.h>
#include <string.h>

#include "hs_table.h"
#include "hs_util.h"

static size_t
slot_of(const struct table *t, const char *key, size_t klen)
{
	size_t i = (size_t)hs_hash(0, key, klen) & (t->nslot - 1);

	while (t->slot[i]) {
		const struct entry *e = &t->v[t->slot[i] - 1];

		if (e->klen == klen && memcmp(e->key, key, klen) == 0)
			break;
		i = (i + 1) & (t->nslot - 1);
	}
	return i;
}

static void
grow_slots(struct table *t)
{
	t->nslot = t->nslot ? t->nslot * 2 : 64;
	t->slot = hs_realloc(t->slot, t->nslot * sizeof *t->slot);
	memset(t->slot, 0, t->nslot * sizeof *t->slot);
	for (size_t i = 0; i < t->n; i++)
		t->slot[slot_of(t, t->v[i].key, t->v[i].klen)] = i + 1;
}

struct entry *
hs_table_find(const struct table *t, const char *key, size_t klen)
{
	size_t i;

	if (!t->nslot)
		return NULL;
	i = slot_of(t, key, klen);
	return t->slot[i] ? &t->v[t->slot[i] - 1] : NULL;
}

struct entry *
hs_table_put(struct table *t, const char *key, size_t klen)
{
	struct entry *e = hs_table_find(t, key, klen);

	if (e)
		return e;
	if ((t->n + 1) * 2 > t->nslot)
		grow_slots(t);
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 64;
		t->v = hs_realloc(t->v, t->cap * sizeof *t->v);
	}
	e = &t->v[t->n];
	*e = (struct entry){ .key = hs_memdup(key, klen), .klen = klen };
	t->slot[slot_of(t, key, klen)] = ++t->n;
	return e;
}

void
hs_table_set(struct entry *e, char *val, size_t vlen)
{
	free(e->val);
	e->val = val;
	e->vlen = vlen;
}

static int
by_key(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	size_t n = x->klen < y->klen ? x->klen : y->klen;
	int c = memcmp(x->key, y->key, n);

	return c ? c : (x->klen > y->klen) - (x->klen < y->klen);
}

struct entry **
hs_table_sorted(const struct table *t)
{
	struct entry **v = hs_realloc(NULL, t->n * sizeof(struct entry *));

	for (size_t i = 0; i < t->n; i++)
		v[i] = &t->v[i];
	qsort(v, t->n, sizeof(struct entry *), by_key);
	return v;
}

void
hs_table_clear(struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].key);
		free(t->v[i].val);
	}
	free(t->v);
	free(t->slot);
	*t = (struct table){ 0 };
}
