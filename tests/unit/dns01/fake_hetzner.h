/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CERTROLL_TEST_DNS01_FAKE_HETZNER_H
#define CERTROLL_TEST_DNS01_FAKE_HETZNER_H

#include "fake_cloud.h"

/* Its Secret "hetzner" has the token. A name whose first value is "full" takes no more; the action of "unlucky" fails. */
void fake_hetzner_open(struct provider_fake *f);

#endif
