/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/events.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kube/event_queue.h"

struct event_recorder {
    struct event_sink sink;
    struct event_queue *queue;
    const struct clock *clock;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool has_more; /* something was added */
    bool stopping;
    bool ended;
    int64_t deadline; /* mono, for what is left when stopping */
};

void event_emit(const struct event_sink *s, const struct event *e)
{
    s->emit(s->ctx, e);
}

static void on_emit(void *ctx, const struct event *e)
{
    struct event_recorder *r = ctx;
    event_queue_add(r->queue, e);
    pthread_mutex_lock(&r->lock);
    r->has_more = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static void write_while_running(struct event_recorder *r)
{
    pthread_mutex_lock(&r->lock);
    while (!r->stopping) {
        r->has_more = false;
        pthread_mutex_unlock(&r->lock);
        int64_t due = 0;
        bool wrote = event_queue_write(r->queue, false, &due);
        pthread_mutex_lock(&r->lock);
        while (!wrote && !r->has_more && !r->stopping &&
               cond_wait_until(&r->changed, &r->lock, due))
            continue;
    }
    pthread_mutex_unlock(&r->lock);
}

static void *write_events(void *arg)
{
    struct event_recorder *r = arg;
    write_while_running(r);
    int64_t due;
    while (clock_mono(r->clock) < r->deadline && event_queue_write(r->queue, true, &due))
        continue;
    pthread_mutex_lock(&r->lock);
    r->ended = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

struct event_recorder *event_recorder_new(struct kube_client *client, const struct clock *clock,
                                          const char *controller, const char *instance)
{
    struct event_recorder *r = x_calloc(1, sizeof(*r));
    r->sink = (struct event_sink){.emit = on_emit, .ctx = r};
    r->queue = event_queue_new(client, clock, controller, instance);
    r->clock = clock;
    pthread_mutex_init(&r->lock, NULL);
    cond_init_mono(&r->changed);
    if (pthread_create(&r->thread, NULL, write_events, r) != 0)
        x_abort("event_recorder_new: no more threads");
    pthread_setname_np(r->thread, "events");
    return r;
}

const struct event_sink *event_recorder_sink(struct event_recorder *r)
{
    return &r->sink;
}

uint64_t event_recorder_dropped(const struct event_recorder *r)
{
    return event_queue_dropped(r->queue);
}

void event_recorder_stop(struct event_recorder *r, int64_t mono_deadline)
{
    pthread_mutex_lock(&r->lock);
    if (!r->stopping) {
        r->deadline = mono_deadline;
        r->stopping = true;
        pthread_cond_broadcast(&r->changed);
    }
    while (!r->ended && cond_wait_until(&r->changed, &r->lock, mono_deadline))
        continue;
    pthread_mutex_unlock(&r->lock);
}

void event_recorder_free(struct event_recorder *r)
{
    if (r == NULL)
        return;
    event_recorder_stop(r, 0);
    pthread_join(r->thread, NULL);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    event_queue_free(r->queue);
    free(r);
}
