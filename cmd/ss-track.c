/* ss-track - record events and outcomes; answer questions from the log */
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "event/outcome.h"
#include "flow/query.h"
#include "flow/record.h"

struct options {
	const char *pipeline;
	struct query_filter list;
	int json;
};

static const struct cli_verb verbs[] = {
	{ "show ID", "the event with that id and what became of it" },
	{ "list", "what failed, is parked or dead; --state open: all without an end" },
	{ "stats", "the accounts, a line per pipeline" },
	{ NULL, NULL },
};

/* An option that was given and that the verb makes no use of would be a wrong
 * answer taken for a right one. */
static int
refuse(const struct options *o, const char *verb, int pipeline, int json, int list, struct ss_err *err)
{
	const char *name = !pipeline && o->pipeline != NULL ? "pipeline" : !json && o->json ? "json" :
	    list ? NULL : o->list.state != NULL ? "state" : o->list.target != NULL ? "target" :
	    o->list.class != NULL ? "class" : o->list.limit != 0 ? "limit" : NULL;

	return name == NULL ? 0 : err_set(err, SS_EXIT_USAGE, "%s takes no --%s (see --help)", verb, name);
}

static int
check_class(const char *class, struct ss_err *err)
{
	char all[256] = "";
	int k;

	for (k = OUTCOME_NONE + 1; class != NULL && k < OUTCOME_CLASS_COUNT; k++) {
		if (strcmp(class, outcome_class_name((enum outcome_class)k)) == 0)
			return 0;
		(void)snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", k == 1 ? "" : ", ",
		    outcome_class_name((enum outcome_class)k));
	}
	return class == NULL ? 0 : err_set(err, SS_EXIT_USAGE, "--class is one of %s, not '%s'", all, class);
}

static enum ss_exit
show(struct cli *c, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;
	struct query q;
	uint64_t found = 0;
	int rc;

	if (c->argc != 2) {
		err_set(err, SS_EXIT_USAGE, c->argc < 2 ? "show needs an id" : "unexpected argument '%s'",
		    c->argc < 2 ? "" : c->argv[2]);
		return SS_EXIT_USAGE;
	}
	if (refuse(opt, "show", 0, 1, 0, err) == -1)
		return SS_EXIT_USAGE;
	rc = query_open(&q, c, 0, opt->json, err);
	if (rc == 0)
		rc = query_show(&q, c->argv[1], &found, err);
	query_close(&q);
	if (rc == 0 && found == 0)
		err_set(err, SS_EXIT_NO, "no event with id '%s'", c->argv[1]);
	return rc == -1 ? err->exit : found == 0 ? SS_EXIT_NO : SS_EXIT_OK;
}

static enum ss_exit
list(struct cli *c, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;
	const char *s = opt->list.state;
	struct query q;
	uint64_t rows = 0;
	int rc;

	if (s != NULL && strcmp(s, "failed") != 0 && strcmp(s, "parked") != 0 && strcmp(s, "dead") != 0 &&
	    strcmp(s, "open") != 0) {
		err_set(err, SS_EXIT_USAGE, "--state is failed, parked, dead or open, not '%s'", s);
		return SS_EXIT_USAGE;
	}
	if (check_class(opt->list.class, err) == -1)
		return SS_EXIT_USAGE;
	opt->list.pipeline = opt->pipeline;
	rc = query_open(&q, c, 1, opt->json, err);
	if (rc == 0)
		rc = query_list(&q, &opt->list, &rows, err);
	query_close(&q);
	return rc == -1 ? err->exit : rows == 0 ? SS_EXIT_NO : SS_EXIT_OK;
}

static enum ss_exit
stats(struct cli *c, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;
	struct query q;
	int rc;

	if (refuse(opt, "stats", 0, 1, 0, err) == -1)
		return SS_EXIT_USAGE;
	rc = query_open(&q, c, 1, opt->json, err);
	if (rc == 0)
		rc = query_stats(&q, err);
	query_close(&q);
	return rc == -1 ? err->exit : SS_EXIT_OK;
}

static enum ss_exit
track(struct cli *c, struct ss_err *err)
{
	struct options *opt = c->prog->ctx;

	if (c->argc == 0)
		return refuse(opt, "recording", 1, 0, 0, err) == -1 ? SS_EXIT_USAGE : record_filter(c, opt->pipeline, err);
	if (strcmp(c->argv[0], "show") == 0)
		return show(c, err);
	if (c->argc > 1) {
		err_set(err, SS_EXIT_USAGE, "unexpected argument '%s'", c->argv[1]);
		return SS_EXIT_USAGE;
	}
	if (strcmp(c->argv[0], "list") == 0)
		return list(c, err);
	if (strcmp(c->argv[0], "stats") == 0)
		return stats(c, err);
	err_set(err, SS_EXIT_USAGE, "no such verb: '%s' (see --help)", c->argv[0]);
	return SS_EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct options opt = { .pipeline = NULL };
	const struct cli_opt opts[] = {
		{ 'p', "pipeline", CLI_TEXT, &opt.pipeline, "NAME", "record for NAME; list: only of NAME", 0, 0 },
		{ 'j', "json", CLI_FLAG, &opt.json, NULL, "answer as JSON, also on a terminal", 0, 0 },
		{ 0, "state", CLI_TEXT, &opt.list.state, "STATE", "list: failed, parked, dead or open", 0, 0 },
		{ 0, "target", CLI_TEXT, &opt.list.target, "PEER", "list: only for that target", 0, 0 },
		{ 0, "class", CLI_TEXT, &opt.list.class, "CLASS", "list: only that class of cause", 0, 0 },
		{ 0, "limit", CLI_COUNT, &opt.list.limit, "N", "list: at most N rows", 1, 0 },
		{ 0, NULL, CLI_FLAG, NULL, NULL, NULL, 0, 0 },
	};
	const struct cli_prog prog = {
		.ctx = &opt,
		.name = "ss-track",
		.args = "[-p NAME] < events | ss-track [options] show ID | list | stats",
		.about = "Without a verb: records the events and outcomes that pass in the log.\n"
		    "With one: answers from the log.",
		.opts = opts,
		.verbs = verbs,
	};

	return cli_main(argc, argv, &prog, track);
}
