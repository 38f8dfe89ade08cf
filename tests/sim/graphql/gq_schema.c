/* gq_schema - types looked up, checked and asked for */
#include <stdlib.h>
#include <string.h>

#include "gq_sdl.h"

const struct gq_type *
gq_type(const struct gq_schema *s, const char *name)
{
	return gq_map_get(&s->map, NULL, name);
}

const struct gq_dir_def *
gq_dir_def(const struct gq_schema *s, const char *name)
{
	return gq_map_get(&s->map, s, name);
}

const struct gq_field_def *
gq_field(const struct gq_schema *s, const struct gq_type *t, const char *name)
{
	if (gq_is_composite(t) && strcmp(name, "__typename") == 0)
		return &s->typename_def;
	return t->kind == GQ_OBJECT || t->kind == GQ_INTERFACE ? gq_map_get(&s->map, t, name) : NULL;
}

const struct gq_input_def *
gq_member(const struct gq_schema *s, const struct gq_type *t, const char *name)
{
	return t->kind == GQ_INPUT ? gq_map_get(&s->map, t, name) : NULL;
}

const struct gq_enum_value *
gq_enum_value(const struct gq_schema *s, const struct gq_type *t, const char *name)
{
	return t->kind == GQ_ENUM ? gq_map_get(&s->map, t, name) : NULL;
}

const struct gq_input_def *
gq_input_def(const struct gq_input_def *args, const char *name)
{
	while (args != NULL && strcmp(args->name, name) != 0)
		args = args->next;
	return args;
}

const struct gq_type *
gq_named(const struct gq_typeref *r)
{
	while (r->of != NULL)
		r = r->of;
	return r->type;
}

const struct gq_typeref *
gq_nullable(const struct gq_typeref *r)
{
	return r->kind == GQ_R_NON_NULL ? r->of : r;
}

const char *
gq_typeref_text(struct gq_arena *a, const struct gq_typeref *r)
{
	switch (r->kind) {
	case GQ_R_LIST:
		return gq_printf(a, "[%s]", gq_typeref_text(a, r->of));
	case GQ_R_NON_NULL:
		return gq_printf(a, "%s!", gq_typeref_text(a, r->of));
	default:
		return r->name;
	}
}

int
gq_typeref_same(const struct gq_typeref *a, const struct gq_typeref *b)
{
	while (a->kind == b->kind && a->of != NULL) {
		a = a->of;
		b = b->of;
	}
	return a->kind == b->kind && strcmp(a->name, b->name) == 0;
}

int
gq_is_leaf(const struct gq_type *t)
{
	return t->kind == GQ_SCALAR || t->kind == GQ_ENUM;
}

int
gq_is_composite(const struct gq_type *t)
{
	return t->kind == GQ_OBJECT || t->kind == GQ_INTERFACE || t->kind == GQ_UNION;
}

int
gq_is_input(const struct gq_type *t)
{
	return gq_is_leaf(t) || t->kind == GQ_INPUT;
}

int
gq_is_a(const struct gq_schema *s, const struct gq_type *t, const struct gq_type *abstract)
{
	return t == abstract || gq_map_get(&s->map, &abstract->possible, t->name) != NULL ||
	    (t->kind != GQ_UNION && gq_map_get(&s->map, &t->links, abstract->name) != NULL);
}

int
gq_overlap(const struct gq_schema *s, const struct gq_type *a, const struct gq_type *b)
{
	if (a == b)
		return 1;
	for (const struct gq_type_link *k = a->possible; k != NULL; k = k->next) {
		if (gq_map_get(&s->map, &b->possible, k->name) != NULL)
			return 1;
	}
	return 0;
}

int
gq_typeref_resolve(const struct gq_schema *s, struct gq_typeref *r, const char **unknown)
{
	/* The inner ones were made by the same parser and are as writable as r. */
	while (r->of != NULL)
		r = (struct gq_typeref *)(uintptr_t)r->of;
	r->type = gq_type(s, r->name);
	*unknown = r->name;
	return r->type == NULL ? -1 : 0;
}

int
gq_required(const struct gq_input_def *d)
{
	return d->type->kind == GQ_R_NON_NULL && d->def == NULL;
}

/* A type of the text whose typerefs are the parser's own. */
static int
look_up(struct gq_schema *s, struct gq_lexer *l, const struct gq_typeref *r, int input)
{
	const char *unknown;

	if (gq_typeref_resolve(s, (struct gq_typeref *)(uintptr_t)r, &unknown) == -1)
		gq_lex_fault(l, r->pos, "no type '%s'", unknown);
	else if (input ? !gq_is_input(gq_named(r)) : gq_named(r)->kind == GQ_INPUT)
		gq_lex_fault(l, r->pos, "'%s' is no type for this", unknown);
	return l->failed ? -1 : 0;
}

static int
look_up_inputs(struct gq_schema *s, struct gq_lexer *l, const struct gq_input_def *d)
{
	for (; d != NULL; d = d->next) {
		if (look_up(s, l, d->type, 1) == -1)
			return -1;
	}
	return 0;
}

static void
add_possible(struct gq_schema *s, struct gq_type *abstract, const struct gq_type *object)
{
	struct gq_type_link **out = &abstract->possible, *k;

	while (*out != NULL)
		out = &(*out)->next;
	k = gq_alloc(&s->arena, sizeof *k);
	*k = (struct gq_type_link){ .name = object->name, .type = object };
	*out = k;
	(void)gq_map_put(&s->map, &s->arena, &abstract->possible, object->name, k);
}

/* What t implements or unites. */
static int
look_up_links(struct gq_schema *s, struct gq_lexer *l, struct gq_type *t)
{
	enum gq_type_kind want = t->kind == GQ_UNION ? GQ_OBJECT : GQ_INTERFACE;

	for (struct gq_type_link *k = t->links; k != NULL; k = k->next) {
		struct gq_type *other = gq_map_get(&s->map, NULL, k->name);

		if (other == NULL || other->kind != want) {
			gq_lex_fault(l, k->pos, "no %s '%s'", want == GQ_OBJECT ? "object type" : "interface", k->name);
			return -1;
		}
		k->type = other;
		if (t->kind == GQ_UNION)
			add_possible(s, t, other);
		else if (t->kind == GQ_OBJECT)
			add_possible(s, other, t);
	}
	if (t->kind == GQ_OBJECT)
		add_possible(s, t, t);
	return 0;
}

/* Whether a field of type a may stand for one of type b (section 3.6, rule 2). */
static int
covariant(const struct gq_schema *s, const struct gq_typeref *a, const struct gq_typeref *b)
{
	if (a->kind == GQ_R_NON_NULL)
		return covariant(s, a->of, gq_nullable(b));
	if (a->kind != b->kind)
		return 0;
	return a->kind == GQ_R_LIST ? covariant(s, a->of, b->of) : gq_is_a(s, gq_named(a), gq_named(b));
}

static int
check_interface(struct gq_schema *s, struct gq_lexer *l, const struct gq_type *t, const struct gq_type *i)
{
	for (const struct gq_field_def *want = i->fields; want != NULL; want = want->next) {
		const struct gq_field_def *f = gq_field(s, t, want->name);

		if (f == NULL || !covariant(s, f->type, want->type)) {
			gq_lex_fault(l, t->pos, "'%s' is not as its interface '%s' says in '%s'", t->name, i->name,
			    want->name);
			return -1;
		}
		for (const struct gq_input_def *a = want->args; a != NULL; a = a->next) {
			const struct gq_input_def *b = gq_input_def(f->args, a->name);

			if (b == NULL || !gq_typeref_same(a->type, b->type)) {
				gq_lex_fault(l, f->pos, "'%s' of '%s' does not take '%s' as '%s' does", f->name,
				    t->name, a->name, i->name);
				return -1;
			}
		}
	}
	return 0;
}

static int
finish(struct gq_schema *s, struct gq_lexer *l, const char *const root[3])
{
	for (struct gq_type *t = s->types; t != NULL; t = t->next) {
		for (const struct gq_field_def *f = t->fields; f != NULL; f = f->next) {
			if (look_up(s, l, f->type, 0) == -1 || look_up_inputs(s, l, f->args) == -1)
				return -1;
		}
		if (look_up_inputs(s, l, t->members) == -1 || look_up_links(s, l, t) == -1)
			return -1;
	}
	for (const struct gq_dir_def *d = s->dirs; d != NULL; d = d->next) {
		if (look_up_inputs(s, l, d->args) == -1)
			return -1;
	}
	for (const struct gq_type *t = s->types; t != NULL; t = t->next) {
		for (const struct gq_type_link *k = t->links; t->kind != GQ_UNION && k != NULL; k = k->next) {
			if (check_interface(s, l, t, k->type) == -1)
				return -1;
		}
	}
	for (int i = 0; i < 3; i++) {
		if (root[i] == NULL)
			continue;
		s->root[i] = gq_type(s, root[i]);
		if (s->root[i] == NULL || s->root[i]->kind != GQ_OBJECT)
			gq_lex_fault(l, (struct gq_pos){ 1, 1 }, "no object type '%s'", root[i]);
	}
	if (s->root[GQ_QUERY] == NULL)
		gq_lex_fault(l, (struct gq_pos){ 1, 1 }, "no type for queries");
	return l->failed ? -1 : 0;
}

static void
add_typename(struct gq_schema *s)
{
	struct gq_typeref *t = gq_alloc(&s->arena, 2 * sizeof *t);

	t[0] = (struct gq_typeref){ .kind = GQ_R_NAMED, .name = "String", .type = gq_type(s, "String") };
	t[1] = (struct gq_typeref){ .kind = GQ_R_NON_NULL, .of = &t[0] };
	s->typename_def = (struct gq_field_def){ .name = "__typename", .type = &t[1] };
}

struct gq_schema *
gq_schema_parse(const char *src, size_t n, struct gq_fault *fault)
{
	struct gq_schema *s = calloc(1, sizeof *s);
	const char *root[3] = { NULL, NULL, NULL };
	struct gq_lexer l;

	*fault = (struct gq_fault){ .text = "out of memory" };
	if (s == NULL)
		return NULL;
	gq_lex_init(&l, &s->arena, gq_sdl_builtin, strlen(gq_sdl_builtin), SIZE_MAX, fault);
	if (gq_sdl_read(s, &l, root) == -1)
		goto fail;
	for (struct gq_type *t = s->types; t != NULL; t = t->next)
		t->builtin = 1;
	gq_lex_init(&l, &s->arena, src, n, SIZE_MAX, fault);
	if (gq_sdl_read(s, &l, root) == -1)
		goto fail;
	if (root[0] == NULL && root[1] == NULL && root[2] == NULL) {
		static const char *const usual[] = { "Query", "Mutation", "Subscription" };

		for (int i = 0; i < 3; i++)
			root[i] = gq_type(s, usual[i]) != NULL ? usual[i] : NULL;
	}
	add_typename(s);
	if (finish(s, &l, root) == -1)
		goto fail;
	return s;
fail:
	gq_schema_free(s);
	return NULL;
}

void
gq_schema_free(struct gq_schema *s)
{
	if (s == NULL)
		return;
	gq_arena_free(&s->arena);
	free(s);
}
