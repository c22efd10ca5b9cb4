/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CERTROLL_TEST_DNS01_FAKE_GANDI_H
#define CERTROLL_TEST_DNS01_FAKE_GANDI_H

#include "fake_cloud.h"

/* Its Secret "gandi" has the token. */
void fake_gandi_open(struct provider_fake *f);

#endif
