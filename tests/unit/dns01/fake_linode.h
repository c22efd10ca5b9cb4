/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CERTROLL_TEST_DNS01_FAKE_LINODE_H
#define CERTROLL_TEST_DNS01_FAKE_LINODE_H

#include "fake_cloud.h"

/* Its Secret "linode" has the token. */
void fake_linode_open(struct provider_fake *f);

#endif
