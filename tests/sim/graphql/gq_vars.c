/* gq_vars - the request's variables to values of their types (section 6.1.2) */
#include <stdlib.h>
#include <string.h>

#include "gq_request.h"
#include "gq_string.h"
#include "gq_value.h"

/* More than these are not told. */
#define PROBLEMS_MAX 50

struct vars {
	struct gq_request *r;
	yyjson_mut_val *problems;	/* of one variable */
	const char *where;		/* " for a.0.b (why), c (why)" */
};

/* "a.0.b" of the steps down to p. */
static const char *
path_text(struct gq_arena *a, const struct gq_path *p)
{
	const char *up = p->up == NULL ? "" : path_text(a, p->up);

	return p->name != NULL ? gq_printf(a, "%s%s%s", up, *up == '\0' ? "" : ".", p->name) :
	    gq_printf(a, "%s%s%zu", up, *up == '\0' ? "" : ".", p->index);
}

static void
problem(struct vars *x, const struct gq_path *path, const char *why, int of_scalar)
{
	struct gq_arena *a = &x->r->arena;
	yyjson_mut_doc *out = x->r->out;
	yyjson_mut_val *p;
	size_t n = gq_utf8_good(why, strlen(why));

	if (yyjson_mut_arr_size(x->problems) >= PROBLEMS_MAX)
		return;
	p = yyjson_mut_arr_add_obj(out, x->problems);
	(void)yyjson_mut_obj_add_val(out, p, "path", gq_path_json(x->r, path));
	(void)yyjson_mut_obj_add_strncpy(out, p, "explanation", why, n);
	if (of_scalar)
		(void)yyjson_mut_obj_add_strncpy(out, p, "message", why, n);
	if (path != NULL) {
		x->where = gq_printf(a, "%s%s%s (%s)", x->where, *x->where == '\0' ? " for " : ", ",
		    path_text(a, path), why);
	}
}

/* The value as JSON, cut where it is too long to be read. */
static const char *
json_text(struct vars *x, yyjson_val *v)
{
	char *text = yyjson_val_write(v, 0, NULL);
	const char *copy = gq_printf(&x->r->arena, "%.200s", text == NULL ? "" : text);

	free(text);
	return copy;
}

static yyjson_mut_val *coerce(struct vars *x, yyjson_val *v, const struct gq_typeref *type,
    const struct gq_path *path);

static yyjson_mut_val *
coerce_scalar(struct vars *x, yyjson_val *v, const struct gq_type *t, const struct gq_path *path)
{
	yyjson_mut_doc *out = x->r->out;
	struct gq_arena *a = &x->r->arena;
	enum gq_json_kind kind = yyjson_is_str(v) ? GQ_J_STRING : yyjson_is_bool(v) ? GQ_J_BOOL : GQ_J_OTHER;
	int number = yyjson_is_num(v) || yyjson_is_raw(v);
	const char *text = yyjson_get_str(v);
	size_t n = yyjson_get_len(v);
	struct gq_problem p;

	if (number) {
		text = json_text(x, v);
		n = strlen(text);
		kind = strpbrk(text, ".eE") == NULL ? GQ_J_INT : GQ_J_FLOAT;
	}
	if (!gq_scalar_fits(x->r->schema, t, kind, text, n, &p)) {
		problem(x, path, p.of_scalar ? p.text : gq_printf(a, "Could not coerce value %s to %s", json_text(x, v),
		    t->name), p.of_scalar);
		return NULL;
	}
	if (strcmp(t->name, "Float") == 0)
		return yyjson_mut_real(out, strtod(text, NULL));
	if (strcmp(t->name, "Int") == 0)
		return yyjson_mut_sint(out, strtoll(text, NULL, 10));
	/* Ids and amounts are texts however they came. */
	if (number && strcmp(t->name, "JSON") != 0)
		return yyjson_mut_strcpy(out, text);
	return yyjson_val_mut_copy(out, v);
}

static yyjson_mut_val *
coerce_enum(struct vars *x, yyjson_val *v, const struct gq_type *t, const struct gq_path *path)
{
	const char *text = yyjson_get_str(v), *all = "";

	if (text != NULL && strlen(text) == yyjson_get_len(v) && gq_enum_value(x->r->schema, t, text) != NULL)
		return yyjson_mut_strcpy(x->r->out, text);
	for (const struct gq_enum_value *e = t->values; e != NULL; e = e->next)
		all = gq_printf(&x->r->arena, "%s%s%s", all, *all == '\0' ? "" : ", ", e->name);
	problem(x, path, gq_printf(&x->r->arena, "Expected %s to be one of: %s", json_text(x, v), all), 0);
	return NULL;
}

static yyjson_mut_val *
coerce_object(struct vars *x, yyjson_val *v, const struct gq_type *t, const struct gq_path *path)
{
	yyjson_mut_val *out = yyjson_mut_obj(x->r->out), *item;
	struct gq_arena *a = &x->r->arena;
	const char *only_null = NULL;
	size_t i, n;
	yyjson_val *k, *val;

	if (!yyjson_is_obj(v)) {
		problem(x, path, gq_printf(a, "Expected %s to be a key-value object.", json_text(x, v)), 0);
		return NULL;
	}
	yyjson_obj_foreach(v, i, n, k, val) {
		const char *name = yyjson_get_str(k);
		struct gq_path step = { .up = path, .name = name };
		const struct gq_input_def *d = gq_member(x->r->schema, t, name);

		if (d == NULL) {
			problem(x, &step, gq_printf(a, "Field is not defined on %s", t->name), 0);
			continue;
		}
		only_null = yyjson_is_null(val) ? name : NULL;
		item = coerce(x, val, d->type, &step);
		if (item != NULL)
			(void)yyjson_mut_obj_put(out, yyjson_mut_strcpy(x->r->out, name), item);
	}
	for (const struct gq_input_def *d = t->members; d != NULL; d = d->next) {
		struct gq_path step = { .up = path, .name = d->name };

		if (yyjson_obj_get(v, d->name) != NULL)
			continue;
		if (d->def != NULL)
			(void)yyjson_mut_obj_add_val(x->r->out, out, d->name, gq_value_json(x->r, d->def, d->type));
		else if (d->type->kind == GQ_R_NON_NULL)
			problem(x, &step, "Expected value to not be null", 0);
	}
	if (t->one_of && yyjson_obj_size(v) != 1) {
		problem(x, path, gq_printf(a, "'%s' requires exactly one argument, but %zu were provided.", t->name,
		    yyjson_obj_size(v)), 0);
	} else if (t->one_of && only_null != NULL) {
		struct gq_path step = { .up = path, .name = only_null };

		problem(x, &step, gq_printf(a, "'%s' requires exactly one argument, but '%s' was `null`.", t->name,
		    only_null), 0);
	}
	return out;
}

/* The value in its type; NULL only if there was a problem. */
static yyjson_mut_val *
coerce(struct vars *x, yyjson_val *v, const struct gq_typeref *type, const struct gq_path *path)
{
	const struct gq_typeref *t = gq_nullable(type);
	yyjson_mut_val *out, *item;
	yyjson_val *val;
	size_t i, n;

	if (v == NULL || yyjson_is_null(v)) {
		if (type->kind != GQ_R_NON_NULL)
			return yyjson_mut_null(x->r->out);
		problem(x, path, "Expected value to not be null", 0);
		return NULL;
	}
	if (t->kind == GQ_R_LIST) {
		out = yyjson_mut_arr(x->r->out);
		if (!yyjson_is_arr(v)) {
			struct gq_path step = { .up = path };

			(void)yyjson_mut_arr_append(out, coerce(x, v, t->of, &step));
			return out;
		}
		yyjson_arr_foreach(v, i, n, val) {
			struct gq_path step = { .up = path, .index = i };

			item = coerce(x, val, t->of, &step);
			if (item != NULL)
				(void)yyjson_mut_arr_append(out, item);
		}
		return out;
	}
	if (t->type->kind == GQ_INPUT)
		return coerce_object(x, v, t->type, path);
	return t->type->kind == GQ_ENUM ? coerce_enum(x, v, t->type, path) : coerce_scalar(x, v, t->type, path);
}

static void
one_variable(struct gq_request *r, const struct gq_var *var, yyjson_val *v)
{
	struct vars x = { .r = r, .where = "" };
	yyjson_mut_val *out, *err;

	if (v == NULL && var->def != NULL) {
		(void)yyjson_mut_obj_add_val(r->out, r->vars, var->name, gq_value_json(r, var->def, var->type));
		return;
	}
	if (v == NULL && var->type->kind != GQ_R_NON_NULL)
		return;
	x.problems = yyjson_mut_arr(r->out);
	out = coerce(&x, v, var->type, NULL);
	if (yyjson_mut_arr_size(x.problems) == 0) {
		(void)yyjson_mut_obj_add_val(r->out, r->vars, var->name, out);
		return;
	}
	err = gq_error(r, &var->pos, 1, "Variable $%s of type %s was provided invalid value%s", var->name,
	    gq_typeref_text(&r->arena, var->type), x.where);
	gq_error_ext(r, err, "code", "INVALID_VARIABLE");
	gq_error_ext_val(r, err, "value", v == NULL ? yyjson_mut_null(r->out) : yyjson_val_mut_copy(r->out, v));
	gq_error_ext_val(r, err, "problems", x.problems);
}

/* Values are walked and copied by calls within calls. */
static int
too_deep(yyjson_val *v, int depth)
{
	yyjson_val *k, *val;
	size_t i, n;

	if (depth > GQ_DEPTH_MAX)
		return 1;
	if (yyjson_is_arr(v)) {
		yyjson_arr_foreach(v, i, n, val) {
			if (too_deep(val, depth + 1))
				return 1;
		}
	} else if (yyjson_is_obj(v)) {
		yyjson_obj_foreach(v, i, n, k, val) {
			if (too_deep(val, depth + 1))
				return 1;
		}
	}
	return 0;
}

int
gq_request_vars(struct gq_request *r, yyjson_val *vars)
{
	size_t before = r->nerrors;

	if (vars != NULL && !yyjson_is_null(vars) && !yyjson_is_obj(vars)) {
		(void)gq_error(r, NULL, 0, "Variables are not an object");
		return -1;
	}
	if (too_deep(vars, 0)) {
		(void)gq_error(r, NULL, 0, "Variables nest deeper than %d", GQ_DEPTH_MAX);
		return -1;
	}
	for (const struct gq_var *var = r->op->vars; var != NULL; var = var->next)
		one_variable(r, var, yyjson_obj_get(vars, var->name));
	return r->nerrors == before ? 0 : -1;
}
