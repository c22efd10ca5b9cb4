/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/list_items.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "json/json.h"

void list_items_init(struct list_items *l, size_t item_max, list_item_fn item, void *arg)
{
    *l = (struct list_items){.item = item, .arg = arg, .text = BUF_INIT(item_max)};
}

void list_items_release(struct list_items *l)
{
    buf_release(&l->text);
    free(l->rv);
    free(l->next);
    *l = (struct list_items){0};
}

static struct err *bad_list(const char *what)
{
    return err_new(ERR_TRANSIENT, "BadList", "the answer to a LIST is not one: %s", what);
}

static bool key_is(const struct list_items *l, const char *key)
{
    return l->key_len == strlen(key) && memcmp(l->key, key, l->key_len) == 0;
}

static struct err *start_value(struct list_items *l, enum list_place place)
{
    l->place = place;
    l->extent = (struct json_extent){0};
    buf_clear(&l->text);
    return NULL;
}

static struct err *take_key(struct list_items *l, char c)
{
    if (c == '"')
        l->place = LIST_BEFORE_COLON;
    else if (l->key_len < sizeof(l->key))
        l->key[l->key_len++] = c;
    return c != '\\' ? NULL : bad_list("a name with an escape");
}

static struct err *before_key(struct list_items *l, char c)
{
    l->key_len = 0;
    if (c == ',')
        return NULL;
    l->place = c == '}' ? LIST_AT_END : LIST_IN_KEY;
    return c == '}' || c == '"' ? NULL : bad_list("a name was expected");
}

/* The next two set *ret_again when c starts a value and is to be read again. */
static struct err *before_value(struct list_items *l, char c, bool *ret_again)
{
    if (key_is(l, "items") && c == '[') {
        l->place = LIST_BEFORE_ITEM;
        return NULL;
    }
    *ret_again = true;
    return start_value(l, LIST_IN_VALUE);
}

static struct err *before_item(struct list_items *l, char c, bool *ret_again)
{
    if (c == ',')
        return NULL;
    if (c == ']') {
        l->place = LIST_BEFORE_KEY;
        return NULL;
    }
    *ret_again = true;
    return c == '{' ? start_value(l, LIST_IN_ITEM) : bad_list("an item is not an object");
}

/* One character outside of values. */
static struct err *take_mark(struct list_items *l, char c, bool *ret_again)
{
    *ret_again = false;
    if (l->place == LIST_IN_KEY)
        return take_key(l, c);
    if (strchr(" \t\r\n", c) != NULL && c != '\0')
        return NULL;
    switch (l->place) {
    case LIST_AT_START:
        l->place = LIST_BEFORE_KEY;
        return c == '{' ? NULL : bad_list("it does not start with a brace");
    case LIST_BEFORE_KEY:
        return before_key(l, c);
    case LIST_BEFORE_COLON:
        l->place = LIST_BEFORE_VALUE;
        return c == ':' ? NULL : bad_list("a colon was expected");
    case LIST_BEFORE_VALUE:
        return before_value(l, c, ret_again);
    case LIST_BEFORE_ITEM:
        return before_item(l, c, ret_again);
    default:
        return bad_list("something follows its end");
    }
}

static struct err *take_metadata(struct list_items *l, const char *text, size_t len)
{
    json_auto_t *metadata = NULL;
    TRY(json_parse(text, len, &metadata), "metadata of a list");
    const char *next = JSTR(metadata, "continue");
    free(l->rv);
    free(l->next);
    l->rv = x_strdup_or_null(JSTR(metadata, "resourceVersion"));
    l->next = str_empty(next) ? NULL : x_strdup(next);
    return NULL;
}

static struct err *end_value(struct list_items *l, const char *text, size_t len)
{
    if (l->place == LIST_IN_ITEM) {
        l->place = LIST_BEFORE_ITEM;
        return l->item(l->arg, text, len);
    }
    l->place = LIST_BEFORE_KEY;
    return key_is(l, "metadata") ? take_metadata(l, text, len) : NULL;
}

/* Reads a value from *p on, as far as this chunk has it. */
static struct err *take_value(struct list_items *l, const char **p, const char *end)
{
    const char *start = *p;
    bool ended;
    *p = json_extent_scan(&l->extent, start, end, &ended);
    size_t len = (size_t)(*p - start);
    bool wanted = l->place == LIST_IN_ITEM || key_is(l, "metadata");
    if (wanted && (!ended || l->text.len > 0)) {
        AUTO_ERR too_large = buf_add(&l->text, start, len);
        if (too_large != NULL)
            return bad_list("an item is too large");
        start = buf_str(&l->text);
        len = l->text.len;
    }
    return ended ? end_value(l, start, len) : NULL;
}

struct err *list_items_feed(struct list_items *l, const char *data, size_t len)
{
    const char *end = data + len;
    for (const char *p = data; p < end;) {
        if (l->place == LIST_IN_VALUE || l->place == LIST_IN_ITEM) {
            TRY(take_value(l, &p, end));
        } else {
            bool again;
            TRY(take_mark(l, *p, &again));
            p += again ? 0 : 1;
        }
    }
    return NULL;
}

struct err *list_items_end(const struct list_items *l)
{
    if (l->place != LIST_AT_END)
        return bad_list("it was cut short");
    if (str_empty(l->rv))
        return bad_list("it has no resourceVersion");
    return NULL;
}
