/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/solver.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/order.h"
#include "reconcilers/standing.h"

/* A needed solver is looked at this long after the last time: it may have been evicted or deleted. Less
 * than the time between two calls of solver_need() for one Order, so that each of them counts. */
#define SOLVER_RECHECK (5 * NS_PER_SEC)

/* The key that stands for looking for what is there; solvers have a namespace. */
#define ADOPT "adopt"
#define ADOPT_AGAIN (30 * NS_PER_MIN)

struct need {
    const struct issuer *issuer;     /* referenced; NULL for one that was found at start */
    struct http01_pod_config config; /* strings are the issuer's */
    char *thumbprint;
    char *trouble;   /* why it cannot be made, or NULL */
    int64_t needed;  /* wall ns when an order last asked for it */
    int64_t ensured; /* wall ns when it was last seen to exist */
};

struct solver_needs {
    pthread_mutex_t lock;
    struct map by_key; /* "ns/name" -> struct need */
};

static void need_free(void *value)
{
    struct need *n = value;
    object_unref(n->issuer);
    free(n->thumbprint);
    free(n->trouble);
    free(n);
}

struct solver_needs *solver_needs_new(void)
{
    struct solver_needs *n = x_calloc(1, sizeof(*n));
    pthread_mutex_init(&n->lock, NULL);
    n->by_key = MAP_INIT(need_free);
    return n;
}

void solver_needs_free(struct solver_needs *n)
{
    if (n == NULL)
        return;
    map_release(&n->by_key);
    pthread_mutex_destroy(&n->lock);
    free(n);
}

/* ---- saying what is needed ---- */

static struct need *need_entry(struct solver_needs *needs, const char *key)
{
    struct need *n = map_get(&needs->by_key, key);
    if (n == NULL) {
        n = x_calloc(1, sizeof(*n));
        map_put(&needs->by_key, key, n);
    }
    return n;
}

void solver_need(const struct env *env, const char *ns, const struct issuer *issuer,
                 const struct http01_pod_config *config, const char *thumbprint)
{
    char name[KUBE_NAME_MAX + 1];
    char key[KUBE_KEY_MAX];
    http01_solver_name(thumbprint, name);
    object_key(ns, name, key);
    int64_t now = clock_wall(env->clock);
    pthread_mutex_lock(&env->solver_needs->lock);
    struct need *n = need_entry(env->solver_needs, key);
    object_unref(n->issuer);
    n->issuer = object_ref(issuer);
    n->config = *config;
    free(n->thumbprint);
    n->thumbprint = x_strdup(thumbprint);
    n->needed = now;
    bool look = now - n->ensured >= SOLVER_RECHECK;
    pthread_mutex_unlock(&env->solver_needs->lock);
    if (look)
        controller_enqueue(env->controllers.solver, ns, name);
}

char *solver_trouble(const struct env *env, const char *ns, const char *thumbprint)
{
    char name[KUBE_NAME_MAX + 1];
    char key[KUBE_KEY_MAX];
    http01_solver_name(thumbprint, name);
    object_key(ns, name, key);
    pthread_mutex_lock(&env->solver_needs->lock);
    const struct need *n = map_get(&env->solver_needs->by_key, key);
    char *trouble = n != NULL ? x_strdup_or_null(n->trouble) : NULL;
    pthread_mutex_unlock(&env->solver_needs->lock);
    return trouble;
}

/* ---- making it so ---- */

json_t *solver_owner(const struct issuer *issuer)
{
    if (issuer->obj.meta.namespace == NULL)
        return NULL;
    return owner_reference_json(&kind_issuer.res, &issuer->obj.meta);
}

/* A pod that ended (evicted, node gone) never answers again: it makes room for a new one. */
static bool pod_is_over(const json_t *pod)
{
    const char *phase = JSTR(pod, "status", "phase");
    return str_eq(phase, "Failed") || str_eq(phase, "Succeeded");
}

static struct err *ensure_pod(const struct env *env, const struct http01_solver *s,
                              const struct kube_ref *ref)
{
    json_auto_t *pod = NULL;
    TRY(err_ignore(kube_get(env->kube, ref, 0, &pod), ERR_NOT_FOUND));
    if (pod != NULL && !pod_is_over(pod))
        return NULL;
    if (pod != NULL)
        TRY(kube_delete(env->kube, ref, JSTR(pod, "metadata", "uid")));
    json_auto_t *body = NULL;
    TRY(http01_pod(s, &body));
    return kube_create(env->kube, ref, 0, body, NULL);
}

static struct err *ensure_service(const struct env *env, const struct http01_solver *s,
                                  const struct kube_ref *ref)
{
    json_auto_t *service = NULL;
    TRY(err_ignore(kube_get(env->kube, ref, 0, &service), ERR_NOT_FOUND));
    if (service != NULL)
        return NULL;
    json_auto_t *body = NULL;
    TRY(http01_service(s, &body));
    return kube_create(env->kube, ref, 0, body, NULL);
}

static struct err *ensure_solver(const struct env *env, const struct object_name *name,
                                 const struct need *n)
{
    json_auto_t *owner = solver_owner(n->issuer);
    const struct http01_solver s = {
        .ns = name->ns,
        .thumbprint = n->thumbprint,
        .image = env->config.solver_image,
        .config = n->config,
        .owner = owner,
    };
    const struct kube_ref pod = {.res = &res_pod, .ns = name->ns, .name = name->name};
    const struct kube_ref service = {.res = &res_service, .ns = name->ns, .name = name->name};
    TRY(ensure_pod(env, &s, &pod), "solver Pod");
    return err_wrap(ensure_service(env, &s, &service), "solver Service");
}

static struct err *remove_solver(const struct env *env, const struct object_name *name)
{
    const struct kube_ref pod = {.res = &res_pod, .ns = name->ns, .name = name->name};
    const struct kube_ref service = {.res = &res_service, .ns = name->ns, .name = name->name};
    TRY(kube_delete(env->kube, &pod, NULL), "solver Pod");
    return err_wrap(kube_delete(env->kube, &service, NULL), "solver Service");
}

/* A copy, so that no lock is held while the API server is asked. */
static bool copy_need(const struct env *env, const char *key, struct need *ret_need)
{
    pthread_mutex_lock(&env->solver_needs->lock);
    const struct need *n = map_get(&env->solver_needs->by_key, key);
    if (n != NULL) {
        *ret_need = *n;
        ret_need->issuer = object_ref(n->issuer);
        ret_need->thumbprint = x_strdup_or_null(n->thumbprint);
        ret_need->trouble = NULL;
    }
    pthread_mutex_unlock(&env->solver_needs->lock);
    return n != NULL;
}

static void copy_release(struct need *n)
{
    object_unref(n->issuer);
    free(n->thumbprint);
}

/* ensured: wall ns; trouble is copied, NULL for none. */
static void note(const struct env *env, const char *key, int64_t ensured, const char *trouble)
{
    pthread_mutex_lock(&env->solver_needs->lock);
    struct need *n = map_get(&env->solver_needs->by_key, key);
    if (n != NULL) {
        n->ensured = ensured;
        free(n->trouble);
        n->trouble = x_strdup_or_null(trouble);
    }
    pthread_mutex_unlock(&env->solver_needs->lock);
}

/* What keeps it from being made keeps its orders waiting: they tell. */
static struct err *ensure(const struct env *env, const struct object_name *name,
                          const struct need *n, int64_t now)
{
    char key[KUBE_KEY_MAX];
    object_key(name->ns, name->name, key);
    struct err *e = ensure_solver(env, name, n);
    if (e == NULL)
        note(env, key, now, NULL);
    else if (e->kind != ERR_CONFLICT && e->kind != ERR_CANCELLED)
        note(env, key, n->ensured, e->message);
    return e;
}

/* Forgets a solver unless it was needed again while it was being removed. */
static bool forget(const struct env *env, const char *key, int64_t needed)
{
    pthread_mutex_lock(&env->solver_needs->lock);
    const struct need *n = map_get(&env->solver_needs->by_key, key);
    bool same = n != NULL && n->needed == needed;
    if (same)
        map_remove(&env->solver_needs->by_key, key);
    pthread_mutex_unlock(&env->solver_needs->lock);
    return same;
}

/* ---- what was there before us ---- */

static struct err *adopt_solver(void *arg, const json_t *item)
{
    const struct env *env = arg;
    const char *ns = JSTR(item, "metadata", "namespace");
    const char *name = JSTR(item, "metadata", "name");
    /* Tiers find what they have made themselves. */
    if (str_empty(ns) || str_empty(name) || !str_starts(name, HTTP01_SOLVER))
        return NULL;
    char key[KUBE_KEY_MAX];
    object_key(ns, name, key);
    pthread_mutex_lock(&env->solver_needs->lock);
    struct need *n = need_entry(env->solver_needs, key);
    if (n->needed == 0)
        n->needed = clock_wall(env->clock);
    pthread_mutex_unlock(&env->solver_needs->lock);
    controller_enqueue(env->controllers.solver, ns, name);
    return NULL;
}

void solver_adopt(const struct env *env)
{
    controller_enqueue(env->controllers.solver, "", ADOPT);
}

static struct err *adopt_all(const struct env *env)
{
    auto_free char *selector = x_printf("%s=true", api_names()->http01_solver);
    const struct kube_ref pods = {.res = &res_pod, .ns = env->config.namespace};
    const struct kube_ref services = {.res = &res_service, .ns = env->config.namespace};
    TRY(kube_list(env->kube, &pods, selector, adopt_solver, (void *)(uintptr_t)env));
    TRY(kube_list(env->kube, &services, selector, adopt_solver, (void *)(uintptr_t)env));
    return order_adopt_routes(env);
}

/* ---- one pass ---- */

static struct err *reconcile_one(const struct env *env, const struct object_name *name,
                                 int64_t *ret_next)
{
    char key[KUBE_KEY_MAX];
    object_key(name->ns, name->name, key);
    AUTO(copy_release) struct need n = {0};
    if (!copy_need(env, key, &n))
        return NULL;
    int64_t now = clock_wall(env->clock);
    if (now - n.needed >= env->config.solver_linger) {
        TRY(remove_solver(env, name));
        log_info("solver removed");
        if (!forget(env, key, n.needed))
            *ret_next = now;
        return NULL;
    }
    /* The timer alone asks for nothing: it comes when the solver may go. */
    bool asked = n.issuer != NULL && n.needed > n.ensured;
    if (asked && now - n.ensured >= SOLVER_RECHECK)
        TRY(ensure(env, name, &n, now));
    *ret_next = n.needed + env->config.solver_linger;
    return NULL;
}

struct err *solver_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    const struct env *env = arg;
    if (*name->ns != '\0')
        return reconcile_one(env, name, ret_next);
    if (str_eq(name->name, STANDING_KEY))
        return standing_sweep(env, ret_next);
    if (str_eq(name->name, SWEEP_KEY))
        return order_sweep_routes(env, ret_next);
    TRY(adopt_all(env), "looking for solvers of an earlier process");
    controller_enqueue(env->controllers.solver, "", SWEEP_KEY);
    *ret_next = clock_wall(env->clock) + ADOPT_AGAIN;
    return err_wrap(standing_sweep(env, ret_next), "looking for standing routes");
}
