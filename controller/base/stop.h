/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stop token: set once, seen by every blocking call that was given it. Listeners are called once,
 * in the thread that stops, so that condition variables and the I/O thread wake at once.
 */
#ifndef CERTROLL_BASE_STOP_H
#define CERTROLL_BASE_STOP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct stop;

/* A token that is not set. */
struct stop *stop_new(void);
/* Accepts NULL. Nobody may use the token any more; listeners that are left are not called. */
void stop_free(struct stop *s);
/* Sets the token and calls the listeners; harmless when already set. Any thread. */
void stop_set(struct stop *s);
/* False for NULL. Any thread. */
bool stop_is_set(const struct stop *s);
/* Who listens: a place in whoever waits, the token's until stop_unlisten(). */
struct stop_listener {
    void (*fn)(void *arg);
    void *arg;
    struct stop_listener *prev, *next;
    bool listening;
};
/* fn is called once, at once when already set. Any thread. A listener may not add or remove, and
 * whoever adds or removes may not hold a lock that a listener takes. */
void stop_listen(struct stop *s, struct stop_listener *l, void (*fn)(void *arg), void *arg);
/* Removes that listener, which need not listen any more; returns only when it is not running. */
void stop_unlisten(struct stop *s, struct stop_listener *l);
/* ERR_CANCELLED when set, else NULL. */
struct err *stop_check(const struct stop *s) MUST_CHECK;

#endif
