#ifndef SS_FLOW_REPLAY_H
#define SS_FLOW_REPLAY_H

#include "base/cli.h"
#include "flow/run.h"

/*
 * ss-replay ID: opens an event's delivery again (ss.replay) and works it off as
 * ss-run would without input.  Nothing is stored twice; attempts start anew;
 * stale still holds unless forced.  A line.rejected goes through its reader
 * again.
 */
struct replay_opts {
	const char *id;
	const char *pipeline;	/* NULL: the one it was in */
	const char *source;	/* NULL: the one that has this id */
	const char *edit;	/* jq program that makes a new event of the old one; NULL none */
	int print;		/* only print the event */
	int force;		/* skip stale and ss-diff */
	struct run_opts run;
};

enum ss_exit replay_run(struct cli *c, const struct replay_opts *o, struct ss_err *err);

#endif /* !SS_FLOW_REPLAY_H */
