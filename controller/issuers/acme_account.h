/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACME accounts of Issuers: the key in its Secret, the registration at the CA, and a registry of what
 * is ready to sign. Account keys stay in memory while their Issuer is used; nothing else of a Secret
 * does. Thread-safe.
 */
#ifndef CERTROLL_ISSUERS_ACME_ACCOUNT_H
#define CERTROLL_ISSUERS_ACME_ACCOUNT_H

#include "acme/ca.h"
#include "issuers/issuer.h"

struct acme_accounts *acme_accounts_new(void);
void acme_accounts_free(struct acme_accounts *a);

/* An account ready for use; release when done. */
struct acme_handle {
    struct acme_account account; /* holds references */
    char *url;
    char *thumbprint; /* of the key, RFC 7638 */
};
void acme_handle_release(struct acme_handle *h);
#define AUTO_ACME_HANDLE AUTO(acme_handle_release) struct acme_handle

/* The account of an Issuer whose status says it is registered. ERR_NOT_FOUND, reason IssuerNotReady, before that or
 * when the key's Secret has changed or gone since. May read one Secret. */
struct err *acme_account_get(const struct issuer_env *env, const struct issuer *issuer,
                             struct acme_handle *ret_handle) MUST_CHECK;

/* The CA says that it has no such account (RFC 8555 section 7.3, accountDoesNotExist): the next
 * acme_account_ensure() registers again. */
void acme_account_lost(const struct issuer_env *env, const struct issuer *issuer);

/* Makes sure that key and registration exist. */
struct err *acme_account_ensure(const struct issuer_env *env, const struct issuer *issuer,
                                struct issuer_readiness *ret_readiness) MUST_CHECK;

#endif
