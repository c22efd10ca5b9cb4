/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kind's cache and the client in one handle, so that each write of ours is known to the cache at
 * once (read-your-writes) and no caller can forget it.
 */
#ifndef CERTROLL_KUBE_STORE_H
#define CERTROLL_KUBE_STORE_H

#include "kube/cache.h"
#include "kube/client.h"

struct store {
    struct kube_client *client;
    struct cache *cache;
};

/* The cached object or NULL, referenced; ERR_CONFLICT CacheBehind while a write of ours is not
 * visible. */
struct err *store_get(const struct store *s, const char *ns, const char *name,
                      const void **ret_object) MUST_CHECK;

/* POST; object is borrowed and gets apiVersion and kind. ERR_CONFLICT AlreadyExists when it is
 * there. */
struct err *store_create(const struct store *s, const char *ns, const char *name, json_t *object)
    MUST_CHECK;

/* PUT /status of a cached object with its resourceVersion, so that a stale writer gets
 * ERR_CONFLICT. Nothing is sent when now equals old (both by table). After a conflict, or where it may have been stored
 * all the same, the object is read, so that the next pass does not start from an older one. */
struct err *store_put_status(const struct store *s, const void *object,
                             const struct bind_table *table, const void *old, const void *now)
    MUST_CHECK;

/* DELETE with the object's uid as precondition; absent is success. */
struct err *store_delete(const struct store *s, const void *object) MUST_CHECK;

#endif
