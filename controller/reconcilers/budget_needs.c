/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/budget_needs.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/order.h"
#include "reconcilers/request.h"

/* ---- limits ---- */

static void set_limit(struct budget_limit *to, const struct acme_limit *from)
{
    if (from != NULL)
        *to = (struct budget_limit){from->count, from->period};
}

struct budget_limits budget_limits_of(const struct acme_issuer *acme, const char *host)
{
    const struct acme_limits *own = &acme->limits;
    struct budget_limits l = budget_published(host);
    set_limit(&l.of[BUDGET_ORDERS], own->orders_per_account);
    set_limit(&l.of[BUDGET_DOMAIN], own->certificates_per_registered_domain);
    set_limit(&l.of[BUDGET_SET], own->certificates_per_exact_set);
    set_limit(&l.of[BUDGET_FAILURES], own->failed_authorizations);
    l.of[BUDGET_DAY].count = own->max_issuances_per_day;
    return l;
}

/* ---- keys ---- */

static void account_key(const struct issuer *issuer, const char *what, char out[BUDGET_KEY_MAX])
{
    auto_free char *account = acme_account_name(issuer);
    budget_key(str_or(account, "none"), what, out);
}

void budget_account_need(const struct issuer *issuer, const struct budget_limits *limits,
                         char key[BUDGET_KEY_MAX], struct budget_need *ret_need)
{
    account_key(issuer, "all", key);
    *ret_need =
        (struct budget_need){.kind = BUDGET_ORDERS, .key = key, .limit = limits->of[BUDGET_ORDERS]};
}

void budget_day_need(const struct issuer *issuer, const struct budget_limits *limits,
                     char key[BUDGET_KEY_MAX], struct budget_need *ret_need)
{
    char name[KUBE_KEY_MAX];
    object_key_of(issuer, name);
    budget_key(issuer->obj.meta.namespace == NULL ? "ClusterIssuer" : "Issuer", name, key);
    *ret_need =
        (struct budget_need){.kind = BUDGET_DAY, .key = key, .limit = limits->of[BUDGET_DAY]};
}

/* ---- a list of needs ---- */

void budget_needs_release(struct budget_needs *n)
{
    for (size_t i = 0; i < n->len; i++)
        free((char *)(uintptr_t)n->items[i].key);
    free(n->items);
    *n = (struct budget_needs){0};
}

/* A limit that is not in force and a key that is there already add nothing. */
static struct budget_need *add(struct budget_needs *n, const struct budget_need *need)
{
    if (need->limit.count <= 0)
        return NULL;
    for (size_t i = 0; i < n->len; i++)
        if (n->items[i].kind == need->kind && str_eq(n->items[i].key, need->key))
            return NULL;
    if (n->len == n->cap) {
        n->cap = n->cap == 0 ? 8 : n->cap * 2;
        n->items = x_realloc(n->items, n->cap * sizeof(*n->items));
    }
    struct budget_need *added = &n->items[n->len++];
    *added = *need;
    added->key = x_strdup(need->key);
    return added;
}

struct taking {
    const struct issuer *issuer;
    const struct strlist *names;
    struct budget_limits limits;
    const struct certificate *crt; /* may be NULL */
    bool renews;                   /* the same names again: not counted by domain */
};

static void add_domains(struct budget_needs *n, const struct taking *t)
{
    char key[BUDGET_KEY_MAX], scope[BUDGET_SCOPE_MAX];
    const struct budget_limit limit = t->limits.of[BUDGET_DOMAIN];
    budget_scope(n->host, BUDGET_DOMAIN, limit, scope);
    for (size_t i = 0; i < t->names->len && limit.count > 0 && !t->renews; i++) {
        auto_free char *domain = budget_registered_domain(t->names->items[i]);
        budget_key(scope, domain, key);
        add(n, &(struct budget_need){.kind = BUDGET_DOMAIN, .key = key, .limit = limit});
    }
}

static void add_set(struct budget_needs *n, const struct taking *t)
{
    char key[BUDGET_KEY_MAX], scope[BUDGET_SCOPE_MAX];
    const struct budget_limit limit = t->limits.of[BUDGET_SET];
    budget_scope(n->host, BUDGET_SET, limit, scope);
    budget_set_key(scope, t->names, key);
    add(n, &(struct budget_need){.kind = BUDGET_SET, .key = key, .limit = limit});
}

static void add_failure(struct budget_needs *n, const struct issuer *issuer, const char *identifier,
                        struct budget_limit limit)
{
    char key[BUDGET_KEY_MAX];
    const char *name = str_starts(identifier, "*.") ? identifier + 2 : identifier;
    account_key(issuer, name, key);
    add(n, &(struct budget_need){.kind = BUDGET_FAILURES, .key = key, .limit = limit});
}

static void add_failures(struct budget_needs *n, const struct taking *t)
{
    size_t from = n->len;
    const struct budget_limit limit = t->limits.of[BUDGET_FAILURES];
    for (size_t i = 0; i < t->names->len && limit.count > 0; i++)
        add_failure(n, t->issuer, t->names->items[i], limit);
    for (size_t i = from; i < n->len; i++)
        n->items[i].only_looked_at = true;
}

/* Little is left of it: the day's cap must not let it expire. */
static bool is_urgent(const struct certificate *crt, int64_t now)
{
    if (crt == NULL || crt->status.not_after == 0)
        return false;
    int64_t life = crt->status.not_after - crt->status.not_before;
    return now >= crt->status.not_after - life / 10;
}

static void add_day(struct budget_needs *n, const struct taking *t, int64_t now)
{
    char key[BUDGET_KEY_MAX];
    struct budget_need need;
    budget_day_need(t->issuer, &t->limits, key, &need);
    need.never_waits = is_urgent(t->crt, now);
    add(n, &need);
}

static void add_all(struct budget_needs *n, const struct taking *t, int64_t now)
{
    char key[BUDGET_KEY_MAX];
    struct budget_need need;
    budget_account_need(t->issuer, &t->limits, key, &need);
    add(n, &need);
    add_domains(n, t);
    add_set(n, t);
    add_failures(n, t);
    add_day(n, t, now);
}

/* ---- what is ordered ---- */

static bool same_names(const char *request, const struct strlist *names)
{
    AUTO(strlist_release) struct strlist others = {0};
    struct err *e = order_names(request, &others);
    if (e != NULL) {
        err_free(e); /* unreadable: not the same */
        return false;
    }
    char a[BUDGET_KEY_MAX], b[BUDGET_KEY_MAX];
    budget_set_key("", names, a);
    budget_set_key("", &others, b);
    return str_eq(a, b);
}

/* Did this issuer issue the same names for the revision that the Secret holds? */
static bool renews(const struct env *env, const struct certificate *crt,
                   const struct certificate_request *request, const struct strlist *names)
{
    if (crt == NULL || crt->status.revision == 0)
        return false;
    AUTO_OBJECT_LIST all = {0};
    /* Behind on our own write: then it is counted, as a first issuance is. */
    err_drop(cache_by_index(env->requests.cache, env->requests_by_owner, crt->obj.meta.uid, &all));
    auto_free char *revision = x_printf("%lld", (long long)crt->status.revision);
    for (size_t i = 0; i < all.len; i++) {
        const struct certificate_request *r = all.items[i];
        const char *of = bind_map_get(&r->obj.meta.annotations, api_names()->certificate_revision);
        if (r != request && str_eq(of, revision) && request_is_issued(r) &&
            issuer_ref_equal(&r->spec.issuer_ref, &request->spec.issuer_ref))
            return same_names(r->spec.request, names);
    }
    return false;
}

static bool is_held(const struct certificate *crt, const struct certificate_request *r,
                    const char *certificate_id)
{
    AUTO(pki_cert_release) struct pki_cert leaf = {0};
    if (!request_is_issued(r))
        return false;
    AUTO_ERR unreadable = request_leaf(r, &leaf);
    return unreadable == NULL && str_eq(leaf.ari_id, certificate_id) &&
           str_eq(leaf.fingerprint, crt->status.fingerprint);
}

bool budget_is_renewal(const struct env *env, const struct certificate_request *request)
{
    const char *id = bind_map_get(&request->obj.meta.annotations, API_REPLACES);
    AUTO_OBJECT(struct certificate) crt = id != NULL ? request_certificate(env, request) : NULL;
    AUTO_OBJECT_LIST all = {0};
    if (crt == NULL)
        return false;
    /* Behind on our own write: then it is counted, as a first issuance is. */
    err_drop(cache_by_index(env->requests.cache, env->requests_by_owner, crt->obj.meta.uid, &all));
    for (size_t i = 0; i < all.len; i++)
        if (is_held(crt, all.items[i], id))
            return true;
    return false;
}

static bool is_limited(const struct budget_limits *l)
{
    for (int i = 0; i < BUDGET_KINDS; i++)
        if (l->of[i].count > 0)
            return true;
    return false;
}

struct err *budget_needs_of_order(const struct env *env, const struct issuer *issuer,
                                  const struct certificate_request *request,
                                  const struct order *order, bool replaces,
                                  struct budget_needs *ret_needs)
{
    budget_host(issuer->spec.acme->server, ret_needs->host);
    struct taking t = {.issuer = issuer,
                       .limits = budget_limits_of(issuer->spec.acme, ret_needs->host)};
    if (replaces)
        t.limits = (struct budget_limits){.of[BUDGET_DAY] = t.limits.of[BUDGET_DAY]};
    if (!is_limited(&t.limits))
        return NULL;
    AUTO(strlist_release) struct strlist names = {0};
    TRY(order_names(order->spec.request, &names));
    AUTO_OBJECT(struct certificate)
    crt = request != NULL ? request_certificate(env, request) : NULL;
    t.names = &names;
    t.crt = crt;
    t.renews = renews(env, crt, request, &names);
    add_all(ret_needs, &t, clock_wall(env->clock));
    return NULL;
}

void budget_needs_of_failure(const struct issuer *issuer, const char *identifier,
                             struct budget_needs *ret_needs)
{
    budget_host(issuer->spec.acme->server, ret_needs->host);
    struct budget_limits l = budget_limits_of(issuer->spec.acme, ret_needs->host);
    add_failure(ret_needs, issuer, identifier, l.of[BUDGET_FAILURES]);
}
