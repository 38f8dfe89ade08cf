#ifndef SS_FLOW_DIFF_INTERNAL_H
#define SS_FLOW_DIFF_INTERNAL_H

/* Shared by diff*.c only. */

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "event/event.h"
#include "event/filter.h"
#include "store/ledger.h"

/* --- diff_event.c: the keys and leaves that an event speaks of --- */

/* One row: an item by its subject, a product by its handle. */
struct diff_key {
	uint64_t key;		/* hash of kind and subject */
	uint32_t first, n;	/* its leaves in diff_keys.leaf */
};

struct diff_keys {
	struct diff_key *v;
	size_t n, cap;
	uint64_t *leaf;		/* hashes, leaf.h */
	size_t nleaf, capleaf;
	struct buf subject, canon;	/* scratch */
};

uint64_t diff_event_key(char kind, struct json_span subject);
/* Append the rows of ev, with the hashes of their leaves when leaves is set.
 * 0, 1 the event is not of the form (diff_event_check says why), -1 without
 * memory. */
int diff_event_keys(struct diff_keys *k, const struct event *ev, int leaves);
void diff_event_clear(struct diff_keys *k);
void diff_event_free(struct diff_keys *k);

/* 1 for item.*, 2 for product.*, else 0. */
int diff_event_kind(const struct event *ev);
/* 1 for item.observed and product.observed. */
int diff_event_observed(const struct event *ev);
/* 0 when the event is of the form, else -1 with the reason in *err.  Members
 * that stand twice are refused too. */
int diff_event_check(const struct event *ev, struct ss_err *err);

/* --- diff_table.c: what is known, as hashes --- */

/*
 * Open addressing; a slot is the place of a record in the arena (40 bits), how
 * many leaves it has (8 bits) and 16 bits of the key.  A record is the key's
 * hash, an extra word where the table has such, then the leaves' hashes.
 *
 * A hash decides: a leaf that changed is taken for unchanged when its 64-bit
 * hash equals one of at most DIFF_LEAVES hashes of that very row.  The odds are
 * 12 in 2^64, or 1 in 1.5e18, for each changed leaf: with a thousand million
 * changed leaves a day one in 4 million years.  Two keys with one hash are seen
 * when the second is added (both go the slow way); a key that is not in the
 * table and has the hash of one that is (1 in 1.8e13 with a million rows) must
 * besides agree in every leaf to be taken for it.
 */
#define DIFF_LEAVES 12
#define DIFF_WAIT 32
#define DIFF_MANY 255	/* no leaves kept: look at the row itself */

struct diff_table {
	uint64_t *slot;
	size_t cap, n;
	uint64_t *arena;
	size_t len, room;
	unsigned extra;		/* 0 or 1 words between key and leaves */
	uint64_t wait[DIFF_WAIT];	/* slots to be filled, on their way into the cache */
	unsigned waiting;
};

/* Room for n keys at once; -1 without memory. */
int diff_table_reserve(struct diff_table *t, size_t n);
/* A record begins; n > DIFF_LEAVES makes it DIFF_MANY.  The caller fills in the
 * extra word and n leaves.  *twice is set when the key was there: it then is
 * DIFF_MANY and nothing is to be filled in but the extra word, which still holds
 * the old value.  NULL without memory. */
uint64_t *diff_table_add(struct diff_table *t, uint64_t key, size_t n, int *twice);
/* The same where keys hardly ever stand twice, and many are added: a key that
 * does is found out later, and then its extra word is 0.  Nothing is found before
 * diff_table_settle. */
uint64_t *diff_table_append(struct diff_table *t, uint64_t key, size_t n);
void diff_table_settle(struct diff_table *t);
/* The record's words behind the key, NULL if there is none. */
uint64_t *diff_table_get(const struct diff_table *t, uint64_t key, unsigned *n);
/* 1 when the row has every one of the n hashes; 0 when it is to be looked at. */
int diff_table_holds(const struct diff_table *t, uint64_t key, const uint64_t *leaf, size_t n);
/* Bring the slot, then the record of key into the cache ahead of that. */
void diff_table_fetch_slot(const struct diff_table *t, uint64_t key);
void diff_table_fetch_record(const struct diff_table *t, uint64_t key);
void diff_table_free(struct diff_table *t);

/* --- diff_narrow.c: what of an event differs --- */

struct diff_leaf {
	struct json_span path, value;	/* value: JSON text */
};

/* A known row, its leaves sorted by path. */
struct diff_row {
	struct diff_leaf *v;
	size_t n, cap;
};
int diff_row_add(struct diff_row *row, struct json_span path, struct json_span value);
const struct diff_leaf *diff_row_find(const struct diff_row *row, struct json_span path);

/* Fill row (given empty) with what is known: 1, 0 no such row, -1. */
typedef int diff_known_fn(void *ctx, char kind, struct json_span subject, struct diff_row *row,
    struct ss_err *err);

struct diff_narrow {
	diff_known_fn *known;
	void *ctx;
	/* all zero at first */
	struct diff_row row;
	struct buf data, set, was, path, subject, canon[2];
	struct json_mem vmem;
	/* of the call under way */
	const struct json_mem *mem;
	const char *text;
	int whole, forget, product;
	struct json_span handle, items;
	struct buf *into;
	struct ss_err *err;
};

/*
 * Make n->data, the data of the narrowed event.  ev was parsed with mem from
 * the text that begins at ev->line.p, and checked.  whole: with everything, as
 * something is under way; forget: as if nothing were known.  1 something
 * differs, or whole; 0 nothing; -1.
 */
int diff_narrow(struct diff_narrow *n, const struct event *ev, const struct json_mem *mem,
    int whole, int forget,
    struct ss_err *err);
void diff_narrow_free(struct diff_narrow *n);
/* "item.changed" or "product.changed", quoted, for ev. */
struct json_span diff_narrow_type(const struct event *ev);

/* --- diff.c: the filter --- */

#define GROUP 32		/* events looked up together */

/* One event that waits for its group. */
struct pending {
	uint64_t place;
	size_t line, n;		/* its text in lines */
	size_t first, keys;	/* its rows */
	uint64_t spelled;	/* leaf_spelled_text, 0: its leaves are in keys */
};

struct diff {
	const char *home;
	struct json_span target;
	const struct clock *clock;
	struct rng *rng;

	struct log *log;
	struct ledger *ledger;	/* NULL: nothing is recorded */
	struct ledger_view *view;
	unsigned looks;		/* in this view */
	uint64_t applied;	/* every view is made from the log up to here at least */
	int started;

	/* what is under way, by key: held has the lowest place of a row (0: an
	 * intent), sent the place that was let through (FOR_EVER: more than one) */
	struct hash_map held, sent;
	int all_held;

	uint64_t seen, enough;	/* events of this turn; when to read all rows */
	int loaded;		/* all rows are in table, with their leaves' hashes or */
	int leaves;		/* without: most times the spelling tells */
	struct diff_table table;

	struct pending group[GROUP];
	unsigned n;
	struct buf lines;
	struct diff_keys keys;	/* of the group */
	unsigned by_leaf;	/* groups to come in which spelling is not tried */

	struct json_mem mem;	/* of the event that is looked at closely */
	struct event ev;
	struct diff_keys own;	/* its keys */
	struct diff_narrow narrow;
	struct json_mem line_mem;
	struct buf line;
};

/* --- diff_way.c: what is under way --- */

/* d->view as of now or a little earlier, at least as new as d->applied. */
int diff_view(struct diff *d, struct ss_err *err);
void diff_view_drop(struct diff *d);

struct diff_holding {
	struct diff *d;
	struct ss_err *err;
};
/* Note the keys of an open row, or of an intent; for ledger_exceptions and
 * ledger_intents with a struct diff_holding. */
int diff_hold_row(void *ctx, const struct ledger_exc *e);
int diff_hold_intent(void *ctx, struct json_span id, uint64_t place);
/* Is something earlier of this key than place under way?  1, 0, -1. */
int diff_under_way(struct diff *d, const struct filter *f, uint64_t key, uint64_t place, struct ss_err *err);
/* Note that an event of this key is let through; behind: another one is. */
int diff_let_through(struct diff *d, uint64_t key, uint64_t place, int behind, struct ss_err *err);

#endif /* !SS_FLOW_DIFF_INTERNAL_H */
