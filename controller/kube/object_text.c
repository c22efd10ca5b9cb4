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
