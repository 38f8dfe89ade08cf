#ifndef SS_FLOW_LOOKUP_H
#define SS_FLOW_LOOKUP_H

#include "event/filter.h"

struct ss_err;

/*
 * ss-lookup: rows of a keyed table (store/rows.h) joined into events.
 *
 * A row that is there becomes data.INTO; all else keeps its bytes.  One that is
 * not there parks the event until it is, or a deadline: ss.parked says which
 * table and key it waits for.  item.* and product.* pass a parked event of their
 * order key; any other type that comes behind one in the same turn is parked
 * behind it, so that they are released in order.
 */
struct lookup;

enum lookup_miss { LOOKUP_PARK, LOOKUP_PASS, LOOKUP_DEAD };

struct lookup_opts {
	const char *home, *table;
	const char *by;		/* ".data.sku", or an attribute's name; NULL: subject */
	const char *into;	/* NULL: the table's name */
	int64_t deadline;	/* ms from now */
	enum lookup_miss miss;
};

/* Options are borrowed.  *there, if not NULL: 0 when the table does not exist yet
 * (everything is missing then). */
int lookup_open(struct lookup **out, const struct lookup_opts *o, int *there, struct ss_err *err);
void lookup_close(struct lookup *l);	/* NULL allowed */

/* For filter_run, with a struct lookup as context. */
extern const struct filter_ops lookup_ops;

/* Filling a table from NDJSON objects, or CSV with a header; which of them it is
 * is seen from the first byte.  A row that cannot be used stops it, with the
 * line named and the table as it was. */
struct lookup_load {
	const char *home, *table;
	const char *key;	/* the member or column; NULL: "key" */
	const char *file;	/* NULL or "-": standard input */
	int add;		/* into what is there, instead of replacing it */
	int empty;		/* replacing rows by none is meant */
};

int lookup_load(const struct lookup_load *o, struct ss_err *err);

#endif /* !SS_FLOW_LOOKUP_H */
