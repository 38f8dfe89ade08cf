#ifndef SS_STORE_ROWS_H
#define SS_STORE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "event/json.h"

struct ss_err;

/*
 * Look-up tables: HOME/state/tables/NAME.mdb, one LMDB file a table, from key to
 * row (a JSON object on one line).
 *
 * Invariants: 1. A published file is never written again: a load builds a new
 * one aside, syncs it, renames it over the old one and syncs the directory, so
 * that a reader and a power cut see the old or the new table, whole.  2. LMDB
 * keeps what its readers need in NAME.mdb-lock, which belongs to one file: it is
 * removed with the file that it stands beside.  Both happen under an exclusive
 * lock of tables/.lock, which opening takes shared.  3. One load of a table at
 * a time (tables/.NAME.load), so that no --add is lost.
 *
 * A name has 1 to 64 of A-Z a-z 0-9 . _ - and does not begin with a dot.  A key
 * longer than 400 bytes stands in the table as a hash of 128 bits.
 */
struct rows;

int rows_check_name(const char *name, struct ss_err *err);

/* A table that does not exist (yet) opens too: it has nothing.  Free with
 * rows_close (NULL allowed). */
int rows_open(struct rows **out, const char *home, const char *name, struct ss_err *err);
void rows_close(struct rows *r);
/* Take up a table that came, went or was replaced since.  Spans from rows_get
 * are no longer valid. */
int rows_fresh(struct rows *r, struct ss_err *err);
/* 1 when there is such a table. */
int rows_exists(const struct rows *r);
/* 1 with the row, 0 not there, -1. */
int rows_get(struct rows *r, const char *key, size_t n, struct json_span *row, struct ss_err *err);
/* The same without the row. */
int rows_has(struct rows *r, const char *key, size_t n, struct ss_err *err);
int rows_count(struct rows *r, uint64_t *n, struct ss_err *err);
/* Every table's name, in order; stops on non-zero, which is handed back. */
int rows_names(const char *home, int (*each)(void *ctx, const char *name), void *ctx,
    struct ss_err *err);

/* A new version of a table.  add: begin with what is there.  Another load of
 * the table is waited for.  What was put is there after rows_load_publish, not
 * before; rows_load_close (NULL allowed) without it leaves all as it was. */
struct rows_load;
int rows_load_open(struct rows_load **out, const char *home, const char *name, int add,
    struct ss_err *err);
/* Of two rows with one key the later stays. */
int rows_load_put(struct rows_load *l, const char *key, size_t kn, const char *row, size_t rn,
    struct ss_err *err);
int rows_load_publish(struct rows_load *l, struct ss_err *err);
void rows_load_close(struct rows_load *l);

#endif /* !SS_STORE_ROWS_H */
