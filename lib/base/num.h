#ifndef SS_BASE_NUM_H
#define SS_BASE_NUM_H

#include <stddef.h>
#include <stdint.h>

struct ss_err;

/* Strict numbers from text: the whole text, no sign or space but what is said,
 * within [min, max]; the range stands in the message.  what names the thing. */
int num_u64(const char *s, size_t n, uint64_t min, uint64_t max, uint64_t *out,
    const char *what, struct ss_err *err);

/* "250ms", "2s", "5m", "4h", "7d", "1h30m"; a bare number is seconds.  Out in
 * milliseconds, at most 100 years. */
int num_duration(const char *s, int64_t *ms, const char *what, struct ss_err *err);

/* "4096", "64k", "16M", "2G" (also KiB, MiB, GiB; powers of 1024).  Bytes. */
int num_size(const char *s, uint64_t *bytes, const char *what, struct ss_err *err);

/* Digits of a u64 without validation beyond digits; returns how many were read. */
size_t num_scan(const char *s, size_t n, uint64_t *out);

#endif /* !SS_BASE_NUM_H */
