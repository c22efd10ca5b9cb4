/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_limits.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/timefmt.h"

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
    free(l->full_at);
}

json_t *sim_limits_spec(const struct sim_limits *l)
{
    char period[DURATION_MAX];
    duration_format(l->count * l->each, period);
    return l->count == 0 ? NULL
                         : json_build("{s:{s:I,s:s}}", "ordersPerAccount", "count",
                                      (json_int_t)l->count, "period", period);
}

int64_t sim_limits_order(struct sim_limits *l, struct sim *s, size_t account, unsigned unknown)
{
    int64_t now = sim_now(s);
    if (l->count == 0)
        return 0;
    while (l->accounts <= account) {
        l->full_at = x_realloc(l->full_at, (l->accounts + 1) * sizeof(*l->full_at));
        l->full_at[l->accounts++] = 0;
    }
    int64_t *full_at = &l->full_at[account];
    int64_t due = (*full_at > now ? *full_at : now) + (1 - l->count) * l->each;
    if (due <= now) {
        *full_at = (*full_at > now ? *full_at : now) + l->each;
        return 0;
    }
    int64_t too_many = (due - now + l->each - 1) / l->each;
    sim_note(s, "the CA refuses an order of account %zu: %lld too many", account,
             (long long)too_many);
    if (too_many > unknown)
        sim_fail(s, "budget overdrawn: %lld orders more than %lld of account %zu, %u unknown",
                 (long long)too_many, (long long)l->count, account, unknown);
    return due;
}
