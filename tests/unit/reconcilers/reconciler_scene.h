/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All reconcilers over a scripted API server and a clock that is moved by hand; nothing runs by
 * itself. Caches are filled with scene_put(), then one reconcile is called.
 */
#ifndef CERTROLL_TESTS_RECONCILERS_RECONCILER_SCENE_H
#define CERTROLL_TESTS_RECONCILERS_RECONCILER_SCENE_H

#include "base/clock.h"
#include "kube/events.h"
#include "reconcilers/setup.h"
#include "support/scripted_dns.h"
#include "support/scripted_transport.h"

#define SCENE_NOW (INT64_C(1767225600) * NS_PER_SEC) /* 2026-01-01T00:00:00Z */

struct scene {
    struct scripted_transport world;
    struct scripted_dns dns;
    struct clock_manual hands;
    struct kube_client *kube;
    struct event_sink events;
    unsigned told; /* events so far */
    struct reconcilers *all;
    const struct env *env;
};
void scene_open(struct scene *s);
/* Fails the test unless the script was followed. */
void scene_close(struct scene *s);
#define SCENE __attribute__((cleanup(scene_close))) struct scene

/* Once per process: JSON, OpenSSL and the group certroll.dev. */
void scene_prepare(void);

/* An object of the text, as a cache holds it; one reference. */
const void *scene_object(const struct kube_kind *kind, const char *text);
/* Puts an object of the text into a cache. */
void scene_put(const struct store *store, const char *text);

/* Collects what an index function emits: "a b c". Owned. */
char *scene_indexed(void (*index)(const void *object, void (*emit)(void *arg, const char *value),
                                  void *arg),
                    const void *object);

#endif
