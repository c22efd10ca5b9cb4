/* SPDX-License-Identifier: Apache-2.0 */
/* The rfc2136 provider over any struct dns_transport: its env with one Secret, and its config from JSON. */
#ifndef CERTROLL_TEST_DNS01_UPDATE_ENV_H
#define CERTROLL_TEST_DNS01_UPDATE_ENV_H

#include "base/clock.h"
#include "dns01/provider.h"

#define UPDATE_ZONE "dyn.test"
#define UPDATE_NAME "_acme-challenge.dyn.test"

struct update_env {
    struct dns_env env;
    struct clock_manual clock;
    const char *secret; /* of the key "key" of the Secret "tsig"; NULL: there is none */
    void *config;       /* owned */
};

/* Stands still at the kernel's time. */
void update_env_init(struct update_env *u, const struct dns_transport *dns, const char *secret);
void update_env_release(struct update_env *u);
#define UPDATE_ENV AUTO(update_env_release) struct update_env

/* Decodes and checks it, in the place of the one before. */
struct err *update_configure(struct update_env *u, const char *json) MUST_CHECK;
/* The value at the name, or away from it. */
struct err *update_value(struct update_env *u, const struct dns_value *v, bool remove) MUST_CHECK;
struct err *update_present(struct update_env *u, const char *text) MUST_CHECK;
struct err *update_clean_up(struct update_env *u, const char *text) MUST_CHECK;

#endif
