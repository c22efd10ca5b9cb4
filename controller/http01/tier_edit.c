/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A solver Pod in the namespace, as in the tier of pods, and paths to it within an Ingress that is there already: for
 * ingress controllers that give each Ingress an address of its own. What it takes and leaves behind: edit.h.
 */
#include "base/mem.h"
#include "base/str.h"
#include "http01/edit.h"
#include "http01/objects.h"
#include "http01/status.h"

/* Several Orders may edit one Ingress at once; after that the back-off keeps them apart. */
#define TRIES 4

static bool configured(const struct solver_http01 *config)
{
    return config->ingress != NULL && !str_empty(config->ingress->name);
}

static struct err *missing(const struct kube_ref *ref)
{
    return err_new(
        ERR_TRANSIENT, HTTP01_ROUTE_WAITS,
        "Ingress %s/%s of the solver's http01.ingress.name is not there: create it, or write "
        "another name",
        ref->ns, ref->name);
}

static struct err *put_in(const struct http01_env *env, const struct kube_ref *ref,
                          const struct http01_edit *edit)
{
    json_auto_t *ingress = NULL;
    json_auto_t *patch = NULL;
    struct err *e = kube_get(env->kube, ref, 0, &ingress);
    if (err_is(e, ERR_NOT_FOUND) || JGET(ingress, "metadata", "deletionTimestamp") != NULL) {
        err_free(e);
        return missing(ref);
    }
    TRY(e);
    TRY(http01_edit_add(ingress, edit, &patch), "Ingress %s/%s", ref->ns, ref->name);
    return patch != NULL ? kube_merge_patch(env->kube, ref, patch, NULL) : NULL;
}

static struct err *present(const struct http01_env *env, const struct http01_presentation *p)
{
    char service[KUBE_NAME_MAX + 1];
    http01_solver_name(p->thumbprint, service);
    const struct kube_ref ref = {
        .res = &res_ingress, .ns = p->order.ns, .name = p->config->ingress->name};
    const struct http01_edit edit = {
        .order = p->order.name, .service = service, .routes = p->routes, .count = p->count};
    struct err *e = put_in(env, &ref, &edit);
    for (int i = 1; i < TRIES && err_is(e, ERR_CONFLICT); i++) {
        err_free(e);
        e = put_in(env, &ref, &edit);
    }
    return e;
}

static struct err *list_edited(const struct http01_env *env, const char *ns,
                               struct err *(*fn)(void *arg, const json_t *item), void *arg)
{
    const struct kube_ref all = {.res = &res_ingress, .ns = ns};
    return kube_list(env->kube, &all, HTTP01_PATHS "=true", fn, arg);
}

struct clearing {
    const struct http01_env *env;
    const struct http01_order *order;
};

static struct err *take_out(const struct clearing *c, const struct kube_ref *ref,
                            const json_t *ingress)
{
    json_auto_t *patch = http01_edit_remove(ingress, c->order->name);
    return patch != NULL ? kube_merge_patch(c->env->kube, ref, patch, NULL) : NULL;
}

static struct err *clear_one(void *arg, const json_t *item)
{
    const struct clearing *c = arg;
    const struct kube_ref ref = {
        .res = &res_ingress, .ns = c->order->ns, .name = JSTR(item, "metadata", "name")};
    struct err *e = take_out(c, &ref, item);
    for (int i = 1; i < TRIES && err_is(e, ERR_CONFLICT); i++) {
        json_auto_t *ingress = NULL;
        err_free(e);
        e = kube_get(c->env->kube, &ref, 0, &ingress);
        if (e == NULL)
            e = take_out(c, &ref, ingress);
    }
    return err_ignore(e, ERR_NOT_FOUND);
}

static struct err *clear(const struct http01_env *env, const struct http01_order *order)
{
    struct clearing c = {env, order};
    return list_edited(env, order->ns, clear_one, &c);
}

struct looking {
    const struct http01_order *order;
    struct strlist *places;
};

static struct err *read_places(void *arg, const json_t *item)
{
    const struct looking *l = arg;
    if (http01_edit_has(item, l->order->name))
        http01_ingress_entries(item, l->places);
    return NULL;
}

/* The rule that has the path need not have the host. */
static struct err *places(const struct http01_env *env, const struct http01_order *order,
                          const char *host, struct strlist *places)
{
    struct looking l = {order, places};
    (void)host;
    return list_edited(env, order->ns, read_places, &l);
}

struct adopting {
    http01_found_fn found;
    void *arg;
};

static struct err *adopt_paths(void *arg, const json_t *item)
{
    const struct adopting *a = arg;
    http01_edit_orders(item, a->found, a->arg);
    return NULL;
}

static struct err *adopt(const struct http01_env *env, http01_found_fn found, void *arg)
{
    struct adopting a = {found, arg};
    return list_edited(env, env->namespace, adopt_paths, &a);
}

const struct http01_tier http01_tier_edit = {
    .name = "edit",
    .configured = configured,
    .pod = http01_ingress_pod,
    .present = present,
    .clear = clear,
    .places = places,
    .adopt = adopt,
};
