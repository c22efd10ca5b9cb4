/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one growable buffer. Each is made with a maximum size: an append beyond it fails with
 * ERR_INVALID reason TooLarge and leaves the buffer as it was. Content is always NUL-terminated
 * (the NUL does not count). Not thread-safe.
 */
#ifndef CERTROLL_BASE_BUF_H
#define CERTROLL_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct buf {
    char *data; /* never NULL after the first append; use buf_str() to read */
    size_t len;
    size_t cap;
    size_t max;
    bool secret; /* wiped when released, cleared or moved by growth */
};

#define BUF_INIT(max_) ((struct buf){.max = (max_)})
#define BUF_INIT_SECRET(max_) ((struct buf){.max = (max_), .secret = true})

/* Frees (and wipes) the memory; the buffer is empty and usable again. */
void buf_release(struct buf *b);
/* Empties, keeps the memory. */
void buf_clear(struct buf *b);

/* Append. What is appended may not point into the buffer itself. */
struct err *buf_add(struct buf *b, const void *data, size_t len) MUST_CHECK;
struct err *buf_adds(struct buf *b, const char *s) MUST_CHECK;
struct err *buf_addf(struct buf *b, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);

/* For text whose length is bounded by construction: aborts instead of failing. */
void buf_puts(struct buf *b, const char *s);
void buf_putf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Drops the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);

/* "" when empty; valid until the next change. */
const char *buf_str(const struct buf *b) NEVER_NULL;

/* The content as an owned string; the buffer is empty afterwards. Never NULL. The content of a
 * secret buffer is then the caller's to wipe. */
char *buf_take(struct buf *b) NEVER_NULL;

#endif
