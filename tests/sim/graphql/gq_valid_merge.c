/* gq_valid_merge - fields with one key mean the same thing (section 5.3.2) */
#include <string.h>

#include "gq_valid.h"
#include "gq_value.h"

/*
 * Fields are put into groups by key.  All fields of a group have types of one
 * shape; those that can meet in one object also have one name and the same
 * arguments, which then holds for what is selected from them, as one set.  That
 * is the rule of the specification, with sets in place of pairs.
 */

struct member {
	struct member *next;
	const struct gq_sel *field;
};

struct group {
	struct group *next;
	struct member *members, **end;
};

struct fields {
	struct group *list, **end;
	struct gq_map by_key;
	unsigned mark;
};

static void
add(struct gq_valid *v, struct fields *f, const struct gq_sel *field)
{
	struct group *g = gq_map_get(&f->by_key, NULL, field->key);
	struct member *m = gq_alloc(&v->r->arena, sizeof *m);

	if (g == NULL) {
		g = gq_alloc(&v->r->arena, sizeof *g);
		g->end = &g->members;
		(void)gq_map_put(&f->by_key, &v->r->arena, NULL, field->key, g);
		*f->end = g;
		f->end = &g->next;
	}
	m->field = field;
	*g->end = m;
	g->end = &m->next;
}

/* Everything that s selects, fragments opened, each of them once. */
static void
collect(struct gq_valid *v, struct fields *f, const struct gq_sel *s)
{
	for (; s != NULL && v->work > 0; s = s->next) {
		v->work--;
		if (s->kind == GQ_S_FIELD) {
			add(v, f, s);
		} else if (s->kind == GQ_S_INLINE) {
			collect(v, f, s->sels);
		} else if (s->frag->mark != f->mark) {
			s->frag->mark = f->mark;
			collect(v, f, s->frag->sels);
		}
	}
}

static void
begin(struct gq_valid *v, struct fields *f)
{
	*f = (struct fields){ .mark = ++v->mark };
	f->end = &f->list;
}

static const char *
args_text(struct gq_valid *v, const struct gq_sel *s)
{
	struct gq_arena *a = &v->r->arena;
	const char *text = "{";

	for (const struct gq_arg *g = s->args; g != NULL && strlen(text) < 300; g = g->next) {
		text = gq_printf(a, "%s%s%s:\"%s\"", text, g == s->args ? "" : ",", g->name,
		    gq_value_text(a, g->value));
	}
	return gq_printf(a, "%s}", text);
}

static void
conflict(struct gq_valid *v, const struct gq_sel *a, const struct gq_sel *b, const char *kind, const char *of_a,
    const char *of_b)
{
	const struct gq_pos pos[2] = { a->pos, b->pos };
	const char *both = gq_printf(&v->r->arena, "%s or %s", of_a, of_b);
	yyjson_mut_val *err = gq_error(v->r, pos, 2, "Field '%s' has %s %s conflict: %s?", a->key,
	    kind[0] == 'a' ? "an" : "a", kind, both);

	gq_error_path(v->r, err, NULL);
	gq_error_ext(v->r, err, "code", "fieldConflict");
	gq_error_ext(v->r, err, "fieldName", a->key);
	gq_error_ext(v->r, err, "conflicts", both);
}

static int
value_same(const struct gq_value *a, const struct gq_value *b);

/* Members in any order. */
static int
args_same(const struct gq_arg *a, const struct gq_arg *b)
{
	size_t na = 0, nb = 0;

	for (const struct gq_arg *x = b; x != NULL; x = x->next)
		nb++;
	for (; a != NULL; a = a->next, na++) {
		const struct gq_arg *x = b;

		while (x != NULL && strcmp(x->name, a->name) != 0)
			x = x->next;
		if (x == NULL || !value_same(a->value, x->value))
			return 0;
	}
	return na == nb;
}

static int
value_same(const struct gq_value *a, const struct gq_value *b)
{
	if (a->kind != b->kind)
		return 0;
	if (a->kind == GQ_V_OBJECT)
		return args_same(a->members, b->members);
	if (a->kind != GQ_V_LIST)
		return a->len == b->len && strcmp(a->text, b->text) == 0;
	for (a = a->items, b = b->items; a != NULL && b != NULL; a = a->next, b = b->next) {
		if (!value_same(a, b))
			return 0;
	}
	return a == NULL && b == NULL;
}

/* One shape: the same lists and nulls, and the same leaf or no leaf at all. */
static int
shape_same(const struct gq_typeref *a, const struct gq_typeref *b)
{
	while (a->kind == b->kind && a->of != NULL) {
		a = a->of;
		b = b->of;
	}
	if (a->kind != b->kind)
		return 0;
	return gq_is_leaf(a->type) || gq_is_leaf(b->type) ? a->type == b->type : 1;
}

static void check(struct gq_valid *v, struct fields *f, int shape_only);

/* The selections of all members whose parent may be object; NULL: of all. */
static void
check_below(struct gq_valid *v, const struct group *g, const struct gq_type *object, int shape_only)
{
	struct fields f;

	begin(v, &f);
	for (const struct member *m = g->members; m != NULL; m = m->next) {
		if (object == NULL || m->field->on->kind != GQ_OBJECT || m->field->on == object)
			collect(v, &f, m->field->sels);
	}
	check(v, &f, shape_only);
}

/* Members that can meet in an object of this type: names and arguments. */
static void
check_same(struct gq_valid *v, const struct group *g, const struct gq_type *object)
{
	const struct gq_sel *a = NULL;
	int n = 0;

	for (const struct member *m = g->members; m != NULL; m = m->next) {
		const struct gq_sel *b = m->field;

		if (object != NULL && b->on->kind == GQ_OBJECT && b->on != object)
			continue;
		n++;
		if (a == NULL) {
			a = b;
		} else if (strcmp(a->name, b->name) != 0) {
			int order = strcmp(a->name, b->name) < 0;

			conflict(v, a, b, "field", order ? a->name : b->name, order ? b->name : a->name);
			return;
		} else if (!args_same(a->args, b->args)) {
			conflict(v, a, b, "argument", args_text(v, a), args_text(v, b));
			return;
		}
	}
	if (n > 1)
		check_below(v, g, object, 0);
}

/* -1: types of two shapes. */
static int
check_shapes(struct gq_valid *v, const struct group *g)
{
	const struct gq_sel *first = g->members->field;

	for (const struct member *m = g->members->next; m != NULL; m = m->next) {
		if (shape_same(first->def->type, m->field->def->type))
			continue;
		conflict(v, first, m->field, "return_type",
		    gq_printf(&v->r->arena, "`%s`", gq_typeref_text(&v->r->arena, first->def->type)),
		    gq_printf(&v->r->arena, "`%s`", gq_typeref_text(&v->r->arena, m->field->def->type)));
		return -1;
	}
	return 0;
}

static void
check_group(struct gq_valid *v, const struct group *g, int shape_only)
{
	size_t objects = 0, before = v->r->nerrors;
	struct gq_map seen = { 0 };

	for (const struct member *m = g->members; !shape_only && m != NULL; m = m->next) {
		if (m->field->on->kind == GQ_OBJECT &&
		    gq_map_put(&seen, &v->r->arena, NULL, m->field->on->name, v) == 0) {
			objects++;
			check_same(v, g, m->field->on);
		}
	}
	if (!shape_only && objects == 0)
		check_same(v, g, NULL);
	/* Another name or argument tells more than another type. */
	if (v->r->nerrors > before || check_shapes(v, g) == -1)
		return;
	if (shape_only || objects > 1)
		check_below(v, g, NULL, 1);
}

static void
check(struct gq_valid *v, struct fields *f, int shape_only)
{
	for (const struct group *g = f->list; g != NULL && v->work > 0; g = g->next) {
		struct gq_sel *only = (struct gq_sel *)(uintptr_t)g->members->field;

		v->work--;
		if (g->members->next != NULL) {
			check_group(v, g, shape_only);
		} else if (!only->merged && only->sels != NULL) {
			/* One field alone is checked once, wherever its fragment is spread. */
			only->merged = 1;
			check_below(v, g, NULL, 0);
		}
	}
}

void
gq_valid_merge(struct gq_valid *v, const struct gq_op *op)
{
	struct fields f;

	v->work = GQ_WORK_MAX / 10;
	begin(v, &f);
	collect(v, &f, op->sels);
	check(v, &f, 0);
	if (v->work == 0)
		(void)gq_error(v->r, NULL, 0, "Query has too many fields that may overlap");
}
