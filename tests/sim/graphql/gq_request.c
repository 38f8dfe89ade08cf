/* gq_request - one request's steps, and its errors */
#include <string.h>

#include "gq_parse.h"
#include "gq_request.h"
#include "gq_string.h"
#include "gq_value.h"

void
gq_request_init(struct gq_request *r, const struct gq_schema *schema, yyjson_mut_doc *out)
{
	*r = (struct gq_request){ .schema = schema, .out = out };
	r->errors = yyjson_mut_arr(out);
	r->vars = yyjson_mut_obj(out);
}

void
gq_request_free(struct gq_request *r)
{
	gq_arena_free(&r->arena);
}

yyjson_mut_val *
gq_error(struct gq_request *r, const struct gq_pos *pos, size_t npos, const char *fmt, ...)
{
	yyjson_mut_val *err, *locations;
	va_list ap;
	char *text;

	if (r->nerrors++ >= GQ_ERRORS_MAX)
		return NULL;
	err = yyjson_mut_arr_add_obj(r->out, r->errors);
	va_start(ap, fmt);
	text = gq_vprintf(&r->arena, fmt, ap);
	va_end(ap);
	/* A part of it may have been cut inside a character. */
	(void)yyjson_mut_obj_add_strncpy(r->out, err, "message", text, gq_utf8_good(text, strlen(text)));
	if (npos > 0) {
		locations = yyjson_mut_obj_add_arr(r->out, err, "locations");
		for (size_t i = 0; i < npos; i++) {
			yyjson_mut_val *at = yyjson_mut_arr_add_obj(r->out, locations);

			(void)yyjson_mut_obj_add_uint(r->out, at, "line", pos[i].line);
			(void)yyjson_mut_obj_add_uint(r->out, at, "column", pos[i].col);
		}
	}
	return err;
}

yyjson_mut_val *
gq_path_json(struct gq_request *r, const struct gq_path *p)
{
	yyjson_mut_val *a = yyjson_mut_arr(r->out);

	for (; p != NULL; p = p->up) {
		(void)yyjson_mut_arr_prepend(a, p->name != NULL ? yyjson_mut_strcpy(r->out, p->name) :
		    yyjson_mut_uint(r->out, p->index));
	}
	return a;
}

void
gq_error_path(struct gq_request *r, yyjson_mut_val *err, const struct gq_path *p)
{
	if (err != NULL)
		(void)yyjson_mut_obj_add_val(r->out, err, "path", gq_path_json(r, p));
}

void
gq_error_ext_val(struct gq_request *r, yyjson_mut_val *err, const char *key, yyjson_mut_val *val)
{
	yyjson_mut_val *ext = yyjson_mut_obj_get(err, "extensions");

	if (err == NULL)
		return;
	if (ext == NULL)
		ext = yyjson_mut_obj_add_obj(r->out, err, "extensions");
	(void)yyjson_mut_obj_add(ext, yyjson_mut_strcpy(r->out, key), val);
}

void
gq_error_ext(struct gq_request *r, yyjson_mut_val *err, const char *key, const char *text)
{
	if (err != NULL)
		gq_error_ext_val(r, err, key, yyjson_mut_strcpy(r->out, text));
}

/* The operation that is meant (section 6.1); texts as Shopify has them. */
static struct gq_op *
choose(struct gq_request *r, const char *name)
{
	struct gq_op *o = r->doc->ops;

	if (name == NULL) {
		if (o == NULL || o->next != NULL) {
			(void)gq_error(r, NULL, 0, "An operation name is required");
			return NULL;
		}
		return o;
	}
	while (o != NULL && (o->name == NULL || strcmp(o->name, name) != 0))
		o = o->next;
	if (o == NULL)
		(void)gq_error(r, NULL, 0, "No operation named \"%s\"", name);
	return o;
}

int
gq_request_parse(struct gq_request *r, const char *query, size_t n, const char *op)
{
	struct gq_fault fault;

	r->doc = gq_parse(&r->arena, query, n, &fault);
	if (r->doc == NULL) {
		gq_error_ext(r, gq_error(r, &fault.pos, 1, "%s", fault.text), "code", "PARSE_ERROR");
		return -1;
	}
	r->op = choose(r, op);
	return r->op == NULL ? -1 : gq_validate(r);
}

/* Lists inside v, which is what the argument or member called name was given. */
static void
check_sizes(struct gq_request *r, const struct gq_sel *field, yyjson_mut_val *v, const struct gq_path *path,
    const char *name, gq_size_fn *max, void *ctx)
{
	size_t i, n, limit;
	yyjson_mut_val *k, *item;

	if (yyjson_mut_is_obj(v)) {
		yyjson_mut_obj_foreach(v, i, n, k, item) {
			struct gq_path step = { .up = path, .name = yyjson_mut_get_str(k) };

			check_sizes(r, field, item, &step, step.name, max, ctx);
		}
	} else if (yyjson_mut_is_arr(v)) {
		limit = max(ctx, field->name, name);
		if (yyjson_mut_arr_size(v) > limit) {
			yyjson_mut_val *err = gq_error(r, &field->pos, 1,
			    "The input array size of %zu is greater than the maximum allowed of %zu.",
			    yyjson_mut_arr_size(v), limit);

			gq_error_path(r, err, path);
			gq_error_ext(r, err, "code", "MAX_INPUT_SIZE_EXCEEDED");
			return;
		}
		yyjson_mut_arr_foreach(v, i, n, item) {
			struct gq_path step = { .up = path, .index = i };

			check_sizes(r, field, item, &step, name, max, ctx);
		}
	}
}

static void
root_sizes(struct gq_request *r, const struct gq_sel *s, gq_size_fn *max, void *ctx)
{
	for (; s != NULL; s = s->next) {
		if (s->kind == GQ_S_FIELD) {
			struct gq_path step = { .name = s->key };
			yyjson_mut_val *args = gq_args_json(r, s->def->args, s->args, NULL);

			if (args != NULL)
				check_sizes(r, s, args, &step, NULL, max, ctx);
		} else {
			root_sizes(r, s->kind == GQ_S_SPREAD ? s->frag->sels : s->sels, max, ctx);
		}
	}
}

int
gq_request_sizes(struct gq_request *r, gq_size_fn *max, void *ctx)
{
	size_t before = r->nerrors;

	root_sizes(r, r->op->sels, max, ctx);
	return r->nerrors == before ? 0 : -1;
}
