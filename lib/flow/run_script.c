/* The pipeline's script as a child process. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "flow/run_internal.h"

#define KILL_MS 2000	/* between SIGTERM and SIGKILL */

extern char **environ;

/* The programs beside ours are found even with cron's short PATH. */
static int
add_path(struct buf *b)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *path = getenv("PATH");
	char *slash;

	(void)buf_adds(b, "PATH=");
	(void)buf_adds(b, path != NULL ? path : "/usr/local/bin:/usr/bin:/bin");
	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		if (slash != NULL && slash != self) {
			*slash = '\0';
			(void)buf_addf(b, ":%s", self);
		}
	}
	return buf_addc(b, '\0');
}

static int
is_ours(const char *e)
{
	static const char *const names[] = { "PATH=", "SS_PIPELINE=", "SS_HOME=", "SS_CONFIG=", "SS_RETRY_FOR=",
		"SS_RUN_LOCK=" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(e, names[i], strlen(names[i])) == 0)
			return 1;
	return 0;
}

/* The environment with our variables; strings in b, the vector is returned. */
static char **
make_env(struct run *r, struct buf *b)
{
	size_t n = 0, i = 0, off;
	int64_t left = r->deadline - clock_mono();
	const char *patience = getenv("SS_RETRY_FOR");
	char **v;

	(void)add_path(b);
	(void)buf_addf(b, "SS_PIPELINE=%s%c", r->o->name, 0);
	(void)buf_addf(b, "SS_HOME=%s%c", r->cli->home, 0);
	if (r->cli->config != NULL)
		(void)buf_addf(b, "SS_CONFIG=%s%c", r->cli->config, 0);
	/* flag > environment > default */
	if (patience != NULL && *patience != '\0' && r->o->retry_for < 0)
		(void)buf_addf(b, "SS_RETRY_FOR=%s%c", patience, 0);
	else
		(void)buf_addf(b, "SS_RETRY_FOR=%lldms%c", (long long)(r->o->follow ? 3600000 : left > 0 ? left : 0), 0);
	(void)buf_addf(b, "SS_RUN_LOCK=%d%c", r->lock, 0);
	while (environ[n] != NULL)
		n++;
	v = b->failed ? NULL : calloc(n + 8, sizeof(*v));
	if (v == NULL)
		return NULL;
	for (off = 0; off < b->len; off += strlen(b->p + off) + 1)
		v[i++] = b->p + off;
	for (n = 0; environ[n] != NULL; n++)
		if (!is_ours(environ[n]))
			v[i++] = environ[n];
	return v;
}

static int
spawn(struct run *r, const char *path, int in, int out, struct ss_err *err)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	struct buf b = { 0 };
	char *argv[2] = { (char *)(uintptr_t)path, NULL }, **env = make_env(r, &b);
	sigset_t none, dfl;
	int rc;

	if (env == NULL) {
		buf_free(&b);
		return err_nomem(err);
	}
	sigemptyset(&none);
	sigemptyset(&dfl);
	sigaddset(&dfl, SIGPIPE);
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	posix_spawn_file_actions_adddup2(&fa, in, 0);
	posix_spawn_file_actions_adddup2(&fa, out, 1);
	posix_spawnattr_setsigmask(&at, &none);
	posix_spawnattr_setsigdefault(&at, &dfl);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(&r->pid, path, &fa, &at, argv, env);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&at);
	free(env);
	buf_free(&b);
	if (rc == 0)
		return 0;
	r->pid = 0;
	errno = rc;
	if (rc == ENOEXEC)
		return err_set(err, SS_EXIT_USAGE, "'%s' is no program: its first line must be like #!/bin/sh", path);
	if (rc == ENOENT && access(path, F_OK) == 0)
		return err_set(err, SS_EXIT_USAGE, "cannot run '%s': the program that its first line names is not there (a line "
		    "end CR LF?)", path);
	return err_sys(err, rc == ENOENT || rc == EACCES ? SS_EXIT_USAGE : SS_EXIT_AGAIN, "cannot run '%s'", path);
}

int
run_script_start(struct run *r, struct ss_err *err)
{
	char path[PATH_MAX];
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, rc = -1;

	if (snprintf(path, sizeof(path), "%s/pipelines/%s", r->cli->home, r->o->name) >= (int)sizeof(path))
		return err_set(err, SS_EXIT_USAGE, "path of the pipeline is too long");
	if (pipe2(in, O_CLOEXEC) == -1 || pipe2(out, O_CLOEXEC) == -1) {
		err_sys(err, SS_EXIT_AGAIN, "cannot make a pipe");
		goto done;
	}
	if (spawn(r, path, in[0], out[1], err) == -1)
		goto done;
	r->to = in[1];
	r->from = out[0];
	in[1] = out[0] = -1;
	io_bigpipe(r->to);
	(void)fcntl(r->to, F_SETFL, O_NONBLOCK);
	line_free(&r->script_r);
	line_init(&r->script_r, r->from, 16 << 20, "the script's output");
	r->script_r.nonblock = 1;
	buf_clear(&r->feed);
	r->feed_at = 0;
	rc = 0;
done:
	if (in[0] != -1)
		(void)close(in[0]);
	if (in[1] != -1)
		(void)close(in[1]);
	if (out[0] != -1)
		(void)close(out[0]);
	if (out[1] != -1)
		(void)close(out[1]);
	return rc;
}

int
run_script_ended(struct run *r)
{
	if (r->pid > 0 && waitpid(r->pid, &r->status, WNOHANG) != 0)
		r->pid = 0;
	return r->pid == 0;
}

/* Wait for its end until then, reading away what it still says. */
static int
ended(struct run *r, int64_t until)
{
	char junk[4096];

	while (!run_script_ended(r)) {
		if (clock_mono() >= until)
			return 0;
		if (r->from == -1 || (io_ready(r->from, 20) && read(r->from, junk, sizeof(junk)) <= 0))
			clock_sleep(5);
	}
	return 1;
}

void
run_script_stop(struct run *r, int64_t grace_ms)
{
	if (r->to != -1)
		(void)close(r->to);
	r->to = -1;
	r->killed = 0;
	if (r->pid > 0 && !ended(r, clock_mono() + grace_ms)) {
		r->killed = 1;
		(void)kill(r->pid, SIGTERM);
		if (!ended(r, clock_mono() + KILL_MS)) {
			(void)kill(r->pid, SIGKILL);
			(void)ended(r, INT64_MAX);
		}
	}
	if (r->from != -1)
		(void)close(r->from);
	r->from = -1;
}
