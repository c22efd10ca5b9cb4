/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

#define INDENT 2
#define DOTS "..."

char *text_clean(const char *s, size_t max)
{
    s = str_or(s, "");
    size_t len = strnlen(s, max + 1);
    char *text = NULL;
    if (len <= max)
        text = x_strndup(s, len);
    else
        text = x_printf("%.*s" DOTS, (int)utf8_cut(s, max - strlen(DOTS)), s);
    str_sanitize(text);
    return text;
}

static void until(int64_t wall_ns, int64_t now, char out[TEXT_TIME_MAX])
{
    char distance[DURATION_MAX];
    bool past = wall_ns < now;
    uint64_t ns = past ? (uint64_t)now - (uint64_t)wall_ns : (uint64_t)wall_ns - (uint64_t)now;
    ns = ns < NS_PER_SEC ? NS_PER_SEC : ns;
    duration_human(ns > INT64_MAX ? INT64_MAX : (int64_t)ns, distance);
    snprintf(out, TEXT_TIME_MAX, "%s%s", distance, past ? " ago" : "");
}

void text_time(int64_t wall_ns, int64_t now, char out[TEXT_TIME_MAX])
{
    char when[RFC3339_MAX];
    char distance[TEXT_TIME_MAX];
    str_copy(out, TEXT_TIME_MAX, "-");
    if (wall_ns == 0)
        return;
    rfc3339_format(wall_ns, when);
    until(wall_ns, now, distance);
    snprintf(out, TEXT_TIME_MAX, "%.*s (%s%.*s)", RFC3339_MAX, when, wall_ns < now ? "" : "in ",
             DURATION_MAX, distance);
}

/* ---- outlines ---- */

/* "notBefore" -> "Not before", "dnsNames" -> "DNS names". */
static void put_label(struct buf *out, const char *key)
{
    static const char *const acronyms[] = {"dns", "ip", "uri", "url"};
    size_t first = strcspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    bool acronym = false;
    for (size_t i = 0; i < ARRAY_LEN(acronyms); i++)
        acronym = acronym || (strlen(acronyms[i]) == first && str_starts(key, acronyms[i]));
    for (size_t i = 0; key[i] != '\0'; i++) {
        int c = (unsigned char)key[i];
        if (i > 0 && isupper(c))
            buf_putf(out, " %c", tolower(c));
        else
            buf_putf(out, "%c", i == 0 || (acronym && i < first) ? toupper(c) : c);
    }
}

struct outline {
    struct buf *out;
    int64_t now;
    int depth;
    bool in_item; /* the next line continues the "- " of a list item */
};

static void begin_line(struct outline *o)
{
    if (!o->in_item)
        buf_putf(o->out, "%*s", o->depth * INDENT, "");
    o->in_item = false;
}

static void put_scalar(struct outline *o, const json_t *value)
{
    const char *text = json_text(value);
    int64_t time = 0;
    AUTO_ERR no_time = text != NULL ? rfc3339_parse(text, &time) : NULL;
    if (text != NULL && no_time == NULL) {
        char when[TEXT_TIME_MAX];
        text_time(time, o->now, when);
        buf_putf(o->out, "%s\n", when);
    } else if (text != NULL) {
        auto_free char *clean = text_clean(text, TEXT_VALUE_MAX);
        buf_putf(o->out, "%s\n", clean);
    } else if (json_is_boolean(value)) {
        buf_putf(o->out, "%s\n", json_truth(value) ? "yes" : "no");
    } else {
        buf_putf(o->out, "%lld\n", (long long)json_number(value, 0));
    }
}

static bool put_member(void *arg, const char *key, json_t *value);

/* "- " before a scalar, or before the first member of an object. */
static void put_items(struct outline *o, const json_t *array)
{
    size_t n = json_count(array);
    size_t shown = n < TEXT_ITEMS_MAX ? n : TEXT_ITEMS_MAX;
    for (size_t i = 0; i < shown; i++) {
        const json_t *item = json_item(array, i);
        buf_putf(o->out, "%*s- ", o->depth * INDENT, "");
        struct outline inner = {o->out, o->now, o->depth + 1, true};
        if (json_is_object(item))
            json_each(item, put_member, &inner);
        else
            put_scalar(&inner, item);
    }
    if (shown < n)
        buf_putf(o->out, "%*s- and %zu more\n", o->depth * INDENT, "", n - shown);
}

static bool put_member(void *arg, const char *key, json_t *value)
{
    struct outline *o = arg;
    bool nested = json_is_object(value) || json_is_array(value);
    if (json_is_null(value) || (nested && json_count(value) == 0))
        return true;
    begin_line(o);
    put_label(o->out, key);
    buf_puts(o->out, nested ? ":\n" : ": ");
    struct outline inner = {o->out, o->now, o->depth + 1, false};
    if (json_is_object(value))
        json_each(value, put_member, &inner);
    else if (json_is_array(value))
        put_items(&inner, value);
    else
        put_scalar(&inner, value);
    return true;
}

void text_outline(struct buf *out, const json_t *object, int64_t now)
{
    struct outline o = {out, now, 0, false};
    json_each(object, put_member, &o);
}

/* ---- tables ---- */

static char *cell_of(const struct column *c, const json_t *row, int64_t now)
{
    const char *text = JSTR(row, c->key);
    int64_t time = 0;
    if (c->type == COLUMN_UNTIL && text != NULL) {
        AUTO_ERR bad = rfc3339_parse(text, &time);
        char out[TEXT_TIME_MAX] = "-";
        if (bad == NULL)
            until(time, now, out);
        return x_strdup(out);
    }
    return text_clean(str_or(text, "-"), c->max != 0 ? c->max : TEXT_VALUE_MAX);
}

static size_t width_of(const char *s)
{
    size_t width = 0;
    for (; *s != '\0'; s++)
        width += ((unsigned char)*s & 0xC0) != 0x80; /* bytes that begin a character */
    return width;
}

static void put_row(struct buf *out, char *const *cells, const size_t *widths, size_t count)
{
    for (size_t i = 0; i + 1 < count; i++)
        buf_putf(out, "%s%*s", cells[i], (int)(widths[i] - width_of(cells[i]) + 3), "");
    buf_putf(out, "%s\n", cells[count - 1]);
}

void text_table(struct buf *out, const struct column *columns, size_t count, const json_t *rows,
                int64_t now)
{
    size_t lines = json_count(rows) + 1;
    auto_free char **cells = x_calloc(lines * count, sizeof(*cells));
    auto_free size_t *widths = x_calloc(count, sizeof(*widths));
    for (size_t i = 0; i < lines * count; i++) {
        const struct column *c = &columns[i % count];
        cells[i] = i < count ? x_strdup(c->head) : cell_of(c, json_item(rows, i / count - 1), now);
        size_t width = width_of(cells[i]);
        widths[i % count] = width > widths[i % count] ? width : widths[i % count];
    }
    for (size_t i = 0; i < lines; i++)
        put_row(out, cells + i * count, widths, count);
    for (size_t i = 0; i < lines * count; i++)
        free(cells[i]);
}
