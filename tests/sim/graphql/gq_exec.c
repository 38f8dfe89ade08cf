/* gq_exec - fields to data */
#include <string.h>

#include "gq_collect.h"
#include "gq_exec.h"
#include "gq_value.h"

/* More fields than these no answer has; the cost keeps requests far below. */
#define FIELDS_MAX 5000000

struct run {
	struct gq_request *r;
	gq_resolve_fn *resolve;
	void *ctx;
	size_t left;
};

/* What an object is made from. */
struct parent {
	const struct gq_type *type;
	const void *obj;
	yyjson_mut_val *tree;		/* NULL: the resolver is asked */
};

/* NULL in place of a value: an error that goes up to the next that may be null. */
static yyjson_mut_val *complete(struct run *x, const struct gq_call *c, const struct gq_same *fields,
    const struct gq_typeref *type, const struct gq_result *res, const struct gq_path *path);

static int
report(const struct gq_call *c, const char *code, const struct gq_path *path, const struct gq_pos *also,
    const char *text)
{
	struct gq_pos pos[2] = { c->field->pos };
	yyjson_mut_val *err;

	if (also != NULL)
		pos[1] = *also;
	err = gq_error(c->r, pos, also == NULL ? 1 : 2, "%s", text);
	gq_error_ext(c->r, err, "code", code);
	gq_error_path(c->r, err, path);
	return -1;
}

int
gq_call_error(const struct gq_call *c, const char *code, const struct gq_pos *also, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = report(c, code, c->path, also, gq_vprintf(&c->r->arena, fmt, ap));
	va_end(ap);
	return rc;
}

/* The resolver gave what the schema does not allow. */
static yyjson_mut_val *
misfit(const struct gq_call *c, const struct gq_path *path, const char *what, const struct gq_typeref *type)
{
	(void)report(c, "INTERNAL_SERVER_ERROR", path, NULL, gq_printf(&c->r->arena, "%s.%s: %s is no %s",
	    c->type->name, c->def->name, what, gq_typeref_text(&c->r->arena, type)));
	return NULL;
}

static int
leaf_fits(const struct gq_request *r, const struct gq_type *t, yyjson_mut_val *v)
{
	const char *name = t->name;

	/* Values of enums that the schema does not know may come at any time. */
	if (t->kind == GQ_ENUM || strcmp(name, "String") == 0 || strcmp(name, "ID") == 0)
		return yyjson_mut_is_str(v);
	if (strcmp(name, "Int") == 0)
		return yyjson_mut_is_int(v);
	if (strcmp(name, "Float") == 0)
		return yyjson_mut_is_num(v);
	if (strcmp(name, "Boolean") == 0)
		return yyjson_mut_is_bool(v);
	(void)r;
	return strcmp(name, "JSON") == 0 || yyjson_mut_is_str(v) || yyjson_mut_is_num(v) || yyjson_mut_is_bool(v);
}

static yyjson_mut_val *run_fields(struct run *x, const struct parent *of, const struct gq_picked *list,
    const struct gq_path *path);

static yyjson_mut_val *
complete_object(struct run *x, const struct gq_call *c, const struct gq_same *fields, const struct gq_typeref *t,
    const struct gq_result *res, const struct gq_path *path)
{
	struct parent p = { .type = t->type, .obj = res->obj };
	const char *name = res->type;

	if (res->kind == GQ_TREE) {
		p.tree = res->tree;
		if (!yyjson_mut_is_obj(p.tree))
			return misfit(c, path, "JSON", t);
		name = yyjson_mut_get_str(yyjson_mut_obj_get(p.tree, "__typename"));
	}
	if (name != NULL)
		p.type = gq_type(x->r->schema, name);
	if (p.type == NULL || p.type->kind != GQ_OBJECT || !gq_is_a(x->r->schema, p.type, t->type))
		return misfit(c, path, name == NULL ? "a nameless object" : name, t);
	return run_fields(x, &p, gq_collect(x->r, p.type, fields), path);
}

static yyjson_mut_val *
complete_list(struct run *x, const struct gq_call *c, const struct gq_same *fields, const struct gq_typeref *t,
    const struct gq_result *res, const struct gq_path *path)
{
	yyjson_mut_val *out = yyjson_mut_arr(x->r->out), *item, *done;
	size_t i, n;

	if (res->kind == GQ_TREE && yyjson_mut_is_arr(res->tree)) {
		yyjson_mut_arr_foreach(res->tree, i, n, item) {
			struct gq_result one = { .kind = GQ_TREE, .tree = item };
			struct gq_path step = { .up = path, .index = i };

			done = complete(x, c, fields, t->of, &one, &step);
			if (done == NULL)
				return NULL;
			(void)yyjson_mut_arr_append(out, done);
		}
		return out;
	}
	if (res->kind != GQ_LIST)
		return misfit(c, path, "what came", t);
	for (i = 0; i < res->n; i++) {
		struct gq_path step = { .up = path, .index = i };

		done = complete(x, c, fields, t->of, &res->items[i], &step);
		if (done == NULL)
			return NULL;
		(void)yyjson_mut_arr_append(out, done);
	}
	return out;
}

/* A value of a type that may be null (CompleteValue); NULL after an error. */
static yyjson_mut_val *
complete_nullable(struct run *x, const struct gq_call *c, const struct gq_same *fields,
    const struct gq_typeref *t, const struct gq_result *res, const struct gq_path *path)
{
	if (t->kind == GQ_R_LIST)
		return complete_list(x, c, fields, t, res, path);
	if (!gq_is_leaf(t->type))
		return complete_object(x, c, fields, t, res, path);
	if (res->kind != GQ_TREE || !leaf_fits(x->r, t->type, res->tree))
		return misfit(c, path, "what came", t);
	/* A tree stays whole, whoever is asked for a part of it twice. */
	return yyjson_mut_val_mut_copy(x->r->out, res->tree);
}

static yyjson_mut_val *
complete(struct run *x, const struct gq_call *c, const struct gq_same *fields, const struct gq_typeref *type,
    const struct gq_result *res, const struct gq_path *path)
{
	int null = res->kind == GQ_NULL ||
	    (res->kind == GQ_TREE && (res->tree == NULL || yyjson_mut_is_null(res->tree)));
	yyjson_mut_val *v;

	if (!null) {
		v = complete_nullable(x, c, fields, gq_nullable(type), res, path);
		/* An error below ends here, if null is allowed here. */
		return v != NULL || type->kind == GQ_R_NON_NULL ? v : yyjson_mut_null(x->r->out);
	}
	if (type->kind != GQ_R_NON_NULL)
		return yyjson_mut_null(x->r->out);
	(void)report(c, "INTERNAL_SERVER_ERROR", path, NULL, gq_printf(&x->r->arena,
	    "Cannot return null for non-nullable field %s.%s", c->type->name, c->def->name));
	return NULL;
}

static yyjson_mut_val *
run_field(struct run *x, const struct parent *of, const struct gq_same *fields, const struct gq_path *path)
{
	const struct gq_sel *s = fields->field;
	struct gq_call c = { .r = x->r, .field = s, .type = of->type, .obj = of->obj, .path = path };
	struct gq_result res = { 0 };
	const struct gq_input_def *missing = NULL;
	int rc = 0;

	c.def = gq_field(x->r->schema, of->type, s->name);
	if (x->left-- == 0) {
		x->left = 0;
		rc = gq_call_error(&c, "INTERNAL_SERVER_ERROR", NULL, "The answer has too many fields");
	} else if (c.def == &x->r->schema->typename_def) {
		res = (struct gq_result){ .kind = GQ_TREE, .tree = yyjson_mut_strcpy(x->r->out, of->type->name) };
	} else if (of->tree != NULL) {
		res = (struct gq_result){ .kind = GQ_TREE, .tree = yyjson_mut_obj_get(of->tree, s->name) };
	} else {
		c.args = gq_args_json(x->r, c.def->args, s->args, &missing);
		rc = c.args != NULL ? x->resolve(x->ctx, &c, &res) : gq_call_error(&c, "INVALID_FIELD_ARGUMENTS",
		    NULL, "`null` is not a valid input for `%s`", missing == NULL ? "" : missing->name);
	}
	if (rc == -1)
		return c.def->type->kind == GQ_R_NON_NULL ? NULL : yyjson_mut_null(x->r->out);
	return complete(x, &c, fields, c.def->type, &res, path);
}

static yyjson_mut_val *
run_fields(struct run *x, const struct parent *of, const struct gq_picked *list, const struct gq_path *path)
{
	yyjson_mut_val *out = yyjson_mut_obj(x->r->out);

	for (; list != NULL; list = list->next) {
		const char *key = list->fields->field->key;
		struct gq_path step = { .up = path, .name = key };
		yyjson_mut_val *v = run_field(x, of, list->fields, &step);

		if (v == NULL)
			return NULL;
		(void)yyjson_mut_obj_add(out, yyjson_mut_strcpy(x->r->out, key), v);
	}
	return out;
}

yyjson_mut_val *
gq_execute(struct gq_request *r, gq_resolve_fn *resolve, void *ctx)
{
	struct run x = { .r = r, .resolve = resolve, .ctx = ctx, .left = FIELDS_MAX };
	struct parent p = { .type = r->schema->root[r->op->kind] };

	return run_fields(&x, &p, gq_collect_sels(r, p.type, r->op->sels), NULL);
}

yyjson_mut_val *
gq_call_dir(const struct gq_call *c, const char *name)
{
	for (const struct gq_dir *d = c->field->dirs; d != NULL; d = d->next) {
		if (strcmp(d->name, name) == 0)
			return gq_args_json(c->r, gq_dir_def(c->r->schema, name)->args, d->args, NULL);
	}
	return NULL;
}

const struct gq_var *
gq_call_var(const struct gq_call *c, const char *arg)
{
	const struct gq_arg *a = c->field->args;
	const struct gq_var *v = c->r->op->vars;

	while (a != NULL && strcmp(a->name, arg) != 0)
		a = a->next;
	if (a == NULL || a->value->kind != GQ_V_VAR)
		return NULL;
	while (v != NULL && strcmp(v->name, a->value->text) != 0)
		v = v->next;
	return v;
}

int
gq_call_wants(const struct gq_call *c, const char *name)
{
	struct gq_same one = { .field = c->field };

	for (struct gq_picked *p = gq_collect(c->r, NULL, &one); p != NULL; p = p->next) {
		if (strcmp(p->fields->field->name, name) == 0)
			return 1;
	}
	return 0;
}
