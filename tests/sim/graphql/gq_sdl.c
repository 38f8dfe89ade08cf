/* gq_sdl - the text of a schema to its types, names not looked up yet */
#include <string.h>

#include "gq_parse.h"
#include "gq_sdl.h"

const char gq_sdl_builtin[] =
    "scalar Int scalar Float scalar String scalar Boolean scalar ID "
    "directive @skip(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT "
    "directive @include(if: Boolean!) on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT "
    "directive @deprecated(reason: String = \"\") on FIELD_DEFINITION | ARGUMENT_DEFINITION | "
    "INPUT_FIELD_DEFINITION | ENUM_VALUE "
    "directive @specifiedBy(url: String!) on SCALAR "
    "directive @oneOf on INPUT_OBJECT ";

static const struct {
	const char *name;
	unsigned bit;
} location[] = {
	{ "QUERY", GQ_L_QUERY }, { "MUTATION", GQ_L_MUTATION }, { "SUBSCRIPTION", GQ_L_SUBSCRIPTION },
	{ "FIELD", GQ_L_FIELD }, { "FRAGMENT_DEFINITION", GQ_L_FRAGMENT_DEFINITION },
	{ "FRAGMENT_SPREAD", GQ_L_FRAGMENT_SPREAD }, { "INLINE_FRAGMENT", GQ_L_INLINE_FRAGMENT },
	{ "VARIABLE_DEFINITION", GQ_L_VARIABLE_DEFINITION }, { "SCHEMA", GQ_L_SCHEMA_SIDE },
	{ "SCALAR", GQ_L_SCHEMA_SIDE }, { "OBJECT", GQ_L_SCHEMA_SIDE }, { "FIELD_DEFINITION", GQ_L_SCHEMA_SIDE },
	{ "ARGUMENT_DEFINITION", GQ_L_SCHEMA_SIDE }, { "INTERFACE", GQ_L_SCHEMA_SIDE },
	{ "UNION", GQ_L_SCHEMA_SIDE }, { "ENUM", GQ_L_SCHEMA_SIDE }, { "ENUM_VALUE", GQ_L_SCHEMA_SIDE },
	{ "INPUT_OBJECT", GQ_L_SCHEMA_SIDE }, { "INPUT_FIELD_DEFINITION", GQ_L_SCHEMA_SIDE },
};

int
gq_sdl_enter(struct gq_schema *s, struct gq_lexer *l, const void *owner, const char *name, void *val,
    struct gq_pos pos)
{
	if (gq_map_put(&s->map, &s->arena, owner, name, val) == 0)
		return 0;
	gq_lex_fault(l, pos, "a second '%s'", name);
	return -1;
}

/* Directives behind something; whether deprecated and @oneOf are among them. */
static int
read_dirs(struct gq_lexer *l, int *deprecated, int *one_of)
{
	struct gq_dir *d = NULL;

	if (gq_parse_dirs(l, 1, &d) == -1)
		return -1;
	for (; d != NULL; d = d->next) {
		if (deprecated != NULL && strcmp(d->name, "deprecated") == 0)
			*deprecated = 1;
		if (one_of != NULL && strcmp(d->name, "oneOf") == 0)
			*one_of = 1;
	}
	return 0;
}

/* Descriptions say nothing to a program. */
static void
skip_description(struct gq_lexer *l)
{
	(void)gq_parse_if(l, GQ_T_STRING);
}

/* Arguments or members up to end, whose opening was passed; owner for the map. */
static int
read_inputs(struct gq_schema *s, struct gq_lexer *l, enum gq_token_kind end, const void *owner,
    struct gq_input_def **out)
{
	do {
		struct gq_input_def *d = gq_alloc(&s->arena, sizeof *d);

		skip_description(l);
		d->pos = l->tok.pos;
		d->name = gq_parse_name(l);
		if (d->name == NULL || gq_parse_want(l, GQ_T_COLON) == -1)
			return -1;
		d->type = gq_parse_type(l, 1);
		if (d->type == NULL)
			return -1;
		if (gq_parse_if(l, GQ_T_EQUALS)) {
			d->def = gq_parse_value(l, 1, 1);
			if (d->def == NULL)
				return -1;
		}
		if (read_dirs(l, &d->deprecated, NULL) == -1 ||
		    gq_sdl_enter(s, l, owner, d->name, d, d->pos) == -1)
			return -1;
		*out = d;
		out = &d->next;
	} while (!gq_parse_if(l, end));
	return l->failed ? -1 : 0;
}

static int
read_fields(struct gq_schema *s, struct gq_lexer *l, struct gq_type *t)
{
	struct gq_field_def **out = &t->fields;

	if (gq_parse_want(l, GQ_T_LCURLY) == -1)
		return -1;
	do {
		struct gq_field_def *f = gq_alloc(&s->arena, sizeof *f);

		skip_description(l);
		f->pos = l->tok.pos;
		f->name = gq_parse_name(l);
		if (f->name == NULL)
			return -1;
		if (gq_parse_if(l, GQ_T_LPAREN) && read_inputs(s, l, GQ_T_RPAREN, f, &f->args) == -1)
			return -1;
		if (gq_parse_want(l, GQ_T_COLON) == -1)
			return -1;
		f->type = gq_parse_type(l, 1);
		if (f->type == NULL || read_dirs(l, &f->deprecated, NULL) == -1 ||
		    gq_sdl_enter(s, l, t, f->name, f, f->pos) == -1)
			return -1;
		*out = f;
		out = &f->next;
	} while (!gq_parse_if(l, GQ_T_RCURLY));
	return l->failed ? -1 : 0;
}

static int
read_values(struct gq_schema *s, struct gq_lexer *l, struct gq_type *t)
{
	struct gq_enum_value **out = &t->values;

	if (gq_parse_want(l, GQ_T_LCURLY) == -1)
		return -1;
	do {
		struct gq_enum_value *v = gq_alloc(&s->arena, sizeof *v);
		struct gq_pos pos;

		skip_description(l);
		pos = l->tok.pos;
		if (gq_parse_is(l, "true") || gq_parse_is(l, "false") || gq_parse_is(l, "null"))
			gq_lex_unexpected(l, NULL);
		v->name = gq_parse_name(l);
		if (v->name == NULL || read_dirs(l, &v->deprecated, NULL) == -1 ||
		    gq_sdl_enter(s, l, t, v->name, v, pos) == -1)
			return -1;
		*out = v;
		out = &v->next;
	} while (!gq_parse_if(l, GQ_T_RCURLY));
	return l->failed ? -1 : 0;
}

/* Names with a sign between them, and perhaps one before the first. */
static int
read_links(struct gq_schema *s, struct gq_lexer *l, enum gq_token_kind sign, struct gq_type *t)
{
	struct gq_type_link **out = &t->links;

	(void)gq_parse_if(l, sign);
	do {
		struct gq_type_link *k = gq_alloc(&s->arena, sizeof *k);

		k->pos = l->tok.pos;
		k->name = gq_parse_name(l);
		/* The chain's own address keeps these apart from the fields. */
		if (k->name == NULL || gq_sdl_enter(s, l, &t->links, k->name, k, k->pos) == -1)
			return -1;
		*out = k;
		out = &k->next;
	} while (gq_parse_if(l, sign));
	return l->failed ? -1 : 0;
}

static int
read_body(struct gq_schema *s, struct gq_lexer *l, struct gq_type *t)
{
	if ((t->kind == GQ_OBJECT || t->kind == GQ_INTERFACE) && gq_parse_is(l, "implements")) {
		(void)gq_lex_next(l);
		if (read_links(s, l, GQ_T_AMP, t) == -1)
			return -1;
	}
	if (read_dirs(l, NULL, &t->one_of) == -1)
		return -1;
	switch (t->kind) {
	case GQ_SCALAR:
		return 0;
	case GQ_OBJECT:
	case GQ_INTERFACE:
		return read_fields(s, l, t);
	case GQ_UNION:
		return gq_parse_want(l, GQ_T_EQUALS) == -1 ? -1 : read_links(s, l, GQ_T_PIPE, t);
	case GQ_ENUM:
		return read_values(s, l, t);
	case GQ_INPUT:
		return gq_parse_want(l, GQ_T_LCURLY) == -1 ? -1 :
		    read_inputs(s, l, GQ_T_RCURLY, t, &t->members);
	}
	return -1;
}

static int
read_type(struct gq_schema *s, struct gq_lexer *l, enum gq_type_kind kind, struct gq_type ***out)
{
	struct gq_type *t = gq_alloc(&s->arena, sizeof *t);

	t->kind = kind;
	(void)gq_lex_next(l);
	t->pos = l->tok.pos;
	t->name = gq_parse_name(l);
	if (t->name == NULL || gq_sdl_enter(s, l, NULL, t->name, t, t->pos) == -1 || read_body(s, l, t) == -1)
		return -1;
	**out = t;
	*out = &t->next;
	return 0;
}

static int
read_dir_def(struct gq_schema *s, struct gq_lexer *l, struct gq_dir_def ***out)
{
	struct gq_dir_def *d = gq_alloc(&s->arena, sizeof *d);

	(void)gq_lex_next(l);
	d->pos = l->tok.pos;
	if (gq_parse_want(l, GQ_T_AT) == -1)
		return -1;
	d->name = gq_parse_name(l);
	if (d->name == NULL || (gq_parse_if(l, GQ_T_LPAREN) && read_inputs(s, l, GQ_T_RPAREN, d, &d->args) == -1))
		return -1;
	if (gq_parse_is(l, "repeatable")) {
		d->repeatable = 1;
		(void)gq_lex_next(l);
	}
	if (!gq_parse_is(l, "on")) {
		gq_lex_unexpected(l, "ON");
		return -1;
	}
	(void)gq_lex_next(l);
	(void)gq_parse_if(l, GQ_T_PIPE);
	do {
		size_t i = 0;

		while (i < sizeof location / sizeof location[0] && !gq_parse_is(l, location[i].name))
			i++;
		if (i == sizeof location / sizeof location[0]) {
			gq_lex_unexpected(l, NULL);
			return -1;
		}
		d->where |= location[i].bit;
		(void)gq_lex_next(l);
	} while (gq_parse_if(l, GQ_T_PIPE));
	/* The schema's address keeps directives apart from types. */
	if (l->failed || gq_sdl_enter(s, l, s, d->name, d, d->pos) == -1)
		return -1;
	**out = d;
	*out = &d->next;
	return 0;
}

static int
read_roots(struct gq_lexer *l, const char *root[3])
{
	(void)gq_lex_next(l);
	if (read_dirs(l, NULL, NULL) == -1 || gq_parse_want(l, GQ_T_LCURLY) == -1)
		return -1;
	do {
		int i = 0;

		while (i < 3 && !gq_parse_is(l, gq_op_name[i]))
			i++;
		if (i == 3) {
			gq_lex_unexpected(l, NULL);
			return -1;
		}
		(void)gq_lex_next(l);
		if (gq_parse_want(l, GQ_T_COLON) == -1)
			return -1;
		root[i] = gq_parse_name(l);
	} while (!gq_parse_if(l, GQ_T_RCURLY) && !l->failed);
	return l->failed ? -1 : 0;
}

int
gq_sdl_read(struct gq_schema *s, struct gq_lexer *l, const char *root[3])
{
	static const char *const word[] = { "scalar", "type", "interface", "union", "enum", "input" };
	struct gq_type **types = &s->types;
	struct gq_dir_def **dirs = &s->dirs;

	while (*types != NULL)
		types = &(*types)->next;
	while (*dirs != NULL)
		dirs = &(*dirs)->next;
	while (!l->failed && l->tok.kind != GQ_T_EOF) {
		size_t k = 0;

		skip_description(l);
		while (k < sizeof word / sizeof word[0] && !gq_parse_is(l, word[k]))
			k++;
		if (k < sizeof word / sizeof word[0]) {
			if (read_type(s, l, (enum gq_type_kind)k, &types) == -1)
				return -1;
		} else if (gq_parse_is(l, "directive")) {
			if (read_dir_def(s, l, &dirs) == -1)
				return -1;
		} else if (gq_parse_is(l, "schema")) {
			if (read_roots(l, root) == -1)
				return -1;
		} else {
			gq_lex_unexpected(l, NULL);
		}
	}
	return l->failed ? -1 : 0;
}
