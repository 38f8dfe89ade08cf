#ifndef SS_BASE_RNG_H
#define SS_BASE_RNG_H

#include <stdint.h>

/*
 * Random numbers: splitmix64 over a seed.  For ids and jitter, never for
 * secrets.  rng_init with has_seed = 0 takes its seed from getrandom(2).
 */
struct rng {
	uint64_t s;
};

void rng_init(struct rng *r, int has_seed, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* In [0, n), even enough for n far below 2^64; n = 0 answers 0. */
uint64_t rng_below(struct rng *r, uint64_t n);

#endif /* !SS_BASE_RNG_H */
