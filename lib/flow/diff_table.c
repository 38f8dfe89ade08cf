/* What a target is known to hold, as a table of hashes; see diff_internal.h. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "flow/diff_internal.h"

#define AT_BITS 40
#define HUGE_PAGE ((size_t)2 << 20)
#define AT_MASK (((uint64_t)1 << AT_BITS) - 1)

static uint64_t
tag_of(uint64_t key)
{
	return key >> 48;
}

static size_t
slot_of(const struct diff_table *t, uint64_t key)
{
	return (size_t)((key * 0x9e3779b97f4a7c15u) >> 20) & (t->cap - 1);
}

static uint64_t *
record(const struct diff_table *t, uint64_t slot)
{
	return t->arena + ((slot & AT_MASK) - 1);
}

/* The slot of key, or the empty one where it would go. */
static size_t
find(const struct diff_table *t, uint64_t key)
{
	size_t i = slot_of(t, key);

	while (t->slot[i] != 0 && (t->slot[i] >> 48 != tag_of(key) ||
	    *record(t, t->slot[i]) != key))
		i = (i + 1) & (t->cap - 1);
	return i;
}

/* Zeroed slots; many of them in huge pages, which a look-up at random wants. */
static uint64_t *
new_slots(size_t n)
{
	size_t bytes = n * sizeof(uint64_t);
	uint64_t *p;

	if (bytes < 2 * HUGE_PAGE)
		return calloc(n, sizeof(uint64_t));
	p = aligned_alloc(HUGE_PAGE, bytes);
	if (p != NULL) {
		(void)madvise(p, bytes, MADV_HUGEPAGE);
		memset(p, 0, bytes);
	}
	return p;
}

int
diff_table_reserve(struct diff_table *t, size_t n)
{
	struct diff_table big = *t;
	size_t i;

	if (big.cap == 0)
		big.cap = 1024;
	while (big.cap / 4 * 3 < n)
		big.cap *= 2;
	if (big.cap == t->cap)
		return 0;
	big.slot = new_slots(big.cap);
	if (big.slot == NULL)
		return -1;
	for (i = 0; i < t->cap; i++)
		if (t->slot[i] != 0)
			big.slot[find(&big, *record(t, t->slot[i]))] = t->slot[i];
	free(t->slot);
	*t = big;
	return 0;
}

static int
grow_arena(struct diff_table *t, size_t n)
{
	size_t room = t->room == 0 ? 8192 : t->room;
	uint64_t *p;

	while (room - t->len < n)
		room += room / 2;
	if (room == t->room)
		return 0;
	p = room < AT_MASK ? realloc(t->arena, room * sizeof(*p)) : NULL;
	if (p == NULL)
		return -1;
	if (room * sizeof(*p) >= (size_t)4 << 20)
		(void)madvise((void *)(((uintptr_t)p + 4095) & ~(uintptr_t)4095),
		    room * sizeof(*p) - 4096, MADV_HUGEPAGE);
	t->arena = p;
	t->room = room;
	return 0;
}

uint64_t *
diff_table_append(struct diff_table *t, uint64_t key, size_t n)
{
	uint64_t *r;

	if (t->waiting == DIFF_WAIT)
		diff_table_settle(t);
	if (diff_table_reserve(t, t->n + DIFF_WAIT) == -1 || grow_arena(t,
	    1 + t->extra + DIFF_LEAVES) == -1)
		return NULL;
	if (n > DIFF_LEAVES)
		n = DIFF_MANY;
	t->wait[t->waiting++] = tag_of(key) << 48 | (uint64_t)n << AT_BITS | (t->len + 1);
	__builtin_prefetch(&t->slot[slot_of(t, key)], 1);
	r = t->arena + t->len;
	*r = key;
	t->len += 1 + t->extra + (n == DIFF_MANY ? 0 : n);
	return r + 1;
}

void
diff_table_settle(struct diff_table *t)
{
	unsigned i;

	for (i = 0; i < t->waiting; i++) {
		size_t k = find(t, *record(t, t->wait[i]));

		if (t->slot[k] != 0) {
			t->slot[k] |= (uint64_t)DIFF_MANY << AT_BITS;
			if (t->extra)
				record(t, t->slot[k])[1] = 0;
			continue;
		}
		t->slot[k] = t->wait[i];
		t->n++;
	}
	t->waiting = 0;
}

uint64_t *
diff_table_add(struct diff_table *t, uint64_t key, size_t n, int *twice)
{
	size_t i;
	uint64_t *r;

	if (diff_table_reserve(t, t->n + 1) == -1 || grow_arena(t,
	    1 + t->extra + DIFF_LEAVES) == -1)
		return NULL;
	i = find(t, key);
	*twice = t->slot[i] != 0;
	if (*twice) {
		t->slot[i] |= (uint64_t)DIFF_MANY << AT_BITS;
		return record(t, t->slot[i]) + 1;
	}
	if (n > DIFF_LEAVES)
		n = DIFF_MANY;
	t->slot[i] = tag_of(key) << 48 | (uint64_t)n << AT_BITS | (t->len + 1);
	t->n++;
	r = t->arena + t->len;
	*r = key;
	t->len += 1 + t->extra + (n == DIFF_MANY ? 0 : n);
	return r + 1;
}

uint64_t *
diff_table_get(const struct diff_table *t, uint64_t key, unsigned *n)
{
	size_t i;

	if (t->n == 0)
		return NULL;
	i = find(t, key);
	if (t->slot[i] == 0)
		return NULL;
	*n = (unsigned)(t->slot[i] >> AT_BITS) & 255;
	return record(t, t->slot[i]) + 1;
}

int
diff_table_holds(const struct diff_table *t, uint64_t key, const uint64_t *leaf, size_t n)
{
	unsigned have, k;
	uint64_t *r = diff_table_get(t, key, &have);
	size_t i;

	if (r == NULL || have == DIFF_MANY || n > have)
		return 0;
	r += t->extra;
	for (i = 0; i < n; i++) {
		for (k = 0; k < have && r[k] != leaf[i]; k++)
			;
		if (k == have)
			return 0;
	}
	return 1;
}

void
diff_table_fetch_slot(const struct diff_table *t, uint64_t key)
{
	if (t->cap != 0)
		__builtin_prefetch(&t->slot[slot_of(t, key)]);
}

void
diff_table_fetch_record(const struct diff_table *t, uint64_t key)
{
	size_t i;

	if (t->cap == 0)
		return;
	for (i = slot_of(t, key); t->slot[i] != 0; i = (i + 1) & (t->cap - 1))
		if (t->slot[i] >> 48 == tag_of(key)) {
			const uint64_t *r = record(t, t->slot[i]);

			__builtin_prefetch(r);
			__builtin_prefetch(r + 7);
			return;
		}
}

void
diff_table_free(struct diff_table *t)
{
	free(t->slot);
	free(t->arena);
	*t = (struct diff_table){ .extra = t->extra };
}
