/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/routes.h"

#include <string.h>

#include "api/group.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/status.h"
#include "pki/key.h"

#define HASH_LEN 16
struct hash {
    char text[PKI_SHA256_HEX];
};

/* Namespaces and names have no slash: no two Orders have the same key. */
static struct hash hash_of(const char *ns, const char *name)
{
    char key[KUBE_KEY_MAX];
    struct hash h;
    object_key(ns, name, key);
    pki_sha256_hex(key, strlen(key), h.text);
    h.text[HASH_LEN] = '\0';
    return h;
}

struct err *http01_need_responder(const struct http01_env *env)
{
    if (!str_empty(env->responder.service))
        return NULL;
    return err_new(ERR_INVALID, "InvalidSolver",
                   "certroll's own replicas do not answer here: set --http01-port and "
                   "--http01-service (the chart's responder.enabled), or use a solver with "
                   "http01.ingress");
}

void http01_moved_name(const struct http01_presentation *p, char out[KUBE_NAME_MAX + 1])
{
    name_join("certroll-http01", hash_of(p->order.ns, p->name).text, KUBE_NAME_MAX, out);
}

void http01_mark_moved(json_t *route, const struct http01_order *order)
{
    char key[KUBE_KEY_MAX];
    object_key(order->ns, order->name, key);
    json_t *meta = JGET(route, "metadata");
    json_put_str(JGET(meta, "labels"), HTTP01_ORDER, hash_of(order->ns, order->name).text);
    if (JGET(meta, "annotations") == NULL)
        json_put(meta, "annotations", json_new_object());
    json_put_str(JGET(meta, "annotations"), HTTP01_ORDER, key);
}

struct err *http01_present_moved(const struct http01_env *env, const struct http01_presentation *p,
                                 const struct http01_ingress_config *config)
{
    TRY(http01_need_responder(env));
    struct http01_presentation moved = *p;
    char name[KUBE_NAME_MAX + 1];
    http01_moved_name(p, name);
    moved.order.ns = env->responder.ns;
    moved.name = name;
    moved.owner = NULL;
    json_auto_t *body = NULL;
    TRY(http01_ingress(&moved, env->responder.service, config, &body));
    http01_mark_moved(body, &p->order);
    const struct kube_ref ref = {.res = &res_ingress, .ns = env->responder.ns, .name = name};
    return kube_apply(env->kube, &ref, 0, HTTP01_FIELD_MANAGER, body, NULL);
}

struct clearing {
    const struct http01_env *env;
};

static struct err *delete_route(void *arg, const json_t *item)
{
    const struct http01_env *env = ((const struct clearing *)arg)->env;
    const struct kube_ref ref = {
        .res = &res_ingress, .ns = env->responder.ns, .name = JSTR(item, "metadata", "name")};
    return kube_delete(env->kube, &ref, JSTR(item, "metadata", "uid"));
}

static struct err *list_of(const struct http01_env *env, const struct http01_order *order,
                           struct err *(*fn)(void *arg, const json_t *item), void *arg)
{
    auto_free char *selector = x_printf("%s=true," HTTP01_ORDER "=%s", api_names()->http01_solver,
                                        hash_of(order->ns, order->name).text);
    const struct kube_ref all = {.res = &res_ingress, .ns = env->responder.ns};
    return kube_list(env->kube, &all, selector, fn, arg);
}

/* By its name: a list makes the API server read the routes of all orders. */
static struct err *delete_only(const struct http01_env *env, const struct http01_order *order)
{
    const struct http01_presentation whole = {.order = *order, .name = order->name};
    char name[KUBE_NAME_MAX + 1];
    http01_moved_name(&whole, name);
    const struct kube_ref ref = {.res = &res_ingress, .ns = env->responder.ns, .name = name};
    return kube_delete(env->kube, &ref, NULL);
}

struct err *http01_clear_moved(const struct http01_env *env, const struct http01_order *order)
{
    if (order->one_name)
        return delete_only(env, order);
    struct clearing c = {env};
    return list_of(env, order, delete_route, &c);
}

struct looking {
    const char *host;
    struct strlist *places;
};

static struct err *read_places(void *arg, const json_t *item)
{
    const struct looking *l = arg;
    http01_ingress_places(item, l->host, l->places);
    return NULL;
}

struct err *http01_moved_places(const struct http01_env *env, const struct http01_order *order,
                                const char *host, struct strlist *places)
{
    struct looking l = {host, places};
    return list_of(env, order, read_places, &l);
}

struct adopting {
    http01_found_fn found;
    void *arg;
};

static struct err *adopt_route(void *arg, const json_t *item)
{
    const struct adopting *a = arg;
    const char *key = JSTR(item, "metadata", "annotations", HTTP01_ORDER);
    if (key == NULL || strlen(key) >= KUBE_KEY_MAX)
        return NULL;
    const struct object_name name = object_name_parse(key);
    if (*name.ns != '\0' && *name.name != '\0')
        a->found(a->arg, name.ns, name.name);
    return NULL;
}

struct err *http01_adopt_moved(const struct http01_env *env, http01_found_fn found, void *arg)
{
    if (str_empty(env->responder.ns))
        return NULL;
    struct adopting a = {found, arg};
    auto_free char *selector = x_printf("%s=true," HTTP01_ORDER, api_names()->http01_solver);
    const struct kube_ref all = {.res = &res_ingress, .ns = env->responder.ns};
    return kube_list(env->kube, &all, selector, adopt_route, &a);
}
