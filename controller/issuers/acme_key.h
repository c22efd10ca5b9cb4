/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The account key of an Issuer, in the Secret that spec.acme.privateKeySecretRef names. While the
 * account is given another key, that one lies beside it under "<key>.next": whoever finds two asks the
 * CA which of them is the account's.
 */
#ifndef CERTROLL_ISSUERS_ACME_KEY_H
#define CERTROLL_ISSUERS_ACME_KEY_H

#include "issuers/issuer.h"

struct acme_keys {
    struct pki_key *key;
    struct pki_key *next; /* NULL but while the key is changed */
    char *uid, *version;  /* of the Secret that was read */
};
void acme_keys_release(struct acme_keys *k);
#define AUTO_ACME_KEYS AUTO(acme_keys_release) struct acme_keys

/* Reads them: any algorithm that pki/ knows is used as it is. ERR_NOT_FOUND when there is none. */
struct err *acme_keys_read(const struct issuer_env *env, const struct issuer *issuer,
                           struct acme_keys *ret_keys) MUST_CHECK;
/* The same, but makes the Secret when it does not exist. A Secret that exists without the key is
 * somebody's and stays as it is: ERR_NOT_FOUND, reason MissingData. */
struct err *acme_keys_ensure(const struct issuer_env *env, const struct issuer *issuer,
                             struct acme_keys *ret_keys) MUST_CHECK;

/* Makes the next key and puts it beside the present one. ERR_CONFLICT, here and below, when somebody
 * has written the Secret since it was read. */
struct err *acme_keys_begin(const struct issuer_env *env, const struct issuer *issuer,
                            struct acme_keys *keys) MUST_CHECK;
/* In one write the next key takes the place of the present one. */
struct err *acme_keys_finish(const struct issuer_env *env, const struct issuer *issuer,
                             struct acme_keys *keys) MUST_CHECK;
/* The next key goes, and the present one stays. */
struct err *acme_keys_abandon(const struct issuer_env *env, const struct issuer *issuer,
                              struct acme_keys *keys) MUST_CHECK;

/* A new key as spec.acme.accountKey says. */
struct err *acme_key_make(const struct issuer *issuer, struct pki_key **ret_key) MUST_CHECK;

/* Which account this is: another key or another server is another account. Owned. */
char *acme_key_hash(const struct pki_key *key, const char *server);

#endif
