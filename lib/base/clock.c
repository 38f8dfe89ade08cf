#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/num.h"

int64_t
clock_now(const struct clock *c)
{
	struct timespec ts;

	if (c != NULL && c->fixed)
		return c->now;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_mono(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void
clock_sleep(int64_t ms)
{
	struct timespec ts;

	if (ms <= 0)
		return;
	ts.tv_sec = (time_t)(ms / 1000);
	ts.tv_nsec = (long)(ms % 1000) * 1000000;
	(void)nanosleep(&ts, NULL);
}

/* Days since 1970-01-01 and back, proleptic Gregorian; eras of 400 years. */
static int64_t
days_of(int64_t y, int m, int d)
{
	int64_t era, yoe, doy, doe;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + doe - 719468;
}

static void
civil_of(int64_t days, int *year, int *month, int *day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = (int)(yoe + era * 400 + (*month <= 2));
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

void
clock_date(int64_t ms, int *year, int *month, int *day)
{
	civil_of(floor_div(ms, 86400000), year, month, day);
}

static void
two(char *p, int v)
{
	p[0] = (char)('0' + v / 10 % 10);
	p[1] = (char)('0' + v % 10);
}

void
clock_format(int64_t ms, char out[CLOCK_TEXT])
{
	int64_t day = floor_div(ms, 86400000);
	/* not ms - day * 86400000, which overflows at the far end */
	int rest = (int)((ms % 86400000 + 86400000) % 86400000);
	int y, m, d;

	civil_of(day, &y, &m, &d);
	if (y < 0 || y > 9999) {
		y = y < 0 ? 0 : 9999;
		m = y == 0 ? 1 : 12;
		d = y == 0 ? 1 : 31;
	}
	memcpy(out, "0000-00-00T00:00:00.000Z", CLOCK_TEXT);
	two(out, y / 100);
	two(out + 2, y % 100);
	two(out + 5, m);
	two(out + 8, d);
	two(out + 11, rest / 3600000);
	two(out + 14, rest / 60000 % 60);
	two(out + 17, rest / 1000 % 60);
	out[20] = (char)('0' + rest / 100 % 10);
	two(out + 21, rest % 100);
}

static int
digits(const char *s, int n, int *out)
{
	int v = 0, i;

	for (i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		v = v * 10 + (s[i] - '0');
	}
	*out = v;
	return 0;
}

static int
days_in(int y, int m)
{
	static const int dim[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return dim[m - 1] + (m == 2 && (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)));
}

/* "Z" or "+hh:mm"; *min is minutes east of UTC. */
static int
parse_zone(const char *s, size_t n, int *min)
{
	int h, m;

	if (n == 1 && (*s == 'Z' || *s == 'z')) {
		*min = 0;
		return 0;
	}
	if (n != 6 || (*s != '+' && *s != '-') || s[3] != ':' ||
	    digits(s + 1, 2, &h) == -1 || digits(s + 4, 2, &m) == -1 || h > 23 || m > 59)
		return -1;
	*min = (*s == '-' ? -1 : 1) * (h * 60 + m);
	return 0;
}

int
clock_parse(const char *s, size_t n, int64_t *ms)
{
	int y, mo, d, h, mi, sec, zone, frac = 0, scale = 100;
	size_t i = 19;

	if (n < 20 || digits(s, 4, &y) == -1 || s[4] != '-' || digits(s + 5, 2, &mo) == -1 ||
	    s[7] != '-' || digits(s + 8, 2, &d) == -1 ||
	    (s[10] != 'T' && s[10] != 't' && s[10] != ' ') || digits(s + 11, 2, &h) == -1 ||
	    s[13] != ':' || digits(s + 14, 2, &mi) == -1 || s[16] != ':' || digits(s + 17, 2, &sec) == -1)
		return -1;
	if (mo < 1 || mo > 12 || d < 1 || d > days_in(y, mo) || h > 23 || mi > 59 || sec > 60)
		return -1;
	if (s[i] == '.') {
		size_t start = ++i;

		for (; i < n && s[i] >= '0' && s[i] <= '9'; i++, scale /= 10)
			frac += (s[i] - '0') * scale;
		if (i == start)
			return -1;
	}
	if (parse_zone(s + i, n - i, &zone) == -1)
		return -1;
	if (sec == 60) {
		sec = 59;
		frac = 999;
	}
	*ms = days_of(y, mo, d) * 86400000 + ((int64_t)(h * 60 + mi - zone) * 60 + sec) * 1000 + frac;
	return 0;
}

int
clock_fix(struct clock *c, const char *arg, struct ss_err *err)
{
	size_t n = strlen(arg), k;
	uint64_t sec;
	int frac = 0, scale = 100;

	if (arg[0] == '@') {
		k = 1 + num_scan(arg + 1, n - 1, &sec);
		if (k == 1 || sec > (uint64_t)253402300799)
			goto bad;
		if (arg[k] == '.' && arg[k + 1] >= '0' && arg[k + 1] <= '9')
			for (k++; arg[k] >= '0' && arg[k] <= '9'; k++, scale /= 10)
				frac += (arg[k] - '0') * scale;
		if (k != n)
			goto bad;
		c->now = (int64_t)sec * 1000 + frac;
	} else if (clock_parse(arg, n, &c->now) == -1) {
		goto bad;
	}
	c->fixed = 1;
	return 0;
bad:
	return err_set(err, SS_EXIT_USAGE,
	    "--now: '%.40s' is neither RFC 3339 (2026-11-21T09:00:00Z) nor @seconds", arg);
}
