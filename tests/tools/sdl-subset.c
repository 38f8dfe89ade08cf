/* sdl-subset - whether all that one GraphQL schema has is in another one too */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sim/graphql/gq_schema.h"

static const char usage[] =
    "usage: sdl-subset OURS THEIRS\n"
    "\n"
    "Prints what the schema OURS has that THEIRS has not, or has otherwise: types\n"
    "and their kinds, fields, arguments, members, values, types with their nulls\n"
    "and lists, defaults, interfaces, directives, and what is required there that\n"
    "is not here.  Exits 0 if there is nothing, 1 if there is, 2 on bad input.\n";

struct diff {
	const struct gq_schema *ours, *theirs;
	struct gq_arena arena;
	size_t found, types, fields;
};

static void
found(struct diff *d, const char *where, const char *member, const char *what)
{
	printf("%s%s%s: %s\n", where, member == NULL ? "" : ".", member == NULL ? "" : member, what);
	d->found++;
}

static const char *
default_text(struct gq_arena *a, const struct gq_value *v)
{
	const char *text = "";
	int first = 1;

	if (v == NULL)
		return "none";
	if (v->kind == GQ_V_STRING)
		return gq_printf(a, "\"%s\"", v->text);
	if (v->kind == GQ_V_LIST) {
		for (v = v->items; v != NULL; v = v->next, first = 0)
			text = gq_printf(a, "%s%s%s", text, first ? "" : ", ", default_text(a, v));
		return gq_printf(a, "[%s]", text);
	}
	if (v->kind == GQ_V_OBJECT) {
		for (const struct gq_arg *m = v->members; m != NULL; m = m->next, first = 0)
			text = gq_printf(a, "%s%s%s: %s", text, first ? "" : ", ", m->name, default_text(a,
			    m->value));
		return gq_printf(a, "{%s}", text);
	}
	return v->text;
}

/* Arguments or members of what is called where. */
static void
compare_inputs(struct diff *d, const char *where, const struct gq_input_def *ours, const struct gq_input_def *theirs)
{
	struct gq_arena *a = &d->arena;

	for (const struct gq_input_def *o = ours; o != NULL; o = o->next) {
		const struct gq_input_def *t = gq_input_def(theirs, o->name);

		if (t == NULL) {
			found(d, where, o->name, "not there");
			continue;
		}
		if (!gq_typeref_same(o->type, t->type))
			found(d, where, o->name, gq_printf(a, "is %s, there %s", gq_typeref_text(a, o->type),
			    gq_typeref_text(a, t->type)));
		if (strcmp(default_text(a, o->def), default_text(a, t->def)) != 0)
			found(d, where, o->name, gq_printf(a, "default is %s, there %s", default_text(a, o->def),
			    default_text(a, t->def)));
	}
	for (const struct gq_input_def *t = theirs; t != NULL; t = t->next) {
		if (gq_required(t) && gq_input_def(ours, t->name) == NULL)
			found(d, where, t->name, "is required there");
	}
}

static void
compare_type(struct diff *d, const struct gq_type *ours)
{
	static const char *const kind[] = { "scalar", "type", "interface", "union", "enum", "input" };
	const struct gq_type *theirs = gq_type(d->theirs, ours->name);
	struct gq_arena *a = &d->arena;

	if (theirs == NULL || theirs->kind != ours->kind) {
		found(d, ours->name, NULL, theirs == NULL ? "not there" :
		    gq_printf(a, "is %s, there %s", kind[ours->kind], kind[theirs->kind]));
		return;
	}
	d->types++;
	for (const struct gq_field_def *f = ours->fields; f != NULL; f = f->next) {
		const struct gq_field_def *t = gq_field(d->theirs, theirs, f->name);

		d->fields++;
		if (t == NULL) {
			found(d, ours->name, f->name, "not there");
			continue;
		}
		if (!gq_typeref_same(f->type, t->type))
			found(d, ours->name, f->name, gq_printf(a, "is %s, there %s", gq_typeref_text(a, f->type),
			    gq_typeref_text(a, t->type)));
		compare_inputs(d, gq_printf(a, "%s.%s", ours->name, f->name), f->args, t->args);
	}
	compare_inputs(d, ours->name, ours->members, theirs->members);
	for (const struct gq_enum_value *v = ours->values; v != NULL; v = v->next) {
		if (gq_enum_value(d->theirs, theirs, v->name) == NULL)
			found(d, ours->name, v->name, "not there");
	}
	for (const struct gq_type_link *k = ours->links; k != NULL; k = k->next) {
		const struct gq_type_link *t = theirs->links;

		while (t != NULL && strcmp(t->name, k->name) != 0)
			t = t->next;
		if (t == NULL)
			found(d, ours->name, k->name, ours->kind == GQ_UNION ? "no member there" :
			    "not implemented there");
	}
	if (ours->one_of != theirs->one_of)
		found(d, ours->name, NULL, theirs->one_of ? "is @oneOf there" : "is not @oneOf there");
}

static void
compare(struct diff *d)
{
	for (const struct gq_type *t = d->ours->types; t != NULL; t = t->next) {
		if (!t->builtin)
			compare_type(d, t);
	}
	for (const struct gq_dir_def *o = d->ours->dirs; o != NULL; o = o->next) {
		const struct gq_dir_def *t = gq_dir_def(d->theirs, o->name);
		const char *name = gq_printf(&d->arena, "@%s", o->name);

		if (t == NULL) {
			found(d, name, NULL, "not there");
			continue;
		}
		if (o->where != t->where || o->repeatable != t->repeatable)
			found(d, name, NULL, "stands elsewhere there");
		compare_inputs(d, name, o->args, t->args);
	}
	for (int i = 0; i < 3; i++) {
		if (d->ours->root[i] != NULL && (d->theirs->root[i] == NULL ||
		    strcmp(d->ours->root[i]->name, d->theirs->root[i]->name) != 0))
			found(d, gq_op_name[i], NULL, "another root there");
	}
}

static struct gq_schema *
load(const char *path)
{
	struct gq_schema *s = NULL;
	struct gq_fault fault;
	char *text = NULL;
	size_t n = 0, cap = 0;
	FILE *f = fopen(path, "re");

	if (f == NULL) {
		fprintf(stderr, "sdl-subset: open '%s': %s\n", path, strerror(errno));
		return NULL;
	}
	do {
		char *more = realloc(text, cap += 1 << 20);

		if (more == NULL)
			break;
		text = more;
		n += fread(text + n, 1, cap - n, f);
	} while (n == cap);
	if (n == cap || ferror(f))
		fprintf(stderr, "sdl-subset: read '%s': failed\n", path);
	else if ((s = gq_schema_parse(text, n, &fault)) == NULL)
		fprintf(stderr, "sdl-subset: %s: %s\n", path, fault.text);
	fclose(f);
	free(text);
	return s;
}

int
main(int argc, char **argv)
{
	struct gq_schema *ours, *theirs;
	struct diff d = { .found = 0 };
	int rc = 2;

	if (argc != 3) {
		fputs(usage, argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	ours = load(argv[1]);
	theirs = load(argv[2]);
	if (ours != NULL && theirs != NULL) {
		d.ours = ours;
		d.theirs = theirs;
		compare(&d);
		if (d.found == 0)
			printf("%zu types, %zu fields: all there\n", d.types, d.fields);
		rc = d.found > 0;
	}
	gq_schema_free(ours);
	gq_schema_free(theirs);
	gq_arena_free(&d.arena);
	return fflush(stdout) == 0 ? rc : 2;
}
