/*
 * ss-track as a filter.  One thread while little comes: read what is there,
 * commit, hand on, wait.  When a batch fills up before the input pauses, three
 * more threads are started, so that parsing, writing to the log, syncing (which
 * is waiting, not work) and handing on go side by side.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/io.h"
#include "event/out.h"
#include "flow/record.h"
#include "flow/run.h"
#include "store/ledger.h"
#include "store/log.h"

#define BATCH ((size_t)1 << 20)
#define DEPTH 4		/* batches under way */
#define IDLE_MS 20		/* pause after which the ledger is brought up to date */

enum stage { FREE, FILLED, APPENDED, SYNCED, DONE, STAGES };

struct lane {
	struct record *r;
	struct record_batch *b[DEPTH];
	enum stage stage[DEPTH];
	int started, quit;	/* threads that run, and are to end */
	int next;		/* the slot that is filled next */
	int failed;
	struct ss_err err;
	pthread_mutex_t mu;
	pthread_cond_t cv[STAGES];	/* one for each that waits, so that no other wakes */
	pthread_t thread[3];
};

/* Wait for slot i to come to stage s; 0 when it did, -1 when there is no use. */
static int
await(struct lane *l, int i, enum stage s)
{
	int rc;

	pthread_mutex_lock(&l->mu);
	while (l->stage[i] != s && !l->quit && !l->failed)
		pthread_cond_wait(&l->cv[s], &l->mu);
	rc = l->stage[i] == s && !l->failed ? 0 : -1;
	pthread_mutex_unlock(&l->mu);
	return rc;
}

static void
wake_all(struct lane *l)
{
	int i;

	for (i = 0; i < STAGES; i++)
		pthread_cond_broadcast(&l->cv[i]);
}

static void
advance(struct lane *l, int i, enum stage s, int rc, const struct ss_err *err)
{
	pthread_mutex_lock(&l->mu);
	l->stage[i] = s;
	if (rc == -1 && !l->failed) {
		l->failed = 1;
		l->err = *err;
		wake_all(l);
	}
	pthread_cond_signal(&l->cv[s]);
	pthread_mutex_unlock(&l->mu);
}

static void *
writer(void *ctx)
{
	struct lane *l = ctx;
	struct ss_err err = { .text = "" };
	int i, rc;

	for (i = 0; await(l, i, FILLED) == 0; i = (i + 1) % DEPTH) {
		rc = record_append(l->r, l->b[i], 1, &err);
		advance(l, i, APPENDED, rc, &err);
	}
	return NULL;
}

/* How many batches from slot i on are appended, so that one sync serves all. */
static int
appended(struct lane *l, int i)
{
	int n;

	pthread_mutex_lock(&l->mu);
	for (n = 1; n < DEPTH && l->stage[(i + n) % DEPTH] == APPENDED; n++)
		;
	pthread_mutex_unlock(&l->mu);
	return n;
}

static void *
syncer(void *ctx)
{
	struct lane *l = ctx;
	struct ss_err err = { .text = "" };
	int i, k, n, rc, any;

	for (i = 0; await(l, i, APPENDED) == 0; i = (i + n) % DEPTH) {
		n = appended(l, i);
		for (any = k = 0; k < n; k++)
			any |= l->b[(i + k) % DEPTH]->n > 0;
		rc = any ? log_sync(l->r->log, &err) : 0;
		for (k = 0; k < n; k++)
			advance(l, (i + k) % DEPTH, SYNCED, rc, &err);
	}
	return NULL;
}

static void *
teller(void *ctx)
{
	struct lane *l = ctx;
	struct ss_err err = { .text = "" };
	int i, rc;

	for (i = 0; await(l, i, SYNCED) == 0; i = (i + 1) % DEPTH) {
		rc = io_write(1, l->b[i]->out.p, l->b[i]->out.len, "standard output", &err);
		advance(l, i, DONE, rc, &err);
	}
	return NULL;
}

static void
lane_join(struct lane *l)
{
	pthread_mutex_lock(&l->mu);
	l->quit = 1;
	wake_all(l);
	pthread_mutex_unlock(&l->mu);
	while (l->started > 0)
		pthread_join(l->thread[--l->started], NULL);
}

static int
lane_start(struct lane *l, struct ss_err *err)
{
	void *(*const work[])(void *) = { writer, syncer, teller };
	int i;

	log_bulk(l->r->log);
	for (i = 0; i < DEPTH; i++) {
		l->stage[i] = FREE;
		if (l->b[i] == NULL && (l->b[i] = record_batch_new()) == NULL)
			return err_nomem(err);
	}
	for (i = 0; i < 3; i++, l->started++)
		if (pthread_create(&l->thread[i], NULL, work[i], l) != 0) {
			lane_join(l);
			return err_set(err, SS_EXIT_AGAIN, "cannot start a thread");
		}
	return 0;
}

static int
lane_error(struct lane *l, struct ss_err *err)
{
	*err = l->err;
	return -1;
}

/* Slot i is done with or free again; what it brought is noted. */
static int
reclaim(struct lane *l, int i, struct ss_err *err)
{
	enum stage s;
	int failed;

	pthread_mutex_lock(&l->mu);
	while (l->stage[i] != DONE && l->stage[i] != FREE && !l->failed)
		pthread_cond_wait(&l->cv[DONE], &l->mu);
	s = l->stage[i];
	l->stage[i] = FREE;
	failed = l->failed;
	pthread_mutex_unlock(&l->mu);
	if (failed)
		return lane_error(l, err);
	return s == DONE ? record_settle(l->r, l->b[i], err) : 0;
}

static int
drain(struct lane *l, int next, struct ss_err *err)
{
	int i;

	for (i = 0; i < DEPTH; i++)
		if (reclaim(l, (next + i) % DEPTH, err) == -1)
			return -1;
	return 0;
}

static void
lane_stop(struct lane *l)
{
	int i;

	lane_join(l);
	for (i = 0; i < DEPTH; i++)
		record_batch_free(l->b[i]);
	pthread_mutex_destroy(&l->mu);
	for (i = 0; i < STAGES; i++)
		pthread_cond_destroy(&l->cv[i]);
}

/* A full batch goes into the lane and a free one comes back. */
static int
hand_over(struct lane *l, int *next, struct ss_err *err)
{
	struct record_batch *b;

	if (reclaim(l, *next, err) == -1)
		return -1;
	b = l->b[*next];
	l->b[*next] = l->r->b;
	l->r->b = b;
	advance(l, *next, FILLED, 0, NULL);
	*next = (*next + 1) % DEPTH;
	return 0;
}

/* Everything taken so far is durable and handed on. */
static int
settle_all(struct lane *l, int next, struct buf *out, struct ss_err *err)
{
	if (l->started && drain(l, next, err) == -1)
		return -1;
	buf_clear(out);
	if (record_commit(l->r, out, err) == -1)
		return -1;
	return io_write(1, out->p, out->len, "standard output", err);
}

/* Before the main thread looks into the ledger and the log itself. */
static int
quiesce(void *ctx, struct ss_err *err)
{
	struct lane *l = ctx;

	return l->started ? drain(l, l->next, err) : 0;
}

static int
loop(struct lane *l, struct line_reader *in, struct ss_err *err)
{
	struct record *r = l->r;
	struct buf out = { 0 };
	struct line line;
	int k, rc = 0, stale = 0;

	for (;;) {
		if (!line_ready(in)) {
			if ((rc = settle_all(l, l->next, &out, err)) == -1)
				break;
			if (stale && !io_ready(0, IDLE_MS)) {
				if ((rc = ledger_catchup(r->ledger, NULL, err)) == -1)
					break;
			}
		}
		k = line_next(in, &line, err);
		if (k == LINE_END || k == -1) {
			rc = k == -1 ? -1 : settle_all(l, l->next, &out, err);
			break;
		}
		stale = 1;
		if ((rc = record_line(r, &line, k, err)) == -1)
			break;
		if (record_pending(r) < BATCH)
			continue;
		if (!l->started && (rc = lane_start(l, err)) == -1)
			break;
		/* a look-up of foreign ids wants all before it in the ledger */
		if ((rc = r->view != NULL ? settle_all(l, l->next, &out, err) : hand_over(l, &l->next, err)) == -1)
			break;
	}
	buf_free(&out);
	return rc == -1 ? -1 : 0;
}

/* Recording into a pipeline by hand shares its worker's lock with its like and
 * keeps ss-run from feeding what is on its way through this pipe. */
static int
share_lock(struct cli *c, const char *pipeline, int *fd, struct ss_err *err)
{
	char path[PATH_MAX];

	if (!run_name_ok(pipeline))
		return err_set(err, SS_EXIT_USAGE, "'%s' is no name for a pipeline: letters, digits, . _ - (100 at most)", pipeline);
	if (snprintf(path, sizeof(path), "%s/state/run", c->home) >= (int)sizeof(path) - 120)
		return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
	if (io_mkdirs(path, err) == -1)
		return -1;
	(void)snprintf(path, sizeof(path), "%.*s/state/run/%s", (int)(sizeof(path) - 120), c->home, pipeline);
	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (*fd == -1)
		return err_sys(err, SS_EXIT_AGAIN, "cannot open '%s'", path);
	while (flock(*fd, LOCK_SH | LOCK_NB) == -1)
		if (errno != EINTR)
			return err_set(err, SS_EXIT_AGAIN, "ss-run is working pipeline '%s' off: try again when it has ended", pipeline);
	return 0;
}

enum ss_exit
record_filter(struct cli *c, const char *pipeline, struct ss_err *err)
{
	struct log *log = NULL;
	struct ledger *ledger = NULL;
	struct record r = { 0 };
	struct lane l = { .r = &r };
	struct line_reader in = { 0 };
	const char *path;
	enum ss_exit x = SS_EXIT_OK;
	int i, rc = -1, lock = -1;

	pthread_mutex_init(&l.mu, NULL);
	for (i = 0; i < STAGES; i++)
		pthread_cond_init(&l.cv[i], NULL);
	io_bigpipe(1);
	line_init(&in, 0, 0, "standard input");
	if ((pipeline == NULL || share_lock(c, pipeline, &lock, err) == 0) &&
	    log_open(&log, c->home, 1, &c->clock, &c->rng, err) == 0 && ledger_open(&ledger, c->home, log, err) == 0 &&
	    ledger_check(ledger, err) == 0 && record_init(&r, log, ledger, c, pipeline, 0, err) == 0) {
		if (log_repaired(log, &path) > 0)
			cli_warn(c, "the log had a torn end: %llu bytes moved to '%s'",
			    (unsigned long long)log_repaired(log, NULL), path == NULL ? "quarantine" : path);
		r.quiesce = quiesce;
		r.quiesce_ctx = &l;
		rc = loop(&l, &in, err);
	}
	if (rc == 0)
		rc = ledger_catchup(ledger, NULL, err);
	lane_stop(&l);
	if (rc == -1) {
		x = err->exit;
	} else {
		record_finish(&r);
		x = r.rejects > 0 ? SS_EXIT_OPEN : SS_EXIT_OK;
		if (r.cut_short) {
			cli_warn(c, "%s", r.why);
			x = SS_EXIT_AGAIN;
		}
	}
	record_free(&r);
	line_free(&in);
	ledger_close(ledger);
	log_close(log);
	if (lock != -1)
		(void)close(lock);
	return x;
}
