#ifndef SS_STORE_TABLE_H
#define SS_STORE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct ss_err;

/*
 * Keyed tables: the door to LMDB.  One writer at a time (others wait), readers
 * never wait.  A commit is durable but for the last one, which a power cut may
 * undo whole (no metadata sync): what is kept here is a cache of the log.
 * Open after fork, never carry a handle over one.  Keys are 1 to TABLE_KEY
 * bytes; TABLE_DBS tables at most in one file.
 */
struct table_env;
struct table_txn;

#define TABLE_KEY 511
#define TABLE_DBS 16

struct table_val {
	const void *p;	/* valid until the transaction ends or writes */
	size_t n;
};

/* names: NULL-terminated; the i-th is table number i.  A file that is no LMDB
 * file, or a damaged one: -1 with SS_EXIT_DAMAGE. */
int table_open(struct table_env **out, const char *path, const char *const *names, int write, struct ss_err *err);
void table_close(struct table_env *e);

int table_begin(struct table_txn **out, struct table_env *e, int write, struct ss_err *err);
int table_commit(struct table_txn *t, struct ss_err *err);
void table_abort(struct table_txn *t);	/* NULL allowed */

/* 1 found, 0 not, -1 error. */
int table_get(struct table_txn *t, int db, const void *key, size_t kn, struct table_val *v, struct ss_err *err);
int table_put(struct table_txn *t, int db, const void *key, size_t kn, const void *p, size_t n, struct ss_err *err);
/* 1 deleted, 0 was not there. */
int table_del(struct table_txn *t, int db, const void *key, size_t kn, struct ss_err *err);
int table_count(struct table_txn *t, int db, uint64_t *n, struct ss_err *err);

/* Walk in key order.  *c starts NULL; the first call goes to the first key >=
 * (key, kn), every later one a step on.  1 one more, 0 the end (closed), -1.
 * table_stop closes early. */
struct table_cursor;
int table_next(struct table_cursor **c, struct table_txn *t, int db, struct table_val *key,
    struct table_val *val, struct ss_err *err);
/* The last key <= (key, kn): 1, 0 none, -1. */
int table_floor(struct table_txn *t, int db, const void *key, size_t kn, struct table_val *k,
    struct table_val *v, struct ss_err *err);
void table_stop(struct table_cursor *c);

#endif /* !SS_STORE_TABLE_H */
