/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_replica.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/client.h"
#include "kube/election.h"
#include "reconcilers/http01_answer.h"
#include "reconcilers/order_recall.h"
#include "reconcilers/setup.h"
#include "reconcilers/solver.h"
#include "sim/sim_hooks.h"
#include "sim/sim_net.h"
#include "sim/sim_orders.h"
#include "sim/sim_pace.h"
#include "sim/sim_stream.h"
#include "sim/sim_tenants.h"
#include "sim/sim_zone.h"

#define STREAMS_MAX 32
#define CONTROLLERS_MAX 32
#define START_MAX (5 * NS_PER_SEC)
#define LAG_MAX (3 * NS_PER_SEC)

struct watch {
    struct sim_stream stream;
    struct cache *cache;
};

struct sim_replica {
    struct sim *sim;
    unsigned number;
    bool elects;
    struct clock clock; /* the world's, but for the skew */
    int64_t skew;
    struct sim_caller caller;       /* of the reconcilers */
    struct sim_caller lease_caller; /* of the election: no gate */
    struct event_sink events;
    int64_t start_at; /* wall ns, while it is down */
    unsigned deaths;
    unsigned lost_urls; /* of orders, which only it knew when it was killed */

    /* While it is up. */
    struct kube_client *kube, *lease_kube;
    struct stop *stop;
    struct reconcilers *reconcilers; /* NULL while it is down */
    struct election election;
    int64_t election_at; /* mono ns */
    struct watch watches[STREAMS_MAX];
    size_t watch_count;
    unsigned depth; /* of reconciles and election steps under way */
    bool electing;  /* a step of the election is under way */
    bool acquired;  /* the lease, and the workers are to be started */
    bool working;   /* they run */
    bool dying;     /* no call gets through any more; it is gone when the one under way returns */
    int64_t frozen_until, cut_off_until; /* wall ns */
};

static int64_t skewed_wall(void *ctx)
{
    const struct sim_replica *r = ctx;
    return sim_now(r->sim) + r->skew;
}

static int64_t true_mono(void *ctx)
{
    const struct sim_replica *r = ctx;
    return clock_mono(&r->sim->clock.clock);
}

static void emit(void *ctx, const struct event *e)
{
    const struct sim_replica *r = ctx;
    sim_note(r->sim, "event %s %s: %s", e->regarding->name, e->reason, str_or(e->note, ""));
    if (str_eq(e->reason, "PrepareNotUndone"))
        sim_hooks_excuse(r->sim->hooks, e->regarding->namespace, e->regarding->name);
    if (str_eq(e->reason, "CleanUpError"))
        sim_zone_excuse(r->sim->zone, str_or(e->note, ""));
}

struct sim_replica *sim_replica_new(struct sim *s, unsigned number, bool elects)
{
    struct sim_replica *r = x_calloc(1, sizeof(*r));
    r->sim = s;
    r->number = number;
    r->elects = elects;
    r->clock = (struct clock){.wall = skewed_wall, .mono = true_mono, .ctx = r};
    r->events = (struct event_sink){.emit = emit, .ctx = r};
    sim_net_connect(s->net, &r->caller, r, false);
    sim_net_connect(s->net, &r->lease_caller, r, true);
    return r;
}

static void stop(struct sim_replica *r)
{
    reconcilers_free(r->reconcilers);
    if (r->elects)
        election_release(&r->election);
    kube_client_free(r->kube);
    kube_client_free(r->lease_kube);
    stop_free(r->stop);
    r->reconcilers = NULL;
    r->kube = r->lease_kube = NULL;
    r->stop = NULL;
    r->dying = r->acquired = r->working = false;
    r->watch_count = 0;
    r->frozen_until = r->cut_off_until = 0;
}

void sim_replica_free(struct sim_replica *r)
{
    stop(r);
    free(r);
}

unsigned sim_replica_number(const struct sim_replica *r)
{
    return r->number;
}

static bool is_frozen(const struct sim_replica *r)
{
    return sim_now(r->sim) < r->frozen_until;
}

/* ---- streams ---- */

static void fill(void *arg, const struct sim_event *e)
{
    const struct watch *w = arg;
    struct cache_fill *f = cache_fill(w->cache, NULL);
    const json_t *meta = JGET(e->object, "metadata");
    if (e->change == SIM_DELETED)
        cache_fill_delete(f, JSTR(meta, "namespace"), JSTR(meta, "name"),
                          JSTR(meta, "resourceVersion"));
    else
        err_drop(cache_fill_put_json(f, e->object)); /* left out, as the informer does */
    sim_note(w->stream.sim, "watch: %s %s %s at %s", e->res->kind, JSTR(meta, "name"),
             e->change == SIM_DELETED ? "deleted" : "changed", JSTR(meta, "resourceVersion"));
}

static void list(struct sim_replica *r, struct cache *cache)
{
    struct cache_fill *f = cache_fill(cache, NULL);
    auto_free struct sim_object **all = sim_api_all(r->sim->api, cache_kind(cache)->res.plural);
    auto_free char *version = sim_api_version(r->sim->api);
    cache_fill_replace_begin(f);
    for (size_t i = 0; all[i] != NULL; i++)
        err_drop(cache_fill_put_json(f, all[i]->json)); /* left out, as the informer does */
    cache_fill_replace_end(f, version);
}

static struct watch *some_watch(struct sim_replica *r)
{
    return &r->watches[sim_pick(r->sim, (unsigned)r->watch_count)];
}

/* A stream that broke and lists again, at the newest version. */
static void relist(struct sim_replica *r)
{
    struct watch *w = some_watch(r);
    sim_note(r->sim, "watch: %s lists again", w->stream.res->kind);
    list(r, w->cache);
    sim_stream_open(&w->stream, r->sim, w->stream.res);
}

/* Bookmarks tell a quiet stream how far it is. */
static void bookmark(struct sim_replica *r)
{
    auto_free char *version = sim_api_version(r->sim->api);
    struct watch *w = some_watch(r);
    if (sim_stream_next(&w->stream) == SIM_NEVER)
        cache_fill_progress(cache_fill(w->cache, NULL), version);
}

/* ---- life ---- */

static void observe(void *arg, const char *controller, const char *key, int64_t duration,
                    const struct err *err)
{
    const struct sim_replica *r = arg;
    (void)duration;
    sim_note(r->sim, "%*sreconciled %s %s%s%s", (int)r->depth * 2, "", controller, key,
             err != NULL ? ": " : "", err != NULL ? err->message : "");
    sim_pace_reconciled(r->sim, controller, key, err, !r->dying && sim_replica_may_write(r));
}

static struct kube_client *new_client(struct sim_replica *r, const struct sim_caller *caller)
{
    const struct kube_config config = {.server = (char *)(uintptr_t) "https://" SIM_API_HOST,
                                       .namespace = (char *)(uintptr_t) "certroll"};
    struct kube_client *client = NULL;
    err_drop(kube_client_new(&config, &caller->transport, &r->clock, r->stop,
                             &client)); /* nothing in this config can be wrong */
    return client;
}

static struct http01_responder responder_of(const struct sim *s)
{
    return sim_tenants_share(s) ? (struct http01_responder){"certroll", SIM_TENANTS_SERVICE}
                                : (struct http01_responder){0};
}

static void make(struct sim_replica *r)
{
    r->stop = stop_new();
    r->kube = new_client(r, &r->caller);
    r->lease_kube = new_client(r, &r->lease_caller);
    r->reconcilers = reconcilers_new(&(struct reconcilers_options){
        .config = {.responder = responder_of(r->sim),
                   .cluster_resource_namespace = "certroll",
                   .own_namespace = "certroll",
                   .solver_image = "certroll:sim",
                   .prepare_namespaces = SIM_HOOKS_NAMESPACES,
                   .solver_linger = 2 * NS_PER_MIN,
                   .failure_backoff_min = NS_PER_MIN,
                   .failure_backoff_max = 10 * NS_PER_MIN,
                   .renewal_jitter = 12 * NS_PER_HOUR},
        .clock = &r->clock,
        .rng = &r->sim->jitter.rng,
        .stop = r->stop,
        .kube = r->kube,
        .outside = &r->caller.transport,
        .dns = &r->caller.dns,
        .events = &r->events,
        .observe = observe,
        .observe_arg = r,
    });
}

static void on_acquired(void *arg)
{
    struct sim_replica *r = arg;
    sim_note(r->sim, "replica %u has the lease", r->number);
    r->acquired = true;
}

/* In production the process exits. */
static void on_lost(void *arg)
{
    struct sim_replica *r = arg;
    sim_note(r->sim, "replica %u has lost the lease", r->number);
    r->dying = true;
}

static void stand_for_election(struct sim_replica *r)
{
    auto_free char *identity = x_printf("replica-%u_%u", r->number, r->deaths);
    const struct lease_options options = {
        .client = r->lease_kube,
        .ns = "certroll",
        .name = "certroll",
        .identity = identity,
        .clock = &r->clock,
        .rng = &r->sim->jitter.rng,
        .on_acquired = on_acquired,
        .on_lost = on_lost,
        .arg = r,
    };
    err_drop(election_init(&r->election, &options)); /* nothing in them can be wrong */
    r->election_at = clock_mono(&r->clock);
}

static void start(struct sim_replica *r)
{
    sim_note(r->sim, "certroll starts (replica %u)", r->number);
    make(r);
    for (struct cache *const *c = reconcilers_caches(r->reconcilers); *c != NULL; c++) {
        struct watch *w = &r->watches[r->watch_count++];
        *w = (struct watch){.stream = {.lag_max = LAG_MAX, .deliver = fill, .arg = w}, .cache = *c};
        list(r, *c);
        sim_stream_open(&w->stream, r->sim, sim_resource(cache_kind(*c)->res.plural));
    }
    if (r->elects)
        stand_for_election(r);
    else
        r->acquired = true;
}

static void leave(struct sim_replica *r)
{
    r->depth--;
    if (r->dying && r->depth == 0)
        sim_replica_kill(r, sim_delay(r->sim, START_MAX));
}

/* As reconcilers_start(), but for the threads. */
static void start_working(struct sim_replica *r)
{
    r->acquired = false;
    r->working = true;
    solver_adopt(reconcilers_env(r->reconcilers));
    order_recall_adopt(reconcilers_env(r->reconcilers));
}

void sim_replica_kill(struct sim_replica *r, int64_t down)
{
    if (r->depth > 0) {
        r->dying = true;
        return;
    }
    if (r->reconcilers != NULL)
        r->lost_urls += sim_orders_in_memory(r->sim, reconcilers_env(r->reconcilers));
    stop(r);
    r->deaths++;
    r->start_at = sim_now(r->sim) + down;
    sim_note(r->sim, "certroll is killed (replica %u)", r->number);
}

void sim_replica_come_back(struct sim_replica *r)
{
    r->start_at = sim_now(r->sim) < r->start_at ? sim_now(r->sim) : r->start_at;
    r->skew = 0;
    r->frozen_until = r->cut_off_until = 0;
}

bool sim_replica_is_dying(const struct sim_replica *r)
{
    return r->dying;
}

unsigned sim_replica_deaths(const struct sim_replica *r)
{
    return r->deaths;
}

unsigned sim_replica_lost_urls(const struct sim_replica *r)
{
    return r->lost_urls;
}

bool sim_replica_is_up_to_date(struct sim_replica *r)
{
    if (!r->working || r->dying || is_frozen(r))
        return false;
    for (size_t i = 0; i < r->watch_count; i++)
        if (sim_stream_next(&r->watches[i].stream) != SIM_NEVER)
            return false;
    return true;
}

bool sim_replica_plans(const struct sim_replica *r, const char *controller, const char *key)
{
    for (struct controller *const *c = reconcilers_controllers(r->reconcilers); *c != NULL; c++)
        if (str_eq(controller_name(*c), controller))
            return workqueue_has(controller_queue(*c), key);
    return false;
}

/* ---- what the world does to it ---- */

void sim_replica_skew(struct sim_replica *r, int64_t skew)
{
    sim_note(r->sim, "the clock of replica %u is wrong by %lld s", r->number,
             (long long)(skew / NS_PER_SEC));
    r->skew = skew;
}

void sim_replica_freeze(struct sim_replica *r, int64_t until)
{
    sim_note(r->sim, "replica %u stands still", r->number);
    r->frozen_until = until;
}

void sim_replica_cut_off(struct sim_replica *r, int64_t until)
{
    sim_note(r->sim, "replica %u is cut off", r->number);
    r->cut_off_until = until;
}

int64_t sim_replica_frozen_until(const struct sim_replica *r)
{
    return r->frozen_until;
}

bool sim_replica_is_cut_off(const struct sim_replica *r)
{
    return sim_now(r->sim) < r->cut_off_until;
}

/* ---- the lease ---- */

bool sim_replica_may_write(const struct sim_replica *r)
{
    return r->reconcilers != NULL && (!r->elects || election_is_held(&r->election));
}

struct err *sim_replica_gate(const struct sim_replica *r)
{
    if (sim_replica_may_write(r))
        return NULL;
    return err_new(ERR_CANCELLED, "NotLeader", "not sent: this process does not hold the lease");
}

int64_t sim_replica_next_election(const struct sim_replica *r)
{
    if (!r->elects || r->reconcilers == NULL || r->electing || r->dying)
        return SIM_NEVER;
    int64_t at = r->election_at + sim_now(r->sim) - clock_mono(&r->clock);
    return at < r->frozen_until ? r->frozen_until : at;
}

void sim_replica_elect(struct sim_replica *r)
{
    r->electing = true;
    r->depth++;
    AUTO_ERR e = election_step(&r->election);
    if (e != NULL)
        sim_note(r->sim, "replica %u: %s", r->number, e->message);
    r->election_at = election_next(&r->election);
    r->electing = false;
    leave(r);
}

void sim_replica_carry(struct sim_replica *r, bool leads)
{
    if (!r->elects || r->reconcilers == NULL)
        return;
    int64_t now = clock_mono(&r->clock);
    if (leads)
        atomic_store(&r->election.renewed, now);
    else if (atomic_load(&r->election.renewed) == 0)
        r->election.free_at = now + r->election.o.duration;
    r->election_at = election_next(&r->election);
}

bool sim_replica_leads_calmly(const struct sim_replica *r)
{
    return r->working && !r->dying && !is_frozen(r) && !sim_replica_is_cut_off(r) &&
           sim_replica_may_write(r);
}

/* ---- answering the CA ---- */

int sim_replica_answer(const struct sim_replica *r, const char *host, const char *path,
                       struct buf *body)
{
    if (r->reconcilers == NULL || r->dying || is_frozen(r))
        return 0;
    const struct httpd_request req = {.path = path, .host = host};
    struct httpd_reply reply = {.status = 404, .body = BUF_INIT(4096)};
    http01_answer((void *)(uintptr_t)reconcilers_env(r->reconcilers), &req, &reply);
    buf_puts(body, buf_str(&reply.body));
    buf_release(&reply.body);
    return reply.status;
}

/* ---- working ---- */

static unsigned ready_controllers(const struct sim_replica *r,
                                  struct controller *ready[CONTROLLERS_MAX])
{
    unsigned n = 0;
    if (!r->working || r->dying || is_frozen(r))
        return 0;
    for (struct controller *const *c = reconcilers_controllers(r->reconcilers); *c != NULL; c++)
        if (workqueue_len(controller_queue(*c)) > 0)
            ready[n++] = *c;
    return n;
}

bool sim_replica_is_ready(const struct sim_replica *r)
{
    struct controller *ready[CONTROLLERS_MAX];
    return ready_controllers(r, ready) > 0;
}

void sim_replica_step(struct sim_replica *r)
{
    struct controller *ready[CONTROLLERS_MAX];
    unsigned n = ready_controllers(r, ready);
    r->depth++;
    controller_step(ready[sim_pick(r->sim, n)]);
    leave(r);
}

int64_t sim_replica_next(struct sim_replica *r)
{
    if (is_frozen(r))
        return r->frozen_until;
    if (r->reconcilers == NULL)
        return r->start_at;
    int64_t next = SIM_NEVER;
    for (size_t i = 0; i < r->watch_count; i++) {
        int64_t at = sim_stream_next(&r->watches[i].stream);
        next = at < next ? at : next;
    }
    int64_t offset = sim_now(r->sim) - clock_mono(&r->clock);
    struct controller *const *c = reconcilers_controllers(r->reconcilers);
    for (; r->working && *c != NULL; c++) {
        int64_t due = workqueue_next_due(controller_queue(*c));
        if (due != INT64_MAX && due + offset < next)
            next = due + offset;
    }
    return next;
}

void sim_replica_happen(struct sim_replica *r)
{
    if (is_frozen(r) || r->dying)
        return;
    if (r->reconcilers == NULL && sim_now(r->sim) >= r->start_at)
        start(r);
    if (r->reconcilers == NULL)
        return;
    if (r->elects)
        election_check_deadline(&r->election);
    if (r->dying && r->depth == 0)
        sim_replica_kill(r, sim_delay(r->sim, START_MAX));
    if (r->reconcilers == NULL)
        return;
    if (r->acquired)
        start_working(r);
    for (size_t i = 0; i < r->watch_count; i++)
        sim_stream_happen(&r->watches[i].stream);
    if (r->reconcilers == NULL)
        return;
    if (!r->sim->calm && sim_chance(r->sim, 2))
        relist(r);
    if (sim_chance(r->sim, 20))
        bookmark(r);
}
