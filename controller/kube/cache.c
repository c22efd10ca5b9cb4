/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/cache_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

struct cache *cache_new(const struct kube_kind *kind)
{
    struct cache *c = x_calloc(1, sizeof(*c));
    c->kind = kind;
    c->clock = clock_system();
    c->expected = MAP_INIT(expectation_free);
    if (pthread_rwlock_init(&c->lock, NULL) != 0)
        x_abort("pthread_rwlock_init failed");
    return c;
}

static void fill_free(struct cache_fill *f)
{
    object_table_release(&f->fresh);
    free(f->ns);
    free(f->rv);
    free(f);
}

void cache_free(struct cache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->fill_count; i++)
        fill_free(c->fills[i]);
    free(c->fills);
    for (int i = 0; i < c->index_count; i++)
        cache_index_release(&c->indexes[i]);
    object_table_release(&c->objects);
    map_release(&c->expected);
    pthread_rwlock_destroy(&c->lock);
    free(c);
}

const struct kube_kind *cache_kind(const struct cache *c)
{
    return c->kind;
}

int cache_add_index(struct cache *c, cache_index_fn fn)
{
    if (c->index_count == CACHE_INDEX_MAX)
        x_abort("cache_add_index: too many indexes");
    c->indexes[c->index_count] = (struct cache_index){.fn = fn, .buckets = MAP_INIT(free)};
    return c->index_count++;
}

void cache_add_handler(struct cache *c, cache_handler fn, void *arg)
{
    if (c->handler_count == CACHE_HANDLER_MAX)
        x_abort("cache_add_handler: too many handlers");
    c->handlers[c->handler_count].fn = fn;
    c->handlers[c->handler_count++].arg = arg;
}

void cache_set_clock(struct cache *c, const struct clock *clock)
{
    c->clock = clock;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct err *cache_get(struct cache *c, const char *ns, const char *name, const void **ret_object)
{
    pthread_rwlock_rdlock(&c->lock);
    struct err *err = expected_check_key(c, ns, name);
    if (err == NULL)
        *ret_object = object_ref(object_table_get(&c->objects, ns, name));
    pthread_rwlock_unlock(&c->lock);
    return err;
}

const void *cache_peek(struct cache *c, const char *ns, const char *name)
{
    pthread_rwlock_rdlock(&c->lock);
    const void *object = object_ref(object_table_get(&c->objects, ns, name));
    pthread_rwlock_unlock(&c->lock);
    return object;
}

void object_list_release(struct object_list *l)
{
    for (size_t i = 0; i < l->len; i++)
        object_unref(l->items[i]);
    free(l->items);
    *l = (struct object_list){0};
}

/* Lock for reading. */
static void list_bucket(const struct index_bucket *b, struct object_list *ret_list)
{
    struct object_list list = {.len = b == NULL ? 0 : b->len};
    list.items = list.len == 0 ? NULL : x_alloc(list.len * sizeof(*list.items));
    for (size_t i = 0; i < list.len; i++)
        list.items[i] = object_ref(b->items[i]);
    *ret_list = list;
}

struct err *cache_by_index(struct cache *c, int index, const char *value,
                           struct object_list *ret_list)
{
    if (index < 0 || index >= c->index_count)
        return err_new(ERR_BUG, "NoIndex", "%s has no index %d", c->kind->res.kind, index);
    pthread_rwlock_rdlock(&c->lock);
    const struct index_bucket *b = cache_index_bucket(&c->indexes[index], value);
    struct err *err = expected_check_bucket(c, b);
    if (err == NULL)
        list_bucket(b, ret_list);
    pthread_rwlock_unlock(&c->lock);
    return err;
}

void cache_peek_index(struct cache *c, int index, const char *value, struct object_list *ret_list)
{
    pthread_rwlock_rdlock(&c->lock);
    list_bucket(cache_index_bucket(&c->indexes[index], value), ret_list);
    pthread_rwlock_unlock(&c->lock);
}

static int by_order(const void *a, const void *b)
{
    return object_order(*(const void *const *)a, *(const void *const *)b);
}

void cache_all(struct cache *c, struct object_list *ret_list)
{
    struct object_list list = {0};
    pthread_rwlock_rdlock(&c->lock);
    list.items = x_alloc((c->objects.len + 1) * sizeof(*list.items)); /* never NULL */
    for (size_t i = 0; i < c->objects.cap; i++)
        if (c->objects.slots[i] != NULL)
            list.items[list.len++] = object_ref(c->objects.slots[i]);
    pthread_rwlock_unlock(&c->lock);
    qsort(list.items, list.len, sizeof(*list.items), by_order);
    *ret_list = list;
}

size_t cache_len(struct cache *c)
{
    pthread_rwlock_rdlock(&c->lock);
    size_t len = c->objects.len;
    pthread_rwlock_unlock(&c->lock);
    return len;
}

bool cache_synced(struct cache *c)
{
    pthread_rwlock_rdlock(&c->lock);
    bool synced = c->fill_count > 0;
    for (size_t i = 0; i < c->fill_count; i++)
        synced = synced && c->fills[i]->synced;
    pthread_rwlock_unlock(&c->lock);
    return synced;
}
