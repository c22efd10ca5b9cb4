/* SPDX-License-Identifier: Apache-2.0 */
/* spec.acme.externalAccountBinding: who the user is at a CA that asks for it (RFC 8555 section 7.3.4). */
#ifndef CERTROLL_ISSUERS_ACME_BINDING_H
#define CERTROLL_ISSUERS_ACME_BINDING_H

#include "acme/account.h"
#include "issuers/issuer.h"

/* With the secret that it borrows; wiped on release. */
struct acme_issuer_binding {
    struct acme_binding binding; /* key_id NULL: none is configured */
    struct secret mac_key;
};
void acme_issuer_binding_release(struct acme_issuer_binding *b);
#define AUTO_ACME_BINDING AUTO(acme_issuer_binding_release) struct acme_issuer_binding

/* Reads the MAC key from its Secret: base64url or base64, padded or not, white space after it.
 * ERR_NOT_FOUND when it is missing, ERR_INVALID when it is something else; neither shows it. */
struct err *acme_binding_read(const struct issuer_env *env, const struct issuer *issuer,
                              struct acme_issuer_binding *ret_binding) MUST_CHECK;

#endif
