#include "store/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/io.h"
#include "store/ledger_internal.h"

/* Lines applied in one transaction: bounds its memory and the time others wait. */
#define BATCH_LINES 100000

const char *const ledger_dbs[DB_COUNT + 1] = { "meta", "open", "pipe", "exc", "dead", "seen", "known", "held", "intent",
	"cursor", "crash", NULL };

/*
 * LMDB's files must not be taken away from under a process that has them open: it
 * would go on in files without a name, while others begin new ones.  So whoever has
 * the tables open shares the lock of a file beside them, and who removes them needs
 * it alone.
 */
static int
take_lock(int *fd, const char *path, int op, struct ss_err *err)
{
	char name[PATH_MAX];

	if (snprintf(name, sizeof(name), "%s-open", path) >= (int)sizeof(name))
		return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
	if (*fd == -1)
		*fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot open '%s'", name);
	while (flock(*fd, op) == -1) {
		if (errno == EWOULDBLOCK)
			return err_set(err, SS_EXIT_AGAIN, "state/ is in use by another process: run it again when none works in "
			    "this $SS_HOME");
		if (errno != EINTR)
			return err_sys(err, SS_EXIT_AGAIN, "cannot lock '%s'", name);
	}
	return 0;
}

/* LMDB's file and its lock; nobody else has them open. */
static int
remove_files(const char *path, struct ss_err *err)
{
	char lock[PATH_MAX];

	if (snprintf(lock, sizeof(lock), "%s-lock", path) >= (int)sizeof(lock))
		return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
	if ((unlink(path) == -1 && errno != ENOENT) || (unlink(lock) == -1 && errno != ENOENT))
		return err_sys(err, SS_EXIT_AGAIN, "cannot remove '%s'", path);
	return 0;
}

/* 0, -1, or 1: it is there in a form that other programs than these made. */
static int
open_env(struct ledger *l, struct ss_err *err)
{
	struct table_txn *t;
	struct table_val v;
	int rc;

	if (table_open(&l->env, l->path, ledger_dbs, 1, err) == -1)
		return -1;
	if (table_begin(&t, l->env, 1, err) == -1)
		return -1;
	rc = table_get(t, DB_META, "format", 6, &v, err);
	if (rc == 0 && table_put(t, DB_META, "format", 6, LEDGER_FORMAT, 1, err) == 0)
		rc = 1;
	else if (rc == 1 && (v.n != 1 || memcmp(v.p, LEDGER_FORMAT, 1) != 0))
		rc = 2;
	if (rc != 1) {
		table_abort(t);
		return rc == 2 ? 1 : -1;
	}
	return table_commit(t, err);
}

static int
remake(struct ledger *l, struct ss_err *err)
{
	int rc;

	table_close(l->env);
	l->env = NULL;
	rc = remove_files(l->path, err);
	if (rc == 0)
		rc = open_env(l, err);
	return rc == 1 ? err_set(err, SS_EXIT_DAMAGE, "'%s' was made in another format just now", l->path) : rc;
}

/* The tables are a cache: what another version left is made anew from the log. */
static int
open_or_remake(struct ledger *l, struct ss_err *err)
{
	int rc = open_env(l, err);

	if (rc != 1)
		return rc;
	table_close(l->env);
	l->env = NULL;
	if (take_lock(&l->lock, l->path, LOCK_EX | LOCK_NB, err) == -1)
		return -1;
	rc = open_env(l, err);	/* somebody may have been at it */
	if (rc == 1)
		rc = remake(l, err);
	return rc == -1 ? -1 : take_lock(&l->lock, l->path, LOCK_SH, err);
}

int
ledger_open(struct ledger **out, const char *home, struct log *log, struct ss_err *err)
{
	struct ledger *l = calloc(1, sizeof(*l));
	char dir[PATH_MAX];

	*out = NULL;
	if (l == NULL)
		return err_nomem(err);
	l->log = log;
	l->lock = -1;
	if (snprintf(dir, sizeof(dir), "%s/state", home) >= (int)sizeof(dir) - 16) {
		free(l);
		return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
	}
	l->path = malloc(sizeof(dir));
	if (l->path == NULL) {
		free(l);
		return err_nomem(err);
	}
	(void)snprintf(l->path, sizeof(dir), "%.*s/ledger.mdb", (int)(sizeof(dir) - 16), dir);
	if (io_mkdirs(dir, err) == -1 || take_lock(&l->lock, l->path, LOCK_SH, err) == -1 ||
	    open_or_remake(l, err) == -1) {
		ledger_close(l);
		return -1;
	}
	*out = l;
	return 0;
}

static void
notes_clear(struct ledger *l)
{
	size_t i;

	for (i = 0; i < l->nnotes; i++)
		free(l->notes[i].pipeline);
	l->nnotes = 0;
}

void
ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	notes_clear(l);
	free(l->notes);
	log_cursor_close(l->cursor);
	table_close(l->env);
	if (l->lock != -1)
		(void)close(l->lock);
	json_mem_free(&l->mem);
	json_mem_free(&l->mem2);
	buf_free(&l->key);
	buf_free(&l->val);
	free(l->path);
	free(l);
}

int
ledger_note(struct ledger *l, const char *pipeline, uint64_t first, uint64_t n, struct ss_err *err)
{
	struct note *last = l->nnotes > 0 ? &l->notes[l->nnotes - 1] : NULL, *v;

	if (n == 0)
		return 0;
	if (last != NULL && last->first + last->n == first && strcmp(last->pipeline, pipeline) == 0) {
		last->n += n;
		return 0;
	}
	if (l->notes == NULL || l->nnotes == l->capnotes) {
		size_t cap = l->capnotes == 0 ? 16 : l->capnotes * 2;

		v = realloc(l->notes, cap * sizeof(*v));
		if (v == NULL)
			return err_nomem(err);
		l->notes = v;
		l->capnotes = cap;
	}
	v = &l->notes[l->nnotes];
	*v = (struct note){ strdup(pipeline), first, n };
	if (v->pipeline == NULL)
		return err_nomem(err);
	l->nnotes++;
	return 0;
}

int
ledger_applied_get(struct table_txn *t, uint64_t *applied, struct ss_err *err)
{
	struct table_val v;
	int rc = table_get(t, DB_META, "applied", 7, &v, err);

	*applied = rc == 1 && v.n == 8 ? ledger_u64(v.p) : 0;
	return rc == -1 ? -1 : 0;
}

/* What the line at a place is known again by; 0 when there is none to be read. */
static int
place_sum(struct ledger *l, uint64_t place, uint64_t *sum, struct ss_err *err)
{
	struct log_line line = { .seq = 0 };
	int rc = l->cursor == NULL ? log_cursor_open(&l->cursor, l->log, place, err) : log_cursor_seek(l->cursor, place, err);

	*sum = 0;
	if (rc == 0)
		rc = log_cursor_next(l->cursor, &line, err);
	if (rc == 1 && line.seq == place)
		*sum = (uint64_t)1 << 32 | crc32c_update(0, line.p, line.n);
	return rc == -1 ? -1 : 0;
}

/* A place alone does not tell that it is the same log: one that was put back from a
 * backup gives the same places to other lines. */
static int
applied_put(struct ledger *l, struct table_txn *t, uint64_t applied, struct ss_err *err)
{
	unsigned char be[8];
	uint64_t sum;

	if (place_sum(l, applied, &sum, err) == -1)
		return -1;
	ledger_be64(be, sum);
	if (table_put(t, DB_META, "line", 4, be, 8, err) == -1)
		return -1;
	ledger_be64(be, applied);
	return table_put(t, DB_META, "applied", 7, be, 8, err);
}

/* Lines from place next up to below end, BATCH_LINES at most; *next moves on. */
static int
apply_lines(struct apply *a, uint64_t *next, uint64_t end)
{
	struct ledger *l = a->l;
	struct log_line line;
	uint64_t n = 0;
	int rc;

	if (l->cursor == NULL ? log_cursor_open(&l->cursor, l->log, *next, a->err) == -1 :
	    log_cursor_seek(l->cursor, *next, a->err) == -1)
		return -1;
	while (*next < end && n++ < BATCH_LINES) {
		rc = log_cursor_next(l->cursor, &line, a->err);
		if (rc == -1)
			return -1;
		if (rc == 0 || line.seq >= end) {
			/* what is missing up to end was damaged */
			*next = rc == 0 ? end : line.seq < end ? line.seq : end;
			return 0;
		}
		if (ledger_apply_line(a, &line) == -1)
			return -1;
		*next = line.seq + 1;
	}
	return 0;
}

/* A noted batch that begins right where the tables stand. */
static struct note *
note_at(struct ledger *l, uint64_t place)
{
	size_t i;

	for (i = 0; i < l->nnotes; i++)
		if (l->notes[i].first == place)
			return &l->notes[i];
	return NULL;
}

/* The first noted place beyond next, so that lines up to there are read. */
static uint64_t
note_after(const struct ledger *l, uint64_t next, uint64_t end)
{
	size_t i;

	for (i = 0; i < l->nnotes; i++)
		if (l->notes[i].first > next && l->notes[i].first < end)
			end = l->notes[i].first;
	return end;
}

/* What is applied must be in the log as it is now. */
static int
check_end(struct ledger *l, uint64_t applied, struct ss_err *err)
{
	uint64_t end;

	if (log_end(l->log, &end, err) == -1)
		return -1;
	if (applied < end)
		return 0;
	return err_set(err, SS_EXIT_DAMAGE, "state/ speaks of place %llu but the log ends at %llu: lines are lost or the "
	    "log was replaced; look with ss-log verify, then run ss-log rebuild", (unsigned long long)applied,
	    (unsigned long long)end - 1);
}

/* One transaction's worth; *done when the tables have reached end. */
static int
step(struct ledger *l, uint64_t end, uint64_t *applied, int *done, struct ss_err *err)
{
	struct apply a = { l, NULL, err };
	uint64_t next, from;
	struct note *note;
	int rc = 0;

	if (table_begin(&a.t, l->env, 1, err) == -1)
		return -1;
	if (ledger_applied_get(a.t, &next, err) == -1)
		goto fail;
	if (next + 1 >= end) {
		/* another process was quicker, or the log is shorter than it was */
		table_abort(a.t);
		*applied = next;
		*done = 1;
		return check_end(l, next, err);
	}
	from = ++next;
	while (rc == 0 && next < end && next - from < BATCH_LINES) {
		note = note_at(l, next);
		if (note != NULL && next + note->n <= end) {
			rc = ledger_apply_open(&a, note->pipeline, strlen(note->pipeline), next, note->n);
			next += note->n;
			from += note->n;
		} else {
			rc = apply_lines(&a, &next, note_after(l, next, end));
		}
	}
	if (rc == -1 || applied_put(l, a.t, next - 1, err) == -1)
		goto fail;
	*applied = next - 1;
	*done = next >= end;
	return table_commit(a.t, err);
fail:
	table_abort(a.t);
	return -1;
}

/* Is there anything to do?  A read transaction is cheap, a write one syncs. */
static int
behind(struct ledger *l, uint64_t end, uint64_t *applied, struct ss_err *err)
{
	struct table_txn *t;
	int rc;

	if (table_begin(&t, l->env, 0, err) == -1)
		return -1;
	rc = ledger_applied_get(t, applied, err);
	table_abort(t);
	return rc == -1 ? -1 : *applied + 1 != end;
}

int
ledger_check(struct ledger *l, struct ss_err *err)
{
	struct table_txn *t;
	struct table_val v;
	uint64_t applied, known = 0, sum;
	int rc;

	if (l->checked)
		return 0;
	if (table_begin(&t, l->env, 0, err) == -1)
		return -1;
	rc = ledger_applied_get(t, &applied, err);
	if (rc != -1)
		rc = table_get(t, DB_META, "line", 4, &v, err);
	if (rc == 1 && v.n == 8)
		known = ledger_u64(v.p);
	table_abort(t);
	if (rc == -1 || (applied != 0 && check_end(l, applied, err) == -1) ||
	    (known != 0 && place_sum(l, applied, &sum, err) == -1))
		return -1;
	if (known != 0 && sum != 0 && sum != known)
		return err_set(err, SS_EXIT_DAMAGE, "state/ was made from another log: the line at place %llu is not the one it knows; "
		    "look with ss-log verify, then run ss-log rebuild", (unsigned long long)applied);
	l->checked = 1;
	return 0;
}

int
ledger_catchup(struct ledger *l, uint64_t *applied, struct ss_err *err)
{
	uint64_t end, at = 0;
	int done = 0, rc;

	if (ledger_check(l, err) == -1 || log_sync_end(l->log, &end, err) == -1)
		return -1;
	rc = behind(l, end, &at, err);
	while (rc == 1 && !done)
		if (step(l, end, &at, &done, err) == -1)
			rc = -1;
	if (rc == -1)
		return -1;
	notes_clear(l);
	if (applied != NULL)
		*applied = at;
	return 0;
}

int
ledger_remove(const char *home, struct ss_err *err)
{
	char path[PATH_MAX];
	int fd = -1, rc;

	if (snprintf(path, sizeof(path), "%s/state", home) >= (int)sizeof(path) - 16)
		return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
	if (io_mkdirs(path, err) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%.*s/state/ledger.mdb", (int)(sizeof(path) - 32), home);
	rc = take_lock(&fd, path, LOCK_EX | LOCK_NB, err);
	if (rc == 0)
		rc = remove_files(path, err);
	if (fd != -1)
		(void)close(fd);
	return rc;
}

int
ledger_rebuild(struct ledger *l, uint64_t *applied, struct ss_err *err)
{
	struct ss_err again = { .text = "" };
	int rc = take_lock(&l->lock, l->path, LOCK_EX | LOCK_NB, err);

	if (rc == 0)
		rc = remake(l, err);
	/* shared again, also after a failure: a lock that could not be had alone may
	 * have been let go */
	if (take_lock(&l->lock, l->path, LOCK_SH, rc == 0 ? err : &again) == -1 || rc == -1)
		return -1;
	notes_clear(l);
	l->checked = 0;
	return ledger_catchup(l, applied, err);
}

int
ledger_view(struct ledger_view **out, struct ledger *l, struct ss_err *err)
{
	struct ledger_view *v = calloc(1, sizeof(*v));

	*out = NULL;
	if (v == NULL)
		return err_nomem(err);
	v->l = l;
	if (table_begin(&v->t, l->env, 0, err) == -1) {
		free(v);
		return -1;
	}
	*out = v;
	return 0;
}

void
ledger_view_end(struct ledger_view *v)
{
	if (v == NULL)
		return;
	table_abort(v->t);
	json_mem_free(&v->mem);
	free(v);
}
