/* SPDX-License-Identifier: Apache-2.0 */
/* The tier that works everywhere: a solver Pod in the namespace, and an Ingress there that leads to it. */
#include "base/str.h"
#include "http01/objects.h"
#include "http01/owned.h"

static bool configured(const struct solver_http01 *config)
{
    return config->ingress != NULL && str_empty(config->ingress->name);
}

static struct err *present(const struct http01_env *env, const struct http01_presentation *p)
{
    const struct http01_ingress *ingress = p->config->ingress;
    const struct http01_ingress_config config = {
        .ingress_class_name = ingress->ingress_class_name,
        .class_name = ingress->class_name,
        .field = "ingress.ingressTemplate",
        .ingress_template = ingress->ingress_template,
    };
    char service[KUBE_NAME_MAX + 1];
    http01_solver_name(p->thumbprint, service);
    json_auto_t *body = NULL;
    TRY(http01_ingress(p, service, &config, &body));
    const struct kube_ref ref = {.res = &res_ingress, .ns = p->order.ns, .name = p->name};
    return kube_apply(env->kube, &ref, 0, HTTP01_FIELD_MANAGER, body, NULL);
}

static struct err *clear(const struct http01_env *env, const struct http01_order *order)
{
    return http01_clear_owned(env, &res_ingress, order);
}

static struct err *adopt(const struct http01_env *env, http01_found_fn found, void *arg)
{
    return http01_adopt_owned(env, &res_ingress, found, arg);
}

const struct http01_tier http01_tier_pod = {
    .name = "pod",
    .configured = configured,
    .pod = http01_ingress_pod,
    .present = present,
    .clear = clear,
    .places = http01_owned_places,
    .adopt = adopt,
};
