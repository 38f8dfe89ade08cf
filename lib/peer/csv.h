#ifndef SS_PEER_CSV_H
#define SS_PEER_CSV_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct ss_err;

/*
 * CSV rows from a stream of blocks.  Quotes mean what they mean to Python's
 * csv module (not strict): a quote opens only as the first byte of a cell, a
 * doubled quote is one, and what stands behind the closing quote belongs to
 * the cell as it is.  LF, CR and CRLF end a row, mixed as they come.  Bytes are
 * looked at 64 at a time; cells point into the block, and only cells that hold
 * doubled quotes are copied.  Memory: one block, or the longest row accepted.
 *
 * Why not libcsv: it trims cells, hides line numbers and calls back per byte.
 */
#define CSV_CELL_MAX ((size_t)1 << 20)
#define CSV_ROW_MAX ((size_t)4 << 20)
#define CSV_COLUMNS_MAX 4096
/* How much of a row is kept for the report when the row itself is too long. */
#define CSV_KEEP ((size_t)128 << 10)

#define CSV_QUOTED 1u	/* stood in quotes */
#define CSV_DIRTY 2u	/* only while scanning: needs its quotes resolved */

struct csv_cell {
	const char *p;
	uint32_t n;
	uint32_t flags;
};

/* What can be wrong with a row as such.  X(name, code, text) */
#define CSV_BADS(X) \
	X(CSV_FINE, "", "") \
	X(CSV_CELL_LONG, "cell-too-long", "a cell is longer than 1 MiB") \
	X(CSV_ROW_LONG, "row-too-long", "the row is longer than 4 MiB") \
	X(CSV_COLUMNS, "too-many-columns", "the row has more than 4096 cells") \
	X(CSV_OPEN_QUOTE, "open-quote", "a quote is opened and never closed")
#define CSV_BAD_ENUM(name, code, text) name,
enum csv_bad { CSV_BADS(CSV_BAD_ENUM) };
#undef CSV_BAD_ENUM

/* All of it is valid until the next csv_next. */
struct csv_row {
	struct csv_cell *cell;	/* room for CSV_COLUMNS_MAX; the caller may rewrite them */
	size_t n;
	const char *raw;	/* as it stood, without line end; too long: the first CSV_KEEP */
	size_t raw_n;
	uint64_t size;		/* of the row as it stood */
	uint64_t number;	/* from 1; blank lines count */
	uint64_t line;		/* its first physical line, from 1 */
	enum csv_bad bad;
	int high;		/* 0: no byte of it is above 0x7f */
};

/* Fill p with up to n bytes; 0 at the end, -1 with *err. */
typedef ssize_t csv_read_fn(void *ctx, char *p, size_t n, struct ss_err *err);

struct csv;

/* delim 0: found from the first line that is not blank, among , ; tab and |
 * (the one that stands there most often outside quotes; none: comma).  NULL
 * without memory.  ctx is borrowed.  Free with csv_close (NULL allowed). */
struct csv *csv_open(char delim, csv_read_fn *read, void *ctx, struct ss_err *err);
void csv_close(struct csv *c);

/* 1 and the next row, 0 at the end, -1 when reading failed (a row begun then is
 * dropped).  A bad row is a row too: look at row->bad first, its cells are not
 * to be used. */
int csv_next(struct csv *c, struct csv_row *row, struct ss_err *err);

/* The delimiter in use; 0 before the first csv_next found it. */
char csv_delimiter(const struct csv *c);

/* The code ("ragged-row") and the text of an enum csv_bad. */
const char *csv_bad_code(enum csv_bad b);
const char *csv_bad_text(enum csv_bad b);

#endif /* !SS_PEER_CSV_H */
