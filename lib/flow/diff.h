#ifndef SS_FLOW_DIFF_H
#define SS_FLOW_DIFF_H

#include "event/filter.h"

struct clock;
struct rng;
struct ss_err;

/*
 * ss-diff: desired state against what a target is known to hold, ss-diff(1).
 *
 * An item.observed or product.observed ends ss.unchanged when the target is
 * known to hold every leaf of it and nothing earlier of its keys is under way
 * to that target: let through by this process and still open, an open row of
 * the pipeline with an earlier place, or an open intent of the target.  What
 * differs leaves narrowed, as item.changed or product.changed.  What stands
 * behind something under way leaves whole: what is known may be about to
 * change.  Everything else passes as it is; what is state among it counts as
 * let through.
 *
 * The first events are looked up one by one; when there are many, all rows of
 * the target are read once into a table of hashes (diff_table.c).
 */
struct diff;

/* Reads no file yet.  Strings, clock and rng are borrowed.  Without HOME/log
 * nothing is known and none is made. */
int diff_open(struct diff **out, const char *home, const char *target, const struct clock *clock,
    struct rng *rng, struct ss_err *err);
void diff_close(struct diff *d);	/* NULL allowed */

/* For filter_run, with a struct diff as context. */
extern const struct filter_ops diff_ops;

/* Two snapshots: files of item.* and product.* events. */
struct diff_files {
	const char *a, *b;	/* paths; "-" is standard input */
	int complete;		/* what only a has is gone: item.removed, product.removed */
	const struct clock *clock;
	struct out *out;	/* gets b's events narrowed to what differs from a */
};

/* 1 they differ, 0 they do not; -1.  Lines of other types are not looked at.
 * What is gone is only told when b holds something and its cursor, if it has
 * one, was ended. */
int diff_files(const struct diff_files *o, struct ss_err *err);

#endif /* !SS_FLOW_DIFF_H */
