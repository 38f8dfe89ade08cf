#include "base/rng.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

/* Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014. */
uint64_t
rng_next(struct rng *r)
{
	uint64_t z = (r->s += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void
rng_init(struct rng *r, int has_seed, uint64_t seed)
{
	struct timespec ts;

	r->s = seed;
	if (has_seed || getrandom(&r->s, sizeof(r->s), 0) == (ssize_t)sizeof(r->s))
		return;
	/* no entropy source (very early boot): time and pid still differ between runs */
	clock_gettime(CLOCK_REALTIME, &ts);
	r->s = (uint64_t)ts.tv_nsec ^ ((uint64_t)ts.tv_sec << 20) ^ ((uint64_t)getpid() << 44);
}

uint64_t
rng_below(struct rng *r, uint64_t n)
{
	return n == 0 ? 0 : rng_next(r) % n;
}
