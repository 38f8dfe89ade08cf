/* ss-replay - do a recorded event again */
#include "base/cli.h"
#include "flow/replay.h"

static enum ss_exit
run(struct cli *c, struct ss_err *err)
{
	static const char *const print[] = { "print", "pipeline", "source", NULL };
	struct replay_opts *o = c->prog->ctx;

	if (c->argc != 1)
		return err_set(err, SS_EXIT_USAGE, "which event? give its id (see --help)"), SS_EXIT_USAGE;
	o->id = c->argv[0];
	if (o->print && cli_only(c, "--print", print, err) == -1)
		return SS_EXIT_USAGE;
	if (o->pipeline != NULL && !run_name_ok(o->pipeline))
		return err_set(err, SS_EXIT_USAGE, "'%s' is no name for a pipeline", o->pipeline), SS_EXIT_USAGE;
	if (o->force && o->edit != NULL)
		return err_set(err, SS_EXIT_USAGE, "--force is for the event as it is: give an edited one a newer .time"),
		    SS_EXIT_USAGE;
	return replay_run(c, o, err);
}

int
main(int argc, char **argv)
{
	struct replay_opts o = { .run = { .retry_for = -1, .base_delay = 1000 } };
	const struct cli_opt opts[] = {
		{ 'p', "pipeline", CLI_TEXT, &o.pipeline, "NAME", "the pipeline to do it in", 0, 0 },
		{ 0, "source", CLI_TEXT, &o.source, "SOURCE", "whose event, when several share the id", 0, 0 },
		{ 0, "print", CLI_FLAG, &o.print, NULL, "only print the event", 0, 0 },
		{ 0, "force", CLI_FLAG, &o.force, NULL, "deliver also what is stale or held already", 0, 0 },
		{ 0, "edit", CLI_TEXT, &o.edit, "JQ", "make a new event of it by this program", 0, 0 },
		{ 0, "retry-for", CLI_TIME, &o.run.retry_for, "TIME", "go on retrying for so long (60s)", 0, 0 },
		{ 'w', "wait", CLI_FLAG, &o.run.wait, NULL, "wait if another run works the pipeline off", 0, 0 },
		{ 'q', "quiet", CLI_FLAG, &o.run.quiet, NULL, "print no summary", 0, 0 },
		{ 0, NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0 }
	};
	const struct cli_prog prog = { "ss-replay", "[options] EVENT-ID",
		"Opens a recorded event's delivery again and works it off, as ss-run would\n"
		"without input.  Nothing is stored twice.", opts, NULL, &o };

	return cli_main(argc, argv, &prog, run);
}
