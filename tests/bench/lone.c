/*
 * lone - how long a program takes over one event
 *
 * usage: lone each N FILE COMMAND...	N lines of FILE one after the other into
 *					one process, each after the answer to the one before
 *        lone start N FILE COMMAND...	N processes that read FILE, until the first byte
 *
 * Prints the median, the 99th percentile and the maximum, in microseconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static pid_t
start(char **argv, int in, int out)
{
	posix_spawn_file_actions_t fa;
	pid_t pid = -1;

	if (posix_spawn_file_actions_init(&fa) != 0 || posix_spawn_file_actions_adddup2(&fa, in, 0) != 0 ||
	    posix_spawn_file_actions_adddup2(&fa, out, 1) != 0 ||
	    posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ) != 0)
		return -1;
	(void)posix_spawn_file_actions_destroy(&fa);
	return pid;
}

/* Read until a newline (line) or any byte came: 0; -1 at the end. */
static int
wait_answer(int fd, int line)
{
	char b[65536];

	for (;;) {
		ssize_t n = read(fd, b, sizeof(b));

		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		if (!line || b[n - 1] == '\n')
			return 0;
	}
}

static int
each(size_t n, FILE *f, char **argv, double *us)
{
	int to[2], from[2], rc = 0, status = 0;
	char *line = NULL;
	size_t cap = 0, i;
	ssize_t len;
	pid_t pid;

	if (pipe2(to, O_CLOEXEC) == -1 || pipe2(from, O_CLOEXEC) == -1 || (pid = start(argv, to[0], from[1])) == -1)
		return -1;
	(void)close(to[0]);
	(void)close(from[1]);
	/* the first ones start the program: not counted */
	for (i = 0; rc == 0 && i < n + 10; i++) {
		double at;

		if ((len = getline(&line, &cap, f)) <= 0)
			return -1;
		at = now();
		if (write(to[1], line, (size_t)len) != len || wait_answer(from[0], 1) == -1)
			rc = -1;
		if (i >= 10)
			us[i - 10] = now() - at;
	}
	free(line);
	(void)close(to[1]);
	while (wait_answer(from[0], 0) == 0)
		;
	(void)close(from[0]);
	return waitpid(pid, &status, 0) == pid && status == 0 ? rc : -1;
}

static int
first(size_t n, const char *file, char **argv, double *us)
{
	size_t i;

	for (i = 0; i < n; i++) {
		int in = open(file, O_RDONLY | O_CLOEXEC), from[2], status;
		double at = now();
		pid_t pid;

		if (in == -1 || pipe2(from, O_CLOEXEC) == -1 || (pid = start(argv, in, from[1])) == -1)
			return -1;
		(void)close(from[1]);
		if (wait_answer(from[0], 0) == -1)
			return -1;
		us[i] = now() - at;
		while (wait_answer(from[0], 0) == 0)
			;
		(void)close(from[0]);
		(void)close(in);
		if (waitpid(pid, &status, 0) != pid)
			return -1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	size_t n = argc > 4 ? strtoul(argv[2], NULL, 10) : 0;
	double *us = n > 0 ? calloc(n, sizeof(*us)) : NULL;
	FILE *f = us != NULL ? fopen(argv[3], "re") : NULL;
	int rc;

	if (f == NULL) {
		fputs("usage: lone each|start N FILE COMMAND...\n", stderr);
		return 2;
	}
	rc = strcmp(argv[1], "each") == 0 ? each(n, f, argv + 4, us) : first(n, argv[3], argv + 4, us);
	(void)fclose(f);
	if (rc == 0) {
		qsort(us, n, sizeof(*us), by_size);
		printf("%.0f %.0f %.0f\n", us[n / 2], us[n * 99 / 100], us[n - 1]);
	} else {
		fprintf(stderr, "lone: %s did not answer\n", argv[4]);
	}
	free(us);
	return rc == 0 ? 0 : 1;
}
