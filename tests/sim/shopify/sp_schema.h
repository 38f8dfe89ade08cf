#ifndef SP_SCHEMA_H
#define SP_SCHEMA_H

#include "../graphql/gq_schema.h"

/* The API version that schema.graphql was written down from. */
#define SP_VERSION "2026-10"

/* schema.graphql, which is part of the program, ids being global ones.  To be
 * freed with gq_schema_free; ends the process if it is no schema. */
struct gq_schema *sp_schema(void);

#endif /* !SP_SCHEMA_H */
