/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits of CAs, kept by waiting. ensure_budget() is the step before newOrder; what came of an order is
 * heard from the caches. What was spent is kept in a ConfigMap of our own namespace, written at most once a
 * minute and at the end; what a crash loses of that is found again in the Orders.
 */
#ifndef CERTROLL_RECONCILERS_ORDER_BUDGET_H
#define CERTROLL_RECONCILERS_ORDER_BUDGET_H

#include "metrics/metrics.h"
#include "reconcilers/order.h"

#define BUDGET_CONFIG_MAP "certroll-budgets"

/* The limits leave one for this order, or the pass waits and status says for what. Decides what newOrder names as
 * replaced, too: such an order is exempt. */
struct err *ensure_budget(struct order_pass *p) MUST_CHECK;
/* The CA does not want to hear of what the order replaces: the next pass asks the limits as for any order, and newOrder
 * goes without that. */
void budget_replaces_refused(struct order_pass *p);
/* newOrder failed. Some CAs answer serverInternal, always, where they do not find what is replaced: after the third in a
 * process the order goes without that, too. */
void budget_replaces_doubted(struct order_pass *p, const struct err *failed);
/* The order was placed, and its URL was lost: what an earlier process has counted and did not store is counted here. The
 * pass waits while what was spent before is being read. */
struct err *budget_recalled(struct order_pass *p) MUST_CHECK;
/* Something else than the limits is waited for, perhaps for long: what is reserved for an order that is not placed goes
 * back, and others may go. What the CA may have counted stays counted. */
void budget_give_way(const struct order_pass *p);
/* An Order that was removed while its pass went on may have been granted after that was heard: nobody else would give
 * it back. */
void budget_end_pass(const struct order_pass *p);
/* A try failed and will be repeated. When the CA refused by a rate limit, status says until when, and the error when to
 * come again. Takes the error, which is never NULL, and returns it. */
struct err *budget_failed(struct order_pass *p, struct err *failed) MUST_CHECK;

/* Cache handlers (arg: struct env): an Order came to its end, a Challenge failed. */
void budget_on_order(void *arg, const struct cache_change *change);
void budget_on_challenge(void *arg, const struct cache_change *change);

/* The controller that reads once, before the first order, what earlier processes spent, and stores what was spent since;
 * it has one key. */
struct err *budget_store_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
    MUST_CHECK;
/* Wakes it when there is something to read or to store. */
void budget_store_wake(const struct env *env);
/* Stores what the ConfigMap lacks, now: on stopping. */
struct err *budget_store(const struct env *env) MUST_CHECK;
/* What is left, and how many wait. */
void budget_metrics(const struct env *env, struct metrics_scrape *s);

#endif
