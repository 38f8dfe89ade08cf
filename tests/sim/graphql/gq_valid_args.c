/* gq_valid_args - arguments, input objects and directives */
#include <string.h>

#include "gq_valid.h"
#include "gq_value.h"

static void
use(struct gq_valid *v, const struct gq_value *val, const struct gq_arg *arg, const struct gq_input_def *d,
    const struct gq_typeref *type, const struct gq_path *path)
{
	struct gq_usage *u = gq_alloc(&v->r->arena, sizeof *u);

	*u = (struct gq_usage){ .next = v->scope->usages, .name = val->text, .pos = val->pos, .arg_pos = arg->pos,
		.arg = arg->name, .path = path, .type = type, .has_default = d->def != NULL && type == d->type };
	v->scope->usages = u;
}

static void
check_one_of(struct gq_valid *v, const struct gq_value *val, const struct gq_type *t, const struct gq_path *path)
{
	const struct gq_arg *m = val->members;
	yyjson_mut_val *err;

	if (m == NULL || m->next != NULL) {
		err = gq_valid_error(v, val->pos, path, "invalidOneOfInputObject",
		    "OneOf Input Object '%s' must specify exactly one key.", t->name);
	} else if (m->value->kind == GQ_V_NULL) {
		err = gq_valid_error(v, m->pos, gq_valid_step(v, path, m->name), "invalidOneOfInputObject",
		    "Field '%s.%s' must be non-null.", t->name, m->name);
	} else {
		const struct gq_var *var = m->value->kind == GQ_V_VAR && v->scope->op != NULL ?
		    v->scope->op->vars : NULL;

		while (var != NULL && strcmp(var->name, m->value->text) != 0)
			var = var->next;
		if (var == NULL || var->type->kind == GQ_R_NON_NULL)
			return;
		err = gq_valid_error(v, val->pos, gq_valid_step(v, path, m->name), "invalidOneOfInputObject",
		    "Variable '%s' must be non-nullable to be used for OneOf Input Object '%s'.", var->name,
		    t->name);
	}
	gq_error_ext(v->r, err, "inputObjectType", t->name);
}

static void
check_attributes(struct gq_valid *v, const struct gq_value *val, const struct gq_type *t,
    const struct gq_path *path)
{
	for (const struct gq_input_def *d = t->members; d != NULL; d = d->next) {
		const struct gq_arg *m = val->members;
		const char *type;
		yyjson_mut_val *err;

		while (m != NULL && strcmp(m->name, d->name) != 0)
			m = m->next;
		if (m != NULL || !gq_required(d))
			continue;
		type = gq_typeref_text(&v->r->arena, d->type);
		err = gq_valid_error(v, val->pos, gq_valid_step(v, path, d->name),
		    "missingRequiredInputObjectAttribute",
		    "Argument '%s' on InputObject '%s' is required. Expected type %s", d->name, t->name, type);
		gq_error_ext(v->r, err, "argumentName", d->name);
		gq_error_ext(v->r, err, "argumentType", type);
		gq_error_ext(v->r, err, "inputObjectType", t->name);
	}
}

/* Everything inside a value: variables are noted, objects checked. */
static void
check_value(struct gq_valid *v, const struct gq_value *val, const struct gq_arg *arg, const struct gq_input_def *d,
    const struct gq_typeref *type, const struct gq_path *path)
{
	const struct gq_typeref *t = gq_nullable(type);
	size_t i = 0;

	if (val->kind == GQ_V_VAR) {
		use(v, val, arg, d, type, path);
	} else if (val->kind == GQ_V_LIST) {
		/* Where no list is wanted the literal does not fit, but its variables are used. */
		const struct gq_typeref *item = t->kind == GQ_R_LIST ? t->of : t;

		for (val = val->items; val != NULL; val = val->next)
			check_value(v, val, arg, d, item, gq_valid_index(v, path, i++));
	} else if (val->kind == GQ_V_OBJECT) {
		while (t->kind != GQ_R_NAMED)
			t = t->of;
		if (t->type->kind == GQ_INPUT) {
			struct gq_owner o = { "InputObject", t->type->name, val->pos };

			if (t->type->one_of)
				check_one_of(v, val, t->type, path);
			check_attributes(v, val, t->type, path);
			gq_valid_args(v, &o, t->type->members, val->members, path);
		}
	}
}

static void
check_literal(struct gq_valid *v, const struct gq_owner *o, const struct gq_arg *a, const struct gq_input_def *d,
    const struct gq_path *path)
{
	struct gq_arena *m = &v->r->arena;
	struct gq_problem p;
	yyjson_mut_val *err;

	if (a->value->kind == GQ_V_VAR || gq_value_fits(v->r, a->value, d->type, &p))
		return;
	if (p.of_scalar) {
		err = gq_valid_error(v, o->pos, path, "argumentLiteralsIncompatible", "%s", p.text);
		gq_error_ext(v->r, err, "typeName", "CoercionError");
		return;
	}
	err = gq_valid_error(v, o->pos, path, "argumentLiteralsIncompatible",
	    "Argument '%s' on %s '%s' has an invalid value (%s). Expected type '%s'.", a->name, o->kind, o->name,
	    gq_value_text(m, a->value), gq_typeref_text(m, d->type));
	gq_error_ext(v->r, err, "typeName", o->kind);
	gq_error_ext(v->r, err, "argumentName", a->name);
}

static void
check_unique(struct gq_valid *v, const struct gq_owner *o, const struct gq_arg *args, const struct gq_path *path)
{
	int member = strcmp(o->kind, "InputObject") == 0;
	struct gq_map names = { 0 };

	if (args == NULL || args->next == NULL)
		return;
	for (; args != NULL; args = args->next) {
		if (gq_map_put(&names, &v->r->arena, NULL, args->name, v) == 0)
			continue;
		gq_error_ext(v->r, gq_valid_error(v, args->pos, path,
		    member ? "inputFieldNotUnique" : "argumentNotUnique", "There can be only one %s named \"%s\"",
		    member ? "input field" : "argument", args->name), "name", args->name);
	}
}

void
gq_valid_args(struct gq_valid *v, const struct gq_owner *o, const struct gq_input_def *defs,
    const struct gq_arg *args, const struct gq_path *path)
{
	check_unique(v, o, args, path);
	for (; args != NULL; args = args->next) {
		const struct gq_input_def *d = gq_input_def(defs, args->name);
		const struct gq_path *step = gq_valid_step(v, path, args->name);
		size_t before = v->r->nerrors;

		if (d == NULL) {
			yyjson_mut_val *err = gq_valid_error(v, args->pos, step, "argumentNotAccepted",
			    "%s '%s' doesn't accept argument '%s'", o->kind, o->name, args->name);

			gq_error_ext(v->r, err, "name", o->name);
			gq_error_ext(v->r, err, "typeName", o->kind);
			gq_error_ext(v->r, err, "argumentName", args->name);
			continue;
		}
		check_value(v, args->value, args, d, d->type, step);
		/* What is wrong inside says more than that the whole is wrong. */
		if (v->r->nerrors == before)
			check_literal(v, o, args, d, step);
	}
}

void
gq_valid_required(struct gq_valid *v, const struct gq_owner *o, const struct gq_input_def *defs,
    const struct gq_arg *args, const struct gq_path *path)
{
	const char *names = "";
	yyjson_mut_val *err;

	for (; defs != NULL; defs = defs->next) {
		const struct gq_arg *a = args;

		while (a != NULL && strcmp(a->name, defs->name) != 0)
			a = a->next;
		if (a == NULL && gq_required(defs))
			names = gq_printf(&v->r->arena, "%s%s%s", names, *names == '\0' ? "" : ", ", defs->name);
	}
	if (*names == '\0')
		return;
	err = gq_valid_error(v, o->pos, path, "missingRequiredArguments", "%s '%s' is missing required "
	    "arguments: %s",
	    o->kind, o->name, names);
	gq_error_ext(v->r, err, "className", o->kind);
	gq_error_ext(v->r, err, "name", o->name);
	gq_error_ext(v->r, err, "arguments", names);
}

static const struct {
	unsigned bit;
	const char *plural;
} place[] = {
	{ GQ_L_QUERY, "queries" }, { GQ_L_MUTATION, "mutations" }, { GQ_L_SUBSCRIPTION, "subscriptions" },
	{ GQ_L_FIELD, "fields" }, { GQ_L_FRAGMENT_DEFINITION, "fragment definitions" },
	{ GQ_L_FRAGMENT_SPREAD, "fragment spreads" }, { GQ_L_INLINE_FRAGMENT, "inline fragments" },
	{ GQ_L_VARIABLE_DEFINITION, "variable definitions" },
};

static void
misplaced(struct gq_valid *v, const struct gq_dir *d, const struct gq_dir_def *def, unsigned where,
    const struct gq_path *path)
{
	const char *target = "", *allowed = "";
	yyjson_mut_val *err;

	for (size_t i = 0; i < sizeof place / sizeof place[0]; i++) {
		if (place[i].bit == where)
			target = place[i].plural;
		if (place[i].bit & def->where)
			allowed = gq_printf(&v->r->arena, "%s%s%s", allowed, *allowed == '\0' ? "" : ", ",
			    place[i].plural);
	}
	err = gq_valid_error(v, d->pos, path, "directiveCannotBeApplied",
	    "'@%s' can't be applied to %s (allowed: %s)", d->name, target, allowed);
	gq_error_ext(v->r, err, "targetName", target);
	gq_error_ext(v->r, err, "name", d->name);
}

void
gq_valid_dirs(struct gq_valid *v, const struct gq_dir *dirs, unsigned where, const struct gq_path *path)
{
	struct gq_map names = { 0 };

	for (const struct gq_dir *d = dirs; d != NULL; d = d->next) {
		const struct gq_dir_def *def = gq_dir_def(v->s, d->name);
		struct gq_owner o = { "Directive", d->name, d->pos };

		if (def == NULL) {
			gq_error_ext(v->r, gq_valid_error(v, d->pos, path, "undefinedDirective",
			    "Directive @%s is not defined", d->name), "directiveName", d->name);
			continue;
		}
		if ((def->where & where) == 0)
			misplaced(v, d, def, where, path);
		if (dirs->next != NULL && gq_map_put(&names, &v->r->arena, NULL, d->name, v) == -1 &&
		    !def->repeatable) {
			gq_error_ext(v->r, gq_valid_error(v, d->pos, path, "directiveNotUniqueForLocation",
			    "The directive \"%s\" can only be used once at this location.", d->name),
			    "directiveName", d->name);
		}
		gq_valid_required(v, &o, def->args, d->args, path);
		gq_valid_args(v, &o, def->args, d->args, path);
	}
}
