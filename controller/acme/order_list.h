/* SPDX-License-Identifier: Apache-2.0 */
/* The orders that an account has at its CA (RFC 8555 section 7.1.2.1). */
#ifndef CERTROLL_ACME_ORDER_LIST_H
#define CERTROLL_ACME_ORDER_LIST_H

#include "acme/ca.h"
#include "base/list.h"

#define ACME_ORDER_LIST_MAX 200

/* URLs in the order in which the CA names them, at most ACME_ORDER_LIST_MAX: of more, the first and the last half,
 * because nothing says at which end the newest are. Empty for a CA that keeps no such list. Asks for the account, then
 * page after page: at most 20, and none begins after 20 s; then there may be more. ERR_TRANSIENT, reason InvalidAnswer,
 * for what is no list and for pages that lead in a circle. */
struct err *acme_order_list(const struct acme_account *account, struct strlist *ret_urls)
    MUST_CHECK;

#endif
