/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/responder.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define BASE64URL "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

bool http01_token_is_valid(const char *token)
{
    if (token == NULL)
        return false;
    size_t len = strnlen(token, HTTP01_TOKEN_MAX + 1);
    return len >= HTTP01_TOKEN_MIN && len <= HTTP01_TOKEN_MAX && strspn(token, BASE64URL) == len;
}

bool http01_host_is_ip(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

bool http01_thumbprint_is_valid(const char *thumbprint)
{
    return thumbprint != NULL && strlen(thumbprint) == 43 && strspn(thumbprint, BASE64URL) == 43;
}

const char *http01_token_of(const struct httpd_request *req)
{
    if (req->has_query || !str_starts(req->path, HTTP01_PATH))
        return NULL;
    const char *token = req->path + strlen(HTTP01_PATH);
    return http01_token_is_valid(token) ? token : NULL;
}

/* ---- sending on ---- */

/* Where the host begins and ends; false for another scheme. */
static bool find_host(const char *url, const char **ret_host, size_t *ret_len)
{
    if (!str_starts(url, "http://") && !str_starts(url, "https://"))
        return false;
    const char *host = strstr(url, "://") + 3;
    bool v6 = *host == '[';
    *ret_host = host + v6;
    *ret_len = strcspn(host + v6, v6 ? "]" : ":/");
    return *ret_len > 0 && *ret_len <= DNS_NAME_MAX && (!v6 || (*ret_host)[*ret_len] == ']');
}

void http01_forward_host(const char *url, char out[DNS_NAME_MAX + 1])
{
    const char *host = NULL;
    size_t len = 0;
    out[0] = '\0';
    if (find_host(url, &host, &len))
        str_copy(out, len + 1, host);
}

struct err *http01_forward_check(const char *url)
{
    char host[DNS_NAME_MAX + 1];
    char clean[DNS_NAME_MAX + 1];
    const char *at = NULL;
    size_t len = 0;
    bool ok = url != NULL && find_host(url, &at, &len);
    if (ok) {
        http01_forward_host(url, host);
        const char *rest = at + len + (at[-1] == '[');
        ok = (http01_host_is_ip(host) || dns_name_copy(host, clean)) && strchr(host, '*') == NULL &&
             (str_eq(rest, "") || str_eq(rest, ":80") || str_eq(rest, ":443"));
    }
    if (ok)
        return NULL;
    return err_new(ERR_INVALID, "InvalidURL",
                   "\"%.64s\": write http:// or https:// and a host, on port 80 or 443 and without "
                   "a path: a CA follows nothing else",
                   str_or(url, ""));
}

void http01_forward(void *url, const struct httpd_request *req, struct httpd_reply *reply)
{
    if (http01_token_of(req) == NULL)
        return;
    reply->status = 301;
    snprintf(reply->location, sizeof(reply->location), "%s%s", (const char *)url, req->path);
}

/* ---- answering ---- */

void http01_respond(void *thumbprint, const struct httpd_request *req, struct httpd_reply *reply)
{
    const char *token = http01_token_of(req);
    if (token == NULL)
        return;
    reply->status = 200;
    buf_putf(&reply->body, "%s.%s", token, (const char *)thumbprint);
}
