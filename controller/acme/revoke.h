/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate revocation (RFC 8555 section 7.6). */
#ifndef CERTROLL_ACME_REVOKE_H
#define CERTROLL_ACME_REVOKE_H

#include "acme/ca.h"

/* Revokes a certificate (DER) for a reason of RFC 5280 section 5.3.1. The signer is the account that ordered it, or,
 * without a url, the certificate's own key. Revoked already is success. ERR_INVALID, reason NotOffered, when the
 * directory has no revokeCert. */
struct err *acme_revoke(const struct acme_account *signer, const void *der, size_t len, int reason)
    MUST_CHECK;

#endif
