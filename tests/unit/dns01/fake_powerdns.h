/* SPDX-License-Identifier: Apache-2.0 */
/* PowerDNS Authoritative 4.9 at https://pdns.test, server localhost. A zone's id, given by add_zone(), is its kind. */
#ifndef CERTROLL_TEST_DNS01_FAKE_POWERDNS_H
#define CERTROLL_TEST_DNS01_FAKE_POWERDNS_H

#include "contract.h"

#define FAKE_POWERDNS_CONFIG                                                                       \
    "{\"url\":\"https://pdns.test/\",\"apiKeySecretRef\":{\"name\":\"pdns\",\"key\":\"api-key\"}}"

void fake_powerdns_open(struct provider_fake *f);
/* One that knows no EXTEND and no PRUNE. */
void fake_powerdns_open_older(struct provider_fake *f);
/* How often zones were asked to notify; of the last fake that was opened. */
unsigned fake_powerdns_notified(void);

#endif
