/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners run under the lock: that makes "once" and "not running after stop_unlisten" true
 * without further state. The flag itself is atomic, so that asking is free.
 */
#include "base/stop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"

struct stop {
    atomic_bool set;
    pthread_mutex_t lock;
    struct stop_listener *first;
};

struct stop *stop_new(void)
{
    struct stop *s = x_calloc(1, sizeof(*s));
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void stop_free(struct stop *s)
{
    if (s == NULL)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* Lock held. */
static void take_out(struct stop *s, struct stop_listener *l)
{
    if (l->prev != NULL)
        l->prev->next = l->next;
    else
        s->first = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    l->listening = false;
}

void stop_set(struct stop *s)
{
    if (atomic_exchange(&s->set, true))
        return;
    pthread_mutex_lock(&s->lock);
    struct stop_listener *l;
    while ((l = s->first) != NULL) {
        take_out(s, l);
        l->fn(l->arg);
    }
    pthread_mutex_unlock(&s->lock);
}

bool stop_is_set(const struct stop *s)
{
    return s != NULL && atomic_load(&s->set);
}

void stop_listen(struct stop *s, struct stop_listener *l, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&s->lock);
    bool set = atomic_load(&s->set);
    *l = (struct stop_listener){.fn = fn, .arg = arg, .next = s->first, .listening = !set};
    if (set) {
        fn(arg);
    } else {
        if (s->first != NULL)
            s->first->prev = l;
        s->first = l;
    }
    pthread_mutex_unlock(&s->lock);
}

void stop_unlisten(struct stop *s, struct stop_listener *l)
{
    pthread_mutex_lock(&s->lock);
    if (l->listening)
        take_out(s, l);
    pthread_mutex_unlock(&s->lock);
}

struct err *stop_check(const struct stop *s)
{
    if (!stop_is_set(s))
        return NULL;
    return err_new(ERR_CANCELLED, "Stopping", "stopping");
}
