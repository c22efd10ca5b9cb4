/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that must not leak: private keys, tokens. Wiped on release; there is no way to print one.
 */
#ifndef CERTROLL_BASE_SECRET_H
#define CERTROLL_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

struct secret {
    char *data; /* NUL-terminated beyond len */
    size_t len;
};

/* Copies len bytes; the source stays the caller's to wipe. */
struct secret secret_copy(const void *data, size_t len);
/* Wipes and frees; harmless when empty. */
void secret_release(struct secret *s);
/* In a time that depends on the lengths only. */
bool secret_equal(const struct secret *a, const struct secret *b);
/* Overwrites memory in a way the compiler keeps. */
void wipe(void *p, size_t len);

#endif
