#ifndef SS_EVENT_LEAF_H
#define SS_EVENT_LEAF_H

#include <stddef.h>
#include <stdint.h>

#include "event/json.h"

struct buf;
struct yyjson_val;

/*
 * Desired state leaf by leaf.  Of an object like
 *   {"sku":"A","fields":{"price":"12.50"},"levels":{"main":{"available":12}}}
 * the leaves are fields/price and levels/main/available; options (of an item)
 * are options/NAME; options and images of a product are one leaf each.  sku,
 * product, items, at and the like are no leaves.
 */
typedef int leaf_fn(void *ctx, struct json_span path, struct yyjson_val *value);
/* Stops when each answers non-zero and returns that; -1 also without memory. */
int leaf_each(struct yyjson_val *state, leaf_fn *each, void *ctx);

/* The value in the one spelling that equality goes by (design 2): money,
 * weights and levels as decimals, tags as a sorted set, booleans by meaning,
 * null as blank, else its text.  Appended to out. */
int leaf_canon(struct json_span path, struct yyjson_val *value, struct buf *out);
/* 64-bit hash of path and canonical value.  scratch is cleared. */
uint64_t leaf_hash(struct json_span path, struct yyjson_val *value, struct buf *scratch);
/* The same from the value's JSON text; mem is only used where it must be read.
 * 0 for what is not JSON. */
uint64_t leaf_hash_text(struct json_span path, struct json_span text, struct json_mem *mem, struct buf *scratch);

/*
 * A 64-bit hash of the members that hold leaves as they are spelled, never 0
 * when there is one, 0 when there is none.  Two states with the same have the
 * same leaves; other spellings of the same leaves have others.  leaf_spelled
 * takes them as json_write writes them, leaf_spelled_text as they stand in
 * state, whose text is whole, of what mem read at p.
 */
uint64_t leaf_spelled(struct yyjson_val *state, struct buf *scratch);
uint64_t leaf_spelled_text(const struct json_mem *mem, const char *p, struct yyjson_val *state, struct json_span whole);

/* The business key of an item: its sku, else handle/value1/value2/value3 with
 * % and / escaped; appended to out. */
int leaf_item_subject(struct yyjson_val *item, struct json_span handle, struct buf *out);

/* Where the state stands in an event's data: data.set of a narrowed event, else
 * data itself. */
struct yyjson_val *leaf_state(struct yyjson_val *data);

#endif /* !SS_EVENT_LEAF_H */
