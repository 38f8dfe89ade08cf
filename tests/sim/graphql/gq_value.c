/* gq_value - literals: whether they fit, and their JSON */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gq_value.h"

static const char *
string_text(struct gq_arena *a, const char *p, size_t n)
{
	char *out = gq_alloc(a, n * 6 + 3), *q = out;

	*q++ = '"';
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c == '"' || c == '\\') {
			*q++ = '\\';
			*q++ = (char)c;
		} else if (c == '\n') {
			*q++ = '\\';
			*q++ = 'n';
		} else if (c < 0x20) {
			q += snprintf(q, 7, "\\u%04x", (unsigned)c);
		} else {
			*q++ = (char)c;
		}
	}
	*q++ = '"';
	*q = '\0';
	return out;
}

/* Long ones are cut: nobody reads them, and joining them again and again would
 * cost the square of their length. */
static const char *
join(struct gq_arena *a, const char *open, const struct gq_value *v, const struct gq_arg *m, const char *close)
{
	const char *text = open;

	for (; v != NULL && strlen(text) < 300; v = v->next)
		text = gq_printf(a, "%s%s%s", text, text == open ? "" : ", ", gq_value_text(a, v));
	for (; m != NULL && strlen(text) < 300; m = m->next)
		text = gq_printf(a, "%s%s%s: %s", text, text == open ? "" : ", ", m->name, gq_value_text(a, m->value));
	return gq_printf(a, "%s%s%s", text, v != NULL || m != NULL ? ", ..." : "", close);
}

const char *
gq_value_text(struct gq_arena *a, const struct gq_value *v)
{
	switch (v->kind) {
	case GQ_V_STRING:
		return string_text(a, v->text, v->len);
	case GQ_V_VAR:
		return gq_printf(a, "$%s", v->text);
	case GQ_V_LIST:
		return join(a, "[", v->items, NULL, "]");
	case GQ_V_OBJECT:
		return join(a, "{", NULL, v->members, "}");
	default:
		return v->text;
	}
}

static int
leaf_fits(const struct gq_request *r, const struct gq_value *v, const struct gq_type *t, struct gq_problem *p)
{
	static const enum gq_json_kind kind[] = { [GQ_V_NULL] = GQ_J_OTHER, [GQ_V_BOOL] = GQ_J_BOOL,
		[GQ_V_INT] = GQ_J_INT, [GQ_V_FLOAT] = GQ_J_FLOAT, [GQ_V_STRING] = GQ_J_STRING,
		[GQ_V_ENUM] = GQ_J_OTHER, [GQ_V_LIST] = GQ_J_OTHER, [GQ_V_OBJECT] = GQ_J_OTHER,
		[GQ_V_VAR] = GQ_J_OTHER };

	if (t->kind == GQ_ENUM)
		return v->kind == GQ_V_ENUM && gq_enum_value(r->schema, t, v->text) != NULL;
	return gq_scalar_fits(r->schema, t, kind[v->kind], v->text, v->len, p);
}

static int
object_fits(const struct gq_request *r, const struct gq_value *v, const struct gq_type *t, struct gq_problem *p)
{
	size_t n = 0;

	if (v->kind != GQ_V_OBJECT)
		return 0;
	for (const struct gq_arg *m = v->members; m != NULL; m = m->next, n++) {
		const struct gq_input_def *d = gq_member(r->schema, t, m->name);

		if (d == NULL || !gq_value_fits(r, m->value, d->type, p))
			return 0;
	}
	for (const struct gq_input_def *d = t->members; d != NULL; d = d->next) {
		const struct gq_arg *m = v->members;

		while (m != NULL && strcmp(m->name, d->name) != 0)
			m = m->next;
		if (m == NULL && gq_required(d))
			return 0;
	}
	return !t->one_of || (n == 1 && v->members->value->kind != GQ_V_NULL);
}

int
gq_value_fits(const struct gq_request *r, const struct gq_value *v, const struct gq_typeref *type,
    struct gq_problem *p)
{
	const struct gq_typeref *t = gq_nullable(type);

	p->of_scalar = 0;
	if (v->kind == GQ_V_VAR)
		return 1;
	if (v->kind == GQ_V_NULL)
		return type->kind != GQ_R_NON_NULL;
	if (t->kind == GQ_R_LIST) {
		if (v->kind != GQ_V_LIST)
			return gq_value_fits(r, v, t->of, p);
		for (v = v->items; v != NULL; v = v->next) {
			if (!gq_value_fits(r, v, t->of, p))
				return 0;
		}
		return 1;
	}
	return t->type->kind == GQ_INPUT ? object_fits(r, v, t->type, p) : leaf_fits(r, v, t->type, p);
}

/* Without a type to go by: what is inside the JSON scalar. */
static yyjson_mut_val *
untyped(struct gq_request *r, const struct gq_value *v)
{
	yyjson_mut_val *out, *item;

	switch (v->kind) {
	case GQ_V_NULL:
		return yyjson_mut_null(r->out);
	case GQ_V_BOOL:
		return yyjson_mut_bool(r->out, v->truth);
	case GQ_V_INT:
		return yyjson_mut_sint(r->out, strtoll(v->text, NULL, 10));
	case GQ_V_FLOAT:
		return yyjson_mut_real(r->out, strtod(v->text, NULL));
	case GQ_V_STRING:
	case GQ_V_ENUM:
		return yyjson_mut_strncpy(r->out, v->text, v->len);
	case GQ_V_LIST:
		out = yyjson_mut_arr(r->out);
		for (v = v->items; v != NULL; v = v->next) {
			item = untyped(r, v);
			(void)yyjson_mut_arr_append(out, item != NULL ? item : yyjson_mut_null(r->out));
		}
		return out;
	case GQ_V_OBJECT:
		out = yyjson_mut_obj(r->out);
		for (const struct gq_arg *m = v->members; m != NULL; m = m->next) {
			item = untyped(r, m->value);
			if (item != NULL)
				(void)yyjson_mut_obj_add(out, yyjson_mut_strcpy(r->out, m->name), item);
		}
		return out;
	case GQ_V_VAR:
		item = yyjson_mut_obj_get(r->vars, v->text);
		return item == NULL ? NULL : yyjson_mut_val_mut_copy(r->out, item);
	}
	return NULL;
}

static yyjson_mut_val *
leaf_json(struct gq_request *r, const struct gq_value *v, const struct gq_type *t)
{
	/* Ids and amounts are texts however they were written. */
	if (t->kind == GQ_SCALAR && (v->kind == GQ_V_INT || v->kind == GQ_V_FLOAT) && strcmp(t->name, "JSON") != 0 &&
	    strcmp(t->name, "Int") != 0 && strcmp(t->name, "Float") != 0)
		return yyjson_mut_strncpy(r->out, v->text, v->len);
	if (t->kind == GQ_SCALAR && strcmp(t->name, "Float") == 0)
		return yyjson_mut_real(r->out, strtod(v->text, NULL));
	return untyped(r, v);
}

yyjson_mut_val *
gq_value_json(struct gq_request *r, const struct gq_value *v, const struct gq_typeref *type)
{
	const struct gq_typeref *t = gq_nullable(type);
	yyjson_mut_val *out, *item;

	if (v->kind == GQ_V_VAR || v->kind == GQ_V_NULL)
		return untyped(r, v);
	if (t->kind == GQ_R_LIST) {
		out = yyjson_mut_arr(r->out);
		if (v->kind != GQ_V_LIST) {
			(void)yyjson_mut_arr_append(out, gq_value_json(r, v, t->of));
			return out;
		}
		for (v = v->items; v != NULL; v = v->next) {
			item = gq_value_json(r, v, t->of);
			(void)yyjson_mut_arr_append(out, item != NULL ? item : yyjson_mut_null(r->out));
		}
		return out;
	}
	if (t->type->kind != GQ_INPUT)
		return leaf_json(r, v, t->type);
	return gq_args_json(r, t->type->members, v->members, NULL);
}

yyjson_mut_val *
gq_args_json(struct gq_request *r, const struct gq_input_def *defs, const struct gq_arg *args,
    const struct gq_input_def **missing)
{
	yyjson_mut_val *out = yyjson_mut_obj(r->out);
	const struct gq_input_def *d;

	for (const struct gq_arg *a = args; a != NULL; a = a->next) {
		yyjson_mut_val *v;

		d = gq_input_def(defs, a->name);
		v = d == NULL ? NULL : gq_value_json(r, a->value, d->type);
		if (v != NULL)
			(void)yyjson_mut_obj_add(out, yyjson_mut_strcpy(r->out, a->name), v);
	}
	for (d = defs; d != NULL; d = d->next) {
		yyjson_mut_val *v = yyjson_mut_obj_get(out, d->name);

		if (v == NULL && d->def != NULL) {
			v = gq_value_json(r, d->def, d->type);
			(void)yyjson_mut_obj_add(out, yyjson_mut_strcpy(r->out, d->name), v);
		}
		if (d->type->kind == GQ_R_NON_NULL && (v == NULL || yyjson_mut_is_null(v))) {
			if (missing != NULL)
				*missing = d;
			return NULL;
		}
	}
	return out;
}
