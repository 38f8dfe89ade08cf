#ifndef SS_PEER_SHOPIFY_REPLY_H
#define SS_PEER_SHOPIFY_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "event/json.h"
#include "peer/shopify.h"
#include "peer/sink.h"

struct http_reply;
struct yyjson_val;

/*
 * What a reply says.  Three layers: the HTTP status
 * (https://shopify.dev/docs/api/usage/response-codes), errors on top of the body,
 * userErrors of the mutation (https://shopify.dev/docs/api/usage/error-handling).
 * Never fails: what cannot be understood is an end that is not known, for a
 * query a peer that is ill.  Codes and words that are not known are tolerated.
 */

/* extensions.cost, in whole points: costs rounded up, the bucket down; -1: not
 * said.  https://shopify.dev/docs/api/usage/limits */
struct shopify_cost {
	int64_t requested, actual;
	int64_t maximum, available, restore;	/* restore: a second */
};

/* What was asked. */
struct shopify_ask {
	enum shopify_doc doc;
	int partial;			/* variants_update: good rows are set though others are bad */
	const size_t *item;		/* item[row]: the item that a row belongs to; NULL: row and item are one */
	size_t rows;			/* rows in the call, as the document's list has them */
	struct sink_result *res;	/* n of them, all written; NULL: n is 0 */
	size_t n;
};

struct shopify_reply {
	enum sink_end end;
	int status;
	int64_t wait;		/* ms until the next try, -1: nothing said */
	/* why, when it did not go well; "" when all did */
	enum outcome_class class;
	int retry;
	char code[64];
	char message[400];
	size_t errors;		/* of both kinds, in all */
	int noop;		/* nothing had to be changed */
	/* The key's: the first call is still under way (end is SINK_UNKNOWN: send the
	 * same again); the key is spent (end is SINK_REFUSED: take another). */
	int same_key, new_key;
	int unfiltered;		/* a search was not understood: data holds more than was asked for */
	struct shopify_cost cost;
	uint64_t line;		/* shopify_reply_line: the line of the file, from 0 */
	/* valid until the memory is read into again; NULL when absent or null */
	struct yyjson_val *data, *root;
};

/*
 * Read a reply.  Mutations are all or nothing (but for partial): one userError
 * is SINK_REFUSED, with those rows named that it speaks of; a row that is not
 * named was neither applied nor at fault.  An error of the product that all rows
 * share names all.  SINK_APPLIED: every item is ok but those named.  A query that
 * went well is SINK_APPLIED; it may have data and errors (of single fields) at once.
 * Error of our document (its text, not its values): SINK_PEER, class bug, so that
 * events wait rather than die of it.
 */
void shopify_reply_read(struct shopify_reply *r, struct json_mem *m, const struct shopify_ask *a,
    const struct http_reply *h);

/* One line of a bulk mutation's result: {"data":…,"__lineNumber":N}.  The ends are
 * those above; SINK_UNKNOWN when the line has no number. */
void shopify_reply_line(struct shopify_reply *r, struct json_mem *m, const struct shopify_ask *a, const char *p,
    size_t n);

/* The nodes of a page: of root, or of a connection within a row.  1 there is a page
 * after it (*after is its cursor), 0 it is the last, -1 it is no page. */
int shopify_reply_page(struct yyjson_val *connection, struct json_walk *nodes, struct json_span *after);

/* X-Shopify-API-Version: 1 when another version answered than was asked, which is in
 * have then; 0 the same, or not said.  https://shopify.dev/docs/api/usage/versioning */
int shopify_reply_version(const struct http_reply *h, char have[16]);

/* For the other files of shopify_reply.  What a code means. */
enum shopify_meaning {
	SHOPIFY_MEANS_ROW,		/* refused for what is in the call */
	SHOPIFY_MEANS_DOCUMENT,		/* refused for how we ask */
	SHOPIFY_MEANS_LOST,		/* it broke while it ran */
	SHOPIFY_MEANS_AUTH,
	SHOPIFY_MEANS_THROTTLE		/* the highest counts */
};
struct shopify_code {
	enum outcome_class class;
	int retry;
	enum shopify_meaning meaning;
	int known;			/* 0: the class is a guess by its words */
};
struct shopify_code shopify_code(struct json_span code, struct json_span message);
void shopify_cost(struct shopify_cost *c, struct yyjson_val *extensions);
/* How long until the bucket holds what was requested: at least 1 s, at most 1 h. */
int64_t shopify_cost_wait(const struct shopify_cost *c);
/* Text for one line: cut between characters, control bytes as blanks. */
void shopify_copy(char *to, size_t size, struct json_span s);

#endif /* !SS_PEER_SHOPIFY_REPLY_H */
