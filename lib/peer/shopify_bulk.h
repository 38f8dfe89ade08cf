#ifndef SS_PEER_SHOPIFY_BULK_H
#define SS_PEER_SHOPIFY_BULK_H

#include <stddef.h>
#include <stdint.h>

#include "event/json.h"

struct buf;
struct ss_err;
struct yyjson_val;

/*
 * The result of a bulk query: JSON lines, one an object, where an object of a
 * nested connection names its parent in __parentId.  Parents come before their
 * children, but other objects may stand between them.
 * https://shopify.dev/docs/api/usage/bulk-operations/queries#the-jsonl-data-format
 *
 * Roots are held with their children until the end, or until what is held passes
 * `window` bytes: then the root that was longest without a new child is given out.
 * A child that comes later still is given out by itself, with what the caller
 * wanted kept of its root.  So each line is given out once, whatever the order.
 *
 * Memory: window, and one line parsed, and for each id that may be named as a parent
 * 32 to 64 bytes, for each root 16 to 32 and what is kept of it, together at most
 * `known` bytes (then it ends with an error).  A million variants, with the ids of
 * their inventory items, came to 128 MiB in all.  Ids are told apart by 96 bits of
 * their hashes (XXH3), which no two ids of one shop share but by a miracle.
 *
 * Invariants: 1 a root is held or was given out, never both; 2 held is the sum of
 * what the held groups take; 3 objects = roots + children given out or held +
 * orphans.
 */
struct shopify_group {
	struct json_span root;		/* the lines' texts, no newline */
	const struct json_span *child;
	size_t n;
};

struct shopify_bulk_config {
	size_t window;		/* 0: 32 MiB */
	size_t known;		/* 0: 512 MiB */
	size_t max_line;	/* 0: 16 MiB */
	int deep;		/* children have children too */
	/* A member of the root whose id stands for the root as well ("inventoryItem":
	 * its levels may name either as their parent); NULL: none.  Borrowed. */
	const char *alias;
	/* A root with its children.  What is appended to keep is given to late; -1 stops. */
	int (*group)(void *ctx, const struct shopify_group *g, struct buf *keep, struct ss_err *err);
	/* A child of a root that was given out. */
	int (*late)(void *ctx, struct json_span kept, struct json_span child, struct ss_err *err);
	void *ctx;
};

struct shopify_bulk_counts {
	uint64_t objects, roots;	/* lines; those without a parent */
	uint64_t late;
	uint64_t orphans;		/* children whose parent was not there before them: given to nobody */
	char orphan[128];		/* the parent that the first of them names */
};

struct shopify_bulk;
/* cfg is copied; group and late are needed.  NULL without memory.  Free with shopify_bulk_close. */
struct shopify_bulk *shopify_bulk_open(const struct shopify_bulk_config *cfg, struct ss_err *err);
void shopify_bulk_close(struct shopify_bulk *b);	/* NULL allowed */

/* Any piece of the file, in order.  -1: what is no object, an id that comes twice, a
 * line or a result too large (SS_EXIT_DAMAGE, with the line), or what the callbacks
 * answered; do not go on then. */
int shopify_bulk_feed(struct shopify_bulk *b, const char *p, size_t n, struct ss_err *err);

/* The file has ended: give out what is held, oldest first.  objects, roots: what the
 * job says to have written (UINT64_MAX: not known); another number is a file cut short
 * (SS_EXIT_AGAIN), and so is a last line that is not whole.  Orphans are
 * SS_EXIT_DAMAGE.  All that came was given out even so. */
int shopify_bulk_end(struct shopify_bulk *b, uint64_t objects, uint64_t roots, struct ss_err *err);

struct shopify_bulk_counts shopify_bulk_counts(const struct shopify_bulk *b);
/* Bytes taken now, and at most so far. */
size_t shopify_bulk_memory(const struct shopify_bulk *b, size_t *peak);

/*
 * A bulkOperation as the API shows it.  A status that is not known is OTHER: ask
 * again.  Only COMPLETED has all there is; url is absent when nothing was found.
 * https://shopify.dev/docs/api/admin-graphql/latest/objects/BulkOperation
 */
enum shopify_job_status { SHOPIFY_JOB_OTHER, SHOPIFY_JOB_RUNNING, SHOPIFY_JOB_COMPLETED, SHOPIFY_JOB_ENDED };
struct shopify_job {
	enum shopify_job_status status;	/* ENDED: failed, cancelled or expired */
	struct json_span word;		/* the status as it came */
	struct json_span id, error, url, partial_url;	/* {NULL,0}: none */
	uint64_t objects, roots, size;	/* UINT64_MAX: not said */
};
/* -1: v is no job. */
int shopify_bulk_job(struct shopify_job *j, struct yyjson_val *v);

#endif /* !SS_PEER_SHOPIFY_BULK_H */
