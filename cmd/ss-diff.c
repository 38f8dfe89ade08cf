/* ss-diff - let through what differs from what a target is known to hold */
#include <string.h>

#include "base/buf.h"
#include "base/cli.h"
#include "base/conf.h"
#include "event/filter.h"
#include "flow/diff.h"
#include "peer/sink.h"

struct options {
	const char *target;
	int complete;
};

static enum ss_exit
files(struct cli *c, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;
	struct out out;
	struct diff_files f = { .a = c->argv[0], .b = c->argv[1], .complete = opt->complete,
		.clock = &c->clock, .out = &out };
	int rc;

	out_init(&out, 1, "standard output");
	rc = diff_files(&f, err);
	if (rc != -1 && out_flush(&out, err) == -1)
		rc = -1;
	out_free(&out);
	return rc == -1 ? err->exit : rc == 1 ? SS_EXIT_NO : SS_EXIT_OK;
}

static enum ss_exit
filter(struct cli *c, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;
	struct buf name = { .max = 101 };
	struct conf *conf = NULL;
	struct filter f;
	struct diff *d = NULL;
	enum ss_exit rc;

	if (conf_open(&conf, c->config, err) == -1 || sink_name(opt->target, conf, &name, err) == -1) {
		conf_free(conf);
		buf_free(&name);
		return SS_EXIT_USAGE;
	}
	filter_init(&f, "diff", name.p, &c->clock, &c->uuid);
	rc = diff_open(&d, c->home, name.p, &c->clock, &c->rng, err) == 0 ? filter_run(&f, &diff_ops, d, err) :
	    filter_fail(&f, err);
	diff_close(d);
	filter_free(&f);
	conf_free(conf);
	buf_free(&name);
	return rc;
}

static enum ss_exit
run(struct cli *c, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;
	if (opt->target != NULL && c->argc == 0 && !opt->complete)
		return filter(c, err);
	if (opt->target == NULL && c->argc == 2)
		return files(c, err);
	if (opt->target == NULL && c->argc == 0)
		err_set(err, SS_EXIT_USAGE, "--target PEER or two files are needed (see --help)");
	else if (opt->target != NULL)
		err_set(err, SS_EXIT_USAGE,
		    "--target takes neither files nor --complete (see --help)");
	else
		err_set(err, SS_EXIT_USAGE, "two files are compared, not %d (see --help)", c->argc);
	return SS_EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct options opt = { .target = NULL };
	const struct cli_opt opts[] = {
		{ 't', "target", CLI_TEXT, &opt.target, "PEER",
		    "compare with what PEER is known to hold", 0, 0 },
		{ 0, "complete", CLI_FLAG, &opt.complete, NULL,
		    "B is all there is: what it lacks is gone", 0, 0 },
		{ 0, NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0 }
	};
	const struct cli_prog prog = {
		.ctx = &opt,
		.name = "ss-diff",
		.args = "--target PEER\n       ss-diff [--complete] A B",
		.about =
		    "Let through what differs from what a target is known to hold, narrowed to\n"
		    "that; or what of the snapshot B differs from the snapshot A.",
		.opts = opts,
	};

	return cli_main(argc, argv, &prog, run);
}
