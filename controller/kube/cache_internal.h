/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of a cache, for cache*.c only. */
#ifndef CERTROLL_KUBE_CACHE_INTERNAL_H
#define CERTROLL_KUBE_CACHE_INTERNAL_H

#include <pthread.h>

#include "base/map.h"
#include "kube/cache.h"
#include "kube/object_table.h"

/* The objects under one index value, ordered by key; borrowed from the cache's table. */
struct index_bucket {
    uint32_t len, cap;
    const void *items[];
};

struct cache_index {
    cache_index_fn fn;
    struct map buckets; /* value -> struct index_bucket */
};

struct cache_fill {
    struct cache *cache;
    char *ns;                  /* NULL = all */
    char *rv;                  /* everything up to it was applied; NULL before the first list */
    struct object_table fresh; /* while replacing; the filling thread's own */
    bool replacing;            /* the filling thread's own */
    bool synced;
};

/* Everything below the lock is guarded by it; what is above does not change once filling started. */
struct cache {
    const struct kube_kind *kind;
    const struct clock *clock;
    struct {
        cache_handler fn;
        void *arg;
    } handlers[CACHE_HANDLER_MAX];
    size_t handler_count;
    int index_count;
    pthread_rwlock_t lock;
    struct object_table objects;
    struct cache_index indexes[CACHE_INDEX_MAX];
    struct cache_fill **fills;
    size_t fill_count;
    struct map expected; /* key -> struct expectation */
};

static inline const struct object_meta *meta_of(const void *object)
{
    return &((const struct kube_object *)object)->meta;
}

/* All of these need the lock; for writing unless said otherwise. */

/* Moves all indexes from old to now, either of which may be NULL. */
void cache_index_update(struct cache *c, const void *old, const void *now);
/* Borrowed, NULL when there is none. Lock for reading. */
const struct index_bucket *cache_index_bucket(const struct cache_index *x, const char *value);
bool index_bucket_has(const struct index_bucket *b, const void *object);
void cache_index_release(struct cache_index *x);

/* The stream that covers a namespace, or NULL. Lock for reading. */
struct cache_fill *cache_fill_covering(const struct cache *c, const char *ns);

/* ERR_CONFLICT CacheBehind, or NULL. Lock for reading. */
struct err *expected_check_key(const struct cache *c, const char *ns, const char *name);
struct err *expected_check_bucket(const struct cache *c, const struct index_bucket *b);
/* Forgets what has been met: of one key, of all. */
void expected_settle(struct cache *c, const char *ns, const char *name);
void expected_settle_all(struct cache *c);
void expectation_free(void *expectation);

#endif
