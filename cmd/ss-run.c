/* ss-run - store what comes in, work off what is open in a pipeline */
#include "base/cli.h"
#include "flow/run.h"

static enum ss_exit
run(struct cli *c, struct ss_err *err)
{
	struct run_opts *o = c->prog->ctx;

	if (c->argc != 1)
		return err_set(err, SS_EXIT_USAGE, "which pipeline? (see --help)"), SS_EXIT_USAGE;
	o->name = c->argv[0];
	if (!run_name_ok(o->name))
		return err_set(err, SS_EXIT_USAGE, "'%s' is no name for a pipeline: letters, digits, . _ - (100 at most)",
		    o->name), SS_EXIT_USAGE;
	return run_pipeline(c, o, err);
}

int
main(int argc, char **argv)
{
	struct run_opts o = { .retry_for = -1, .base_delay = 1000 };
	const struct cli_opt opts[] = {
		{ 'f', "follow", CLI_FLAG, &o.follow, NULL, "go on until stopped", 0, 0 },
		{ 0, "retry-for", CLI_TIME, &o.retry_for, "TIME", "go on retrying for so long (60s)", 0, 0 },
		{ 0, "retry-delay", CLI_TIME, &o.base_delay, "TIME", "before the first retry (1s), then doubling", 0, 0 },
		{ 'n', "no-input", CLI_FLAG, &o.no_input, NULL, "do not read standard input", 0, 0 },
		{ 'w', "wait", CLI_FLAG, &o.wait, NULL, "wait if another run works it off", 0, 0 },
		{ 'q', "quiet", CLI_FLAG, &o.quiet, NULL, "print no summary", 0, 0 },
		{ 0, "strict", CLI_FLAG, &o.strict, NULL, "stop at a line that is no event", 0, 0 },
		{ 0, NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0 }
	};
	const struct cli_prog prog = { "ss-run", "[options] PIPELINE",
		"Stores the events on standard input, then feeds $SS_HOME/pipelines/PIPELINE\n"
		"what is open and records what became of it.", opts, NULL, &o };

	return cli_main(argc, argv, &prog, run);
}
