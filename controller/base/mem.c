/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

void x_abort(const char *what)
{
    fprintf(stderr, "certroll: fatal: %s\n", what);
    abort();
}

static void *checked(void *p)
{
    if (p == NULL)
        x_abort("out of memory");
    return p;
}

void *x_alloc(size_t size)
{
    return checked(malloc(size > 0 ? size : 1));
}

void *x_calloc(size_t count, size_t size)
{
    return checked(count > 0 && size > 0 ? calloc(count, size) : calloc(1, 1));
}

void *x_realloc(void *p, size_t size)
{
    return checked(realloc(p, size > 0 ? size : 1));
}

char *x_strdup(const char *s)
{
    return checked(strdup(s));
}

char *x_strdup_or_null(const char *s)
{
    return s != NULL ? x_strdup(s) : NULL;
}

char *x_strndup(const char *s, size_t len)
{
    /* Not strndup(): under strict_string_checks ASan wants a NUL even where len ends the text. */
    size_t n = strnlen(s, len);
    char *copy = x_alloc(n + 1);
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

void *x_memdup(const void *p, size_t len)
{
    void *copy = x_alloc(len);
    if (len > 0)
        memcpy(copy, p, len);
    return copy;
}

char *x_printf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = x_vprintf(fmt, ap);
    va_end(ap);
    return s;
}

char *x_vprintf(const char *fmt, va_list ap)
{
    char *s = NULL;
    if (vasprintf(&s, fmt, ap) < 0)
        x_abort("out of memory, or a string that cannot be formatted");
    return s;
}

void x_wipe_free(void *p, size_t len)
{
    wipe(p, len);
    free(p);
}

void freep(void *p)
{
    free(*(void **)p);
}
