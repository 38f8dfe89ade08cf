#ifndef SHOPIFY_BODY_H
#define SHOPIFY_BODY_H

/* What the tests of request bodies share.  Include after cmocka.h and shopify_build.h. */

#define S(text) { text, sizeof(text) - 1 }
#define SPAN(text) ((struct json_span){ text, strlen(text) })
#define none ((struct json_span){ NULL, 0 })

/* Memory of each json_read is its own, so that several values live at once. */
struct value {
	struct json_mem mem;
	struct yyjson_val *v;
};

static inline struct yyjson_val *
value(struct value *v, const char *text)
{
	struct ss_err err = { .text = "" };

	v->v = text == NULL ? NULL : json_read(&v->mem, text, strlen(text), &err);
	if (text != NULL && v->v == NULL)
		fail_msg("%s: %s", text, err.text);
	return v->v;
}

/* The body is one JSON object of a document, and its variables are these. */
static inline void
assert_variables(const struct buf *b, enum shopify_doc doc, const char *want)
{
	const struct shopify_doc_info *d = shopify_doc(doc);
	struct json_mem mem = { 0 };
	struct ss_err err = { .text = "" };
	struct yyjson_val *v = json_read(&mem, b->p, b->len, &err);
	struct json_span s;
	struct buf out = { 0 };

	if (v == NULL)
		fail_msg("%s in %.*s", err.text, (int)b->len, b->p);
	s = json_str(json_get(v, "query"));
	assert_int_equal(s.n, d->text->n);
	assert_memory_equal(s.p, d->text->text, s.n);
	s = json_str(json_get(v, "operationName"));
	assert_int_equal(s.n, strlen(d->text->operation));
	assert_memory_equal(s.p, d->text->operation, s.n);
	(void)json_write(&out, json_get(v, "variables"));
	if (out.len != strlen(want) || memcmp(out.p, want, out.len) != 0)
		fail_msg("%s:\nhave %.*s\nwant %s", d->name, (int)out.len, out.p, want);
	buf_free(&out);
	json_mem_free(&mem);
}

#endif /* !SHOPIFY_BODY_H */
