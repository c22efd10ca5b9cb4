/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lost order: the CA may have made it, and its URL never came or was not stored. Before another is placed for the
 * same Order, the account's list at the CA is searched for one that nobody has (RFC 8555 section 7.1.2.1). Only
 * after such an outcome; where nothing is found, or there is no such list, newOrder goes on as ever.
 */
#ifndef CERTROLL_RECONCILERS_ORDER_RECALL_H
#define CERTROLL_RECONCILERS_ORDER_RECALL_H

#include "reconcilers/order.h"

/* On becoming the leader, before any worker runs: Orders without a URL may have been placed by the one before. */
void order_recall_adopt(const struct env *env);
/* newOrder failed: when the CA may have carried it out all the same, the next pass looks for it. */
void order_recall_note(const struct order_pass *p, const struct err *failed);
/* Has it failed without an answer, and was not looked for yet? Then the CA may have counted an order. */
bool order_recall_is_due(const struct env *env, const struct order *order);
/* Finds the URL of a lost order, for ensure_created() to go on with. What passes is tried again for a
 * minute. */
struct err *ensure_recalled(struct order_pass *p) MUST_CHECK;

#endif
