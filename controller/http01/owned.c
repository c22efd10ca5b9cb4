/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/owned.h"

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "http01/status.h"

static struct err *list_routes(const struct http01_env *env, const struct kube_resource *res,
                               const char *ns, struct err *(*fn)(void *arg, const json_t *item),
                               void *arg)
{
    auto_free char *selector = x_printf("%s=true", api_names()->http01_solver);
    const struct kube_ref all = {.res = res, .ns = ns};
    return kube_list(env->kube, &all, selector, fn, arg);
}

struct filter {
    const struct http01_order *order;
    struct err *(*fn)(void *arg, const json_t *route);
    void *arg;
};

static struct err *pass_owned(void *arg, const json_t *item)
{
    const struct filter *f = arg;
    if (!str_eq(JSTR(item, "metadata", "ownerReferences", "0", "uid"), f->order->uid))
        return NULL;
    return f->fn(f->arg, item);
}

struct err *http01_owned_each(const struct http01_env *env, const struct kube_resource *res,
                              const struct http01_order *order,
                              struct err *(*fn)(void *arg, const json_t *route), void *arg)
{
    struct filter f = {order, fn, arg};
    return order->uid != NULL ? list_routes(env, res, order->ns, pass_owned, &f) : NULL;
}

struct clearing {
    const struct http01_env *env;
    const struct kube_resource *res;
    const char *ns;
};

static struct err *delete_route(void *arg, const json_t *route)
{
    const struct clearing *c = arg;
    const struct kube_ref ref = {
        .res = c->res, .ns = c->ns, .name = JSTR(route, "metadata", "name")};
    return kube_delete(c->env->kube, &ref, JSTR(route, "metadata", "uid"));
}

struct err *http01_clear_owned(const struct http01_env *env, const struct kube_resource *res,
                               const struct http01_order *order)
{
    struct clearing c = {env, res, order->ns};
    return http01_owned_each(env, res, order, delete_route, &c);
}

struct looking {
    const char *host;
    struct strlist *places;
};

static struct err *read_places(void *arg, const json_t *route)
{
    const struct looking *l = arg;
    http01_ingress_places(route, l->host, l->places);
    return NULL;
}

struct err *http01_owned_places(const struct http01_env *env, const struct http01_order *order,
                                const char *host, struct strlist *places)
{
    struct looking l = {host, places};
    return http01_owned_each(env, &res_ingress, order, read_places, &l);
}

struct adopting {
    http01_found_fn found;
    void *arg;
};

static struct err *adopt_route(void *arg, const json_t *item)
{
    const struct adopting *a = arg;
    const char *ns = JSTR(item, "metadata", "namespace");
    const json_t *owner = JGET(item, "metadata", "ownerReferences", "0");
    const char *order = JSTR(owner, "name");
    if (!str_empty(ns) && !str_empty(order) && str_eq(JSTR(owner, "kind"), "Order"))
        a->found(a->arg, ns, order);
    return NULL;
}

struct err *http01_adopt_owned(const struct http01_env *env, const struct kube_resource *res,
                               http01_found_fn found, void *arg)
{
    struct adopting a = {found, arg};
    return list_routes(env, res, env->namespace, adopt_route, &a);
}
