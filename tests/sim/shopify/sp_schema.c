/* sp_schema - the schema of sim-shopify */
#include <stdio.h>
#include <stdlib.h>

#include "sp_schema.h"

/* C11 has no way to take a file in; a copy as a C string would be a second
 * text.  The path is from where make runs, and the Makefile names the file. */
__asm__(".section .rodata\n"
    ".global sp_schema_text\n"
    ".global sp_schema_end\n"
    "sp_schema_text:\n"
    ".incbin \"tests/sim/shopify/schema.graphql\"\n"
    "sp_schema_end:\n"
    ".byte 0\n"
    ".previous\n");

extern const char sp_schema_text[], sp_schema_end[];

struct gq_schema *
sp_schema(void)
{
	struct gq_fault fault;
	struct gq_schema *s = gq_schema_parse(sp_schema_text, (size_t)(sp_schema_end - sp_schema_text), &fault);

	if (s == NULL) {
		fprintf(stderr, "schema.graphql: %s\n", fault.text);
		exit(1);
	}
	s->global_ids = 1;
	return s;
}
