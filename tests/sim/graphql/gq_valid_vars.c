/* gq_valid_vars - variables: declared, used, and of types that fit */
#include <string.h>

#include "gq_valid.h"
#include "gq_value.h"

/* The variables of one operation while its uses are followed. */
struct vars {
	const struct gq_op *op;
	struct gq_map declared, used;
};

/* What an operation is called in messages. */
static const char *
title(struct gq_valid *v, const struct gq_op *op)
{
	return op->name != NULL ? op->name : gq_printf(&v->r->arena, "anonymous %s", gq_op_name[op->kind]);
}

static void
check_type(struct gq_valid *v, struct gq_var *var, const struct gq_path *path)
{
	const char *name;
	int known = gq_typeref_resolve(v->s, var->type, &name) == 0;
	struct gq_problem p;
	yyjson_mut_val *err;

	if (!known || !gq_is_input(gq_named(var->type))) {
		err = gq_valid_error(v, var->pos, path, "variableRequiresValidType",
		    "%s isn't a %s input type (on $%s)", name, known ? "valid" : "defined", var->name);
		gq_error_ext(v->r, err, "typeName", name);
		gq_error_ext(v->r, err, "variableName", var->name);
	} else if (var->def != NULL && !gq_value_fits(v->r, var->def, var->type, &p)) {
		const char *type = gq_typeref_text(&v->r->arena, var->type);

		err = gq_valid_error(v, var->pos, path, "defaultValueInvalidType", "%s", p.of_scalar ? p.text :
		    gq_printf(&v->r->arena, "Default value for $%s doesn't match type %s", var->name, type));
		gq_error_ext(v->r, err, "variableName", var->name);
		gq_error_ext(v->r, err, "typeName", type);
	}
}

void
gq_valid_declared(struct gq_valid *v, const struct gq_op *op, const struct gq_path *path)
{
	struct gq_map names = { 0 };

	for (struct gq_var *var = op->vars; var != NULL; var = var->next) {
		if (gq_map_put(&names, &v->r->arena, NULL, var->name, var) == -1) {
			gq_error_ext(v->r, gq_valid_error(v, var->pos, path, "variableNotUnique",
			    "There can only be one variable named \"%s\"", var->name), "variableName", var->name);
		}
		check_type(v, var, path);
		gq_valid_dirs(v, var->dirs, GQ_L_VARIABLE_DEFINITION, path);
	}
}

static int
dimension(const struct gq_typeref *t)
{
	int n = 0;

	for (; t->of != NULL; t = t->of)
		n += t->kind == GQ_R_LIST;
	return n;
}

/* Both have the same lists around the same name. */
static int
nulls_fit(const struct gq_typeref *have, const struct gq_typeref *want)
{
	for (;;) {
		if (want->kind == GQ_R_NON_NULL) {
			if (have->kind != GQ_R_NON_NULL)
				return 0;
			want = want->of;
		}
		have = gq_nullable(have);
		if (want->kind != GQ_R_LIST)
			return 1;
		want = want->of;
		have = have->of;
	}
}

/* Section 5.8.5, in the words of Shopify's library. */
static void
check_usage(struct gq_valid *v, const struct gq_usage *u, const struct gq_var *var)
{
	const struct gq_typeref *want = u->type;
	const char *what = NULL, *have_text, *want_text;
	yyjson_mut_val *err;

	/* That was told where it is declared. */
	if (gq_named(var->type) == NULL || !gq_is_input(gq_named(var->type)))
		return;
	/* null itself is then found when it is sent. */
	if (want->kind == GQ_R_NON_NULL && ((var->def != NULL && var->def->kind != GQ_V_NULL) || u->has_default))
		want = want->of;
	if (gq_named(var->type) != gq_named(want))
		what = "Type mismatch";
	else if (dimension(var->type) != dimension(want))
		what = "List dimension mismatch";
	else if (!nulls_fit(var->type, want))
		what = "Nullability mismatch";
	if (what == NULL)
		return;
	have_text = gq_typeref_text(&v->r->arena, var->type);
	want_text = gq_typeref_text(&v->r->arena, u->type);
	err = gq_valid_error(v, u->arg_pos, u->path, "variableMismatch", "%s on variable $%s and argument %s (%s / %s)",
	    what, u->name, u->arg, have_text, want_text);
	gq_error_ext(v->r, err, "variableName", u->name);
	gq_error_ext(v->r, err, "typeName", have_text);
	gq_error_ext(v->r, err, "argumentName", u->arg);
	gq_error_ext(v->r, err, "errorMessage", what);
}

/* Uses in one scope. */
static void
follow(struct gq_valid *v, const struct gq_scope *c, struct vars *x)
{
	for (const struct gq_usage *u = c->usages; u != NULL && v->work > 0; u = u->next) {
		const struct gq_var *var = gq_map_get(&x->declared, NULL, u->name);

		v->work--;
		(void)gq_map_put(&x->used, &v->r->arena, NULL, u->name, v);
		if (var != NULL) {
			check_usage(v, u, var);
			continue;
		}
		gq_error_ext(v->r, gq_valid_error(v, u->pos, u->path, "variableNotDefined",
		    "Variable $%s is used by %s but not declared", u->name,
		    c->op != NULL ? title(v, x->op) : c->frag->name), "variableName", u->name);
	}
}

/* Uses in all that s spreads. */
static void
spread(struct gq_valid *v, const struct gq_sel *s, struct vars *x)
{
	for (; s != NULL && v->work > 0; s = s->next) {
		v->work--;
		if (s->kind != GQ_S_SPREAD) {
			spread(v, s->sels, x);
		} else if (s->frag != NULL && s->frag->mark != v->mark) {
			const struct gq_scope *c = gq_map_get(&v->scopes, NULL, s->frag->name);

			s->frag->mark = v->mark;
			if (c != NULL)
				follow(v, c, x);
			spread(v, s->frag->sels, x);
		}
	}
}

void
gq_valid_usages(struct gq_valid *v)
{
	for (const struct gq_scope *c = v->scope_list; c != NULL; c = c->next) {
		struct vars x = { .op = c->op };

		if (c->op == NULL)
			continue;
		for (struct gq_var *var = c->op->vars; var != NULL; var = var->next)
			(void)gq_map_put(&x.declared, &v->r->arena, NULL, var->name, var);
		v->mark++;
		v->work = GQ_WORK_MAX;
		follow(v, c, &x);
		spread(v, c->op->sels, &x);
		for (const struct gq_var *var = c->op->vars; var != NULL; var = var->next) {
			if (gq_map_get(&x.used, NULL, var->name) != NULL)
				continue;
			gq_error_ext(v->r, gq_valid_error(v, c->op->pos, c->path, "variableNotUsed",
			    "Variable $%s is declared by %s but not used", var->name, title(v, c->op)),
			    "variableName", var->name);
		}
	}
}
