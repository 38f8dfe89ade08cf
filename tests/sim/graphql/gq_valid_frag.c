/* gq_valid_frag - fragments: known, used, without loops, possible where they are spread */
#include <string.h>

#include "gq_valid.h"

/* The deepest selection below s, spreads followed; -1: a loop or too deep. */
static int
depth(struct gq_valid *v, const struct gq_sel *s, int above)
{
	int deepest = 0;

	/* Also when spreads alone are nested, as each is a call. */
	if (above > GQ_DEPTH_MAX * 2)
		return -1;
	for (; s != NULL; s = s->next) {
		int d = 0;

		if (s->kind != GQ_S_SPREAD) {
			d = depth(v, s->sels, above + 1);
		} else {
			struct gq_frag *f = gq_map_get(&v->frags, NULL, s->name);

			if (f != NULL && f->depth == 0) {
				f->depth = -1;	/* being looked at */
				f->depth = depth(v, f->sels, above + 1);
			}
			d = f == NULL ? 0 : f->depth;
		}
		if (d == -1)
			return -1;
		deepest = d > deepest ? d : deepest;
	}
	return deepest + 1;
}

/* Whether s comes back to a fragment being looked at: the chain of those that
 * are has depth -1. */
static int
in_loop(struct gq_valid *v, const struct gq_sel *s, const struct gq_frag *target, int above)
{
	for (; s != NULL && above <= GQ_DEPTH_MAX * 2 && v->work > 0; s = s->next) {
		struct gq_frag *f = s->kind == GQ_S_SPREAD ? gq_map_get(&v->frags, NULL, s->name) : NULL;

		v->work--;
		if (f != NULL && f == target)
			return 1;
		if (f != NULL && f->mark == v->mark)
			continue;
		if (f != NULL)
			f->mark = v->mark;
		if (in_loop(v, f != NULL ? f->sels : s->sels, target, above + 1))
			return 1;
	}
	return 0;
}

int
gq_valid_frags(struct gq_valid *v)
{
	int bad = 0, loops = 0;

	for (struct gq_frag *f = v->r->doc->frags; f != NULL; f = f->next) {
		const struct gq_type *t = gq_type(v->s, f->cond);

		/* Spreads are looked at before what they spread; others are told there. */
		f->on = t != NULL && gq_is_composite(t) ? t : NULL;
		if (gq_map_put(&v->frags, &v->r->arena, NULL, f->name, f) == -1) {
			gq_error_ext(v->r, gq_valid_error(v, f->pos, NULL, "fragmentNotUnique",
			    "Fragment name \"%s\" must be unique", f->name), "fragmentName", f->name);
		}
	}
	for (struct gq_frag *f = v->r->doc->frags; f != NULL && !bad; f = f->next) {
		if (f->depth == 0) {
			f->depth = -1;
			f->depth = depth(v, f->sels, 1);
		}
		bad = f->depth == -1 || f->depth > GQ_DEPTH_MAX;
	}
	for (struct gq_op *o = v->r->doc->ops; o != NULL && !bad; o = o->next) {
		int d = depth(v, o->sels, 1);

		bad = d == -1 || d > GQ_DEPTH_MAX;
	}
	if (!bad)
		return 0;
	v->work = GQ_WORK_MAX;
	for (struct gq_frag *f = v->r->doc->frags; f != NULL; f = f->next) {
		v->mark++;
		if (in_loop(v, f->sels, f, 1)) {
			loops = 1;
			gq_error_ext(v->r, gq_valid_error(v, f->pos,
			    gq_valid_step(v, NULL, gq_printf(&v->r->arena, "fragment %s", f->name)),
			    "infiniteLoop", "Fragment %s contains an infinite loop", f->name),
			    "fragmentName", f->name);
			if (v->r->nerrors > GQ_ERRORS_MAX)
				break;
		}
	}
	if (!loops)
		(void)gq_error(v->r, NULL, 0, "Query nests deeper than %d", GQ_DEPTH_MAX);
	return -1;
}

void
gq_valid_unused(struct gq_valid *v)
{
	for (struct gq_frag *f = v->r->doc->frags; f != NULL; f = f->next) {
		/* Of two with one name only the first can be meant, and that was told. */
		if (f->used || gq_map_get(&v->frags, NULL, f->name) != f)
			continue;
		gq_error_ext(v->r, gq_valid_error(v, f->pos,
		    gq_valid_step(v, NULL, gq_printf(&v->r->arena, "fragment %s", f->name)),
		    "useAndDefineFragment", "Fragment %s was defined, but not used", f->name),
		    "fragmentName", f->name);
	}
}

void
gq_valid_spread(struct gq_valid *v, const struct gq_type *parent, const struct gq_type *child,
    struct gq_pos pos, const char *frag, const struct gq_path *path)
{
	yyjson_mut_val *err;

	if (gq_overlap(v->s, parent, child))
		return;
	err = gq_valid_error(v, pos, path, "cannotSpreadFragment", "Fragment%s%s on %s can't be spread inside %s",
	    frag != NULL ? " " : "", frag != NULL ? frag : "", child->name, parent->name);
	gq_error_ext(v->r, err, "typeName", child->name);
	gq_error_ext(v->r, err, "fragmentName", frag != NULL ? frag : "unknown");
	gq_error_ext(v->r, err, "parentName", parent->name);
}
