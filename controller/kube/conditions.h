/* SPDX-License-Identifier: Apache-2.0 */
/* status.conditions as the API conventions and kstatus want them. */
#ifndef CERTROLL_KUBE_CONDITIONS_H
#define CERTROLL_KUBE_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "json/bind.h"

#define CONDITION_MESSAGE_MAX 1024
#define CONDITIONS_MAX 8

struct condition {
    const char *type;
    const char *status; /* "True", "False", "Unknown" */
    int64_t last_transition_time;
    const char *reason;
    const char *message;
    int64_t observed_generation;
};
extern const struct bind_table condition_table;

/* The layout of BIND_LIST_OF(struct condition). */
typedef BIND_LIST_OF(struct condition) condition_list;

/* A set under construction: starts as a copy of what the object has, then is changed, then encoded
 * (items and len are a condition_list). Strings are borrowed, except messages given to
 * condition_set_put(), which are copied (cut to CONDITION_MESSAGE_MAX) and live as long as the
 * set. */
struct condition_set {
    struct condition items[CONDITIONS_MAX];
    char *owned[CONDITIONS_MAX];
    size_t len;
};
void condition_set_init(struct condition_set *s, const struct condition *items, size_t len);
void condition_set_release(struct condition_set *s);
/* Adds or replaces the condition of that type; last_transition_time moves only when the status
 * changes. */
void condition_set_put(struct condition_set *s, const struct condition *c, int64_t now);
void condition_set_remove(struct condition_set *s, const char *type);
const struct condition *condition_find(const struct condition *items, size_t len, const char *type);
bool condition_is_true(const struct condition *items, size_t len, const char *type);

#endif
