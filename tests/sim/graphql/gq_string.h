#ifndef GQ_STRING_H
#define GQ_STRING_H

#include "gq_mem.h"

/* Texts of GraphQL: section 2.9.4, and UTF-8. */

/* How many of the n bytes, from the first on, are whole valid UTF-8. */
size_t gq_utf8_good(const char *p, size_t n);
/* Take a last character away that was cut. */
void gq_utf8_trim(char *s);

/*
 * The contents of the string whose opening quote is at *at; *at goes behind the
 * closing one.  NULL if it does not end or has what no string has: then *bad
 * is the place of that, and *at stays.
 */
char *gq_string_line(struct gq_arena *a, const char *src, size_t n, size_t *at, size_t *len, size_t *bad);
/* The same for a block string, without its indentation; NULL if it does not end. */
char *gq_string_block(struct gq_arena *a, const char *src, size_t n, size_t *at, size_t *len);

#endif /* !GQ_STRING_H */
