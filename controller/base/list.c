/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

void strlist_release(struct strlist *l)
{
    for (size_t i = 0; i < l->len; i++)
        free(l->items[i]);
    free(l->items);
    *l = (struct strlist){0};
}

void strlist_add(struct strlist *l, const char *s)
{
    strlist_add_take(l, x_strdup(s));
}

void strlist_add_take(struct strlist *l, char *s)
{
    if (l->len == l->cap) {
        l->cap = l->cap > 0 ? l->cap * 2 : 4;
        l->items = x_realloc(l->items, l->cap * sizeof(*l->items));
    }
    l->items[l->len++] = s;
}

void strlist_add_all(struct strlist *l, const struct strlist *from)
{
    for (size_t i = 0; i < from->len; i++)
        strlist_add(l, from->items[i]);
}

bool strlist_has(const struct strlist *l, const char *s)
{
    for (size_t i = 0; i < l->len; i++) {
        if (strcmp(l->items[i], s) == 0)
            return true;
    }
    return false;
}

bool strlist_equal(const struct strlist *a, const struct strlist *b)
{
    if (a->len != b->len)
        return false;
    for (size_t i = 0; i < a->len; i++) {
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    }
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void strlist_sort(struct strlist *l)
{
    if (l->len > 1)
        qsort(l->items, l->len, sizeof(*l->items), compare);
}

void strlist_uniq(struct strlist *l)
{
    strlist_sort(l);
    size_t kept = 0;
    for (size_t i = 0; i < l->len; i++) {
        if (kept > 0 && strcmp(l->items[kept - 1], l->items[i]) == 0)
            free(l->items[i]);
        else
            l->items[kept++] = l->items[i];
    }
    l->len = kept;
}

char *strlist_join(const struct strlist *l, const char *sep, size_t max)
{
    size_t named = max > 0 && max < l->len ? max : l->len;
    struct buf b = BUF_INIT(SIZE_MAX); /* as long as the items, which are bounded already */
    for (size_t i = 0; i < named; i++) {
        if (i > 0)
            buf_puts(&b, sep);
        buf_puts(&b, l->items[i]);
    }
    if (named < l->len)
        buf_putf(&b, " and %zu more", l->len - named);
    return buf_take(&b);
}
