#ifndef HS_SHOP_H
#define HS_SHOP_H

#include <stddef.h>
#include <stdint.h>

/*
 * The shop behind the HTTP: items by key, remembered replies, the journal and
 * the script.  Every function may be called from any thread.
 *
 * Order, for each request: effects in memory, the state file's line, the
 * journal's line, the reply.  So whoever has a reply finds it in the journal,
 * and a peer that died after applying knows so in its next life.
 */
struct shop;

/* NULL paths: nothing is kept on disk.  Ends the process on failure. */
struct shop *hs_shop_open(const char *state, const char *journal, uint64_t seed);
void hs_shop_free(struct shop *s);

/* 0, or -1 and why.  text NULL: a script without rules. */
int hs_shop_script(struct shop *s, const char *text, size_t n, char *why, size_t whylen);
void hs_shop_reset(struct shop *s);
/* Wake those who sleep: from now on delayed requests end without effect. */
void hs_shop_stop(struct shop *s);

struct ask {
	const char *method, *path;
	const char *idem;	/* the Idempotency-Key, or NULL */
	const char *body;
	size_t len;
	int authorized, too_large;
};

enum delivery {
	SEND_WHOLE,
	SEND_CUT,	/* less than Content-Length says, then close */
	SEND_NOTHING	/* close */
};

struct answer {
	int status;
	char *body;		/* owned by the caller */
	size_t len;
	char retry_after[64];	/* or "" */
	enum delivery delivery;
};

void hs_shop_ask(struct shop *s, const struct ask *q, struct answer *a);

/* Dumps, owned by the caller. */
char *hs_shop_state(struct shop *s, size_t *n);
char *hs_shop_stats(struct shop *s, size_t *n);
/* A descriptor of the journal for reading, owned by the caller, and its size. */
int hs_shop_journal(struct shop *s, uint64_t *size);

#endif /* !HS_SHOP_H */
