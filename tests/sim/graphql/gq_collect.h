#ifndef GQ_COLLECT_H
#define GQ_COLLECT_H

#include "gq_request.h"

/* Selections as they come out: spreads opened, @skip and @include obeyed, fields
 * of one key together (section 6.3.2). */

struct gq_same {
	struct gq_same *next;
	const struct gq_sel *field;
};

struct gq_picked {
	struct gq_picked *next;
	struct gq_same *fields, **end;	/* all of this key, in order */
	const struct gq_type *on;	/* what the first was selected from */
};

/*
 * What the selections of each field in `of` select from an object of this type;
 * type NULL: from whatever it may be.  In the order in which keys come first.
 */
struct gq_picked *gq_collect(struct gq_request *r, const struct gq_type *type, const struct gq_same *of);
/* The same for one chain of selections. */
struct gq_picked *gq_collect_sels(struct gq_request *r, const struct gq_type *type, const struct gq_sel *s);

#endif /* !GQ_COLLECT_H */
