/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The issuer's prepare hook around an order: begun right before newOrder, undone when the order is over or deleted. That it
 * was begun is in status with how it is undone, and a finalizer on the Order, before anything is done; the finalizer is
 * there only where undoing is more than a deletion, and never holds an Order for longer than 10 minutes. Where that is over
 * and it could not be undone, status, an Event and a log line say so.
 */
#ifndef CERTROLL_RECONCILERS_ORDER_PREPARE_H
#define CERTROLL_RECONCILERS_ORDER_PREPARE_H

#include "reconcilers/order.h"

#define PREPARE_FINALIZER "certroll.dev/prepare"

/* The step before newOrder. ERR_INVALID, reason PrepareFailed or PrepareNotAllowed, ends the Order. */
struct err *ensure_prepared(struct order_pass *p) MUST_CHECK;
/* For an Order that is over or being deleted. */
struct err *order_prepare_undo(struct order_pass *p) MUST_CHECK;
/* After a pass of one that is not: what is not placed within a minute waits for people, limits or a CA, and keeps nothing
 * open meanwhile. p->next says when it is looked at again, where that is known. Takes the pass's error, which may be NULL,
 * and returns it unless the undoing has another or is to be looked at sooner. */
struct err *order_prepare_pause(struct order_pass *p, struct err *failed) MUST_CHECK;

#endif
