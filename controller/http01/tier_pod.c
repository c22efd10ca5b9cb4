/* SPDX-License-Identifier: Apache-2.0 */
/* The tier that works everywhere: a solver Pod in the namespace, and an Ingress there that leads to it. */
#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "http01/status.h"

static bool configured(const struct solver_http01 *config)
{
    return config->ingress != NULL;
}

static struct http01_pod_config pod(const struct solver_http01 *config)
{
    return (struct http01_pod_config){.service_type = config->ingress->service_type,
                                      .pod_template = config->ingress->pod_template};
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

static struct err *list_routes(const struct http01_env *env, const char *ns,
                               struct err *(*fn)(void *arg, const json_t *item), void *arg)
{
    auto_free char *selector = x_printf("%s=true", api_names()->http01_solver);
    const struct kube_ref all = {.res = &res_ingress, .ns = ns};
    return kube_list(env->kube, &all, selector, fn, arg);
}

struct clearing {
    const struct http01_env *env;
    const struct http01_order *order;
};

static struct err *delete_route(void *arg, const json_t *item)
{
    const struct clearing *c = arg;
    if (!str_eq(JSTR(item, "metadata", "ownerReferences", "0", "uid"), c->order->uid))
        return NULL;
    const struct kube_ref ref = {
        .res = &res_ingress, .ns = c->order->ns, .name = JSTR(item, "metadata", "name")};
    return kube_delete(c->env->kube, &ref, JSTR(item, "metadata", "uid"));
}

/* What an Order owns goes with it. */
static struct err *clear(const struct http01_env *env, const struct http01_order *order)
{
    struct clearing c = {env, order};
    return order->uid != NULL ? list_routes(env, order->ns, delete_route, &c) : NULL;
}

struct looking {
    const struct http01_order *order;
    const char *host;
    struct strlist *places;
};

static struct err *read_places(void *arg, const json_t *item)
{
    const struct looking *l = arg;
    if (str_eq(JSTR(item, "metadata", "ownerReferences", "0", "uid"), l->order->uid))
        http01_ingress_places(item, l->host, l->places);
    return NULL;
}

static struct err *places(const struct http01_env *env, const struct http01_order *order,
                          const char *host, struct strlist *places)
{
    struct looking l = {order, host, places};
    return list_routes(env, order->ns, read_places, &l);
}

struct adopting {
    http01_found_fn found;
    void *arg;
};

static struct err *adopt_route(void *arg, const json_t *item)
{
    const struct adopting *a = arg;
    const char *ns = JSTR(item, "metadata", "namespace");
    const char *order = JSTR(item, "metadata", "ownerReferences", "0", "name");
    if (!str_empty(ns) && !str_empty(order))
        a->found(a->arg, ns, order);
    return NULL;
}

static struct err *adopt(const struct http01_env *env, http01_found_fn found, void *arg)
{
    struct adopting a = {found, arg};
    return list_routes(env, env->namespace, adopt_route, &a);
}

const struct http01_tier http01_tier_pod = {
    .name = "pod",
    .configured = configured,
    .pod = pod,
    .present = present,
    .clear = clear,
    .places = places,
    .adopt = adopt,
};
