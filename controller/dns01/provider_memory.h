/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What providers remember between calls and may forget at any time: zone ids, access tokens. Texts by key
 * with an end; wiped when they go. Thread-safe; at most 4,096 of at most 8 KiB, the ones that end first go first.
 */
#ifndef CERTROLL_DNS01_PROVIDER_MEMORY_H
#define CERTROLL_DNS01_PROVIDER_MEMORY_H

#include "dns01/provider.h"

#define DNS_ZONE_KEPT (10 * 60 * NS_PER_SEC) /* how long a zone's id is believed */

struct dns_memory *dns_memory_new(void);
void dns_memory_free(struct dns_memory *m);

/* The keys are those of env->scope. ret_text empty when there is none, or it has ended. */
void dns_memory_get(const struct dns_env *env, const char *key, struct secret *ret_text);
/* Copies; until is wall ns. */
void dns_memory_set(const struct dns_env *env, const char *key, const struct secret *text,
                    int64_t until);
/* The provider said that it is wrong now: the zone was made anew, the token was withdrawn. */
void dns_memory_drop(const struct dns_env *env, const char *key);

#endif
