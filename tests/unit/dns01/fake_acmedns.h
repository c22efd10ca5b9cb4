/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acme-dns (https://github.com/joohoi/acme-dns, README: the update endpoint). It has one account, for example.com, in the
 * Secret "acme-dns"; an account has two values of which an update replaces the older one.
 */
#ifndef CERTROLL_TEST_DNS01_FAKE_ACMEDNS_H
#define CERTROLL_TEST_DNS01_FAKE_ACMEDNS_H

#include "fake_cloud.h"

#define FAKE_ACMEDNS "https://auth.example.test"
#define FAKE_ACMEDNS_FULL "8e5700ea-a4bf-41c7-8a77-e990661dcc6a.auth.example.test"

void fake_acmedns_open(struct provider_fake *f);

#endif
