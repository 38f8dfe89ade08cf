#ifndef GQ_REQUEST_H
#define GQ_REQUEST_H

#include <yyjson.h>

#include "gq_schema.h"

/* More errors than these are not told: whoever sent them cannot read them all. */
#define GQ_ERRORS_MAX 100

/*
 * One request, from its text to its answer.  The steps, in this order; each
 * but the cost gives -1 when it added to errors, and then the ones behind it
 * may not be taken:
 *
 *	gq_request_parse	syntax, choice of the operation, validation
 *	gq_request_vars		variables
 *	gq_request_sizes	lists that are too long
 *	gq_cost			(gq_cost.h) what it would cost
 *	gq_execute		(gq_exec.h) data
 */
struct gq_request {
	const struct gq_schema *schema;
	struct gq_arena arena;
	yyjson_mut_doc *out;		/* lent; everything of the answer is made in it */
	yyjson_mut_val *errors;		/* an array in out, as it goes into the answer */
	size_t nerrors;
	struct gq_doc *doc;
	struct gq_op *op;		/* the one that was chosen */
	yyjson_mut_val *vars;		/* coerced, with defaults; absent ones are absent */
};

/* Begin; schema and out have to stay until gq_request_free. */
void gq_request_init(struct gq_request *r, const struct gq_schema *schema, yyjson_mut_doc *out);
void gq_request_free(struct gq_request *r);

/* Parse and validate; op is the request's operationName or NULL. */
int gq_request_parse(struct gq_request *r, const char *query, size_t n, const char *op);
/* Coerce variables; NULL or JSON's null: none were sent.  Numbers may have been
 * read as raw text, which keeps the digits of amounts. */
int gq_request_vars(struct gq_request *r, yyjson_val *vars);
/*
 * MAX_INPUT_SIZE_EXCEEDED for each list in the arguments of root fields that is
 * longer than max(ctx, FIELD, NAME), NAME being the argument or member it is in.
 */
typedef size_t gq_size_fn(void *ctx, const char *field, const char *name);
int gq_request_sizes(struct gq_request *r, gq_size_fn *max, void *ctx);

/* --- errors ------------------------------------------------------------------ */

/* One step of a path, the last one first. */
struct gq_path {
	const struct gq_path *up;
	const char *name;	/* NULL: index */
	size_t index;
};

/*
 * {message, locations} at the end of errors; no locations if npos is 0.  NULL
 * when there are GQ_ERRORS_MAX already: it is counted, and what follows does
 * nothing with it.
 */
yyjson_mut_val *gq_error(struct gq_request *r, const struct gq_pos *pos, size_t npos, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* "path" of an error: the steps down to p. */
void gq_error_path(struct gq_request *r, yyjson_mut_val *err, const struct gq_path *p);
/* A member of "extensions", which is made when there is none. */
void gq_error_ext(struct gq_request *r, yyjson_mut_val *err, const char *key, const char *text);
void gq_error_ext_val(struct gq_request *r, yyjson_mut_val *err, const char *key, yyjson_mut_val *val);
/* The steps down to p as a JSON array. */
yyjson_mut_val *gq_path_json(struct gq_request *r, const struct gq_path *p);

/* The validation of r->doc, as gq_request_parse does it. */
int gq_validate(struct gq_request *r);

#endif /* !GQ_REQUEST_H */
