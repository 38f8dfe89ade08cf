/* The keys and leaves that an event of desired state speaks of. */
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "base/hash.h"
#include "event/leaf.h"
#include "flow/diff_internal.h"

#define NAME_MAX_BYTES 255	/* of a field, location, option; leaf.h's paths hold two */
#define FEW 48

uint64_t
diff_event_key(char kind, struct json_span subject)
{
	return hash_64(subject.p, subject.n, (uint64_t)kind);
}

static int
type_is(const struct event *ev, const char *s, size_t n)
{
	return ev->type.n == n && memcmp(ev->type.p, s, n) == 0;
}

int
diff_event_kind(const struct event *ev)
{
	if (!event_is_state(ev))
		return 0;
	return ev->type.p[0] == 'i' ? 1 : 2;
}

int
diff_event_observed(const struct event *ev)
{
	return type_is(ev, "item.observed", 13) || type_is(ev, "product.observed", 16);
}

static int
add_leaf(void *ctx, struct json_span path, yyjson_val *value)
{
	struct diff_keys *k = ctx;

	if (k->nleaf == k->capleaf) {
		size_t cap = k->capleaf == 0 ? 1024 : k->capleaf * 2;
		uint64_t *v = realloc(k->leaf, cap * sizeof(*v));

		if (v == NULL)
			return -1;
		k->leaf = v;
		k->capleaf = cap;
	}
	k->leaf[k->nleaf++] = leaf_hash(path, value, &k->canon);
	return 0;
}

static int
add_key(struct diff_keys *k, char kind, struct json_span subject, yyjson_val *state, int leaves)
{
	struct diff_key *v;

	if (k->n == k->cap) {
		size_t cap = k->cap == 0 ? 256 : k->cap * 2;

		v = realloc(k->v, cap * sizeof(*v));
		if (v == NULL)
			return -1;
		k->v = v;
		k->cap = cap;
	}
	v = &k->v[k->n++];
	*v = (struct diff_key){ diff_event_key(kind, subject), (uint32_t)k->nleaf, 0 };
	if (leaves && leaf_each(state, add_leaf, k) != 0)
		return -1;
	v->n = (uint32_t)(k->nleaf - v->first);
	return 0;
}

static int
named(yyjson_val *key, const char *s, size_t n)
{
	return yyjson_get_len(key) == n && memcmp(yyjson_get_str(key), s, n) == 0;
}

/* Objects where there are objects, as far as the leaves hang on it. */
static int
odd(yyjson_val *state)
{
	yyjson_val *key, *v, *k, *e;
	size_t i, max, j, jmax;

	if (!yyjson_is_obj(state))
		return 1;
	yyjson_obj_foreach(state, i, max, key, v) {
		int levels = named(key, "levels", 6);

		if ((levels || named(key, "fields", 6)) && !yyjson_is_obj(v))
			return 1;
		if (!levels)
			continue;
		yyjson_obj_foreach(v, j, jmax, k, e)
			if (!yyjson_is_obj(e))
				return 1;
	}
	return 0;
}

int
diff_event_keys(struct diff_keys *k, const struct event *ev, int leaves)
{
	int product = diff_event_kind(ev) == 2;
	yyjson_val *state = ev->data, *items, *item;
	size_t i, max;

	if (ev->subject.n == 0 || (leaves && odd(state)))
		return 1;
	if (add_key(k, product ? 'p' : 'i', ev->subject, state, leaves) == -1)
		return -1;
	items = product ? yyjson_obj_get(ev->data, "items") : NULL;
	if (items != NULL && leaves && !yyjson_is_arr(items))
		return 1;
	yyjson_arr_foreach(items, i, max, item) {
		if (leaves && odd(item))
			return 1;
		buf_clear(&k->subject);
		if (leaf_item_subject(item, ev->subject, &k->subject) == -1 ||
		    add_key(k, 'i', (struct json_span){ k->subject.p, k->subject.len }, item,
		    leaves) == -1)
			return -1;
	}
	return 0;
}

void
diff_event_clear(struct diff_keys *k)
{
	k->n = k->nleaf = 0;
}

void
diff_event_free(struct diff_keys *k)
{
	free(k->v);
	free(k->leaf);
	buf_free(&k->subject);
	buf_free(&k->canon);
	memset(k, 0, sizeof(*k));
}

/* A name that stands twice in one object, or NULL. */
static yyjson_val *
twice(yyjson_val *obj)
{
	struct hash_map seen = { 0 };
	size_t i, max, at = 0;
	yyjson_val *k, *e, *bad = NULL;
	uint64_t *had;

	yyjson_obj_foreach(obj, i, max, k, e) {
		if (max <= FEW) {
			if (yyjson_obj_getn(obj, yyjson_get_str(k), yyjson_get_len(k)) != e)
				return k;
			continue;
		}
		had = hash_add(&seen, hash_64(yyjson_get_str(k), yyjson_get_len(k), 0));
		if (had == NULL || *had != 0) {
			bad = k;
			break;
		}
		*had = ++at;
	}
	hash_free(&seen);
	return bad;
}

static int
wrong(struct ss_err *err, const char *where, const char *what)
{
	return err_set(err, SS_EXIT_USAGE, "%s %s", where, what);
}

/* An object whose members are leaves: names that fit, none twice. */
static int
check_group(yyjson_val *v, const char *where, int scalars, struct ss_err *err)
{
	yyjson_val *k, *e;
	size_t i, max;

	if (v == NULL)
		return 0;
	if (!yyjson_is_obj(v))
		return wrong(err, where, "is not an object");
	if ((k = twice(v)) != NULL)
		return err_set(err, SS_EXIT_USAGE, "%s has '%.60s' twice", where,
		    yyjson_get_str(k));
	yyjson_obj_foreach(v, i, max, k, e) {
		if (yyjson_get_len(k) > NAME_MAX_BYTES)
			return err_set(err, SS_EXIT_USAGE, "%s has a name of more than %d bytes",
			    where, NAME_MAX_BYTES);
		if (scalars && yyjson_is_ctn(e))
			return err_set(err, SS_EXIT_USAGE, "%s: '%.60s' is not a plain value",
			    where, yyjson_get_str(k));
	}
	return 0;
}

static int
check_scalar(yyjson_val *state, const char *key, struct ss_err *err)
{
	yyjson_val *v = yyjson_obj_get(state, key);

	return v != NULL && yyjson_is_ctn(v) ? wrong(err, key, "is not a plain value") : 0;
}

static int
check_state(yyjson_val *state, int item, struct ss_err *err)
{
	yyjson_val *v = yyjson_obj_get(state, "levels"), *options =
	    yyjson_obj_get(state, "options"), *k, *e, *bad;
	yyjson_val *images = yyjson_obj_get(state, "images");
	size_t i, max;

	if ((bad = twice(state)) != NULL)
		return err_set(err, SS_EXIT_USAGE, "'%.60s' stands twice", yyjson_get_str(bad));
	if (check_scalar(state, "sku", err) == -1 || check_scalar(state, "product", err) == -1 ||
	    check_group(yyjson_obj_get(state, "fields"), "fields", 0, err) == -1 ||
	    check_group(v, "levels", 0, err) == -1)
		return -1;
	yyjson_obj_foreach(v, i, max, k, e)
		if (check_group(e, "a location's levels", 1, err) == -1)
			return -1;
	if ((item || yyjson_is_obj(options)) && check_group(options, "options", item, err) == -1)
		return -1;
	return yyjson_is_obj(images) ? check_group(images, "images", 0, err) : 0;
}

int
diff_event_check(const struct event *ev, struct ss_err *err)
{
	yyjson_val *items = yyjson_obj_get(ev->data, "items"), *item;
	int product = diff_event_kind(ev) == 2;
	size_t i, max;

	if (ev->subject.n == 0)
		return wrong(err, "subject", product ? "(the product's handle) is missing" :
		    "(the SKU) is missing");
	if (!yyjson_is_obj(ev->data))
		return wrong(err, "data", "is not an object");
	if (check_state(ev->data, !product, err) == -1)
		return -1;
	if (!product || items == NULL)
		return 0;
	if (!yyjson_is_arr(items))
		return wrong(err, "items", "is not an array");
	yyjson_arr_foreach(items, i, max, item) {
		int rc = yyjson_is_obj(item) ? check_state(item, 1, err) :
		    wrong(err, "it", "is not an object");

		if (rc == -1) {
			err_prefix(err, "item %zu", i + 1);
			return -1;
		}
	}
	return 0;
}
