/* hs_util - the few things that may fail only by ending sim-http */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hs_util.h"

void
hs_die(const char *fmt, ...)
{
	va_list ap;

	fputs("sim-http: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

void *
hs_realloc(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (!p)
		hs_die("out of memory");
	return p;
}

char *
hs_memdup(const void *p, size_t n)
{
	char *q = hs_realloc(NULL, n + 1);

	if (n)
		memcpy(q, p, n);
	q[n] = '\0';
	return q;
}

char *
hs_read_file(const char *path, size_t *n)
{
	char *p = NULL;
	size_t len = 0, cap = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		return NULL;
	do {
		cap = cap ? cap * 2 : 4096;
		p = hs_realloc(p, cap + 1);
		len += fread(p + len, 1, cap - len, f);
	} while (len == cap);
	if (ferror(f)) {
		int sys = errno;

		free(p);
		fclose(f);
		errno = sys;
		return NULL;
	}
	fclose(f);
	p[len] = '\0';
	*n = len;
	return p;
}

void
hs_write_once(int fd, const void *p, size_t n, const char *what)
{
	ssize_t w;

	do
		w = write(fd, p, n);
	while (w == -1 && errno == EINTR);
	if (w == -1)
		hs_die("write '%s': %s", what, strerror(errno));
	if ((size_t)w != n)
		hs_die("write '%s': cut short", what);
}

int64_t
hs_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The finalizer of splitmix64. */
uint64_t
hs_mix(uint64_t a, uint64_t b)
{
	uint64_t z = a ^ (b + 0x9e3779b97f4a7c15u + (a << 6) + (a >> 2));

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

uint64_t
hs_hash(uint64_t seed, const void *p, size_t n)
{
	const unsigned char *s = p;
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ s[i]) * 0x100000001b3u;
	return hs_mix(h, seed);
}

double
hs_unit(uint64_t h)
{
	return (double)(h >> 11) * 0x1.0p-53;
}
