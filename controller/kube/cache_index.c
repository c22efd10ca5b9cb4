/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/cache_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const struct index_bucket *cache_index_bucket(const struct cache_index *x, const char *value)
{
    return map_get(&x->buckets, value);
}

/* The first place whose key is not before the object's. */
static uint32_t lower_bound(const struct index_bucket *b, const void *object)
{
    /* Lists arrive in order, so most go to the end. */
    if (b->len > 0 && object_order(b->items[b->len - 1], object) < 0)
        return b->len;
    uint32_t lo = 0;
    uint32_t hi = b->len;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (object_order(b->items[mid], object) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool index_bucket_has(const struct index_bucket *b, const void *object)
{
    if (b == NULL)
        return false;
    uint32_t at = lower_bound(b, object);
    return at < b->len && b->items[at] == object;
}

static struct index_bucket *with_room(struct map *buckets, const char *value)
{
    struct index_bucket *b = map_get(buckets, value);
    if (b != NULL && b->len < b->cap)
        return b;
    uint32_t cap = b == NULL ? 1 : b->cap * 2;
    b = x_realloc(map_take(buckets, value), sizeof(*b) + cap * sizeof(b->items[0]));
    if (cap == 1)
        b->len = 0;
    b->cap = cap;
    map_put(buckets, value, b);
    return b;
}

struct move {
    struct cache_index *index;
    const void *object;
};

/* Puts the object in, or in the place of its former version. */
static void enter(void *arg, const char *value)
{
    const struct move *m = arg;
    struct index_bucket *b = map_get(&m->index->buckets, value);
    uint32_t at = b == NULL ? 0 : lower_bound(b, m->object);
    if (b != NULL && at < b->len && object_order(b->items[at], m->object) == 0) {
        b->items[at] = m->object;
        return;
    }
    b = with_room(&m->index->buckets, value);
    memmove(&b->items[at + 1], &b->items[at], (b->len - at) * sizeof(b->items[0]));
    b->items[at] = m->object;
    b->len++;
}

/* Removes the object, unless its next version took the place. */
static void leave(void *arg, const char *value)
{
    const struct move *m = arg;
    struct index_bucket *b = map_get(&m->index->buckets, value);
    if (b == NULL)
        return;
    uint32_t at = lower_bound(b, m->object);
    if (at == b->len || b->items[at] != m->object)
        return;
    b->len--;
    memmove(&b->items[at], &b->items[at + 1], (b->len - at) * sizeof(b->items[0]));
    if (b->len == 0)
        map_remove(&m->index->buckets, value);
}

void cache_index_update(struct cache *c, const void *old, const void *now)
{
    for (int i = 0; i < c->index_count; i++) {
        struct cache_index *x = &c->indexes[i];
        if (now != NULL)
            x->fn(now, enter, &(struct move){x, now});
        if (old != NULL)
            x->fn(old, leave, &(struct move){x, old});
    }
}

void cache_index_release(struct cache_index *x)
{
    map_release(&x->buckets);
}
