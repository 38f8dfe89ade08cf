/* gq_valid - a document against a schema: operations and selections */
#include <string.h>

#include "gq_valid.h"

const struct gq_path *
gq_valid_step(struct gq_valid *v, const struct gq_path *up, const char *name)
{
	struct gq_path *p = gq_alloc(&v->r->arena, sizeof *p);

	*p = (struct gq_path){ .up = up, .name = name };
	return p;
}

const struct gq_path *
gq_valid_index(struct gq_valid *v, const struct gq_path *up, size_t index)
{
	struct gq_path *p = gq_alloc(&v->r->arena, sizeof *p);

	*p = (struct gq_path){ .up = up, .index = index };
	return p;
}

yyjson_mut_val *
gq_valid_error(struct gq_valid *v, struct gq_pos pos, const struct gq_path *path, const char *code,
    const char *fmt, ...)
{
	yyjson_mut_val *err;
	va_list ap;

	va_start(ap, fmt);
	err = gq_error(v->r, &pos, 1, "%s", gq_vprintf(&v->r->arena, fmt, ap));
	va_end(ap);
	gq_error_path(v->r, err, path);
	gq_error_ext(v->r, err, "code", code);
	return err;
}

static void walk(struct gq_valid *v, struct gq_sel *s, const struct gq_type *on, const struct gq_path *path);

/* What is selected from a leaf, for the message. */
static const char *
selected(struct gq_valid *v, const struct gq_sel *s)
{
	struct gq_arena *a = &v->r->arena;
	const char *text = "";

	for (; s != NULL && strlen(text) < 300; s = s->next) {
		text = gq_printf(a, "%s%s\"%s%s%s\"", text, *text == '\0' ? "" : ", ",
		    s->kind != GQ_S_INLINE ? s->name : s->cond != NULL ? "... on " : "...",
		    s->kind == GQ_S_INLINE && s->cond != NULL ? s->cond : "",
		    s->kind == GQ_S_INLINE ? " { ... }" : "");
	}
	return text;
}

/* Leaves have no selections, all others do (5.3.3). */
static int
check_shape(struct gq_valid *v, const struct gq_sel *s, const struct gq_path *path)
{
	const struct gq_type *t = gq_named(s->def->type);
	yyjson_mut_val *err;

	if (gq_is_leaf(t) == (s->sels == NULL))
		return 0;
	if (gq_is_leaf(t)) {
		err = gq_valid_error(v, s->pos, path, "selectionMismatch",
		    "Selections can't be made on %ss (field '%s' returns %s but has selections [%s])",
		    t->kind == GQ_ENUM ? "enum" : "scalar", s->name, t->name, selected(v, s->sels));
	} else {
		err = gq_valid_error(v, s->pos, path, "selectionMismatch",
		    "Field must have selections (field '%s' returns %s but has no selections. "
		    "Did you mean '%s { ... }'?)", s->name, t->name, s->name);
	}
	gq_error_ext(v->r, err, "nodeName", gq_printf(&v->r->arena, "field '%s'", s->name));
	gq_error_ext(v->r, err, "typeName", t->name);
	return -1;
}

static void
walk_field(struct gq_valid *v, struct gq_sel *s, const struct gq_type *on, const struct gq_path *path)
{
	struct gq_owner o = { "Field", s->name, s->pos };
	yyjson_mut_val *err;

	s->on = on;
	s->def = gq_field(v->s, on, s->name);
	if (s->def == NULL && on->kind == GQ_UNION) {
		err = gq_valid_error(v, s->pos, path, "selectionMismatch",
		    "Selections can't be made directly on unions (see selections on %s)", on->name);
		gq_error_ext(v->r, err, "nodeName", on->name);
		return;
	}
	if (s->def == NULL) {
		err = gq_valid_error(v, s->pos, path, "undefinedField", "Field '%s' doesn't exist on type '%s'",
		    s->name, on->name);
		gq_error_ext(v->r, err, "typeName", on->name);
		gq_error_ext(v->r, err, "fieldName", s->name);
		return;
	}
	if (check_shape(v, s, path) == -1)
		return;
	gq_valid_required(v, &o, s->def->args, s->args, path);
	o.name = s->key;
	gq_valid_args(v, &o, s->def->args, s->args, path);
	gq_valid_dirs(v, s->dirs, GQ_L_FIELD, path);
	walk(v, s->sels, gq_named(s->def->type), path);
}

static void
walk_spread(struct gq_valid *v, struct gq_sel *s, const struct gq_type *on, const struct gq_path *path)
{
	s->on = on;
	s->frag = gq_map_get(&v->frags, NULL, s->name);
	gq_valid_dirs(v, s->dirs, GQ_L_FRAGMENT_SPREAD, path);
	if (s->frag == NULL) {
		gq_error_ext(v->r, gq_valid_error(v, s->pos, path, "useAndDefineFragment",
		    "Fragment %s was used, but not defined", s->name), "fragmentName", s->name);
		return;
	}
	s->frag->used = 1;
	if (s->frag->on != NULL)
		gq_valid_spread(v, on, s->frag->on, s->pos, s->name, path);
}

/* The type a fragment is on; NULL after an error. */
static const struct gq_type *
condition(struct gq_valid *v, const char *name, struct gq_pos pos, const struct gq_path *path)
{
	const struct gq_type *t = gq_type(v->s, name);
	yyjson_mut_val *err;

	if (t != NULL && gq_is_composite(t))
		return t;
	if (t == NULL) {
		err = gq_valid_error(v, pos, path, "undefinedType",
		    "No such type %s, so it can't be a fragment condition", name);
	} else {
		err = gq_valid_error(v, pos, path, "fragmentOnNonCompositeType",
		    "Invalid fragment on type %s (must be Union, Interface or Object)", name);
	}
	gq_error_ext(v->r, err, "typeName", name);
	return NULL;
}

static void
walk_inline(struct gq_valid *v, struct gq_sel *s, const struct gq_type *on, const struct gq_path *path)
{
	s->on = on;
	gq_valid_dirs(v, s->dirs, GQ_L_INLINE_FRAGMENT, path);
	if (s->cond != NULL) {
		const struct gq_type *t = condition(v, s->cond, s->pos, path);

		if (t == NULL)
			return;
		gq_valid_spread(v, on, t, s->pos, NULL, path);
		s->on = on = t;
	}
	walk(v, s->sels, on, path);
}

static void
walk(struct gq_valid *v, struct gq_sel *s, const struct gq_type *on, const struct gq_path *path)
{
	struct gq_arena *a = &v->r->arena;

	for (; s != NULL; s = s->next) {
		switch (s->kind) {
		case GQ_S_FIELD:
			walk_field(v, s, on, gq_valid_step(v, path, s->key));
			break;
		case GQ_S_SPREAD:
			walk_spread(v, s, on, gq_valid_step(v, path, gq_printf(a, "... %s", s->name)));
			break;
		case GQ_S_INLINE:
			walk_inline(v, s, on, gq_valid_step(v, path, s->cond == NULL ? "..." :
			    gq_printf(a, "... on %s", s->cond)));
			break;
		}
	}
}

static struct gq_scope *
open_scope(struct gq_valid *v, const char *title)
{
	struct gq_scope *c = gq_alloc(&v->r->arena, sizeof *c);

	c->next = v->scope_list;
	c->path = gq_valid_step(v, NULL, title);
	v->scope_list = v->scope = c;
	return c;
}

static void
check_op(struct gq_valid *v, struct gq_op *op)
{
	static const unsigned where[] = { GQ_L_QUERY, GQ_L_MUTATION, GQ_L_SUBSCRIPTION };
	static const char *const plural[] = { "queries", "mutations", "subscriptions" };
	static const char *const code[] = { "missingQueryConfiguration", "missingMutationConfiguration",
		"missingSubscriptionConfiguration" };
	const struct gq_type *root = v->s->root[op->kind];
	struct gq_scope *c = open_scope(v, op->name == NULL ? gq_op_name[op->kind] :
	    gq_printf(&v->r->arena, "%s %s", gq_op_name[op->kind], op->name));

	c->op = op;
	if (root == NULL) {
		(void)gq_valid_error(v, op->pos, c->path, code[op->kind], "Schema is not configured for %s",
		    plural[op->kind]);
		return;
	}
	gq_valid_declared(v, op, c->path);
	gq_valid_dirs(v, op->dirs, where[op->kind], c->path);
	walk(v, op->sels, root, c->path);
}

static void
check_frag(struct gq_valid *v, struct gq_frag *f)
{
	struct gq_scope *c = open_scope(v, gq_printf(&v->r->arena, "fragment %s", f->name));

	c->frag = f;
	(void)gq_map_put(&v->scopes, &v->r->arena, NULL, f->name, c);
	gq_valid_dirs(v, f->dirs, GQ_L_FRAGMENT_DEFINITION, c->path);
	if (condition(v, f->cond, f->pos, c->path) != NULL)
		walk(v, f->sels, f->on, c->path);
}

/* Names of operations are unique, and one without a name is alone (5.2). */
static void
check_names(struct gq_valid *v)
{
	struct gq_map names = { 0 };

	for (struct gq_op *o = v->r->doc->ops; o != NULL; o = o->next) {
		if (o->name == NULL && (o != v->r->doc->ops || o->next != NULL)) {
			(void)gq_valid_error(v, o->pos, NULL, "uniquelyNamedOperations",
			    "Operation name is required when multiple operations are present");
		} else if (o->name != NULL && gq_map_put(&names, &v->r->arena, NULL, o->name, o) == -1) {
			gq_error_ext(v->r, gq_valid_error(v, o->pos, NULL, "uniquelyNamedOperations",
			    "Operation name \"%s\" must be unique", o->name), "operationName", o->name);
		}
	}
}

int
gq_validate(struct gq_request *r)
{
	struct gq_valid v = { .r = r, .s = r->schema };
	size_t before = r->nerrors;
	struct gq_op *o;

	check_names(&v);
	if (gq_valid_frags(&v) == -1)
		return -1;
	for (o = r->doc->ops; o != NULL; o = o->next)
		check_op(&v, o);
	for (struct gq_frag *f = r->doc->frags; f != NULL; f = f->next)
		check_frag(&v, f);
	gq_valid_unused(&v);
	gq_valid_usages(&v);
	/* Only where all fields are known can it be said whether they agree. */
	for (o = r->doc->ops; o != NULL && r->nerrors == before; o = o->next)
		gq_valid_merge(&v, o);
	return r->nerrors == before ? 0 : -1;
}
