/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Randomness as a seam: production asks the kernel, the simulator draws from its seed.
 * Keys are made by pki/ with OpenSSL; this is for jitter, names and scheduling.
 */
#ifndef CERTROLL_BASE_RAND_H
#define CERTROLL_BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    void (*fill)(void *ctx, void *out, size_t len);
    void *ctx;
};

/* getrandom(2); static, thread-safe. */
const struct rng *rng_system(void);
/* 64 random bits. */
uint64_t rng_u64(const struct rng *r);
/* Uniform in [0, bound); bound > 0. */
uint64_t rng_below(const struct rng *r, uint64_t bound);
/* Uniform in [lo, hi); lo when hi <= lo. */
int64_t rng_between(const struct rng *r, int64_t lo, int64_t hi);

/* A seeded generator (splitmix64) for tests; not thread-safe. */
struct rng_seeded {
    struct rng rng;
    uint64_t state;
};
/* The same seed gives the same numbers on every machine. */
void rng_seeded_init(struct rng_seeded *r, uint64_t seed);

#endif
