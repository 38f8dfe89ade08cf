/* ss-push - deliver events to one target, each applied once */
#include "base/cli.h"
#include "flow/push.h"

static enum ss_exit
run(struct cli *c, struct ss_err *err)
{
	static const char *const dry[] = { "dry-run", NULL };
	struct push_opts *o = c->prog->ctx;

	if (c->argc != 1)
		return err_set(err, SS_EXIT_USAGE, "which target? (see --help)"), SS_EXIT_USAGE;
	if (o->dry_run && cli_only(c, "--dry-run", dry, err) == -1)
		return SS_EXIT_USAGE;
	o->target = c->argv[0];
	return push_run(c, o, err);
}

int
main(int argc, char **argv)
{
	struct push_opts o = { .retry_for = -1 };
	const struct cli_opt opts[] = {
		{ 0, "dry-run", CLI_FLAG, &o.dry_run, NULL, "print the requests, send and write nothing", 0, 0 },
		{ 0, "retry-for", CLI_TIME, &o.retry_for, "TIME", "bear an ill peer for so long (60s)", 0, 0 },
		{ 0, "attempts", CLI_COUNT, &o.attempts, "N", "then an event is dead (8)", 1, 100 },
		{ 0, NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0 }
	};
	const struct cli_prog prog = { "ss-push", "[options] http:NAME | file:PATH",
		"Delivers the events on standard input to one target: in batches, in order per\n"
		"key, each applied once; writes their outcomes.", opts, NULL, &o };

	return cli_main(argc, argv, &prog, run);
}
