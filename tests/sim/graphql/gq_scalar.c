/* gq_scalar - what each scalar type takes */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gq_value.h"

static int
digits(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= '0' && s[i] <= '9')
		i++;
	return (int)i;
}

static int
is_int32(const char *s, size_t n)
{
	char *end;
	long v;

	if (n == 0 || n > 11)
		return 0;
	errno = 0;
	v = strtol(s, &end, 10);
	return errno == 0 && end == s + n && v >= INT32_MIN && v <= INT32_MAX;
}

/* Digits, perhaps with a fraction. */
static int
is_decimal(const char *s, size_t n)
{
	size_t whole, part = 0;

	if (n > 0 && (*s == '-' || *s == '+')) {
		s++;
		n--;
	}
	whole = (size_t)digits(s, n);
	if (whole < n && s[whole] == '.') {
		part = (size_t)digits(s + whole + 1, n - whole - 1);
		return whole + part > 0 && whole + 1 + part == n;
	}
	return whole > 0 && whole == n;
}

/* Digits where the pattern has 0, anything else as it is there. */
static int
matches(const char *s, size_t n, const char *pattern)
{
	size_t want = strlen(pattern);

	if (n < want)
		return 0;
	for (size_t i = 0; i < want; i++) {
		if (pattern[i] == '0' ? s[i] < '0' || s[i] > '9' : s[i] != pattern[i])
			return 0;
	}
	return 1;
}

/* ISO 8601; the time, the seconds and the zone may be left out. */
static int
is_date_time(const char *s, size_t n)
{
	size_t i = 10, f;

	if (!matches(s, n, "0000-00-00"))
		return 0;
	if (i == n)
		return 1;
	if ((s[i] != 'T' && s[i] != ' ') || !matches(s + i + 1, n - i - 1, "00:00"))
		return 0;
	i += 6;
	if (matches(s + i, n - i, ":00"))
		i += 3;
	if (i < n && s[i] == '.') {
		f = (size_t)digits(s + i + 1, n - i - 1);
		if (f == 0)
			return 0;
		i += f + 1;
	}
	if (i == n || (s[i] == 'Z' && i + 1 == n))
		return 1;
	if (s[i] != '+' && s[i] != '-')
		return 0;
	i++;
	return (n - i == 5 && matches(s + i, n - i, "00:00")) || (n - i == 4 && matches(s + i, n - i, "0000"));
}

/* gid://APP/TYPE/ID, none of them empty. */
static int
is_gid(const char *s, size_t n)
{
	const char *end = s + n, *type, *id;

	if (n < 6 || memcmp(s, "gid://", 6) != 0)
		return 0;
	s += 6;
	type = memchr(s, '/', (size_t)(end - s));
	if (type == NULL || type == s)
		return 0;
	id = memchr(type + 1, '/', (size_t)(end - type - 1));
	return id != NULL && id > type + 1 && id + 1 < end && memchr(id + 1, '/', (size_t)(end - id - 1)) == NULL;
}

static int
has_scheme(const char *s, size_t n)
{
	const char *colon = memchr(s, ':', n);

	return colon != NULL && colon > s && colon + 1 < s + n;
}

int
gq_scalar_fits(const struct gq_schema *s, const struct gq_type *t, enum gq_json_kind kind, const char *text,
    size_t n, struct gq_problem *p)
{
	const char *name = t->name;

	p->of_scalar = 0;
	if (strcmp(name, "JSON") == 0)
		return 1;
	if (strcmp(name, "Int") == 0)
		return kind == GQ_J_INT && is_int32(text, n);
	if (strcmp(name, "Float") == 0)
		return kind == GQ_J_INT || kind == GQ_J_FLOAT;
	if (strcmp(name, "Boolean") == 0)
		return kind == GQ_J_BOOL;
	if (strcmp(name, "ID") == 0) {
		if (kind != GQ_J_STRING && kind != GQ_J_INT)
			return 0;
		if (!s->global_ids || is_gid(text, n))
			return 1;
		p->of_scalar = 1;
		(void)snprintf(p->text, sizeof p->text, "Invalid global id '%.*s'", n > 300 ? 300 : (int)n, text);
		return 0;
	}
	if (strcmp(name, "Decimal") == 0 || strcmp(name, "Money") == 0)
		return (kind == GQ_J_STRING || kind == GQ_J_INT || kind == GQ_J_FLOAT) && is_decimal(text, n);
	if (strcmp(name, "UnsignedInt64") == 0)
		return (kind == GQ_J_STRING || kind == GQ_J_INT) && n > 0 && n <= 20 && (size_t)digits(text, n) == n;
	if (kind != GQ_J_STRING)
		return 0;
	if (strcmp(name, "DateTime") == 0)
		return is_date_time(text, n);
	if (strcmp(name, "Date") == 0)
		return n == 10 && matches(text, n, "0000-00-00");
	if (strcmp(name, "URL") == 0 && !has_scheme(text, n)) {
		p->of_scalar = 1;
		(void)snprintf(p->text, sizeof p->text, "Invalid url '%.*s', missing scheme", n > 300 ? 300 : (int)n,
		    text);
		return 0;
	}
	return 1;
}
