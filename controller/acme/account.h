/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts (RFC 8555 section 7.3). */
#ifndef CERTROLL_ACME_ACCOUNT_H
#define CERTROLL_ACME_ACCOUNT_H

#include "acme/ca.h"
#include "pki/jws.h"

struct acme_registration {
    char *url;    /* the kid */
    char *status; /* "valid", "deactivated", "revoked" */
    char *email;  /* the contact the server has, or NULL */
    char *orders; /* URL of the list of orders (7.1.2.1), or NULL */
    bool created; /* 201: it was new */
};
void acme_registration_release(struct acme_registration *r);

/* What the CA gave a customer to show who it is (7.3.4). Borrowed by calls. */
struct acme_binding {
    const char *key_id;
    struct pki_mac mac;
};

/* newAccount with the terms agreed to; an existing account of this key is found again (7.3). email
 * and binding may be NULL; a binding may be good for one call only. ERR_DENIED when the account is
 * not valid any more. */
struct err *acme_account_register(struct acme_ca *ca, struct pki_key *key, const char *email,
                                  const struct acme_binding *binding,
                                  struct acme_registration *ret_registration) MUST_CHECK;
/* Section 7.3.1: the account of this key, without making one. ERR_DENIED, reason
 * AccountDoesNotExist or (deactivated, revoked) AccountNotValid. */
struct err *acme_account_find(struct acme_ca *ca, struct pki_key *key,
                              struct acme_registration *ret_registration) MUST_CHECK;
/* Section 7.3.2: replaces the contact; NULL removes it. */
struct err *acme_account_update(const struct acme_account *account, const char *email) MUST_CHECK;
/* Section 7.3.6: for good; the key can never be used again there. ERR_DENIED, reason Unauthorized or
 * AccountDoesNotExist, when that was so already. */
struct err *acme_account_deactivate(const struct acme_account *account) MUST_CHECK;
/* Section 7.3.5: from now on the account's key is new_key. ERR_INVALID, reason NoKeyChange, for a CA
 * that does not offer it. After any other error the CA may have done it all the same: ask with
 * acme_account_find(). */
struct err *acme_account_change_key(const struct acme_account *account, struct pki_key *new_key)
    MUST_CHECK;

#endif
