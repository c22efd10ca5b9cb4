/* SPDX-License-Identifier: Apache-2.0 */
#include "base/backoff.h"

/* base * 2^attempt, at most cap, without ever leaving the range of int64_t. */
static int64_t exponential(const struct backoff *b, unsigned attempt)
{
    int64_t delay = b->base > 0 ? b->base : 0;
    for (unsigned i = 0; i < attempt && delay > 0 && delay < b->cap; i++)
        delay = delay <= b->cap / 2 ? delay * 2 : b->cap;
    return delay < b->cap ? delay : b->cap;
}

/* delay * percent / 100, the greatest int64_t when that is more. */
static int64_t percent_of(int64_t delay, int percent)
{
    int64_t part;
    if (__builtin_mul_overflow(delay / 100, percent, &part) ||
        __builtin_add_overflow(part, delay % 100 * percent / 100, &part))
        return INT64_MAX;
    return part;
}

int64_t backoff_delay(const struct backoff *b, unsigned attempt, const struct rng *rng)
{
    int64_t delay = exponential(b, attempt);
    if (delay <= 0)
        return 0;
    if (rng == NULL || b->jitter_percent <= 0)
        return delay;
    int64_t sum;
    int64_t jitter = rng_between(rng, 0, percent_of(delay, b->jitter_percent));
    return __builtin_add_overflow(delay, jitter, &sum) ? INT64_MAX : sum;
}
