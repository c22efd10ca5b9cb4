/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Cloud DNS v1 (https://cloud.google.com/dns/docs/reference/rest/v1), the token endpoint of OAuth 2.0, which
 * verifies the JWT with OpenSSL alone, the one of federated identities, which trusts the fake's token by FAKE_GOOGLE_POOL,
 * and the metadata server. The Secret "google" has the key of a service account of
 * the project "my-project". Zones whose id starts with "private" are private.
 */
#ifndef CERTROLL_TEST_DNS01_FAKE_GOOGLE_H
#define CERTROLL_TEST_DNS01_FAKE_GOOGLE_H

#include "fake_cloud.h"

#define FAKE_GOOGLE_POOL                                                                           \
    "projects/123456789012/locations/global/workloadIdentityPools/pool/providers/cluster"

void fake_google_open(struct provider_fake *f);
/* Before the next change is carried out somebody else adds that value to its name. */
void fake_google_rival(const char *value);
/* The project's quota of changes (403 quotaExceeded) or calls (403 rateLimitExceeded) is used up for the next call; NULL:
 * it is not. */
void fake_google_exhaust(const char *reason);

#endif
