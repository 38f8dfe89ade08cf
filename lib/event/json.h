#ifndef SS_EVENT_JSON_H
#define SS_EVENT_JSON_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct ss_err;
struct yyjson_doc;
struct yyjson_val;

/*
 * JSON over yyjson.  Numbers are kept as the text they came in (ids of 64
 * bits, prices), so nothing here ever makes a double of one.
 */

/* A piece of somebody else's bytes. */
struct json_span {
	const char *p;
	size_t n;
};

/* Memory for one document at a time, reused; all-zero is valid. */
struct json_mem {
	void *pool;
	size_t cap;
	struct yyjson_doc *doc;
};
void json_mem_free(struct json_mem *m);

/* Deepest nesting accepted. */
#define JSON_DEPTH 512

/*
 * Read one JSON text of n bytes (RFC 8259, UTF-8, no BOM).  The document lives
 * until the next json_read on the same memory.  NULL with the byte offset and
 * the reason in *err.  p is not kept, but spans from json_raw need it.
 */
struct yyjson_val *json_read(struct json_mem *m, const char *p, size_t n, struct ss_err *err);

/*
 * The bytes of member values as they came: for every member of the object obj,
 * calls each(key, value, raw) where raw is the value's text within the text
 * that was read at p.  whole is obj's own text ({…}) within p.  Stops when
 * each returns non-zero and returns that.
 */
typedef int json_member_fn(void *ctx, struct json_span key, struct yyjson_val *val, struct json_span raw);
int json_members(const struct json_mem *m, const char *p, struct yyjson_val *obj,
    struct json_span whole, json_member_fn *each, void *ctx);

/* The same for one member, next being the key after it or NULL. */
struct json_span json_value(const struct json_mem *m, const char *p, struct yyjson_val *key,
    struct yyjson_val *next, struct json_span whole);

/* Append a JSON string of n bytes of valid UTF-8 with its quotes; invalid
 * bytes become U+FFFD.  Escapes what RFC 8259 requires and DEL. */
int json_put_str(struct buf *b, const char *p, size_t n);
int json_put_cstr(struct buf *b, const char *s);
/* ,"key":"text" — the comma left out when the last byte of b is {. */
int json_put_member(struct buf *b, const char *key, const char *p, size_t n);

/* What a value is; JSON_NONE for NULL. */
enum json_type { JSON_NONE, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
enum json_type json_type(struct yyjson_val *v);
/* The string of a JSON string value, {NULL,0} for anything else. */
struct json_span json_str(struct yyjson_val *v);
/* Member of an object by key, NULL if absent or v is no object. */
struct yyjson_val *json_get(struct yyjson_val *v, const char *key);
/* Element i of an array, NULL if there is none or v is no array. */
struct yyjson_val *json_at(struct yyjson_val *v, size_t i);
/* Walk an array in order, each step at one cost: json_at in a loop goes from the
 * front every time.  { NULL } for what is no array. */
struct json_walk {
	struct yyjson_val *next;
	size_t left;
};
struct json_walk json_walk(struct yyjson_val *v);
/* The next element, NULL at the end. */
struct yyjson_val *json_next(struct json_walk *w);
/* The same over the members of an object, in the order they came. */
struct json_pairs {
	struct yyjson_val *next;
	size_t left;
};
struct json_pairs json_pairs(struct yyjson_val *v);
/* The next member's value and its name, NULL at the end. */
struct yyjson_val *json_pair(struct json_pairs *p, struct json_span *name);
/* Scalar as text: string contents, number text, true, false; {NULL,0} for null
 * and containers. */
struct json_span json_scalar(struct yyjson_val *v);
/* An unsigned integer (number text or string of digits); -1 if it is none. */
int json_u64(struct yyjson_val *v, uint64_t *out);
/* Write any value compactly with its numbers as they came. */
int json_write(struct buf *b, struct yyjson_val *v);

/* 1 if the n bytes are valid UTF-8. */
int json_utf8(const char *p, size_t n);

/*
 * A decimal number in one spelling: sign, no leading zeros, no trailing zeros
 * of the fraction, exponent resolved when |exponent| <= 64: "10.00" -> "10",
 * "1e2" -> "100", "-0" -> "0".  -1 if the text is not a number (a leading + or
 * spaces around are allowed, digit grouping is not) or over 256 digits.
 */
int json_decimal(const char *p, size_t n, struct buf *out);

#endif /* !SS_EVENT_JSON_H */
