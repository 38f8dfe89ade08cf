#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t
hash_64(const void *p, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, n, seed);
}

struct hash_128
hash_pair(const void *a, size_t an, const void *b, size_t bn)
{
	struct hash_128 out;
	XXH128_canonical_t can;
	char t[512];

	if (an < sizeof(t) && bn < sizeof(t) - an - 1) {
		memcpy(t, a, an);
		t[an] = '\0';
		memcpy(t + an + 1, b, bn);
		XXH128_canonicalFromHash(&can, XXH3_128bits(t, an + 1 + bn));
	} else {
		/* aligned by hand: gcc's ASan frames give 32 bytes, not the 64 asked for */
		unsigned char room[sizeof(XXH3_state_t) + 63];
		XXH3_state_t *st = (void *)(((uintptr_t)room + 63) & ~(uintptr_t)63);

		XXH3_128bits_reset(st);
		XXH3_128bits_update(st, a, an);
		XXH3_128bits_update(st, "", 1);
		XXH3_128bits_update(st, b, bn);
		XXH128_canonicalFromHash(&can, XXH3_128bits_digest(st));
	}
	memcpy(out.b, can.digest, sizeof(out.b));
	return out;
}

static uint64_t
norm(uint64_t key)
{
	return key == 0 ? 1 : key;
}

/* Keys are hashes already, but of weak low bits at times: one multiply spreads. */
static size_t
slot_of(const struct hash_map *m, uint64_t key)
{
	return (size_t)((key * 0x9e3779b97f4a7c15u) >> 20) & (m->cap - 1);
}

static size_t
find(const struct hash_map *m, uint64_t key)
{
	size_t i = slot_of(m, key);

	while (m->slot[2 * i] != 0 && m->slot[2 * i] != key)
		i = (i + 1) & (m->cap - 1);
	return i;
}

uint64_t *
hash_get(const struct hash_map *m, uint64_t key)
{
	size_t i;

	if (m->n == 0)
		return NULL;
	i = find(m, norm(key));
	return m->slot[2 * i] == 0 ? NULL : &m->slot[2 * i + 1];
}

static int
resize(struct hash_map *m, size_t cap)
{
	struct hash_map big = { .cap = cap, .n = m->n };
	size_t i, bytes;

	if (__builtin_mul_overflow(cap, 2 * sizeof(uint64_t), &bytes))
		return -1;
	big.slot = calloc(1, bytes);
	if (big.slot == NULL)
		return -1;
	if (bytes >= (size_t)4 << 20)
		(void)madvise(big.slot, bytes, MADV_HUGEPAGE);
	for (i = 0; i < m->cap; i++)
		if (m->slot[2 * i] != 0) {
			size_t k = find(&big, m->slot[2 * i]);

			big.slot[2 * k] = m->slot[2 * i];
			big.slot[2 * k + 1] = m->slot[2 * i + 1];
		}
	free(m->slot);
	*m = big;
	return 0;
}

int
hash_reserve(struct hash_map *m, size_t n)
{
	size_t cap = m->cap == 0 ? 64 : m->cap;

	if (n > SIZE_MAX / 64)
		return -1;	/* doubling would never get there */
	while (cap / 4 * 3 < n)
		cap *= 2;
	return cap == m->cap ? 0 : resize(m, cap);
}

uint64_t *
hash_add(struct hash_map *m, uint64_t key)
{
	size_t i;

	key = norm(key);
	if (hash_reserve(m, m->n + 1) == -1)
		return NULL;
	i = find(m, key);
	if (m->slot[2 * i] == 0) {
		m->slot[2 * i] = key;
		m->slot[2 * i + 1] = 0;
		m->n++;
	}
	return &m->slot[2 * i + 1];
}

void
hash_prefetch(const struct hash_map *m, uint64_t key)
{
	if (m->cap != 0)
		__builtin_prefetch(&m->slot[2 * slot_of(m, norm(key))]);
}

void
hash_clear(struct hash_map *m)
{
	if (m->slot != NULL)
		memset(m->slot, 0, m->cap * 2 * sizeof(uint64_t));
	m->n = 0;
}

void
hash_free(struct hash_map *m)
{
	free(m->slot);
	m->slot = NULL;
	m->n = m->cap = 0;
}
