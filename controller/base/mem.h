/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory. Out of memory aborts: all state is in the API server, and the pod restarts. Everything a
 * peer can make big has a maximum elsewhere, so an abort here means the container limit is too low.
 */
#ifndef CERTROLL_BASE_MEM_H
#define CERTROLL_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

#include "base/err.h"

/* Writes what to stderr and aborts: a rule of the program was broken, or memory is gone. */
void x_abort(const char *what) __attribute__((noreturn));

/* All return owned memory; only x_strdup_or_null(NULL) returns NULL. x_calloc zeroes. */
void *x_alloc(size_t size) NEVER_NULL;
void *x_calloc(size_t count, size_t size) NEVER_NULL;
void *x_realloc(void *p, size_t size) NEVER_NULL;
char *x_strdup(const char *s) NEVER_NULL;
char *x_strdup_or_null(const char *s);
char *x_strndup(const char *s, size_t len) NEVER_NULL;
void *x_memdup(const void *p, size_t len) NEVER_NULL;
char *x_printf(const char *fmt, ...) NEVER_NULL PRINTF_LIKE(1, 2);
char *x_vprintf(const char *fmt, va_list ap) NEVER_NULL PRINTF_LIKE(1, 0);

/* Wipes and frees; accepts NULL. free() for everything that is not secret. */
void x_wipe_free(void *p, size_t len);

/* Frees *p, for auto_free; p points to a pointer of any type. */
void freep(void *p);

/* auto_free char *s = ...; frees s when it goes out of scope. */
#define auto_free __attribute__((cleanup(freep)))

/* AUTO(buf_release) struct buf b = ...; calls fn(&b) at the end of the scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))

/* Moves a pointer out of an auto variable. */
#define TAKE(p)                                                                                    \
    __extension__({                                                                                \
        __typeof__(p) take_ = (p);                                                                 \
        (p) = NULL;                                                                                \
        take_;                                                                                     \
    })

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
