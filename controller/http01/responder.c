/* SPDX-License-Identifier: Apache-2.0 */
#include "http01/responder.h"

#include <arpa/inet.h>
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

const char *http01_token_of(const char *path)
{
    if (!str_starts(path, HTTP01_PATH))
        return NULL;
    const char *token = path + strlen(HTTP01_PATH);
    return http01_token_is_valid(token) ? token : NULL;
}

void http01_respond(void *thumbprint, const struct httpd_request *req, struct httpd_reply *reply)
{
    const char *token = http01_token_of(req->path);
    if (token == NULL)
        return;
    reply->status = 200;
    buf_putf(&reply->body, "%s.%s", token, (const char *)thumbprint);
}
