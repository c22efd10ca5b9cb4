/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "api/group.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "http01/routes.h"
#include "http01/standing.h"
#include "http01/status.h"
#include "pki/key.h"

static bool configured(const struct solver_http01 *config)
{
    return config->shared != NULL && config->shared->standing;
}

/* ---- making one ---- */

/* The same for the same names of the same namespace and the same class, in whatever order. */
static void name_of(const struct http01_presentation *p, const struct http01_shared *shared,
                    const struct strlist *hosts, char out[KUBE_NAME_MAX + 1])
{
    auto_free char *all = strlist_join(hosts, " ", 0);
    auto_free char *text =
        x_printf("%s %s %s %s", p->order.ns, str_or(shared->ingress_class_name, ""),
                 str_or(shared->class_name, ""), all);
    char hex[PKI_SHA256_HEX];
    pki_sha256_hex(text, strlen(text), hex);
    hex[16] = '\0';
    name_join("certroll-standing", hex, KUBE_NAME_MAX, out);
}

static void mark(json_t *ingress, const char *ns)
{
    json_put_str(JGET(ingress, "metadata", "labels"), HTTP01_STANDING, "true");
    json_put_str(JGET(ingress, "metadata", "labels"), HTTP01_STANDING_FOR, ns);
    json_put_str(JGET(ingress, "metadata", "annotations"), HTTP01_STANDING, ns);
}

static struct err *make(const struct http01_env *env, const struct http01_presentation *p,
                        const struct kube_ref *ref, const struct strlist *hosts)
{
    const struct http01_shared *shared = p->config->shared;
    const struct http01_ingress_config config = {
        .ingress_class_name = shared->ingress_class_name,
        .class_name = shared->class_name,
        .field = "shared.ingressTemplate",
        .ingress_template = shared->ingress_template,
    };
    auto_free struct http01_route *routes = x_calloc(hosts->len + 1, sizeof(*routes));
    for (size_t i = 0; i < hosts->len; i++)
        routes[i].host = hosts->items[i];
    const struct http01_presentation standing = {.order = {.ns = env->responder.ns},
                                                 .name = ref->name,
                                                 .routes = routes,
                                                 .count = hosts->len};
    json_auto_t *body = NULL;
    TRY(http01_ingress(&standing, env->responder.service, &config, &body));
    mark(body, p->order.ns);
    return kube_apply(env->kube, ref, 0, HTTP01_FIELD_MANAGER, body, NULL);
}

/* ---- what stands ---- */

struct visit {
    struct err *(*fn)(void *arg, const struct http01_standing *route);
    void *arg;
};

static struct err *visit(void *arg, const json_t *item)
{
    const struct visit *v = arg;
    if (JGET(item, "metadata", "deletionTimestamp") != NULL)
        return NULL;
    AUTO(strlist_release) struct strlist hosts = {0};
    const json_t *rules = JGET(item, "spec", "rules");
    for (size_t i = 0; i < json_count(rules); i++) {
        const char *host = JSTR(json_item(rules, i), "host");
        if (host != NULL)
            strlist_add(&hosts, host);
    }
    const struct http01_standing route = {
        .name = JSTR(item, "metadata", "name"),
        .uid = JSTR(item, "metadata", "uid"),
        .ns = JSTR(item, "metadata", "annotations", HTTP01_STANDING),
        .hosts = hosts};
    return v->fn(v->arg, &route);
}

static struct err *list_standing(const struct http01_env *env, const char *ns,
                                 struct err *(*fn)(void *arg, const json_t *item), void *arg)
{
    auto_free char *one =
        x_printf(HTTP01_STANDING "=true," HTTP01_STANDING_FOR "=%s", str_or(ns, ""));
    const struct kube_ref all = {.res = &res_ingress, .ns = env->responder.ns};
    return kube_list(env->kube, &all, ns != NULL ? one : HTTP01_STANDING "=true", fn, arg);
}

struct err *http01_standing_each(const struct http01_env *env, const char *ns,
                                 struct err *(*fn)(void *arg, const struct http01_standing *route),
                                 void *arg)
{
    if (str_empty(env->responder.ns))
        return NULL;
    struct visit v = {fn, arg};
    return list_standing(env, ns, visit, &v);
}

struct err *http01_standing_remove(const struct http01_env *env,
                                   const struct http01_standing *route)
{
    const struct kube_ref ref = {.res = &res_ingress, .ns = env->responder.ns, .name = route->name};
    return kube_delete(env->kube, &ref, route->uid);
}

/* ---- presenting ---- */

struct cover {
    const struct http01_presentation *p;
    const struct strlist *hosts;
    bool found;
};

/* The name says whose a route is, and of which class. */
static struct err *look_for_cover(void *arg, const struct http01_standing *route)
{
    struct cover *c = arg;
    char name[KUBE_NAME_MAX + 1];
    name_of(c->p, c->p->config->shared, &route->hosts, name);
    bool covers = str_eq(name, route->name);
    for (size_t i = 0; i < c->hosts->len; i++)
        covers = covers && strlist_has(&route->hosts, c->hosts->items[i]);
    c->found = c->found || covers;
    return NULL;
}

/* Where it stands already, nothing is written: its name says what is in it. Names that the CA knows still are not
 * asked for, so that those of a renewal may be fewer than those of the route. */
static struct err *present(const struct http01_env *env, const struct http01_presentation *p)
{
    TRY(http01_need_responder(env));
    AUTO(strlist_release) struct strlist hosts = {0};
    for (size_t i = 0; i < p->count; i++)
        strlist_add(&hosts, p->routes[i].host);
    strlist_sort(&hosts);
    strlist_uniq(&hosts);
    char name[KUBE_NAME_MAX + 1];
    name_of(p, p->config->shared, &hosts, name);
    const struct kube_ref ref = {.res = &res_ingress, .ns = env->responder.ns, .name = name};
    json_auto_t *there = NULL;
    TRY(err_ignore(kube_get(env->kube, &ref, KUBE_METADATA, &there), ERR_NOT_FOUND));
    if (there != NULL && JGET(there, "metadata", "deletionTimestamp") == NULL)
        return NULL;
    struct cover c = {.p = p, .hosts = &hosts};
    TRY(http01_standing_each(env, p->order.ns, look_for_cover, &c));
    return c.found ? NULL : make(env, p, &ref, &hosts);
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

static struct err *places(const struct http01_env *env, const struct http01_order *order,
                          const char *host, struct strlist *places)
{
    struct looking l = {host, places};
    return list_standing(env, order->ns, read_places, &l);
}

const struct http01_tier http01_tier_standing = {
    .name = "standing",
    .granted = true,
    .configured = configured,
    .host = http01_host_is_name,
    .present = present,
    .places = places,
};
