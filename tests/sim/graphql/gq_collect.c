/* gq_collect - selections to the fields that are meant */
#include <string.h>

#include "gq_collect.h"
#include "gq_value.h"

struct walk {
	struct gq_request *r;
	const struct gq_type *type;
	struct gq_picked *list, **end;
	struct gq_map by_key, spread;
};

/* What @skip or @include says. */
static int
condition(struct walk *w, const struct gq_dir *d)
{
	yyjson_mut_val *args = gq_args_json(w->r, gq_dir_def(w->r->schema, d->name)->args, d->args, NULL);

	return yyjson_mut_is_true(yyjson_mut_obj_get(args, "if"));
}

static int
wanted(struct walk *w, const struct gq_dir *d)
{
	for (; d != NULL; d = d->next) {
		if ((strcmp(d->name, "skip") == 0 && condition(w, d)) ||
		    (strcmp(d->name, "include") == 0 && !condition(w, d)))
			return 0;
	}
	return 1;
}

static void
add(struct walk *w, const struct gq_sel *s)
{
	struct gq_picked *p = gq_map_get(&w->by_key, NULL, s->key);
	struct gq_same *one = gq_alloc(&w->r->arena, sizeof *one);

	if (p == NULL) {
		p = gq_alloc(&w->r->arena, sizeof *p);
		p->end = &p->fields;
		p->on = s->on;
		(void)gq_map_put(&w->by_key, &w->r->arena, NULL, s->key, p);
		*w->end = p;
		w->end = &p->next;
	}
	one->field = s;
	*p->end = one;
	p->end = &one->next;
}

static void
walk(struct walk *w, const struct gq_sel *s)
{
	for (; s != NULL; s = s->next) {
		const struct gq_type *on;

		if (!wanted(w, s->dirs))
			continue;
		switch (s->kind) {
		case GQ_S_FIELD:
			add(w, s);
			break;
		case GQ_S_INLINE:
			on = s->cond == NULL ? NULL : gq_type(w->r->schema, s->cond);
			if (on == NULL || w->type == NULL || gq_is_a(w->r->schema, w->type, on))
				walk(w, s->sels);
			break;
		case GQ_S_SPREAD:
			/* Without a fragment only where the document is not valid. */
			if (s->frag != NULL && gq_map_put(&w->spread, &w->r->arena, NULL, s->name, w) == 0 &&
			    (w->type == NULL || gq_is_a(w->r->schema, w->type, s->frag->on)))
				walk(w, s->frag->sels);
			break;
		}
	}
}

struct gq_picked *
gq_collect(struct gq_request *r, const struct gq_type *type, const struct gq_same *of)
{
	struct walk w = { .r = r, .type = type };

	w.end = &w.list;
	for (; of != NULL; of = of->next)
		walk(&w, of->field->sels);
	return w.list;
}

struct gq_picked *
gq_collect_sels(struct gq_request *r, const struct gq_type *type, const struct gq_sel *s)
{
	struct walk w = { .r = r, .type = type };

	w.end = &w.list;
	walk(&w, s);
	return w.list;
}
