#include "flow/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "flow/run_internal.h"

#define RETRY_FOR 60000		/* ms, a one-shot run (design 6) */

int
run_name_ok(const char *name)
{
	size_t i, n = strlen(name);

	if (n == 0 || n > 100 || name[0] == '.' || name[0] == '-')
		return 0;
	for (i = 0; i < n; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", name[i]) == NULL)
			return 0;
	return 1;
}

/* ---- signals, the worker's lock ---- */

static int
fd_of(const char *s)
{
	uint64_t v = 0;

	return num_scan(s, strlen(s), &v) > 0 && v < 1024 ? (int)v : -1;
}

static int
open_signals(struct run *r, struct ss_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	r->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->sigfd == -1 ? err_sys(err, SS_EXIT_AGAIN, "cannot watch for signals") : 0;
}

void
run_check_signals(struct run *r)
{
	struct signalfd_siginfo si;

	if (read(r->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		r->stopping = 1;
}

/* The lock is inherited by the script, so it is free only when the last process
 * of a worker is gone.  1 taken, 0 somebody else has it. */
static int
take_lock(struct run *r, struct ss_err *err)
{
	struct flock alive = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char path[PATH_MAX];

	if (r->lock == -1) {
		if (snprintf(path, sizeof(path), "%s/state/run", r->cli->home) >= (int)sizeof(path))
			return err_set(err, SS_EXIT_USAGE, "path of $SS_HOME is too long");
		if (io_mkdirs(path, err) == -1)
			return -1;
		(void)snprintf(path, sizeof(path), "%.*s/state/run/%s", (int)(sizeof(path) - 120), r->cli->home, r->o->name);
		/* no O_CLOEXEC: see above */
		r->lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
		if (r->lock == -1)
			return err_sys(err, SS_EXIT_AGAIN, "cannot open '%s'", path);
	}
	while (flock(r->lock, LOCK_EX | LOCK_NB) == -1)
		if (errno == EWOULDBLOCK)
			return 0;
		else if (errno != EINTR)
			return err_sys(err, SS_EXIT_AGAIN, "cannot lock pipeline '%s'", r->o->name);
	/* of this process alone: who finds the other lock taken sees by it whether its
	 * worker lives; a hint only */
	(void)fcntl(r->lock, F_SETLK, &alive);
	return 1;
}

/* The ss-run that works the pipeline off was killed: what it started has the lock
 * yet, and nobody will look once more when that ends. */
static int
is_left_behind(const struct run *r)
{
	struct flock who = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };

	return fcntl(r->lock, F_GETLK, &who) == 0 && who.l_type == F_UNLCK;
}

/* Another process has the lock.  1: wait and try again, 0: leave the work to it. */
static int
leave_or_wait(struct run *r)
{
	if (!is_left_behind(r)) {
		if (!r->o->quiet)
			cli_warn(r->cli, "another run of pipeline '%s' is at work: what is open is left to it", r->o->name);
		return 0;
	}
	if (r->stopping || clock_mono() >= r->deadline) {
		(void)snprintf(r->stop_why, sizeof(r->stop_why), "pipeline '%.100s' is held by what an earlier run, which was "
		    "killed, has left behind, or by an ss-track -p", r->o->name);
		r->stop_exit = err_worse(r->stop_exit, SS_EXIT_AGAIN);
		return 0;
	}
	run_wait(r, RUN_POLL_MS);
	return 1;
}

static void
drop_lock(struct run *r)
{
	if (r->lock != -1)
		(void)close(r->lock);
	r->lock = -1;
}

/* ---- standard input ---- */

int
run_read_input(struct run *r, struct ss_err *err)
{
	struct line l;
	int k;

	for (;;) {
		k = line_next(&r->stdin_r, &l, err);
		if (k == -1)
			return -1;
		if (k == LINE_WAIT || k == LINE_END)
			break;
		if (record_line(&r->in, &l, k, err) == -1)
			return -1;
		if (record_pending(&r->in) >= RUN_COMMIT_BYTES && record_commit(&r->in, NULL, err) == -1)
			return -1;
	}
	if (record_commit(&r->in, NULL, err) == -1)
		return -1;
	if (k != LINE_END)
		return 0;
	record_finish(&r->in);
	r->stdin_open = 0;
	return 1;
}

/* One-shot: all of it, before anything is fed. */
static int
store_input(struct run *r, struct ss_err *err)
{
	struct cli_progress p;
	int rc = 0;

	cli_progress_start(&p, r->o->name);
	while (r->stdin_open && !r->stopping && rc != -1) {
		struct pollfd pf[2] = { { .fd = 0, .events = POLLIN }, { .fd = r->sigfd, .events = POLLIN } };

		if (!line_buffered(&r->stdin_r))
			(void)poll(pf, 2, -1);
		run_check_signals(r);
		rc = run_read_input(r, err);
		cli_progress_show(&p, 0, 0, r->in.stored, "events stored");
	}
	cli_progress_end(&p);
	return rc == -1 ? -1 : 0;
}

/* ---- the whole ---- */

static int
open_places(struct run *r, uint64_t from, uint64_t to, struct ss_err *err)
{
	struct ledger_view *v;
	uint64_t first, last;
	int rc;

	if (from == 0)
		return 0;
	if (ledger_catchup(r->ledger, NULL, err) == -1 || ledger_view(&v, r->ledger, err) == -1)
		return -1;
	rc = ledger_open_run(v, r->o->name, from, &first, &last, err);
	ledger_view_end(v);
	return rc == 1 ? first <= to : rc;
}

/* Another worker has it: wait until what we brought has no open place that was
 * not looked at yet. */
static int
wait_for_other(struct run *r, struct ss_err *err)
{
	uint64_t at;
	int rc = 0;

	while (r->o->wait && !r->stopping && r->in.first != 0) {
		struct json_mem mem = { 0 };
		struct ledger_view *v;
		struct ledger_exc e;
		uint64_t first, last;
		int fresh = 0;

		if ((rc = ledger_catchup(r->ledger, NULL, err)) == -1 || (rc = ledger_view(&v, r->ledger, err)) == -1)
			break;
		for (at = r->in.first; !fresh && at <= r->in.last; at = first + 1) {
			rc = ledger_open_run(v, r->o->name, at, &first, &last, err);
			if (rc != 1 || first > r->in.last)
				break;
			rc = ledger_exception(v, r->o->name, first, 0, &mem, &e, err);
			if (rc == -1)
				break;
			fresh = rc == 0;
		}
		json_mem_free(&mem);
		ledger_view_end(v);
		if (rc == -1 || !fresh)
			break;
		run_wait(r, 100);
	}
	return rc == -1 ? -1 : 0;
}

static void
summary(struct run *r, struct ss_err *err)
{
	struct ledger_counts n;
	struct ledger_view *v;

	if (r->o->quiet || ledger_catchup(r->ledger, NULL, err) == -1 || ledger_view(&v, r->ledger, err) == -1)
		return;
	if (ledger_counts(v, r->o->name, &n, err) == 0)
		cli_say("%s: stored %" PRIu64 ", known %" PRIu64 ", rejected %" PRIu64 "; now opened %" PRIu64
		    " = delivered %" PRIu64 " + unchanged %" PRIu64 " + superseded %" PRIu64 " + filtered %" PRIu64
		    " + routed %" PRIu64 " + dead %" PRIu64 " + replaced %" PRIu64 " + open %" PRIu64
		    " (failed %" PRIu64 ", parked %" PRIu64 ")", r->o->name, r->in.stored, r->in.known, r->in.rejects, n.opened,
		    n.ended[EVENT_DELIVERED], n.ended[EVENT_UNCHANGED], n.ended[EVENT_SUPERSEDED], n.ended[EVENT_FILTERED],
		    n.ended[EVENT_ROUTED], n.ended[EVENT_DEAD], n.replaced, n.open, n.failed, n.parked);
	ledger_view_end(v);
}

/* What this run brought or ended, by the worst of it. */
static enum ss_exit
verdict(struct run *r, struct ss_err *err)
{
	struct ledger_counts n = { 0 };
	struct ledger_view *v;
	enum ss_exit x = SS_EXIT_OK;

	if (ledger_view(&v, r->ledger, err) == 0) {
		if (ledger_counts(v, r->o->name, &n, err) == -1)
			x = err->exit;
		ledger_view_end(v);
	} else {
		x = err->exit;
	}
	if (r->dead > 0 || r->in.rejects + r->back.rejects > 0 || (r->failed + r->parked > 0 && n.failed + n.parked > 0))
		x = err_worse(x, SS_EXIT_OPEN);
	if (r->worn > 0)
		cli_warn(r->cli, "%" PRIu64 " failed or parked came back at once, %d times: left for the next run, see ss-track list",
		    r->worn, RUN_TURNS);
	if (r->in.cut_short) {
		cli_warn(r->cli, "%s", r->in.why);
		x = err_worse(x, SS_EXIT_AGAIN);
	}
	if (r->stop_why[0] != '\0') {
		cli_warn(r->cli, "stopped early: %s", r->stop_why);
		x = err_worse(x, r->stop_exit);
	}
	if (r->late_lines > 0)
		cli_warn(r->cli, "the script wrote %" PRIu64 " lines behind ss.end: taken, but what a script has to say stands "
		    "before it", r->late_lines);
	x = err_worse(x, r->failed_exit);
	return r->stopping ? err_worse(x, SS_EXIT_AGAIN) : x;
}

static int
open_all(struct run *r, struct ss_err *err)
{
	const char *path, *fd = getenv("SS_RUN_LOCK");

	/* a nested ss-run must not keep the outer worker's lock alive */
	if (fd != NULL && fd_of(fd) > 2)
		(void)close(fd_of(fd));
	if (open_signals(r, err) == -1 || log_open(&r->log, r->cli->home, 1, &r->cli->clock, &r->cli->rng, err) == -1)
		return -1;
	if (log_repaired(r->log, &path) > 0)
		cli_warn(r->cli, "the log had a torn end: %" PRIu64 " bytes moved to '%s'", log_repaired(r->log, NULL),
		    path == NULL ? "quarantine" : path);
	if (ledger_open(&r->ledger, r->cli->home, r->log, err) == -1 || ledger_check(r->ledger, err) == -1 ||
	    record_init(&r->in, r->log, r->ledger, r->cli, r->o->name, 1, err) == -1 ||
	    record_init(&r->back, r->log, r->ledger, r->cli, r->o->name, 0, err) == -1)
		return -1;
	r->in.strict = r->o->strict;
	line_init(&r->stdin_r, 0, 0, "standard input");
	r->stdin_r.nonblock = 1;
	r->stdin_open = !r->o->no_input && !isatty(0);
	out_init(&r->stdout_o, 1, "standard output");
	return 0;
}

static void
close_all(struct run *r)
{
	drop_lock(r);
	record_free(&r->in);
	record_free(&r->back);
	line_free(&r->stdin_r);
	line_free(&r->script_r);
	out_free(&r->stdout_o);
	log_cursor_close(r->cursor);
	log_cursor_close(r->opening.cursor);
	log_cursor_close(r->events.cursor);
	ledger_close(r->ledger);
	log_close(r->log);
	json_mem_free(&r->mem);
	json_mem_free(&r->mem2);
	buf_free(&r->line);
	buf_free(&r->event);
	buf_free(&r->feed);
	hash_free(&r->exc);
	hash_free(&r->held);
	hash_free(&r->again);
	free(r->due);
	if (r->sigfd != -1)
		(void)close(r->sigfd);
}

/* Work while the lock is ours; look once more after it was let go, because a
 * second ss-run may have stored and left in between. */
static int
work_locked(struct run *r, struct ss_err *err)
{
	uint64_t end = 0, seen = 0;
	int got, rc, again;

	do {
		got = take_lock(r, err);
		if (got == -1)
			return -1;
		if (got == 0 && r->o->follow && !r->stopping) {
			/* store what comes meanwhile, and take over when the other ends */
			if (r->stdin_open && run_read_input(r, err) == -1)
				return -1;
			if (!r->stdin_open && r->in.stored == 0 && r->o->no_input)
				return 0;
			run_wait(r, RUN_POLL_MS);
			again = 1;
			continue;
		}
		again = got == 0 && leave_or_wait(r);
		if (again)
			continue;
		if (got == 0)
			return wait_for_other(r, err);
		if (run_work(r, err) == -1)
			return -1;
		seen = r->live_end;
		drop_lock(r);
		if (r->stopping || r->peer_down)
			return 0;
		rc = log_end(r->log, &end, err);
		if (rc != -1)
			rc = seen != 0 && end > seen ? open_places(r, seen, end, err) : 0;
		if (rc == -1)
			return -1;
	} while (again || rc == 1);
	return 0;
}

/* A name that was mistyped is told, also where there is nothing to do; what came
 * on standard input is stored by then. */
static int
check_script(struct run *r, struct ss_err *err)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s/pipelines/%s", r->cli->home, r->o->name) >= (int)sizeof(path))
		return err_set(err, SS_EXIT_USAGE, "path of the pipeline is too long");
	if (stat(path, &st) == -1)
		return err_sys(err, SS_EXIT_USAGE, "there is no pipeline '%s': cannot look at '%s'", r->o->name, path);
	if (!S_ISREG(st.st_mode) || access(path, X_OK) == -1)
		return err_set(err, SS_EXIT_USAGE, "pipeline '%s': '%s' is no program: make it one with chmod +x", r->o->name, path);
	return 0;
}

enum ss_exit
run_pipeline(struct cli *c, const struct run_opts *o, struct ss_err *err)
{
	struct run r = { .cli = c, .o = o, .lock = -1, .to = -1, .from = -1, .sigfd = -1 };
	enum ss_exit x;
	int rc;

	r.started = clock_mono();
	r.deadline = r.started + (o->retry_for < 0 ? RETRY_FOR : o->retry_for);
	rc = open_all(&r, err);
	if (rc == 0 && !o->follow)
		rc = store_input(&r, err);
	if (rc == 0)
		rc = check_script(&r, err);
	if (rc == 0)
		rc = work_locked(&r, err);
	if (rc == -1) {
		run_script_stop(&r, 0);
		x = err->exit == SS_EXIT_OK ? SS_EXIT_AGAIN : err->exit;
	} else {
		summary(&r, err);
		x = verdict(&r, err);
	}
	close_all(&r);
	return x;
}
