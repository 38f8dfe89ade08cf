/* Turn after turn: feed the script, take what it writes, see what became of it. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "flow/run_internal.h"

#define COMMIT_MS 200		/* outcomes wait at most so long for their sync */
#define STOP_MS 10000		/* after SIGTERM the script has so long to finish */
/* Everything was fed and nothing comes: the input is closed, since a script with
 * buffers of its own (jq, awk) gives them away only then. */
#define QUIET_MS 200

int
run_turn_commit(struct run *r, struct ss_err *err)
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
		r->late_lines += r->late != 0;
		r->heard_at = clock_mono();
		if (r->commit_at == 0)
			r->commit_at = r->heard_at;
		if (record_pending(&r->back) >= RUN_COMMIT_BYTES && run_turn_commit(r, err) == -1)
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
		run_check_signals(r);
		if (r->stopping && stop_at == 0)
			stop_at = clock_mono() + STOP_MS;
		if (stop_at != 0 && clock_mono() > stop_at)
			break;
		if (pf[3].revents != 0 && run_read_input(r, err) == -1)
			rc = -1;
		if (rc == 0)
			rc = pull(r, err);
		if (rc == 0 && push_feed(r, err) == -1)
			rc = -1;
		if (rc == 0 && r->commit_at != 0 && clock_mono() - r->commit_at >= COMMIT_MS)
			rc = run_turn_commit(r, err);
		close_if_quiet(r);
		cli_progress_show(&p, r->done, r->fed, r->done, "worked off");
	}
	cli_progress_end(&p);
	return rc == -1 ? -1 : r->saw_end;
}

static void
forget_stop(struct run *r)
{
	r->saw_stop = 0;
	r->stop_exit = SS_EXIT_OK;
	r->stop_why[0] = '\0';
}

/* It said that it stops, though ss.end is back: that is told, but a death in a
 * later turn is still one. */
static void
tell_stop(struct run *r)
{
	if (!r->saw_stop)
		return;
	r->failed_exit = err_worse(r->failed_exit, r->stop_exit);
	cli_warn(r->cli, "the script stopped after its work was done: %s", r->stop_why);
	forget_stop(r);
}

static enum ss_exit
exit_of(int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	/* 126 and 127 are the shell's: cannot be run, not found */
	return code == SS_EXIT_USAGE || code == 126 || code == 127 ? SS_EXIT_USAGE :
	    code == SS_EXIT_DAMAGE ? SS_EXIT_DAMAGE : SS_EXIT_AGAIN;
}

/* The script ended behind its last ss.end: its status counts like any program's
 * (design 4), but that 3 speaks of events whose outcomes say it already. */
static void
tell_failure(struct run *r, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code == 0 || code == SS_EXIT_OPEN || r->stopping)
		return;
	r->failed_exit = err_worse(r->failed_exit, exit_of(status));
	if (status == r->told)
		return;
	r->told = status;
	if (r->killed)
		cli_warn(r->cli, "the script did not end within %d s of the end of its input: killed", STOP_MS / 1000);
	else
		cli_warn(r->cli, "the script failed after its work was done (%s %d)", code == -1 ? "signal" : "status",
		    code == -1 ? WTERMSIG(status) : code);
}

/* End the script in order: close its input, take what it still writes. */
static int
finish_script(struct run *r, struct ss_err *err)
{
	int64_t until = clock_mono() + STOP_MS;
	uint64_t stored = r->back.stored;
	int rc = 0;

	if (r->from == -1)
		return 0;
	if (r->to != -1)
		(void)close(r->to);
	r->to = -1;
	r->late = 1;
	r->heard_at = clock_mono();
	while (rc == 0 && clock_mono() < until) {
		r->saw_end = 0;
		rc = pull(r, err);
		if (rc != 0 || r->saw_end)
			continue;
		/* a process that it left behind may keep the pipe open */
		if (run_script_ended(r) && clock_mono() - r->heard_at >= QUIET_MS)
			break;
		(void)io_ready(r->from, 20);
	}
	r->late = 0;
	tell_stop(r);
	run_script_stop(r, clock_mono() < until ? until - clock_mono() : 0);
	if (rc == -1 || run_turn_commit(r, err) == -1)
		return -1;
	if (r->back.stored == stored || r->o->follow)
		return 0;
	/* once: one that writes a new event at each end would never be done */
	if (r->late_rounds++ > 0) {
		r->peer_down = 1;
		r->stop_exit = SS_EXIT_AGAIN;
		(void)snprintf(r->stop_why, sizeof(r->stop_why), "the script writes new events behind ss.end each time it ends: "
		    "they are stored, and wait for the next run");
	}
	return 0;
}

/* What it wrote behind the last ss.end while nobody listened: not of this turn. */
static int
take_late(struct run *r, struct ss_err *err)
{
	int rc = 0;

	r->late = 1;
	do {
		r->saw_end = 0;
		rc = pull(r, err);
	} while (rc == 0 && r->saw_end);
	r->late = 0;
	tell_stop(r);
	/* what is answered must not be planned again */
	return rc == -1 || run_turn_commit(r, err) == -1 ? -1 : 0;
}

static int
start_script(struct run *r, struct ss_err *err)
{
	struct buf keep = r->feed;
	int rc;

	if (r->from != -1)
		return 0;
	r->saw_stop = 0;
	/* starting the script empties the feed: plan goes first, then this */
	r->feed = (struct buf){ 0 };
	rc = run_script_start(r, err);
	buf_free(&r->feed);
	r->feed = keep;
	r->fresh = 1;
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
	if (rc == 1)
		return finish_script(r, err) == -1 ? -1 : 1;
	run_script_stop(r, STOP_MS);
	return rc;
}

static void
why_ended(struct run *r, int status, const char *before, const char *behind)
{
	int dead = WIFSIGNALED(status);

	r->stop_exit = exit_of(status);
	(void)snprintf(r->stop_why, sizeof(r->stop_why), "%s (%s %d) %s", before, dead ? "signal" : "status",
	    dead ? WTERMSIG(status) : WEXITSTATUS(status), behind);
}

/* It lives when it has nothing to do: something that it was fed is at fault. */
static int
crashed(struct run *r, int status, struct ss_err *err)
{
	r->status = status;
	/* the one that was alone and killed it is dead: go on with the rest */
	r->peer_down = !r->one;
	if (r->one)
		r->failed_exit = err_worse(r->failed_exit, exit_of(status) == SS_EXIT_DAMAGE ? SS_EXIT_DAMAGE : SS_EXIT_OK);
	else
		why_ended(r, status, "the script ended", "before its work was done");
	return run_lost_died(r, err) == -1 || run_turn_commit(r, err) == -1 ? -1 : 0;
}

/* The script is gone and ss.end did not come back: why, and what follows. */
static int
gone(struct run *r, struct ss_err *err)
{
	int rc, was;

	run_script_stop(r, STOP_MS);
	r->peer_down = 1;
	if (r->stopping)
		return 0;
	was = r->status;
	if (r->saw_stop)
		return 0;
	if (WIFEXITED(was) && WEXITSTATUS(was) == SS_EXIT_AGAIN) {
		r->stop_exit = SS_EXIT_AGAIN;
		(void)snprintf(r->stop_why, sizeof(r->stop_why), "the script stopped early (exit 4)");
		return 0;
	}
	/* called wrong: that is so with any event, though it may show with the first only */
	if (exit_of(was) == SS_EXIT_USAGE) {
		why_ended(r, was, "the script ended", "before its work was done: something in it is called wrong or missing");
		return 0;
	}
	rc = probe(r, err);
	if (rc == -1 || r->saw_stop || r->stopping)
		return rc == -1 ? -1 : 0;
	if (rc == 1)
		return crashed(r, was, err);
	why_ended(r, r->status, "the script ends", "even with nothing to do");
	if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0)
		(void)snprintf(r->stop_why, sizeof(r->stop_why), "ss.end does not come back from the script: jq, grep and the "
		    "like in it must let lines pass whose type begins with ss. (see ss-run(1))");
	return 0;
}

/* ss.end is back.  A script that is at its end, or has not answered for all,
 * is ended first: what it writes then counts. */
static int
settle_turn(struct run *r, struct ss_err *err)
{
	int lost = run_lost_any(r, err), status = r->between;

	r->between = 0;
	tell_stop(r);
	if (status != 0)
		tell_failure(r, status);
	if (lost == -1)
		return -1;
	if (r->to == -1 || lost) {
		if (finish_script(r, err) == -1 || ledger_catchup(r->ledger, NULL, err) == -1)
			return -1;
		tell_failure(r, r->status);
	}
	return run_lost_dropped(r, err) == -1 || run_turn_commit(r, err) == -1 ? -1 : 1;
}

/* 1 something was fed, 0 nothing to do, -1. */
static int
turn(struct run *r, struct ss_err *err)
{
	int rc;

	r->fresh = 0;
	if (r->from != -1 && run_script_ended(r)) {
		if (finish_script(r, err) == -1)
			return -1;
		tell_failure(r, r->status);
	} else if (r->from != -1 && take_late(r, err) == -1) {
		return -1;
	}
	if (run_plan(r, err) == -1)
		return -1;
	buf_clear(&r->feed);
	r->feed_at = 0;
	if (run_feed_more(r, err) == -1)
		return -1;
	if (r->feed.len == 0)
		return run_turn_commit(r, err);
	if (r->fed_all && put_end(r) == -1)
		return err_nomem(err);
	if (start_script(r, err) == -1)
		return -1;
	rc = exchange(r, err);
	if (rc == -1 || run_turn_commit(r, err) == -1 || ledger_catchup(r->ledger, NULL, err) == -1)
		return -1;
	if (rc == 1)
		return settle_turn(r, err);
	if (!r->fresh && !r->stopping) {
		/* it may have ended behind its last ss.end: no event is at fault before a
		 * new one dies over this */
		run_script_stop(r, STOP_MS);
		if (!r->saw_stop && !(WIFEXITED(r->status) && WEXITSTATUS(r->status) == SS_EXIT_AGAIN)) {
			r->between = r->status;
			return 1;
		}
	}
	r->between = 0;
	return gone(r, err) == -1 ? -1 : 1;
}

void
run_wait(struct run *r, int64_t ms)
{
	struct pollfd pf[2] = { { .fd = r->sigfd, .events = POLLIN },
		{ .fd = r->o->follow && r->stdin_open ? 0 : -1, .events = POLLIN } };

	if (ms > INT_MAX)
		ms = INT_MAX;
	(void)poll(pf, 2, (int)ms);
	run_check_signals(r);
}

int
run_work(struct run *r, struct ss_err *err)
{
	int64_t due, pause = 100;
	int rc = 0;

	while (!r->stopping) {
		rc = turn(r, err);
		if (rc == -1 || (r->peer_down && !r->o->follow))
			break;
		if (r->peer_down) {
			run_wait(r, pause);
			pause = pause < 30000 ? pause * 2 : pause;
			r->peer_down = 0;
			forget_stop(r);
			continue;
		}
		if (rc == 1) {
			pause = 100;
			continue;
		}
		if (r->o->follow && r->stdin_open && (rc = run_read_input(r, err)) == -1)
			break;
		if (run_plan_next_due(r, &due, err) == -1) {
			rc = -1;
			break;
		}
		due = due == 0 ? INT64_MAX : due - clock_now(&r->cli->clock);
		if (r->o->follow)
			run_wait(r, due < RUN_POLL_MS ? (due < 1 ? 1 : due) : RUN_POLL_MS);
		else if (!r->cli->clock.fixed && due < r->deadline - clock_mono())
			run_wait(r, due < 1 ? 1 : due);
		else
			break;
	}
	if (rc == -1) {
		run_script_stop(r, STOP_MS);
		return -1;
	}
	if (r->between != 0)
		tell_failure(r, r->between);
	r->between = 0;
	if (r->from == -1)
		return 0;
	if (finish_script(r, err) == -1)
		return -1;
	tell_failure(r, r->status);
	return 0;
}

