#ifndef GQ_EXEC_H
#define GQ_EXEC_H

#include "gq_request.h"

/* Running an operation (section 6): who knows the data answers field by field. */

struct gq_call;

/*
 * What a field came out as.  Trees are JSON in r->out that is asked for itself:
 * an object's members are its fields (absent: null), an array is a list, and
 * "__typename" says which type stands for an abstract one.  Everything is
 * checked against the field's type; what does not fit is an internal error.
 */
struct gq_result {
	enum { GQ_NULL, GQ_TREE, GQ_OBJ, GQ_LIST } kind;
	yyjson_mut_val *tree;		/* GQ_TREE */
	const void *obj;		/* GQ_OBJ: the resolver gets it back as parent */
	const char *type;		/* GQ_OBJ: its type; NULL: the field's own */
	struct gq_result *items;	/* GQ_LIST: n of them, from gq_alloc on the request's arena */
	size_t n;
};

/* A field that is asked for. */
struct gq_call {
	struct gq_request *r;
	const struct gq_sel *field;	/* the first of those that were merged */
	const struct gq_field_def *def;
	const struct gq_type *type;	/* of the parent */
	const void *obj;		/* the parent; NULL at the root */
	yyjson_mut_val *args;		/* coerced, see gq_args_json */
	const struct gq_path *path;
};

/*
 * Fills *out, which is all-zero (null) when it is called.  -1: it added to the
 * errors and the field is null.  It is never asked for __typename, nor for
 * what is below a tree.
 */
typedef int gq_resolve_fn(void *ctx, const struct gq_call *call, struct gq_result *out);

/*
 * Run r->op; root fields one after the other.  The data, or NULL when an error
 * reached the top, which the answer says as null; errors of fields are in
 * r->errors.
 */
yyjson_mut_val *gq_execute(struct gq_request *r, gq_resolve_fn *resolve, void *ctx);

/* An error of a field: {message, locations, extensions{code}, path}; 2 positions
 * if also is not NULL.  Always gives -1, to be given on. */
int gq_call_error(const struct gq_call *c, const char *code, const struct gq_pos *also, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Arguments of a directive at the field; NULL if it is not there. */
yyjson_mut_val *gq_call_dir(const struct gq_call *c, const char *name);
/* The declaration of the variable that an argument is; NULL if it is none. */
const struct gq_var *gq_call_var(const struct gq_call *c, const char *arg);
/* 1 if a field of this name is selected right below; so that what costs much
 * is made only when it is wanted. */
int gq_call_wants(const struct gq_call *c, const char *name);

#endif /* !GQ_EXEC_H */
