/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"

#define BUF_MIN_CAP 64

static void free_data(struct buf *b)
{
    if (b->secret)
        x_wipe_free(b->data, b->cap);
    else
        free(b->data);
}

/* The capacity (NUL included) for at least need bytes: doubled, at least 64, at most max + 1. */
static size_t next_cap(const struct buf *b, size_t need)
{
    size_t most = b->max < SIZE_MAX ? b->max + 1 : SIZE_MAX;
    size_t cap = b->cap < most / 2 ? b->cap * 2 : most;
    if (cap < BUF_MIN_CAP)
        cap = BUF_MIN_CAP < most ? BUF_MIN_CAP : most;
    return cap > need ? cap : need;
}

/* Makes room for extra bytes and the NUL; false when that would exceed the maximum. */
static bool reserve(struct buf *b, size_t extra)
{
    if (b->len > b->max || extra > b->max - b->len || b->len + extra == SIZE_MAX)
        return false;
    size_t need = b->len + extra + 1;
    if (need <= b->cap)
        return true;
    size_t cap = next_cap(b, need);
    if (b->secret) { /* realloc would leave a copy behind */
        char *data = x_alloc(cap);
        if (b->len > 0)
            memcpy(data, b->data, b->len);
        free_data(b);
        b->data = data;
    } else {
        b->data = x_realloc(b->data, cap);
    }
    b->cap = cap;
    b->data[b->len] = '\0';
    return true;
}

static struct err *too_large(const struct buf *b)
{
    return err_new(ERR_INVALID, "TooLarge", "more than the %zu bytes allowed here", b->max);
}

static bool append(struct buf *b, const void *data, size_t len)
{
    if (!reserve(b, len))
        return false;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return true;
}

/* Measures, makes room, formats. */
PRINTF_LIKE(2, 0) static bool append_format(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    bool ok = n >= 0 && reserve(b, (size_t)n);
    if (ok) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return ok;
}

void buf_release(struct buf *b)
{
    free_data(b);
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
}

void buf_clear(struct buf *b)
{
    if (b->data == NULL)
        return;
    if (b->secret)
        wipe(b->data, b->cap);
    b->len = 0;
    b->data[0] = '\0';
}

struct err *buf_add(struct buf *b, const void *data, size_t len)
{
    return append(b, data, len) ? NULL : too_large(b);
}

struct err *buf_adds(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

struct err *buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool ok = append_format(b, fmt, ap);
    va_end(ap);
    return ok ? NULL : too_large(b);
}

void buf_puts(struct buf *b, const char *s)
{
    if (!append(b, s, strlen(s)))
        x_abort("a text that is bounded by construction exceeds its buffer");
}

void buf_putf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    bool ok = append_format(b, fmt, ap);
    va_end(ap);
    if (!ok)
        x_abort("a text that is bounded by construction exceeds its buffer");
}

void buf_consume(struct buf *b, size_t n)
{
    if (n > b->len)
        x_abort("buf_consume of more than there is");
    if (n == 0)
        return;
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
    if (b->secret)
        wipe(b->data + b->len, n);
    b->data[b->len] = '\0';
}

const char *buf_str(const struct buf *b)
{
    return b->data != NULL ? b->data : "";
}

char *buf_take(struct buf *b)
{
    char *s = b->data != NULL ? b->data : x_strdup("");
    b->data = NULL;
    b->len = 0;
    b->cap = 0;
    return s;
}
