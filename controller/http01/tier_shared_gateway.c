/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certroll's own replicas answer, and HTTPRoutes in the Certificate's namespace lead to them. For each Order a
 * ReferenceGrant in certroll's own namespace lets them; nobody owns it, so it carries the key of its Order. It goes
 * after the routes, and comes before them: no route is ever refused for want of it.
 */
#include "http01/gateway.h"
#include "http01/routes.h"

static bool configured(const struct solver_http01 *config)
{
    const struct http01_shared *shared = config->shared;
    return shared != NULL && !shared->standing && shared->gateway != NULL;
}

/* One for all presentations of the Order. */
static struct err *present_grant(const struct http01_env *env, const struct http01_order *order)
{
    const struct http01_presentation whole = {.order = *order, .name = order->name};
    char name[KUBE_NAME_MAX + 1];
    http01_moved_name(&whole, name);
    json_auto_t *grant = http01_reference_grant(&env->responder, name, order->ns);
    http01_mark_moved(grant, order);
    const struct kube_ref ref = {
        .res = &res_reference_grant, .ns = env->responder.ns, .name = name};
    return http01_gateway_apply(env, &ref, grant);
}

static struct err *present(const struct http01_env *env, const struct http01_presentation *p)
{
    TRY(http01_need_responder(env));
    const struct http01_backend backend = {env->responder.ns, env->responder.service};
    TRY(present_grant(env, &p->order), "ReferenceGrant");
    return http01_present_gateway(env, p, p->config->shared->gateway, &backend);
}

static struct err *clear(const struct http01_env *env, const struct http01_order *order)
{
    TRY(http01_clear_gateway(env, order));
    return http01_gateway_absent(http01_clear_moved(env, &res_reference_grant, order));
}

/* There is a grant wherever there are routes. */
static struct err *adopt(const struct http01_env *env, http01_found_fn found, void *arg)
{
    return http01_gateway_absent(http01_adopt_moved(env, &res_reference_grant, found, arg));
}

const struct http01_tier http01_tier_shared_gateway = {
    .name = "shared-gateway",
    .granted = true,
    .configured = configured,
    .host = http01_host_is_name,
    .present = present,
    .clear = clear,
    .places = http01_gateway_places,
    .adopt = adopt,
};
