/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

bool str_eq(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return strcmp(a, b) == 0;
}

bool str_starts(const char *s, const char *prefix)
{
    return s != NULL && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    if (s == NULL)
        return false;
    size_t len = strlen(s), suffix_len = strlen(suffix);
    return len >= suffix_len && memcmp(s + len - suffix_len, suffix, suffix_len) == 0;
}

/* Accumulates below zero, where the range is one wider. */
static bool parse_i64(const char *s, int64_t *ret_value)
{
    bool negative = *s == '-';
    if (negative)
        s++;
    if (*s == '\0')
        return false;
    int64_t value = 0;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, *s - '0', &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *ret_value = negative ? value : -value;
    return true;
}

struct err *str_to_i64(const char *s, int64_t min, int64_t max, int64_t *ret_value)
{
    int64_t value = 0;
    if (s == NULL || !parse_i64(s, &value) || value < min || value > max)
        return err_new(ERR_INVALID, "InvalidNumber",
                       "\"%.40s\" is not a whole number from %lld to %lld", s != NULL ? s : "",
                       (long long)min, (long long)max);
    *ret_value = value;
    return NULL;
}

void str_copy(char *out, size_t size, const char *s)
{
    size_t len = strlen(s);
    if (len >= size)
        len = utf8_cut(s, size - 1);
    memcpy(out, s, len);
    out[len] = '\0';
}

void str_sanitize(char *s)
{
    size_t left = strlen(s);
    while (left > 0) {
        bool plain = *s >= ' ' && *s <= '~'; /* as nearly all that passes here */
        size_t n = plain ? 1 : utf8_char(s, left);
        bool bad = !plain && (n == 0 || utf8_is_control(s, n));
        if (n == 0)
            n = 1;
        if (bad)
            memset(s, '?', n);
        s += n;
        left -= n;
    }
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Length by the lead byte, and the range of the second byte that excludes overlong forms,
 * surrogates and code points beyond U+10FFFF (RFC 3629 section 4). */
static size_t utf8_lead(unsigned char c, unsigned char *ret_lo, unsigned char *ret_hi)
{
    *ret_lo = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80;
    *ret_hi = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
    if (c < 0x80)
        return 1;
    if (c >= 0xC2 && c <= 0xDF)
        return 2;
    if (c >= 0xE0 && c <= 0xEF)
        return 3;
    if (c >= 0xF0 && c <= 0xF4)
        return 4;
    return 0;
}

size_t utf8_char(const char *s, size_t len)
{
    if (len == 0)
        return 0;
    unsigned char lo, hi;
    size_t n = utf8_lead((unsigned char)s[0], &lo, &hi);
    if (n <= 1)
        return n;
    if (n > len || (unsigned char)s[1] < lo || (unsigned char)s[1] > hi)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if (!is_continuation(s[i]))
            return 0;
    }
    return n;
}

bool utf8_is_control(const char *s, size_t len)
{
    unsigned char c = (unsigned char)s[0];
    if (len == 1)
        return c < 0x20 || c == 0x7F;
    return len == 2 && c == 0xC2 && (unsigned char)s[1] < 0xA0;
}

size_t utf8_cut(const char *s, size_t len)
{
    unsigned char lo, hi;
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        if (is_continuation(s[len - back]))
            continue;
        return utf8_lead((unsigned char)s[len - back], &lo, &hi) > back ? len - back : len;
    }
    return len;
}
