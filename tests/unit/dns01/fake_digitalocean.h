/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CERTROLL_TEST_DNS01_FAKE_DIGITALOCEAN_H
#define CERTROLL_TEST_DNS01_FAKE_DIGITALOCEAN_H

#include "fake_cloud.h"

/* Its Secret "digitalocean" has the token. */
void fake_digitalocean_open(struct provider_fake *f);

#endif
