#ifndef SS_STORE_LEDGER_INTERNAL_H
#define SS_STORE_LEDGER_INTERNAL_H

/* Shared by ledger*.c only. */

#include "base/err.h"
#include "store/ledger.h"
#include "store/log.h"
#include "store/table.h"

enum ledger_db {
	DB_META,	/* "applied" -> BE64; "line" -> BE64 sum of the line there; "format" */
	DB_OPEN,	/* pipeline NUL BE64(first) -> BE64(last) */
	DB_PIPE,	/* pipeline -> struct pipe_row */
	DB_EXC,		/* pipeline NUL BE64(place) -> BE64(since) + outcome line */
	DB_DEAD,	/* the same for what is dead */
	DB_SEEN,	/* hash of (source, id) -> BE64(place) */
	DB_KNOWN,	/* target NUL kind subject -> leaves */
	DB_HELD,	/* the same -> hashes of the leaves */
	DB_INTENT,	/* target NUL intent id -> BE64(place) */
	DB_CURSOR,	/* source NUL what NUL name -> JSON */
	DB_CRASH,	/* pipeline -> BE64 n, first, last */
	DB_COUNT
};
extern const char *const ledger_dbs[DB_COUNT + 1];	/* their names, and NULL */

#define LEDGER_FORMAT "3"

/* Numbers of a pipeline, little-endian in the table. */
struct pipe_row {
	uint64_t opened, ended[EVENT_DEAD + 1], replaced, doubles;
};

struct note {
	char *pipeline;
	uint64_t first, n;
};

struct ledger {
	char *path;
	int checked;	/* ledger_check was content */
	int lock;		/* shared while the tables are open */
	struct log *log;
	struct table_env *env;
	struct log_cursor *cursor;
	struct json_mem mem, mem2;
	struct note *notes;
	size_t nnotes, capnotes;
	struct buf key, val;	/* scratch */
};

struct ledger_view {
	struct ledger *l;
	struct table_txn *t;
	struct json_mem mem;
};

/* One pass of applying. */
struct apply {
	struct ledger *l;
	struct table_txn *t;
	struct ss_err *err;
};

void ledger_be64(unsigned char out[8], uint64_t v);
uint64_t ledger_u64(const void *p);
/* name NUL BE64 into key; -1 when the name is too long. */
int ledger_key(struct buf *key, const char *name, size_t n, uint64_t place, struct ss_err *err);

/* ledger.c */
int ledger_applied_get(struct table_txn *t, uint64_t *applied, struct ss_err *err);

/* ledger_apply.c */
int ledger_apply_line(struct apply *a, const struct log_line *line);
int ledger_apply_open(struct apply *a, const char *pipeline, size_t n, uint64_t first, uint64_t count);

/* ledger_runs.c */
/* Put [first, last] in; nothing behind first is open but what overlaps it.  *n is
 * how many were not open yet. */
int ledger_runs_add(struct apply *a, const char *pipe, size_t pn, uint64_t first, uint64_t last, uint64_t *n);
/* Take [first, last] out; *n is how many of them were open. */
int ledger_runs_del(struct apply *a, const char *pipe, size_t pn, uint64_t first, uint64_t last, uint64_t *n);
int ledger_runs_has(struct table_txn *t, struct buf *key, const char *pipe, size_t pn, uint64_t place, struct ss_err *err);

/* ledger_known.c: fold the leaves of state into the row. */
int ledger_known_set(struct apply *a, struct json_span target, char kind, struct json_span subject,
    struct yyjson_val *state, int64_t at, int64_t etime, uint64_t eseq);

#endif /* !SS_STORE_LEDGER_INTERNAL_H */
