/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding, and what else the tables give: equality, look-ups and the walk over all fields. */
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "json/bind.h"
#include "json/internal.h"

/* Reads a member; by memcpy because lists and pointers are declared with types of their own. */
#define LOAD(T, at)                                                                                \
    __extension__({                                                                                \
        T load_;                                                                                   \
        memcpy(&load_, (at), sizeof(load_));                                                       \
        load_;                                                                                     \
    })

static const void *member(const struct bind_field *f, const void *value)
{
    return (const char *)value + f->offset;
}

static bool says_anything(const struct bind_table *t, const void *value);

static bool is_zero(const struct bind_field *f, const void *at)
{
    switch (f->type) {
    case BIND_STRING:
        return str_empty(LOAD(const char *, at));
    case BIND_BOOL:
        return !LOAD(bool, at);
    case BIND_INT:
    case BIND_TIME:
    case BIND_DURATION:
        return LOAD(int64_t, at) == 0;
    case BIND_OBJECT:
        return !says_anything(f->table, at);
    case BIND_POINTER:
    case BIND_JSON:
        return LOAD(const void *, at) == NULL;
    case BIND_STRINGS:
    case BIND_MAP:
    case BIND_LIST:
        return LOAD(struct bind_list, at).len == 0;
    }
    json_bug("a field of no known type");
}

/* True when leaving the member out would decode to something else. Where there is a default, zero
 * must be said, but a NULL string asks for the default. */
static bool says(const struct bind_field *f, const void *at)
{
    if ((f->flags & BIND_ALWAYS) != 0 || !is_zero(f, at))
        return true;
    return f->dflt != NULL && !(f->type == BIND_STRING && LOAD(const char *, at) == NULL);
}

static bool says_anything(const struct bind_table *t, const void *value)
{
    for (size_t i = 0; i < t->count; i++)
        if (says(&t->fields[i], member(&t->fields[i], value)))
            return true;
    return false;
}

static json_t *text_or_empty(const char *s)
{
    return json_new_string(s == NULL ? "" : s);
}

static json_t *encode_time(int64_t ns)
{
    char text[RFC3339_MAX];
    rfc3339_format(ns, text);
    return json_new_string(text);
}

static json_t *encode_duration(int64_t ns)
{
    char text[DURATION_MAX];
    duration_format(ns, text);
    return json_new_string(text);
}

static json_t *encode_strings(struct bind_strings l)
{
    json_t *array = json_new_array();
    for (size_t i = 0; i < l.len; i++)
        json_push(array, text_or_empty(l.items[i]));
    return array;
}

static json_t *encode_map(struct bind_map m)
{
    json_t *object = json_new_object();
    for (size_t i = 0; i < m.len; i++)
        json_put(object, m.items[i].key, text_or_empty(m.items[i].value));
    return object;
}

static json_t *encode_list(const struct bind_table *t, struct bind_list l)
{
    json_t *array = json_new_array();
    for (size_t i = 0; i < l.len; i++)
        json_push(array, bind_encode(t, (const char *)l.items + i * t->size));
    return array;
}

static json_t *encode_pointer(const struct bind_table *t, const void *value)
{
    return value == NULL ? json_null() : bind_encode(t, value);
}

static json_t *encode_json(const char *text)
{
    json_t *value = text == NULL ? json_null() : json_loads(text, JSON_READ_FLAGS, NULL);
    if (value == NULL)
        json_bug("a BIND_JSON member that is not JSON");
    return value;
}

/* Zero, NULL and empty have a form as well. */
static json_t *encode_value(const struct bind_field *f, const void *at)
{
    switch (f->type) {
    case BIND_STRING:
        return text_or_empty(LOAD(const char *, at));
    case BIND_BOOL:
        return json_boolean(LOAD(bool, at));
    case BIND_INT:
        return json_integer(LOAD(int64_t, at));
    case BIND_TIME:
        return encode_time(LOAD(int64_t, at));
    case BIND_DURATION:
        return encode_duration(LOAD(int64_t, at));
    case BIND_OBJECT:
        return bind_encode(f->table, at);
    case BIND_POINTER:
        return encode_pointer(f->table, LOAD(const void *, at));
    case BIND_STRINGS:
        return encode_strings(LOAD(struct bind_strings, at));
    case BIND_MAP:
        return encode_map(LOAD(struct bind_map, at));
    case BIND_LIST:
        return encode_list(f->table, LOAD(struct bind_list, at));
    case BIND_JSON:
        return encode_json(LOAD(const char *, at));
    }
    json_bug("a field of no known type");
}

json_t *bind_encode(const struct bind_table *t, const void *value)
{
    json_t *object = json_new_object();
    for (size_t i = 0; i < t->count; i++) {
        const struct bind_field *f = &t->fields[i];
        const void *at = member(f, value);
        if ((f->flags & BIND_REQUIRED) != 0 || says(f, at))
            json_put(object, f->name, encode_value(f, at));
    }
    return object;
}

/* ---- equality: as of what would be encoded, but without encoding it: most comparisons are those of a
 * status that stays as it is ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || strcmp(str_or(a, ""), str_or(b, "")) == 0;
}

static bool same_encoded(const struct bind_field *f, const void *a, const void *b)
{
    json_auto_t *x = encode_value(f, a);
    json_auto_t *y = encode_value(f, b);
    return json_same(x, y);
}

static bool same_strings(struct bind_strings a, struct bind_strings b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++)
        same = same_text(a.items[i], b.items[i]);
    return same;
}

static bool same_list(const struct bind_table *t, struct bind_list a, struct bind_list b)
{
    bool same = a.len == b.len;
    for (size_t i = 0; same && i < a.len; i++)
        same =
            bind_equal(t, (const char *)a.items + i * t->size, (const char *)b.items + i * t->size);
    return same;
}

static bool same_pointer(const struct bind_table *t, const void *a, const void *b)
{
    return a == b || (a != NULL && b != NULL && bind_equal(t, a, b));
}

/* Of two values that are both said. Where one value has several forms, they are compared as JSON. */
static bool same_value(const struct bind_field *f, const void *a, const void *b)
{
    switch (f->type) {
    case BIND_STRING:
        return same_text(LOAD(const char *, a), LOAD(const char *, b));
    case BIND_BOOL:
        return LOAD(bool, a) == LOAD(bool, b);
    case BIND_INT:
        return LOAD(int64_t, a) == LOAD(int64_t, b);
    case BIND_TIME:
    case BIND_DURATION:
        return LOAD(int64_t, a) == LOAD(int64_t, b) || same_encoded(f, a, b);
    case BIND_OBJECT:
        return bind_equal(f->table, a, b);
    case BIND_POINTER:
        return same_pointer(f->table, LOAD(const void *, a), LOAD(const void *, b));
    case BIND_STRINGS:
        return same_strings(LOAD(struct bind_strings, a), LOAD(struct bind_strings, b));
    case BIND_LIST:
        return same_list(f->table, LOAD(struct bind_list, a), LOAD(struct bind_list, b));
    case BIND_MAP:
    case BIND_JSON:
        return same_encoded(f, a, b);
    }
    json_bug("a field of no known type");
}

bool bind_equal(const struct bind_table *t, const void *a, const void *b)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct bind_field *f = &t->fields[i];
        const void *x = member(f, a), *y = member(f, b);
        bool required = (f->flags & BIND_REQUIRED) != 0;
        bool x_said = required || says(f, x), y_said = required || says(f, y);
        if (x_said != y_said || (x_said && !same_value(f, x, y)))
            return false;
    }
    return true;
}

const char *bind_map_get(const struct bind_map *m, const char *key)
{
    /* Not a binary search: maps are short, and callers may fill theirs in any order. */
    for (size_t i = 0; i < m->len; i++)
        if (strcmp(m->items[i].key, key) == 0)
            return m->items[i].value;
    return NULL;
}

bool bind_strings_has(const struct bind_strings *l, const char *s)
{
    for (size_t i = 0; i < l->len; i++)
        if (strcmp(l->items[i], s) == 0)
            return true;
    return false;
}

struct walk {
    void (*fn)(void *arg, const char *path, const struct bind_field *f);
    void *arg;
};

static void walk_table(const struct walk *w, const struct bind_table *t, const char *prefix)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct bind_field *f = &t->fields[i];
        auto_free char *path = x_printf("%s%s", prefix, f->name);
        w->fn(w->arg, path, f);
        if (f->table == NULL)
            continue;
        auto_free char *inner = x_printf("%s%s.", path, f->type == BIND_LIST ? "[]" : "");
        walk_table(w, f->table, inner);
    }
}

void bind_walk(const struct bind_table *t,
               void (*fn)(void *arg, const char *path, const struct bind_field *f), void *arg)
{
    walk_table(&(struct walk){.fn = fn, .arg = arg}, t, "");
}
