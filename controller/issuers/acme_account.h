/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACME accounts of Issuers: found or registered, and handed out for use. Account keys stay in memory
 * while their Issuer is used; nothing else of a Secret does. Thread-safe.
 */
#ifndef CERTROLL_ISSUERS_ACME_ACCOUNT_H
#define CERTROLL_ISSUERS_ACME_ACCOUNT_H

#include "acme/ca.h"
#include "issuers/issuer.h"

/* The account of an Issuer, by which it is told from others: its URL, and the directory's with it where that is of another
 * origin, as a tenant's CA may answer with any URL. Owned; NULL without an account. */
char *acme_account_name(const struct issuer *issuer);
/* Of one Issuer, or of two with one account. */
bool acme_account_is_shared(const struct issuer *a, const struct issuer *b);

struct acme_accounts *acme_accounts_new(void);
void acme_accounts_free(struct acme_accounts *a);
/* An Issuer is no more: its key and, when nobody else uses it, its CA are forgotten. */
void acme_accounts_forget(struct acme_accounts *a, const char *uid);
/* How many CAs and keys are remembered: for tests. */
void acme_accounts_count(struct acme_accounts *a, size_t *ret_cas, size_t *ret_keys);

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

/* The account was given another key since: what was refused was signed with the old one. */
bool acme_account_key_changed(const struct issuer_env *env, const struct issuer *issuer,
                              const struct acme_handle *handle);

/* The CA says that it has no such account (RFC 8555 section 7.3, accountDoesNotExist), or that it may
 * not act: the next acme_account_ensure() asks for it. */
void acme_account_doubt(const struct issuer_env *env, const struct issuer *issuer);

/* Makes sure that key and registration exist. */
struct err *acme_account_ensure(const struct issuer_env *env, const struct issuer *issuer,
                                struct issuer_readiness *ret_readiness) MUST_CHECK;

#endif
