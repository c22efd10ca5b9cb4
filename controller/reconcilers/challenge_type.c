/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/challenge_type.h"

#include "base/mem.h"
#include "base/str.h"
#include "dns01/config.h"

enum { HTTP_01, DNS_01, DNS_ACCOUNT, DNS_PERSIST };

static const struct challenge_type types[] = {
    [HTTP_01] = {.name = "HTTP-01", .at_ca = "http-01"},
    [DNS_01] = {.name = "DNS-01", .at_ca = "dns-01", .recorded = true},
    [DNS_ACCOUNT] = {.name = "DNS-ACCOUNT-01",
                     .at_ca = DNS_ACCOUNT_01,
                     .recorded = true,
                     .by_account = true,
                     .gated = true,
                     .feature = FEATURE_DNS_ACCOUNT_01},
    [DNS_PERSIST] = {.name = "DNS-PERSIST-01",
                     .at_ca = "dns-persist-01",
                     .persistent = true,
                     .gated = true,
                     .feature = FEATURE_DNS_PERSIST_01},
};

const struct challenge_type *challenge_type_of(const struct challenge *c)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_eq(c->spec.type, types[i].name))
            return &types[i];
    return &types[HTTP_01];
}

bool challenge_is_http01(const struct challenge *c)
{
    return challenge_type_of(c) == &types[HTTP_01];
}

const struct challenge_type *challenge_type_of_solver(const struct acme_solver *s)
{
    if (s != NULL && s->dns_persist01 != NULL)
        return &types[DNS_PERSIST];
    if (s == NULL || s->dns01 == NULL)
        return &types[HTTP_01];
    return &types[dns_config_is_by_account(s->dns01) ? DNS_ACCOUNT : DNS_01];
}

struct err *challenge_type_check(const struct features *features, const struct acme_solver *s)
{
    const struct challenge_type *t = challenge_type_of_solver(s);
    if (!t->gated || features->on[t->feature])
        return NULL;
    const char *gate = feature_name(t->feature);
    return err_new(ERR_INVALID, "InvalidSolver",
                   "%s is alpha and off here: start certroll with --feature-gates=%s=true (chart "
                   "value featureGates.%s), or use another solver",
                   t->at_ca, gate, gate);
}
