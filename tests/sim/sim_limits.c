/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_limits.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "sim/sim_process.h"

/* From being granted to being counted by the CA. */
#define PLACING_MAX (2 * NS_PER_MIN)

void sim_limits_init(struct sim_limits *l, struct sim *s)
{
    *l = (struct sim_limits){0};
    if (!sim_chance(s, 400))
        return;
    l->count = 1 + sim_pick(s, 6);
    l->each = (int64_t)(5 + sim_pick(s, 60)) * NS_PER_SEC;
}

void sim_limits_release(struct sim_limits *l)
{
    free(l->buckets);
}

json_t *sim_limits_spec(const struct sim_limits *l)
{
    char period[DURATION_MAX];
    duration_format(l->count * l->each, period);
    return l->count == 0 ? NULL
                         : json_build("{s:{s:I,s:s}}", "ordersPerAccount", "count",
                                      (json_int_t)l->count, "period", period);
}

static struct sim_bucket *bucket_of(struct sim_limits *l, size_t account)
{
    while (l->accounts <= account) {
        l->buckets = x_realloc(l->buckets, (l->accounts + 1) * sizeof(*l->buckets));
        l->buckets[l->accounts++] = (struct sim_bucket){0};
    }
    return &l->buckets[account];
}

/* certroll keeps the wall clock's time at which a bucket is full, as that has to outlast the process: when the clock
 * jumps ahead, or the next leader's is ahead, what was spent seems to have come back. No process can
 * tell that from time that passed while it was not there, and the CA's refusal then sets it right. */
static bool can_be_known(struct sim *s, const struct sim_bucket *b)
{
    return sim_process_clock_held(s->process, b->spent_since - PLACING_MAX);
}

int64_t sim_limits_order(struct sim_limits *l, struct sim *s, size_t account, unsigned unknown)
{
    int64_t now = sim_now(s);
    if (l->count == 0)
        return 0;
    struct sim_bucket *b = bucket_of(l, account);
    if (b->full_at <= now)
        *b = (struct sim_bucket){.full_at = now, .spent_since = now};
    int64_t due = b->full_at + (1 - l->count) * l->each;
    if (due <= now) {
        b->full_at += l->each;
        return 0;
    }
    int64_t too_many = (due - now + l->each - 1) / l->each;
    sim_note(s, "the CA refuses an order of account %zu: %lld too many", account,
             (long long)too_many);
    if (too_many > unknown && can_be_known(s, b))
        sim_fail(s, "budget overdrawn: %lld orders more than %lld of account %zu, %u unknown",
                 (long long)too_many, (long long)l->count, account, unknown);
    return due;
}
