#ifndef HS_TABLE_H
#define HS_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* A hash table from bytes to a text and some numbers.  All-zero is empty. */
struct entry {
	char *key, *val;	/* owned; val NULL in a new entry */
	size_t klen, vlen;
	uint64_t count;		/* a shop's item: how often it was applied */
	uint64_t digest;	/* a remembered reply: of the body it answered */
	int status;		/* a remembered reply: its HTTP status */
};

struct table {
	struct entry *v;
	size_t n, cap;
	size_t *slot;		/* index into v plus 1; 0 is free */
	size_t nslot;		/* a power of two */
};

/* NULL if it is not there.  Entries move when one is added. */
struct entry *hs_table_find(const struct table *t, const char *key, size_t klen);
/* The entry, made if it is not there. */
struct entry *hs_table_put(struct table *t, const char *key, size_t klen);
/* Take val over. */
void hs_table_set(struct entry *e, char *val, size_t vlen);
/* All n entries in the order of their keys' bytes; the caller frees the array. */
struct entry **hs_table_sorted(const struct table *t);
void hs_table_clear(struct table *t);

#endif /* !HS_TABLE_H */
