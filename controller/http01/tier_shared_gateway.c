/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certroll's own replicas answer, and HTTPRoutes in the Certificate's namespace lead to them. A ReferenceGrant in
 * certroll's own namespace lets them: one for all orders of a namespace, which outlives them a little.
 */
#include "http01/gateway.h"
#include "http01/grants.h"
#include "http01/routes.h"

static bool configured(const struct solver_http01 *config)
{
    const struct http01_shared *shared = config->shared;
    return shared != NULL && !shared->standing && shared->gateway != NULL;
}

static struct err *present(const struct http01_env *env, const struct http01_presentation *p)
{
    TRY(http01_need_responder(env));
    const struct http01_backend backend = {env->responder.ns, env->responder.service};
    TRY(http01_grant_need(env, p->order.ns), "ReferenceGrant");
    return http01_present_gateway(env, p, p->config->shared->gateway, &backend);
}

/* The routes have been found by the tier of the solver pod. */
static struct err *adopt(const struct http01_env *env, http01_found_fn found, void *arg)
{
    (void)found;
    (void)arg;
    return http01_grants_adopt(env);
}

const struct http01_tier http01_tier_shared_gateway = {
    .name = "shared-gateway",
    .granted = true,
    .configured = configured,
    .host = http01_host_is_name,
    .present = present,
    .clear = http01_clear_gateway,
    .places = http01_gateway_places,
    .adopt = adopt,
    .sweep = http01_grants_sweep,
};
