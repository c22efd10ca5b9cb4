/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/object_text.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/json_extent.h"
#include "kube/secret.h"

/* The API server writes no space between; who does is parsed whole. */
#define MARK "\"managedFields\":["
#define MARK_LEN (sizeof(MARK) - 1)

/* Who owns the keys of a Secret decides whether it is trusted unread. */
static bool are_read(const struct kube_resource *res)
{
    return str_empty(res->group) && str_eq(res->plural, res_secret.plural);
}

/* The bracket of the next managedFields from p on, or NULL. Within a string the first quote would be an escaped one. */
static const char *next_bracket(const char *text, const char *p, const char *end)
{
    while ((p = memmem(p, (size_t)(end - p), MARK, MARK_LEN)) != NULL) {
        const char *bracket = p + MARK_LEN - 1;
        if (p > text && p[-1] != '\\')
            return bracket;
        p = bracket;
    }
    return NULL;
}

static size_t append(char *out, size_t at, const char *from, size_t len)
{
    memcpy(out + at, from, len);
    return at + len;
}

/* Writes text with empty managedFields to out, which has as many bytes; how many are used. What does not end is left to
 * the parser to refuse. */
static size_t shorten(const char *text, const char *bracket, const char *end, char *out)
{
    size_t len = 0;
    const char *from = text;
    while (bracket != NULL) {
        struct json_extent extent = {0};
        bool ended = false;
        const char *behind = json_extent_scan(&extent, bracket, end, &ended);
        if (!ended)
            break;
        len = append(out, len, from, (size_t)(bracket - from));
        len = append(out, len, "[]", 2);
        from = behind;
        bracket = next_bracket(text, from, end);
    }
    return append(out, len, from, (size_t)(end - from));
}

struct err *object_text_parse(const struct kube_resource *res, const char *text, size_t len,
                              json_t **ret_value)
{
    const char *end = text + len;
    const char *bracket = are_read(res) ? NULL : next_bracket(text, text, end);
    if (bracket == NULL)
        return json_parse(text, len, ret_value);
    auto_free char *shorter = x_alloc(len);
    return json_parse(shorter, shorten(text, bracket, end, shorter), ret_value);
}

/* ---- who it is ---- */

struct member {
    const char *key;
    size_t key_len;
    const char *value, *end;
};

/* The member behind the brace or comma at *p; moves *p behind it. False at the end, and where the text is not as the
 * API server writes it. */
static bool next_member(const char **p, const char *end, struct member *m)
{
    if (end - *p < 2 || (**p != '{' && **p != ',') || (*p)[1] != '"')
        return false;
    m->key = *p + 2;
    const char *quote = memchr(m->key, '"', (size_t)(end - m->key));
    if (quote == NULL || end - quote < 2 || quote[1] != ':' || quote[-1] == '\\')
        return false;
    m->key_len = (size_t)(quote - m->key);
    m->value = quote + 2;
    struct json_extent extent = {0};
    bool ended = false;
    m->end = json_extent_scan(&extent, m->value, end, &ended);
    *p = m->end;
    return ended;
}

static bool is_called(const struct member *m, const char *key)
{
    return m->key_len == strlen(key) && memcmp(m->key, key, m->key_len) == 0;
}

/* A string without escapes that fits. */
static bool take_text(const struct member *m, char *out, size_t size)
{
    size_t len = (size_t)(m->end - m->value);
    if (len < 2 || len - 2 >= size || *m->value != '"' || memchr(m->value, '\\', len) != NULL)
        return false;
    memcpy(out, m->value + 1, len - 2);
    out[len - 2] = '\0';
    return true;
}

static bool take_id(struct object_text_id *id, const struct member *m)
{
    if (is_called(m, "name"))
        return take_text(m, id->name, sizeof(id->name));
    if (is_called(m, "namespace"))
        return take_text(m, id->ns, sizeof(id->ns));
    if (is_called(m, "resourceVersion"))
        return take_text(m, id->resource_version, sizeof(id->resource_version));
    return true;
}

/* Of a whole metadata, so that none of the three is overlooked. */
static bool identify(const char *metadata, const char *end, struct object_text_id *id)
{
    struct member m;
    const char *p = metadata;
    while (next_member(&p, end, &m))
        if (!take_id(id, &m))
            return false;
    return end - p == 1 && *p == '}' && *id->name != '\0' && *id->resource_version != '\0';
}

bool object_text_identify(const char *text, size_t len, struct object_text_id *ret_id)
{
    const char *p = text;
    struct member m;
    do {
        if (!next_member(&p, text + len, &m))
            return false;
    } while (!is_called(&m, "metadata"));
    *ret_id = (struct object_text_id){0};
    return identify(m.value, m.end, ret_id);
}
