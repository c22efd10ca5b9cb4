/* SPDX-License-Identifier: Apache-2.0 */
/* ACME Renewal Information (RFC 9773): when the CA would have a certificate renewed. */
#ifndef CERTROLL_ACME_RENEWAL_INFO_H
#define CERTROLL_ACME_RENEWAL_INFO_H

#include "acme/ca.h"

#define ACME_CERTIFICATE_ID_MAX 256

struct acme_renewal_info {
    int64_t start; /* wall ns; start < end */
    int64_t end;
    char *explanation_url; /* https or http, for people; NULL when there is none */
    int64_t retry_at;      /* wall ns from Retry-After, 0 = none */
};
void acme_renewal_info_release(struct acme_renewal_info *i);

/* Two base64url texts with a dot between them (section 4.1), of a sane length. */
bool acme_certificate_id_is_valid(const char *id);

/* Section 4.1: an unauthenticated GET. ERR_NOT_FOUND, reason NotOffered, when the directory has no
 * renewalInfo; ERR_TRANSIENT, reason InvalidAnswer, for a window that is none (section 4.2). */
struct err *acme_renewal_info_get(struct acme_ca *ca, const char *certificate_id,
                                  struct acme_renewal_info *ret_info) MUST_CHECK;

/* How long an error is believed (section 4.3.3): a time-out, a server that is given a pause after some, a lost
 * connection, a 5xx or a 429 is temporary, all else is not. */
bool acme_renewal_info_is_temporary(const struct err *e);

#endif
