/* SPDX-License-Identifier: Apache-2.0 */
/* Small helpers on C strings. */
#ifndef CERTROLL_BASE_STR_H
#define CERTROLL_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/* NULL equals NULL only. */
bool str_eq(const char *a, const char *b);
/* NULL and "" are both empty. */
static inline bool str_empty(const char *s)
{
    return s == NULL || *s == '\0';
}
/* s, or dflt when s is NULL or "". */
static inline const char *str_or(const char *s, const char *dflt)
{
    return str_empty(s) ? dflt : s;
}
/* Bytewise; the empty prefix and suffix fit everything, and nothing fits NULL. */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* A whole decimal number in [min, max]; no sign but '-', no white space. */
struct err *str_to_i64(const char *s, int64_t min, int64_t max, int64_t *ret_value) MUST_CHECK;
/* Copies with truncation between two UTF-8 characters; out is always terminated (size > 0). */
void str_copy(char *out, size_t size, const char *s);
/* Control characters and invalid UTF-8 become '?', in place: for text of peers that goes into
 * conditions. */
void str_sanitize(char *s);

/* The length (1 to 4) of the UTF-8 character at s, of which len bytes may be read; 0 when it is not
 * a valid one (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
size_t utf8_char(const char *s, size_t len);
/* Whether the character of that length (as utf8_char() told) is a C0 or C1 control or DEL. */
bool utf8_is_control(const char *s, size_t len);
/* The greatest n <= len such that the first n bytes do not end within a character. */
size_t utf8_cut(const char *s, size_t len);

#endif
