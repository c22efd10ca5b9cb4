/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CERTROLL_TEST_DNS01_FAKE_DESEC_H
#define CERTROLL_TEST_DNS01_FAKE_DESEC_H

#include "fake_cloud.h"

/* Its Secret "desec" has the token. */
void fake_desec_open(struct provider_fake *f);

#endif
