/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builders. jansson refuses text that is not UTF-8; such text reaches us from certificates and from
 * truncated messages, and must not stop the controller: each bad byte becomes '?'.
 */
#include <stdarg.h>

#include "base/mem.h"
#include "base/str.h"
#include "json/internal.h"
#include "json/json.h"

/* The length of the longest prefix of s that is UTF-8. */
static size_t utf8_prefix(const char *s, size_t len)
{
    size_t good = 0;
    for (size_t n = 1; n > 0; good += n) {
        while (good < len && (unsigned char)s[good] < 0x80)
            good++;
        n = utf8_char(s + good, len - good);
    }
    return good;
}

/* s itself when it is UTF-8, else a cleaned copy, owned by *ret_copy. */
static const char *utf8_text(const char *s, char **ret_copy)
{
    const size_t len = strlen(s);
    size_t at = utf8_prefix(s, len);
    if (at == len)
        return s;
    char *copy = x_strdup(s);
    for (; at < len; at += utf8_prefix(copy + at, len - at))
        copy[at] = '?';
    *ret_copy = copy;
    return copy;
}

static json_t *made(json_t *value)
{
    if (value == NULL)
        json_bug("a value could not be made");
    return value;
}

json_t *json_new_object(void)
{
    return made(json_object());
}

json_t *json_new_array(void)
{
    return made(json_array());
}

json_t *json_new_string(const char *s)
{
    auto_free char *copy = NULL;
    return made(json_string_nocheck(utf8_text(s, &copy)));
}

void json_put(json_t *object, const char *key, json_t *value)
{
    auto_free char *copy = NULL;
    if (json_object_set_new_nocheck(object, utf8_text(key, &copy), value) != 0)
        json_bug("json_put needs an object and a value");
}

void json_put_str(json_t *object, const char *key, const char *s)
{
    if (s != NULL)
        json_put(object, key, json_new_string(s));
}

void json_drop(json_t *object, const char *key)
{
    json_object_del(object, key); /* fails only when it is not there */
}

void json_push(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        json_bug("json_push needs an array and a value");
}

json_t *json_from_strlist(const struct strlist *l)
{
    json_t *array = json_new_array();
    for (size_t i = 0; i < l->len; i++)
        json_push(array, json_new_string(l->items[i]));
    return array;
}

json_t *json_copy_deep(const json_t *value)
{
    return made(json_deep_copy(value));
}

static bool merge_member(void *arg, const char *key, json_t *value)
{
    json_t *target = arg;
    if (json_is_null(value)) {
        json_drop(target, key);
    } else if (json_is_object(value)) {
        json_t *inner = json_object_get(target, key);
        if (!json_is_object(inner)) {
            inner = json_new_object();
            json_put(target, key, inner);
        }
        json_merge_patch(inner, value);
    } else {
        json_put(target, key, json_copy_deep(value));
    }
    return true;
}

void json_merge_patch(json_t *target, const json_t *patch)
{
    json_each(patch, merge_member, target);
}

/* json_build: an interpreter of the format, as json_vpack is one, that cleans text and aborts. */
struct pack {
    const char *fmt;
    va_list args;
};

static char pack_next(struct pack *p)
{
    p->fmt += strspn(p->fmt, " \t\n,:");
    if (*p->fmt == '\0')
        json_bug("json_build: the format ends too early");
    return *p->fmt++;
}

static json_t *pack_value(struct pack *p, char type);

static json_t *pack_object(struct pack *p)
{
    json_t *object = json_new_object();
    for (char c = pack_next(p); c != '}'; c = pack_next(p)) {
        const char *key = c == 's' ? va_arg(p->args, const char *) : NULL;
        if (key == NULL)
            json_bug("json_build: a key must be a string");
        json_t *value = pack_value(p, pack_next(p));
        if (value != NULL)
            json_put(object, key, value);
    }
    return object;
}

static json_t *pack_array(struct pack *p)
{
    json_t *array = json_new_array();
    for (char c = pack_next(p); c != ']'; c = pack_next(p)) {
        json_t *value = pack_value(p, c);
        if (value != NULL)
            json_push(array, value);
    }
    return array;
}

/* value, or what the mark behind the type says NULL stands for: "?" null, "*" nothing. */
static json_t *pack_optional(struct pack *p, json_t *value)
{
    const char mark = *p->fmt == '?' || *p->fmt == '*' ? *p->fmt++ : '\0';
    if (value == NULL && mark == '\0')
        json_bug("json_build: NULL without ? or *");
    return value == NULL && mark == '?' ? json_null() : value;
}

/* NULL means nothing is to be put there. */
static json_t *pack_value(struct pack *p, char type)
{
    const char *s;
    switch (type) {
    case '{':
        return pack_object(p);
    case '[':
        return pack_array(p);
    case 's':
        s = va_arg(p->args, const char *);
        return pack_optional(p, s == NULL ? NULL : json_new_string(s));
    case 'o':
        return pack_optional(p, va_arg(p->args, json_t *));
    case 'O':
        return pack_optional(p, json_incref(va_arg(p->args, json_t *)));
    case 'n':
        return json_null();
    case 'b':
        return json_boolean(va_arg(p->args, int));
    case 'i':
        return made(json_integer(va_arg(p->args, int)));
    case 'I':
        return made(json_integer(va_arg(p->args, json_int_t)));
    case 'f':
        return made(json_real(va_arg(p->args, double)));
    default:
        json_bug("json_build: a format character that is not one of {}[]soOnbiIf?*");
    }
}

json_t *json_build(const char *fmt, ...)
{
    struct pack p = {.fmt = fmt};
    va_start(p.args, fmt);
    json_t *value = pack_value(&p, pack_next(&p));
    va_end(p.args);
    if (value == NULL || p.fmt[strspn(p.fmt, " \t\n,:")] != '\0')
        json_bug("json_build: the format is not one value");
    return value;
}
