#ifndef GQ_COST_H
#define GQ_COST_H

#include "gq_request.h"

/*
 * What Shopify charges, as far as it can be told from outside: an object 1, a
 * mutation 10, a connection 2 and a size that grows with the logarithm of first
 * or last, times one and what a node costs.  Leaves, amounts of money, addresses
 * and the like, a mutation's payload and its errors are free.
 */

/* More than any request may cost; also of what is too large to be reckoned. */
#define GQ_COST_HUGE 1000000000

/* Before it runs: from the selections and the sizes asked for.  -1: a field is
 * not known, which cannot be after gq_request_parse. */
int64_t gq_cost(struct gq_request *r);
/* After it ran: what is null costs nothing, connections by their rows. */
int64_t gq_cost_actual(struct gq_request *r, yyjson_mut_val *data);
/* Refuse more than max: MAX_COST_EXCEEDED, -1. */
int gq_cost_refuse(struct gq_request *r, int64_t cost, int64_t max);

#endif /* !GQ_COST_H */
