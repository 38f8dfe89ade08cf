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
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "base/num.h"
#include "flow/run_internal.h"

#define COMMIT_BYTES ((size_t)1 << 20)
#define COMMIT_MS 200		/* outcomes wait at most so long for their sync */
#define STOP_MS 10000		/* after SIGTERM the script has so long to finish */
#define POLL_MS 500		/* follow: look for what other processes stored */
/* Everything was fed and nothing comes: the input is closed, since a script with
 * buffers of its own (jq, awk) gives them away only then. */
#define QUIET_MS 200

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

static void
check_signals(struct run *r)
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

/* Take what is there without waiting; commit when it pauses.  1 at the end. */
static int
read_input(struct run *r, struct ss_err *err)
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
		if (record_pending(&r->in) >= COMMIT_BYTES && record_commit(&r->in, NULL, err) == -1)
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
		check_signals(r);
		rc = read_input(r, err);
		cli_progress_show(&p, 0, 0, r->in.stored, "events stored");
	}
	cli_progress_end(&p);
	return rc == -1 ? -1 : 0;
}

/* ---- a turn ---- */

static int
commit_back(struct run *r, struct ss_err *err)
{
	if (out_flush(&r->stdout_o, err) == -1 || record_commit(&r->back, NULL, err) == -1)
		return -1;
	r->commit_at = 0;
	return 0;
}

static int
put_end(struct run *r)
{
	char id[UUID_TEXT], time[CLOCK_TEXT];

	cli_uuid(r->cli, id);
	clock_format(clock_now(&r->cli->clock), time);
	r->sent_end = 1;
	return buf_addf(&r->feed, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"ss-run\",\"type\":\"ss.end\",\"time\":\"%s\","
	    "\"data\":{\"turn\":%" PRIu64 "}}\n", id, time, r->turn);
}

/* Write to the script what it takes now. */
static int
push_feed(struct run *r, struct ss_err *err)
{
	while (r->to != -1) {
		ssize_t w;

		if (r->feed_at == r->feed.len) {
			if (r->sent_end)
				return 0;
			if (run_feed_more(r, err) == -1)
				return -1;
			if (r->fed_all && put_end(r) == -1)
				return err_nomem(err);
		}
		w = write(r->to, r->feed.p + r->feed_at, r->feed.len - r->feed_at);
		if (w == -1 && errno == EINTR)
			continue;
		if (w == -1 && errno == EAGAIN)
			return 0;
		r->heard_at = clock_mono();
		if (w == -1) {
			/* it closed its input: what comes out of it still counts */
			(void)close(r->to);
			r->to = -1;
			return 0;
		}
		r->feed_at += (size_t)w;
	}
	return 0;
}

/* Read what the script wrote.  1: it closed its output. */
static int
pull(struct run *r, struct ss_err *err)
{
	struct line l;
	int k;

	for (;;) {
		k = line_next(&r->script_r, &l, err);
		if (k == LINE_WAIT)
			return 0;
		if (k == LINE_END)
			return 1;
		if (k == -1 || run_take_line(r, &l, k, err) == -1)
			return -1;
		if (r->saw_end)
			return 0;
		r->heard_at = clock_mono();
		if (r->commit_at == 0)
			r->commit_at = r->heard_at;
		if (record_pending(&r->back) >= COMMIT_BYTES && commit_back(r, err) == -1)
			return -1;
	}
}

/* All is fed and nothing comes: see QUIET_MS. */
static void
close_if_quiet(struct run *r)
{
	if (r->to == -1 || !r->sent_end || r->feed_at < r->feed.len || clock_mono() - r->heard_at < QUIET_MS)
		return;
	(void)close(r->to);
	r->to = -1;
}

/* Feed and read until ss.end is back or the script is gone: 1 back, 0 gone. */
static int
exchange(struct run *r, struct ss_err *err)
{
	int64_t stop_at = 0;
	struct cli_progress p;
	int rc = 0;

	r->heard_at = clock_mono();
	cli_progress_start(&p, r->o->name);
	while (rc == 0 && !r->saw_end) {
		struct pollfd pf[4] = { { .fd = r->from, .events = POLLIN }, { .fd = r->sigfd, .events = POLLIN },
			{ .fd = -1, .events = POLLOUT }, { .fd = -1, .events = POLLIN } };

		if (r->to != -1 && (r->feed_at < r->feed.len || !r->sent_end))
			pf[2].fd = r->to;
		if (r->o->follow && r->stdin_open)
			pf[3].fd = 0;
		(void)poll(pf, 4, r->commit_at != 0 || r->to != -1 ? QUIET_MS : 1000);
		check_signals(r);
		if (r->stopping && stop_at == 0)
			stop_at = clock_mono() + STOP_MS;
		if (stop_at != 0 && clock_mono() > stop_at)
			break;
		if (pf[3].revents != 0 && read_input(r, err) == -1)
			rc = -1;
		if (rc == 0)
			rc = pull(r, err);
		if (rc == 0 && push_feed(r, err) == -1)
			rc = -1;
		if (rc == 0 && r->commit_at != 0 && clock_mono() - r->commit_at >= COMMIT_MS)
			rc = commit_back(r, err);
		close_if_quiet(r);
		cli_progress_show(&p, r->done, r->fed, r->done, "worked off");
	}
	cli_progress_end(&p);
	return rc == -1 ? -1 : r->saw_end;
}

static int
start_script(struct run *r, struct ss_err *err)
{
	struct buf keep = r->feed;
	int rc;

	/* its input was closed because it was quiet: it is at its end */
	if (r->pid != 0 && r->to == -1)
		run_script_stop(r, STOP_MS);
	if (r->pid != 0)
		return 0;
	/* starting the script empties the feed: plan goes first, then this */
	r->feed = (struct buf){ 0 };
	rc = run_script_start(r, err);
	buf_free(&r->feed);
	r->feed = keep;
	return rc;
}

/* Does the script live when it is given nothing but ss.end?  If not, no event is
 * at fault.  1 yes, 0 no, -1. */
static int
probe(struct run *r, struct ss_err *err)
{
	int rc;

	buf_clear(&r->feed);
	r->feed_at = 0;
	r->fed_all = 1;
	r->saw_end = 0;
	if (put_end(r) == -1)
		return err_nomem(err);
	rc = start_script(r, err);
	if (rc == 0)
		rc = exchange(r, err);
	run_script_stop(r, STOP_MS);
	return rc;
}

/* The script is gone and ss.end did not come back: why, and what follows. */
static int
gone(struct run *r, struct ss_err *err)
{
	const char *how;
	int rc, code, was;

	run_script_stop(r, STOP_MS);
	r->peer_down = 1;
	if (r->stopping)
		return 0;
	was = r->status;
	if (r->saw_stop || (WIFEXITED(was) && WEXITSTATUS(was) == SS_EXIT_AGAIN)) {
		if (r->stop_why[0] == '\0')
			(void)snprintf(r->stop_why, sizeof(r->stop_why), "the script stopped early (exit 4)");
		return 0;
	}
	rc = probe(r, err);
	if (rc == -1 || r->saw_stop || r->stopping)
		return rc == -1 ? -1 : 0;
	if (rc == 1) {
		how = WIFSIGNALED(was) ? "signal" : "status";
		code = WIFSIGNALED(was) ? WTERMSIG(was) : WEXITSTATUS(was);
		(void)snprintf(r->stop_why, sizeof(r->stop_why), "the script ended (%s %d) before its work was done", how, code);
		r->status = was;
		/* the one that was alone and killed it is dead: go on with the rest */
		r->peer_down = !r->one;
		if (r->one)
			r->stop_why[0] = '\0';
		return run_feed_died(r, err) == -1 || commit_back(r, err) == -1 ? -1 : 0;
	}
	how = WIFSIGNALED(r->status) ? "signal" : "status";
	code = WIFSIGNALED(r->status) ? WTERMSIG(r->status) : WEXITSTATUS(r->status);
	r->broken = how[1] == 't' && (code == SS_EXIT_USAGE || code == 126 || code == 127) ? SS_EXIT_USAGE : SS_EXIT_AGAIN;
	if (how[1] == 't' && code == 0)
		(void)snprintf(r->stop_why, sizeof(r->stop_why), "ss.end does not come back from the script: jq, grep and the "
		    "like in it must let lines pass whose type begins with ss. (see ss-run(1))");
	else
		(void)snprintf(r->stop_why, sizeof(r->stop_why), "the script ends (%s %d) even with nothing to do", how, code);
	return 0;
}

/* 1 something was fed, 0 nothing to do, -1. */
static int
turn(struct run *r, struct ss_err *err)
{
	int rc;

	if (run_feed_plan(r, err) == -1)
		return -1;
	buf_clear(&r->feed);
	r->feed_at = 0;
	if (run_feed_more(r, err) == -1)
		return -1;
	if (r->feed.len == 0)
		return commit_back(r, err);
	if (r->fed_all && put_end(r) == -1)
		return err_nomem(err);
	if (start_script(r, err) == -1)
		return -1;
	rc = exchange(r, err);
	if (rc == -1 || commit_back(r, err) == -1 || ledger_catchup(r->ledger, NULL, err) == -1)
		return -1;
	if (rc == 1)
		return run_feed_dropped(r, err) == -1 || commit_back(r, err) == -1 ? -1 : 1;
	return gone(r, err) == -1 ? -1 : 1;
}

/* Wait until something falls due or comes in, at most ms. */
static void
wait_for_work(struct run *r, int64_t ms)
{
	struct pollfd pf[2] = { { .fd = r->sigfd, .events = POLLIN },
		{ .fd = r->o->follow && r->stdin_open ? 0 : -1, .events = POLLIN } };

	if (ms > INT_MAX)
		ms = INT_MAX;
	(void)poll(pf, 2, (int)ms);
	check_signals(r);
}

/* Turn after turn while there is work that is due soon enough. */
static int
work(struct run *r, struct ss_err *err)
{
	int64_t due, pause = 100;
	int rc = 0;

	while (!r->stopping) {
		rc = turn(r, err);
		if (rc == -1 || (r->peer_down && !r->o->follow))
			break;
		if (r->peer_down) {
			wait_for_work(r, pause);
			pause = pause < 30000 ? pause * 2 : pause;
			r->peer_down = r->saw_stop = r->broken = 0;
			r->stop_why[0] = '\0';
			continue;
		}
		if (rc == 1) {
			pause = 100;
			continue;
		}
		if (r->o->follow && r->stdin_open && (rc = read_input(r, err)) == -1)
			break;
		if (run_feed_next_due(r, &due, err) == -1) {
			rc = -1;
			break;
		}
		due = due == 0 ? INT64_MAX : due - clock_now(&r->cli->clock);
		if (r->o->follow)
			wait_for_work(r, due < POLL_MS ? (due < 1 ? 1 : due) : POLL_MS);
		else if (!r->cli->clock.fixed && due < r->deadline - clock_mono())
			wait_for_work(r, due < 1 ? 1 : due);
		else
			break;
	}
	run_script_stop(r, STOP_MS);
	return rc == -1 ? -1 : 0;
}

/* ---- the whole ---- */

static uint64_t
open_places(struct run *r, uint64_t from, uint64_t to, struct ss_err *err)
{
	struct ledger_view *v;
	uint64_t first, last;
	int rc;

	if (from == 0 || ledger_catchup(r->ledger, NULL, err) == -1 || ledger_view(&v, r->ledger, err) == -1)
		return 0;
	rc = ledger_open_run(v, r->o->name, from, &first, &last, err);
	ledger_view_end(v);
	return rc == 1 && first <= to;
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
		for (at = r->in.first; !fresh && at <= r->in.last && ledger_open_run(v, r->o->name, at, &first, &last, err) == 1 &&
		    first <= r->in.last; at = first + 1) {
			fresh = ledger_exception(v, r->o->name, first, 0, &mem, &e, err) == 0;
			if (fresh)
				break;
		}
		json_mem_free(&mem);
		ledger_view_end(v);
		if (!fresh)
			break;
		wait_for_work(r, 100);
	}
	return rc;
}

static void
summary(struct run *r, struct ss_err *err)
{
	struct ledger_counts n;
	struct ledger_view *v;

	if (r->o->quiet || ledger_catchup(r->ledger, NULL, err) == -1 || ledger_view(&v, r->ledger, err) == -1)
		return;
	if (ledger_counts(v, r->o->name, &n, err) == 0)
		cli_say("%s: stored %" PRIu64 ", known %" PRIu64 ", rejected %" PRIu64 "; now accepted %" PRIu64
		    " = delivered %" PRIu64 " + unchanged %" PRIu64 " + superseded %" PRIu64 " + filtered %" PRIu64
		    " + routed %" PRIu64 " + dead %" PRIu64 " + replayed %" PRIu64 " + open %" PRIu64
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
		(void)ledger_counts(v, r->o->name, &n, err);
		ledger_view_end(v);
	}
	if (r->dead > 0 || r->in.rejects + r->back.rejects > 0 || (r->failed + r->parked > 0 && n.failed + n.parked > 0))
		x = SS_EXIT_OPEN;
	if (r->in.cut_short) {
		cli_warn(r->cli, "%s", r->in.why);
		x = SS_EXIT_AGAIN;
	}
	if (r->stop_why[0] != '\0') {
		cli_warn(r->cli, "stopped early: %s", r->stop_why);
		x = r->broken == SS_EXIT_USAGE && !r->in.cut_short ? SS_EXIT_USAGE : SS_EXIT_AGAIN;
	}
	if (r->stopping)
		x = SS_EXIT_AGAIN;
	return x;
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
	if (ledger_open(&r->ledger, r->cli->home, r->log, err) == -1 ||
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
	ledger_close(r->ledger);
	log_close(r->log);
	json_mem_free(&r->mem);
	json_mem_free(&r->mem2);
	buf_free(&r->line);
	buf_free(&r->event);
	buf_free(&r->feed);
	hash_free(&r->exc);
	hash_free(&r->held);
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
			if (r->stdin_open && read_input(r, err) == -1)
				return -1;
			if (!r->stdin_open && r->in.stored == 0 && r->o->no_input)
				return 0;
			wait_for_work(r, POLL_MS);
			again = 1;
			continue;
		}
		again = 0;
		if (got == 0)
			return wait_for_other(r, err);
		if (work(r, err) == -1)
			return -1;
		seen = r->live_end;
		drop_lock(r);
		if (r->stopping || r->peer_down)
			return 0;
		rc = log_end(r->log, &end, err);
		if (rc == -1)
			return -1;
	} while (again || (seen != 0 && end > seen && open_places(r, seen, end, err) == 1));
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
	r.deadline = r.started + o->retry_for;
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
