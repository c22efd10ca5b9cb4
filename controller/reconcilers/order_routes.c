/* SPDX-License-Identifier: Apache-2.0 */
/* How the CA's requests reach an answer: routes for the pending names of an Order, by the tiers that the
 * issuer names; the clean-up. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/responder.h"
#include "reconcilers/challenge_type.h"
#include "reconcilers/order.h"
#include "reconcilers/request.h"
#include "reconcilers/solver.h"

/* While challenges are pending, solver and route are looked after this often. */
#define PRESENT_AGAIN (10 * NS_PER_SEC)

static bool is_pending(const struct order_pass *p, const struct challenge *c)
{
    return !order_state_is_final(challenge_state(p->env, c));
}

/* ---- presenting ---- */

/* Names with the same config share a route; names with another get a route of their own. The Challenge of a wildcard has
 * the name below it: that one may have an http01 solver, whose route nobody was asked for. */
static const struct solver_http01 *config_for(const struct order_pass *p, const struct challenge *c)
{
    const struct acme_solver *s =
        challenge_is_http01(c) ? acme_chain_solver(&p->chain, c->spec.dns_name) : NULL;
    return s != NULL ? s->http01 : NULL;
}

/* Nobody else would say so: a solver has no object of the namespace's that could. */
static struct err *tell_solver(const struct order_pass *p, const struct http01_tier *tier,
                               const char *thumbprint)
{
    auto_free char *trouble =
        tier->pod != NULL ? solver_trouble(p->env, p->order->obj.meta.namespace, thumbprint) : NULL;
    return trouble == NULL ? NULL : err_new(ERR_TRANSIENT, HTTP01_ROUTE_WAITS, "%s", trouble);
}

/* What present() makes is found again by the tier's mark; a crash before it is made up for by adopt(). */
static struct err *present(struct order_pass *p, const struct solver_http01 *config,
                           const struct http01_presentation *what)
{
    const struct http01_tier *tier = http01_tier_of(config);
    if (tier == NULL)
        return NULL;
    TRY(solver_check(p->chain.issuer, config));
    if (tier->pod != NULL) {
        const struct http01_pod_config pod = tier->pod(config);
        solver_need(p->env, what->order.ns, p->chain.issuer, &pod, what->thumbprint);
    }
    if (tier->present == NULL)
        return NULL;
    memo_mark(p->env->presented, p->key, http01_tier_mark(tier));
    struct err *e = tier->present(&p->env->http01, what);
    if (tier->sweep != NULL)
        controller_enqueue(p->env->controllers.solver, "", SWEEP_KEY);
    return e != NULL ? err_wrap(e, "%s", tier->name) : tell_solver(p, tier, what->thumbprint);
}

static struct err *present_group(struct order_pass *p, const struct solver_http01 *config,
                                 const struct http01_route *routes, size_t count, size_t index)
{
    const struct object_meta *m = &p->order->obj.meta;
    json_auto_t *owner = owner_reference_json(&kind_order.res, m);
    auto_free char *suffix = x_printf("%zu", index);
    char name[KUBE_NAME_MAX + 1];
    if (index == 0)
        str_copy(name, sizeof(name), m->name);
    else
        name_join(m->name, suffix, KUBE_NAME_MAX, name);
    const struct http01_presentation what = {
        .order = {.ns = m->namespace, .name = m->name, .uid = m->uid},
        .name = name,
        .owner = owner,
        .thumbprint = p->chain.account.thumbprint,
        .config = config,
        .routes = routes,
        .count = count,
    };
    return present(p, config, &what);
}

/* Whose route is wanted, by the index of the Challenge; NULL for the others. */
static struct err *find_configs(const struct order_pass *p, const struct solver_http01 **out)
{
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    TRY(request_csr(p->chain.request, &csr));
    for (size_t i = 0; i < p->challenges.len; i++) {
        const struct challenge *c = p->challenges.items[i];
        if (is_pending(p, c) && order_made(p->order, &csr.names, c))
            out[i] = config_for(p, c);
    }
    return NULL;
}

/* The names from that one on whose config is the same, which then have their route; room for all Challenges. */
static size_t take_routes(const struct order_pass *p, const struct solver_http01 **configs,
                          size_t first, struct http01_route *out)
{
    const struct solver_http01 *config = configs[first];
    size_t count = 0;
    for (size_t i = first; i < p->challenges.len; i++) {
        const struct challenge *c = p->challenges.items[i];
        if (configs[i] != config)
            continue;
        configs[i] = NULL;
        if (http01_token_is_valid(c->spec.token))
            out[count++] = (struct http01_route){c->spec.dns_name, c->spec.token};
    }
    return count;
}

static struct err *present_all(struct order_pass *p)
{
    size_t n = p->challenges.len;
    auto_free struct http01_route *routes = x_calloc(n + 1, sizeof(*routes));
    auto_free const struct solver_http01 **configs = x_calloc(n + 1, sizeof(*configs));
    TRY(find_configs(p, configs));
    size_t groups = 0;
    for (size_t i = 0; i < n; i++) {
        const struct solver_http01 *config = configs[i];
        if (config == NULL)
            continue;
        size_t count = take_routes(p, configs, i, routes);
        TRY(present_group(p, config, routes, count, groups++));
    }
    return NULL;
}

/* Is one pending, and what do those that are wait for? A Challenge says so when it takes long. */
static bool look_at_pending(struct order_pass *p)
{
    bool pending = false;
    p->status.reason = NULL;
    for (size_t i = 0; i < p->challenges.len; i++) {
        const struct challenge *c = p->challenges.items[i];
        if (!is_pending(p, c))
            continue;
        pending = true;
        if (p->status.reason == NULL)
            p->status.reason = c->status.reason;
    }
    return pending;
}

/* What others have to make is asked for as seldom as what is there is looked at. */
static struct err *present_again(struct order_pass *p)
{
    struct err *e = present_all(p);
    bool waits = e != NULL && str_eq(e->reason, HTTP01_ROUTE_WAITS);
    if (e != NULL && !waits)
        return e;
    memo_set(p->env->presented, p->key, p->now);
    memo_set_text(p->env->presented, p->key, waits ? e->message : NULL);
    err_free(e);
    return NULL;
}

/* It is told at once: somebody has to do something, and nobody else would say so. */
static void tell_what_waits(struct order_pass *p)
{
    auto_free char *text = memo_text(p->env->presented, p->key);
    if (text == NULL)
        return;
    free(p->owned[0]);
    p->owned[0] = TAKE(text);
    p->status.reason = p->owned[0];
}

struct err *ensure_presented(struct order_pass *p)
{
    if (!look_at_pending(p))
        return NULL;
    int64_t last = memo_get(p->env->presented, p->key).time;
    if (p->now - last >= PRESENT_AGAIN) {
        TRY(present_again(p));
        last = p->now;
    }
    tell_what_waits(p);
    order_wait(p, last + PRESENT_AGAIN);
    return NULL;
}

/* ---- clean-up ---- */

struct err *order_clear_routes(const struct env *env, const char *key,
                               const struct http01_order *order)
{
    unsigned marks = memo_get(env->presented, key).marks;
    for (size_t i = 0; http01_tiers[i] != NULL; i++) {
        const struct http01_tier *tier = http01_tiers[i];
        if ((marks & http01_tier_mark(tier)) != 0 && tier->clear != NULL)
            TRY(tier->clear(&env->http01, order), "%s", tier->name);
    }
    memo_unmark(env->presented, key, marks); /* adopt_route() may have found others meanwhile */
    return NULL;
}

struct err *order_clean_up(struct order_pass *p)
{
    const struct object_meta *m = &p->order->obj.meta;
    const struct http01_order order = {.ns = m->namespace,
                                       .name = m->name,
                                       .uid = m->uid,
                                       .one_name = p->order->status.authorizations.len == 1};
    TRY(order_clear_routes(p->env, p->key, &order));
    for (size_t i = 0; i < p->challenges.len; i++) {
        const struct challenge *c = p->challenges.items[i];
        if (c->obj.meta.deletion_timestamp == 0) /* else its record is on the way out */
            TRY(store_delete(&p->env->challenges, c), "Challenge");
        memo_drop(p->env->proven, c->obj.meta.uid);
    }
    auto_free char *finalize = x_printf("%s/finalize", m->uid);
    memo_drop(p->env->polls, finalize);
    memo_drop(p->env->polls, m->uid);
    memo_drop(p->env->placed, m->uid);
    return NULL;
}

struct err *order_sweep_routes(const struct env *env, int64_t *ret_next)
{
    for (size_t i = 0; http01_tiers[i] != NULL; i++) {
        const struct http01_tier *tier = http01_tiers[i];
        int64_t next = 0;
        if (tier->sweep != NULL)
            TRY(tier->sweep(&env->http01, env->config.solver_linger, &next), "%s", tier->name);
        *ret_next = earlier(*ret_next, next);
    }
    return NULL;
}

/* ---- what was there before us ---- */

struct adopting {
    const struct env *env;
    const struct http01_tier *tier;
};

/* The Order's reconcile removes what is not needed any more. */
static void adopt_route(void *arg, const char *ns, const char *name)
{
    const struct adopting *a = arg;
    char key[KUBE_KEY_MAX];
    object_key(ns, name, key);
    memo_mark(a->env->presented, key, http01_tier_mark(a->tier));
    controller_enqueue(a->env->controllers.order, ns, name);
}

struct err *order_adopt_routes(const struct env *env)
{
    for (size_t i = 0; http01_tiers[i] != NULL; i++) {
        struct adopting a = {env, http01_tiers[i]};
        if (a.tier->adopt != NULL)
            TRY(a.tier->adopt(&env->http01, adopt_route, &a), "%s", a.tier->name);
    }
    return NULL;
}
