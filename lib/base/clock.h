#ifndef SS_BASE_CLOCK_H
#define SS_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct ss_err;

/*
 * Time.  Stamps are milliseconds since 1970 UTC (int64_t).  A struct clock
 * that is all zero tells the real time; --now fixes it (each reading then
 * answers the same), which makes a run repeatable.  Waiting never uses it:
 * clock_mono() is the monotonic clock and cannot be fixed.
 */
struct clock {
	int fixed;
	int64_t now;
};

int64_t clock_now(const struct clock *c);
int64_t clock_mono(void);
/* Sleep; returns early on a signal. */
void clock_sleep(int64_t ms);

/* RFC 3339, UTC, ms: "2026-11-21T09:00:00.123Z"; out holds CLOCK_TEXT bytes
 * and is NUL-terminated.  Years 0000 to 9999. */
#define CLOCK_TEXT 25
void clock_format(int64_t ms, char out[CLOCK_TEXT]);
/* RFC 3339 section 5.6 with any offset and fraction (cut to ms), a space for
 * the T allowed, leap second 60 read as 59.999; or -1. */
int clock_parse(const char *s, size_t n, int64_t *ms);
/* --now: RFC 3339, or @seconds (with a fraction). */
int clock_fix(struct clock *c, const char *arg, struct ss_err *err);
/* Civil date of a stamp. */
void clock_date(int64_t ms, int *year, int *month, int *day);

#endif /* !SS_BASE_CLOCK_H */
