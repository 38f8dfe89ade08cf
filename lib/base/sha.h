#ifndef SS_BASE_SHA_H
#define SS_BASE_SHA_H

#include <stddef.h>

/* SHA-256 (FIPS 180-4) of n bytes as 64 lower-case hex digits and a NUL; -1 when
 * libcrypto refuses. */
int sha_256(const void *p, size_t n, char out[65]);

#endif /* !SS_BASE_SHA_H */
