/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure DNS over the Resource Manager (https://learn.microsoft.com/rest/api/dns, 2018-05-01), its private zones
 * (.../rest/api/dns/privatedns, 2018-09-01), Entra ID's token endpoint and the instance metadata service. The Secret
 * "azure" has the secret of the application "app-1" in the tenant "tenant-1", which trusts the token of the fake, too.
 */
#ifndef CERTROLL_TEST_DNS01_FAKE_AZURE_H
#define CERTROLL_TEST_DNS01_FAKE_AZURE_H

#include "fake_cloud.h"

#define FAKE_AZURE_TOKEN "eyJhbGciOiJSUzI1NiJ9.e30.YXp1cmU"

void fake_azure_open(struct provider_fake *f);
/* Before the next change is carried out somebody else adds that value to its name. */
void fake_azure_rival(const char *value);
/* The next change is refused: the zone is full. */
void fake_azure_fill(void);
/* How the last token was asked for: "secret", "assertion" or "machine", with "?query" of the last. */
const char *fake_azure_asked(void);

#endif
