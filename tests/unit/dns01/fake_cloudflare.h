/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cloudflare's API v4 as https://developers.cloudflare.com/api documents zones and DNS records. Its Secret "cloudflare"
 * has an api-token, and an api-key that belongs to dns@example.com. A zone whose id starts with "moved" has that status;
 * a name with the value "full" takes no more.
 */
#ifndef CERTROLL_TEST_DNS01_FAKE_CLOUDFLARE_H
#define CERTROLL_TEST_DNS01_FAKE_CLOUDFLARE_H

#include "fake_cloud.h"

void fake_cloudflare_open(struct provider_fake *f);

#endif
