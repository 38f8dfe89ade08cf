#include "store/rows.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/io.h"
#include "store/table.h"

#define PATH_BYTES 4096
#define KEY_PLAIN 400
#define LOAD_BATCH 50000	/* rows in one transaction: bounds its memory */

static const char *const dbs[] = { "rows", NULL };

struct rows {
	char name[65];
	char dir[PATH_BYTES], path[PATH_BYTES + 80];
	struct table_env *env;
	struct table_txn *txn;	/* as long as env: the file does not change */
	dev_t dev;
	ino_t ino;
};

struct key {
	unsigned char p[KEY_PLAIN];
	size_t n;
};

static void
key_of(struct key *k, const char *p, size_t n)
{
	struct hash_128 h;

	if (n <= KEY_PLAIN) {
		memcpy(k->p, p, n);
		k->n = n;
		return;
	}
	h = hash_pair(p, n, "", 0);
	k->p[0] = '\0';
	memcpy(k->p + 1, h.b, sizeof(h.b));
	k->n = 1 + sizeof(h.b);
}

int
rows_check_name(const char *name, struct ss_err *err)
{
	static const char ok[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strlen(name);

	if (n == 0 || n > 64 || name[0] == '.' || strspn(name, ok) != n)
		return err_set(err, SS_EXIT_USAGE,
		    "'%s' is no name for a table: 1 to 64 of A-Z a-z 0-9 . _ -, no dot first",
		    name);
	return 0;
}

static int
dir_of(char dir[PATH_BYTES], const char *home, struct ss_err *err)
{
	if (snprintf(dir, PATH_BYTES, "%s/state/tables", home) >= PATH_BYTES)
		return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
	return 0;
}

/* The lock that keeps a file and its -lock file together; -1 where none can be
 * had (nothing there yet, or nothing may be written there: nobody publishes). */
static int
guard(const char *dir, int how)
{
	char path[PATH_BYTES + 80];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/.lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1)
		return -1;
	while (flock(fd, how) == -1)
		if (errno != EINTR) {
			(void)close(fd);
			return -1;
		}
	return fd;
}

static void
forget(struct rows *r)
{
	table_abort(r->txn);
	table_close(r->env);
	r->txn = NULL;
	r->env = NULL;
}

static int
take_up(struct rows *r, struct ss_err *err)
{
	int lock = guard(r->dir, LOCK_SH), rc = 0;
	struct stat st;

	if (stat(r->path, &st) == 0) {
		rc = table_open(&r->env, r->path, dbs, 0, err);
		if (rc == 0)
			rc = table_begin(&r->txn, r->env, 0, err);
		r->dev = st.st_dev;
		r->ino = st.st_ino;
	} else if (errno != ENOENT && errno != ENOTDIR) {
		rc = err_sys(err, SS_EXIT_AGAIN, "cannot look at '%s'", r->path);
	}
	if (lock != -1)
		(void)close(lock);
	if (rc == -1)
		forget(r);
	return rc;
}

int
rows_fresh(struct rows *r, struct ss_err *err)
{
	struct stat st;

	if (stat(r->path, &st) == -1) {
		if (r->env == NULL && (errno == ENOENT || errno == ENOTDIR))
			return 0;
	} else if (r->env != NULL && st.st_dev == r->dev && st.st_ino == r->ino) {
		return 0;
	}
	forget(r);
	return take_up(r, err);
}

int
rows_open(struct rows **out, const char *home, const char *name, struct ss_err *err)
{
	struct rows *r;

	*out = NULL;
	if (rows_check_name(name, err) == -1)
		return -1;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return err_nomem(err);
	memcpy(r->name, name, strlen(name) + 1);
	if (dir_of(r->dir, home, err) == -1) {
		free(r);
		return -1;
	}
	(void)snprintf(r->path, sizeof(r->path), "%s/%s.mdb", r->dir, r->name);
	if (rows_fresh(r, err) == -1) {
		rows_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

void
rows_close(struct rows *r)
{
	if (r == NULL)
		return;
	forget(r);
	free(r);
}

int
rows_exists(const struct rows *r)
{
	return r->env != NULL;
}

int
rows_get(struct rows *r, const char *key, size_t n, struct json_span *row, struct ss_err *err)
{
	struct key k;
	struct table_val v;
	int rc;

	if (r->env == NULL || n == 0)
		return 0;
	key_of(&k, key, n);
	rc = table_get(r->txn, 0, k.p, k.n, &v, err);
	if (rc == 1)
		*row = (struct json_span){ v.p, v.n };
	return rc;
}

int
rows_has(struct rows *r, const char *key, size_t n, struct ss_err *err)
{
	struct json_span row;

	return rows_get(r, key, n, &row, err);
}

int
rows_count(struct rows *r, uint64_t *n, struct ss_err *err)
{
	*n = 0;
	return r->env == NULL ? 0 : table_count(r->txn, 0, n, err);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
list_dir(DIR *d, char ***names, size_t *n)
{
	const struct dirent *e;

	while ((e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);
		char **v;

		if (e->d_name[0] == '.' || len < 5 || strcmp(e->d_name + len - 4, ".mdb") != 0)
			continue;
		v = realloc(*names, (*n + 1) * sizeof(*v));
		if (v == NULL)
			return -1;
		*names = v;
		if ((v[*n] = strndup(e->d_name, len - 4)) == NULL)
			return -1;
		++*n;
	}
	return 0;
}

int
rows_names(const char *home, int (*each)(void *ctx, const char *name), void *ctx,
    struct ss_err *err)
{
	char dir[PATH_BYTES], **names = NULL;
	size_t n = 0, i;
	int rc = 0;
	DIR *d;

	if (dir_of(dir, home, err) == -1)
		return -1;
	d = opendir(dir);
	if (d == NULL)
		return errno == ENOENT || errno == ENOTDIR ? 0 :
		    err_sys(err, SS_EXIT_AGAIN, "cannot list '%s'", dir);
	if (list_dir(d, &names, &n) == -1)
		rc = err_nomem(err);
	(void)closedir(d);
	if (n > 0)
		qsort(names, n, sizeof(*names), by_name);
	for (i = 0; rc == 0 && i < n; i++)
		rc = each(ctx, names[i]);
	for (i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return rc;
}

/* --- a new version ------------------------------------------------------------ */

struct rows_load {
	char name[65];
	char dir[PATH_BYTES], path[PATH_BYTES + 80];	/* path: of what is built */
	int lock;
	struct table_env *env;
	struct table_txn *txn;
	size_t n;		/* rows in this transaction */
};

/* What is built, or was left by a load that died. */
static void
clear_away(const struct rows_load *l)
{
	char lock[PATH_BYTES + 96];

	(void)snprintf(lock, sizeof(lock), "%s-lock", l->path);
	(void)unlink(l->path);
	(void)unlink(lock);
}

/* A row under its key as it stands in the table; a new transaction now and then. */
static int
put_row(struct rows_load *l, const void *key, size_t kn, const void *row, size_t rn,
    struct ss_err *err)
{
	if (++l->n > LOAD_BATCH) {
		struct table_txn *t = l->txn;

		l->txn = NULL;
		l->n = 1;
		if (table_commit(t, err) == -1 || table_begin(&l->txn, l->env, 1, err) == -1)
			return -1;
	}
	return table_put(l->txn, 0, key, kn, row, rn, err);
}

static int
copy_old(struct rows_load *l, const char *home, struct ss_err *err)
{
	struct rows *r = NULL;
	struct table_cursor *c = NULL;
	struct table_val k = { NULL, 0 }, v;
	int rc;

	if (rows_open(&r, home, l->name, err) == -1 || r == NULL)
		return -1;
	rc = r->env == NULL ? 0 : 1;
	while (rc == 1 && (rc = table_next(&c, r->txn, 0, &k, &v, err)) == 1)
		if (put_row(l, k.p, k.n, v.p, v.n, err) == -1) {
			table_stop(c);
			rc = -1;
		}
	rows_close(r);
	return rc;
}

static int
load_lock(struct rows_load *l, struct ss_err *err)
{
	char path[PATH_BYTES + 80];

	(void)snprintf(path, sizeof(path), "%s/.%s.load", l->dir, l->name);
	l->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (l->lock == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot open '%s'", path);
	while (flock(l->lock, LOCK_EX) == -1)
		if (errno != EINTR)
			return err_sys(err, SS_EXIT_AGAIN, "cannot lock '%s'", path);
	return 0;
}

int
rows_load_open(struct rows_load **out, const char *home, const char *name, int add,
    struct ss_err *err)
{
	struct rows_load *l;

	*out = NULL;
	if (rows_check_name(name, err) == -1)
		return -1;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return err_nomem(err);
	l->lock = -1;
	memcpy(l->name, name, strlen(name) + 1);
	if (dir_of(l->dir, home, err) == -1 || io_mkdirs(l->dir, err) == -1 ||
	    load_lock(l, err) == -1)
		goto fail;
	(void)snprintf(l->path, sizeof(l->path), "%s/.%s.new", l->dir, l->name);
	clear_away(l);
	if (table_open(&l->env, l->path, dbs, 1, err) == -1 ||
	    table_begin(&l->txn, l->env, 1, err) == -1 ||
	    (add && copy_old(l, home, err) == -1))
		goto fail;
	*out = l;
	return 0;
fail:
	rows_load_close(l);
	return -1;
}

int
rows_load_put(struct rows_load *l, const char *key, size_t kn, const char *row, size_t rn,
    struct ss_err *err)
{
	struct key k;

	if (kn == 0)
		return err_set(err, SS_EXIT_USAGE, "an empty key");
	key_of(&k, key, kn);
	return put_row(l, k.p, k.n, row, rn, err);
}

/* The file's bytes and its last page of metadata. */
static int
sync_file(const char *path, struct ss_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd == -1 || fsync(fd) == -1)
		rc = err_sys(err, SS_EXIT_AGAIN, "cannot sync '%s'", path);
	if (fd != -1)
		(void)close(fd);
	return rc;
}

int
rows_load_publish(struct rows_load *l, struct ss_err *err)
{
	char path[PATH_BYTES + 80], old_lock[PATH_BYTES + 96];
	struct table_txn *t = l->txn;
	int lock, rc = 0;

	l->txn = NULL;
	if (table_commit(t, err) == -1)
		return -1;
	table_close(l->env);
	l->env = NULL;
	if (sync_file(l->path, err) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/%s.mdb", l->dir, l->name);
	(void)snprintf(old_lock, sizeof(old_lock), "%s-lock", path);
	lock = guard(l->dir, LOCK_EX);
	if (lock == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot lock '%s/.lock'", l->dir);
	(void)unlink(old_lock);
	if (rename(l->path, path) == -1)
		rc = err_sys(err, SS_EXIT_AGAIN, "cannot put '%s' in its place", path);
	(void)close(lock);
	return rc == -1 ? -1 : io_syncdir(l->dir, err);
}

void
rows_load_close(struct rows_load *l)
{
	if (l == NULL)
		return;
	table_abort(l->txn);
	table_close(l->env);
	/* only who holds the lock may clear away what is being built */
	if (l->lock != -1) {
		if (l->path[0] != '\0')
			clear_away(l);
		(void)close(l->lock);
	}
	free(l);
}
