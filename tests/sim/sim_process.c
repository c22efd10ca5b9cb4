/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_process.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/client.h"
#include "reconcilers/setup.h"
#include "reconcilers/solver.h"
#include "sim/sim_check.h"
#include "sim/sim_net.h"
#include "sim/sim_stream.h"

#define STREAMS_MAX 16
#define CONTROLLERS_MAX 16
#define START_MAX (5 * NS_PER_SEC)
#define LAG_MAX (3 * NS_PER_SEC)

struct watch {
    struct sim_stream stream;
    struct cache *cache;
};

struct sim_process {
    struct sim *sim;
    struct kube_client *kube;
    struct stop *stop;
    struct event_sink events;
    struct reconcilers *reconcilers; /* NULL while it is down */
    struct watch watches[STREAMS_MAX];
    size_t watch_count;
    int64_t start_at; /* wall ns, while it is down */
    unsigned deaths;
    unsigned depth; /* of reconciles that run */
    bool dying;
};

static void emit(void *ctx, const struct event *e)
{
    const struct sim_process *p = ctx;
    sim_note(p->sim, "event %s %s: %s", e->regarding->name, e->reason, str_or(e->note, ""));
}

struct sim_process *sim_process_new(struct sim *s)
{
    struct sim_process *p = x_calloc(1, sizeof(*p));
    p->sim = s;
    p->events = (struct event_sink){.emit = emit, .ctx = p};
    return p;
}

static void stop(struct sim_process *p)
{
    reconcilers_free(p->reconcilers);
    kube_client_free(p->kube);
    stop_free(p->stop);
    p->reconcilers = NULL;
    p->kube = NULL;
    p->stop = NULL;
    p->dying = false;
    p->watch_count = 0;
}

void sim_process_free(struct sim_process *p)
{
    stop(p);
    free(p);
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

static void list(struct sim_process *p, struct cache *cache)
{
    struct cache_fill *f = cache_fill(cache, NULL);
    auto_free struct sim_object **all = sim_api_all(p->sim->api, cache_kind(cache)->res.plural);
    auto_free char *version = sim_api_version(p->sim->api);
    cache_fill_replace_begin(f);
    for (size_t i = 0; all[i] != NULL; i++)
        err_drop(cache_fill_put_json(f, all[i]->json)); /* left out, as the informer does */
    cache_fill_replace_end(f, version);
}

/* A stream that broke and lists again, at the newest version. */
static void relist(struct sim_process *p)
{
    struct watch *w = &p->watches[sim_pick(p->sim, (unsigned)p->watch_count)];
    sim_note(p->sim, "watch: %s lists again", w->stream.res->kind);
    list(p, w->cache);
    sim_stream_open(&w->stream, p->sim, w->stream.res);
}

/* Bookmarks tell a quiet stream how far it is. */
static void bookmark(struct sim_process *p)
{
    auto_free char *version = sim_api_version(p->sim->api);
    struct watch *w = &p->watches[sim_pick(p->sim, (unsigned)p->watch_count)];
    if (sim_stream_next(&w->stream) == SIM_NEVER)
        cache_fill_progress(cache_fill(w->cache, NULL), version);
}

/* ---- life ---- */

static void observe(void *arg, const char *controller, const char *key, int64_t duration,
                    const struct err *err)
{
    const struct sim_process *p = arg;
    (void)duration;
    sim_note(p->sim, "%*sreconciled %s %s%s%s", (int)p->depth * 2, "", controller, key,
             err != NULL ? ": " : "", err != NULL ? err->message : "");
    sim_check_reconciled(p->sim, controller, key, err);
}

static void make(struct sim_process *p)
{
    struct sim *s = p->sim;
    const struct kube_config config = {.server = (char *)(uintptr_t) "https://" SIM_API_HOST,
                                       .namespace = (char *)(uintptr_t) "certroll"};
    p->stop = stop_new();
    err_drop(kube_client_new(&config, sim_net_transport(s->net), &s->clock.clock, p->stop,
                             &p->kube)); /* nothing in this config can be wrong */
    p->reconcilers = reconcilers_new(&(struct reconcilers_options){
        .config = {.cluster_resource_namespace = "certroll",
                   .solver_image = "certroll:sim",
                   .solver_linger = 2 * NS_PER_MIN,
                   .failure_backoff_min = NS_PER_MIN,
                   .failure_backoff_max = 10 * NS_PER_MIN},
        .clock = &s->clock.clock,
        .rng = &s->jitter.rng,
        .stop = p->stop,
        .kube = p->kube,
        .outside = sim_net_transport(s->net),
        .events = &p->events,
        .observe = observe,
        .observe_arg = p,
    });
}

static void start(struct sim_process *p)
{
    sim_note(p->sim, "certroll starts");
    make(p);
    for (struct cache *const *c = reconcilers_caches(p->reconcilers); *c != NULL; c++) {
        struct watch *w = &p->watches[p->watch_count++];
        *w = (struct watch){.stream = {.lag_max = LAG_MAX, .deliver = fill, .arg = w}, .cache = *c};
        list(p, *c);
        sim_stream_open(&w->stream, p->sim, sim_resource(cache_kind(*c)->res.plural));
    }
    solver_adopt(reconcilers_env(p->reconcilers));
}

void sim_process_kill(struct sim_process *p, int64_t down)
{
    if (p->depth > 0) {
        p->dying = true;
        return;
    }
    stop(p);
    p->deaths++;
    p->start_at = sim_now(p->sim) + down;
    sim_note(p->sim, "certroll is killed");
}

void sim_process_come_back(struct sim_process *p)
{
    p->start_at = sim_now(p->sim);
}

void sim_process_die(struct sim_process *p)
{
    p->dying = true;
}

bool sim_process_is_dying(const struct sim_process *p)
{
    return p->dying;
}

unsigned sim_process_deaths(const struct sim_process *p)
{
    return p->deaths;
}

/* ---- working ---- */

bool sim_process_step(struct sim_process *p)
{
    struct controller *ready[CONTROLLERS_MAX];
    unsigned n = 0;
    if (p->reconcilers == NULL)
        return false;
    for (struct controller *const *c = reconcilers_controllers(p->reconcilers); *c != NULL; c++)
        if (workqueue_len(controller_queue(*c)) > 0)
            ready[n++] = *c;
    if (n == 0)
        return false;
    p->depth++;
    controller_step(ready[sim_pick(p->sim, n)]);
    p->depth--;
    if (p->dying && p->depth == 0)
        sim_process_kill(p, sim_delay(p->sim, START_MAX));
    return true;
}

int64_t sim_process_next(struct sim_process *p)
{
    if (p->reconcilers == NULL)
        return p->start_at;
    int64_t next = SIM_NEVER;
    for (size_t i = 0; i < p->watch_count; i++) {
        int64_t at = sim_stream_next(&p->watches[i].stream);
        next = at < next ? at : next;
    }
    int64_t offset = sim_now(p->sim) - clock_mono(&p->sim->clock.clock);
    for (struct controller *const *c = reconcilers_controllers(p->reconcilers); *c != NULL; c++) {
        int64_t due = workqueue_next_due(controller_queue(*c));
        if (due != INT64_MAX && due + offset < next)
            next = due + offset;
    }
    return next;
}

void sim_process_happen(struct sim_process *p)
{
    if (p->depth > 0 && p->dying)
        return;
    if (p->reconcilers == NULL && sim_now(p->sim) >= p->start_at)
        start(p);
    for (size_t i = 0; i < p->watch_count; i++)
        sim_stream_happen(&p->watches[i].stream);
    if (p->reconcilers == NULL)
        return;
    if (!p->sim->calm && sim_chance(p->sim, 2))
        relist(p);
    if (sim_chance(p->sim, 20))
        bookmark(p);
}
