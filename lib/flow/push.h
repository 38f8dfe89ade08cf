#ifndef SS_FLOW_PUSH_H
#define SS_FLOW_PUSH_H

#include <stdint.h>

#include "base/cli.h"

/*
 * ss-push TARGET: delivers events to one target, in batches, in order per key,
 * each applied once (design 6).  The unit of "once" is the call: an ss.intent is
 * durable before it, one ss.settled ends it, and that and the outcomes of its
 * events go to the log in one write.  Whoever finds an intent open settles it
 * first.
 */
struct push_opts {
	const char *target;
	int64_t retry_for;	/* how long a peer may be ill before we stop; < 0: $SS_RETRY_FOR, else 60 s */
	int dry_run;		/* print the requests instead of making them; nothing is written */
	uint64_t attempts;	/* 0: from the configuration, else 8 */
};

enum ss_exit push_run(struct cli *c, const struct push_opts *o, struct ss_err *err);

#endif /* !SS_FLOW_PUSH_H */
