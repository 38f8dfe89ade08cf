#ifndef SS_NET_BUDGET_INTERNAL_H
#define SS_NET_BUDGET_INTERNAL_H

/* Shared by budget*.c only. */

#include "net/budget.h"

#define BUDGET_MOST 1000000000	/* of any size, rate, cost */
#define BUDGET_HOLDS 64
#define BUDGET_WAITS 32
#define BUDGET_POLL 200		/* ms: while calls are under way one of them may give something back */
#define BUDGET_GRACE 1000	/* ms a place in the queue outlives the wait that was answered */
#define BUDGET_PAUSE 1000	/* ms of quiet after a throttled reply that names no time */
#define BUDGET_GUARD 250	/* ms behind the end of a window: clocks differ a little in a minute */

/* A reservation of a call that is under way. */
struct budget_hold {
	uint64_t owner, id;
	uint64_t start;		/* of process pid; 0: unknown */
	int64_t until;		/* of the lease */
	int64_t cost;
	int32_t pid;
	uint32_t prio;
};

/* Someone who was refused. */
struct budget_wait {
	uint64_t owner;
	uint64_t start;
	int64_t until;		/* the place is given up */
	int64_t cost;
	int32_t pid;
	uint32_t prio;
};

/*
 * The state of one peer, as it stands in the file.  Times are ms of
 * CLOCK_BOOTTIME, `level` is in thousandths of a point or call.
 *
 * Invariants: 1. level, less the cost of all holds, is no more than what the
 * peer has, neighbours apart; 2. a hold ends once: settled, or spent when its
 * owner is dead or its lease is out; 3. waits stand in the order of arrival, one
 * an owner and priority; 4. `at` never goes back.
 */
struct budget_state {
	uint32_t kind;
	uint32_t met;		/* a reply came, whatever it told */
	uint32_t learned;	/* a reply told what there is */
	uint32_t nholds, nwaits, pad;
	uint64_t epoch;		/* of this state; who reserved in another one knows nothing of it */
	uint64_t next;		/* id of the next hold */
	uint64_t spent;		/* points or calls settled so far */
	uint64_t throttled;
	int64_t at, level;
	int64_t size, rate;
	int64_t start, ends;	/* window: began at the latest, ends at the latest */
	int64_t peak;		/* window: the largest size that replies in it spoke of; 0 none */
	int64_t quiet;		/* nothing is granted before */
	int64_t swept;		/* when the dead were last looked for */
	struct pace_breaker breaker;
	struct budget_hold holds[BUDGET_HOLDS];
	struct budget_wait waits[BUDGET_WAITS];
};

/* Who asks. */
struct budget_who {
	uint64_t owner, start;
	int32_t pid;
};

/* What HOME/budget/PEER holds: two slots, then the learned costs. */
#define BUDGET_MAGIC UINT64_C(0x3130544744425353)
#define BUDGET_SLOT 8192
#define BUDGET_COSTS 256
#define BUDGET_WAYS 4
struct budget_slot {
	uint64_t magic;
	uint32_t bytes;		/* of this struct: another build may have another one */
	uint32_t crc;		/* CRC-32C of all that follows */
	uint64_t gen;		/* the higher of two good slots is the state */
	unsigned char boot[16];	/* of which boot the times are */
	struct budget_state s;
};
struct budget_known {
	uint64_t key;		/* 0: free */
	int64_t cost;
	int64_t used;		/* wall clock; only what is thrown out hangs on it */
	uint32_t crc;		/* of the above */
	uint32_t pad;
};

/* The rules; pure.  Ranges of c are held by budget_rule_conf first. */
void budget_rule_conf(struct budget_conf *c);
/* lost: there was a state, and nobody knows what it held. */
void budget_rule_init(struct budget_state *s, const struct budget_conf *c, uint64_t epoch, int64_t now, int lost);
/* 1 when every number is one that the rules can work with. */
int budget_rule_sane(const struct budget_state *s);
/* Bring the state to `now`: refill, next window, leases; a clock that is behind
 * it moves the state back.  First of all that is done with a state. */
void budget_rule_tick(struct budget_state *s, const struct budget_conf *c, int64_t now);
/* The state is of an earlier boot: its end is taken for the start of this one. */
void budget_rule_reboot(struct budget_state *s);
/* After tick; answers as budget_reserve. */
int64_t budget_rule_take(struct budget_state *s, const struct budget_conf *c, int64_t now,
    const struct budget_who *who, int64_t cost, enum budget_prio prio, struct budget_token *t);
void budget_rule_settle(struct budget_state *s, const struct budget_conf *c, int64_t now,
    const struct budget_token *t, const struct budget_reply *r);
/* End what belongs to processes that dead() answers 1 for; how many. */
unsigned budget_rule_sweep(struct budget_state *s, int (*dead)(void *ctx, int32_t pid, uint64_t start), void *ctx);
/* Drop an owner's places in the queue. */
void budget_rule_leave(struct budget_state *s, uint64_t owner);
/* Thousandths that are left, holds taken off. */
int64_t budget_rule_left(const struct budget_state *s);

#endif /* !SS_NET_BUDGET_INTERNAL_H */
