/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of cached objects by their own key: one pointer a slot and nothing else, because a cluster
 * may hold 50,000 Secrets that are none of our business. Open addressing, linear probing. Owns one
 * reference to each object. Not thread-safe.
 */
#ifndef CERTROLL_KUBE_OBJECT_TABLE_H
#define CERTROLL_KUBE_OBJECT_TABLE_H

#include "kube/object.h"

struct object_table {
    const void **slots; /* NULL = free; to be read in place */
    size_t cap;         /* a power of two, or 0 */
    size_t len;
};

/* Drops all references; the table is empty and usable again. */
void object_table_release(struct object_table *t);
/* Borrowed, or NULL. ns may be NULL. */
const void *object_table_get(const struct object_table *t, const char *ns, const char *name);
/* Takes over the reference; returns the object it replaces (now the caller's reference) or NULL. */
const void *object_table_put(struct object_table *t, const void *object);
/* Removes and returns the object (now the caller's reference), or NULL. */
const void *object_table_take(struct object_table *t, const char *ns, const char *name);

/* Order of keys ("ns/name" bytewise, the order in which the API server lists). */
int object_order(const void *a, const void *b);

#endif
