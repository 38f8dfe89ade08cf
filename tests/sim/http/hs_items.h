#ifndef HS_ITEMS_H
#define HS_ITEMS_H

#include <stddef.h>

#include "hs_script.h"

/* The items of a request's body and how they are put into the shop's values. */
struct items {
	struct item *v;
	size_t n;
};

/* 0, or -1 and why.  Free in either case. */
int hs_items_parse(struct items *l, const char *body, size_t n, char *why, size_t whylen);
void hs_items_free(struct items *l);
/* The JSON text of patch laid over old, a new string: members of objects one by one, at every
 * depth; anything else, null too, takes the place of what was there.  old may be NULL. */
char *hs_items_merge(const char *old, size_t oldlen, const char *patch, size_t n, size_t *outlen);

#endif /* !HS_ITEMS_H */
