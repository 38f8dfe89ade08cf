#ifndef GQ_AST_H
#define GQ_AST_H

#include "gq_mem.h"

/*
 * What a document is made of.  Everything lies in the arena it was parsed
 * into; lists are chained by next, in the order of the text.
 */

/* How deep selections, values and types may nest, spreads of fragments followed:
 * whatever walks a document may do so by calling itself. */
#define GQ_DEPTH_MAX 100

struct gq_type;
struct gq_field_def;

enum gq_value_kind {
	GQ_V_NULL, GQ_V_BOOL, GQ_V_INT, GQ_V_FLOAT, GQ_V_STRING, GQ_V_ENUM, GQ_V_LIST, GQ_V_OBJECT, GQ_V_VAR
};

struct gq_value {
	struct gq_value *next;	/* in its list */
	enum gq_value_kind kind;
	struct gq_pos pos;
	const char *text;	/* contents, digits as written, name; with a NUL */
	size_t len;
	int truth;		/* of GQ_V_BOOL */
	struct gq_value *items;	/* of GQ_V_LIST */
	struct gq_arg *members;	/* of GQ_V_OBJECT */
};

/* An argument, or a member of an object. */
struct gq_arg {
	struct gq_arg *next;
	const char *name;
	struct gq_pos pos;
	struct gq_value *value;
};

/* A type as it is written.  [T]! is NON_NULL of LIST of NAMED. */
struct gq_typeref {
	enum { GQ_R_NAMED, GQ_R_LIST, GQ_R_NON_NULL } kind;
	const struct gq_typeref *of;	/* NULL for GQ_R_NAMED */
	const char *name;		/* of GQ_R_NAMED */
	const struct gq_type *type;	/* of GQ_R_NAMED; once it was looked up */
	struct gq_pos pos;
};

struct gq_dir {
	struct gq_dir *next;
	const char *name;
	struct gq_pos pos;
	struct gq_arg *args;
};

struct gq_var {
	struct gq_var *next;
	const char *name;
	struct gq_pos pos;	/* of the $ */
	struct gq_typeref *type;
	struct gq_value *def;	/* NULL: none */
	struct gq_dir *dirs;
};

enum gq_sel_kind { GQ_S_FIELD, GQ_S_SPREAD, GQ_S_INLINE };

struct gq_sel {
	struct gq_sel *next;
	enum gq_sel_kind kind;
	struct gq_pos pos;	/* of the alias or name, or of the three dots */
	const char *key;	/* a field's alias, or name if it has none */
	const char *name;	/* of the field or fragment */
	const char *cond;	/* an inline fragment's type; NULL: none */
	struct gq_arg *args;
	struct gq_dir *dirs;
	struct gq_sel *sels;	/* NULL: none are written */
	/* Set by validation. */
	const struct gq_field_def *def;
	struct gq_frag *frag;	/* what a spread spreads */
	const struct gq_type *on;	/* what is selected from: the parent's type */
	int merged;		/* its selections were found to agree */
};

enum gq_op_kind { GQ_QUERY, GQ_MUTATION, GQ_SUBSCRIPTION };

struct gq_op {
	struct gq_op *next;
	enum gq_op_kind kind;
	const char *name;	/* NULL: none */
	struct gq_pos pos;
	struct gq_var *vars;
	struct gq_dir *dirs;
	struct gq_sel *sels;
};

struct gq_frag {
	struct gq_frag *next;
	const char *name, *cond;
	struct gq_pos pos;
	struct gq_dir *dirs;
	struct gq_sel *sels;
	/* Set by validation. */
	const struct gq_type *on;
	int used, depth;
	unsigned mark;		/* of the walk that was here last */
};

struct gq_doc {
	struct gq_op *ops;
	struct gq_frag *frags;
};

/* "query", "mutation" or "subscription". */
extern const char *const gq_op_name[];

#endif /* !GQ_AST_H */
