/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certroll's own replicas answer, and an Ingress in certroll's own namespace leads to them. Nobody owns it, as
 * owners are of one namespace: it carries the key of its Order, and goes with it or when it is found again.
 */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "http01/routes.h"

static bool configured(const struct solver_http01 *config)
{
    return config->shared != NULL;
}

static const char *host(const struct solver_http01 *config, const char *name)
{
    (void)config;
    return name;
}

static struct err *present(const struct http01_env *env, const struct http01_presentation *p)
{
    TRY(http01_need_responder(env));
    const struct http01_shared *shared = p->config->shared;
    const struct http01_ingress_config config = {
        .ingress_class_name = shared->ingress_class_name,
        .class_name = shared->class_name,
        .field = "shared.ingressTemplate",
        .ingress_template = shared->ingress_template,
    };
    struct http01_presentation moved = *p;
    char name[KUBE_NAME_MAX + 1];
    http01_moved_name(p, name);
    moved.order.ns = env->responder.ns;
    moved.name = name;
    moved.owner = NULL;
    json_auto_t *body = NULL;
    TRY(http01_ingress(&moved, env->responder.service, &config, &body));
    http01_mark_moved(body, &p->order);
    const struct kube_ref ref = {.res = &res_ingress, .ns = env->responder.ns, .name = name};
    return kube_apply(env->kube, &ref, 0, HTTP01_FIELD_MANAGER, body, NULL);
}

static struct err *clear(const struct http01_env *env, const struct http01_order *order)
{
    return http01_clear_moved(env, &res_ingress, order);
}

static struct err *adopt(const struct http01_env *env, http01_found_fn found, void *arg)
{
    return http01_adopt_moved(env, &res_ingress, found, arg);
}

const struct http01_tier http01_tier_shared = {
    .name = "shared",
    .granted = true,
    .configured = configured,
    .host = host,
    .present = present,
    .clear = clear,
    .adopt = adopt,
};
