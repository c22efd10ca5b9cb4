/* SPDX-License-Identifier: Apache-2.0 */
/* spec.acme.preferredChain: which of the chains that a CA offers is taken (RFC 8555 section 7.4.2). */
#ifndef CERTROLL_RECONCILERS_ORDER_CHAIN_H
#define CERTROLL_RECONCILERS_ORDER_CHAIN_H

#include "reconcilers/order.h"

/* Replaces *pem, the default chain, by the one that was asked for, where one of others (URLs) is. One that cannot be had
 * right now is waited for: its error, for an hour or a thirtieth of the certificate's life; then the default stays, with an
 * Event. */
struct err *order_choose_chain(const struct order_pass *p, const struct strlist *others, char **pem)
    MUST_CHECK;
/* What is remembered of an Order that is over. */
void order_chain_forget(const struct order_pass *p);

#endif
