/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/provider_sigv4.h"

#include <stdlib.h>
#include <time.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/key.h"
#include "pki/mac.h"

#define ALGORITHM "AWS4-HMAC-SHA256"
#define CANONICAL_MAX 32768 /* a query and a session token are the longest parts */
#define ID_MAX 128
#define SECRET_MAX 256
#define SESSION_MAX 8192
#define SHA256_LEN 32
#define ID_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

void sigv4_keys_release(struct sigv4_keys *k)
{
    secret_release(&k->id);
    secret_release(&k->secret);
    secret_release(&k->session);
}

void sigv4_headers_release(struct sigv4_headers *h)
{
    free(h->authorization);
    h->authorization = NULL;
}

static bool is_visible(const struct secret *s)
{
    for (size_t i = 0; i < s->len; i++)
        if (s->data[i] <= ' ' || s->data[i] > '~')
            return false;
    return true;
}

static struct err *check_keys(const struct sigv4_keys *k)
{
    if (k->id.len == 0 || k->id.len > ID_MAX || strspn(k->id.data, ID_CHARS) != k->id.len)
        return err_new(ERR_INVALID, "InvalidSecret",
                       "the access key id is none: write 1 to %d letters and digits, such as "
                       "AKIAIOSFODNN7EXAMPLE",
                       ID_MAX);
    if (k->secret.len == 0 || k->secret.len > SECRET_MAX || !is_visible(&k->secret))
        return err_new(ERR_INVALID, "InvalidSecret",
                       "the secret access key is none: write 1 to %d printable ASCII characters "
                       "without spaces",
                       SECRET_MAX);
    if (k->session.len > SESSION_MAX || !is_visible(&k->session))
        return err_new(ERR_INVALID, "InvalidSecret", "the session token is none");
    return NULL;
}

static const char *signed_headers(const struct sigv4_keys *keys, const struct sigv4_request *r)
{
    if (r->content_type != NULL)
        return keys->session.len > 0 ? "content-type;host;x-amz-date;x-amz-security-token"
                                     : "content-type;host;x-amz-date";
    return keys->session.len > 0 ? "host;x-amz-date;x-amz-security-token" : "host;x-amz-date";
}

/* Hex of the hash of the canonical request. */
static struct err *hash_request(const struct sigv4_keys *keys, const struct sigv4_request *r,
                                const char *date, char ret_hash[PKI_SHA256_HEX])
{
    AUTO(buf_release) struct buf b = BUF_INIT_SECRET(CANONICAL_MAX);
    char body[PKI_SHA256_HEX];
    pki_sha256_hex(r->body_len > 0 ? r->body : "", r->body_len, body);
    TRY(buf_addf(&b, "%s\n%s\n%s\n", r->method, r->path, r->query));
    if (r->content_type != NULL)
        TRY(buf_addf(&b, "content-type:%s\n", r->content_type));
    TRY(buf_addf(&b, "host:%s\nx-amz-date:%s\n", r->host, date));
    if (keys->session.len > 0)
        TRY(buf_addf(&b, "x-amz-security-token:%s\n", keys->session.data));
    TRY(buf_addf(&b, "\n%s\n%s", signed_headers(keys, r), body));
    pki_sha256_hex(b.data, b.len, ret_hash);
    return NULL;
}

/* key becomes the MAC of text under what it was. */
static struct err *next_key(unsigned char key[PKI_HASH_MAX], const char *text)
{
    return pki_hmac(PKI_SHA256, (struct pki_bytes){key, SHA256_LEN},
                    (struct pki_bytes){text, strlen(text)}, key);
}

/* The last MAC of the chain in hex, owned: each is the key of the next. */
static struct err *sign_text(const struct secret *secret, const char *const *chain,
                             char **ret_signature)
{
    unsigned char key[PKI_HASH_MAX];
    AUTO(buf_release) struct buf first = BUF_INIT_SECRET(SECRET_MAX + 5);
    TRY(buf_addf(&first, "AWS4%s", secret->data));
    TRY(pki_hmac(PKI_SHA256, (struct pki_bytes){first.data, first.len},
                 (struct pki_bytes){chain[0], strlen(chain[0])}, key));
    for (const char *const *text = chain + 1; *text != NULL; text++)
        TRY(next_key(key, *text));
    *ret_signature = hex_encode(key, SHA256_LEN);
    return NULL;
}

struct err *sigv4_sign(const struct sigv4_keys *keys, const struct sigv4_request *r, int64_t now,
                       struct sigv4_headers *ret_headers)
{
    TRY(check_keys(keys));
    time_t seconds = (time_t)(now / NS_PER_SEC);
    struct tm utc;
    char date[sizeof(ret_headers->date)], day[9], hash[PKI_SHA256_HEX];
    gmtime_r(&seconds, &utc);
    if (strftime(date, sizeof(date), "%Y%m%dT%H%M%SZ", &utc) == 0)
        return err_new(ERR_BUG, "InvalidTime", "the clock tells no year of four digits");
    str_copy(day, sizeof(day), date);
    TRY(hash_request(keys, r, date, hash), "signing the request");
    auto_free char *scope = x_printf("%s/%s/%s/aws4_request", day, r->region, r->service);
    auto_free char *text = x_printf(ALGORITHM "\n%s\n%s\n%s", date, scope, hash);
    auto_free char *signature = NULL;
    const char *const chain[] = {day, r->region, r->service, "aws4_request", text, NULL};
    TRY(sign_text(&keys->secret, chain, &signature), "signing the request");
    str_copy(ret_headers->date, sizeof(ret_headers->date), date);
    ret_headers->authorization =
        x_printf(ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s", keys->id.data,
                 scope, signed_headers(keys, r), signature);
    return NULL;
}
