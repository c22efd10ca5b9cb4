/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"

static const char *const kind_names[] = {
    [ERR_INVALID] = "invalid",     [ERR_DENIED] = "denied",
    [ERR_NOT_FOUND] = "not_found", [ERR_CONFLICT] = "conflict",
    [ERR_TRANSIENT] = "transient", [ERR_RATE_LIMITED] = "rate_limited",
    [ERR_CANCELLED] = "cancelled", [ERR_BUG] = "bug",
};

/* Formats into out[ERR_MESSAGE_MAX], cut between two characters. */
PRINTF_LIKE(2, 0) static void format_bounded(char *out, const char *fmt, va_list ap)
{
    int n = vsnprintf(out, ERR_MESSAGE_MAX, fmt, ap);
    if (n < 0)
        str_copy(out, ERR_MESSAGE_MAX, "(a message that cannot be formatted)");
    else if (n >= ERR_MESSAGE_MAX)
        out[utf8_cut(out, ERR_MESSAGE_MAX - 1)] = '\0';
    str_sanitize(out);
}

struct err *err_new(enum err_kind kind, const char *reason, const char *fmt, ...)
{
    char message[ERR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    format_bounded(message, fmt, ap);
    va_end(ap);

    struct err *e = x_calloc(1, sizeof(*e));
    e->kind = kind;
    str_copy(e->reason, sizeof(e->reason), reason);
    e->message = x_strdup(message);
    return e;
}

struct err *err_wrap(struct err *e, const char *fmt, ...)
{
    if (e == NULL)
        return NULL;
    char message[ERR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    format_bounded(message, fmt, ap);
    va_end(ap);

    char *inner = e->message;
    e->message = x_printf("%s: %s", message, inner);
    free(inner);
    size_t len = strlen(e->message);
    if (len >= ERR_MESSAGE_MAX)
        e->message[utf8_cut(e->message, ERR_MESSAGE_MAX - 1)] = '\0';
    return e;
}

struct err *err_dup(const struct err *e)
{
    if (e == NULL)
        return NULL;
    struct err *copy = x_memdup(e, sizeof(*e));
    copy->message = x_strdup(e->message);
    return copy;
}

void err_free(struct err *e)
{
    if (e == NULL)
        return;
    free(e->message);
    free(e);
}

void err_freep(struct err **e)
{
    err_free(*e);
}

bool err_is(const struct err *e, enum err_kind kind)
{
    return e != NULL && e->kind == kind;
}

const char *err_kind_str(enum err_kind kind)
{
    size_t i = (size_t)kind;
    return i < ARRAY_LEN(kind_names) ? kind_names[i] : "unknown";
}

struct err *err_ignore(struct err *e, enum err_kind kind)
{
    if (!err_is(e, kind))
        return e;
    err_free(e);
    return NULL;
}
