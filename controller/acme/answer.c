/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

void acme_answer_release(struct acme_answer *a)
{
    json_decref(a->body);
    free(a->text);
    free(a->location);
    acme_links_release(&a->links);
    *a = (struct acme_answer){0};
}

struct err *acme_invalid_answer(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    auto_free char *message = x_vprintf(fmt, ap);
    va_end(ap);
    return err_new(ERR_TRANSIENT, "InvalidAnswer", "%s", message);
}

struct err *acme_read_text(const json_t *object, const char *name, size_t max, char **ret_text)
{
    const char *text = JSTR(object, name);
    if (text != NULL && strlen(text) > max)
        return acme_invalid_answer("%s has over %zu bytes", name, max);
    char *copy = x_strdup_or_null(text);
    if (copy != NULL)
        str_sanitize(copy);
    *ret_text = copy;
    return NULL;
}

struct err *acme_need_text(const json_t *object, const char *name, size_t max, char **ret_text)
{
    if (str_empty(JSTR(object, name)))
        return acme_invalid_answer("%s is missing", name);
    return acme_read_text(object, name, max, ret_text);
}

int64_t acme_read_time(const json_t *object, const char *name)
{
    const char *text = JSTR(object, name);
    int64_t at = 0;
    if (text != NULL)
        err_drop(rfc3339_parse(text, &at)); /* then as if absent */
    return at;
}
