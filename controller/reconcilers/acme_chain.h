/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a Challenge or an Order up to the request that a person or a Certificate made, by UID. Only
 * what hangs on this chain is acted on: an Order or Challenge written by hand gets nothing done.
 */
#ifndef CERTROLL_RECONCILERS_ACME_CHAIN_H
#define CERTROLL_RECONCILERS_ACME_CHAIN_H

#include "reconcilers/env.h"

struct acme_chain {
    const struct order *order;                 /* referenced */
    const struct certificate_request *request; /* referenced */
    const struct issuer *issuer;               /* referenced */
    struct acme_handle account;
    order_alias_list aliases; /* borrowed: the Order's, or what its pass has found */
};
void acme_chain_release(struct acme_chain *c);

/* The issuer's solver for a name, or NULL. It goes by the labels that the Order was made with: those of a request can be
 * written at any time, and would lead to a solver whose names nobody has judged. */
const struct acme_solver *acme_chain_solver(const struct acme_chain *c, const char *name);

/* The chain of an Order. ERR_INVALID, reason NotOurs, when its owner is missing or another; ERR_NOT_FOUND while the
 * issuer is not ready. */
struct err *acme_chain_of_order(const struct env *env, const struct order *order,
                                struct acme_chain *ret_chain) MUST_CHECK;
/* The CertificateRequest that owns an Order and asks for the same, referenced; ERR_INVALID, reason NotOurs. */
struct err *acme_request_of_order(const struct env *env, const struct order *order,
                                  const struct certificate_request **ret_request) MUST_CHECK;
/* What failed is nobody's fault when the account was given another key meanwhile: then ERR_TRANSIENT,
 * reason AccountKeyChanged. Takes over and returns the error, which may be NULL. */
struct err *acme_chain_judge(const struct env *env, const struct acme_chain *c, struct err *failed)
    MUST_CHECK;
/* Around each call to the CA, and nothing else: whether it is there is what issuers fail over by. Returns e. */
struct err *acme_chain_heard(const struct env *env, const struct acme_chain *c, struct err *e)
    MUST_CHECK;
/* The CA's directory. That it can be had says nothing of the CA, as it is kept for an hour; that it cannot does. */
struct err *acme_chain_directory(const struct env *env, const struct acme_chain *c,
                                 struct acme_directory *ret_directory) MUST_CHECK;
/* The Order that owns a Challenge, referenced; ERR_INVALID, reason NotOurs. */
struct err *acme_order_of_challenge(const struct env *env, const struct challenge *challenge,
                                    const struct order **ret_order) MUST_CHECK;

#endif
