#ifndef SS_BASE_CLI_H
#define SS_BASE_CLI_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "base/uuid.h"

/*
 * The command line, the same in every program.  This is the one file of lib/
 * that prints (help, version, the final error line, progress) and it does so
 * for main() alone.  Every program gets --help, --version, --now, --seed,
 * --home and --config.
 */
enum cli_kind {
	CLI_FLAG,	/* dst: int *, set to 1 */
	CLI_TEXT,	/* dst: const char **, borrowed from argv */
	CLI_LIST,	/* dst: struct cli_list *, may be repeated */
	CLI_COUNT,	/* dst: uint64_t *, within [min, max] */
	CLI_TIME,	/* dst: int64_t *, a duration in ms */
	CLI_SIZE	/* dst: uint64_t *, bytes */
};

struct cli_list {
	const char **v;	/* borrowed strings; the array is freed at exit */
	size_t n;
};

struct cli_opt {
	char letter;		/* or 0 */
	const char *name;
	enum cli_kind kind;
	void *dst;
	const char *arg;	/* how help names the value, NULL for a flag */
	const char *help;
	uint64_t min, max;	/* CLI_COUNT; max 0: no bound */
};

struct cli_verb {
	const char *name, *help;
};

struct cli_prog {
	const char *name;	/* "ss-diff" */
	const char *args;	/* "[options] --target PEER" */
	const char *about;	/* one or two lines */
	const struct cli_opt *opts;	/* ends with name == NULL; may be NULL */
	const struct cli_verb *verbs;	/* ends with name == NULL; may be NULL */
	void *ctx;		/* what run() gets its options by: c->prog->ctx */
};

struct cli {
	const struct cli_prog *prog;
	int argc;		/* operands */
	char **argv;
	const char *home;	/* $SS_HOME as resolved (design 4), owned */
	const char *config;	/* path, or NULL where there is no file; owned */
	int config_given;	/* the user named it: it must exist */
	struct clock clock;
	struct rng rng;
	struct uuid_gen uuid;	/* uses rng */
	uint64_t given;		/* bit i: opts[i] was given */
	int color;		/* stderr is a terminal and NO_COLOR is not set */
};

/* The whole of main(): parses argv, calls run, checks stdout, prints the one
 * error line "PROG: text" when run answers with err.text set, and returns the
 * exit code.  run returns an enum ss_exit.  After EPIPE on stdout the process
 * ends as SIGPIPE would have ended it. */
int cli_main(int argc, char **argv, const struct cli_prog *prog,
    enum ss_exit (*run)(struct cli *c, struct ss_err *err));

/* One line on stderr in one write: "PROG: …"; control characters neutralised. */
void cli_warn(const struct cli *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same without the program's name; for summaries meant for people. */
void cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Refuse those of the program's own options that were given but have no use with
 * what is done, named by mode in the message ("--list", "dump"); names are the
 * ones that it takes, NULL-terminated.  0, or -1 with SS_EXIT_USAGE. */
int cli_only(const struct cli *c, const char *mode, const char *const *names, struct ss_err *err);

/* A new UUIDv7 now. */
void cli_uuid(struct cli *c, char out[UUID_TEXT]);

/* A progress line on stderr, redrawn at most ten times a second, when stderr
 * is a terminal; nothing otherwise.  total 0: unknown.  Done: erased. */
struct cli_progress {
	const char *what;
	int64_t started, drawn;
	int on, shown;
};
void cli_progress_start(struct cli_progress *p, const char *what);
/* units is what the numbers count ("rows"); count is printed, done/total drive the bar. */
void cli_progress_show(struct cli_progress *p, uint64_t done, uint64_t total, uint64_t count, const char *units);
void cli_progress_end(struct cli_progress *p);

#endif /* !SS_BASE_CLI_H */
