/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/standing.h"

#include "base/log.h"
#include "base/str.h"
#include "http01/standing.h"
#include "reconcilers/name_holders.h"
#include "reconcilers/solver.h"

static bool has_standing(const struct issuer *issuer)
{
    const struct acme_issuer *acme = issuer->spec.acme;
    for (size_t i = 0; acme != NULL && i < acme->solvers.len; i++) {
        const struct solver_http01 *config = acme->solvers.items[i].http01;
        if (config != NULL && config->shared != NULL && config->shared->standing)
            return true;
    }
    return false;
}

static bool any_standing(struct cache *issuers)
{
    AUTO_OBJECT_LIST all = {0};
    cache_all(issuers, &all);
    for (size_t i = 0; i < all.len; i++)
        if (has_standing(all.items[i]))
            return true;
    return false;
}

void standing_look(const struct env *env)
{
    if (any_standing(env->cluster_issuers.cache) || any_standing(env->issuers.cache))
        controller_enqueue(env->controllers.solver, "", STANDING_KEY);
}

void standing_issuer_changed(const struct env *env, const struct issuer *old,
                             const struct issuer *now)
{
    if (old != NULL && has_standing(old) && (now == NULL || !has_standing(now)))
        controller_enqueue(env->controllers.solver, "", STANDING_KEY);
}

/* Nobody tells when an Order needs its route no more. */
#define USED_AGAIN (5 * NS_PER_SEC)

struct sweep {
    const struct env *env;
    struct object_list certificates;
    bool used; /* a route that would have gone otherwise */
};

static bool lets_stand(const struct env *env, const struct issuer_ref *ref, const char *ns)
{
    AUTO_OBJECT(struct issuer) issuer = NULL;
    struct err *e = env_issuer(env, ref, ns, &issuer);
    bool unsure = e != NULL && !err_is(e, ERR_INVALID); /* looked at again with the next sweep */
    err_free(e);
    return unsure || (issuer != NULL && has_standing(issuer));
}

static bool needs(const struct env *env, const struct certificate *c,
                  const struct http01_standing *route)
{
    const struct object_meta *m = &c->obj.meta;
    if (!str_eq(m->namespace, route->ns) || m->deletion_timestamp != 0 ||
        !issuer_ref_is_ours(&c->spec.issuer_ref))
        return false;
    for (size_t i = 0; i < route->hosts.len; i++)
        if (!certificate_names(&c->spec, route->hosts.items[i]))
            return false;
    return lets_stand(env, &c->spec.issuer_ref, m->namespace);
}

/* Whose issuer has gone, nobody goes on with. */
static bool is_answered_by(const struct env *env, const struct order *o,
                           const struct http01_standing *route)
{
    if (!str_eq(o->obj.meta.namespace, route->ns) || str_empty(o->status.url) ||
        order_state_is_final(o->status.state))
        return false;
    for (size_t i = 0; i < route->hosts.len; i++)
        if (bind_strings_has(&o->spec.dns_names, route->hosts.items[i]))
            return lets_stand(env, &o->spec.issuer_ref, route->ns);
    return false;
}

/* The CA may be about to ask there: for an issuer that took over, a preflight, a request made by hand, or a Certificate
 * that has fewer names than the route. */
static bool is_in_use(const struct env *env, const struct http01_standing *route)
{
    AUTO_OBJECT_LIST orders = {0};
    cache_all(env->orders.cache, &orders);
    for (size_t i = 0; i < orders.len; i++)
        if (is_answered_by(env, orders.items[i], route))
            return true;
    return false;
}

static struct err *look_at(void *arg, const struct http01_standing *route)
{
    struct sweep *s = arg;
    for (size_t i = 0; i < s->certificates.len; i++)
        if (needs(s->env, s->certificates.items[i], route))
            return NULL;
    if (is_in_use(s->env, route)) {
        s->used = true;
        return NULL;
    }
    log_info("standing route removed", L_STR("ingress", route->name));
    return http01_standing_remove(&s->env->http01, route);
}

struct err *standing_sweep(const struct env *env, int64_t *ret_next)
{
    struct sweep s = {.env = env};
    cache_all(env->certificates.cache, &s.certificates);
    struct err *e = http01_standing_each(&env->http01, NULL, look_at, &s);
    object_list_release(&s.certificates);
    if (s.used)
        *ret_next = clock_wall(env->clock) + USED_AGAIN;
    return e;
}
