/* gq_lex - GraphQL text to tokens */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "gq_lex.h"
#include "gq_string.h"

static const char *const kind_name[] = {
	[GQ_T_EOF] = "end of file", [GQ_T_NAME] = "IDENTIFIER", [GQ_T_INT] = "INT", [GQ_T_FLOAT] = "FLOAT",
	[GQ_T_STRING] = "STRING", [GQ_T_BANG] = "BANG", [GQ_T_DOLLAR] = "VAR_SIGN", [GQ_T_AMP] = "AMP",
	[GQ_T_LPAREN] = "LPAREN", [GQ_T_RPAREN] = "RPAREN", [GQ_T_ELLIPSIS] = "ELLIPSIS",
	[GQ_T_COLON] = "COLON", [GQ_T_EQUALS] = "EQUALS", [GQ_T_AT] = "DIR_SIGN",
	[GQ_T_LBRACKET] = "LBRACKET", [GQ_T_RBRACKET] = "RBRACKET", [GQ_T_LCURLY] = "LCURLY",
	[GQ_T_PIPE] = "PIPE", [GQ_T_RCURLY] = "RCURLY",
};

/* Names that the grammar knows; errors call them so. */
static const char *const keyword[][2] = {
	{ "query", "QUERY" }, { "mutation", "MUTATION" }, { "subscription", "SUBSCRIPTION" },
	{ "fragment", "FRAGMENT" }, { "on", "ON" }, { "true", "TRUE_LITERAL" },
	{ "false", "FALSE_LITERAL" }, { "null", "NULL_LITERAL" }, { "type", "TYPE_LITERAL" },
	{ "schema", "SCHEMA" }, { "scalar", "SCALAR" }, { "implements", "IMPLEMENTS" },
	{ "interface", "INTERFACE" }, { "union", "UNION" }, { "enum", "ENUM" }, { "input", "INPUT" },
	{ "directive", "DIRECTIVE" }, { "extend", "EXTEND" }, { "repeatable", "REPEATABLE" },
};

const char *
gq_token_name(enum gq_token_kind k)
{
	return kind_name[k];
}

/* Moves mark and pos to byte `to`. */
static void
advance(struct gq_lexer *l, size_t to)
{
	for (; l->mark < to; l->mark++) {
		unsigned char c = (unsigned char)l->src[l->mark];

		if (c == '\n' || (c == '\r' && (l->mark + 1 == l->n || l->src[l->mark + 1] != '\n'))) {
			l->pos.line++;
			l->pos.col = 1;
		} else if ((c & 0xc0) != 0x80 && c != '\r') {
			l->pos.col++;
		}
	}
}

void
gq_lex_fault(struct gq_lexer *l, struct gq_pos pos, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	if (l->failed)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	/* A text that was cut may end inside a character. */
	gq_utf8_trim(text);
	(void)snprintf(l->fault->text, sizeof l->fault->text, "syntax error, %s at [%u, %u]", text,
	    (unsigned)pos.line, (unsigned)pos.col);
	l->fault->pos = pos;
	l->failed = 1;
	l->tok = (struct gq_token){ .kind = GQ_T_EOF, .pos = pos, .p = "", .text = "" };
}

/* What the token is, as it is called and as it is written. */
static void
describe(const struct gq_token *t, char *out, size_t n)
{
	const char *name = kind_name[t->kind];

	for (size_t i = 0; t->kind == GQ_T_NAME && i < sizeof keyword / sizeof keyword[0]; i++) {
		if (strcmp(t->text, keyword[i][0]) == 0)
			name = keyword[i][1];
	}
	if (t->kind == GQ_T_EOF)
		(void)snprintf(out, n, "%s", name);
	else
		(void)snprintf(out, n, "%s (\"%.*s\")", name, (int)(t->n > 60 ? 60 : t->n), t->p);
	gq_utf8_trim(out);
}

void
gq_lex_unexpected(struct gq_lexer *l, const char *expecting)
{
	/* At the end there is nothing to point at but what was last. */
	struct gq_pos pos = l->tok.kind == GQ_T_EOF && l->last.pos.line > 0 ? l->last.pos : l->tok.pos;
	char what[128];

	describe(&l->tok, what, sizeof what);
	gq_lex_fault(l, pos, "unexpected %s%s%s", what,
	    expecting != NULL && l->tok.kind != GQ_T_EOF ? ", expecting " : "",
	    expecting != NULL && l->tok.kind != GQ_T_EOF ? expecting : "");
}

/* The byte at `at` is the start of nothing that is known. */
static int
invalid(struct gq_lexer *l, size_t at)
{
	char c[8] = "";
	size_t n = 1;

	while (at + n < l->n && n < 4 && ((unsigned char)l->src[at + n] & 0xc0) == 0x80)
		n++;
	memcpy(c, l->src + at, n);
	advance(l, at);
	gq_lex_fault(l, l->pos, "unexpected invalid token (\"%s%s\")", c[0] == '"' ? "\\" : "", c);
	return -1;
}

static int
name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int
digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The byte at i, NUL behind the end: no token has one. */
static char
peek(const struct gq_lexer *l, size_t i)
{
	return i < l->n ? l->src[i] : '\0';
}

static void
skip_ignored(struct gq_lexer *l)
{
	for (;;) {
		char c = peek(l, l->at);

		if (l->at >= l->n)
			return;
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',') {
			l->at++;
		} else if (c == '#') {
			while (l->at < l->n && l->src[l->at] != '\n' && l->src[l->at] != '\r')
				l->at++;
		} else if (l->n - l->at >= 3 && memcmp(l->src + l->at, "\xef\xbb\xbf", 3) == 0) {
			l->at += 3;
		} else {
			return;
		}
	}
}

static int
lex_number(struct gq_lexer *l, struct gq_token *t)
{
	size_t i = l->at;

	t->kind = GQ_T_INT;
	if (peek(l, i) == '-')
		i++;
	if (!digit(peek(l, i)))
		return invalid(l, l->at);
	if (peek(l, i) == '0' && digit(peek(l, i + 1)))
		return invalid(l, i + 1);
	while (digit(peek(l, i)))
		i++;
	if (peek(l, i) == '.') {
		t->kind = GQ_T_FLOAT;
		if (!digit(peek(l, i + 1)))
			return invalid(l, i);
		for (i++; digit(peek(l, i)); i++)
			;
	}
	if (peek(l, i) == 'e' || peek(l, i) == 'E') {
		t->kind = GQ_T_FLOAT;
		i++;
		if (peek(l, i) == '+' || peek(l, i) == '-')
			i++;
		if (!digit(peek(l, i)))
			return i < l->n ? invalid(l, i) : invalid(l, i - 1);
		while (digit(peek(l, i)))
			i++;
	}
	/* Section 2.9.1: a number is not followed by one of these. */
	if (peek(l, i) == '.' || name_start(peek(l, i)))
		return invalid(l, i);
	l->at = i;
	return 0;
}

static int
lex_string(struct gq_lexer *l, struct gq_token *t)
{
	int block = l->n - l->at >= 3 && memcmp(l->src + l->at, "\"\"\"", 3) == 0;
	size_t bad = l->at;
	char *text = block ?
	    gq_string_block(l->arena, l->src, l->n, &l->at, &t->len) :
	    gq_string_line(l->arena, l->src, l->n, &l->at, &t->len, &bad);

	t->kind = GQ_T_STRING;
	t->text = text;
	return text != NULL ? 0 : invalid(l, bad);
}

static int
lex_punctuator(struct gq_lexer *l, struct gq_token *t)
{
	static const char chars[] = "!$&():=@[]{|}";
	static const enum gq_token_kind kinds[] = { GQ_T_BANG, GQ_T_DOLLAR, GQ_T_AMP, GQ_T_LPAREN,
		GQ_T_RPAREN, GQ_T_COLON, GQ_T_EQUALS, GQ_T_AT, GQ_T_LBRACKET, GQ_T_RBRACKET, GQ_T_LCURLY,
		GQ_T_PIPE, GQ_T_RCURLY };
	const char *c;

	if (l->n - l->at >= 3 && memcmp(l->src + l->at, "...", 3) == 0) {
		t->kind = GQ_T_ELLIPSIS;
		l->at += 3;
		return 0;
	}
	c = l->src[l->at] == '\0' ? NULL : strchr(chars, l->src[l->at]);
	if (c == NULL)
		return invalid(l, l->at);
	t->kind = kinds[c - chars];
	l->at++;
	return 0;
}

int
gq_lex_next(struct gq_lexer *l)
{
	struct gq_token t = { .kind = GQ_T_EOF, .p = "", .text = "" };
	int rc = 0;

	if (l->failed)
		return -1;
	l->last = l->tok;
	skip_ignored(l);
	advance(l, l->at);
	t.pos = l->pos;
	if (l->at < l->n) {
		size_t begin = l->at;
		char c = l->src[begin];

		if (l->left == 0) {
			gq_lex_fault(l, l->pos, "more tokens than a document may have");
			return -1;
		}
		l->left--;
		if (name_start(c)) {
			t.kind = GQ_T_NAME;
			while (name_start(peek(l, l->at)) || digit(peek(l, l->at)))
				l->at++;
		} else if (digit(c) || c == '-') {
			rc = lex_number(l, &t);
		} else if (c == '"') {
			rc = lex_string(l, &t);
		} else {
			rc = lex_punctuator(l, &t);
		}
		if (rc == -1)
			return -1;
		t.p = l->src + begin;
		t.n = l->at - begin;
		if (t.kind == GQ_T_NAME || t.kind == GQ_T_INT || t.kind == GQ_T_FLOAT) {
			t.text = gq_dup(l->arena, t.p, t.n);
			t.len = t.n;
		}
	}
	l->tok = t;
	return 0;
}

void
gq_lex_init(struct gq_lexer *l, struct gq_arena *a, const char *src, size_t n, size_t tokens,
    struct gq_fault *fault)
{
	size_t good = gq_utf8_good(src, n);

	*l = (struct gq_lexer){ .arena = a, .fault = fault, .src = src, .n = n, .pos = { 1, 1 }, .left = tokens };
	l->tok = (struct gq_token){ .kind = GQ_T_EOF, .p = "", .text = "" };
	if (good < n) {
		advance(l, good);
		gq_lex_fault(l, l->pos, "not UTF-8");
		return;
	}
	(void)gq_lex_next(l);
}
