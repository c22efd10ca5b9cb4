/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kube/controller.h"

#define THREAD_NAME_MAX 16 /* with the NUL; the kernel's limit */

struct slot {
    struct controller *controller;
    unsigned running;
};

/*
 * One mutex and one condition variable over all queues. A free worker serves the controller with the
 * fewest running reconciles; of equals, the one after the last served. With several controllers none
 * may hold the last free thread, so a slow one never stops the others.
 *
 * Of the workers that wait, one watches the time; the others only wait to be woken. When that one finds work, it
 * wakes another one to watch, or to take what came due with it. So a key that comes due wakes two at most, and not all.
 */
struct worker_pool {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct slot *slots;
    size_t slot_count;
    size_t turn;
    unsigned idle;   /* workers that wait */
    int64_t watched; /* one of them wakes by then; INT64_MAX: none watches the time */
    bool stopping;
    pthread_t *threads;
    unsigned thread_count;
};

/* A queue changed: at most one more worker is needed. */
static void on_queue_change(void *arg)
{
    struct worker_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    bool waits = p->idle > 0;
    pthread_mutex_unlock(&p->lock);
    if (waits) /* not under the lock, which is what it needs next */
        pthread_cond_signal(&p->changed);
}

static bool may_run(const struct worker_pool *p, const struct slot *s)
{
    return p->slot_count == 1 || p->thread_count == 1 || s->running + 1 < p->thread_count;
}

/* The slot with a ready key that is served next, or NULL. */
static struct slot *pick(struct worker_pool *p)
{
    struct slot *best = NULL;
    for (size_t i = 0; i < p->slot_count; i++) {
        struct slot *s = &p->slots[(p->turn + i) % p->slot_count];
        if ((best == NULL || s->running < best->running) && may_run(p, s) &&
            workqueue_len(controller_queue(s->controller)) > 0)
            best = s;
    }
    return best;
}

static int64_t next_due(const struct worker_pool *p)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < p->slot_count; i++) {
        /* What may not run now is looked at again when one of its reconciles ends. */
        if (!may_run(p, &p->slots[i]))
            continue;
        int64_t d = workqueue_next_due(controller_queue(p->slots[i].controller));
        due = d < due ? d : due;
    }
    return due;
}

/* Until something may have changed, or comes due. */
static void rest(struct worker_pool *p)
{
    int64_t due = next_due(p);
    bool watches = due < p->watched;
    p->idle++;
    if (watches) {
        p->watched = due;
        cond_wait_until(&p->changed, &p->lock, due);
    } else {
        pthread_cond_wait(&p->changed, &p->lock);
    }
    p->idle--;
    if (watches && p->watched == due)
        p->watched = INT64_MAX;
}

/* Besides the key of taken, which its worker goes for. */
static bool is_anything_ready(const struct worker_pool *p, const struct slot *taken)
{
    for (size_t i = 0; i < p->slot_count; i++) {
        const struct slot *s = &p->slots[i];
        size_t own = s == taken ? 1 : 0;
        if (may_run(p, s) && workqueue_len(controller_queue(s->controller)) > own)
            return true;
    }
    return false;
}

/* Who goes to work leaves to another one what comes due before anybody wakes. Of several keys that came due at
 * once nobody was told: where no one watches the time, they may be here already. */
static void hand_over(struct worker_pool *p, const struct slot *taken)
{
    if (p->idle > 0 &&
        (next_due(p) < p->watched || (p->watched == INT64_MAX && is_anything_ready(p, taken))))
        pthread_cond_signal(&p->changed);
}

static void *work(void *arg)
{
    struct worker_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        struct slot *s = pick(p);
        if (s == NULL) {
            rest(p);
            continue;
        }
        s->running++;
        p->turn = (size_t)(s - p->slots) + 1;
        hand_over(p, s);
        pthread_mutex_unlock(&p->lock);
        controller_step(s->controller);
        pthread_mutex_lock(&p->lock);
        s->running--;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void name_thread(pthread_t thread, const struct worker_pool *p, unsigned number)
{
    char name[THREAD_NAME_MAX];
    snprintf(name, sizeof(name), "%u-%.12s", number % 100,
             controller_name(p->slots[number % p->slot_count].controller));
    pthread_setname_np(thread, name);
}

struct worker_pool *worker_pool_start(struct controller *const *controllers, size_t count,
                                      unsigned threads)
{
    struct worker_pool *p = x_calloc(1, sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    cond_init_mono(&p->changed);
    p->slots = x_calloc(count, sizeof(*p->slots));
    p->slot_count = count;
    p->thread_count = threads;
    p->watched = INT64_MAX;
    p->threads = x_calloc(threads, sizeof(*p->threads));
    for (size_t i = 0; i < count; i++) {
        p->slots[i].controller = controllers[i];
        workqueue_on_change(controller_queue(controllers[i]), on_queue_change, p);
    }
    for (unsigned i = 0; i < threads; i++) {
        if (pthread_create(&p->threads[i], NULL, work, p) != 0)
            x_abort("worker_pool_start: no more threads");
        name_thread(p->threads[i], p, i);
    }
    return p;
}

void worker_pool_stop(struct worker_pool *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->slot_count; i++) {
        workqueue_shutdown(controller_queue(p->slots[i].controller));
        workqueue_on_change(controller_queue(p->slots[i].controller), NULL, NULL);
    }
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p->slots);
    free(p->threads);
    free(p);
}
