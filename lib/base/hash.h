#ifndef SS_BASE_HASH_H
#define SS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH3 (libxxhash): fast, stable across machines and releases, not for secrets. */
uint64_t hash_64(const void *p, size_t n, uint64_t seed);

/* 16 bytes over (a, b), as kept on disk for ids: XXH3-128 of a, NUL, b. */
struct hash_128 {
	unsigned char b[16];
};
struct hash_128 hash_pair(const void *a, size_t an, const void *b, size_t bn);

/*
 * A set of 64-bit values that also maps each to a 64-bit value: open
 * addressing, about 24 bytes an entry at most.  All-zero is empty.  The key 0
 * is stored as 1 (hashes: of no consequence).
 */
struct hash_map {
	uint64_t *slot;		/* pairs key, value */
	size_t n, cap;		/* entries, slots (power of two) */
};
/* The value's place, NULL if absent.  Valid until the next add. */
uint64_t *hash_get(const struct hash_map *m, uint64_t key);
/* The value's place, made (0) if absent; NULL without memory. */
uint64_t *hash_add(struct hash_map *m, uint64_t key);
/* Bring the slot of key into the cache ahead of hash_get. */
void hash_prefetch(const struct hash_map *m, uint64_t key);
/* Make room for n entries at once; -1 without memory. */
int hash_reserve(struct hash_map *m, size_t n);
void hash_clear(struct hash_map *m);
void hash_free(struct hash_map *m);

#endif /* !SS_BASE_HASH_H */
