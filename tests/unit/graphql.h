#ifndef TEST_GRAPHQL_H
#define TEST_GRAPHQL_H

/* What the unit tests of the simulators' GraphQL share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../sim/graphql/gq_request.h"

static inline struct gq_schema *
must_read(const char *sdl)
{
	struct gq_fault f = { .text = "" };
	struct gq_schema *s = gq_schema_parse(sdl, strlen(sdl), &f);

	if (s == NULL)
		fail_msg("schema: %s", f.text);
	return s;
}

/* One request with all that it needs. */
struct ask {
	struct gq_request r;
	yyjson_mut_doc *out;
	yyjson_doc *vars;
};

/* Parse, validate and coerce; vars is JSON or NULL.  -1: there are errors. */
static inline int
ask(struct ask *a, const struct gq_schema *s, const char *query, const char *vars, const char *op)
{
	a->out = yyjson_mut_doc_new(NULL);
	a->vars = vars == NULL ? NULL : yyjson_read(vars, strlen(vars), YYJSON_READ_NUMBER_AS_RAW);
	assert_true(vars == NULL || a->vars != NULL);
	gq_request_init(&a->r, s, a->out);
	if (gq_request_parse(&a->r, query, strlen(query), op) == -1)
		return -1;
	return gq_request_vars(&a->r, yyjson_doc_get_root(a->vars));
}

static inline void
ask_end(struct ask *a)
{
	gq_request_free(&a->r);
	yyjson_mut_doc_free(a->out);
	yyjson_doc_free(a->vars);
}

/* JSON text; to be freed. */
static inline char *
json_text(yyjson_mut_val *v)
{
	char *s = yyjson_mut_val_write(v, 0, NULL);

	assert_non_null(s);
	return s;
}

#endif /* !TEST_GRAPHQL_H */
