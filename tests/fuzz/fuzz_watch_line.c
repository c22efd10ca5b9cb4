/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the lines of a watch: whatever they do to the cache, every object in it is found by its
 * key and under its index value, and the stream's resourceVersion only grows.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"
#include "kube/informer.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct thing {
    struct kube_object obj;
    const char *color;
};
static const struct bind_field fields[] = {
    BIND_ROW(struct thing, OBJECT, obj.meta, "metadata", .table = &object_meta_table),
    BIND_ROW(struct thing, STRING, color, "color", .flags = 0),
};
static const struct bind_table table = BIND_TABLE("Thing", struct thing, fields);
static const struct kube_kind kind = {
    .res = {.group = "example.com", .version = "v1", .plural = "things", .kind = "Thing"},
    .table = &table,
};

static void by_color(const void *object, void (*emit)(void *arg, const char *value), void *arg)
{
    const struct thing *t = object;
    if (t->color != NULL)
        emit(arg, t->color);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    json_room_init();
    return 0;
}

static bool is_indexed(struct cache *c, const struct thing *t)
{
    AUTO_OBJECT_LIST list = {0};
    AUTO_ERR err = cache_by_index(c, 0, t->color, &list);
    if (err != NULL)
        abort();
    for (size_t i = 0; i < list.len; i++)
        if (list.items[i] == t)
            return true;
    return false;
}

static void check(struct cache *c)
{
    AUTO_OBJECT_LIST all = {0};
    cache_all(c, &all);
    if (all.len != cache_len(c))
        abort();
    for (size_t i = 0; i < all.len; i++) {
        const struct thing *t = all.items[i];
        AUTO_OBJECT(struct thing) found = cache_peek(c, t->obj.meta.namespace, t->obj.meta.name);
        if (found != t || (t->color != NULL && !is_indexed(c, t)))
            abort();
    }
}

static void apply(struct cache_fill *f, const char *line, size_t len)
{
    auto_free char *before = x_strdup_or_null(cache_fill_rv(f));
    struct watch_line w = watch_apply_line(f, line, len);
    if (w.verdict != WATCH_GO_ON && w.verdict != WATCH_SYNCED && w.err == NULL)
        abort();
    if (w.verdict != WATCH_SYNCED && resource_version_compare(cache_fill_rv(f), before) < 0)
        abort();
    err_free(w.err);
}

/* A line "list" begins a list, as the informer does before it asks for one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cache *c = cache_new(&kind);
    cache_add_index(c, by_color);
    struct cache_fill *f = cache_fill(c, NULL);
    const char *p = (const char *)data;
    const char *end = p + size;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((newline != NULL ? newline : end) - p);
        if (len == 4 && memcmp(p, "list", 4) == 0)
            cache_fill_replace_begin(f);
        else
            apply(f, p, len);
        p += len + 1;
    }
    check(c);
    cache_free(c);
    return 0;
}
