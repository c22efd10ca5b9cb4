/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events.k8s.io/v1: told and forgotten by the caller, written by one background thread. Equal
 * events (same object, reason, note) within 6 minutes become a series instead of new objects. At
 * most 1,000 wait; more are dropped and counted.
 */
#ifndef CERTROLL_KUBE_EVENTS_H
#define CERTROLL_KUBE_EVENTS_H

#include "kube/client.h"

struct event {
    const struct kube_resource *res; /* lives on */
    const struct object_meta *regarding;
    bool warning;       /* type Warning, else Normal */
    const char *reason; /* CamelCase */
    const char *action; /* what was done or tried: "Issuing" */
    const char *note;   /* at most 1 KiB, longer is cut */
};

/* The seam: reconcilers emit into a sink; the simulator collects. Everything but res is copied. */
struct event_sink {
    void (*emit)(void *ctx, const struct event *e);
    void *ctx;
};
void event_emit(const struct event_sink *s, const struct event *e);

struct event_recorder;
/* controller: reportingController, "certroll.dev/certroll"; instance: reportingInstance. Client and
 * clock must outlive the recorder. */
struct event_recorder *event_recorder_new(struct kube_client *client, const struct clock *clock,
                                          const char *controller, const char *instance);
/* Emits never block on the network. Any thread. */
const struct event_sink *event_recorder_sink(struct event_recorder *r);
/* Writes what waits; returns at the mono deadline at the latest. What is emitted later may be
 * lost. */
void event_recorder_stop(struct event_recorder *r, int64_t mono_deadline);
/* Accepts NULL. Waits for a request in flight: the client's stop token ends it at once. */
void event_recorder_free(struct event_recorder *r);
/* Events that were not written: too many waited, or the server refused them. */
uint64_t event_recorder_dropped(const struct event_recorder *r);

#endif
