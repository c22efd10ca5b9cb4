/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of the Issuers of ACME CAs while this process lives: their servers, their keys, and
 * which accounts are in doubt. For the files of the acme issuer; the server, too, for who needs no account. Thread-safe.
 */
#ifndef CERTROLL_ISSUERS_ACME_REGISTRY_H
#define CERTROLL_ISSUERS_ACME_REGISTRY_H

#include "acme/ca.h"
#include "issuers/issuer.h"

/* The server of an Issuer, referenced. Issuers with the same server and trust share one, and with it
 * directory and nonces; it goes with the last of them. ERR_INVALID for a caBundle that is none. */
struct err *acme_registry_ca(const struct issuer_env *env, const struct issuer *issuer,
                             struct acme_ca **ret_ca) MUST_CHECK;

/* The key last read for an Issuer, and the hash of the account it is the key of. */
void acme_registry_put_key(const struct issuer_env *env, const struct issuer *issuer,
                           struct pki_key *key, const char *hash);
/* A reference to the key that the Issuer's status speaks of, or NULL. */
struct pki_key *acme_registry_key(const struct issuer_env *env, const struct issuer *issuer);

/* The key as it was last read for an Issuer, and the SHA-256 of the text that it was read from: the Secret is
 * read at each look, and rarely says anything new. A reference, or NULL when the text is another. */
void acme_registry_put_read(const struct issuer_env *env, const struct issuer *issuer,
                            struct pki_key *key, const char *text_hash);
struct pki_key *acme_registry_read(const struct issuer_env *env, const struct issuer *issuer,
                                   const char *text_hash);

/* Nobody gets this key from here any more: the account is to have another. */
void acme_registry_retire_key(const struct issuer_env *env, const struct pki_key *key);
/* Is this the key that is remembered? */
bool acme_registry_is_key(const struct issuer_env *env, const struct issuer *issuer,
                          const struct pki_key *key);

/* The account at this URL may be gone, or not valid any more, until it is known again. */
void acme_registry_doubt(const struct issuer_env *env, const struct issuer *issuer);
bool acme_registry_doubts(const struct issuer_env *env, const struct issuer *issuer);
void acme_registry_trust(const struct issuer_env *env, const struct issuer *issuer);

/* A change of the key is wanted: since when, mono ns. */
int64_t acme_registry_rotation_wanted(const struct issuer_env *env, const struct issuer *issuer);
/* It was refused, in a way that will not pass by itself. Copied. */
struct acme_refused_rotation {
    const char *wish; /* the refusal is about this one */
    const char *why;
    int64_t again; /* mono ns of the next try */
};
void acme_registry_rotation_failed(const struct issuer_env *env, const struct issuer *issuer,
                                   const struct acme_refused_rotation *r);
/* When to try this wish again, mono ns; 0 = it was not refused. */
int64_t acme_registry_rotation_again(const struct issuer_env *env, const struct issuer *issuer,
                                     const char *wish);
/* Why it was refused; owned, NULL when it was not. */
char *acme_registry_rotation_problem(const struct issuer_env *env, const struct issuer *issuer);
/* It is done, or not wanted any more. */
void acme_registry_rotation_over(const struct issuer_env *env, const struct issuer *issuer);

/* When the CA is to be asked again what it knows, mono ns; 0 = not planned yet. */
int64_t acme_registry_next_look(const struct issuer_env *env, const struct issuer *issuer);
void acme_registry_plan_look(const struct issuer_env *env, const struct issuer *issuer, int64_t at);

#endif
