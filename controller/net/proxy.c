/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define EXCEPT_MAX 16384
#define SEPARATORS ", \t"

struct target {
    char *scheme;
    char *host; /* lower case, without brackets */
};

static void target_release(struct target *t)
{
    free(t->scheme);
    free(t->host);
}

static char *part_of(CURLU *u, CURLUPart part)
{
    char *value = NULL;
    if (curl_url_get(u, part, &value, 0) != CURLUE_OK)
        return NULL;
    char *copy = x_strdup(value);
    curl_free(value);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    return copy;
}

/* By libcurl's own parser, so that both agree on what is the host: it also knows 0x7f.1 as an address. */
static bool target_of(const char *url, unsigned flags, struct target *t)
{
    CURLU *u = curl_url();
    bool ok = curl_url_set(u, CURLUPART_URL, url, flags) == CURLUE_OK;
    if (ok) {
        t->scheme = part_of(u, CURLUPART_SCHEME);
        t->host = part_of(u, CURLUPART_HOST);
    }
    curl_url_cleanup(u);
    size_t len = t->host != NULL ? strlen(t->host) : 0;
    if (len > 2 && *t->host == '[' && t->host[len - 1] == ']') {
        memmove(t->host, t->host + 1, len - 2);
        t->host[len - 2] = '\0';
    }
    return ok && !str_empty(t->host);
}

/* ---- what the operator wrote ---- */

static struct err *check(const char *url)
{
    AUTO(target_release) struct target t = {0};
    if (strnlen(url, PROXY_URL_MAX + 1) <= PROXY_URL_MAX &&
        target_of(url, CURLU_DEFAULT_SCHEME, &t) &&
        (str_eq(t.scheme, "http") || str_eq(t.scheme, "https")))
        return NULL;
    /* Not shown: it may hold a password. */
    return err_new(ERR_INVALID, "InvalidProxy",
                   "HTTPS_PROXY is not the URL of an HTTP proxy: write http://host:port");
}

/* curl takes a missing scheme for http, and so do we: "proxy:3128" has none. */
static char *with_scheme(const char *url)
{
    return strstr(url, "://") != NULL ? x_strdup(url) : x_printf("http://%s", url);
}

static void read_except(const char *text, struct strlist *ret_except)
{
    for (const char *at = text + strspn(text, SEPARATORS); *at != '\0';
         at += strspn(at, SEPARATORS)) {
        size_t len = strcspn(at, SEPARATORS);
        char *entry = x_strndup(at, len);
        for (char *c = entry; *c != '\0'; c++)
            *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        strlist_add_take(ret_except, entry);
        at += len;
    }
}

struct err *proxy_init(struct proxy *p, const char *url, const char *except)
{
    *p = (struct proxy){0};
    if (str_empty(url))
        return NULL;
    auto_free char *full = with_scheme(url);
    TRY(check(full));
    if (except != NULL && strnlen(except, EXCEPT_MAX + 1) > EXCEPT_MAX)
        return err_new(ERR_INVALID, "InvalidProxy", "NO_PROXY has over %d bytes", EXCEPT_MAX);
    p->url = TAKE(full);
    read_except(str_or(except, ""), &p->except);
    return NULL;
}

void proxy_release(struct proxy *p)
{
    if (p->url != NULL)
        x_wipe_free(p->url, strlen(p->url));
    strlist_release(&p->except);
    *p = (struct proxy){0};
}

/* ---- what goes past it ---- */

/* The bytes of an address; their number, or 0 when it is none. */
static size_t address_of(const char *text, unsigned char out[16])
{
    if (inet_pton(AF_INET, text, out) == 1)
        return 4;
    return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

/* "10.0.0.0/8" and "10.1.2.3". */
static bool in_block(const char *entry, const char *host)
{
    unsigned char block[16], address[16];
    size_t len = strcspn(entry, "/");
    auto_free char *base = x_strndup(entry, len);
    size_t size = address_of(base, block);
    if (size == 0 || address_of(host, address) != size)
        return false;
    int64_t bits = (int64_t)size * 8;
    if (entry[len] == '/') {
        struct err *e = str_to_i64(entry + len + 1, 0, bits, &bits);
        bool good = e == NULL;
        err_drop(e); /* then it is no block */
        if (!good)
            return false;
    }
    size_t whole = (size_t)bits / 8;
    unsigned rest = (unsigned)bits % 8;
    return memcmp(block, address, whole) == 0 &&
           (rest == 0 || (unsigned)(block[whole] ^ address[whole]) >> (8 - rest) == 0);
}

/* "example.test", ".example.test" and "*.example.test" all mean it and what is below. */
static bool is_at_or_below(const char *entry, const char *host)
{
    const char *name = str_starts(entry, "*.") ? entry + 2 : *entry == '.' ? entry + 1 : entry;
    size_t len = strlen(name), host_len = strlen(host);
    if (len == 0 || len > host_len || !str_eq(host + host_len - len, name))
        return false;
    return len == host_len || host[host_len - len - 1] == '.';
}

bool proxy_applies(const struct proxy *p, const char *url)
{
    AUTO(target_release) struct target t = {0};
    if (p->url == NULL || !target_of(url, 0, &t))
        return false;
    for (size_t i = 0; i < p->except.len; i++) {
        const char *entry = p->except.items[i];
        if (str_eq(entry, "*") || in_block(entry, t.host) || is_at_or_below(entry, t.host))
            return false;
    }
    return true;
}

struct err *proxy_judge(CURL *easy, CURLcode code, const char *detail)
{
    long answer = 0;
    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &answer);
    if (answer >= 300)
        return err_new(ERR_TRANSIENT, "ConnectFailed",
                       "the proxy of HTTPS_PROXY refuses the connection (HTTP %ld)%s", answer,
                       answer == 407 ? ": does it know the user and password there?" : "");
    bool is_away =
        answer == 0 && (code == CURLE_COULDNT_CONNECT || code == CURLE_RECV_ERROR ||
                        code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_GOT_NOTHING);
    return is_away ? err_new(ERR_TRANSIENT, "ConnectFailed",
                             "the proxy of HTTPS_PROXY cannot be reached: %s", detail)
                   : NULL;
}

struct err *proxy_guard(const struct guard *g, const char *url)
{
    AUTO(target_release) struct target t = {0};
    unsigned char address[16];
    if (!target_of(url, 0, &t))
        return err_new(ERR_INVALID, "InvalidURL", "the URL names no host");
    if (address_of(t.host, address) != 0)
        return guard_check_literal(g, t.host);
    return is_at_or_below("localhost", t.host) || is_at_or_below("localhost.", t.host)
               ? guard_check_literal(g, "127.0.0.1")
               : NULL;
}
