/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits at one server, and in which order they go: namespaces take turns, so that one with a thousand
 * waiting delays another by one place. Whoever has to wait gets a tag, one more than the last of its namespace,
 * and at least that of the first who lacks the same bucket; the lowest tag goes first, then who came first. That is
 * start-time fair queueing with equal cost: deterministic, and nothing is kept of who does not wait. Who lacks nothing
 * when it comes, or lacks something else, may go before others, and sets back nobody who comes later.
 *
 * Who is first but needs something that is not there is passed over and keeps its place. Of what is there one is kept
 * for it only when it goes before the next one comes, and only from those behind it: so nobody waits for somebody who
 * waits for him, and nobody needs two things in vain that others take one by one. Not thread-safe.
 */
#ifndef CERTROLL_BUDGET_WAITERS_H
#define CERTROLL_BUDGET_WAITERS_H

#include "budget/ledger.h"

#define WAITERS_MAX 20000
/* Who waits looks again after this at the latest (ns); who has not come 2 min after he should is gone. */
#define WAITERS_LOOK_MAX (10 * NS_PER_MIN)

struct waiter {
    char *id;
    char *ns;
    struct budget_need *needs; /* with their keys */
    size_t count;
    uint64_t tag; /* UINT64_MAX until it is known to wait */
    uint64_t arrival;
    int64_t expected_at; /* when it was told to come again */
    /* As the last walk found: */
    bool may_go;
    int64_t when;      /* else: about then */
    size_t lacks;      /* the need that takes longest */
    int64_t when_free; /* when there is one of that, whoever gets it */
};

struct waiters {
    struct waiter **waiting; /* by tag, then by arrival */
    size_t len, cap;
    struct map plans; /* of a walk: name of a bucket -> struct waiters_plan */
    struct map tags;  /* of a walk: the first that lacks a bucket, and the last of each namespace */
    uint64_t gone;    /* the highest tag of those that went */
    uint64_t arrivals;
    int64_t walked_at; /* 0 = somebody came or something was given back since */
};

void waiters_init(struct waiters *t);
void waiters_release(struct waiters *t);

/* NULL when it does not wait here. */
struct waiter *waiters_find(const struct waiters *t, const char *id);
/* Puts it last; the next walk finds its place. NULL when 20,000 wait already. needs are copied. */
struct waiter *waiters_add(struct waiters *t, const char *id, const char *ns,
                           const struct budget_need *needs, size_t count);
/* It keeps its place and needs something else, or under other limits. */
void waiters_change(struct waiters *t, struct waiter *w, const struct budget_need *needs,
                    size_t count);
/* It waits no more: went = it got what it needs. */
void waiters_remove(struct waiters *t, struct waiter *w, bool went);
/* Finds out for all who may go and when the others might; at most once a second. Drops who is gone. */
void waiters_walk(struct waiters *t, const struct budget_ledger *l, int64_t now);

/* A copy with keys of its own; one block, free() it. */
struct budget_need *budget_needs_copy(const struct budget_need *needs, size_t count);

#endif
