#ifndef HS_UTIL_H
#define HS_UTIL_H

#include <stddef.h>
#include <stdint.h>

/*
 * What every file of sim-http needs.  A simulator that cannot remember or
 * record is worth nothing to a test, so these end the process on failure.
 */

/* "sim-http: …" on stderr, exit 1. */
void hs_die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void *hs_realloc(void *p, size_t n);
/* A copy with a NUL behind it. */
char *hs_memdup(const void *p, size_t n);
/* The whole file with a NUL behind it; NULL with errno set. */
char *hs_read_file(const char *path, size_t *n);
/* All n bytes in exactly one write(2), so that lines of a log never mix and
 * a kill leaves none of it or all. */
void hs_write_once(int fd, const void *p, size_t n, const char *what);
/* Milliseconds of the monotonic clock. */
int64_t hs_now(void);
/* Mixed well enough that its bits may be taken for chance. */
uint64_t hs_hash(uint64_t seed, const void *p, size_t n);
uint64_t hs_mix(uint64_t a, uint64_t b);
/* The same as a number in [0, 1). */
double hs_unit(uint64_t h);

#endif /* !HS_UTIL_H */
