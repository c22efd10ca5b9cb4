/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was spent: a bucket by kind and key. A bucket is one time, the one at which it is full again, so
 * a limit that is changed holds at once and what is full again is forgotten. At most 4,000 are kept (as
 * text less than the 1 MiB that a ConfigMap holds); the one that would be full first makes room. Times are wall ns. Not thread-safe.
 */
#ifndef CERTROLL_BUDGET_LEDGER_H
#define CERTROLL_BUDGET_LEDGER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/map.h"
#include "budget/limits.h"
#include "budget/names.h"
#include "json/json.h"

#define BUDGET_BUCKETS_MAX 4000

struct budget_ledger {
    struct map buckets; /* "kind key" -> struct bucket */
};

/* One unit of a bucket. The key is borrowed. */
struct budget_need {
    enum budget_kind kind;
    const char *key;
    struct budget_limit limit;
    bool only_looked_at; /* it must be there, and is not taken */
    bool never_waits;    /* it is taken even when it is not there */
};

#define BUDGET_NAME_MAX (BUDGET_KEY_MAX + 40)
/* The name of a bucket: "ordersPerAccount https://..." */
void budget_need_name(const struct budget_need *need, char out[BUDGET_NAME_MAX]);

void budget_ledger_init(struct budget_ledger *l);
void budget_ledger_release(struct budget_ledger *l);

/* In how many ns one comes back; at least 1. */
int64_t budget_interval(const struct budget_limit *limit);
/* How many are left; may be negative where a need never waits. */
int64_t budget_left(const struct budget_ledger *l, const struct budget_need *need, int64_t now);
/* When there will be n (>= 1) of them: now or later. */
int64_t budget_time_of(const struct budget_ledger *l, const struct budget_need *need, int64_t n,
                       int64_t now);
void budget_take(struct budget_ledger *l, const struct budget_need *need, int64_t now);
/* Puts one back that was taken at that time and not used; less of it as it has come back by itself since, which is what it
 * does first in a bucket that was full. */
void budget_give_back(struct budget_ledger *l, const struct budget_need *need, int64_t at,
                      int64_t now);
/* For an order that is being placed: as if it were taken at any later time, until that is known (unreserve, and take) or
 * it is over (unreserve). Not stored. */
void budget_reserve(struct budget_ledger *l, const struct budget_need *need, int64_t now);
void budget_unreserve(struct budget_ledger *l, const struct budget_need *need, int64_t now);
/* None of it before that time, whatever is left: the server said so. Not stored. */
void budget_hold(struct budget_ledger *l, const struct budget_need *need, int64_t until);

/* The fewest that are left of any key of a kind within a scope (the first part of keys). */
int64_t budget_least_left(const struct budget_ledger *l, enum budget_kind kind, const char *scope,
                          struct budget_limit limit, int64_t now);

/* [[kind, key, ...], ...] without what is full again; owned. */
json_t *budget_ledger_encode(struct budget_ledger *l, int64_t now);
/* Adds what encode gave. Rows that are unknown or senseless are left out; ERR_INVALID, reason
 * BadLedger, when it is no such list or too long. */
struct err *budget_ledger_decode(struct budget_ledger *l, const json_t *rows, int64_t now)
    MUST_CHECK;

#endif
