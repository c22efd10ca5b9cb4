/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/grants.h"

#include <pthread.h>
#include <stdlib.h>

#include "api/group.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "http01/gateway.h"
#include "http01/objects.h"

/* Somebody may have deleted or changed it. Less than the time between two calls of tier->present() for one Order, so
 * that each of them counts. */
#define RECHECK (5 * NS_PER_SEC)

/* v1 came with 1.5 of the Gateway API, and controllers still watch v1beta1. */
const struct kube_resource res_reference_grant = {HTTP01_GATEWAY_GROUP, "v1beta1",
                                                  "referencegrants", "ReferenceGrant", true};

struct http01_grants {
    pthread_mutex_t lock;
    const struct clock *clock;
    struct map by_name; /* of the grant -> struct need */
};

struct need {
    char *route_ns; /* NULL: found, and nobody has asked for it */
    int64_t needed; /* mono ns when it was last asked for, or found */
    int64_t seen;   /* mono ns when it was last known to be there, 0 = never */
    bool looking;   /* a thread is at it */
};

static void need_free(void *value)
{
    struct need *n = value;
    free(n->route_ns);
    free(n);
}

struct http01_grants *http01_grants_new(const struct clock *clock)
{
    struct http01_grants *g = x_calloc(1, sizeof(*g));
    pthread_mutex_init(&g->lock, NULL);
    g->clock = clock;
    g->by_name = MAP_INIT(need_free);
    return g;
}

void http01_grants_free(struct http01_grants *g)
{
    if (g == NULL)
        return;
    map_release(&g->by_name);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

/* ---- building ---- */

static void name_of(const char *route_ns, char out[KUBE_NAME_MAX + 1])
{
    name_join("certroll-http01-from", route_ns, KUBE_NAME_MAX, out);
}

json_t *http01_reference_grant(const struct http01_responder *responder, const char *route_ns)
{
    char name[KUBE_NAME_MAX + 1];
    name_of(route_ns, name);
    json_t *meta = http01_metadata(responder->ns, name, responder->service, NULL);
    json_put_str(JGET(meta, "labels"), HTTP01_GRANT, route_ns);
    return json_build("{s:s,s:s,s:o,s:{s:[{s:s,s:s,s:s}],s:[{s:s,s:s,s:s}]}}", "apiVersion",
                      HTTP01_GATEWAY_GROUP "/v1beta1", "kind", "ReferenceGrant", "metadata", meta,
                      "spec", "from", "group", HTTP01_GATEWAY_GROUP, "kind", "HTTPRoute",
                      "namespace", route_ns, "to", "group", "", "kind", "Service", "name",
                      responder->service);
}

/* ---- making it so ---- */

struct look {
    const json_t *wanted;
    bool found;
};

static struct err *compare(void *arg, const json_t *item)
{
    struct look *l = arg;
    bool same = str_eq(JSTR(item, "metadata", "name"), JSTR(l->wanted, "metadata", "name")) &&
                json_same(JGET(item, "spec"), JGET(l->wanted, "spec"));
    l->found = l->found || (same && JGET(item, "metadata", "deletionTimestamp") == NULL);
    return NULL;
}

/* A list, as certroll has no right to get one; where there is no such kind, the write says so. */
static struct err *ensure(const struct http01_env *env, const char *route_ns)
{
    json_auto_t *body = http01_reference_grant(&env->responder, route_ns);
    auto_free char *selector =
        x_printf("%s=true," HTTP01_GRANT "=%s", api_names()->http01_solver, route_ns);
    const struct kube_ref all = {.res = &res_reference_grant, .ns = env->responder.ns};
    struct look look = {.wanted = body};
    TRY(http01_gateway_absent(kube_list(env->kube, &all, selector, compare, &look)));
    if (look.found)
        return NULL;
    const struct kube_ref ref = {.res = &res_reference_grant,
                                 .ns = env->responder.ns,
                                 .name = JSTR(body, "metadata", "name")};
    return http01_gateway_apply(env, &ref, body);
}

static struct need *need_entry(struct http01_grants *g, const char *name)
{
    struct need *n = map_get(&g->by_name, name);
    if (n == NULL) {
        n = x_calloc(1, sizeof(*n));
        map_put(&g->by_name, name, n);
    }
    return n;
}

/* True: the caller has to look, and then to call end_look(). */
static bool begin_look(struct http01_grants *g, const char *name, const char *route_ns, int64_t now)
{
    pthread_mutex_lock(&g->lock);
    struct need *n = need_entry(g, name);
    if (n->route_ns == NULL)
        n->route_ns = x_strdup(route_ns);
    n->needed = now;
    bool look = !n->looking && (n->seen == 0 || now - n->seen >= RECHECK);
    n->looking = n->looking || look;
    pthread_mutex_unlock(&g->lock);
    return look;
}

static void end_look(struct http01_grants *g, const char *name, int64_t seen)
{
    pthread_mutex_lock(&g->lock);
    struct need *n = map_get(&g->by_name, name);
    if (n != NULL) {
        n->looking = false;
        n->seen = seen;
    }
    pthread_mutex_unlock(&g->lock);
}

/* Twenty orders at once make one; the routes of those that do not look come a moment before it, or after. */
struct err *http01_grant_need(const struct http01_env *env, const char *route_ns)
{
    char name[KUBE_NAME_MAX + 1];
    name_of(route_ns, name);
    int64_t now = clock_mono(env->grants->clock);
    if (!begin_look(env->grants, name, route_ns, now))
        return NULL;
    struct err *e = ensure(env, route_ns);
    end_look(env->grants, name, e == NULL ? now : 0);
    return e;
}

/* ---- what was there before us ---- */

static struct err *adopt(void *arg, const json_t *item)
{
    struct http01_grants *g = arg;
    const char *name = JSTR(item, "metadata", "name");
    if (str_empty(name))
        return NULL;
    pthread_mutex_lock(&g->lock);
    struct need *n = need_entry(g, name);
    if (n->needed == 0)
        n->needed = clock_mono(g->clock);
    pthread_mutex_unlock(&g->lock);
    return NULL;
}

struct err *http01_grants_adopt(const struct http01_env *env)
{
    if (str_empty(env->responder.ns))
        return NULL;
    auto_free char *selector = x_printf("%s=true", api_names()->http01_solver);
    const struct kube_ref all = {.res = &res_reference_grant, .ns = env->responder.ns};
    return http01_gateway_absent(kube_list(env->kube, &all, selector, adopt, env->grants));
}

/* ---- removing ---- */

struct idle {
    int64_t now;
    int64_t linger;
    int64_t next;
    struct strlist names;
};

static bool look_for_idle(void *arg, const char *name, void *value)
{
    struct idle *i = arg;
    const struct need *n = value;
    int64_t due = n->needed + i->linger;
    if (due <= i->now)
        strlist_add(&i->names, name);
    else if (i->next == 0 || due < i->next)
        i->next = due;
    return true;
}

/* Forgets it, unless it was needed again while it was being removed: then that namespace, owned. */
static char *forget(struct http01_grants *g, const char *name, int64_t before)
{
    char *needed_by = NULL;
    pthread_mutex_lock(&g->lock);
    struct need *n = map_get(&g->by_name, name);
    if (n != NULL && n->needed > before) {
        needed_by = x_strdup_or_null(n->route_ns);
        n->seen = 0;
    } else {
        map_remove(&g->by_name, name);
    }
    pthread_mutex_unlock(&g->lock);
    return needed_by;
}

static struct err *remove_idle(const struct http01_env *env, const struct idle *idle,
                               const char *name)
{
    const struct kube_ref ref = {
        .res = &res_reference_grant, .ns = env->responder.ns, .name = name};
    TRY(http01_gateway_absent(kube_delete(env->kube, &ref, NULL)), "ReferenceGrant %s", name);
    auto_free char *again = forget(env->grants, name, idle->now - idle->linger);
    return again != NULL ? http01_grant_need(env, again) : NULL;
}

struct err *http01_grants_sweep(const struct http01_env *env, int64_t linger, int64_t *ret_next)
{
    const struct clock *clock = env->grants->clock;
    struct idle idle = {.now = clock_mono(clock), .linger = linger};
    pthread_mutex_lock(&env->grants->lock);
    map_each(&env->grants->by_name, look_for_idle, &idle);
    pthread_mutex_unlock(&env->grants->lock);
    AUTO(strlist_release) struct strlist names = idle.names;
    for (size_t i = 0; i < names.len; i++)
        TRY(remove_idle(env, &idle, names.items[i]));
    *ret_next = idle.next == 0 ? 0 : clock_wall(clock) + idle.next - idle.now;
    return NULL;
}
