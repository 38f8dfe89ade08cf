#ifndef SS_PEER_LAYOUTPLAN_H
#define SS_PEER_LAYOUTPLAN_H

#include "peer/layout.h"

/*
 * How a file about items is read, for layoutitem.c: which column is the SKU,
 * which are fields, and which are levels of which location.  Four kinds of
 * header come down to this.
 */
#define LAYOUTPLAN_NONE ((size_t)-1)
#define LAYOUTPLAN_OPTIONS 3

struct layoutplan_level {
	size_t col;
	struct json_span name;	/* in the header */
	struct buf key;		/* "available": */
	int stocked;		/* here "not stocked" is an order, elsewhere it is no number */
};

/* Levels of one location. */
struct layoutplan_place {
	struct buf key;		/* "main":{ ; empty: the row says which */
	struct layoutplan_level *v;
	size_t n;
};

struct layoutplan {
	const char *name;	/* of the layout */
	const struct layout_header *h;
	size_t sku, product, location;	/* columns, or LAYOUTPLAN_NONE */
	size_t opt_name[LAYOUTPLAN_OPTIONS], opt_value[LAYOUTPLAN_OPTIONS];
	int inventory;		/* one of Shopify's: options, "not stocked" */
	struct layout_cols fields;
	struct layoutplan_place *place;
	size_t nplace;
};

/* 1 and *p for a header of such a file; 0 it is none; -1 it has an error in it
 * (SS_EXIT_USAGE).  h is borrowed.  After 1 free with layoutplan_free. */
int layoutplan_make(struct layoutplan *p, const struct layout_header *h,
    const struct layout_opts *o, struct ss_err *err);
void layoutplan_free(struct layoutplan *p);

#endif /* !SS_PEER_LAYOUTPLAN_H */
