/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/object_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define MIN_CAP 8

static const struct object_meta *meta_of(const void *object)
{
    return &((const struct kube_object *)object)->meta;
}

static size_t hash_key(const char *ns, const char *name)
{
    char key[KUBE_KEY_MAX];
    object_key(ns, name, key);
    return map_hash(key, strlen(key));
}

static size_t home_of(const struct object_table *t, const void *object)
{
    return hash_key(meta_of(object)->namespace, meta_of(object)->name) & (t->cap - 1);
}

static bool has_key(const void *object, const char *ns, const char *name)
{
    const struct object_meta *m = meta_of(object);
    return strcmp(m->name, name) == 0 && strcmp(str_or(m->namespace, ""), str_or(ns, "")) == 0;
}

/* The slot that holds the key, or the free one where it would go. cap > 0. */
static size_t find(const struct object_table *t, const char *ns, const char *name)
{
    size_t at = hash_key(ns, name) & (t->cap - 1);
    while (t->slots[at] != NULL && !has_key(t->slots[at], ns, name))
        at = (at + 1) & (t->cap - 1);
    return at;
}

static void grow(struct object_table *t)
{
    struct object_table bigger = {.cap = t->cap > 0 ? t->cap * 2 : MIN_CAP, .len = t->len};
    bigger.slots = x_calloc(bigger.cap, sizeof(*bigger.slots));
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slots[i] == NULL)
            continue;
        size_t at = home_of(&bigger, t->slots[i]);
        while (bigger.slots[at] != NULL)
            at = (at + 1) & (bigger.cap - 1);
        bigger.slots[at] = t->slots[i];
    }
    free(t->slots);
    *t = bigger;
}

void object_table_release(struct object_table *t)
{
    for (size_t i = 0; i < t->cap; i++)
        object_unref(t->slots[i]);
    free(t->slots);
    *t = (struct object_table){0};
}

const void *object_table_get(const struct object_table *t, const char *ns, const char *name)
{
    return t->len == 0 ? NULL : t->slots[find(t, ns, name)];
}

const void *object_table_put(struct object_table *t, const void *object)
{
    if (t->len >= t->cap / 4 * 3)
        grow(t);
    size_t at = find(t, meta_of(object)->namespace, meta_of(object)->name);
    const void *old = t->slots[at];
    t->slots[at] = object;
    t->len += old == NULL;
    return old;
}

const void *object_table_take(struct object_table *t, const char *ns, const char *name)
{
    if (t->len == 0)
        return NULL;
    size_t hole = find(t, ns, name);
    const void *object = t->slots[hole];
    if (object == NULL)
        return NULL;
    t->len--;
    /* Close the gap: whatever follows and is not at home moves up, unless its home is behind the
     * hole. */
    size_t mask = t->cap - 1;
    for (size_t i = (hole + 1) & mask; t->slots[i] != NULL; i = (i + 1) & mask) {
        if (((i - home_of(t, t->slots[i])) & mask) < ((i - hole) & mask))
            continue;
        t->slots[hole] = t->slots[i];
        hole = i;
    }
    t->slots[hole] = NULL;
    return object;
}

int object_order(const void *a, const void *b)
{
    const struct object_meta *x = meta_of(a);
    const struct object_meta *y = meta_of(b);
    const char *p = str_or(x->namespace, "");
    const char *q = str_or(y->namespace, "");
    while (*p != '\0' && *p == *q)
        p++, q++;
    if (*p == '\0' && *q == '\0')
        return strcmp(x->name, y->name);
    return (*p == '\0' ? '/' : (unsigned char)*p) - (*q == '\0' ? '/' : (unsigned char)*q);
}
