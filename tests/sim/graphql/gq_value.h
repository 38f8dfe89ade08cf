#ifndef GQ_VALUE_H
#define GQ_VALUE_H

#include "gq_request.h"

/* Values of arguments and variables: section 3.5 on "input coercion". */

/* Why a value is none of its type. */
struct gq_problem {
	char text[400];
	int of_scalar;	/* the scalar itself said so: an own text instead of the usual one */
};

/* A literal as one writes it, for messages. */
const char *gq_value_text(struct gq_arena *a, const struct gq_value *v);

/*
 * 1 if the literal may stand where type is wanted; variables may everywhere.
 * If not, p says why when of_scalar is set.
 */
int gq_value_fits(const struct gq_request *r, const struct gq_value *v, const struct gq_typeref *type,
    struct gq_problem *p);

/*
 * The JSON of a valid literal, with r->vars put in and defaults filled in.
 * NULL: a variable that is absent.
 */
yyjson_mut_val *gq_value_json(struct gq_request *r, const struct gq_value *v, const struct gq_typeref *type);

/*
 * Coerced arguments: an object with those that were given or have a default;
 * null is there as null.  NULL if a required one came out as null or absent:
 * *missing, unless missing is NULL, is it.
 */
yyjson_mut_val *gq_args_json(struct gq_request *r, const struct gq_input_def *defs, const struct gq_arg *args,
    const struct gq_input_def **missing);

/* JSON of a scalar type: 1 if v may be one.  If not, p says why. */
enum gq_json_kind { GQ_J_INT, GQ_J_FLOAT, GQ_J_STRING, GQ_J_BOOL, GQ_J_OTHER };
int gq_scalar_fits(const struct gq_schema *s, const struct gq_type *t, enum gq_json_kind kind, const char *text,
    size_t n, struct gq_problem *p);

#endif /* !GQ_VALUE_H */
