/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/setup.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/turns.h"
#include "dns01/provider_memory.h"
#include "http01/grants.h"
#include "http01/hosts.h"
#include "http01/replicas.h"
#include "net/http_share.h"
#include "reconcilers/certificate.h"
#include "reconcilers/challenge.h"
#include "reconcilers/challenge_record.h"
#include "reconcilers/indexes.h"
#include "reconcilers/issuer.h"
#include "reconcilers/order.h"
#include "reconcilers/order_abandon.h"
#include "reconcilers/order_alone.h"
#include "reconcilers/order_budget.h"
#include "reconcilers/order_recall.h"
#include "reconcilers/renewal_info.h"
#include "reconcilers/request.h"
#include "reconcilers/revocation.h"
#include "reconcilers/rollout.h"
#include "reconcilers/solver.h"
#include "reconcilers/standing.h"

#define CACHES 10
#define INSIDE_CONTROLLERS (4 + WORKLOAD_KINDS) /* the first ones: Kubernetes and CPU work */
#define CONTROLLERS (INSIDE_CONTROLLERS + 5)

struct reconcilers {
    struct env env;
    struct cache *caches[CACHES + 1];
    size_t cache_count;
    struct controller *controllers[CONTROLLERS + 1];
    size_t controller_count;
    struct controller_owner_route request_to_certificate;
    struct controller_owner_route key_to_certificate;
    struct controller_owner_route order_to_request;
    struct controller_owner_route challenge_to_order;
    struct rollout_ctx rollouts[WORKLOAD_KINDS];
    struct worker_pool *inside;
    struct worker_pool *outside;
    struct http_share *share;
};

/* ---- caches ---- */

static struct store add_cache(struct reconcilers *r, const struct kube_kind *kind)
{
    struct cache *c = cache_new(kind);
    cache_set_clock(c, r->env.clock);
    r->caches[r->cache_count++] = c;
    return (struct store){.client = r->env.kube, .cache = c};
}

static void make_caches(struct reconcilers *r)
{
    struct env *env = &r->env;
    env->certificates = add_cache(r, &kind_certificate);
    env->certificates_by_secret =
        cache_add_index(env->certificates.cache, index_certificate_secret);
    env->certificates_by_issuer =
        cache_add_index(env->certificates.cache, index_certificate_issuer);
    env->requests = add_cache(r, &kind_certificate_request);
    env->requests_by_owner = cache_add_index(env->requests.cache, index_owner);
    env->requests_by_issuer = cache_add_index(env->requests.cache, index_request_issuer);
    env->issuers = add_cache(r, &kind_issuer);
    env->issuers_by_secret = cache_add_index(env->issuers.cache, index_issuer_secret);
    env->cluster_issuers = add_cache(r, &kind_cluster_issuer);
    env->cluster_issuers_by_secret =
        cache_add_index(env->cluster_issuers.cache, index_issuer_secret);
    env->orders = add_cache(r, &kind_order);
    env->orders_by_owner = cache_add_index(env->orders.cache, index_owner);
    env->orders_by_issuer = cache_add_index(env->orders.cache, index_order_issuer);
    env->orders_by_names = cache_add_index(env->orders.cache, index_order_names);
    env->challenges = add_cache(r, &kind_challenge);
    env->challenges_by_owner = cache_add_index(env->challenges.cache, index_owner);
    env->challenges_by_issuer = cache_add_index(env->challenges.cache, index_challenge_issuer);
    env->challenges_by_token = cache_add_index(env->challenges.cache, index_challenge_token);
    env->secrets = add_cache(r, &kind_secret);
    env->secrets_by_owner = cache_add_index(env->secrets.cache, index_owner);
    for (size_t i = 0; i < WORKLOAD_KINDS; i++) {
        env->workloads[i] = add_cache(r, &workload_kinds[i]);
        env->workloads_by_secret[i] =
            cache_add_index(env->workloads[i].cache, index_workload_secret);
    }
}

/* ---- routes: a change of this wakes that ---- */

static void wake_all(struct controller *c, struct cache *cache, int index, const char *value)
{
    AUTO_OBJECT_LIST found = {0};
    cache_peek_index(cache, index, value, &found);
    for (size_t i = 0; i < found.len; i++) {
        const struct object_meta *m = &((const struct kube_object *)found.items[i])->meta;
        controller_enqueue(c, m->namespace, m->name);
    }
}

static const void *either(const struct cache_change *change)
{
    return change->now != NULL ? change->now : change->old;
}

static void wake_secret_users(const struct env *env, const char *ns, const char *secret)
{
    char key[KUBE_KEY_MAX];
    object_key(ns, secret, key);
    wake_all(env->controllers.certificate, env->certificates.cache, env->certificates_by_secret,
             key);
    for (size_t i = 0; i < WORKLOAD_KINDS; i++)
        wake_all(env->controllers.rollout[i], env->workloads[i].cache, env->workloads_by_secret[i],
                 key);
}

static void wake_issuers(const struct env *env, struct cache *cache, int index, const char *secret)
{
    AUTO_OBJECT_LIST found = {0};
    cache_peek_index(cache, index, secret, &found);
    for (size_t i = 0; i < found.len; i++) {
        const struct issuer *issuer = found.items[i];
        controller_enqueue(env->controllers.issuer, issuer->obj.meta.namespace,
                           issuer->obj.meta.name);
        challenge_retry_all(env, issuer);
    }
}

/* An account key that was replaced or deleted is another account; and a DNS provider may take the new credential. */
static void wake_key_users(const struct env *env, const char *ns, const char *secret)
{
    char key[KUBE_KEY_MAX];
    object_key(ns, secret, key);
    wake_issuers(env, env->issuers.cache, env->issuers_by_secret, key);
    if (str_eq(ns, env->config.cluster_resource_namespace))
        wake_issuers(env, env->cluster_issuers.cache, env->cluster_issuers_by_secret, secret);
}

static void on_secret(void *arg, const struct cache_change *change)
{
    const struct object_meta *m = &((const struct kube_object *)either(change))->meta;
    /* At start each Certificate, workload and issuer looks at its Secrets anyway. */
    if (change->initial)
        return;
    wake_secret_users(arg, m->namespace, m->name);
    wake_key_users(arg, m->namespace, m->name);
}

/* A private key among it; and clusters make and delete Certificates for years. */
static void forget_certificate(const struct env *env, const char *uid)
{
    keyring_drop(env->issuer_env.keyring, uid);
    renewal_board_forget(env->renewal_board, uid);
    memo_drop(env->revoked, uid);
}

static void on_certificate(void *arg, const struct cache_change *change)
{
    const struct env *env = arg;
    controller_on_change(env->controllers.certificate, change);
    const struct certificate *old = change->old;
    const struct certificate *now = change->now;
    if (now == NULL && old != NULL)
        forget_certificate(env, str_or(old->obj.meta.uid, ""));
    /* Another spec may free a Secret's name for a rival, or opt workloads in. */
    if (old != NULL && (now == NULL || old->obj.meta.generation != now->obj.meta.generation)) {
        wake_secret_users(env, old->obj.meta.namespace, old->spec.secret_name);
        standing_look(env);
    }
    /* Its Secret may be there already, as when it is made anew: no change of that tells the workloads. */
    if (old == NULL && now != NULL && !change->initial && now->spec.rollout.enabled)
        wake_secret_users(env, now->obj.meta.namespace, now->spec.secret_name);
}

static void wake_issuer_users(const struct env *env, const struct issuer *issuer)
{
    char key[KUBE_KEY_MAX + 1];
    const struct issuer_ref ref = {.name = issuer->obj.meta.name,
                                   .kind = issuer->obj.meta.namespace == NULL ? "ClusterIssuer"
                                                                              : "Issuer"};
    issuer_key(&ref, issuer->obj.meta.namespace, key);
    wake_all(env->controllers.certificate, env->certificates.cache, env->certificates_by_issuer,
             key);
    wake_all(env->controllers.request, env->requests.cache, env->requests_by_issuer, key);
    wake_all(env->controllers.order, env->orders.cache, env->orders_by_issuer, key);
    challenge_retry_all(env, issuer);
}

/* A person can ask for something by an annotation, which moves no generation. */
static bool same_wishes(const struct issuer *a, const struct issuer *b)
{
    static const char *const names[] = {API_DEACTIVATE_ACCOUNT, API_ROTATE_ACCOUNT_KEY};
    bool same = true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        same = same && str_eq(bind_map_get(&a->obj.meta.annotations, names[i]),
                              bind_map_get(&b->obj.meta.annotations, names[i]));
    return same;
}

static void forget_accounts(const struct env *env, const struct issuer *gone)
{
    if (gone != NULL)
        acme_accounts_forget(env->issuer_env.accounts, gone->obj.meta.uid);
}

/* Our own report of a failure must not start the next try before its back-off; and thousands of
 * Certificates need not look at a ready issuer that stays so. */
static void on_issuer(void *arg, const struct cache_change *change)
{
    const struct env *env = arg;
    const struct issuer *old = change->old;
    const struct issuer *now = change->now;
    bool edited = old == NULL || now == NULL ||
                  old->obj.meta.generation != now->obj.meta.generation ||
                  old->obj.meta.deletion_timestamp != now->obj.meta.deletion_timestamp ||
                  !same_wishes(old, now);
    if (now == NULL)
        forget_accounts(env, old);
    standing_issuer_changed(env, old, now);
    bool was_ready = old != NULL && issuer_is_ready(old);
    bool is_ready = now != NULL && issuer_is_ready(now);
    if (edited || (was_ready && !is_ready))
        controller_on_change(env->controllers.issuer, change);
    if (!change->initial && (edited || !was_ready || !is_ready))
        wake_issuer_users(env, either(change));
}

/* ---- workloads: the progress of a rollout is in the status of Certificates ---- */

static bool same_secrets(const struct workload *a, const struct workload *b)
{
    bool same = a->secrets.len == b->secrets.len;
    for (size_t i = 0; same && i < a->secrets.len; i++)
        same = str_eq(a->secrets.items[i], b->secrets.items[i]);
    return same;
}

/* Does rollout_progress() count both alike? */
static bool same_progress(const struct workload *a, const struct workload *b)
{
    return a != NULL && b != NULL && str_eq(a->opt, b->opt) && str_eq(a->seen, b->seen) &&
           workload_is_rolled_out(a) == workload_is_rolled_out(b) && same_secrets(a, b);
}

static void wake_certificates_of(const struct env *env, const struct workload *w)
{
    for (size_t i = 0; w != NULL && i < w->secrets.len; i++) {
        char key[KUBE_KEY_MAX];
        object_key(w->obj.meta.namespace, w->secrets.items[i], key);
        wake_all(env->controllers.certificate, env->certificates.cache, env->certificates_by_secret,
                 key);
    }
}

static void on_workload(void *arg, const struct cache_change *change)
{
    const struct rollout_ctx *ctx = arg;
    controller_on_change(ctx->env->controllers.rollout[ctx->kind], change);
    if (change->initial || same_progress(change->old, change->now))
        return;
    wake_certificates_of(ctx->env, change->old);
    wake_certificates_of(ctx->env, change->now);
}

static void make_routes(struct reconcilers *r)
{
    struct env *env = &r->env;
    struct env_controllers *c = &env->controllers;
    r->request_to_certificate =
        (struct controller_owner_route){c->certificate, &kind_certificate.res};
    r->key_to_certificate = (struct controller_owner_route){c->certificate, &kind_certificate.res};
    r->order_to_request =
        (struct controller_owner_route){c->request, &kind_certificate_request.res};
    r->challenge_to_order = (struct controller_owner_route){c->order, &kind_order.res};
    cache_add_handler(env->certificates.cache, on_certificate, env);
    cache_add_handler(env->requests.cache, controller_on_change, c->request);
    cache_add_handler(env->requests.cache, controller_on_owned_change, &r->request_to_certificate);
    cache_add_handler(env->issuers.cache, on_issuer, env);
    cache_add_handler(env->cluster_issuers.cache, on_issuer, env);
    cache_add_handler(env->orders.cache, order_abandon_on_change, env);
    cache_add_handler(env->orders.cache, order_alone_on_change, env);
    cache_add_handler(env->orders.cache, controller_on_change, c->order);
    cache_add_handler(env->orders.cache, controller_on_owned_change, &r->order_to_request);
    cache_add_handler(env->orders.cache, budget_on_order, env);
    cache_add_handler(env->challenges.cache, controller_on_change, c->challenge);
    cache_add_handler(env->challenges.cache, budget_on_challenge, env);
    cache_add_handler(env->challenges.cache, controller_on_owned_change, &r->challenge_to_order);
    cache_add_handler(env->secrets.cache, on_secret, env);
    cache_add_handler(env->secrets.cache, controller_on_owned_change, &r->key_to_certificate);
    for (size_t i = 0; i < WORKLOAD_KINDS; i++)
        cache_add_handler(env->workloads[i].cache, on_workload, &r->rollouts[i]);
}

/* ---- controllers ---- */

static struct controller *add_controller(struct reconcilers *r, const struct reconcilers_options *o,
                                         const char *name, reconcile_fn reconcile, void *ctx)
{
    /* A CA that is down is asked less eagerly than the API server (whose default is zero here). */
    bool outside = r->controller_count >= INSIDE_CONTROLLERS;
    const struct backoff backoff = {outside ? 100 * NS_PER_MS : 0, outside ? 1000 * NS_PER_SEC : 0,
                                    10};
    struct controller *c = controller_new(&(struct controller_options){
        .name = name,
        .reconcile = reconcile,
        .ctx = ctx,
        .clock = o->clock,
        .rng = o->rng,
        .backoff = backoff,
        .observe = o->observe,
        .observe_arg = o->observe_arg,
    });
    r->controllers[r->controller_count++] = c;
    return c;
}

static void make_controllers(struct reconcilers *r, const struct reconcilers_options *o)
{
    static const char *const rollout_names[WORKLOAD_KINDS] = {"deployment", "statefulset",
                                                              "daemonset"};
    struct env *env = &r->env;
    struct env_controllers *c = &env->controllers;
    /* Those that work inside come first: see reconcilers_start(). */
    c->certificate = add_controller(r, o, "certificate", certificate_reconcile, env);
    c->request = add_controller(r, o, "certificaterequest", request_reconcile, env);
    c->solver = add_controller(r, o, "solver", solver_reconcile, env);
    for (size_t i = 0; i < WORKLOAD_KINDS; i++) {
        r->rollouts[i] = (struct rollout_ctx){.env = env, .kind = i};
        c->rollout[i] = add_controller(r, o, rollout_names[i], rollout_reconcile, &r->rollouts[i]);
    }
    c->budgets = add_controller(r, o, "budgets", budget_store_reconcile, env);
    c->issuer = add_controller(r, o, "issuer", issuer_reconcile, env);
    c->order = add_controller(r, o, "order", order_reconcile, env);
    c->challenge = add_controller(r, o, "challenge", challenge_reconcile, env);
    c->renewal_info = add_controller(r, o, "renewalinfo", renewal_info_reconcile, env);
    c->revocation = add_controller(r, o, "revocation", revocation_reconcile, env);
}

/* ---- life ---- */

static void make_env(struct reconcilers *r, const struct reconcilers_options *o)
{
    struct env *env = &r->env;
    r->share = http_share_new(o->outside, o->clock);
    env->config = o->config;
    env->clock = o->clock;
    env->rng = o->rng;
    env->stop = o->stop;
    env->kube = o->kube;
    env->outside = http_share_transport(r->share);
    env->dns = o->dns;
    env->events = o->events;
    env->caa = acme_caa_new(o->dns, o->clock);
    env->fresh_keys = fresh_keys_new(o->clock);
    env->polls = memo_new();
    env->proven = memo_new();
    env->reused = memo_new();
    env->placed = memo_new();
    env->aliases = memo_new();
    env->lost = memo_new();
    env->abandoned = memo_new();
    env->presented = memo_new();
    env->http01 = (struct http01_env){
        .kube = o->kube,
        .namespace = o->config.namespace,
        .responder = o->config.responder,
        .replicas = http01_replicas_new(o->clock),
        .hosts = http01_hosts_new(o->clock),
        .grants = http01_grants_new(o->clock),
    };
    env->dns01 = (struct dns_services){
        .clock = o->clock,
        .rng = o->rng,
        .stop = o->stop,
        .kube = o->kube,
        .http = env->outside,
        .dns = o->dns,
        .memory = dns_memory_new(),
    };
    env->dns_zones = dns_zones_new();
    env->dns_notes = memo_new();
    env->dns_held = dns_held_new();
    env->turns = turns_new();
    env->dns_looks = 1;
    env->renewal_board = renewal_board_new();
    env->revoked = memo_new();
    env->outages = memo_new();
    env->forbidden = memo_new();
    env->solver_needs = solver_needs_new();
    env->budgets = budgets_new(o->clock);
}

static void make_issuer_env(struct env *env)
{
    env->issuer_env = (struct issuer_env){
        .clock = env->clock,
        .rng = env->rng,
        .stop = env->stop,
        .kube = env->kube,
        .outside = env->outside,
        .secrets = env->secrets,
        .orders = env->orders,
        .orders_by_owner = env->orders_by_owner,
        .orders_by_issuer = env->orders_by_issuer,
        .issuers = env->issuers,
        .cluster_issuers = env->cluster_issuers,
        .issuers_by_secret = env->issuers_by_secret,
        .cluster_issuers_by_secret = env->cluster_issuers_by_secret,
        .keyring = keyring_new(),
        .accounts = acme_accounts_new(),
        .cluster_resource_namespace = env->config.cluster_resource_namespace,
    };
}

struct reconcilers *reconcilers_new(const struct reconcilers_options *o)
{
    struct reconcilers *r = x_calloc(1, sizeof(*r));
    make_env(r, o);
    make_caches(r);
    make_issuer_env(&r->env);
    make_controllers(r, o);
    make_routes(r);
    return r;
}

void reconcilers_free(struct reconcilers *r)
{
    if (r == NULL)
        return;
    reconcilers_stop(r);
    for (size_t i = 0; i < r->controller_count; i++)
        controller_free(r->controllers[i]);
    for (size_t i = 0; i < r->cache_count; i++)
        cache_free(r->caches[i]);
    keyring_free(r->env.issuer_env.keyring);
    acme_accounts_free(r->env.issuer_env.accounts);
    acme_caa_free(r->env.caa);
    fresh_keys_free(r->env.fresh_keys);
    memo_free(r->env.polls);
    memo_free(r->env.proven);
    memo_free(r->env.reused);
    memo_free(r->env.placed);
    memo_free(r->env.aliases);
    memo_free(r->env.lost);
    memo_free(r->env.abandoned);
    memo_free(r->env.presented);
    renewal_board_free(r->env.renewal_board);
    memo_free(r->env.revoked);
    memo_free(r->env.outages);
    memo_free(r->env.forbidden);
    solver_needs_free(r->env.solver_needs);
    http01_replicas_free(r->env.http01.replicas);
    http01_hosts_free(r->env.http01.hosts);
    http01_grants_free(r->env.http01.grants);
    dns_memory_free(r->env.dns01.memory);
    dns_zones_free(r->env.dns_zones);
    memo_free(r->env.dns_notes);
    dns_held_free(r->env.dns_held);
    turns_free(r->env.turns);
    budgets_free(r->env.budgets);
    http_share_free(r->share);
    free(r);
}

void reconcilers_trim(const struct reconcilers *r)
{
    fresh_keys_trim(r->env.fresh_keys);
}

const struct env *reconcilers_env(const struct reconcilers *r)
{
    return &r->env;
}

struct cache *const *reconcilers_caches(const struct reconcilers *r)
{
    return r->caches;
}

struct controller *const *reconcilers_controllers(const struct reconcilers *r)
{
    return r->controllers;
}

void reconcilers_start(struct reconcilers *r, unsigned workers, unsigned external_workers)
{
    solver_adopt(&r->env);
    order_recall_adopt(&r->env);
    http_share_set_threads(r->share, external_workers);
    r->env.dns_looks = external_workers - external_workers / 4;
    r->inside = worker_pool_start(r->controllers, INSIDE_CONTROLLERS, workers);
    r->outside = worker_pool_start(r->controllers + INSIDE_CONTROLLERS,
                                   r->controller_count - INSIDE_CONTROLLERS, external_workers);
}

void reconcilers_stop(struct reconcilers *r)
{
    bool led = r->inside != NULL;
    worker_pool_stop(r->inside);
    worker_pool_stop(r->outside);
    if (led)
        err_drop(budget_store(&r->env)); /* else the next leader looks at the Orders */
    r->inside = NULL;
    r->outside = NULL;
}
