#ifndef SS_PEER_LAYOUT_H
#define SS_PEER_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/json.h"
#include "peer/csv.h"
#include "peer/csvevent.h"

struct ss_err;

/*
 * What the rows of a file mean.  A layout is found by the header line; it takes
 * rows and writes events, one a row or one a run of rows that belong together.
 * Each kind has its own file: layoutitem.c, layoutproduct.c, layoutrow.c.
 */
struct layout_header {
	struct json_span *name;		/* as they stand, outer blanks cut off */
	struct json_span *norm;		/* in lower case */
	size_t n;
	char *text;
};

struct layout_opts {
	const char *location;	/* of level columns that name none */
	const char *map;	/* text of the jq program, or NULL */
	const char *map_name;
	int rows;
};

struct layout {
	const char *name;	/* "Shopify products" */
	/* Take a row; it has as many cells as the header.  1 taken, 0 it is bad
	 * (*bad says why, nothing was written for it), -1. */
	int (*row)(struct layout *l, const struct csv_row *row, struct csvevent_bad *bad,
	    struct ss_err *err);
	/* No further row: write what is held. */
	int (*end)(struct layout *l, struct ss_err *err);
	void (*free)(struct layout *l);
};

/* Copy a row as header.  Free with layout_header_free. */
int layout_header(struct layout_header *h, const struct csv_row *row, struct ss_err *err);
void layout_header_free(struct layout_header *h);
/* The header as JSON array. */
void layout_header_json(const struct layout_header *h, struct buf *b);

/* The layout for that header; NULL with SS_EXIT_USAGE and what to do when none
 * fits.  h, o and e are borrowed and outlive it.  Free with l->free(l). */
struct layout *layout_open(const struct layout_header *h, const struct layout_opts *o,
    struct csvevent *e, struct ss_err *err);

/* How the cells of a column are taken.  TEXT: as they are. */
enum layout_cell { LAYOUT_TEXT, LAYOUT_TRIM, LAYOUT_DECIMAL };

/* A column that becomes a member; a list of them grows with layout_col. */
struct layout_col {
	size_t col;
	enum layout_cell kind;
	struct json_span name;	/* in the header, for messages */
	struct buf key;		/* "price": with a comma before it */
};
struct layout_cols {
	struct layout_col *v;
	size_t n;
};
int layout_col(struct layout_cols *c, size_t col, enum layout_cell kind, struct json_span name,
    const char *key, size_t n, struct ss_err *err);
void layout_cols_free(struct layout_cols *c);

/* A cell's text; outer blanks cut off unless kind is LAYOUT_TEXT, and without
 * the ' that guards a text against spreadsheets. */
struct json_span layout_value(const struct csv_cell *c, enum layout_cell kind);
/* 1 if there is nothing but blanks. */
int layout_blank(const struct csv_cell *c);
/* Append the columns of row as members, each with a comma in front.  1, or 0
 * with *bad. */
int layout_put(struct buf *b, const struct layout_cols *cols, const struct csv_row *row,
    struct csvevent_bad *bad);
/* Append an integer, in the one spelling that JSON has.  1, or 0 with *bad. */
int layout_integer(struct buf *b, struct json_span s, struct json_span name,
    struct csvevent_bad *bad);
/* Fill *bad with class value; the text is "NAME: why: 'cell'".  Returns 0. */
int layout_bad(struct csvevent_bad *bad, const char *code, struct json_span name, const char *why,
    struct json_span cell);
/* Add handle/value1/value2 with % and / escaped; trailing blank values left out. */
void layout_subject(struct buf *b, struct json_span handle, const struct json_span *value,
    size_t n);

#endif /* !SS_PEER_LAYOUT_H */
