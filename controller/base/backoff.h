/* SPDX-License-Identifier: Apache-2.0 */
/* Exponential back-off: base * 2^n, capped, with optional jitter: [delay, delay * (1 + jitter)). */
#ifndef CERTROLL_BASE_BACKOFF_H
#define CERTROLL_BASE_BACKOFF_H

#include <stdint.h>

#include "base/rand.h"

struct backoff {
    int64_t base; /* ns */
    int64_t cap;  /* ns, before jitter */
    int jitter_percent;
};

/* The delay in ns before try number attempt (0 = first retry), never negative. No jitter when rng
 * is NULL. */
int64_t backoff_delay(const struct backoff *b, unsigned attempt, const struct rng *rng);

#endif
