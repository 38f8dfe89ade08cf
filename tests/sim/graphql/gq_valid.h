#ifndef GQ_VALID_H
#define GQ_VALID_H

#include "gq_request.h"

/* What the files of the validation share (October 2021, section 5). */

/* What a rule may do whose work can grow faster than the document. */
#define GQ_WORK_MAX ((size_t)2000000)

/* A variable where it is used. */
struct gq_usage {
	struct gq_usage *next;
	const char *name;
	struct gq_pos pos;		/* of the variable */
	struct gq_pos arg_pos;
	const char *arg;		/* the argument it is in, or is */
	const struct gq_path *path;
	const struct gq_typeref *type;	/* what is wanted there */
	int has_default;		/* there is one if the variable is absent */
};

/* An operation or a fragment, as far as variables and spreads go. */
struct gq_scope {
	struct gq_scope *next;
	struct gq_op *op;		/* one of both */
	struct gq_frag *frag;
	struct gq_usage *usages;
	const struct gq_path *path;
};

struct gq_valid {
	struct gq_request *r;
	const struct gq_schema *s;
	struct gq_map frags;		/* by name, owner NULL */
	struct gq_map scopes;		/* of fragments: by name, owner their scope chain */
	struct gq_scope *scope_list;
	struct gq_scope *scope;		/* where we are */
	unsigned mark;			/* of the last walk over fragments */
	size_t work;			/* steps that a rule may still take */
};

/* A step below up; kept as long as the request. */
const struct gq_path *gq_valid_step(struct gq_valid *v, const struct gq_path *up, const char *name);
const struct gq_path *gq_valid_index(struct gq_valid *v, const struct gq_path *up, size_t index);
/* An error of the usual form, its code in the extensions. */
yyjson_mut_val *gq_valid_error(struct gq_valid *v, struct gq_pos pos, const struct gq_path *path, const char *code,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Whose arguments are looked at. */
struct gq_owner {
	const char *kind;		/* "Field", "Directive", "InputObject" */
	const char *name;		/* as errors call it */
	struct gq_pos pos;
};

/* gq_valid_args.c: known, unique, required, of the right types. */
void gq_valid_args(struct gq_valid *v, const struct gq_owner *o, const struct gq_input_def *defs,
    const struct gq_arg *args, const struct gq_path *path);
/* Required ones that are not there. */
void gq_valid_required(struct gq_valid *v, const struct gq_owner *o, const struct gq_input_def *defs,
    const struct gq_arg *args, const struct gq_path *path);
/* Directives at a place, which is one bit of enum gq_location. */
void gq_valid_dirs(struct gq_valid *v, const struct gq_dir *dirs, unsigned where, const struct gq_path *path);

/* gq_valid_frag.c: the map of fragments, their types, no loops, not too deep.
 * -1: there is a loop or it is too deep, and nothing may follow spreads. */
int gq_valid_frags(struct gq_valid *v);
/* After the walk: what was never spread. */
void gq_valid_unused(struct gq_valid *v);
/* child can be spread inside parent; frag is the spread one's name or NULL. */
void gq_valid_spread(struct gq_valid *v, const struct gq_type *parent, const struct gq_type *child,
    struct gq_pos pos, const char *frag, const struct gq_path *path);

/* gq_valid_vars.c: declarations of an operation. */
void gq_valid_declared(struct gq_valid *v, const struct gq_op *op, const struct gq_path *path);
/* After the walk: each use has its declaration, and the other way round. */
void gq_valid_usages(struct gq_valid *v);

/* gq_valid_merge.c: fields with one key can be one (section 5.3.2). */
void gq_valid_merge(struct gq_valid *v, const struct gq_op *op);

#endif /* !GQ_VALID_H */
