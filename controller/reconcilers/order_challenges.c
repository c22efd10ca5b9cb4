/* SPDX-License-Identifier: Apache-2.0 */
/* An Order's authorizations: Challenges for the pending ones, their solver and route, the clean-up. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "http01/objects.h"
#include "http01/responder.h"
#include "pki/key.h"
#include "reconcilers/order.h"
#include "reconcilers/solver.h"

/* While challenges are pending, solver and route are looked after this often. */
#define PRESENT_AGAIN (10 * NS_PER_SEC)

static const struct challenge *find_challenge(const struct order_pass *p, const char *authz_url)
{
    for (size_t i = 0; i < p->challenges.len; i++) {
        const struct challenge *c = p->challenges.items[i];
        if (str_eq(c->spec.authorization_url, authz_url))
            return c;
    }
    return NULL;
}

/* ---- a Challenge for an authorization ---- */

static struct err *pick_solver(struct order_pass *p, const struct acme_authz *a,
                               const struct acme_challenge **ret_challenge,
                               const struct acme_solver **ret_solver)
{
    const struct acme_solver *s = solver_select(p->chain.issuer->spec.acme, a->identifier,
                                                &p->chain.request->obj.meta.labels);
    if (s == NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "no solver of the issuer fits %s: add one to spec.acme.solvers",
                       a->identifier);
    if (s->http01 == NULL || s->http01->ingress == NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "the solver for %s has no http01.ingress: this version knows no other",
                       a->identifier);
    if (a->wildcard)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "*.%s: a wildcard cannot be proven by HTTP-01 (RFC 8555 section 7.1.3): use "
                       "a dns01 solver",
                       a->identifier);
    *ret_challenge = acme_authz_challenge(a, "http-01");
    *ret_solver = s;
    if (*ret_challenge == NULL || (*ret_challenge)->token == NULL)
        return err_new(ERR_INVALID, "InvalidSolver", "the CA offers no http-01 challenge for %s",
                       a->identifier);
    return NULL;
}

static void challenge_name(const struct order_pass *p, const char *authz_url,
                           char out[KUBE_NAME_MAX + 1])
{
    char hex[PKI_SHA256_HEX];
    pki_sha256_hex(authz_url, strlen(authz_url), hex);
    hex[10] = '\0';
    name_join(p->order->obj.meta.name, hex, KUBE_NAME_MAX, out);
}

static struct err *create_challenge(struct order_pass *p, const char *authz_url,
                                    const struct acme_authz *a)
{
    const struct acme_challenge *c = NULL;
    const struct acme_solver *solver = NULL;
    TRY(pick_solver(p, a, &c, &solver));
    auto_free char *key = acme_key_authorization(p->chain.account.account.key, c->token);
    json_auto_t *solver_json = bind_encode(&acme_solver_table, solver);
    auto_free char *solver_text = NULL;
    TRY(json_to_string(solver_json, 1024 * 1024, &solver_text));
    const struct challenge_spec spec = {
        .url = c->url,
        .authorization_url = authz_url,
        .dns_name = a->identifier,
        .wildcard = a->wildcard,
        .type = "HTTP-01",
        .token = c->token,
        .key = key,
        .solver = solver_text,
        .issuer_ref = p->chain.request->spec.issuer_ref,
    };
    char name[KUBE_NAME_MAX + 1];
    challenge_name(p, authz_url, name);
    const struct object_meta *owner = &p->order->obj.meta;
    json_auto_t *body = json_build("{s:{s:s,s:s,s:[o]},s:o}", "metadata", "name", name, "namespace",
                                   owner->namespace, "ownerReferences",
                                   owner_reference_json(&kind_order.res, owner), "spec",
                                   bind_encode(&challenge_spec_table, &spec));
    return store_create(&p->env->challenges, owner->namespace, name, body);
}

static void fail_authz(struct order_pass *p, const char *identifier, const char *state,
                       const char *why)
{
    auto_free char *reason = x_printf("authorization of %s is %s: %s", identifier, state,
                                      str_or(why, "the CA gives no reason"));
    order_fail(p, "invalid", reason);
}

/* An authorization without a Challenge: valid ones (reused by the CA) need none. */
static struct err *look_at_authz(struct order_pass *p, const char *url, bool *ret_created)
{
    AUTO(acme_authz_release) struct acme_authz a = {0};
    TRY(acme_authz_get(&p->chain.account.account, url, &a));
    if (str_eq(a.status, "valid"))
        return NULL;
    if (!str_eq(a.status, "pending")) {
        fail_authz(p, a.identifier, a.status, NULL);
        return NULL;
    }
    *ret_created = true;
    return create_challenge(p, url, &a);
}

struct err *ensure_challenges(struct order_pass *p)
{
    bool created = false;
    size_t pending = 0;
    for (size_t i = 0; i < p->order->status.authorizations.len && !p->stop; i++) {
        const char *url = p->order->status.authorizations.items[i].url;
        const struct challenge *c = find_challenge(p, url);
        const char *state = c != NULL ? str_or(c->status.state, "pending") : NULL;
        if (c == NULL)
            TRY(look_at_authz(p, url, &created));
        else if (!order_state_is_final(state))
            pending++;
        else if (!str_eq(state, "valid"))
            fail_authz(p, c->spec.dns_name, state, c->status.reason);
    }
    if (!created)
        return NULL;
    /* The list was read before they were made. */
    object_list_release(&p->challenges);
    return cache_by_index(p->env->challenges.cache, p->env->challenges_by_owner,
                          p->order->obj.meta.uid, &p->challenges);
}

/* ---- solver and route ---- */

static bool is_pending(const struct challenge *c)
{
    return !order_state_is_final(str_or(c->status.state, "pending"));
}

/* The first pending name's solver decides for the whole Ingress when solvers differ only by name;
 * names with another ingress config get a route of their own. */
static const struct http01_ingress *config_for(const struct order_pass *p, const char *host)
{
    const struct acme_solver *s =
        solver_select(p->chain.issuer->spec.acme, host, &p->chain.request->obj.meta.labels);
    return s != NULL && s->http01 != NULL ? s->http01->ingress : NULL;
}

static struct err *apply_route(struct order_pass *p, const struct http01_ingress *config,
                               const struct http01_route *routes, size_t count, size_t index)
{
    json_auto_t *owner = owner_reference_json(&kind_order.res, &p->order->obj.meta);
    const struct http01_solver s = {
        .ns = p->order->obj.meta.namespace,
        .thumbprint = p->chain.account.thumbprint,
        .image = p->env->config.solver_image,
        .config = config,
        .owner = owner,
    };
    auto_free char *suffix = x_printf("%zu", index);
    char name[KUBE_NAME_MAX + 1];
    if (index == 0)
        str_copy(name, sizeof(name), p->order->obj.meta.name);
    else
        name_join(p->order->obj.meta.name, suffix, KUBE_NAME_MAX, name);
    json_auto_t *body = NULL;
    TRY(http01_ingress(&s, name, routes, count, &body));
    const struct kube_ref ref = {.res = &res_ingress, .ns = s.ns, .name = name};
    solver_need(p->env, s.ns, p->chain.issuer, config, s.thumbprint);
    return kube_apply(p->env->kube, &ref, 0, HTTP01_FIELD_MANAGER, body, NULL);
}

/* Names that share a solver config share an Ingress. */
static struct err *present_all(struct order_pass *p)
{
    size_t n = p->challenges.len;
    auto_free struct http01_route *routes = x_calloc(n + 1, sizeof(*routes));
    auto_free const struct http01_ingress **done = x_calloc(n + 1, sizeof(*done));
    size_t groups = 0;
    for (size_t i = 0; i < n; i++) {
        const struct challenge *first = p->challenges.items[i];
        const struct http01_ingress *config = config_for(p, first->spec.dns_name);
        bool seen = config == NULL || !is_pending(first);
        for (size_t g = 0; g < groups && !seen; g++)
            seen = done[g] == config;
        if (seen)
            continue;
        size_t count = 0;
        for (size_t k = i; k < n; k++) {
            const struct challenge *c = p->challenges.items[k];
            if (is_pending(c) && config_for(p, c->spec.dns_name) == config &&
                http01_token_is_valid(c->spec.token))
                routes[count++] = (struct http01_route){c->spec.dns_name, c->spec.token};
        }
        TRY(apply_route(p, config, routes, count, groups), "Ingress");
        done[groups++] = config;
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
        if (!is_pending(c))
            continue;
        pending = true;
        if (p->status.reason == NULL)
            p->status.reason = c->status.reason;
    }
    return pending;
}

struct err *ensure_presented(struct order_pass *p)
{
    if (!look_at_pending(p))
        return NULL;
    int64_t last = memo_get(p->env->presented, p->key).time;
    if (p->now - last >= PRESENT_AGAIN) {
        TRY(present_all(p));
        memo_set(p->env->presented, p->key, p->now);
        last = p->now;
    }
    order_wait(p, last + PRESENT_AGAIN);
    return NULL;
}

/* ---- clean-up ---- */

static struct err *delete_route(void *arg, const json_t *item)
{
    const struct order_pass *p = arg;
    const json_t *owners = JGET(item, "metadata", "ownerReferences");
    if (!str_eq(JSTR(owners, "0", "uid"), p->order->obj.meta.uid))
        return NULL;
    const struct kube_ref ref = {.res = &res_ingress,
                                 .ns = p->order->obj.meta.namespace,
                                 .name = JSTR(item, "metadata", "name")};
    return kube_delete(p->env->kube, &ref, JSTR(item, "metadata", "uid"));
}

struct err *order_clean_up(struct order_pass *p)
{
    if (memo_get(p->env->presented, p->key).time != 0) {
        auto_free char *selector = x_printf("%s=true", api_names()->http01_solver);
        const struct kube_ref all = {.res = &res_ingress, .ns = p->order->obj.meta.namespace};
        TRY(kube_list(p->env->kube, &all, selector, delete_route, p), "Ingress");
        memo_drop(p->env->presented, p->key);
    }
    for (size_t i = 0; i < p->challenges.len; i++)
        TRY(store_delete(&p->env->challenges, p->challenges.items[i]), "Challenge");
    memo_drop(p->env->polls, p->order->obj.meta.uid);
    memo_drop(p->env->placed, p->order->obj.meta.uid);
    return NULL;
}
