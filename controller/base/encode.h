/* SPDX-License-Identifier: Apache-2.0 */
/* base64, base64url (RFC 4648 sections 4 and 5, the latter without padding), base32 and hex; percent-encoding. */
#ifndef CERTROLL_BASE_ENCODE_H
#define CERTROLL_BASE_ENCODE_H

#include <stddef.h>

#include "base/err.h"

/* Owned, NUL-terminated strings. */
char *base64_encode(const void *data, size_t len);
char *base64url_encode(const void *data, size_t len);
char *hex_encode(const void *data, size_t len);
/* Section 6 in lower case, without padding. */
char *base32_encode_lower(const void *data, size_t len);

/* RFC 3986 section 2: all but unreserved characters as "%XX", for a segment of a path or a value of a query. Owned. */
char *percent_encode(const char *text);

/* Strict: no white space, right padding for base64, none for base64url, unused bits zero. The
 * result is owned and NUL-terminated beyond ret_len; errors name positions, never content. */
struct err *base64_decode(const char *s, size_t len, char **ret_data, size_t *ret_len) MUST_CHECK;
struct err *base64url_decode(const char *s, size_t len, char **ret_data, size_t *ret_len)
    MUST_CHECK;

#endif
