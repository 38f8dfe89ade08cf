/* gq_mem - memory and names of the GraphQL engine */
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gq_mem.h"

#define BLOCK ((size_t)64 << 10)

struct gq_block {
	struct gq_block *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

struct gq_slot {
	const void *owner;
	const char *name;	/* NULL: free */
	void *val;
};

static void __attribute__((noreturn))
out_of_memory(void)
{
	fputs("graphql: out of memory\n", stderr);
	_exit(1);
}

void *
gq_alloc(struct gq_arena *a, size_t n)
{
	const size_t step = alignof(max_align_t);
	struct gq_block *b = a->head;
	void *p;

	if (n > SIZE_MAX / 2)
		out_of_memory();
	n = (n + step - 1) / step * step;
	if (b == NULL || n > b->size - b->used) {
		size_t size = n > BLOCK / 4 ? n : BLOCK;

		b = malloc(sizeof *b + size);
		if (b == NULL)
			out_of_memory();
		b->used = 0;
		b->size = size;
		a->total += sizeof *b + size;
		/* A large one goes behind, so that what is left of the first is used. */
		if (size != BLOCK && a->head != NULL) {
			b->next = a->head->next;
			a->head->next = b;
		} else {
			b->next = a->head;
			a->head = b;
		}
	}
	p = b->data + b->used;
	b->used += n;
	return memset(p, 0, n);
}

char *
gq_dup(struct gq_arena *a, const char *p, size_t n)
{
	char *q = gq_alloc(a, n + 1);

	if (n > 0)
		memcpy(q, p, n);
	return q;
}

char *
gq_vprintf(struct gq_arena *a, const char *fmt, va_list ap)
{
	va_list again;
	char *p;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		out_of_memory();
	p = gq_alloc(a, (size_t)n + 1);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	return p;
}

char *
gq_printf(struct gq_arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = gq_vprintf(a, fmt, ap);
	va_end(ap);
	return p;
}

void
gq_arena_free(struct gq_arena *a)
{
	struct gq_block *b, *next;

	for (b = a->head; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct gq_arena){ 0 };
}

/* FNV-1a; the final shift is for owners, whose low bits are all the same. */
static size_t
hash(const void *owner, const char *name)
{
	uint64_t h = 0xcbf29ce484222325u ^ (uintptr_t)owner;

	for (; *name != '\0'; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	return (size_t)(h ^ (h >> 29));
}

static struct gq_slot *
slot(const struct gq_map *m, const void *owner, const char *name)
{
	size_t i = hash(owner, name) & (m->cap - 1);

	while (m->v[i].name != NULL && (m->v[i].owner != owner || strcmp(m->v[i].name, name) != 0))
		i = (i + 1) & (m->cap - 1);
	return &m->v[i];
}

void *
gq_map_get(const struct gq_map *m, const void *owner, const char *name)
{
	return m->cap == 0 ? NULL : slot(m, owner, name)->val;
}

int
gq_map_put(struct gq_map *m, struct gq_arena *a, const void *owner, const char *name, void *val)
{
	struct gq_slot *s;

	if (m->n * 2 >= m->cap) {
		struct gq_map grown = { .n = m->n, .cap = m->cap == 0 ? 8 : m->cap * 2 };

		grown.v = gq_alloc(a, grown.cap * sizeof *grown.v);
		for (size_t i = 0; i < m->cap; i++) {
			if (m->v[i].name != NULL)
				*slot(&grown, m->v[i].owner, m->v[i].name) = m->v[i];
		}
		*m = grown;
	}
	s = slot(m, owner, name);
	if (s->name != NULL)
		return -1;
	*s = (struct gq_slot){ owner, name, val };
	m->n++;
	return 0;
}
