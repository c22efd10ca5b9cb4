/* SPDX-License-Identifier: Apache-2.0 */
/* Feature gates, as Kubernetes has them: what is not settled yet is off until it is turned on by name. */
#ifndef CERTROLL_BASE_FEATURE_H
#define CERTROLL_BASE_FEATURE_H

#include "base/err.h"

enum feature {
    FEATURE_DNS_ACCOUNT_01, /* alpha: draft-ietf-acme-dns-account-label */
    FEATURE_DNS_PERSIST_01, /* alpha: draft-ietf-acme-dns-persist */
    FEATURES,
};

struct features {
    bool on[FEATURES];
};

/* "DNSAccount01": what users write. */
const char *feature_name(enum feature f);

/* Reads "DNSAccount01=true,..."; NULL and "" leave all as they are by default. ERR_INVALID, reason InvalidFlag, for an
 * unknown name or another value than true and false. */
struct err *features_parse(const char *text, struct features *ret_features) MUST_CHECK;

#endif
