/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OVHcloud's API 1.0 (https://eu.api.ovh.com/console, section /domain/zone), whose clock is 1,000 s ahead of ours;
 * signatures are recomputed with OpenSSL alone. The Secret "ovh" has the three keys, and the client secret of the service
 * account FAKE_OVH_CLIENT, whose token is good for an hour. What was changed and not refreshed shows as the value
 * "(not refreshed)".
 */
#ifndef CERTROLL_TEST_DNS01_FAKE_OVH_H
#define CERTROLL_TEST_DNS01_FAKE_OVH_H

#include "fake_cloud.h"

#define FAKE_OVH_CLIENT "EU.9d1c4a3b2f6e7a81"

void fake_ovh_open(struct provider_fake *f);
/* From now on the server's clock is so many seconds ahead of ours. */
void fake_ovh_clock(int64_t ahead);

/* What X-Ovh-Signature has to be for the keys of the Secret: "$1$" and 40 digits. */
#define FAKE_OVH_SIGNATURE 44
void fake_ovh_signature(const char *method, const char *url, const char *body, const char *stamp,
                        char out[FAKE_OVH_SIGNATURE]);

#endif
