/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches, indexes, controllers and the routes between them: which change wakes which reconciler.
 * Production and the simulator build the same thing here, over other seams.
 */
#ifndef CERTROLL_RECONCILERS_SETUP_H
#define CERTROLL_RECONCILERS_SETUP_H

#include "reconcilers/env.h"

struct reconcilers_options {
    struct env_config config; /* strings are borrowed, as is all below */
    const struct clock *clock;
    const struct rng *rng;
    const struct stop *stop;
    struct kube_client *kube;
    const struct http_transport *outside;
    const struct dns_transport *dns;
    const struct event_sink *events;
    /* As in struct controller_options. */
    void (*observe)(void *arg, const char *controller, const char *key, int64_t duration,
                    const struct err *err);
    void *observe_arg;
};

struct reconcilers;
struct reconcilers *reconcilers_new(const struct reconcilers_options *o);
/* After the pools and informers have stopped. Accepts NULL. */
void reconcilers_free(struct reconcilers *r);

const struct env *reconcilers_env(const struct reconcilers *r);
/* The caches to be filled, NULL-terminated; as long as r lives. */
struct cache *const *reconcilers_caches(const struct reconcilers *r);
/* All controllers, NULL-terminated: for queue metrics and the simulator's steps. */
struct controller *const *reconcilers_controllers(const struct reconcilers *r);

/* Starts both pools: workers for Kubernetes and CPU work, external workers for calls to the outside.
 * What an earlier process left behind is looked for. */
void reconcilers_start(struct reconcilers *r, unsigned workers, unsigned external_workers);
/* Gives back what was kept for a moment that has passed. Now and then; any thread. */
void reconcilers_trim(const struct reconcilers *r);
/* Waits for the running reconciles. Harmless when not started. */
void reconcilers_stop(struct reconcilers *r);

#endif
