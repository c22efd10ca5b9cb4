/* SPDX-License-Identifier: Apache-2.0 */
/* One look at an Issuer of an ACME CA: what the steps of acme_account_ensure() share. */
#ifndef CERTROLL_ISSUERS_ACME_PASS_H
#define CERTROLL_ISSUERS_ACME_PASS_H

#include "acme/ca.h"
#include "issuers/acme_key.h"
#include "issuers/issuer.h"

struct acme_pass {
    const struct issuer_env *env;
    const struct issuer *issuer;
    const struct acme_issuer *acme; /* of the Issuer's spec */
    struct acme_keys keys;
    char *hash; /* acme_key_hash() of keys.key */
    struct acme_ca *ca;
    struct acme_directory directory;
};
void acme_pass_release(struct acme_pass *p);

/* The CA and its directory, once per pass. ERR_TRANSIENT, reason TLSFailed, names spec.acme.caBundle. */
struct err *acme_pass_connect(struct acme_pass *p) MUST_CHECK;

/* acme_register.c: the account of the key, found or made, with the contact of the spec; *ret_url is
 * owned. Errors say what to do about spec, Secrets and account. */
struct err *acme_register(struct acme_pass *p, char **ret_url) MUST_CHECK;

/* Does the CA say that the account does not exist, or must not act? */
bool acme_account_is_gone(const struct err *e);

/* acme_give_up.c: has a person asked for the end of the account? */
bool acme_is_given_up(const struct issuer *issuer);
/* Deactivates it (RFC 8555 section 7.3.6) unless that is done, and says so. */
struct err *acme_give_up(struct acme_pass *p, struct issuer_readiness *ret_readiness) MUST_CHECK;

/* acme_rotate.c: asks the CA which of two keys is the account's, and keeps that one when it is the
 * next. */
struct err *acme_rotation_settle(struct acme_pass *p) MUST_CHECK;
/* Ends a change of the key that has begun. */
struct err *acme_rotation_end(struct acme_pass *p) MUST_CHECK;
/* Changes the key of a registered account when that is wanted and possible; p->keys and the registry
 * tell what came of it. ret_next: wall ns of the next look, 0 = none. */
struct err *acme_rotate(struct acme_pass *p, int64_t *ret_next) MUST_CHECK;
/* Is the key that the status speaks of to be changed? */
bool acme_rotation_is_wanted(const struct acme_pass *p);
/* The annotation's value, as much of it as the status has room for; owned, NULL for none. */
char *acme_rotation_wish(const struct issuer *issuer);

#endif
