#ifndef GQ_MEM_H
#define GQ_MEM_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Memory that is given back as a whole: a schema has one arena, and so has each
 * request.  All-zero is an empty arena.  Being out of memory ends the process:
 * a simulator that cannot answer is worth nothing to a test.
 */
struct gq_arena {
	struct gq_block *head;
	size_t total;		/* bytes taken from malloc */
};

/* n zeroed bytes, aligned for anything. */
void *gq_alloc(struct gq_arena *a, size_t n);
/* A copy of n bytes with a NUL behind it. */
char *gq_dup(struct gq_arena *a, const char *p, size_t n);
char *gq_printf(struct gq_arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *gq_vprintf(struct gq_arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void gq_arena_free(struct gq_arena *a);

/* A place in a document: both count from 1, columns in characters. */
struct gq_pos {
	uint32_t line, col;
};

/* Why a text could not be read, and where. */
struct gq_fault {
	char text[400];		/* as it is shown to a client */
	struct gq_pos pos;
};

/* A set of pointer and name with a value for each; all-zero is empty. */
struct gq_map {
	struct gq_slot *v;
	size_t n, cap;
};

/* NULL if it is not there.  Names are compared as strings, owners as pointers. */
void *gq_map_get(const struct gq_map *m, const void *owner, const char *name);
/* -1: there is one already, and it stays. */
int gq_map_put(struct gq_map *m, struct gq_arena *a, const void *owner, const char *name, void *val);

#endif /* !GQ_MEM_H */
