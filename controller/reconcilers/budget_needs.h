/* SPDX-License-Identifier: Apache-2.0 */
/* What an order takes of the rate limits of its Issuer and CA. */
#ifndef CERTROLL_RECONCILERS_BUDGET_NEEDS_H
#define CERTROLL_RECONCILERS_BUDGET_NEEDS_H

#include "budget/budgets.h"
#include "reconcilers/env.h"

/* The Issuer's limits over those that its server publishes. */
struct budget_limits budget_limits_of(const struct acme_issuer *acme, const char *host);

struct budget_needs {
    char host[BUDGET_HOST_MAX];
    struct budget_need *items; /* with owned keys */
    size_t len, cap;
};
void budget_needs_release(struct budget_needs *n);

/* Of an order for that CSR (base64 of PEM). request may be NULL when it is gone: then it is taken for a first issuance.
 * replaces: the CA is told which certificate this renews (RFC 9773 section 5), so none of its own limits counts it.
 * Empty when no limit is in force. ERR_INVALID when the CSR cannot be read. */
struct err *budget_needs_of_order(const struct env *env, const struct issuer *issuer,
                                  const struct certificate_request *request,
                                  const struct order *order, bool replaces,
                                  struct budget_needs *ret_needs) MUST_CHECK;
/* Does the request take the place of the certificate that its Certificate has, as certroll has issued it? What a person writes
 * into the annotation of a request makes no order exempt. */
bool budget_is_renewal(const struct env *env, const struct certificate_request *request);
/* One failed authorization; empty when that is not limited. */
void budget_needs_of_failure(const struct issuer *issuer, const char *identifier,
                             struct budget_needs *ret_needs);

/* The needs that tell what is left: one for each kind that is limited per account or Issuer, in out;
 * how many. Keys as budget_key() makes them, in keys. */
void budget_account_need(const struct issuer *issuer, const struct budget_limits *limits,
                         char key[BUDGET_KEY_MAX], struct budget_need *ret_need);
void budget_day_need(const struct issuer *issuer, const struct budget_limits *limits,
                     char key[BUDGET_KEY_MAX], struct budget_need *ret_need);

#endif
