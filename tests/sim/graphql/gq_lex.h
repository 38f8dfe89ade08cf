#ifndef GQ_LEX_H
#define GQ_LEX_H

#include "gq_mem.h"

/*
 * The tokens of GraphQL (October 2021, section 2.1 and appendix B), for
 * documents and schemas alike.
 */
enum gq_token_kind {
	GQ_T_EOF, GQ_T_NAME, GQ_T_INT, GQ_T_FLOAT, GQ_T_STRING, GQ_T_BANG, GQ_T_DOLLAR, GQ_T_AMP,
	GQ_T_LPAREN, GQ_T_RPAREN, GQ_T_ELLIPSIS, GQ_T_COLON, GQ_T_EQUALS, GQ_T_AT, GQ_T_LBRACKET,
	GQ_T_RBRACKET, GQ_T_LCURLY, GQ_T_PIPE, GQ_T_RCURLY
};

struct gq_token {
	enum gq_token_kind kind;
	struct gq_pos pos;
	const char *p;		/* as it is written */
	size_t n;
	const char *text;	/* a string's contents, a name, a number; with a NUL */
	size_t len;
};

struct gq_lexer {
	struct gq_arena *arena;
	struct gq_fault *fault;
	const char *src;
	size_t n, at;
	/* Invariants: pos is the place of byte mark, and mark <= at. */
	struct gq_pos pos;
	size_t mark;
	size_t left;		/* tokens that may still come */
	int failed;		/* *fault says why; every token is the end from here on */
	struct gq_token tok;	/* the one that is looked at */
	struct gq_token last;	/* the one before it */
};

/*
 * Begin with src, which has to stay, and look at the first token.  At most
 * tokens of them are read.  Faults go to *fault, the first one only.
 */
void gq_lex_init(struct gq_lexer *l, struct gq_arena *a, const char *src, size_t n, size_t tokens,
    struct gq_fault *fault);
/* Look at the next one.  -1: what comes is none. */
int gq_lex_next(struct gq_lexer *l);
/* "syntax error, TEXT at [line, column]" unless there was a fault before. */
void gq_lex_fault(struct gq_lexer *l, struct gq_pos pos, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The token that is looked at should not be there; expecting names what should,
 * or is NULL. */
void gq_lex_unexpected(struct gq_lexer *l, const char *expecting);
/* The name of a kind in texts of errors. */
const char *gq_token_name(enum gq_token_kind k);

#endif /* !GQ_LEX_H */
