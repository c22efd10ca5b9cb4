/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/owned.h"

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"

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

struct err *http01_adopt_owned(const struct http01_env *env, const struct kube_resource *res,
                               http01_found_fn found, void *arg)
{
    struct adopting a = {found, arg};
    return list_routes(env, res, env->namespace, adopt_route, &a);
}
