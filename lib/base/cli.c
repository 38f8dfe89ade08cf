#include "base/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/conf.h"
#include "base/num.h"

#ifndef SS_VERSION
#define SS_VERSION "0.0.0"
#endif

#define OPTS_MAX 48

/* What every program has besides its own table. */
struct common {
	int help, version;
	const char *now, *seed, *home, *config;
};

#define COMMON_OPTS(c) { \
	{ 0, "home", CLI_TEXT, &(c)->home, "DIR", "data directory (default $SS_HOME)", 0, 0 }, \
	{ 0, "config", CLI_TEXT, &(c)->config, "FILE", "configuration file (default $SS_CONFIG)", 0, 0 }, \
	{ 0, "now", CLI_TEXT, &(c)->now, "TIME", "take this for the present time", 0, 0 }, \
	{ 0, "seed", CLI_TEXT, &(c)->seed, "N", "make ids and jitter repeatable", 0, 0 }, \
	{ 'h', "help", CLI_FLAG, &(c)->help, NULL, "show this help", 0, 0 }, \
	{ 'V', "version", CLI_FLAG, &(c)->version, NULL, "show the version", 0, 0 }, \
	{ 0, NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0 } }

static void
write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w == -1 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		p += w;
		n -= (size_t)w;
	}
}

void
cli_warn(const struct cli *c, const char *fmt, ...)
{
	char t[2048];
	int n, m;
	va_list ap;

	n = snprintf(t, sizeof(t), "%s: ", c->prog->name);
	if (n < 0)
		return;
	va_start(ap, fmt);
	m = vsnprintf(t + n, sizeof(t) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (m < 0)
		return;
	err_tame(t);
	n = (int)strlen(t);
	t[n] = '\n';
	write_all(STDERR_FILENO, t, (size_t)n + 1);
}

void
cli_say(const char *fmt, ...)
{
	char t[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t, sizeof(t) - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (n > (int)sizeof(t) - 2)
		n = (int)sizeof(t) - 2;
	t[n] = '\n';
	write_all(STDERR_FILENO, t, (size_t)n + 1);
}

static void
help_opts(struct buf *b, const struct cli_opt *o)
{
	char left[64];

	for (; o != NULL && o->name != NULL; o++) {
		(void)snprintf(left, sizeof(left), "  %c%c%s --%s%s%s", o->letter != 0 ? '-' : ' ',
		    o->letter != 0 ? o->letter : ' ', o->letter != 0 ? "," : " ", o->name,
		    o->arg != NULL ? "=" : "", o->arg != NULL ? o->arg : "");
		(void)buf_addf(b, "%-30s  %s\n", left, o->help);
	}
}

static int
help(const struct cli_prog *p, const struct cli_opt *common)
{
	struct buf b = { 0 };
	const struct cli_verb *v;
	int rc = 0;

	(void)buf_addf(&b, "usage: %s %s\n\n%s\n", p->name, p->args, p->about);
	if (p->verbs != NULL) {
		(void)buf_adds(&b, "\nverbs:\n");
		for (v = p->verbs; v->name != NULL; v++)
			(void)buf_addf(&b, "  %-12s  %s\n", v->name, v->help);
	}
	(void)buf_adds(&b, "\noptions:\n");
	help_opts(&b, p->opts);
	help_opts(&b, common);
	if (fwrite(b.p, 1, b.len, stdout) != b.len || fflush(stdout) != 0)
		rc = SS_EXIT_AGAIN;
	buf_free(&b);
	return rc;
}

static int
list_add(struct cli_list *l, const char *s, struct ss_err *err)
{
	const char **v = realloc(l->v, (l->n + 1) * sizeof(*v));

	if (v == NULL)
		return err_nomem(err);
	l->v = v;
	l->v[l->n++] = s;
	return 0;
}

static int
opt_set(const struct cli_opt *o, const char *arg, struct ss_err *err)
{
	char what[64];

	(void)snprintf(what, sizeof(what), "--%s", o->name);
	switch (o->kind) {
	case CLI_FLAG:
		*(int *)o->dst = 1;
		return 0;
	case CLI_TEXT:
		*(const char **)o->dst = arg;
		return 0;
	case CLI_LIST:
		return list_add(o->dst, arg, err);
	case CLI_COUNT:
		return num_u64(arg, strlen(arg), o->min, o->max == 0 ? UINT64_MAX : o->max, o->dst, what, err);
	case CLI_TIME:
		return num_duration(arg, o->dst, what, err);
	case CLI_SIZE:
		return num_size(arg, o->dst, what, err);
	}
	return 0;
}

/* Both tables as one, and getopt's forms of it. */
struct tables {
	const struct cli_opt *o[OPTS_MAX];
	unsigned char seen[OPTS_MAX];
	struct option longs[OPTS_MAX + 1];
	char shorts[OPTS_MAX * 2 + 2];
	int n;
};

static void
table_add(struct tables *t, const struct cli_opt *o)
{
	size_t k = strlen(t->shorts);

	for (; o != NULL && o->name != NULL && t->n < OPTS_MAX; o++, t->n++) {
		t->o[t->n] = o;
		t->longs[t->n] = (struct option){ o->name, o->arg != NULL ? required_argument : no_argument,
			NULL, 256 + t->n };
		if (o->letter != 0) {
			t->shorts[k++] = o->letter;
			if (o->arg != NULL)
				t->shorts[k++] = ':';
		}
	}
}

static int
table_find(const struct tables *t, int ch)
{
	int i;

	if (ch >= 256)
		return ch - 256;
	for (i = 0; i < t->n; i++)
		if (t->o[i]->letter == ch)
			return i;
	return -1;
}

static int
parse(struct cli *c, const struct cli_opt *common, int argc, char **argv, struct ss_err *err)
{
	struct tables t = { .n = 0 };
	int ch, i;

	t.shorts[0] = ':';
	table_add(&t, c->prog->opts);
	table_add(&t, common);
	opterr = 0;
	while ((ch = getopt_long(argc, argv, t.shorts, t.longs, NULL)) != -1) {
		const char *bad = argv[optind - 1];

		if (ch == ':')
			return err_set(err, SS_EXIT_USAGE, "option '%s' needs a value (see --help)", bad);
		i = ch == '?' ? -1 : table_find(&t, ch);
		if (i == -1 && optopt != 0 && optopt < 256)
			return err_set(err, SS_EXIT_USAGE, "unknown option '-%c' (see --help)", optopt);
		if (i == -1)
			return err_set(err, SS_EXIT_USAGE, "unknown or ambiguous option '%s' (see --help)", bad);
		if (t.seen[i] && t.o[i]->kind != CLI_LIST)
			return err_set(err, SS_EXIT_USAGE, "option --%s given twice", t.o[i]->name);
		t.seen[i] = 1;
		/* the program's own come first in the table */
		c->given |= (uint64_t)1 << i;
		if (opt_set(t.o[i], optarg, err) == -1)
			return -1;
	}
	c->argc = argc - optind;
	c->argv = argv + optind;
	return 0;
}

int
cli_only(const struct cli *c, const char *mode, const char *const *names, struct ss_err *err)
{
	const struct cli_opt *o = c->prog->opts;
	size_t i, k;

	for (i = 0; o != NULL && o[i].name != NULL; i++) {
		if ((c->given >> i & 1) == 0)
			continue;
		for (k = 0; names[k] != NULL && strcmp(names[k], o[i].name) != 0; k++)
			;
		if (names[k] == NULL)
			return err_set(err, SS_EXIT_USAGE, "option --%s has no use with %s (see --help)", o[i].name, mode);
	}
	return 0;
}

/* What opt_set() allocated: the lists. */
static void
give_back(struct cli *c)
{
	const struct cli_opt *o;
	struct cli_list *l;

	for (o = c->prog->opts; o != NULL && o->name != NULL; o++)
		if (o->kind == CLI_LIST) {
			l = o->dst;
			free((void *)(uintptr_t)l->v);
			*l = (struct cli_list){ .n = 0 };
		}
	free((void *)(uintptr_t)c->home);
	free((void *)(uintptr_t)c->config);
}

static char *
join(const char *a, const char *b)
{
	size_t an = strlen(a), bn = strlen(b);
	char *s = malloc(an + bn + 1);

	if (s != NULL) {
		memcpy(s, a, an);
		memcpy(s + an, b, bn + 1);
	}
	return s;
}

/* $VAR when it is set and not empty. */
static const char *
env(const char *name)
{
	const char *s = getenv(name);

	return s != NULL && *s != '\0' ? s : NULL;
}

/* Design 4: $SS_HOME (default $STATE_DIRECTORY, else $XDG_STATE_HOME/storesync). */
static char *
find_home(const char *given)
{
	const char *s = given != NULL ? given : env("SS_HOME");

	if (s == NULL)
		s = env("STATE_DIRECTORY");
	if (s != NULL)
		return join(s, "");
	if ((s = env("XDG_STATE_HOME")) != NULL)
		return join(s, "/storesync");
	s = env("HOME");
	return join(s != NULL ? s : "", "/.local/state/storesync");
}

static char *
find_config(struct cli *c, const char *given)
{
	static const char etc[] = "/etc/storesync/storesync.conf";
	const char *s = given != NULL ? given : env("SS_CONFIG");
	char *p;

	if (s != NULL) {
		c->config_given = 1;
		return join(s, "");
	}
	if ((s = env("XDG_CONFIG_HOME")) != NULL)
		p = join(s, "/storesync/storesync.conf");
	else
		p = (s = env("HOME")) != NULL ? join(s, "/.config/storesync/storesync.conf") : join("", "");
	if (p != NULL && access(p, F_OK) == 0)
		return p;
	free(p);
	return access(etc, F_OK) == 0 ? join(etc, "") : NULL;
}

/* Every program refuses a bad configuration before it does anything. */
static int
check_config(struct cli *c, struct ss_err *err)
{
	static const char *const known[] = { "storesync", "fields", "http ", "file ", "shopify ", "brightpearl ", "slack ",
		"smtp ", "jira ", "s3 ", NULL };
	static const char *const many[] = { "http header", NULL };
	struct conf *conf;
	int rc;

	if (c->config == NULL)
		return 0;
	if (conf_open(&conf, c->config, err) == -1)
		return -1;
	rc = conf_sections(conf, known, err) == -1 || conf_once(conf, many, err) == -1 ? -1 : 0;
	conf_free(conf);
	return rc;
}

static int
settle(struct cli *c, const struct common *m, struct ss_err *err)
{
	uint64_t seed = 0;

	if (m->now != NULL && clock_fix(&c->clock, m->now, err) == -1)
		return -1;
	if (m->seed != NULL && num_u64(m->seed, strlen(m->seed), 0, UINT64_MAX, &seed, "--seed", err) == -1)
		return -1;
	rng_init(&c->rng, m->seed != NULL, seed);
	c->uuid.rng = &c->rng;
	c->home = find_home(m->home);
	c->config = find_config(c, m->config);
	if (c->home == NULL)
		return err_nomem(err);
	if (check_config(c, err) == -1)
		return -1;
	c->color = isatty(STDERR_FILENO) && env("NO_COLOR") == NULL;
	return 0;
}

/* "Each tool checks stdout in one place": what stdio holds, and the close. */
static enum ss_exit
check_stdout(enum ss_exit rc, struct ss_err *err)
{
	struct stat st;

	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (err->text[0] == '\0')
			err_sys(err, SS_EXIT_AGAIN, "cannot write to standard output");
		return err_worse(rc, SS_EXIT_AGAIN);
	}
	/* closed from the start (>&-) is the caller's wish; nothing was written then */
	if (fstat(STDOUT_FILENO, &st) == 0 && close(STDOUT_FILENO) == -1 && errno != EBADF) {
		if (err->text[0] == '\0')
			err_sys(err, SS_EXIT_AGAIN, "cannot close standard output");
		return err_worse(rc, SS_EXIT_AGAIN);
	}
	return rc;
}

int
cli_main(int argc, char **argv, const struct cli_prog *prog,
    enum ss_exit (*run)(struct cli *c, struct ss_err *err))
{
	struct ss_err err = { .text = "" };
	struct common m = { 0 };
	const struct cli_opt common[] = COMMON_OPTS(&m);
	struct cli c = { .prog = prog };
	enum ss_exit rc;
	int fd;

	/* a standard descriptor that is closed must not become a file of ours: what is
	 * put there fails to read and to write, as the closed one would */
	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) == -1)
			(void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)prctl(PR_SET_DUMPABLE, 0);	/* secrets must not reach a core file */
	(void)umask(077);
	if (parse(&c, common, argc, argv, &err) == -1 || (!m.help && !m.version && settle(&c, &m, &err) == -1)) {
		cli_warn(&c, "%s", err.text);
		give_back(&c);
		return SS_EXIT_USAGE;
	}
	if (m.help)
		rc = help(prog, common) == 0 ? SS_EXIT_OK : SS_EXIT_AGAIN;
	else if (m.version)
		rc = printf("%s %s\n", prog->name, SS_VERSION) < 0 ? SS_EXIT_AGAIN : SS_EXIT_OK;
	else
		rc = run(&c, &err);
	rc = check_stdout(rc, &err);
	give_back(&c);
	if (err.text[0] != '\0' && err.sys == EPIPE) {
		/* the reader went away: end as the shell expects of a filter */
		(void)signal(SIGPIPE, SIG_DFL);
		(void)raise(SIGPIPE);
	}
	if (err.text[0] != '\0')
		cli_warn(&c, "%s", err.text);
	return (int)rc;
}

void
cli_uuid(struct cli *c, char out[UUID_TEXT])
{
	uuid_v7(&c->uuid, clock_now(&c->clock), out);
}

void
cli_progress_start(struct cli_progress *p, const char *what)
{
	*p = (struct cli_progress){ .what = what, .started = clock_mono(), .on = isatty(STDERR_FILENO) };
}

void
cli_progress_show(struct cli_progress *p, uint64_t done, uint64_t total, uint64_t count, const char *units)
{
	int64_t now;
	char bar[25], t[256], what[120];
	int i, n, fill;

	if (!p->on || (now = clock_mono()) - p->drawn < 100 || now - p->started < 300)
		return;
	p->drawn = now;
	p->shown = 1;
	fill = total == 0 ? 0 : (int)(done >= total ? 24 : done * 24 / total);
	for (i = 0; i < 24; i++)
		bar[i] = i < fill ? '#' : '.';
	bar[24] = '\0';
	(void)snprintf(what, sizeof(what), "%s", p->what);
	err_tame(what);
	n = snprintf(t, sizeof(t), "\r\033[K%s  [%s] %3d%%  %llu %s  %llu/s", what, bar,
	    total == 0 ? 0 : (int)(done >= total ? 100 : done * 100 / total),
	    (unsigned long long)count, units,
	    (unsigned long long)(count * 1000 / (uint64_t)(now - p->started)));
	if (n > 0)
		write_all(STDERR_FILENO, t, (size_t)n < sizeof(t) ? (size_t)n : sizeof(t) - 1);
}

void
cli_progress_end(struct cli_progress *p)
{
	if (p->shown)
		write_all(STDERR_FILENO, "\r\033[K", 4);
	p->shown = 0;
}
