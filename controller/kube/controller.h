/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generic control loop: pops a key, calls reconcile, and turns its result into the next look:
 *   NULL and next == 0    forget; wait for a change
 *   NULL and next > 0     look again at that wall time, or 50 to 60 min from now when it is later
 *   ERR_CONFLICT          CacheBehind: the awaited event wakes the key (and a 1 s safety net);
 *                         any other conflict: again after the back-off, not reported
 *   ERR_RATE_LIMITED      at retry_at
 *   ERR_CANCELLED         dropped: we are stopping; reason NotLeader: after 1 s, should the process live
 *                         on because the lease was renewed at the last moment
 *   held back             by net/http_share.h: at retry_at, and it is no failure
 *   anything else         back-off, or retry_at when later
 * Production runs it on a pool of workers, the simulator steps it on one thread.
 */
#ifndef CERTROLL_KUBE_CONTROLLER_H
#define CERTROLL_KUBE_CONTROLLER_H

#include "base/stop.h"
#include "kube/cache.h"
#include "kube/workqueue.h"

/* key: what to look at. *ret_next: wall ns of the next look, 0 = none. */
typedef struct err *(*reconcile_fn)(void *ctx, const struct object_name *name, int64_t *ret_next);

struct controller_options {
    const char *name; /* "certificate": log scope and metric label; static */
    reconcile_fn reconcile;
    void *ctx;
    const struct clock *clock;
    const struct rng *rng;
    struct backoff backoff; /* zero = the workqueue's default */
    /* Told of each finished reconcile: duration in ns; err borrowed, NULL on success and for what is
     * not worth telling (conflicts, cancelled). May be NULL. */
    void (*observe)(void *arg, const char *controller, const char *key, int64_t duration,
                    const struct err *err);
    void *observe_arg;
};

struct controller;
struct controller *controller_new(const struct controller_options *o);
void controller_free(struct controller *c);
struct workqueue *controller_queue(struct controller *c);
const char *controller_name(const struct controller *c);

/* Enqueues one object. Any thread. */
void controller_enqueue(struct controller *c, const char *ns, const char *name);
/* A cache_handler (arg: the controller) that enqueues the changed object itself. */
void controller_on_change(void *controller, const struct cache_change *change);
/* A cache_handler that enqueues the object's controller owner when its kind is the one given by the
 * route. Routes live as long as the controller. */
struct controller_owner_route {
    struct controller *controller;
    const struct kube_resource *owner;
};
void controller_on_owned_change(void *route, const struct cache_change *change);

/* One reconcile if a key is due; false when none was. The simulator's step. */
bool controller_step(struct controller *c);
/* Starts threads (at least 1) that serve several controllers fairly: the one with the fewest running
 * reconciles first, and none may hold the last free thread. The clock must be clock_system(). */
struct worker_pool;
struct worker_pool *worker_pool_start(struct controller *const *controllers, size_t count,
                                      unsigned threads);
/* Shuts the queues down, waits until the running reconciles are done, joins. Accepts NULL. */
void worker_pool_stop(struct worker_pool *p);

#endif
