/* gq_parse - tokens to the tree of a document */
#include <string.h>

#include "gq_parse.h"

const char *const gq_op_name[] = { "query", "mutation", "subscription" };

int
gq_parse_is(const struct gq_lexer *l, const char *word)
{
	return l->tok.kind == GQ_T_NAME && strcmp(l->tok.text, word) == 0;
}

int
gq_parse_if(struct gq_lexer *l, enum gq_token_kind k)
{
	if (l->failed || l->tok.kind != k)
		return 0;
	/* A fault behind it is found by whoever looks there. */
	(void)gq_lex_next(l);
	return 1;
}

int
gq_parse_want(struct gq_lexer *l, enum gq_token_kind k)
{
	if (gq_parse_if(l, k))
		return 0;
	gq_lex_unexpected(l, gq_token_name(k));
	return -1;
}

const char *
gq_parse_name(struct gq_lexer *l)
{
	const char *name = l->tok.text;

	return gq_parse_if(l, GQ_T_NAME) ? name : (gq_lex_unexpected(l, NULL), NULL);
}

static int
too_deep(struct gq_lexer *l, int depth)
{
	if (depth > GQ_DEPTH_MAX)
		gq_lex_fault(l, l->tok.pos, "nested deeper than %d", GQ_DEPTH_MAX);
	return l->failed;
}

struct gq_typeref *
gq_parse_type(struct gq_lexer *l, int depth)
{
	struct gq_typeref *t = gq_alloc(l->arena, sizeof *t), *outer;

	t->pos = l->tok.pos;
	if (too_deep(l, depth))
		return NULL;
	if (gq_parse_if(l, GQ_T_LBRACKET)) {
		t->kind = GQ_R_LIST;
		t->of = gq_parse_type(l, depth + 1);
		if (t->of == NULL || gq_parse_want(l, GQ_T_RBRACKET) == -1)
			return NULL;
	} else {
		t->kind = GQ_R_NAMED;
		t->name = gq_parse_name(l);
		if (t->name == NULL)
			return NULL;
	}
	if (!gq_parse_if(l, GQ_T_BANG))
		return l->failed ? NULL : t;
	outer = gq_alloc(l->arena, sizeof *outer);
	*outer = (struct gq_typeref){ .kind = GQ_R_NON_NULL, .of = t, .pos = t->pos };
	return outer;
}

static int
parse_members(struct gq_lexer *l, enum gq_token_kind end, int constant, int depth, struct gq_arg **out)
{
	while (!gq_parse_if(l, end)) {
		struct gq_arg *m = gq_alloc(l->arena, sizeof *m);

		m->pos = l->tok.pos;
		if (l->tok.kind != GQ_T_NAME) {
			gq_lex_unexpected(l, end == GQ_T_RPAREN ? NULL : "RCURLY");
			return -1;
		}
		m->name = gq_parse_name(l);
		if (gq_parse_want(l, GQ_T_COLON) == -1)
			return -1;
		m->value = gq_parse_value(l, constant, depth);
		if (m->value == NULL)
			return -1;
		*out = m;
		out = &m->next;
	}
	return l->failed ? -1 : 0;
}

static int
parse_items(struct gq_lexer *l, int constant, int depth, struct gq_value **out)
{
	while (!gq_parse_if(l, GQ_T_RBRACKET)) {
		struct gq_value *v = gq_parse_value(l, constant, depth);

		if (v == NULL)
			return -1;
		*out = v;
		out = &v->next;
	}
	return l->failed ? -1 : 0;
}

static void
named_value(struct gq_value *v)
{
	if (strcmp(v->text, "null") == 0) {
		v->kind = GQ_V_NULL;
	} else if (strcmp(v->text, "true") == 0 || strcmp(v->text, "false") == 0) {
		v->kind = GQ_V_BOOL;
		v->truth = v->text[0] == 't';
	} else {
		v->kind = GQ_V_ENUM;
	}
}

struct gq_value *
gq_parse_value(struct gq_lexer *l, int constant, int depth)
{
	struct gq_value *v = gq_alloc(l->arena, sizeof *v);
	enum gq_token_kind k = l->tok.kind;

	v->pos = l->tok.pos;
	v->text = l->tok.text;
	v->len = l->tok.len;
	if (too_deep(l, depth))
		return NULL;
	switch (k) {
	case GQ_T_INT:
		v->kind = GQ_V_INT;
		break;
	case GQ_T_FLOAT:
		v->kind = GQ_V_FLOAT;
		break;
	case GQ_T_STRING:
		v->kind = GQ_V_STRING;
		break;
	case GQ_T_NAME:
		named_value(v);
		break;
	case GQ_T_LBRACKET:
		v->kind = GQ_V_LIST;
		(void)gq_lex_next(l);
		return parse_items(l, constant, depth + 1, &v->items) == -1 ? NULL : v;
	case GQ_T_LCURLY:
		v->kind = GQ_V_OBJECT;
		(void)gq_lex_next(l);
		return parse_members(l, GQ_T_RCURLY, constant, depth + 1, &v->members) == -1 ? NULL : v;
	case GQ_T_DOLLAR:
		if (constant) {
			gq_lex_unexpected(l, NULL);
			return NULL;
		}
		v->kind = GQ_V_VAR;
		(void)gq_lex_next(l);
		v->text = gq_parse_name(l);
		return v->text == NULL ? NULL : v;
	default:
		gq_lex_unexpected(l, NULL);
		return NULL;
	}
	(void)gq_lex_next(l);
	return l->failed ? NULL : v;
}

/* None, or at least one in parentheses. */
static int
parse_args(struct gq_lexer *l, int constant, struct gq_arg **out)
{
	if (!gq_parse_if(l, GQ_T_LPAREN))
		return l->failed ? -1 : 0;
	if (l->tok.kind == GQ_T_RPAREN) {
		gq_lex_unexpected(l, NULL);
		return -1;
	}
	return parse_members(l, GQ_T_RPAREN, constant, 1, out);
}

int
gq_parse_dirs(struct gq_lexer *l, int constant, struct gq_dir **out)
{
	while (l->tok.kind == GQ_T_AT) {
		struct gq_dir *d = gq_alloc(l->arena, sizeof *d);

		d->pos = l->tok.pos;
		(void)gq_lex_next(l);
		d->name = gq_parse_name(l);
		if (d->name == NULL || parse_args(l, constant, &d->args) == -1)
			return -1;
		*out = d;
		out = &d->next;
	}
	return l->failed ? -1 : 0;
}

static int parse_sels(struct gq_lexer *l, int depth, struct gq_sel **out);

static int
parse_field(struct gq_lexer *l, struct gq_sel *s, int depth)
{
	s->kind = GQ_S_FIELD;
	s->name = s->key = gq_parse_name(l);
	if (s->name == NULL)
		return -1;
	if (gq_parse_if(l, GQ_T_COLON)) {
		s->name = gq_parse_name(l);
		if (s->name == NULL)
			return -1;
	}
	if (parse_args(l, 0, &s->args) == -1 || gq_parse_dirs(l, 0, &s->dirs) == -1)
		return -1;
	return l->tok.kind == GQ_T_LCURLY ? parse_sels(l, depth + 1, &s->sels) : 0;
}

/* What follows three dots. */
static int
parse_spread(struct gq_lexer *l, struct gq_sel *s, int depth)
{
	(void)gq_lex_next(l);
	if (l->tok.kind == GQ_T_NAME && !gq_parse_is(l, "on")) {
		s->kind = GQ_S_SPREAD;
		s->name = gq_parse_name(l);
		return gq_parse_dirs(l, 0, &s->dirs);
	}
	s->kind = GQ_S_INLINE;
	if (gq_parse_is(l, "on")) {
		(void)gq_lex_next(l);
		s->cond = gq_parse_name(l);
		if (s->cond == NULL)
			return -1;
	}
	if (gq_parse_dirs(l, 0, &s->dirs) == -1)
		return -1;
	return parse_sels(l, depth + 1, &s->sels);
}

/* At least one selection in braces. */
static int
parse_sels(struct gq_lexer *l, int depth, struct gq_sel **out)
{
	if (too_deep(l, depth) || gq_parse_want(l, GQ_T_LCURLY) == -1)
		return -1;
	do {
		struct gq_sel *s = gq_alloc(l->arena, sizeof *s);
		int rc;

		s->pos = l->tok.pos;
		if (l->tok.kind == GQ_T_ELLIPSIS)
			rc = parse_spread(l, s, depth);
		else
			rc = parse_field(l, s, depth);
		if (rc == -1)
			return -1;
		*out = s;
		out = &s->next;
	} while (!gq_parse_if(l, GQ_T_RCURLY));
	return l->failed ? -1 : 0;
}

static int
parse_vars(struct gq_lexer *l, struct gq_var **out)
{
	if (!gq_parse_if(l, GQ_T_LPAREN))
		return l->failed ? -1 : 0;
	do {
		struct gq_var *v = gq_alloc(l->arena, sizeof *v);

		v->pos = l->tok.pos;
		if (gq_parse_want(l, GQ_T_DOLLAR) == -1)
			return -1;
		v->name = gq_parse_name(l);
		if (v->name == NULL || gq_parse_want(l, GQ_T_COLON) == -1)
			return -1;
		v->type = gq_parse_type(l, 1);
		if (v->type == NULL)
			return -1;
		if (gq_parse_if(l, GQ_T_EQUALS)) {
			v->def = gq_parse_value(l, 1, 1);
			if (v->def == NULL)
				return -1;
		}
		if (gq_parse_dirs(l, 1, &v->dirs) == -1)
			return -1;
		*out = v;
		out = &v->next;
	} while (!gq_parse_if(l, GQ_T_RPAREN));
	return l->failed ? -1 : 0;
}

static struct gq_op *
parse_op(struct gq_lexer *l)
{
	struct gq_op *o = gq_alloc(l->arena, sizeof *o);

	o->pos = l->tok.pos;
	if (l->tok.kind == GQ_T_NAME) {
		while (strcmp(gq_op_name[o->kind], l->tok.text) != 0)
			o->kind++;
		(void)gq_lex_next(l);
		if (l->tok.kind == GQ_T_NAME)
			o->name = gq_parse_name(l);
		if (parse_vars(l, &o->vars) == -1 || gq_parse_dirs(l, 0, &o->dirs) == -1)
			return NULL;
	}
	return parse_sels(l, 1, &o->sels) == -1 ? NULL : o;
}

static struct gq_frag *
parse_frag(struct gq_lexer *l)
{
	struct gq_frag *f = gq_alloc(l->arena, sizeof *f);

	f->pos = l->tok.pos;
	(void)gq_lex_next(l);
	if (gq_parse_is(l, "on")) {
		gq_lex_unexpected(l, NULL);
		return NULL;
	}
	f->name = gq_parse_name(l);
	if (f->name != NULL && !gq_parse_is(l, "on"))
		gq_lex_unexpected(l, "ON");
	(void)gq_lex_next(l);
	f->cond = gq_parse_name(l);
	if (f->cond == NULL || gq_parse_dirs(l, 0, &f->dirs) == -1 || parse_sels(l, 1, &f->sels) == -1)
		return NULL;
	return f;
}

struct gq_doc *
gq_parse(struct gq_arena *a, const char *src, size_t n, struct gq_fault *fault)
{
	struct gq_doc *doc = gq_alloc(a, sizeof *doc);
	struct gq_op **op = &doc->ops;
	struct gq_frag **frag = &doc->frags;
	struct gq_lexer l;

	gq_lex_init(&l, a, src, n, GQ_TOKENS_MAX, fault);
	do {
		if (l.tok.kind == GQ_T_LCURLY || gq_parse_is(&l, "query") || gq_parse_is(&l, "mutation") ||
		    gq_parse_is(&l, "subscription")) {
			*op = parse_op(&l);
			if (*op == NULL)
				return NULL;
			op = &(*op)->next;
		} else if (gq_parse_is(&l, "fragment")) {
			*frag = parse_frag(&l);
			if (*frag == NULL)
				return NULL;
			frag = &(*frag)->next;
		} else {
			gq_lex_unexpected(&l, NULL);
		}
	} while (!l.failed && l.tok.kind != GQ_T_EOF);
	return l.failed ? NULL : doc;
}
