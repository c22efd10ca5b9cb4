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

struct listener {
    struct listener *next;
    void (*fn)(void *arg);
    void *arg;
};

struct stop {
    atomic_bool set;
    pthread_mutex_t lock;
    struct listener *listeners;
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
    struct listener *next;
    for (struct listener *l = s->listeners; l != NULL; l = next) {
        next = l->next;
        free(l);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void stop_set(struct stop *s)
{
    if (atomic_exchange(&s->set, true))
        return;
    pthread_mutex_lock(&s->lock);
    while (s->listeners != NULL) {
        struct listener *l = s->listeners;
        s->listeners = l->next;
        l->fn(l->arg);
        free(l);
    }
    pthread_mutex_unlock(&s->lock);
}

bool stop_is_set(const struct stop *s)
{
    return s != NULL && atomic_load(&s->set);
}

void stop_listen(struct stop *s, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&s->lock);
    if (atomic_load(&s->set)) {
        fn(arg);
    } else {
        struct listener *l = x_alloc(sizeof(*l));
        *l = (struct listener){.next = s->listeners, .fn = fn, .arg = arg};
        s->listeners = l;
    }
    pthread_mutex_unlock(&s->lock);
}

void stop_unlisten(struct stop *s, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&s->lock);
    struct listener **link = &s->listeners;
    while (*link != NULL && ((*link)->fn != fn || (*link)->arg != arg))
        link = &(*link)->next;
    struct listener *l = *link;
    if (l != NULL) {
        *link = l->next;
        free(l);
    }
    pthread_mutex_unlock(&s->lock);
}

struct err *stop_check(const struct stop *s)
{
    if (!stop_is_set(s))
        return NULL;
    return err_new(ERR_CANCELLED, "Stopping", "stopping");
}
