/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "json/json.h"

char cache_told[4096];

static void remember(void *arg, const struct cache_change *change)
{
    (void)arg;
    const struct widget *old = change->old;
    const struct widget *now = change->now;
    size_t len = strlen(cache_told);
    const char *gap = len > 0 ? " " : "";
    const char *first = change->initial ? "!" : "";
    if (old == NULL)
        snprintf(cache_told + len, sizeof(cache_told) - len, "%s%s+%s@%s", gap, first,
                 now->obj.meta.name, now->obj.meta.resource_version);
    else if (now == NULL)
        snprintf(cache_told + len, sizeof(cache_told) - len, "%s%s-%s@%s", gap, first,
                 old->obj.meta.name, old->obj.meta.resource_version);
    else
        snprintf(cache_told + len, sizeof(cache_told) - len, "%s%s~%s@%s>%s", gap, first,
                 now->obj.meta.name, old->obj.meta.resource_version,
                 now->obj.meta.resource_version);
}

void expect_told(const char *want)
{
    assert_string_equal(cache_told, want);
    cache_told[0] = '\0';
}

struct cache *widget_cache_new(void)
{
    struct cache *c = cache_new(&widget_kind);
    assert_int_equal(cache_add_index(c, widget_by_color), 0);
    cache_add_handler(c, remember, NULL);
    cache_told[0] = '\0';
    return c;
}

void widget_cache_sync(struct cache *c, const char *rv)
{
    cache_replace_begin(c);
    cache_replace_end(c, rv);
}

void widget_put(struct cache *c, const char *name, const char *rv, const char *color)
{
    cache_put(c, widget_new("ns", name, rv, color));
}

void widget_delete(struct cache *c, const char *name, const char *rv)
{
    cache_fill_delete(cache_fill(c, NULL), "ns", name, rv);
}

void widget_written(struct cache *c, const char *name, const char *rv, const char *color)
{
    json_auto_t *answer = widget_json("ns", name, rv, color);
    assert_null(cache_note_write(c, answer));
}

void expect_version(struct cache *c, const char *name, const char *rv)
{
    const void *object = NULL;
    assert_null(cache_get(c, "ns", name, &object));
    AUTO_OBJECT(struct widget) w = object;
    if (rv == NULL) {
        assert_null(w);
        return;
    }
    assert_non_null(w);
    assert_string_equal(w->obj.meta.resource_version, rv);
}

void expect_behind(struct cache *c, const char *name)
{
    const void *object = NULL;
    AUTO_ERR err = cache_get(c, "ns", name, &object);
    assert_true(err_is(err, ERR_CONFLICT));
    assert_string_equal(err->reason, "CacheBehind");
    assert_null(object);
}

void expect_color(struct cache *c, const char *color, const char *want)
{
    AUTO_OBJECT_LIST list = {0};
    AUTO_ERR err = cache_by_index(c, 0, color, &list);
    char got[1024] = "";
    for (size_t i = 0; i < list.len; i++) {
        const struct widget *w = list.items[i];
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i > 0 ? " " : "",
                 w->obj.meta.name);
    }
    assert_string_equal(err_is(err, ERR_CONFLICT) ? "behind" : got, want);
}
