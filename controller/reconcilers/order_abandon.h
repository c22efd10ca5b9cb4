/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authorizations of an Order that ended without a certificate. Those that are still pending count to a limit of the CA
 * and are of no use to anybody: they are deactivated (RFC 8555 section 7.5.2). Valid ones stay, for the CA
 * may build on them again. As far as it is cheap: what a crash or a CA that does not answer leaves expires by itself.
 */
#ifndef CERTROLL_RECONCILERS_ORDER_ABANDON_H
#define CERTROLL_RECONCILERS_ORDER_ABANDON_H

#include "reconcilers/order.h"

/* After a pass whose status is stored: when it has failed the Order. ERR_CANCELLED is the only error. */
struct err *order_abandon(const struct order_pass *p) MUST_CHECK;

/* A chain of this Order up to its request was walked: what it names may be acted on when it is gone. */
void order_abandon_note(const struct order_pass *p);
/* Cache handler (arg: struct env): an Order was removed on its way. Before the one that wakes its reconcile. */
void order_abandon_on_change(void *arg, const struct cache_change *change);
/* The reconcile of a removed Order; key is "ns/name". Waits half a minute for the Order that may take its place. */
struct err *order_abandon_removed(const struct env *env, const char *key, int64_t *ret_next)
    MUST_CHECK;

#endif
