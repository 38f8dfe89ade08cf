#ifndef SS_PEER_LAYOUTKINDS_H
#define SS_PEER_LAYOUTKINDS_H

#include "peer/layout.h"

/* The layouts there are, for layout.c alone.  Each: 1 and *out when the header
 * is of this kind, 0 when it is not, -1 when it is but has an error in it. */
int layoutitem_open(struct layout **out, const struct layout_header *h, const struct layout_opts *o,
    struct csvevent *e, struct ss_err *err);
int layoutproduct_open(struct layout **out, const struct layout_header *h,
    const struct layout_opts *o, struct csvevent *e, struct ss_err *err);
/* Rows as they are, or through jq: fit every header. */
int layoutrow_open(struct layout **out, const struct layout_header *h, const struct layout_opts *o,
    struct csvevent *e, struct ss_err *err);

/* 1 if a Shopify product file has a column of that (lower case) name. */
int layoutproduct_knows(struct json_span norm);

#endif /* !SS_PEER_LAYOUTKINDS_H */
