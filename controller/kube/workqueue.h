/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of keys: a key waits at most once, and never runs on two workers (dirty and processing
 * sets). Two priorities: changes overtake the initial list. Delayed keys wait in a heap. Failures
 * back off per key, 5 ms x 2^n up to 1000 s by default. Thread-safe, and nothing blocks: whoever waits has
 * workqueue_on_change() and workqueue_next_due().
 */
#ifndef CERTROLL_KUBE_WORKQUEUE_H
#define CERTROLL_KUBE_WORKQUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/rand.h"
#include "kube/object.h"

struct workqueue;

struct workqueue_options {
    const struct clock *clock;
    const struct rng *rng;
    struct backoff backoff; /* zero = 5 ms, 1000 s, 10 % jitter */
};
struct workqueue *workqueue_new(const struct workqueue_options *o);
void workqueue_free(struct workqueue *q);

enum workqueue_priority { WORKQUEUE_NORMAL, WORKQUEUE_LOW };
void workqueue_add(struct workqueue *q, const char *key, enum workqueue_priority priority);
/* Not before now + delay ns; an earlier time already set stays. Dropped when the key is taken
 * earlier: that run decides anew. */
void workqueue_add_after(struct workqueue *q, const char *key, int64_t delay);
/* Takes a key and marks it processing; false when none is due, or the queue is shut down. */
bool workqueue_try_take(struct workqueue *q, char ret_key[KUBE_KEY_MAX]);
/* The key is no longer processing; runs again if it was added meanwhile. */
void workqueue_done(struct workqueue *q, const char *key);
/* Counts a failure and returns the delay, ns, that its back-off asks for. */
int64_t workqueue_failed(struct workqueue *q, const char *key);
/* Success: the count of failures is forgotten. */
void workqueue_forget(struct workqueue *q, const char *key);
/* Mono time of the next delayed key, INT64_MAX when none: the simulator moves its clock there. */
int64_t workqueue_next_due(struct workqueue *q);
size_t workqueue_len(struct workqueue *q); /* ready keys */
/* Is the key ready, delayed or running? Else only a change will bring it back. */
bool workqueue_has(struct workqueue *q, const char *key);
/* For good: nothing is taken any more. */
void workqueue_shutdown(struct workqueue *q);
/* fn is called, outside the lock, when a key became ready, workqueue_next_due() moved or the queue
 * was shut down: for one waiter on several queues. NULL = no longer; returns when no call is
 * running. */
void workqueue_on_change(struct workqueue *q, void (*fn)(void *arg), void *arg);

#endif
