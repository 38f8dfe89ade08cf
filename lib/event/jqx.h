#ifndef SS_EVENT_JQX_H
#define SS_EVENT_JQX_H

#include <stddef.h>

#include "event/json.h"

struct buf;
struct ss_err;

/*
 * A user's jq program (libjq).  It sees no environment.  A number that a
 * double cannot give back byte for byte goes in as a string of its digits, on
 * every jq version; a value that comes out as it went in at the same path
 * gets its original bytes back.  A program that makes more than max results
 * or runs into jq's own limits fails.  One thread at a time per object.
 */
struct jqx;

/* Compile; what names it in messages ("body", "map.jq").  args: pairs of a
 * variable name and a JSON text, ended by NULL; bound as $name.  NULL on error
 * (SS_EXIT_USAGE, jq's own message). */
struct jqx *jqx_open(const char *program, const char *what, const char *const *args, struct ss_err *err);
void jqx_free(struct jqx *j);

/* Run on the JSON text in; each result is appended to out as compact JSON and
 * a newline.  Returns the number of results, or -1 (jq's error message). */
int jqx_run(struct jqx *j, const char *in, size_t n, struct buf *out, size_t max, struct ss_err *err);

#endif /* !SS_EVENT_JQX_H */
