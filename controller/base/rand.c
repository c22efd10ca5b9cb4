/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"

static void system_fill(void *ctx, void *out, size_t len)
{
    (void)ctx;
    unsigned char *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno != EINTR)
            x_abort("getrandom failed: the kernel gives no randomness");
        if (n > 0) {
            p += n;
            len -= (size_t)n;
        }
    }
}

const struct rng *rng_system(void)
{
    static const struct rng system_rng = {.fill = system_fill};
    return &system_rng;
}

uint64_t rng_u64(const struct rng *r)
{
    uint64_t x;
    r->fill(r->ctx, &x, sizeof(x));
    return le64toh(x);
}

uint64_t rng_below(const struct rng *r, uint64_t bound)
{
    if (bound <= 1)
        return 0;
    /* The lowest 2^64 mod bound values would make the small results likelier. Of a fair generator
     * less than every second draw is rejected; one that is stuck must not hang us. */
    uint64_t unfair = (UINT64_MAX - bound + 1) % bound;
    uint64_t x = rng_u64(r);
    for (int tries = 0; x < unfair && tries < 100; tries++)
        x = rng_u64(r);
    return x % bound;
}

int64_t rng_between(const struct rng *r, int64_t lo, int64_t hi)
{
    if (hi <= lo)
        return lo;
    uint64_t width = (uint64_t)hi - (uint64_t)lo;
    return (int64_t)((uint64_t)lo + rng_below(r, width));
}

static uint64_t splitmix64(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void seeded_fill(void *ctx, void *out, size_t len)
{
    struct rng_seeded *r = ctx;
    unsigned char *p = out;
    while (len > 0) {
        uint64_t x = htole64(splitmix64(&r->state));
        size_t n = len < sizeof(x) ? len : sizeof(x);
        memcpy(p, &x, n);
        p += n;
        len -= n;
    }
}

void rng_seeded_init(struct rng_seeded *r, uint64_t seed)
{
    *r = (struct rng_seeded){.rng = {.fill = seeded_fill, .ctx = r}, .state = seed};
}
