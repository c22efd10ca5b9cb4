/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that wait to be written, and the series that repeats of them belong to; without a thread.
 * events.c drives it; tests drive it by hand. Thread-safe, but one thread only may write.
 */
#ifndef CERTROLL_KUBE_EVENT_QUEUE_H
#define CERTROLL_KUBE_EVENT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "kube/events.h"

#define EVENT_WAITING_MAX 1000
#define EVENT_SERIES_MAX 4096
#define EVENT_SERIES_GAP (6 * NS_PER_MIN)     /* a longer silence ends a series */
#define EVENT_REPEAT_PERIOD (10 * NS_PER_SEC) /* a series is written at most this often */
#define EVENT_TRIES 3

struct event_queue;
/* As event_recorder_new(). */
struct event_queue *event_queue_new(struct kube_client *client, const struct clock *clock,
                                    const char *controller, const char *instance);
/* Accepts NULL. */
void event_queue_free(struct event_queue *q);
void event_queue_add(struct event_queue *q, const struct event *e);
/* Sends the first event that is due; false when there is none: then *ret_due is the mono time of
 * the next, INT64_MAX when none waits. With flush all that waits is due, for one last try each. */
bool event_queue_write(struct event_queue *q, bool flush, int64_t *ret_due);
uint64_t event_queue_dropped(struct event_queue *q);

#endif
