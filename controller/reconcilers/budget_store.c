/* SPDX-License-Identifier: Apache-2.0 */
/* What was spent, beyond the life of the process: the ConfigMap, the Orders that it lacks, metrics. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "reconcilers/budget_needs.h"
#include "reconcilers/order_budget.h"

#define STORE_EVERY NS_PER_MIN
#define DATA_KEY "spent"
#define FIELD_MANAGER "certroll"
/* The longest period of a published limit, and one day more. */
#define REMEMBERED (8 * NS_PER_DAY)
#define ISSUERS_SHOWN 256

static const struct kube_resource res_config_map = {"", "v1", "configmaps", "ConfigMap", true};

static struct kube_ref ref_of(const struct env *env)
{
    return (struct kube_ref){
        .res = &res_config_map, .ns = env->config.own_namespace, .name = BUDGET_CONFIG_MAP};
}

/* ---- storing ---- */

void budget_store_wake(const struct env *env)
{
    if (!budgets_are_loaded(env->budgets) || budgets_has_news(env->budgets))
        controller_enqueue(env->controllers.budgets, NULL, "budgets");
}

struct err *budget_store(const struct env *env)
{
    int64_t text_at = 0;
    if (!budgets_are_loaded(env->budgets) || !budgets_changed(env->budgets, &text_at) ||
        env->config.own_namespace == NULL)
        return NULL;
    auto_free char *text = budgets_text(env->budgets);
    json_auto_t *body = json_build("{s:s,s:s,s:{s:s,s:s},s:{s:s}}", "apiVersion", "v1", "kind",
                                   "ConfigMap", "metadata", "name", BUDGET_CONFIG_MAP, "namespace",
                                   env->config.own_namespace, "data", DATA_KEY, text);
    const struct kube_ref ref = ref_of(env);
    struct err *e = kube_apply(env->kube, &ref, 0, FIELD_MANAGER, body, NULL);
    if (e != NULL)
        budgets_not_stored(env->budgets);
    return err_wrap(e, "what was spent of rate limits");
}

/* ---- adopting ---- */

static int by_placed_time(const void *a, const void *b)
{
    const struct order *x = *(const void *const *)a;
    const struct order *y = *(const void *const *)b;
    return (x->status.placed_time > y->status.placed_time) -
           (x->status.placed_time < y->status.placed_time);
}

static bool has_failed(const struct order *o)
{
    return order_state_is_final(o->status.state) && !str_eq(o->status.state, "valid");
}

/* Which name failed is not known any more: each of the order's may be. */
static void count_failures(const struct env *env, const struct issuer *issuer,
                           const struct order *o)
{
    for (size_t i = 0; i < o->spec.dns_names.len; i++) {
        AUTO(budget_needs_release) struct budget_needs needs = {0};
        budget_needs_of_failure(issuer, o->spec.dns_names.items[i], &needs);
        budgets_count(env->budgets, needs.items, needs.len, o->status.failure_time);
    }
}

/* Whether the CA took it for a renewal is not known any more: it is counted as if not, and what then may never have been
 * taken (adopt_order) is not given back. */
static void count_order(const struct env *env, const struct issuer *issuer,
                        const struct certificate_request *request, const struct order *o)
{
    AUTO(budget_needs_release) struct budget_needs needs = {0};
    err_drop(
        budget_needs_of_order(env, issuer, request, o, false, &needs)); /* then it needs nothing */
    for (size_t i = 0; i < needs.len; i++) {
        bool is_taken = !needs.items[i].only_looked_at &&
                        (!has_failed(o) || needs.items[i].kind == BUDGET_ORDERS);
        /* It may have been at the end of that second. */
        if (is_taken)
            budgets_count(env->budgets, &needs.items[i], 1, o->status.placed_time + NS_PER_SEC);
    }
}

/* NULL when it is gone. One that was made anew under its name may ask another issuer, or for other names. */
static const struct certificate_request *request_of(const struct env *env, const struct order *o)
{
    const struct owner_reference *owner = object_controller(o);
    AUTO_OBJECT(struct certificate_request)
    request =
        owner == NULL ? NULL : cache_peek(env->requests.cache, o->obj.meta.namespace, owner->name);
    bool is_it = request != NULL && str_eq(request->obj.meta.uid, owner->uid);
    return is_it ? TAKE(request) : NULL;
}

/* Seconds are what the Order keeps: one that was placed in the second of the last text counts twice rather than not
 * at all. */
static void adopt_order(const struct env *env, const struct order *o, int64_t stored_at)
{
    bool is_stored = o->status.placed_time / NS_PER_SEC < stored_at / NS_PER_SEC;
    bool is_over = order_state_is_final(o->status.state);
    bool failed_since = str_eq(o->status.state, "invalid") &&
                        o->status.failure_time / NS_PER_SEC >= stored_at / NS_PER_SEC;
    if (o->status.placed_time == 0 || (is_stored && is_over && !failed_since))
        return;
    AUTO_OBJECT(struct issuer) issuer = NULL;
    AUTO_OBJECT(struct certificate_request) request = request_of(env, o);
    const struct issuer_ref *ref =
        request != NULL ? &request->spec.issuer_ref : &o->spec.issuer_ref;
    err_drop(env_issuer(env, ref, o->obj.meta.namespace, &issuer)); /* then none */
    if (issuer == NULL || issuer->spec.acme == NULL)
        return;
    AUTO(budget_needs_release) struct budget_needs needs = {0};
    bool renews = request != NULL && budget_is_renewal(env, request);
    err_drop(
        budget_needs_of_order(env, issuer, request, o, renews, &needs)); /* then it needs nothing */
    if (!is_stored)
        count_order(env, issuer, request, o);
    if (failed_since)
        count_failures(env, issuer, o);
    if (!is_over)
        budgets_adopt(env->budgets, o->obj.meta.uid, needs.items, needs.len, o->status.placed_time);
}

static void adopt_orders(const struct env *env, int64_t stored_at)
{
    AUTO_OBJECT_LIST all = {0};
    cache_all(env->orders.cache, &all);
    if (all.len > 0)
        qsort(all.items, all.len, sizeof(all.items[0]), by_placed_time);
    int64_t from = clock_wall(env->clock) - REMEMBERED;
    for (size_t i = 0; i < all.len; i++) {
        const struct order *o = all.items[i];
        if (o->status.placed_time >= from || !order_state_is_final(o->status.state))
            adopt_order(env, o, stored_at);
    }
}

/* Without the ConfigMap, or the right to read it, the Orders that are still there must do. */
static struct err *adopt(const struct env *env)
{
    json_auto_t *json = NULL;
    const struct kube_ref ref = ref_of(env);
    struct err *e = NULL;
    if (env->config.own_namespace != NULL)
        e = err_ignore(kube_get(env->kube, &ref, 0, &json), ERR_NOT_FOUND);
    if (e != NULL && e->kind != ERR_DENIED)
        return err_wrap(e, "what was spent of rate limits");
    int64_t stored_at = 0;
    if (e == NULL)
        e = budgets_load(env->budgets, JSTR(json, "data", DATA_KEY), &stored_at);
    else
        err_drop(budgets_load(env->budgets, NULL, &stored_at)); /* nothing can be wrong with none */
    if (e != NULL)
        log_warn("what was spent of rate limits is counted from the Orders only", L_ERR(e));
    err_free(e);
    adopt_orders(env, stored_at);
    budgets_set_loaded(env->budgets);
    return NULL;
}

/* ---- the controller ---- */

struct err *budget_store_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    (void)name;
    const struct env *env = arg;
    if (!budgets_are_loaded(env->budgets))
        TRY(adopt(env));
    int64_t text_at = 0;
    int64_t now = clock_wall(env->clock);
    bool changed = budgets_changed(env->budgets, &text_at);
    bool is_early = text_at != 0 && text_at <= now && now < text_at + STORE_EVERY;
    if (changed && is_early)
        *ret_next = text_at + STORE_EVERY;
    return changed && !is_early ? budget_store(env) : NULL;
}

/* ---- metrics ---- */

static void show_left(const struct env *env, struct metrics_scrape *s, const struct issuer *issuer)
{
    if (issuer->spec.acme == NULL)
        return;
    char host[BUDGET_HOST_MAX], scope[BUDGET_SCOPE_MAX], key[BUDGET_KEY_MAX], name[KUBE_KEY_MAX];
    budget_host(issuer->spec.acme->server, host);
    object_key_of(issuer, name);
    auto_free char *account = acme_account_name(issuer);
    const struct budget_limits limits = budget_limits_of(issuer->spec.acme, host);
    for (int i = 0; i < BUDGET_KINDS; i++) {
        enum budget_kind kind = (enum budget_kind)i;
        int64_t left = 0;
        struct budget_need need;
        if (limits.of[kind].count <= 0)
            continue;
        if (kind == BUDGET_ORDERS || kind == BUDGET_DAY) {
            kind == BUDGET_DAY ? budget_day_need(issuer, &limits, key, &need)
                               : budget_account_need(issuer, &limits, key, &need);
            left = budgets_left(env->budgets, &need);
        } else {
            budget_scope(host, kind, limits.of[kind], scope);
            left = budgets_least_left(env->budgets, kind,
                                      kind == BUDGET_FAILURES ? str_or(account, "none") : scope,
                                      limits.of[kind]);
        }
        metrics_sample(s, (double)left, name, budget_kind_field(kind));
    }
}

static void show_all_left(const struct env *env, struct metrics_scrape *s,
                          const struct object_list *issuers)
{
    for (size_t i = 0; i < issuers->len && i < ISSUERS_SHOWN; i++)
        show_left(env, s, issuers->items[i]);
}

void budget_metrics(const struct env *env, struct metrics_scrape *s)
{
    AUTO_OBJECT_LIST issuers = {0};
    AUTO_OBJECT_LIST cluster_issuers = {0};
    cache_all(env->cluster_issuers.cache, &cluster_issuers);
    cache_all(env->issuers.cache, &issuers);
    metrics_family(s, METRIC_GAUGE, "certroll_acme_budget_left",
                   "What a rate limit leaves; the least of all names where it is by name.",
                   "issuer", "limit");
    show_all_left(env, s, &cluster_issuers);
    show_all_left(env, s, &issuers);
    metrics_family(s, METRIC_GAUGE, "certroll_acme_budget_waiting",
                   "Orders that wait for a rate limit.", "limit");
    for (int kind = 0; kind < BUDGET_KINDS; kind++)
        metrics_sample(s, (double)budgets_waiting(env->budgets, (enum budget_kind)kind),
                       budget_kind_field((enum budget_kind)kind));
}
