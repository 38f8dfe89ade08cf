#ifndef GQ_SDL_H
#define GQ_SDL_H

#include "gq_lex.h"
#include "gq_schema.h"

/* What the parts of the schema reader share. */

/* Types and directives of a whole text to the chains and the map of s; roots by
 * name to root.  -1: the lexer failed. */
int gq_sdl_read(struct gq_schema *s, struct gq_lexer *l, const char *root[3]);
/* Enter a name; a second one of it is a fault at pos. */
int gq_sdl_enter(struct gq_schema *s, struct gq_lexer *l, const void *owner, const char *name, void *val,
    struct gq_pos pos);
/* What every schema has. */
extern const char gq_sdl_builtin[];

#endif /* !GQ_SDL_H */
