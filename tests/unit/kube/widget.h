/* SPDX-License-Identifier: Apache-2.0 */
/* A small kind for the tests of this room. */
#ifndef CERTROLL_TESTS_KUBE_WIDGET_H
#define CERTROLL_TESTS_KUBE_WIDGET_H

#include "kube/object.h"

struct widget {
    struct kube_object obj;
    const char *color;
};
extern const struct kube_kind widget_kind;

/* {"metadata":{"name","namespace","uid","resourceVersion"},"color"}; owned. ns and color may be NULL.
 * The uid is "uid-<name>". */
json_t *widget_json(const char *ns, const char *name, const char *rv, const char *color);
/* The same, decoded; one reference. */
const struct widget *widget_new(const char *ns, const char *name, const char *rv,
                                const char *color);
/* A cache_index_fn: by color. */
void widget_by_color(const void *object, void (*emit)(void *arg, const char *value), void *arg);

#endif
