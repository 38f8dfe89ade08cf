#ifndef SS_FLOW_RUN_H
#define SS_FLOW_RUN_H

#include "base/cli.h"

/*
 * ss-run NAME (design 3): stores what comes on standard input, works off what
 * is open in the pipeline by its script HOME/pipelines/NAME, records what became
 * of it, and balances the accounts.
 */
struct run_opts {
	const char *name;
	int follow;		/* go on until stopped */
	int no_input;		/* do not read standard input (replay) */
	int wait;		/* another worker is at it: wait until ours is worked off */
	int quiet;		/* no summary */
	int strict;
	/* ms that a one-shot run goes on retrying and lets filters bear an ill peer;
	 * < 0: 60 s, and for filters $SS_RETRY_FOR where it is set */
	int64_t retry_for;
	int64_t base_delay;	/* ms before the first retry; doubles, with jitter */
};

enum ss_exit run_pipeline(struct cli *c, const struct run_opts *o, struct ss_err *err);

/* Check a pipeline's name: letters, digits, . _ - ; 1 to 100, not "-". */
int run_name_ok(const char *name);

#endif /* !SS_FLOW_RUN_H */
