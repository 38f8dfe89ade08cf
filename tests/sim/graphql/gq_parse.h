#ifndef GQ_PARSE_H
#define GQ_PARSE_H

#include "gq_ast.h"
#include "gq_lex.h"

/* More tokens than this no request may have: each costs memory. */
#define GQ_TOKENS_MAX 200000

/*
 * Read a document of operations and fragments (October 2021, section 2.2 on)
 * from n bytes.  The tree is in the arena and needs src no more.  NULL if it is
 * none: *fault says why and where.
 */
struct gq_doc *gq_parse(struct gq_arena *a, const char *src, size_t n, struct gq_fault *fault);

/*
 * Parts that schemas have too.  Each looks at its first token when called and
 * at the one behind its last afterwards; NULL or -1 if the lexer failed.
 * depth is how deep this one is.
 */
struct gq_typeref *gq_parse_type(struct gq_lexer *l, int depth);
/* constant: without variables. */
struct gq_value *gq_parse_value(struct gq_lexer *l, int constant, int depth);
/* None, or all that follow; *out is their chain. */
int gq_parse_dirs(struct gq_lexer *l, int constant, struct gq_dir **out);
/* A name; expecting is for the error's text, NULL: leave it out. */
const char *gq_parse_name(struct gq_lexer *l);
/* 1 and behind it, if the token is of this kind. */
int gq_parse_if(struct gq_lexer *l, enum gq_token_kind k);
/* The same, or an error. */
int gq_parse_want(struct gq_lexer *l, enum gq_token_kind k);
/* 1 if the token is this name. */
int gq_parse_is(const struct gq_lexer *l, const char *word);

#endif /* !GQ_PARSE_H */
