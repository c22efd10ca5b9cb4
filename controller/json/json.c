/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "json/internal.h"

#ifdef CERTROLL_SANITIZED
#define SHARED_MAX 0 /* a sanitizer is to see each value */
#else
#define SHARED_MAX 1024
#endif

void json_room_init(void)
{
    json_memory_init(SHARED_MAX);
    json_set_alloc_funcs(json_memory, json_memory_free);
    /* Odd, because jansson takes 0 for "choose one from the time of day". */
    json_object_seed((size_t)rng_u64(rng_system()) | 1);
}

_Noreturn void json_bug(const char *what)
{
    fprintf(stderr, "json: bug: %s\n", what);
    abort();
}

/* jansson's own message quotes the input near the error, which may be a secret. */
static const char *parse_problem(enum json_error_code code)
{
    switch (code) {
    case json_error_stack_overflow:
        return "nested too deeply";
    case json_error_invalid_utf8:
        return "not UTF-8";
    case json_error_premature_end_of_input:
        return "unexpected end";
    case json_error_end_of_input_expected:
        return "text after the end of the value";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "NUL in a string";
    case json_error_duplicate_key:
        return "duplicate key";
    case json_error_numeric_overflow:
        return "number out of range";
    default:
        return "not JSON";
    }
}

struct err *json_parse(const char *data, size_t len, json_t **ret_value)
{
    if (data == NULL)
        data = "";
    const char *nul = memchr(data, '\0', len); /* jansson skips one behind a number */
    if (nul != NULL)
        return err_new(ERR_INVALID, "BadJSON", "byte %td: NUL", nul - data + 1);
    json_error_t error;
    json_t *value = json_loadb(data, len, JSON_READ_FLAGS, &error);
    if (value == NULL)
        return err_new(ERR_INVALID, "BadJSON", "line %d, column %d: %s", error.line, error.column,
                       parse_problem(json_error_code(&error)));
    *ret_value = value;
    return NULL;
}

struct print {
    struct buf *out;
    struct err *err;
};

static int print_chunk(const char *chunk, size_t len, void *data)
{
    struct print *p = data;
    if (p->err == NULL) /* jansson does not always stop when told to */
        p->err = buf_add(p->out, chunk, len);
    return p->err == NULL ? 0 : -1;
}

struct err *json_print(const json_t *value, struct buf *b)
{
    if (value == NULL)
        json_bug("printing NULL");
    struct print p = {.out = b};
    const size_t before = b->len;
    if (json_dump_callback(value, print_chunk, &p, JSON_TEXT_FLAGS) != 0 && p.err == NULL)
        json_bug("printing a value that holds itself");
    if (p.err == NULL)
        return NULL;
    b->len = before;
    if (b->data != NULL)
        b->data[before] = '\0';
    return p.err;
}

struct err *json_to_string(const json_t *value, size_t max, char **ret_text)
{
    AUTO(buf_release) struct buf b = BUF_INIT(max);
    TRY(json_print(value, &b));
    *ret_text = buf_take(&b);
    return NULL;
}

/* Array indexes are at most nine digits, so that they cannot overflow. */
static json_t *child_at(const json_t *array, const char *index)
{
    size_t i = 0;
    const size_t digits = strspn(index, "0123456789");
    if (digits == 0 || digits > 9 || index[digits] != '\0')
        return NULL;
    for (const char *c = index; *c != '\0'; c++)
        i = i * 10 + (size_t)(*c - '0');
    return json_array_get(array, i);
}

static json_t *child(const json_t *value, const char *name)
{
    return json_is_array(value) ? child_at(value, name) : json_object_get(value, name);
}

json_t *json_path(const json_t *value, const char *const *path)
{
    json_t *at = child(value, path[0]);
    for (path++; at != NULL && *path != NULL; path++)
        at = child(at, *path);
    return at;
}

const char *json_text(const json_t *value)
{
    return json_string_value(value);
}

int64_t json_number(const json_t *value, int64_t dflt)
{
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : dflt;
}

bool json_truth(const json_t *value)
{
    return json_is_true(value);
}

size_t json_count(const json_t *value)
{
    return json_is_object(value) ? json_object_size(value) : json_array_size(value);
}

json_t *json_item(const json_t *array, size_t i)
{
    return json_array_get(array, i);
}

void json_each(const json_t *object, bool (*fn)(void *arg, const char *key, json_t *value),
               void *arg)
{
    /* jansson's iterators are not const because one may set through them; this does not. */
    json_t *o = (json_t *)(uintptr_t)object;
    for (void *it = json_object_iter(o); it != NULL; it = json_object_iter_next(o, it))
        if (!fn(arg, json_object_iter_key(it), json_object_iter_value(it)))
            return;
}

bool json_same(const json_t *a, const json_t *b)
{
    return a == b || json_equal(a, b) != 0;
}
