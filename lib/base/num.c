#include "base/num.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"

size_t
num_scan(const char *s, size_t n, uint64_t *out)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < n && s[i] >= '0' && s[i] <= '9'; i++)
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return 0;
	*out = v;
	return i;
}

int
num_u64(const char *s, size_t n, uint64_t min, uint64_t max, uint64_t *out,
    const char *what, struct ss_err *err)
{
	uint64_t v = 0;

	if (n == 0 || num_scan(s, n, &v) != n || v < min || v > max)
		return err_set(err, SS_EXIT_USAGE,
		    "%s: '%.*s' is not a whole number from %" PRIu64 " to %" PRIu64,
		    what, (int)(n > 40 ? 40 : n), s, min, max);
	*out = v;
	return 0;
}

int
num_duration(const char *s, int64_t *ms, const char *what, struct ss_err *err)
{
	static const struct { const char *unit; uint64_t ms; } units[] = {
		{ "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 },
	};
	const uint64_t most = (uint64_t)36525 * 86400000;
	const char *p = s;
	uint64_t sum = 0;

	do {
		uint64_t v, unit = 0;
		size_t n = num_scan(p, strlen(p), &v), i, ul;

		if (n == 0)
			goto bad;
		p += n;
		if (*p == '\0' && p - n == s)
			unit = 1000;	/* a number alone */
		for (i = 0; unit == 0 && i < sizeof(units) / sizeof(units[0]); i++) {
			ul = strlen(units[i].unit);
			if (strncmp(p, units[i].unit, ul) == 0 && (p[ul] == '\0' || (p[ul] >= '0' && p[ul] <= '9'))) {
				unit = units[i].ms;
				p += ul;
			}
		}
		if (unit == 0 || v > most / unit || (sum += v * unit) > most)
			goto bad;
	} while (*p != '\0');
	*ms = (int64_t)sum;
	return 0;
bad:
	return err_set(err, SS_EXIT_USAGE,
	    "%s: '%.40s' is not a duration (like 250ms, 30s, 5m, 4h, 7d)", what, s);
}

int
num_size(const char *s, uint64_t *bytes, const char *what, struct ss_err *err)
{
	static const struct { const char *unit; unsigned shift; } units[] = {
		{ "", 0 }, { "k", 10 }, { "m", 20 }, { "g", 30 }, { "kib", 10 }, { "mib", 20 }, { "gib", 30 },
	};
	uint64_t v;
	size_t n = num_scan(s, strlen(s), &v), i;

	for (i = 0; n != 0 && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcasecmp(s + n, units[i].unit) == 0 && v <= (UINT64_MAX >> 1) >> units[i].shift) {
			*bytes = v << units[i].shift;
			return 0;
		}
	return err_set(err, SS_EXIT_USAGE, "%s: '%.40s' is not a size (like 4096, 64k, 16M, 2G)", what, s);
}
