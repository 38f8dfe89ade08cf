#ifndef HS_SCRIPT_H
#define HS_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

/*
 * What the peer was told to do wrong: rules, each a match and an action.
 * README.md describes the JSON.  Chance is a hash of the seed, the rule and
 * the request's number, so that it does not depend on the order of threads.
 */

/* X(NAME, member of the rule and name in the journal) */
#define ACTIONS(X) \
	X(NONE, "none") \
	X(REFUSE, "refuse") \
	X(STATUS, "status") \
	X(THROTTLE, "throttle") \
	X(DROP_BEFORE, "drop_before") \
	X(DROP_AFTER, "drop_after") \
	X(DIE_BEFORE, "die_before") \
	X(DIE_AFTER, "die_after") \
	X(GARBAGE, "garbage") \
	X(TRUNCATE, "truncate") \
	X(PARTIAL, "partial")

#define ACTION_ENUM(name, text) ACT_##name,
enum action { ACTIONS(ACTION_ENUM) ACT_COUNT };
#undef ACTION_ENUM

extern const char *const hs_action_name[ACT_COUNT];

struct item {
	char *key, *text;	/* text: its value as JSON; both owned */
	size_t klen, tlen;
};

/* What the rules look at. */
struct call {
	const char *method, *path;
	uint64_t n;		/* the request's number, from 1 */
	const struct item *items;
	size_t nitems;
};

/* What is to happen to a request as a whole. */
struct plan {
	enum action action;
	int status;		/* of ACT_STATUS, ACT_THROTTLE */
	int64_t delay_ms;
	int atomic;
	char retry_after[64];	/* or "" */
	uint64_t fired;		/* bit i: rule i */
};

/* Why an item is refused; borrowed from the script. */
struct refusal {
	const char *status, *code, *message;
	int permanent, atomic;
	unsigned rule;
};

#define SCRIPT_RULES 64		/* struct plan's bits */

struct script;

/* A script without rules if text is NULL.  NULL: why says what is wrong. */
struct script *hs_script_parse(const char *text, size_t n, char *why, size_t whylen);
void hs_script_free(struct script *s);
int hs_script_idempotency(const struct script *s);
/* Count requests, occasions and buckets from here: base is the last request's number. */
void hs_script_restart(struct script *s, uint64_t base);
void hs_script_plan(struct script *s, const struct call *c, uint64_t seed, int64_t now, struct plan *p);
/* 1 if item i of the call is refused. */
int hs_script_refuses(struct script *s, const struct call *c, size_t i, uint64_t seed, struct refusal *r);

#endif /* !HS_SCRIPT_H */
