#ifndef HS_INTERNAL_H
#define HS_INTERNAL_H

#include <pthread.h>
#include <yyjson.h>

#include "hs_items.h"
#include "hs_script.h"
#include "hs_shop.h"
#include "hs_table.h"

/* Shared by hs_shop.c, which decides, and hs_record.c, which writes down. */

/* Counters, as GET /stats names them. */
#define STATS(X) \
	X(requests) X(applied) X(refused) X(replayed) X(conflicts) X(throttled) \
	X(dropped) X(broken) X(unauthorized) X(errors)

#define STAT_MEMBER(name) uint64_t name;
struct stats { STATS(STAT_MEMBER) };
#undef STAT_MEMBER

struct shop {
	pthread_mutex_t lock;
	pthread_cond_t woken;
	int stopping;
	struct table items, replies;
	struct script *script;
	uint64_t seed, n;
	struct stats stats;
	int64_t started;
	int state_fd, journal_fd;	/* -1: no state file */
	const char *state_path, *journal_path;
};

/* What became of an item.  X(NAME, name in the journal) */
#define RESULTS(X) X(SKIPPED, "skipped") X(OK, "ok") X(REFUSED, "refused") X(REPLAYED, "replayed")
#define RESULT_ENUM(name, text) RES_##name,
enum result { RESULTS(RESULT_ENUM) };
#undef RESULT_ENUM

/* One request on its way through. */
struct turn {
	const struct ask *q;
	struct answer *a;
	struct items items;
	struct call call;
	struct plan plan;
	enum result *result;	/* one an item */
	struct refusal *refusal;
	size_t applied, refused;
	int bad;		/* the body: why says what */
	char why[160];
	int64_t came;
};

/* A document whose root is a new object. */
yyjson_mut_doc *hs_shop_object(yyjson_mut_val **root);
/* It as text, owned by the caller; frees d. */
char *hs_shop_text(yyjson_mut_doc *d, yyjson_write_flag flag, size_t *n);

void hs_shop_apply(struct shop *s, const char *key, size_t klen, const char *patch, size_t n);
void hs_shop_remember(struct shop *s, const char *idem, size_t n, uint64_t digest, int status, const char *body, size_t len);
uint64_t hs_shop_digest(const struct ask *q);

/* The state file: read at start, then one line for each request that applied something. */
void hs_shop_load(struct shop *s);
void hs_shop_save(struct shop *s, const struct turn *t, int remembered);
void hs_shop_note(struct shop *s, const struct turn *t);

#endif /* !HS_INTERNAL_H */
