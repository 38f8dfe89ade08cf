#include "event/leaf.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yyjson.h>

#include "base/buf.h"
#include "base/hash.h"

enum kind { TEXT, DECIMAL, BOOL, TAGS };

static enum kind
kind_of(struct json_span path)
{
#define NAME(s, k) { s, sizeof(s) - 1, k }
	static const struct { const char *name; size_t n; enum kind kind; } names[] = {
		NAME("price", DECIMAL), NAME("compare_at_price", DECIMAL), NAME("cost", DECIMAL),
		NAME("weight", DECIMAL), NAME("tags", TAGS), NAME("published", BOOL), NAME("taxable", BOOL),
		NAME("requires_shipping", BOOL), NAME("gift_card", BOOL),
	};
#undef NAME
	size_t i;

	if (path.n > 7 && memcmp(path.p, "levels/", 7) == 0)
		return DECIMAL;
	if (path.n <= 7 || memcmp(path.p, "fields/", 7) != 0)
		return TEXT;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].n == path.n - 7 && memcmp(path.p + 7, names[i].name, names[i].n) == 0)
			return names[i].kind;
	return TEXT;
}

/* Not cleared before use where the compiler would: it is on the way of every leaf. */
#if defined(__has_attribute)
#if __has_attribute(uninitialized)
#define UNSET __attribute__((uninitialized))
#endif
#endif
#ifndef UNSET
#define UNSET
#endif

struct path {
	char p[600];
	size_t n;
};

static int
extend(struct path *to, size_t at, const char *p, size_t n)
{
	if (n >= sizeof(to->p) - at)
		return -1;
	memcpy(to->p + at, p, n);
	to->n = at + n;
	return 0;
}

/* Members of one object below a fixed prefix. */
static int
each_member(yyjson_val *obj, struct path *path, size_t at, leaf_fn *each, void *ctx)
{
	size_t i, max;
	yyjson_val *k, *v;
	int rc;

	yyjson_obj_foreach(obj, i, max, k, v) {
		if (extend(path, at, yyjson_get_str(k), yyjson_get_len(k)) == -1)
			return -1;
		rc = each(ctx, (struct json_span){ path->p, path->n }, v);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
each_level(yyjson_val *levels, leaf_fn *each, void *ctx)
{
	struct path path UNSET;
	size_t i, max, at;
	yyjson_val *k, *v;
	int rc;

	yyjson_obj_foreach(levels, i, max, k, v) {
		if (extend(&path, 0, "levels/", 7) == -1 || extend(&path, 7, yyjson_get_str(k), yyjson_get_len(k)) == -1 ||
		    extend(&path, path.n, "/", 1) == -1)
			return -1;
		at = path.n;
		rc = each_member(v, &path, at, each, ctx);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* options or images: one leaf, or one a member. */
static int
each_whole(struct json_span name, yyjson_val *v, leaf_fn *each, void *ctx)
{
	struct path path UNSET;

	(void)extend(&path, 0, name.p, name.n);
	if (!yyjson_is_obj(v))
		return each(ctx, (struct json_span){ path.p, path.n }, v);
	(void)extend(&path, path.n, "/", 1);
	return each_member(v, &path, path.n, each, ctx);
}

static int
is(struct json_span k, const char *s)
{
	return memcmp(k.p, s, k.n) == 0;
}

int
leaf_each(yyjson_val *state, leaf_fn *each, void *ctx)
{
	struct path path UNSET;
	size_t i, max;
	yyjson_val *key, *v;
	int rc = 0;

	/* one pass over the members: asking for each by name costs more */
	yyjson_obj_foreach(state, i, max, key, v) {
		struct json_span k = { yyjson_get_str(key), yyjson_get_len(key) };

		if (k.n == 6 && is(k, "fields")) {
			(void)extend(&path, 0, "fields/", 7);
			rc = each_member(v, &path, 7, each, ctx);
		} else if (k.n == 6 && is(k, "levels")) {
			rc = each_level(v, each, ctx);
		} else if ((k.n == 6 && is(k, "images")) || (k.n == 7 && is(k, "options"))) {
			rc = each_whole(k, v, each, ctx);
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int
by_text(const void *a, const void *b)
{
	const struct json_span *x = a, *y = b;
	int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

	return c != 0 ? c : x->n < y->n ? -1 : x->n > y->n;
}

#define TAGS_MAX 1024

static size_t
add_tag(struct json_span *v, size_t n, const char *p, size_t len)
{
	while (len > 0 && (*p == ' ' || *p == '\t'))
		p++, len--;
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (len == 0 || n == TAGS_MAX)
		return n;
	v[n] = (struct json_span){ p, len };
	return n + 1;
}

/* "red, wool" or ["wool","red"]: the same set. */
static int
canon_tags(yyjson_val *value, struct buf *out)
{
	struct json_span *v = malloc(TAGS_MAX * sizeof(*v)), s;
	size_t n = 0, i, max;
	yyjson_val *e;
	const char *p, *end, *c;

	if (v == NULL)
		return -1;
	if (yyjson_is_arr(value)) {
		yyjson_arr_foreach(value, i, max, e) {
			s = json_scalar(e);
			n = add_tag(v, n, s.p == NULL ? "" : s.p, s.n);
		}
	} else {
		s = json_scalar(value);
		for (p = s.p, end = s.p + s.n; p != NULL && p < end; p = c + 1) {
			c = memchr(p, ',', (size_t)(end - p));
			if (c == NULL)
				c = end;
			n = add_tag(v, n, p, (size_t)(c - p));
		}
	}
	if (n > 0)
		qsort(v, n, sizeof(*v), by_text);
	for (i = 0; i < n; i++) {
		if (i > 0 && by_text(&v[i - 1], &v[i]) == 0)
			continue;
		(void)buf_add(out, v[i].p, v[i].n);
		(void)buf_addc(out, ',');
	}
	free(v);
	return out->failed ? -1 : 0;
}

static int
canon_bool(struct json_span s, struct buf *out)
{
	static const char *const yes[] = { "true", "yes", "1", "y", "on" }, *const no[] = { "false", "no", "0", "n", "off" };
	size_t i;

	for (i = 0; i < 5; i++) {
		if (strlen(yes[i]) == s.n && strncasecmp(s.p, yes[i], s.n) == 0)
			return buf_adds(out, "true");
		if (strlen(no[i]) == s.n && strncasecmp(s.p, no[i], s.n) == 0)
			return buf_adds(out, "false");
	}
	return buf_add(out, s.p, s.n);
}

/* A value that is no container, as its text, in the spelling of its kind. */
static int
canon_scalar(enum kind kind, struct json_span s, struct buf *out)
{
	size_t len = out->len;

	if (s.n == 0)
		return 0;
	if (kind == DECIMAL) {
		if (json_decimal(s.p, s.n, out) == 0)
			return 0;
		out->len = len;
	}
	if (kind == BOOL)
		return canon_bool(s, out);
	return buf_add(out, s.p, s.n);
}

int
leaf_canon(struct json_span path, yyjson_val *value, struct buf *out)
{
	enum kind kind = kind_of(path);

	if (kind == TAGS)
		return canon_tags(value, out);
	if (yyjson_is_ctn(value))
		return json_write(out, value);
	return canon_scalar(kind, json_scalar(value), out);
}

static uint64_t
hash_of(struct json_span path, const char *p, size_t n)
{
	return hash_64(n == 0 ? "" : p, n, hash_64(path.p, path.n, 0));
}

uint64_t
leaf_hash(struct json_span path, yyjson_val *value, struct buf *scratch)
{
	struct json_span s = json_scalar(value);

	if (s.n > 0 && kind_of(path) == TEXT)
		return hash_of(path, s.p, s.n);
	buf_clear(scratch);
	(void)leaf_canon(path, value, scratch);
	return hash_of(path, scratch->p, scratch->len);
}

uint64_t
leaf_hash_text(struct json_span path, struct json_span text, struct json_mem *mem, struct buf *scratch)
{
	enum kind kind = kind_of(path);
	struct json_span s = { NULL, 0 };
	yyjson_val *v;

	/* a number, or a string that needs no unescaping: most are */
	if (text.n > 0 && (text.p[0] == '-' || (text.p[0] >= '0' && text.p[0] <= '9')))
		s = text;
	else if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"' && memchr(text.p, '\\', text.n) == NULL)
		s = (struct json_span){ text.p + 1, text.n - 2 };
	if (s.p == NULL || kind == TAGS) {
		v = json_read(mem, text.p, text.n, NULL);
		return v == NULL ? 0 : leaf_hash(path, v, scratch);
	}
	if (kind == TEXT)
		return hash_of(path, s.p, s.n);
	buf_clear(scratch);
	(void)canon_scalar(kind, s, scratch);
	return hash_of(path, scratch->p, scratch->len);
}

static int
holds_leaves(struct json_span k)
{
	return (k.n == 6 && (is(k, "fields") || is(k, "levels") || is(k, "images"))) || (k.n == 7 && is(k, "options"));
}

static uint64_t
spell(uint64_t h, struct json_span k, const char *p, size_t n)
{
	h = hash_64(p, n, hash_64(k.p, k.n, h));
	return h == 0 ? 1 : h;
}

uint64_t
leaf_spelled(yyjson_val *state, struct buf *scratch)
{
	uint64_t h = 0;
	size_t i, max;
	yyjson_val *key, *v;

	yyjson_obj_foreach(state, i, max, key, v) {
		struct json_span k = { yyjson_get_str(key), yyjson_get_len(key) };

		if (!holds_leaves(k))
			continue;
		buf_clear(scratch);
		if (json_write(scratch, v) == -1)
			return 0;
		h = spell(h, k, scratch->p, scratch->len);
	}
	return h;
}

struct spelling {
	uint64_t h;
};

static int
spell_member(void *ctx, struct json_span key, yyjson_val *v, struct json_span raw)
{
	struct spelling *s = ctx;

	(void)v;
	if (holds_leaves(key))
		s->h = spell(s->h, key, raw.p, raw.n);
	return 0;
}

uint64_t
leaf_spelled_text(const struct json_mem *mem, const char *p, yyjson_val *state, struct json_span whole)
{
	struct spelling s = { 0 };

	if (yyjson_is_obj(state))
		(void)json_members(mem, p, state, whole, spell_member, &s);
	return s.h;
}

static void
add_escaped(struct buf *out, struct json_span s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] == '%' || s.p[i] == '/')
			(void)buf_adds(out, s.p[i] == '%' ? "%25" : "%2F");
		else
			(void)buf_addc(out, s.p[i]);
}

int
leaf_item_subject(yyjson_val *item, struct json_span handle, struct buf *out)
{
	struct json_span s = json_scalar(json_get(item, "sku"));
	size_t i, max;
	yyjson_val *k, *v;

	if (s.n > 0)
		return buf_add(out, s.p, s.n);
	s = json_scalar(json_get(item, "product"));
	add_escaped(out, s.n > 0 ? s : handle);
	yyjson_obj_foreach(json_get(item, "options"), i, max, k, v) {
		(void)buf_addc(out, '/');
		add_escaped(out, json_scalar(v));
	}
	return out->failed ? -1 : 0;
}

yyjson_val *
leaf_state(yyjson_val *data)
{
	yyjson_val *set = json_get(data, "set");

	return yyjson_is_obj(set) ? set : data;
}
