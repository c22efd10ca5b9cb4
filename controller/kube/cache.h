/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cache of one kind: frozen objects by key, with indexes, filled by an informer (or by the
 * simulator) and read by everyone. The answers to our own writes go in at once, so that we always
 * read our writes; where there is no answer to put in, reading the object is ERR_CONFLICT, reason
 * CacheBehind, until the stream has caught up (KEP-5647). So no decision is made on stale data.
 * Why this is safe: controller/kube/README.md. Thread-safe.
 */
#ifndef CERTROLL_KUBE_CACHE_H
#define CERTROLL_KUBE_CACHE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "kube/object.h"

#define CACHE_INDEX_MAX 4
#define CACHE_HANDLER_MAX 16

struct cache;

/* Calls emit(arg, value) for each value under which the object is to be found. A pure function of the
 * object; called with the cache locked. */
typedef void (*cache_index_fn)(const void *object, void (*emit)(void *arg, const char *value),
                               void *arg);

/* Told of each change exactly once, after it is visible, in the applying thread (the decode thread,
 * or the one that called cache_note_write()) and outside the lock: old is NULL for a new object, now
 * is NULL for a removed one. Changes of one object made by two threads may be told in either order.
 * initial: from the first list. */
struct cache_change {
    const void *old;
    const void *now;
    bool initial;
};
typedef void (*cache_handler)(void *arg, const struct cache_change *change);

struct cache *cache_new(const struct kube_kind *kind);
/* Accepts NULL. Objects that are still referenced live on. */
void cache_free(struct cache *c);
const struct kube_kind *cache_kind(const struct cache *c);

/* Before filling starts. cache_add_index() returns the index's number. The clock is for the safety
 * net of expectations; clock_system() unless set. */
int cache_add_index(struct cache *c, cache_index_fn fn);
void cache_add_handler(struct cache *c, cache_handler fn, void *arg);
void cache_set_clock(struct cache *c, const struct clock *clock);

/* ---- reading ---- */

/* *ret_object is NULL when absent, else holds a reference. ERR_CONFLICT CacheBehind as above. */
struct err *cache_get(struct cache *c, const char *ns, const char *name, const void **ret_object)
    MUST_CHECK;
/* As cache_get(), but without the rule on our own writes: for lookups that decide nothing. */
const void *cache_peek(struct cache *c, const char *ns, const char *name);

struct object_list {
    const void **items; /* referenced */
    size_t len;
};
void object_list_release(struct object_list *l);
#define AUTO_OBJECT_LIST AUTO(object_list_release) struct object_list
/* Objects of an index value, ordered by key. ERR_CONFLICT CacheBehind while an object under this
 * value, or any object not in the cache, is expected (cache_expect, cache_expect_deleted); writes
 * told with cache_note_write() are simply there. */
struct err *cache_by_index(struct cache *c, int index, const char *value,
                           struct object_list *ret_list) MUST_CHECK;
/* As cache_by_index(), but without the rule on our own writes: for whoever is woken, and looks then. */
void cache_peek_index(struct cache *c, int index, const char *value, struct object_list *ret_list);
/* All objects, ordered by key. */
void cache_all(struct cache *c, struct object_list *ret_list);
size_t cache_len(struct cache *c);
/* Every stream's first list is in. */
bool cache_synced(struct cache *c);

/* ---- our own writes: any thread ---- */

/* The server's answer to our create, update, patch or apply, or to a get: visible at once, unless the stream
 * has brought something newer already. Objects outside the streams' namespaces are left out; what a
 * stream's label selector would leave out may not be given. ERR_INVALID when the answer cannot be
 * decoded: then it is expected as by cache_expect(). */
struct err *cache_note_write(struct cache *c, const json_t *answer) MUST_CHECK;
/* Where there is no answer: we wrote ns/name and this is its resourceVersion; or we deleted the
 * object with this uid (a deletion timestamp is enough). A safety net drops an expectation after
 * 60 s. A write that moves an object to another index value must be told with cache_note_write(). */
void cache_expect(struct cache *c, const char *ns, const char *name, const char *resource_version);
void cache_expect_deleted(struct cache *c, const char *ns, const char *name, const char *uid);

/* ---- filling: one thread per stream ---- */

/* What one stream brings in: all namespaces (ns NULL or "") or one. Made on first use; lives as long
 * as the cache. */
struct cache_fill;
struct cache_fill *cache_fill(struct cache *c, const char *ns);
const struct kube_kind *cache_fill_kind(const struct cache_fill *f);

/* ADDED or MODIFIED. put takes over the reference; put_json decodes, unless that version is here
 * already. Older than what is there: ignored. ERR_INVALID: not decodable, and removed from the cache
 * as if deleted, so that nobody acts on what it used to be. */
void cache_fill_put(struct cache_fill *f, const void *object);
struct err *cache_fill_put_json(struct cache_fill *f, const json_t *object) MUST_CHECK;
/* Notes that an object was seen at this version. True when that one is in the cache (outside a list: or a newer one), so
 * that there is nothing to decode. */
bool cache_fill_keep(struct cache_fill *f, const char *ns, const char *name, const char *rv);
/* DELETED, at this resourceVersion; older than what is there: ignored. */
void cache_fill_delete(struct cache_fill *f, const char *ns, const char *name, const char *rv);
/* A bookmark: everything up to this resourceVersion has been seen. */
void cache_fill_progress(struct cache_fill *f, const char *rv);
/* Between begin and end puts and deletes work on a fresh set; end swaps it in atomically, reports the
 * differences and marks the stream synced; rv is the list's resourceVersion. abort drops the set. */
void cache_fill_replace_begin(struct cache_fill *f);
void cache_fill_replace_end(struct cache_fill *f, const char *rv);
void cache_fill_replace_abort(struct cache_fill *f);
bool cache_fill_is_replacing(const struct cache_fill *f);
/* Where to watch from: the resourceVersion up to which this stream has seen everything, NULL before
 * the first list. Filling thread only; valid until the next call that fills. */
const char *cache_fill_rv(const struct cache_fill *f);

/* The same for a cache with a single stream over all namespaces. */
static inline void cache_put(struct cache *c, const void *object)
{
    cache_fill_put(cache_fill(c, NULL), object);
}
static inline void cache_delete(struct cache *c, const void *object)
{
    const struct object_meta *m = &((const struct kube_object *)object)->meta;
    cache_fill_delete(cache_fill(c, NULL), m->namespace, m->name, m->resource_version);
}
static inline void cache_progress(struct cache *c, const char *rv)
{
    cache_fill_progress(cache_fill(c, NULL), rv);
}
static inline void cache_replace_begin(struct cache *c)
{
    cache_fill_replace_begin(cache_fill(c, NULL));
}
static inline void cache_replace_end(struct cache *c, const char *rv)
{
    cache_fill_replace_end(cache_fill(c, NULL), rv);
}
static inline void cache_replace_abort(struct cache *c)
{
    cache_fill_replace_abort(cache_fill(c, NULL));
}

#endif
