/* SPDX-License-Identifier: Apache-2.0 */
/* The account key of an Issuer, in the Secret that spec.acme.privateKeySecretRef names. */
#ifndef CERTROLL_ISSUERS_ACME_KEY_H
#define CERTROLL_ISSUERS_ACME_KEY_H

#include "issuers/issuer.h"

/* Reads it: any algorithm that pki/ knows is used as it is. ERR_NOT_FOUND when there is none. */
struct err *acme_key_read(const struct issuer_env *env, const struct issuer *issuer,
                          struct pki_key **ret_key) MUST_CHECK;
/* The same, but makes the Secret when it does not exist. A Secret that exists without the key is
 * somebody's and stays as it is: ERR_NOT_FOUND, reason MissingData. */
struct err *acme_key_ensure(const struct issuer_env *env, const struct issuer *issuer,
                            struct pki_key **ret_key) MUST_CHECK;

/* A new key as spec.acme.accountKey says. */
struct err *acme_key_make(const struct issuer *issuer, struct pki_key **ret_key) MUST_CHECK;

/* Which account this is: another key or another server is another account. Owned. */
char *acme_key_hash(const struct pki_key *key, const char *server);

#endif
