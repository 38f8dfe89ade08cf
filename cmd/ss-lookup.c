/* ss-lookup - join rows of a keyed table into events; fill and read the tables */
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "event/filter.h"
#include "flow/lookup.h"
#include "store/rows.h"

/* What the option table points at; set once, before run() is called. */
struct options {
	int load, add, empty, list, count;
	const char *key, *get, *by, *into, *miss;
	int64_t deadline;
};

static enum ss_exit
usage(struct ss_err *err, const char *why)
{
	err_set(err, SS_EXIT_USAGE, "%s (see --help)", why);
	return SS_EXIT_USAGE;
}

static enum ss_exit
load(struct cli *c, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;
	struct lookup_load o = { .home = c->home, .table = c->argv[0], .key = opt->key,
		.file = c->argc == 2 ? c->argv[1] : NULL, .add = opt->add, .empty = opt->empty };

	if (c->argc < 1 || c->argc > 2)
		return usage(err, "--load takes a table and at most one file");
	return lookup_load(&o, err) == -1 ? err->exit : SS_EXIT_OK;
}

static int
print_name(void *ctx, const char *name)
{
	(void)ctx;
	return printf("%s\n", name) < 0 ? -1 : 0;
}

static enum ss_exit
print_row(struct rows *r, const char *key, struct ss_err *err)
{
	struct json_span row;
	int rc = rows_get(r, key, strlen(key), &row, err);

	if (rc == 1)
		(void)printf("%.*s\n", (int)row.n, row.p);
	return rc == -1 ? err->exit : rc == 1 ? SS_EXIT_OK : SS_EXIT_NO;
}

static enum ss_exit
print_count(struct rows *r, struct ss_err *err)
{
	uint64_t n;

	if (rows_count(r, &n, err) == -1)
		return err->exit;
	(void)printf("%llu\n", (unsigned long long)n);
	return SS_EXIT_OK;
}

static enum ss_exit
look(struct cli *c, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;
	struct rows *r;
	enum ss_exit rc;

	if (c->argc != 1)
		return usage(err, "one table is to be named");
	if (rows_open(&r, c->home, c->argv[0], err) == -1)
		return err->exit;
	if (!rows_exists(r)) {
		err_set(err, SS_EXIT_NO, "there is no table '%s'", c->argv[0]);
		rc = SS_EXIT_NO;
	} else {
		rc = opt->get != NULL ? print_row(r, opt->get, err) : print_count(r, err);
	}
	rows_close(r);
	return rc;
}

static int
miss(struct cli *c, enum lookup_miss *out, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;
	static const char *const names[] = { [LOOKUP_PARK] = "park", [LOOKUP_PASS] = "pass",
	    [LOOKUP_DEAD] = "dead" };
	static const char *const at_once[] = { "by", "into", "miss", NULL };
	int i;

	for (i = 0; i < 3; i++)
		if (opt->miss == NULL || strcmp(opt->miss, names[i]) == 0) {
			*out = (enum lookup_miss)i;
			/* nothing waits: there is no deadline */
			return i == LOOKUP_PARK ? 0 : cli_only(c, i == LOOKUP_PASS ? "--miss pass" : "--miss dead", at_once, err);
		}
	return err_set(err, SS_EXIT_USAGE, "--miss '%s': it is park, pass or dead", opt->miss);
}

static enum ss_exit
filter(struct cli *c, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;
	struct lookup_opts o = { .home = c->home, .table = c->argv[0], .by = opt->by, .into =
	    opt->into,
		.deadline = opt->deadline };
	struct lookup *l = NULL;
	struct filter f;
	enum ss_exit rc;
	int there;

	if (c->argc != 1)
		return usage(err, "one table is to be named");
	if (miss(c, &o.miss, err) == -1)
		return err->exit;
	filter_init(&f, "lookup", NULL, &c->clock, &c->uuid);
	if (lookup_open(&l, &o, &there, err) == -1) {
		rc = filter_fail(&f, err);
	} else {
		if (!there)
			cli_warn(c, "there is no table '%s' yet: every row is missing", o.table);
		rc = filter_run(&f, &lookup_ops, l, err);
	}
	filter_free(&f);
	lookup_close(l);
	return rc;
}

static enum ss_exit
run(struct cli *c, struct ss_err *err)
{
	/* the first of these that is given says what is done; the last is the filter */
	static const struct {
		const char *mode, *takes[5];
	} table[] = { { "--load", { "load", "key", "allow-empty" } }, { "--add", { "add", "key" } }, { "--get", { "get" } },
	    { "--count", { "count" } }, { "--list", { "list" } },
	    { "the filter", { "by", "into", "miss", "deadline" } } };
	struct options *opt = c->prog->ctx;
	int modes = opt->load + opt->add + opt->list + opt->count + (opt->get != NULL);
	size_t i = opt->load ? 0 : opt->add ? 1 : opt->get != NULL ? 2 : opt->count ? 3 : opt->list ? 4 : 5;

	if (modes > 1)
		return usage(err, "only one of --load, --add, --get, --count and --list at a time");
	if (cli_only(c, table[i].mode, table[i].takes, err) == -1)
		return err->exit;
	if (opt->load || opt->add)
		return load(c, err);
	if (opt->list && c->argc != 0)
		return usage(err, "--list takes no table");
	if (opt->list)
		return rows_names(c->home, print_name, NULL, err) == -1 ? err->exit : SS_EXIT_OK;
	return modes == 1 ? look(c, err) : filter(c, err);
}

int
main(int argc, char **argv)
{
	struct options opt = { .deadline = (int64_t)7 * 86400 * 1000 };
	const struct cli_opt opts[] = {
		{ 'b', "by", CLI_TEXT, &opt.by, "KEY", "attribute or .data.a.b (default subject)",
		    0, 0 },
		{ 'i', "into", CLI_TEXT, &opt.into, "NAME", "the row becomes data.NAME", 0, 0 },
		{ 'm', "miss", CLI_TEXT, &opt.miss, "WHAT", "no row: park (default), pass or dead",
		    0, 0 },
		{ 0, "deadline", CLI_TIME, &opt.deadline, "TIME", "parked for so long (default 7d)",
		    0, 0 },
		{ 'l', "load", CLI_FLAG, &opt.load, NULL, "replace TABLE by FILE's rows", 0, 0 },
		{ 'a', "add", CLI_FLAG, &opt.add, NULL, "put FILE's rows into TABLE", 0, 0 },
		{ 'k', "key", CLI_TEXT, &opt.key, "COLUMN", "what rows are known by (default key)",
		    0, 0 },
		{ 0, "allow-empty", CLI_FLAG, &opt.empty, NULL, "an empty FILE is meant", 0, 0 },
		{ 'g', "get", CLI_TEXT, &opt.get, "KEY", "print one row", 0, 0 },
		{ 'c', "count", CLI_FLAG, &opt.count, NULL, "print how many rows there are", 0, 0 },
		{ 0, "list", CLI_FLAG, &opt.list, NULL, "print the tables' names", 0, 0 },
		{ 0, NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0 }
	};
	const struct cli_prog prog = {
		.ctx = &opt,
		.name = "ss-lookup",
		.args = "[--by KEY] [--into NAME] [--miss WHAT] TABLE\n"
		    "       ss-lookup {--load|--add} [--key COLUMN] TABLE [FILE]\n"
		    "       ss-lookup {--get KEY|--count} TABLE\n       ss-lookup --list",
		.about = "Join rows of a keyed table into events; a missing row parks the event.",
		.opts = opts,
	};

	return cli_main(argc, argv, &prog, run);
}
