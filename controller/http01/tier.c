/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/tier.h"

#include "base/str.h"

#include "http01_registry.inc"

const struct http01_tier *const http01_tiers[] = {
#define X(tier) &tier,
#include "http01_registry.inc"
#undef X
    NULL,
};

const struct http01_tier *http01_tier_of(const struct solver_http01 *config)
{
    for (size_t i = 0; config != NULL && http01_tiers[i] != NULL; i++)
        if (http01_tiers[i]->configured(config))
            return http01_tiers[i];
    return NULL;
}

void http01_host_is_name(const struct solver_http01 *config, const char *name,
                         char out[DNS_NAME_MAX + 1])
{
    (void)config;
    str_copy(out, DNS_NAME_MAX + 1, name);
}

unsigned http01_tier_mark(const struct http01_tier *tier)
{
    unsigned mark = 1;
    for (size_t i = 0; http01_tiers[i] != NULL && http01_tiers[i] != tier; i++)
        mark <<= 1;
    return mark;
}
