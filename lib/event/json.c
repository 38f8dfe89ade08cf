#include "event/json.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/err.h"

#define READ_FLAGS (YYJSON_READ_NUMBER_AS_RAW)

void
json_mem_free(struct json_mem *m)
{
	free(m->pool);
	*m = (struct json_mem){ 0 };
}

/* yyjson itself does not recurse; jq and our own walkers do, or keep a stack.
 * Only for texts of many values: the stack, cleared at each call, is 4 KiB. */
__attribute__((noinline)) static int
too_deep(yyjson_doc *doc)
{
	yyjson_val *v = yyjson_doc_get_root(doc), *end[JSON_DEPTH + 1];
	size_t n = yyjson_doc_get_val_count(doc), i, depth = 0;

	for (i = 0; i < n; i++, v++) {
		while (depth > 0 && v >= end[depth - 1])
			depth--;
		if (yyjson_is_ctn(v)) {
			if (depth == JSON_DEPTH)
				return 1;
			end[depth++] = unsafe_yyjson_get_next(v);
		}
	}
	return 0;
}

struct yyjson_val *
json_read(struct json_mem *m, const char *p, size_t n, struct ss_err *err)
{
	yyjson_alc alc;
	yyjson_read_err e;
	size_t need = yyjson_read_max_memory_usage(n, READ_FLAGS);

	if (need > m->cap) {
		size_t cap = need < 65536 ? 65536 : need + need / 2;

		free(m->pool);
		m->cap = 0;
		m->pool = malloc(cap);
		if (m->pool == NULL) {
			err_nomem(err);
			return NULL;
		}
		m->cap = cap;
	}
	if (n == 0) {
		err_set(err, SS_EXIT_USAGE, "empty text is not JSON");
		return NULL;
	}
	yyjson_alc_pool_init(&alc, m->pool, m->cap);
	m->doc = yyjson_read_opts((char *)(uintptr_t)p, n, READ_FLAGS, &alc, &e);
	if (m->doc == NULL) {
		err_set(err, SS_EXIT_USAGE, "not JSON: %s at byte %zu", e.msg, e.pos);
		return NULL;
	}
	if (yyjson_doc_get_val_count(m->doc) > JSON_DEPTH && too_deep(m->doc)) {
		err_set(err, SS_EXIT_USAGE, "JSON nested deeper than %d", JSON_DEPTH);
		return NULL;
	}
	return yyjson_doc_get_root(m->doc);
}

static int
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* From behind the opening quote of a key to its value, and from where the next
 * key or the closing brace stands back to the value's end. */
static void
spaced(const char **from, const char **to, size_t key, int comma)
{
	const char *s = *from, *e = *to;

	while (is_space(e[-1]))
		e--;
	if (comma)
		for (e--; is_space(e[-1]);)
			e--;
	/* the closing quote of the key: not simply so many bytes on, it may hold escapes */
	if (key > 0 && s[key] == '"' && s[key - 1] != '\\')
		s += key;
	while (*s != '"')
		s += *s == '\\' ? 2 : 1;
	for (s++; *s != ':';)
		s++;
	for (s++; is_space(*s);)
		s++;
	*from = s;
	*to = e;
}

/*
 * Where a value's bytes are: yyjson parses a copy of the text in place, so a
 * key's string stands at the offset it had in the text.  A member's value
 * begins behind the colon after its key and ends before the comma in front of
 * the next key, or before the brace that closes the object.
 */
struct json_span
json_value(const struct json_mem *m, const char *p, yyjson_val *key, yyjson_val *next, struct json_span whole)
{
	const char *base = m->doc->str_pool;
	size_t k = unsafe_yyjson_get_len(key);
	const char *s = p + (unsafe_yyjson_get_str(key) - base);
	const char *e = next != NULL ? p + (unsafe_yyjson_get_str(next) - base) - 1 : whole.p + whole.n - 1;

	/* as programs write it, nothing stands around colon and comma */
	if (s[k] == '"' && s[k + 1] == ':' && s[k + 2] > ' ' && (k == 0 || s[k - 1] != '\\') &&
	    (next != NULL ? e[-1] == ',' && e[-2] > ' ' : e[-1] > ' ')) {
		s += k + 2;
		e -= next != NULL;
	} else {
		spaced(&s, &e, k, next != NULL);
	}
	return (struct json_span){ s, (size_t)(e - s) };
}

int
json_members(const struct json_mem *m, const char *p, yyjson_val *obj, struct json_span whole,
    json_member_fn *each, void *ctx)
{
	yyjson_obj_iter it = yyjson_obj_iter_with(obj);
	yyjson_val *key = yyjson_obj_iter_next(&it), *next;
	int rc;

	for (; key != NULL; key = next) {
		struct json_span k = { unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key) };

		next = yyjson_obj_iter_next(&it);
		rc = each(ctx, k, yyjson_obj_iter_get_val(key), json_value(m, p, key, next, whole));
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* Length of the valid UTF-8 sequence at s (RFC 3629), 0 if there is none. */
static size_t
utf8_len(const unsigned char *s, size_t n)
{
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return n >= 2 && (s[1] & 0xc0) == 0x80 ? 2 : 0;
	if ((s[0] & 0xf0) == 0xe0) {
		if (n < 3 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
			return 0;
		return 3;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		if (n < 4 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80 || (s[3] & 0xc0) != 0x80)
			return 0;
		if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

int
json_utf8(const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t i = 0, k;
	uint64_t w;

	while (i < n) {
		while (n - i >= 8) {
			memcpy(&w, s + i, 8);
			if ((w & 0x8080808080808080u) != 0)
				break;
			i += 8;
		}
		if (i == n)
			break;
		if ((k = utf8_len(s + i, n - i)) == 0)
			return 0;
		i += k;
	}
	return 1;
}

/* 1 if none of the 8 bytes needs an escape and all are ASCII. */
static int
plain8(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
	uint64_t lt20 = (w - ones * 0x20) & ~w;
	uint64_t q = w ^ (ones * '"'), bs = w ^ (ones * '\\'), del = w ^ (ones * 0x7f);

	return (((lt20 | ((q - ones) & ~q) | ((bs - ones) & ~bs) | ((del - ones) & ~del) | w)) & high) == 0;
}

/* Write one character that plain8 stopped at; returns the bytes taken. */
static size_t
put_special(char **to, const unsigned char *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	char *o = *to;
	size_t k;

	switch (s[0]) {
	case '"': case '\\': *o++ = '\\'; *o++ = (char)s[0]; break;
	case '\n': *o++ = '\\'; *o++ = 'n'; break;
	case '\r': *o++ = '\\'; *o++ = 'r'; break;
	case '\t': *o++ = '\\'; *o++ = 't'; break;
	case '\b': *o++ = '\\'; *o++ = 'b'; break;
	case '\f': *o++ = '\\'; *o++ = 'f'; break;
	default:
		if (s[0] < 0x20 || s[0] == 0x7f) {
			memcpy(o, "\\u00", 4);
			o[4] = hex[s[0] >> 4];
			o[5] = hex[s[0] & 15];
			o += 6;
			break;
		}
		k = utf8_len(s, n);
		if (k == 0) {
			memcpy(o, "\xef\xbf\xbd", 3);
			*to = o + 3;
			return 1;
		}
		memcpy(o, s, k);
		*to = o + k;
		return k;
	}
	*to = o;
	return 1;
}

int
json_put_str(struct buf *b, const char *p, size_t n)
{
	const unsigned char *s = (const unsigned char *)p;
	size_t i = 0, want;
	uint64_t w;
	char *o;

	/* worst case: every byte becomes \u00xx */
	if (__builtin_mul_overflow(n, (size_t)6, &want) || buf_room(b, want + 2) == -1) {
		b->failed = 1;
		return -1;
	}
	o = b->p + b->len;
	*o++ = '"';
	while (i < n) {
		if (n - i >= 8) {
			memcpy(&w, s + i, 8);
			if (plain8(w)) {
				memcpy(o, &w, 8);
				o += 8;
				i += 8;
				continue;
			}
		}
		if (s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\')
			*o++ = (char)s[i++];
		else
			i += put_special(&o, s + i, n - i);
	}
	*o++ = '"';
	b->len = (size_t)(o - b->p);
	return 0;
}

int
json_put_cstr(struct buf *b, const char *s)
{
	return json_put_str(b, s, strlen(s));
}

int
json_put_member(struct buf *b, const char *key, const char *p, size_t n)
{
	if (b->len > 0 && b->p[b->len - 1] != '{')
		(void)buf_addc(b, ',');
	(void)buf_addc(b, '"');
	(void)buf_adds(b, key);
	(void)buf_adds(b, "\":");
	return b->failed ? -1 : json_put_str(b, p, n);
}

enum json_type
json_type(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_NULL: return JSON_NULL;
	case YYJSON_TYPE_BOOL: return JSON_BOOL;
	case YYJSON_TYPE_RAW: case YYJSON_TYPE_NUM: return JSON_NUMBER;
	case YYJSON_TYPE_STR: return JSON_STRING;
	case YYJSON_TYPE_ARR: return JSON_ARRAY;
	case YYJSON_TYPE_OBJ: return JSON_OBJECT;
	default: return JSON_NONE;
	}
}

struct json_span
json_str(yyjson_val *v)
{
	if (v == NULL || !yyjson_is_str(v))
		return (struct json_span){ NULL, 0 };
	return (struct json_span){ yyjson_get_str(v), yyjson_get_len(v) };
}

yyjson_val *
json_get(yyjson_val *v, const char *key)
{
	return yyjson_obj_get(v, key);
}

yyjson_val *
json_at(yyjson_val *v, size_t i)
{
	return yyjson_arr_get(v, i);
}

struct json_walk
json_walk(yyjson_val *v)
{
	if (!yyjson_is_arr(v) || yyjson_arr_size(v) == 0)
		return (struct json_walk){ NULL, 0 };
	return (struct json_walk){ yyjson_arr_get_first(v), yyjson_arr_size(v) };
}

yyjson_val *
json_next(struct json_walk *w)
{
	yyjson_val *v = w->left == 0 ? NULL : w->next;

	if (v != NULL && --w->left > 0)
		w->next = unsafe_yyjson_get_next(v);
	return v;
}

struct json_pairs
json_pairs(yyjson_val *v)
{
	if (!yyjson_is_obj(v) || yyjson_obj_size(v) == 0)
		return (struct json_pairs){ NULL, 0 };
	return (struct json_pairs){ unsafe_yyjson_get_first(v), yyjson_obj_size(v) };
}

yyjson_val *
json_pair(struct json_pairs *p, struct json_span *name)
{
	yyjson_val *key = p->left == 0 ? NULL : p->next, *v;

	if (key == NULL)
		return NULL;
	v = yyjson_obj_iter_get_val(key);
	*name = (struct json_span){ unsafe_yyjson_get_str(key), unsafe_yyjson_get_len(key) };
	if (--p->left > 0)
		p->next = unsafe_yyjson_get_next(v);
	return v;
}

struct json_span
json_scalar(yyjson_val *v)
{
	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_STR:
		return (struct json_span){ yyjson_get_str(v), yyjson_get_len(v) };
	case YYJSON_TYPE_RAW:
		return (struct json_span){ yyjson_get_raw(v), yyjson_get_len(v) };
	case YYJSON_TYPE_BOOL:
		return yyjson_get_bool(v) ? (struct json_span){ "true", 4 } : (struct json_span){ "false", 5 };
	default:
		return (struct json_span){ NULL, 0 };
	}
}

int
json_u64(yyjson_val *v, uint64_t *out)
{
	struct json_span s;
	size_t i;
	uint64_t x = 0;

	if (v == NULL || (!yyjson_is_raw(v) && !yyjson_is_str(v)))
		return -1;
	s = json_scalar(v);
	if (s.n == 0)
		return -1;
	for (i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(x, (uint64_t)10, &x) ||
		    __builtin_add_overflow(x, (uint64_t)(s.p[i] - '0'), &x))
			return -1;
	*out = x;
	return 0;
}

/* Depth is bounded by JSON_DEPTH, so this recursion is. */
int
json_write(struct buf *b, yyjson_val *v)
{
	struct json_span s = json_scalar(v);
	size_t i, max;
	yyjson_val *k, *e;

	switch (yyjson_get_type(v)) {
	case YYJSON_TYPE_OBJ:
		(void)buf_addc(b, '{');
		yyjson_obj_foreach(v, i, max, k, e) {
			if (i > 0)
				(void)buf_addc(b, ',');
			(void)json_put_str(b, yyjson_get_str(k), yyjson_get_len(k));
			(void)buf_addc(b, ':');
			(void)json_write(b, e);
		}
		(void)buf_addc(b, '}');
		break;
	case YYJSON_TYPE_ARR:
		(void)buf_addc(b, '[');
		yyjson_arr_foreach(v, i, max, e) {
			if (i > 0)
				(void)buf_addc(b, ',');
			(void)json_write(b, e);
		}
		(void)buf_addc(b, ']');
		break;
	case YYJSON_TYPE_STR:
		(void)json_put_str(b, s.p, s.n);
		break;
	case YYJSON_TYPE_NULL:
		(void)buf_adds(b, "null");
		break;
	default:
		(void)buf_add(b, s.p, s.n);
	}
	return b->failed ? -1 : 0;
}

/* Digits of a number text without its point: *exp is the power of ten of the last. */
static int
decimal_parts(const char *p, size_t n, char digits[256], size_t *nd, long *exp, int *neg)
{
	size_t i = 0;
	int any = 0;
	long e = 0, es = 1;

	*nd = 0;
	*exp = 0;
	*neg = i < n && p[i] == '-';
	if (i < n && (p[i] == '-' || p[i] == '+'))
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '9'; i++, any = 1) {
		if (*nd == 256)
			return -1;
		digits[(*nd)++] = p[i];
	}
	if (i < n && p[i] == '.') {
		for (i++; i < n && p[i] >= '0' && p[i] <= '9'; i++, any = 1, --*exp) {
			if (*nd == 256)
				return -1;
			digits[(*nd)++] = p[i];
		}
	}
	if (!any)
		return -1;
	if (i < n && (p[i] == 'e' || p[i] == 'E')) {
		size_t start;

		if (++i < n && (p[i] == '-' || p[i] == '+'))
			es = p[i++] == '-' ? -1 : 1;
		for (start = i; i < n && p[i] >= '0' && p[i] <= '9'; i++)
			if ((e = e * 10 + (p[i] - '0')) > 100000)
				return -1;
		if (i == start)
			return -1;
	}
	*exp += es * e;
	return i == n ? 0 : -1;
}

/* The usual number, digits with at most one point: 1 done, 0 it is another one. */
static int
decimal_plain(const char *p, size_t n, struct buf *out)
{
	const char *end = p + n, *whole = p, *point = NULL, *q;
	int neg = n > 0 && *p == '-';
	char *o;

	if (n > 40 || buf_room(out, n + 2) == -1)
		return 0;
	for (q = whole += neg; q < end; q++) {
		if (*q == '.' && point == NULL)
			point = q;
		else if (*q < '0' || *q > '9')
			return 0;
	}
	if (end - whole == (point != NULL))
		return 0;
	while (point != NULL && end > point && (end[-1] == '0' || end[-1] == '.'))
		end--;
	while (whole < end && *whole == '0')
		whole++;
	o = out->p + out->len;
	if (whole == end) {
		*o++ = '0';
	} else {
		if (neg)
			*o++ = '-';
		if (*whole == '.')
			*o++ = '0';
		memcpy(o, whole, (size_t)(end - whole));
		o += end - whole;
	}
	out->len = (size_t)(o - out->p);
	return 1;
}

static int decimal_any(const char *p, size_t n, struct buf *out);

int
json_decimal(const char *p, size_t n, struct buf *out)
{
	while (n > 0 && is_space(*p))
		p++, n--;
	while (n > 0 && is_space(p[n - 1]))
		n--;
	return decimal_plain(p, n, out) == 1 ? 0 : decimal_any(p, n, out);
}

static int
decimal_any(const char *p, size_t n, struct buf *out)
{
	char d[256];
	size_t nd, z = 0;
	long exp, k;
	int neg;

	if (decimal_parts(p, n, d, &nd, &exp, &neg) == -1)
		return -1;
	while (nd > 0 && d[nd - 1] == '0')
		nd--, exp++;
	while (z < nd && d[z] == '0')
		z++;
	if (z == nd)
		return buf_addc(out, '0');
	if (neg)
		(void)buf_addc(out, '-');
	if (exp > 64 || exp < -128) {
		/* absurd scale: digits and exponent are still one spelling */
		(void)buf_add(out, d + z, nd - z);
		return buf_addf(out, "e%ld", exp);
	}
	k = (long)(nd - z) + exp;	/* digits before the point */
	if (k <= 0) {
		(void)buf_adds(out, "0.");
		for (; k < 0; k++)
			(void)buf_addc(out, '0');
		return buf_add(out, d + z, nd - z);
	}
	if (exp >= 0) {
		(void)buf_add(out, d + z, nd - z);
		for (; exp > 0; exp--)
			(void)buf_addc(out, '0');
		return out->failed ? -1 : 0;
	}
	(void)buf_add(out, d + z, (size_t)k);
	(void)buf_addc(out, '.');
	return buf_add(out, d + z + k, nd - z - (size_t)k);
}
