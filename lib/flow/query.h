#ifndef SS_FLOW_QUERY_H
#define SS_FLOW_QUERY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "event/event.h"
#include "event/out.h"

struct cli;
struct ledger;
struct ledger_view;
struct log;
struct ss_err;

/*
 * Questions to the log and its ledger, answered as NDJSON or, for people, as
 * text and tables (ss-track show, list, stats).  Nothing is changed but that
 * the ledger is brought up to date.
 */
struct query {
	struct cli *cli;
	struct log *log;
	struct ledger *ledger;		/* NULL unless asked for */
	struct ledger_view *view;
	uint64_t applied;		/* the place up to which view was made */
	struct out out;			/* standard output */
	int people;			/* text, not NDJSON */
	int color;
};

/* Opens $SS_HOME for reading; with ledger also the ledger, brought up to date.
 * No log there: -1 with SS_EXIT_NO.  people: standard output is a terminal and
 * json was not asked for.  query_close() takes what query_open() left, also
 * after an error. */
int query_open(struct query *q, struct cli *c, int ledger, int json, struct ss_err *err);
void query_close(struct query *q);

/* The events with that id (of any source) as they are stored, each with what
 * became of it in each pipeline.  *found: how many events.  Reads the log
 * alone: no ledger, no index. */
int query_show(struct query *q, const char *id, uint64_t *found, struct ss_err *err);

/* What has no good end. */
struct query_filter {
	const char *state;	/* failed, parked, dead, open; NULL: the first three */
	const char *pipeline, *target, *class;	/* NULL: any */
	uint64_t limit;		/* 0: none */
};
/* *rows: how many were written. */
int query_list(struct query *q, const struct query_filter *f, uint64_t *rows, struct ss_err *err);

/* The accounts, a line per pipeline. */
int query_stats(struct query *q, struct ss_err *err);

/*
 * Text for a terminal (query_text.c).  Values are escaped: control characters,
 * C1, bidirectional controls and what is no UTF-8 come out as \xNN or \u{NNNN}.
 */
int query_text(struct buf *b, const char *p, size_t n);

/* A table whose columns are as wide as their widest cell.  All-zero but cols is
 * valid. */
#define QUERY_COLS 14
struct query_sheet {
	size_t cols, cell;		/* number of columns; cells so far */
	unsigned right;			/* bit i: column i is set right-aligned */
	size_t width[QUERY_COLS];
	struct buf text;		/* cells, each ended by NUL */
};
int query_cell(struct query_sheet *s, const char *p, size_t n);
int query_cells(struct query_sheet *s, const char *text);
int query_cellu(struct query_sheet *s, uint64_t v);
/* Writes it, the first row as its heading.  Frees. */
int query_sheet_put(struct query *q, struct query_sheet *s, struct ss_err *err);
void query_sheet_free(struct query_sheet *s);
/* The escape sequence that begins the colour of a word like "dead" or "ok", ""
 * for none or without colour; "" ends nothing, else "\033[0m" does. */
const char *query_tint(const struct query *q, const char *p, size_t n);

#endif /* !SS_FLOW_QUERY_H */
