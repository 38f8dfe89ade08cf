/*
 * table - how long a random look-up in a keyed table takes, warm
 *
 * usage: table [KEYS [LOOKUPS]]	(default 1200000 and 1000000)
 *
 * Prints one line of JSON.  The keys are 16 random bytes, as those of the seen
 * ids; half of the look-ups are for keys that are not there.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/rng.h"
#include "store/table.h"

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Key number i: the same each time, in no order. */
static void
key_of(uint64_t i, uint64_t key[2])
{
	struct rng r = { i };

	key[0] = rng_next(&r);
	key[1] = rng_next(&r);
}

static int
fill(struct table_env *e, uint64_t keys, struct ss_err *err)
{
	struct table_txn *t;
	uint64_t i, key[2];

	if (table_begin(&t, e, 1, err) == -1)
		return -1;
	for (i = 0; i < keys; i++) {
		key_of(i, key);
		if (table_put(t, 0, key, sizeof(key), &i, sizeof(i), err) == -1) {
			table_abort(t);
			return -1;
		}
	}
	return table_commit(t, err);
}

static int
look(struct table_env *e, uint64_t keys, uint64_t n, double *ns, struct ss_err *err)
{
	struct table_txn *t;
	struct table_val v;
	struct rng r = { 7 };
	uint64_t i, at, hits = 0, key[2];
	double from;

	if (table_begin(&t, e, 0, err) == -1)
		return -1;
	from = now();
	for (i = 0; i < n; i++) {
		at = rng_below(&r, keys * 2);
		key_of(at, key);
		hits += table_get(t, 0, key, sizeof(key), &v, err) == 1;
	}
	*ns = (now() - from) * 1e9 / (double)n;
	table_abort(t);
	return hits > n / 3 && hits < n ? 0 : err_set(err, SS_EXIT_DAMAGE, "%llu hits of %llu", (unsigned long long)hits,
	    (unsigned long long)n);
}

int
main(int argc, char **argv)
{
	static const char *const names[] = { "t", NULL };
	uint64_t keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 1200000;
	uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 1000000;
	char path[] = "/tmp/bench-table.XXXXXX", lock[40];
	struct ss_err err = { .text = "" };
	struct table_env *e = NULL;
	double from = now(), filled, warm = 0, ns = 0;
	int fd = mkstemp(path), rc;

	if (fd == -1)
		return 1;
	(void)close(fd);
	(void)snprintf(lock, sizeof(lock), "%s-lock", path);
	rc = table_open(&e, path, names, 1, &err);
	if (rc == 0)
		rc = fill(e, keys, &err);
	filled = now() - from;
	if (rc == 0)
		rc = look(e, keys, n, &warm, &err);
	if (rc == 0)
		rc = look(e, keys, n, &ns, &err);
	table_close(e);
	(void)unlink(path);
	(void)unlink(lock);
	if (rc == -1) {
		fprintf(stderr, "table: %s\n", err.text);
		return 1;
	}
	printf("{\"bench\":\"table\",\"keys\":%llu,\"fill_s\":%.2f,\"first_ns\":%.0f,\"lookup_ns\":%.0f}\n",
	    (unsigned long long)keys, filled, warm, ns);
	return 0;
}
