/* hs_items - the JSON of items: numbers keep their digits all the way through */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#include "hs_items.h"
#include "hs_util.h"

/* Deeper than this an object takes the other's place whole: recursion ends. */
#define MERGE_DEPTH 64

static yyjson_doc *
parse(const char *p, size_t n, yyjson_read_err *err)
{
	return yyjson_read_opts((char *)(uintptr_t)p, n, YYJSON_READ_NUMBER_AS_RAW, NULL, err);
}

static char *
finish(yyjson_mut_doc *d, yyjson_mut_val *root, size_t *n)
{
	char *p;

	yyjson_mut_doc_set_root(d, root);
	p = yyjson_mut_write(d, 0, n);
	yyjson_mut_doc_free(d);
	if (!p)
		hs_die("write JSON: out of memory");
	return p;
}

static yyjson_val *
key_member(yyjson_val *obj, const char **name)
{
	yyjson_val *v = yyjson_obj_get(obj, *name = "key");

	return v ? v : yyjson_obj_get(obj, *name = "sku");
}

static int
take(struct item *it, yyjson_val *obj)
{
	const char *name;
	yyjson_val *k, *key = key_member(obj, &name);
	yyjson_mut_doc *d;
	yyjson_mut_val *out;
	yyjson_obj_iter iter;

	if (!yyjson_is_str(key) || yyjson_get_len(key) == 0)
		return -1;
	d = yyjson_mut_doc_new(NULL);
	out = yyjson_mut_obj(d);
	yyjson_obj_iter_init(obj, &iter);
	while ((k = yyjson_obj_iter_next(&iter))) {
		yyjson_val *v = yyjson_obj_iter_get_val(k);

		if (v != key)
			yyjson_mut_obj_add(out, yyjson_val_mut_copy(d, k), yyjson_val_mut_copy(d, v));
	}
	it->text = finish(d, out, &it->tlen);
	it->klen = yyjson_get_len(key);
	it->key = hs_memdup(yyjson_get_str(key), it->klen);
	return 0;
}

static yyjson_val *
list_of(yyjson_val *root)
{
	const char *name;
	yyjson_val *v;

	if (yyjson_is_arr(root))
		return root;
	if (key_member(root, &name))
		return NULL;	/* an item may well have a member "items" */
	v = yyjson_obj_get(root, "items");
	return yyjson_is_arr(v) ? v : NULL;
}

int
hs_items_parse(struct items *l, const char *body, size_t n, char *why, size_t whylen)
{
	yyjson_read_err err;
	yyjson_doc *doc = parse(body, n, &err);
	yyjson_val *root = yyjson_doc_get_root(doc), *list = list_of(root), *v;
	yyjson_arr_iter it;
	size_t want = list ? yyjson_arr_size(list) : 1;
	int rc = 0;

	*l = (struct items){ 0 };
	if (!doc) {
		snprintf(why, whylen, "not JSON: %s at byte %zu", err.msg, err.pos);
		return -1;
	}
	l->v = hs_realloc(NULL, want * sizeof *l->v);
	if (list)
		yyjson_arr_iter_init(list, &it);
	while (rc == 0 && l->n < want) {
		v = list ? yyjson_arr_iter_next(&it) : root;
		if ((rc = take(&l->v[l->n], v)) == 0)
			l->n++;
		else
			snprintf(why, whylen, "item %zu is not an object with a \"key\" or \"sku\" string", l->n);
	}
	yyjson_doc_free(doc);
	if (rc == -1)
		hs_items_free(l);	/* half a body is none */
	return rc;
}

void
hs_items_free(struct items *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->v[i].key);
		free(l->v[i].text);
	}
	free(l->v);
	*l = (struct items){ 0 };
}

static yyjson_mut_val *
merged(yyjson_mut_doc *d, yyjson_val *old, yyjson_val *patch, int depth)
{
	yyjson_mut_val *out = yyjson_mut_obj(d);
	yyjson_obj_iter a, b;
	yyjson_val *k;

	if (depth == MERGE_DEPTH || !yyjson_obj_iter_init(old, &a) || !yyjson_obj_iter_init(patch, &b))
		return yyjson_val_mut_copy(d, patch);
	/* An iterator looks a name up from where it stands: linear when both have one order. */
	while ((k = yyjson_obj_iter_next(&a))) {
		yyjson_val *v = yyjson_obj_iter_get_val(k);
		yyjson_val *w = yyjson_obj_iter_getn(&b, yyjson_get_str(k), yyjson_get_len(k));

		yyjson_mut_obj_add(out, yyjson_val_mut_copy(d, k),
		    w ? merged(d, v, w, depth + 1) : yyjson_val_mut_copy(d, v));
	}
	yyjson_obj_iter_init(old, &a);
	yyjson_obj_iter_init(patch, &b);
	while ((k = yyjson_obj_iter_next(&b)))
		if (!yyjson_obj_iter_getn(&a, yyjson_get_str(k), yyjson_get_len(k)))
			yyjson_mut_obj_add(out, yyjson_val_mut_copy(d, k),
			    yyjson_val_mut_copy(d, yyjson_obj_iter_get_val(k)));
	return out;
}

char *
hs_items_merge(const char *old, size_t oldlen, const char *patch, size_t n, size_t *outlen)
{
	yyjson_read_err err;
	yyjson_doc *a, *b;
	yyjson_mut_doc *d;
	char *p;

	if (!old) {
		*outlen = n;
		return hs_memdup(patch, n);
	}
	a = parse(old, oldlen, &err);
	b = parse(patch, n, &err);
	d = yyjson_mut_doc_new(NULL);
	p = finish(d, merged(d, yyjson_doc_get_root(a), yyjson_doc_get_root(b), 0), outlen);
	yyjson_doc_free(a);
	yyjson_doc_free(b);
	return p;
}
