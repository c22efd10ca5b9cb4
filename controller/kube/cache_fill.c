/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes into a cache: the stream's events, whole lists, and the answers to our own writes. Each
 * key only ever moves forward in resourceVersion; a stream's rv says how far its events were applied.
 */
#include "kube/cache_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct cache_fill *cache_fill_covering(const struct cache *c, const char *ns)
{
    for (size_t i = 0; i < c->fill_count; i++)
        if (c->fills[i]->ns == NULL || strcmp(c->fills[i]->ns, str_or(ns, "")) == 0)
            return c->fills[i];
    return NULL;
}

struct cache_fill *cache_fill(struct cache *c, const char *ns)
{
    pthread_rwlock_wrlock(&c->lock);
    struct cache_fill *f = NULL;
    for (size_t i = 0; i < c->fill_count && f == NULL; i++)
        if (strcmp(str_or(c->fills[i]->ns, ""), str_or(ns, "")) == 0)
            f = c->fills[i];
    if (f == NULL) {
        f = x_calloc(1, sizeof(*f));
        f->cache = c;
        f->ns = str_empty(ns) ? NULL : x_strdup(ns);
        c->fills = x_realloc(c->fills, (c->fill_count + 1) * sizeof(struct cache_fill *));
        c->fills[c->fill_count++] = f;
    }
    pthread_rwlock_unlock(&c->lock);
    return f;
}

const struct kube_kind *cache_fill_kind(const struct cache_fill *f)
{
    return f->cache->kind;
}

bool cache_fill_is_replacing(const struct cache_fill *f)
{
    return f->replacing;
}

const char *cache_fill_rv(const struct cache_fill *f)
{
    return f->rv;
}

/* Whether rv is news to someone who has old. Objects without a version always are. */
static bool is_newer(const char *rv, const void *old)
{
    return old == NULL || str_empty(rv) ||
           resource_version_compare(rv, meta_of(old)->resource_version) > 0;
}

static void tell(const struct cache *c, const struct cache_change *change)
{
    for (size_t i = 0; i < c->handler_count; i++)
        c->handlers[i].fn(c->handlers[i].arg, change);
    object_unref(change->old);
    object_unref(change->now);
}

/* ---- with the lock held for writing ---------------------------------------------------------- */

/* Takes over the object's reference; the change holds references of its own. */
static struct cache_change enter_object(struct cache *c, const void *object)
{
    struct cache_change change = {.now = object_ref(object)};
    change.old = object_table_put(&c->objects, object);
    cache_index_update(c, change.old, object);
    expected_settle(c, meta_of(object)->namespace, meta_of(object)->name);
    return change;
}

static struct cache_change remove_object(struct cache *c, const char *ns, const char *name)
{
    struct cache_change change = {.old = object_table_take(&c->objects, ns, name)};
    cache_index_update(c, change.old, NULL);
    expected_settle(c, ns, name);
    return change;
}

static void set_rv(struct cache_fill *f, const char *rv)
{
    if (f->rv != NULL && strcmp(f->rv, rv) == 0)
        return;
    free(f->rv);
    f->rv = x_strdup(rv);
}

static void advance(struct cache_fill *f, const char *rv)
{
    if (!str_empty(rv) && resource_version_compare(rv, f->rv) > 0)
        set_rv(f, rv);
}

/* ---- a stream's events ----------------------------------------------------------------------- */

static void fresh_put(struct cache_fill *f, const void *object)
{
    const struct object_meta *m = meta_of(object);
    if (is_newer(m->resource_version, object_table_get(&f->fresh, m->namespace, m->name)))
        object_unref(object_table_put(&f->fresh, object));
    else
        object_unref(object);
}

void cache_fill_put(struct cache_fill *f, const void *object)
{
    if (f->replacing) {
        fresh_put(f, object);
        return;
    }
    struct cache *c = f->cache;
    const struct object_meta *m = meta_of(object);
    struct cache_change change = {0};
    pthread_rwlock_wrlock(&c->lock);
    advance(f, m->resource_version);
    if (is_newer(m->resource_version, object_table_get(&c->objects, m->namespace, m->name)))
        change = enter_object(c, object);
    pthread_rwlock_unlock(&c->lock);
    if (change.now != NULL)
        tell(c, &change);
    else
        object_unref(object);
}

void cache_fill_delete(struct cache_fill *f, const char *ns, const char *name, const char *rv)
{
    if (f->replacing) {
        object_unref(object_table_take(&f->fresh, ns, name));
        return;
    }
    struct cache *c = f->cache;
    struct cache_change change = {0};
    pthread_rwlock_wrlock(&c->lock);
    advance(f, rv);
    const void *old = object_table_get(&c->objects, ns, name);
    /* At the same version the deletion is the news: the answer to the write that removed the last
     * finalizer carries the version of the deletion. */
    if (old != NULL &&
        (str_empty(rv) || resource_version_compare(rv, meta_of(old)->resource_version) >= 0))
        change = remove_object(c, ns, name);
    pthread_rwlock_unlock(&c->lock);
    if (change.old != NULL)
        tell(c, &change);
}

void cache_fill_progress(struct cache_fill *f, const char *rv)
{
    if (f->replacing)
        return;
    pthread_rwlock_wrlock(&f->cache->lock);
    advance(f, rv);
    expected_settle_all(f->cache);
    pthread_rwlock_unlock(&f->cache->lock);
}

/* In a list the object we have is kept, which saves a second copy of everything. */
bool cache_fill_keep(struct cache_fill *f, const char *ns, const char *name, const char *rv)
{
    struct cache *c = f->cache;
    pthread_rwlock_rdlock(&c->lock);
    AUTO_OBJECT(void) old = object_ref(object_table_get(&c->objects, ns, name));
    pthread_rwlock_unlock(&c->lock);
    if (old == NULL || str_empty(rv))
        return false;
    int order = resource_version_compare(rv, meta_of(old)->resource_version);
    if (f->replacing) {
        if (order == 0)
            fresh_put(f, object_ref(old));
        return order == 0;
    }
    if (order <= 0)
        cache_fill_progress(f, rv);
    return order <= 0;
}

struct err *cache_fill_put_json(struct cache_fill *f, const json_t *object)
{
    const char *ns = JSTR(object, "metadata", "namespace");
    const char *name = JSTR(object, "metadata", "name");
    const char *rv = JSTR(object, "metadata", "resourceVersion");
    if (name == NULL)
        return err_new(ERR_INVALID, "InvalidField", "%s: metadata.name: required",
                       f->cache->kind->res.kind);
    if (cache_fill_keep(f, ns, name, rv))
        return NULL;
    const void *decoded;
    struct err *err = object_decode(f->cache->kind, object, &decoded);
    if (err == NULL)
        cache_fill_put(f, decoded);
    else
        cache_fill_delete(f, ns, name, rv);
    return err;
}

/* ---- whole lists ----------------------------------------------------------------------------- */

void cache_fill_replace_begin(struct cache_fill *f)
{
    object_table_release(&f->fresh);
    f->replacing = true;
}

void cache_fill_replace_abort(struct cache_fill *f)
{
    object_table_release(&f->fresh);
    f->replacing = false;
}

struct changes {
    struct cache_change *items;
    size_t len, cap;
};

static void changes_add(struct changes *l, struct cache_change change)
{
    if (l->len == l->cap) {
        l->cap = l->cap > 0 ? l->cap * 2 : 64;
        l->items = x_realloc(l->items, l->cap * sizeof(*l->items));
    }
    l->items[l->len++] = change;
}

/* Removes what the list at rv does not have; what is newer than the list was written by us since.
 * When history was rewritten (rewound: etcd came back from a backup), nothing we have counts. */
static void remove_missing(struct cache_fill *f, const char *rv, bool rewound, struct changes *l)
{
    struct cache *c = f->cache;
    AUTO(object_list_release) struct object_list missing = {0};
    missing.items = x_calloc(c->objects.len + 1, sizeof(*missing.items));
    for (size_t i = 0; i < c->objects.cap; i++) {
        const void *o = c->objects.slots[i];
        if (o == NULL || cache_fill_covering(c, meta_of(o)->namespace) != f ||
            object_table_get(&f->fresh, meta_of(o)->namespace, meta_of(o)->name) != NULL)
            continue;
        if (rewound || resource_version_compare(meta_of(o)->resource_version, rv) <= 0)
            missing.items[missing.len++] = object_ref(o);
    }
    for (size_t i = 0; i < missing.len; i++)
        changes_add(l, remove_object(c, meta_of(missing.items[i])->namespace,
                                     meta_of(missing.items[i])->name));
}

static void enter_fresh(struct cache_fill *f, bool rewound, struct changes *l)
{
    struct cache *c = f->cache;
    for (size_t i = 0; i < f->fresh.cap; i++) {
        const void *o = f->fresh.slots[i];
        if (o == NULL)
            continue;
        const void *old = object_table_get(&c->objects, meta_of(o)->namespace, meta_of(o)->name);
        if (old != o && (rewound || is_newer(meta_of(o)->resource_version, old)))
            changes_add(l, enter_object(c, object_ref(o)));
    }
}

void cache_fill_replace_end(struct cache_fill *f, const char *rv)
{
    struct cache *c = f->cache;
    struct changes l = {0};
    pthread_rwlock_wrlock(&c->lock);
    bool initial = !f->synced;
    bool rewound = f->rv != NULL && resource_version_compare(rv, f->rv) < 0;
    remove_missing(f, rv, rewound, &l);
    enter_fresh(f, rewound, &l);
    set_rv(f, str_or(rv, ""));
    f->synced = true;
    expected_settle_all(c);
    pthread_rwlock_unlock(&c->lock);
    cache_fill_replace_abort(f);
    for (size_t i = 0; i < l.len; i++) {
        l.items[i].initial = initial;
        tell(c, &l.items[i]);
    }
    free(l.items);
}

/* ---- our own writes -------------------------------------------------------------------------- */

struct err *cache_note_write(struct cache *c, const json_t *answer)
{
    const char *rv = JSTR(answer, "metadata", "resourceVersion");
    const char *name = JSTR(answer, "metadata", "name");
    const char *ns = JSTR(answer, "metadata", "namespace");
    if (str_empty(rv) || str_empty(name))
        return err_new(ERR_INVALID, "InvalidField",
                       "%s: the API server's answer to our write has no name or resourceVersion",
                       c->kind->res.kind);
    const void *object;
    struct err *err = object_decode(c->kind, answer, &object);
    if (err != NULL) {
        cache_expect(c, ns, name, rv);
        return err;
    }
    struct cache_change change = {0};
    pthread_rwlock_wrlock(&c->lock);
    const struct cache_fill *f = cache_fill_covering(c, ns);
    const void *old = object_table_get(&c->objects, ns, name);
    /* An absent object at a version that the stream has passed was there and is gone again. */
    bool passed = f != NULL && old == NULL && resource_version_compare(rv, f->rv) <= 0;
    if (f != NULL && !passed && is_newer(rv, old))
        change = enter_object(c, object);
    pthread_rwlock_unlock(&c->lock);
    if (change.now != NULL)
        tell(c, &change);
    else
        object_unref(object);
    return NULL;
}
