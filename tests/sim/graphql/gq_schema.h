#ifndef GQ_SCHEMA_H
#define GQ_SCHEMA_H

#include "gq_ast.h"

/*
 * A schema in memory.  It never changes once it is read, so threads may share it.
 *
 * 1. Every typeref in it has its type.
 * 2. Lists (chained by next) are in the order of the text; names are unique in
 *    each of them.
 * 3. Arguments and members of inputs have input types, fields have output types.
 * 4. An object has all fields of its interfaces, with types that fit.
 */

enum gq_type_kind { GQ_SCALAR, GQ_OBJECT, GQ_INTERFACE, GQ_UNION, GQ_ENUM, GQ_INPUT };

/* An argument of a field or directive, or a member of an input object. */
struct gq_input_def {
	struct gq_input_def *next;
	const char *name;
	const struct gq_typeref *type;
	struct gq_value *def;		/* NULL: none */
	int deprecated;
	struct gq_pos pos;
};

struct gq_field_def {
	struct gq_field_def *next;
	const char *name;
	const struct gq_typeref *type;
	struct gq_input_def *args;
	int deprecated;
	struct gq_pos pos;
};

struct gq_enum_value {
	struct gq_enum_value *next;
	const char *name;
	int deprecated;
};

/* A type in a list of interfaces, of a union's members, or of possible types. */
struct gq_type_link {
	struct gq_type_link *next;
	const char *name;
	struct gq_pos pos;
	const struct gq_type *type;
};

struct gq_type {
	struct gq_type *next;
	enum gq_type_kind kind;
	const char *name;
	struct gq_pos pos;
	struct gq_field_def *fields;	/* objects, interfaces */
	struct gq_input_def *members;	/* inputs */
	struct gq_enum_value *values;	/* enums */
	struct gq_type_link *links;	/* interfaces of it; types of a union */
	struct gq_type_link *possible;	/* objects that it may be; itself for an object */
	int one_of;			/* @oneOf */
	int builtin;			/* not of the text */
};

/* Where a directive may stand, as bits. */
enum gq_location {
	GQ_L_QUERY = 1, GQ_L_MUTATION = 2, GQ_L_SUBSCRIPTION = 4, GQ_L_FIELD = 8,
	GQ_L_FRAGMENT_DEFINITION = 16, GQ_L_FRAGMENT_SPREAD = 32, GQ_L_INLINE_FRAGMENT = 64,
	GQ_L_VARIABLE_DEFINITION = 128, GQ_L_SCHEMA_SIDE = 256
};

struct gq_dir_def {
	struct gq_dir_def *next;
	const char *name;
	struct gq_input_def *args;
	unsigned where;
	int repeatable;
	struct gq_pos pos;
};

struct gq_schema {
	struct gq_arena arena;
	struct gq_type *types;		/* of the text, then the built-in scalars */
	struct gq_dir_def *dirs;
	struct gq_map map;
	const struct gq_type *root[3];	/* by enum gq_op_kind; NULL: none */
	struct gq_field_def typename_def;	/* __typename: String! */
	int global_ids;			/* set by who reads it: an ID is gid://APP/TYPE/ID */
};

/*
 * Read a schema (October 2021, section 3, and @oneOf) from n bytes.  Extensions
 * are not taken.  NULL if it is none: *fault says why and where.  To be freed
 * with gq_schema_free.
 */
struct gq_schema *gq_schema_parse(const char *src, size_t n, struct gq_fault *fault);
void gq_schema_free(struct gq_schema *s);

/* By name; NULL if there is none. */
const struct gq_type *gq_type(const struct gq_schema *s, const char *name);
const struct gq_dir_def *gq_dir_def(const struct gq_schema *s, const char *name);
/* A field of an object or interface; __typename for unions too. */
const struct gq_field_def *gq_field(const struct gq_schema *s, const struct gq_type *t, const char *name);
const struct gq_input_def *gq_member(const struct gq_schema *s, const struct gq_type *t, const char *name);
const struct gq_enum_value *gq_enum_value(const struct gq_schema *s, const struct gq_type *t, const char *name);
/* An argument in a chain of them. */
const struct gq_input_def *gq_input_def(const struct gq_input_def *args, const char *name);

/* The type without lists and non-nulls; NULL before it was looked up. */
const struct gq_type *gq_named(const struct gq_typeref *r);
/* A typeref without one outer non-null, if it has one. */
const struct gq_typeref *gq_nullable(const struct gq_typeref *r);
/* As it is written: "[ID!]!". */
const char *gq_typeref_text(struct gq_arena *a, const struct gq_typeref *r);
int gq_typeref_same(const struct gq_typeref *a, const struct gq_typeref *b);
int gq_is_leaf(const struct gq_type *t);
int gq_is_composite(const struct gq_type *t);
int gq_is_input(const struct gq_type *t);
/* 1 if an object of type t is also one of type abstract (or they are the same). */
int gq_is_a(const struct gq_schema *s, const struct gq_type *t, const struct gq_type *abstract);
/* 1 if there is an object that is both. */
int gq_overlap(const struct gq_schema *s, const struct gq_type *a, const struct gq_type *b);
/* Look up all names in r.  -1 if one is no type: *unknown is it. */
int gq_typeref_resolve(const struct gq_schema *s, struct gq_typeref *r, const char **unknown);
/* 1 if an argument or member must be given: non-null and without default. */
int gq_required(const struct gq_input_def *d);

#endif /* !GQ_SCHEMA_H */
