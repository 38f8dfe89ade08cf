/* ss-log - tend the log: verify it, make the state from it anew, show the state */
#include <string.h>

#include "base/cli.h"
#include "flow/logcheck.h"

static const struct cli_verb verbs[] = {
	{ "verify", "is every line good, and do the accounts balance?" },
	{ "rebuild", "make state/ anew from the log" },
	{ "dump", "write state/ as text" },
	{ NULL, NULL },
};

static enum ss_exit
tend(struct cli *c, struct ss_err *err)
{
	static const struct {
		const char *name;
		int ledger;
		enum ss_exit (*run)(struct query *q, struct ss_err *err);
		const char *takes[2];
	} table[] = { { "verify", 0, logcheck_verify, { "json" } }, { "rebuild", 0, logcheck_rebuild, { "json" } },
	    { "dump", 1, logcheck_dump, { NULL } } };
	struct query q;
	enum ss_exit rc;
	size_t i;

	for (i = 0; c->argc > 0 && i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(c->argv[0], table[i].name) == 0)
			break;
	if (c->argc == 0 || i == sizeof(table) / sizeof(table[0]) || c->argc > 1) {
		if (c->argc > 1)
			err_set(err, SS_EXIT_USAGE, "unexpected argument '%s'", c->argv[1]);
		else
			err_set(err, SS_EXIT_USAGE, "%s (see --help)", c->argc == 0 ? "a verb is needed" : "no such verb");
		return SS_EXIT_USAGE;
	}
	if (cli_only(c, table[i].name, table[i].takes, err) == -1)
		return SS_EXIT_USAGE;
	rc = query_open(&q, c, table[i].ledger, *(const int *)c->prog->ctx, err) == -1 ? err->exit : table[i].run(&q, err);
	query_close(&q);
	return rc;
}

int
main(int argc, char **argv)
{
	int json = 0;
	const struct cli_opt opts[] = {
		{ 'j', "json", CLI_FLAG, &json, NULL, "answer as JSON, also on a terminal", 0, 0 },
		{ 0, NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0 },
	};
	const struct cli_prog prog = {
		.ctx = &json,
		.name = "ss-log",
		.args = "[-j] verify | rebuild | dump",
		.about = "Tends the log in $SS_HOME.",
		.opts = opts,
		.verbs = verbs,
	};

	return cli_main(argc, argv, &prog, tend);
}
