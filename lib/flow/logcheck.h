#ifndef SS_FLOW_LOGCHECK_H
#define SS_FLOW_LOGCHECK_H

#include "base/err.h"
#include "flow/query.h"

struct hash_map;

/*
 * ss-log verify: is the log whole, and does the ledger say what follows from its
 * lines?  The accounts are made a second time here, by other means than the
 * ledger's: one bit for each place.
 */

/* Writes findings and accounts to q's output.  q was opened without a ledger.
 * SS_EXIT_OK, SS_EXIT_DAMAGE when anything is damaged or disagrees, or what kept
 * it from looking, with err filled. */
enum ss_exit logcheck_verify(struct query *q, struct ss_err *err);

/* Makes the ledger anew from the log and says up to which place. */
enum ss_exit logcheck_rebuild(struct query *q, struct ss_err *err);

/* The ledger as text, row by row. */
enum ss_exit logcheck_dump(struct query *q, struct ss_err *err);

/* What is kept of a delivery, by place; logcheck_account.c. */
struct logcheck_bits {
	unsigned char *p;
	uint64_t base, n;	/* bits for [base, base + n) */
};

struct logcheck_account {
	char *name;
	struct logcheck_bits open, failed, parked, dead;
	uint64_t opened, ended[EVENT_DEAD + 1], replaced, doubles;
	uint64_t nopen, nfailed, nparked, ndead;
};

struct logcheck_accounts {
	struct logcheck_account *v;
	size_t n;
	/* open intents, by hash of target and id; the targets that were named */
	struct hash_map *intents;
	/* foreign ids by the pipelines they were opened in */
	struct hash_map *seen;
	uint64_t nintents;
	char **targets;
	size_t ntargets;
};

/* Take one line of the log into account.  -1 without memory. */
int logcheck_account_line(struct logcheck_accounts *a, const struct event *ev, uint64_t seq);
/* The lowest open place, 0 none. */
uint64_t logcheck_account_position(const struct logcheck_account *p);
void logcheck_account_free(struct logcheck_accounts *a);

#endif /* !SS_FLOW_LOGCHECK_H */
