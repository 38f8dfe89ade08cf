#include "store/table.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/err.h"

#define MAP_BYTES ((size_t)1 << 36)	/* address space, not memory or disk */

struct table_env {
	MDB_env *env;
	MDB_dbi dbi[TABLE_DBS];
	int n, write;
};

struct table_txn {
	struct table_env *e;
	MDB_txn *txn;
};

struct table_cursor {
	MDB_cursor *c;
};

static int
fail(struct ss_err *err, int rc, const char *what)
{
	enum ss_exit x = SS_EXIT_AGAIN;

	if (rc == MDB_CORRUPTED || rc == MDB_INVALID || rc == MDB_PAGE_NOTFOUND || rc == MDB_VERSION_MISMATCH ||
	    rc == MDB_PANIC || rc == EIO)
		x = SS_EXIT_DAMAGE;
	return err_set(err, x, "state: cannot %s: %s%s", what, mdb_strerror(rc), x == SS_EXIT_DAMAGE ?
	    ": it is damaged; ss-log rebuild makes the ledger anew, ss-lookup --load a look-up table" : "");
}

static int
open_dbs(struct table_env *e, const char *const *names, struct ss_err *err)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(e->env, NULL, e->write ? 0 : MDB_RDONLY, &txn);

	if (rc != 0)
		return fail(err, rc, "begin");
	for (e->n = 0; names[e->n] != NULL; e->n++) {
		rc = mdb_dbi_open(txn, names[e->n], e->write ? MDB_CREATE : 0, &e->dbi[e->n]);
		if (rc != 0) {
			mdb_txn_abort(txn);
			return fail(err, rc, "open a table");
		}
	}
	rc = mdb_txn_commit(txn);
	return rc == 0 ? 0 : fail(err, rc, "commit");
}

/* A file that was cut short ends the process by SIGBUS when a page behind its
 * end is touched.  Zeros in their place are told as damage instead. */
static int
heal_size(MDB_env *env, const char *path, struct ss_err *err)
{
	MDB_envinfo info;
	MDB_stat st;
	struct stat file;
	mdb_filehandle_t fd;
	off_t want;

	if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &st) != 0 || mdb_env_get_fd(env, &fd) != 0 ||
	    fstat(fd, &file) == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot look at '%s'", path);
	want = (off_t)(info.me_last_pgno + 1) * (off_t)st.ms_psize;
	if (file.st_size < want && ftruncate(fd, want) == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot extend '%s'", path);
	return 0;
}

int
table_open(struct table_env **out, const char *path, const char *const *names, int write, struct ss_err *err)
{
	struct table_env *e = calloc(1, sizeof(*e));
	int rc, dead;

	*out = NULL;
	if (e == NULL)
		return err_nomem(err);
	e->write = write;
	rc = mdb_env_create(&e->env);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(e->env, TABLE_DBS);
	if (rc == 0)
		rc = mdb_env_set_mapsize(e->env, MAP_BYTES);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(e->env, 510);
	if (rc == 0)
		rc = mdb_env_open(e->env, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD |
		    (write ? MDB_NOMETASYNC : MDB_RDONLY), 0600);
	if (rc != 0) {
		fail(err, rc, "open");
		err_prefix(err, "'%s'", path);
		if (err != NULL)
			err->sys = rc > 0 ? rc : 0;
		table_close(e);
		return -1;
	}
	if (write && heal_size(e->env, path, err) == -1) {
		table_close(e);
		return -1;
	}
	(void)mdb_reader_check(e->env, &dead);
	if (open_dbs(e, names, err) == -1) {
		table_close(e);
		return -1;
	}
	*out = e;
	return 0;
}

void
table_close(struct table_env *e)
{
	if (e == NULL)
		return;
	if (e->env != NULL)
		mdb_env_close(e->env);
	free(e);
}

int
table_begin(struct table_txn **out, struct table_env *e, int write, struct ss_err *err)
{
	struct table_txn *t = calloc(1, sizeof(*t));
	int rc;

	*out = NULL;
	if (t == NULL)
		return err_nomem(err);
	t->e = e;
	rc = mdb_txn_begin(e->env, NULL, write ? 0 : MDB_RDONLY, &t->txn);
	if (rc != 0) {
		free(t);
		return fail(err, rc, "begin");
	}
	*out = t;
	return 0;
}

/* LMDB says EIO of a write that came short, which is what a full disk makes of it. */
static int
is_full(MDB_env *env)
{
	struct statvfs fs;
	const char *path;

	return mdb_env_get_path(env, &path) == 0 && statvfs(path, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < (uint64_t)1 << 20;
}

int
table_commit(struct table_txn *t, struct ss_err *err)
{
	int rc = mdb_txn_commit(t->txn);

	if (rc == EIO && is_full(t->e->env))
		rc = ENOSPC;
	free(t);
	return rc == 0 ? 0 : fail(err, rc, "commit");
}

void
table_abort(struct table_txn *t)
{
	if (t == NULL)
		return;
	mdb_txn_abort(t->txn);
	free(t);
}

static MDB_val
val(const void *p, size_t n)
{
	return (MDB_val){ n, (void *)(uintptr_t)p };
}

int
table_get(struct table_txn *t, int db, const void *key, size_t kn, struct table_val *v, struct ss_err *err)
{
	MDB_val k = val(key, kn), d;
	int rc = mdb_get(t->txn, t->e->dbi[db], &k, &d);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return fail(err, rc, "read");
	*v = (struct table_val){ d.mv_data, d.mv_size };
	return 1;
}

int
table_put(struct table_txn *t, int db, const void *key, size_t kn, const void *p, size_t n, struct ss_err *err)
{
	MDB_val k = val(key, kn), d = val(p, n);
	int rc = mdb_put(t->txn, t->e->dbi[db], &k, &d, 0);

	return rc == 0 ? 0 : fail(err, rc, "write");
}

int
table_del(struct table_txn *t, int db, const void *key, size_t kn, struct ss_err *err)
{
	MDB_val k = val(key, kn);
	int rc = mdb_del(t->txn, t->e->dbi[db], &k, NULL);

	if (rc == MDB_NOTFOUND)
		return 0;
	return rc == 0 ? 1 : fail(err, rc, "delete");
}

int
table_count(struct table_txn *t, int db, uint64_t *n, struct ss_err *err)
{
	MDB_stat st;
	int rc = mdb_stat(t->txn, t->e->dbi[db], &st);

	if (rc != 0)
		return fail(err, rc, "count");
	*n = st.ms_entries;
	return 0;
}

int
table_next(struct table_cursor **c, struct table_txn *t, int db, struct table_val *key,
    struct table_val *v, struct ss_err *err)
{
	MDB_val k = val(key->p, key->n), d;
	MDB_cursor_op op = MDB_NEXT;
	int rc;

	if (*c == NULL) {
		*c = calloc(1, sizeof(**c));
		if (*c == NULL)
			return err_nomem(err);
		rc = mdb_cursor_open(t->txn, t->e->dbi[db], &(*c)->c);
		if (rc != 0) {
			free(*c);
			*c = NULL;
			return fail(err, rc, "walk");
		}
		op = key->n == 0 ? MDB_FIRST : MDB_SET_RANGE;
	}
	rc = mdb_cursor_get((*c)->c, &k, &d, op);
	if (rc != 0) {
		table_stop(*c);
		*c = NULL;
		return rc == MDB_NOTFOUND ? 0 : fail(err, rc, "walk");
	}
	*key = (struct table_val){ k.mv_data, k.mv_size };
	*v = (struct table_val){ d.mv_data, d.mv_size };
	return 1;
}

int
table_floor(struct table_txn *t, int db, const void *key, size_t kn, struct table_val *ok,
    struct table_val *ov, struct ss_err *err)
{
	MDB_val k = val(key, kn), d;
	MDB_cursor *c;
	int rc = mdb_cursor_open(t->txn, t->e->dbi[db], &c);

	if (rc != 0)
		return fail(err, rc, "walk");
	rc = mdb_cursor_get(c, &k, &d, MDB_SET_RANGE);
	if (rc == MDB_NOTFOUND)
		rc = mdb_cursor_get(c, &k, &d, MDB_LAST);
	else if (rc == 0 && (k.mv_size != kn || memcmp(k.mv_data, key, kn) != 0))
		rc = mdb_cursor_get(c, &k, &d, MDB_PREV);
	mdb_cursor_close(c);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return fail(err, rc, "walk");
	*ok = (struct table_val){ k.mv_data, k.mv_size };
	*ov = (struct table_val){ d.mv_data, d.mv_size };
	return 1;
}

void
table_stop(struct table_cursor *c)
{
	if (c == NULL)
		return;
	mdb_cursor_close(c->c);
	free(c);
}
