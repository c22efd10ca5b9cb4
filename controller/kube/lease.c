/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of an election: one steps it, the other watches its deadline, because a step may be
 * stuck in a request, a lookup or a file.
 */
#include "kube/lease.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "kube/election.h"

struct lease {
    struct election election;
    pthread_t stepper, watchdog;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping; /* under the lock; the stepper ends, then the watchdog */
};

static bool is_over(const struct lease *l)
{
    return atomic_load(&l->election.over);
}

static void *step(void *arg)
{
    struct lease *l = arg;
    const struct lease_options *o = &l->election.o;
    pthread_mutex_lock(&l->lock);
    while (!l->stopping && !is_over(l)) {
        pthread_mutex_unlock(&l->lock);
        AUTO_ERR err = election_step(&l->election);
        if (err != NULL && o->on_error != NULL)
            o->on_error(o->arg, err);
        pthread_mutex_lock(&l->lock);
        pthread_cond_broadcast(&l->changed); /* there may be a new deadline */
        int64_t next = election_next(&l->election);
        while (!l->stopping && !is_over(l) && cond_wait_until(&l->changed, &l->lock, next))
            continue;
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void *watch(void *arg)
{
    struct lease *l = arg;
    pthread_mutex_lock(&l->lock);
    while (!is_over(l)) {
        if (!cond_wait_until(&l->changed, &l->lock, election_deadline(&l->election))) {
            pthread_mutex_unlock(&l->lock);
            election_check_deadline(&l->election);
            pthread_mutex_lock(&l->lock);
        }
    }
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

static void start_thread(pthread_t *thread, void *(*fn)(void *), struct lease *l, const char *name)
{
    if (pthread_create(thread, NULL, fn, l) != 0)
        x_abort("lease_start: no more threads");
    pthread_setname_np(*thread, name);
}

struct err *lease_start(const struct lease_options *o, struct lease **ret_lease)
{
    struct lease *l = x_calloc(1, sizeof(*l));
    struct err *err = election_init(&l->election, o);
    if (err != NULL) {
        election_release(&l->election);
        free(l);
        return err;
    }
    pthread_mutex_init(&l->lock, NULL);
    cond_init_mono(&l->changed);
    start_thread(&l->watchdog, watch, l, "lease-watchdog");
    start_thread(&l->stepper, step, l, "lease");
    *ret_lease = l;
    return NULL;
}

bool lease_held(const struct lease *l)
{
    return election_is_held(&l->election);
}

struct err *lease_gate(void *lease)
{
    if (lease_held(lease))
        return NULL;
    return err_new(ERR_CANCELLED, "NotLeader",
                   "not sent: this process does not hold the lease, or could not renew it in time");
}

static void wake(struct lease *l)
{
    pthread_mutex_lock(&l->lock);
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

void lease_stop(struct lease *l, bool release)
{
    if (l->stopping)
        return;
    pthread_mutex_lock(&l->lock);
    l->stopping = true;
    pthread_mutex_unlock(&l->lock);
    wake(l);
    pthread_join(l->stepper, NULL);
    AUTO_ERR err = NULL;
    if (release)
        err = election_resign(&l->election);
    election_end(&l->election);
    wake(l);
    pthread_join(l->watchdog, NULL);
    if (err != NULL && l->election.o.on_error != NULL)
        l->election.o.on_error(l->election.o.arg, err);
}

void lease_free(struct lease *l)
{
    if (l == NULL)
        return;
    lease_stop(l, false);
    pthread_cond_destroy(&l->changed);
    pthread_mutex_destroy(&l->lock);
    election_release(&l->election);
    free(l);
}
