/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding. The same code runs twice over table and JSON: first with an arena that only counts and
 * destinations that are NULL, which also finds every error; then into a block of just that size.
 */
#include "json/bind.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "json/internal.h"

#define BLOCK_MAX ((size_t)4 << 20)
#define ITEMS_MAX 10000
#define PATH_MAX_LEN 1024
#define QUOTE_MAX 64

/* What tables describe holds nothing that is aligned more strictly. */
union member {
    const void *pointer;
    size_t size;
    int64_t number;
};

struct arena {
    char *base; /* NULL: measuring */
    size_t used;
};

/* NULL while measuring. */
static void *take(struct arena *a, size_t size, size_t align)
{
    const size_t at = (a->used + align - 1) / align * align;
    a->used = at + size;
    return a->base == NULL ? NULL : a->base + at;
}

static void *take_items(struct arena *a, size_t count, size_t size)
{
    return count == 0 ? NULL : take(a, count * size, _Alignof(union member));
}

static const char *take_text(struct arena *a, const char *text, size_t len)
{
    char *copy = take(a, len + 1, 1);
    if (copy != NULL) {
        memcpy(copy, text, len);
        copy[len] = '\0';
    }
    return copy;
}

/* Stores into the struct, unless measuring. */
static void put(void *out, const void *value, size_t size)
{
    if (out != NULL)
        memcpy(out, value, size);
}

static void *within(void *out, size_t offset)
{
    return out == NULL ? NULL : (char *)out + offset;
}

/* Where we are, for messages only: a chain of frames on the stack. */
struct path {
    const struct path *up; /* NULL: a member of the top object */
    const char *name;      /* ".name" */
    const char *key;       /* "[key]" of a map */
    size_t index;          /* "[3]" when there is neither */
};

static struct err *path_print(const struct path *p, struct buf *out)
{
    if (p->up != NULL)
        TRY(path_print(p->up, out));
    if (p->name != NULL)
        return buf_addf(out, "%s%s", p->up == NULL ? "" : ".", p->name);
    if (p->key == NULL)
        return buf_addf(out, "[%zu]", p->index);
    char key[QUOTE_MAX];
    str_copy(key, sizeof(key), p->key);
    return buf_addf(out, "[%s]", key);
}

static struct err *bad_field(const struct path *at, const char *fmt, ...) PRINTF_LIKE(2, 3);

static struct err *bad_field(const struct path *at, const char *fmt, ...)
{
    AUTO(buf_release) struct buf path = BUF_INIT(PATH_MAX_LEN);
    err_drop(path_print(at, &path)); /* a path that was cut still helps */
    va_list args;
    va_start(args, fmt);
    auto_free char *problem = x_vprintf(fmt, args);
    va_end(args);
    return err_new(ERR_INVALID, "InvalidField", "%s: %s", buf_str(&path), problem);
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "list";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    default:
        return "null";
    }
}

static struct err *wrong_type(const struct path *at, const char *expected, const json_t *value)
{
    return bad_field(at, "expected %s, got %s", expected, type_name(value));
}

static struct err *bad_text(const struct path *at, const json_t *value, const char *problem)
{
    char quoted[QUOTE_MAX];
    str_copy(quoted, sizeof(quoted), json_string_value(value));
    return bad_field(at, "\"%s\" %s", quoted, problem);
}

static bool is_choice(const struct bind_field *f, const char *text)
{
    for (const char *const *choice = f->enumeration; *choice != NULL; choice++)
        if (strcmp(*choice, text) == 0)
            return true;
    return false;
}

static struct err *bad_choice(const struct bind_field *f, const struct path *at,
                              const json_t *value)
{
    AUTO(buf_release) struct buf problem = BUF_INIT(PATH_MAX_LEN);
    buf_puts(&problem, "is not one of ");
    for (const char *const *choice = f->enumeration; *choice != NULL; choice++)
        buf_putf(&problem, "%s%s", choice == f->enumeration ? "" : ", ", *choice);
    return bad_text(at, value, buf_str(&problem));
}

/* One value on its way into one member. */
struct slot {
    struct arena *arena;
    const struct bind_field *field;
    const struct path *at;
    const json_t *value; /* neither NULL nor null */
    void *out;           /* the member; NULL while measuring */
};

static struct err *decode_string(const struct slot *s)
{
    if (!json_is_string(s->value))
        return wrong_type(s->at, "string", s->value);
    const char *text = json_string_value(s->value);
    if (s->field->enumeration != NULL && !is_choice(s->field, text))
        return bad_choice(s->field, s->at, s->value);
    text = take_text(s->arena, text, json_string_length(s->value));
    put(s->out, &text, sizeof(text));
    return NULL;
}

static struct err *decode_bool(const struct slot *s)
{
    if (!json_is_boolean(s->value))
        return wrong_type(s->at, "boolean", s->value);
    const bool truth = json_is_true(s->value);
    put(s->out, &truth, sizeof(truth));
    return NULL;
}

static struct err *decode_int(const struct slot *s)
{
    if (!json_is_integer(s->value))
        return wrong_type(s->at, "integer", s->value);
    const int64_t number = json_integer_value(s->value);
    put(s->out, &number, sizeof(number));
    return NULL;
}

/* Text that stands for a number of nanoseconds. */
static struct err *decode_ns(const struct slot *s,
                             struct err *(*parse)(const char *text, int64_t *ret_ns),
                             const char *problem)
{
    if (!json_is_string(s->value))
        return wrong_type(s->at, "string", s->value);
    int64_t ns = 0;
    AUTO_ERR failed = parse(json_string_value(s->value), &ns);
    if (failed != NULL)
        return bad_text(s->at, s->value, problem);
    put(s->out, &ns, sizeof(ns));
    return NULL;
}

static struct err *decode_time(const struct slot *s)
{
    return decode_ns(s, rfc3339_parse, "is not a time such as 2026-11-21T09:24:42Z");
}

static struct err *decode_duration(const struct slot *s)
{
    return decode_ns(s, duration_parse, "is not a duration such as 2160h");
}

static struct err *decode_struct(struct arena *a, const struct bind_table *t, const struct path *at,
                                 const json_t *object, void *out);

static struct err *decode_object(const struct slot *s)
{
    return decode_struct(s->arena, s->field->table, s->at, s->value, s->out);
}

static struct err *decode_pointer(const struct slot *s)
{
    void *item = take_items(s->arena, 1, s->field->table->size);
    put(s->out, &item, sizeof(item));
    return decode_struct(s->arena, s->field->table, s->at, s->value, item);
}

static struct err *check_count(const struct slot *s, size_t count)
{
    if (count > ITEMS_MAX)
        return bad_field(s->at, "%zu items, more than %d", count, ITEMS_MAX);
    return NULL;
}

static struct err *decode_strings(const struct slot *s)
{
    if (!json_is_array(s->value))
        return wrong_type(s->at, "list", s->value);
    const size_t count = json_array_size(s->value);
    TRY(check_count(s, count));
    const char **items = take_items(s->arena, count, sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        const struct path at = {.up = s->at, .index = i};
        const struct slot item = {.arena = s->arena,
                                  .field = s->field,
                                  .at = &at,
                                  .value = json_array_get(s->value, i),
                                  .out = items == NULL ? NULL : &items[i]};
        TRY(decode_string(&item));
    }
    const struct bind_strings list = {.items = items, .len = count};
    put(s->out, &list, sizeof(list));
    return NULL;
}

static int by_key(const void *a, const void *b)
{
    const struct bind_pair *x = a;
    const struct bind_pair *y = b;
    return strcmp(x->key, y->key);
}

static struct err *decode_map(const struct slot *s)
{
    if (!json_is_object(s->value))
        return wrong_type(s->at, "object", s->value);
    const size_t count = json_object_size(s->value);
    TRY(check_count(s, count));
    struct bind_pair *pairs = take_items(s->arena, count, sizeof(*pairs));
    struct bind_pair *next = pairs;
    json_t *object = (json_t *)(uintptr_t)s->value; /* for the iterator; it changes nothing */
    const char *key;
    json_t *value;
    json_object_foreach (object, key, value) {
        const struct path at = {.up = s->at, .key = key};
        if (!json_is_string(value))
            return wrong_type(&at, "string", value);
        const struct bind_pair pair = {
            .key = take_text(s->arena, key, strlen(key)),
            .value = take_text(s->arena, json_string_value(value), json_string_length(value)),
        };
        if (next != NULL)
            *next++ = pair;
    }
    if (pairs != NULL)
        qsort(pairs, count, sizeof(*pairs), by_key);
    const struct bind_map map = {.items = pairs, .len = count};
    put(s->out, &map, sizeof(map));
    return NULL;
}

static struct err *decode_list(const struct slot *s)
{
    if (!json_is_array(s->value))
        return wrong_type(s->at, "list", s->value);
    const struct bind_table *t = s->field->table;
    const size_t count = json_array_size(s->value);
    TRY(check_count(s, count));
    char *items = take_items(s->arena, count, t->size);
    for (size_t i = 0; i < count; i++) {
        const struct path at = {.up = s->at, .index = i};
        TRY(decode_struct(s->arena, t, &at, json_array_get(s->value, i),
                          within(items, i * t->size)));
    }
    const struct bind_list list = {.items = items, .len = count};
    put(s->out, &list, sizeof(list));
    return NULL;
}

static struct err *decode_json(const struct slot *s)
{
    const size_t len = json_dumpb(s->value, NULL, 0, JSON_TEXT_FLAGS);
    char *text = take(s->arena, len + 1, 1);
    if (text != NULL) {
        json_dumpb(s->value, text, len, JSON_TEXT_FLAGS);
        text[len] = '\0';
    }
    put(s->out, &text, sizeof(text));
    return NULL;
}

static struct err *(*const decoders[])(const struct slot *s) = {
    [BIND_STRING] = decode_string,     [BIND_BOOL] = decode_bool,
    [BIND_INT] = decode_int,           [BIND_TIME] = decode_time,
    [BIND_DURATION] = decode_duration, [BIND_OBJECT] = decode_object,
    [BIND_POINTER] = decode_pointer,   [BIND_STRINGS] = decode_strings,
    [BIND_MAP] = decode_map,           [BIND_LIST] = decode_list,
    [BIND_JSON] = decode_json,
};

static struct err *bad_default(const struct bind_field *f)
{
    return err_new(ERR_BUG, "BadTable", "%s cannot have the default %s", f->name, f->dflt);
}

/* Defaults are constants: a string is pointed to, not copied. */
static struct err *decode_default(const struct bind_field *f, void *out)
{
    const bool truth = str_eq(f->dflt, "true");
    int64_t number = 0;
    AUTO_ERR e = NULL;
    switch (f->type) {
    case BIND_STRING:
        put(out, &f->dflt, sizeof(f->dflt));
        return NULL;
    case BIND_BOOL:
        put(out, &truth, sizeof(truth));
        return truth || str_eq(f->dflt, "false") ? NULL : bad_default(f);
    case BIND_INT:
        e = str_to_i64(f->dflt, INT64_MIN, INT64_MAX, &number);
        break;
    case BIND_DURATION:
        e = duration_parse(f->dflt, &number);
        break;
    default:
        return bad_default(f);
    }
    put(out, &number, sizeof(number));
    return e == NULL ? NULL : bad_default(f);
}

/* object is NULL inside an object that is absent: there defaults apply and nothing is required. */
static struct err *decode_field(struct arena *a, const struct bind_field *f, const struct path *at,
                                const json_t *object, void *out)
{
    const json_t *value = json_object_get(object, f->name);
    if (value != NULL && !json_is_null(value))
        return decoders[f->type](&(struct slot){a, f, at, value, out});
    if (object != NULL && (f->flags & BIND_REQUIRED) != 0)
        return bad_field(at, "required");
    if (f->type == BIND_OBJECT)
        return decode_struct(a, f->table, at, NULL, out);
    return f->dflt == NULL ? NULL : decode_default(f, out);
}

static struct err *decode_struct(struct arena *a, const struct bind_table *t, const struct path *at,
                                 const json_t *object, void *out)
{
    if (object != NULL && !json_is_object(object))
        return wrong_type(at, "object", object);
    for (size_t i = 0; i < t->count; i++) {
        const struct bind_field *f = &t->fields[i];
        const struct path field_at = {.up = at, .name = f->name};
        TRY(decode_field(a, f, &field_at, object, within(out, f->offset)));
    }
    return NULL;
}

struct err *bind_decode(const struct bind_table *t, const json_t *object, void **ret_block)
{
    if (!json_is_object(object))
        return err_new(ERR_INVALID, "InvalidField", "%s: expected object, got %s", t->name,
                       object == NULL ? "nothing" : type_name(object));
    struct arena arena = {0};
    take(&arena, t->size, 1);
    TRY(decode_struct(&arena, t, NULL, object, NULL));
    if (arena.used > BLOCK_MAX)
        return err_new(ERR_INVALID, "InvalidField", "%s: %zu bytes when decoded, more than %zu",
                       t->name, arena.used, BLOCK_MAX);

    auto_free void *block = x_calloc(1, arena.used);
    arena = (struct arena){.base = block};
    void *top = take(&arena, t->size, 1);
    TRY(decode_struct(&arena, t, NULL, object, top));
    *ret_block = TAKE(block);
    return NULL;
}
