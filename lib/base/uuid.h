#ifndef SS_BASE_UUID_H
#define SS_BASE_UUID_H

#include <stddef.h>
#include <stdint.h>

struct rng;

/* RFC 9562.  Text is 36 characters, lower case, NUL-terminated. */
#define UUID_TEXT 37

/*
 * UUIDv7 generator: 48 bits of ms, then a 12-bit counter and 62 random bits;
 * ids from one generator rise strictly, also when the clock stands still or
 * goes back (section 6.2, method 1: the counter runs over into the ms).
 */
struct uuid_gen {
	struct rng *rng;	/* borrowed */
	int64_t last_ms;
	unsigned counter;
};

void uuid_v7(struct uuid_gen *g, int64_t now_ms, char out[UUID_TEXT]);

/* UUIDv5 in the project's name space: SHA-1 over the parts, each preceded by
 * its length so that ("ab","c") and ("a","bc") differ.  parts end with a NULL
 * pointer; lens[i] belongs to parts[i].  -1 when libcrypto refuses (no memory). */
int uuid_v5(const char *const *parts, const size_t *lens, char out[UUID_TEXT]);

/* Version digit of a well-formed UUID in canonical text (7, 5, …), else 0. */
int uuid_version(const char *s, size_t n);
/* The ms of a UUIDv7. */
int64_t uuid_ms(const char *s);

#endif /* !SS_BASE_UUID_H */
