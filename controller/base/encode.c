/* SPDX-License-Identifier: Apache-2.0 */
#include "base/encode.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

struct alphabet {
    const char *name;
    char c62, c63;
    bool padded;
};

static const struct alphabet standard = {"base64", '+', '/', true};
static const struct alphabet url_safe = {"base64url", '-', '_', false};

static char to_char(const struct alphabet *a, uint32_t six)
{
    if (six < 26)
        return (char)('A' + six);
    if (six < 52)
        return (char)('a' + six - 26);
    if (six < 62)
        return (char)('0' + six - 52);
    return six == 62 ? a->c62 : a->c63;
}

/* The six bits of c, or -1. */
static int from_char(const struct alphabet *a, char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == a->c62)
        return 62;
    return c == a->c63 ? 63 : -1;
}

static char *encode(const struct alphabet *a, const unsigned char *p, size_t len)
{
    char *out = x_alloc(len / 3 * 4 + 5);
    size_t n = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)p[i] << 16;
        if (left > 1)
            bits |= (uint32_t)p[i + 1] << 8;
        if (left > 2)
            bits |= p[i + 2];
        for (size_t k = 0; k <= left; k++)
            out[n++] = to_char(a, (bits >> (18 - 6 * k)) & 63);
        for (size_t k = left; a->padded && k < 3; k++)
            out[n++] = '=';
    }
    out[n] = '\0';
    return out;
}

char *base64_encode(const void *data, size_t len)
{
    return encode(&standard, data, len);
}

char *base64url_encode(const void *data, size_t len)
{
    return encode(&url_safe, data, len);
}

char *hex_encode(const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;
    char *out = x_alloc(2 * len + 1);
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * len] = '\0';
    return out;
}

char *base32_encode_lower(const void *data, size_t len)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    const unsigned char *p = data;
    char *out = x_alloc(len * 8 / 5 + 2);
    size_t n = 0;
    unsigned bits = 0, waiting = 0;
    for (size_t i = 0; i < len; i++) {
        bits = (bits << 8 | p[i]) & 0xfff; /* at most 4 wait when 8 come */
        for (waiting += 8; waiting >= 5; waiting -= 5)
            out[n++] = digits[bits >> (waiting - 5) & 31];
    }
    if (waiting > 0)
        out[n++] = digits[bits << (5 - waiting) & 31];
    out[n] = '\0';
    return out;
}

/* How many characters carry bits: len without the padding. */
static struct err *payload_len(const struct alphabet *a, const char *s, size_t len, size_t *ret_n)
{
    size_t n = len;
    if (a->padded) {
        if (len % 4 != 0)
            return err_new(ERR_INVALID, "InvalidBase64",
                           "base64 of %zu characters: not a multiple of 4, is it cut or unpadded?",
                           len);
        while (n > 0 && len - n < 2 && s[n - 1] == '=')
            n--;
    }
    if (n % 4 == 1)
        return err_new(ERR_INVALID, "InvalidBase64", "%s of %zu characters: one is left over",
                       a->name, n);
    *ret_n = n;
    return NULL;
}

static struct err *decode_into(const struct alphabet *a, const char *s, size_t n,
                               unsigned char *out)
{
    uint32_t bits = 0;
    size_t o = 0;
    for (size_t i = 0; i < n; i++) {
        int six = from_char(a, s[i]);
        if (six < 0)
            return err_new(ERR_INVALID, "InvalidBase64", "not a %s character at byte %zu", a->name,
                           i);
        bits = (bits << 6 | (uint32_t)six) & 0xFFFFFF;
        if (i % 4 > 0) /* i % 4 characters before this one left 2, 4 or 0 bits over */
            out[o++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
    }
    uint32_t unused = n % 4 == 2 ? bits & 15 : n % 4 == 3 ? bits & 3 : 0;
    if (unused != 0)
        return err_new(ERR_INVALID, "InvalidBase64", "the last %s character has stray bits",
                       a->name);
    return NULL;
}

static struct err *decode(const struct alphabet *a, const char *s, size_t len, char **ret_data,
                          size_t *ret_len)
{
    size_t n;
    TRY(payload_len(a, s, len, &n));
    size_t out_len = n / 4 * 3 + (n % 4 > 0 ? n % 4 - 1 : 0);
    unsigned char *out = x_alloc(out_len + 1);
    struct err *e = decode_into(a, s, n, out);
    if (e != NULL) {
        x_wipe_free(out, out_len);
        return e;
    }
    out[out_len] = '\0';
    *ret_data = (char *)out;
    *ret_len = out_len;
    return NULL;
}

struct err *base64_decode(const char *s, size_t len, char **ret_data, size_t *ret_len)
{
    return decode(&standard, s, len, ret_data, ret_len);
}

struct err *base64url_decode(const char *s, size_t len, char **ret_data, size_t *ret_len)
{
    return decode(&url_safe, s, len, ret_data, ret_len);
}

/* ---- percent-encoding ---- */

#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

char *percent_encode(const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = x_alloc(3 * strlen(text) + 1);
    char *to = out;
    for (const char *c = text; *c != '\0';) {
        size_t plain = strspn(c, UNRESERVED);
        memcpy(to, c, plain);
        to += plain;
        c += plain;
        if (*c == '\0')
            break;
        unsigned char byte = (unsigned char)*c++;
        *to++ = '%';
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
    }
    *to = '\0';
    return out;
}
