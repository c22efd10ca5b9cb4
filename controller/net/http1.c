/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http1.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"

#define BAD_REQUEST 400
#define METHOD_NOT_ALLOWED 405
#define URI_TOO_LONG 414
#define HEAD_TOO_LARGE 431

/* A part of the head, not terminated. */
struct piece {
    const char *start;
    size_t len;
};

static bool piece_is(struct piece p, const char *text)
{
    return p.len == strlen(text) && strncasecmp(p.start, text, p.len) == 0;
}

static bool is_token(struct piece p)
{
    for (size_t i = 0; i < p.len; i++) {
        char c = p.start[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL)))
            return false;
    }
    return p.len > 0;
}

/* Up to the separator, which is taken too; false without one. */
static bool take(struct piece *rest, const char *separator, struct piece *ret_part)
{
    size_t len = strlen(separator);
    const char *end = memmem(rest->start, rest->len, separator, len);
    if (end == NULL)
        return false;
    *ret_part = (struct piece){rest->start, (size_t)(end - rest->start)};
    rest->len -= ret_part->len + len;
    rest->start = end + len;
    return true;
}

/* ---- the first line ---- */

static int read_target(struct piece target, struct http1_request *r)
{
    if (target.len == 0 || *target.start != '/')
        return BAD_REQUEST;
    for (size_t i = 0; i < target.len; i++)
        if (target.start[i] <= ' ' || target.start[i] > '~' || target.start[i] == '#')
            return BAD_REQUEST;
    const char *query = memchr(target.start, '?', target.len);
    size_t len = query != NULL ? (size_t)(query - target.start) : target.len;
    if (len > HTTP1_PATH_MAX)
        return URI_TOO_LONG;
    memcpy(r->path, target.start, len);
    r->path[len] = '\0';
    r->has_query = query != NULL;
    return HTTP1_WHOLE;
}

/* Methods are of upper and lower case (RFC 9110 section 9.1). */
static int read_method(struct piece method, struct http1_request *r)
{
    r->head_only = method.len == 4 && memcmp(method.start, "HEAD", 4) == 0;
    if (r->head_only || (method.len == 3 && memcmp(method.start, "GET", 3) == 0))
        return HTTP1_WHOLE;
    return METHOD_NOT_ALLOWED;
}

static int read_first_line(struct piece line, struct http1_request *r, bool *ret_http11)
{
    struct piece method, target;
    if (!take(&line, " ", &method) || !is_token(method) || !take(&line, " ", &target))
        return BAD_REQUEST;
    *ret_http11 = line.len == 8 && memcmp(line.start, "HTTP/1.1", 8) == 0;
    if (!*ret_http11 && (line.len != 8 || memcmp(line.start, "HTTP/1.0", 8) != 0))
        return BAD_REQUEST;
    int status = read_target(target, r);
    return status != HTTP1_WHOLE ? status : read_method(method, r);
}

/* ---- the others ---- */

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(".-_:[]", c) != NULL);
}

/* RFC 9112 section 3.2. */
static bool read_host(struct piece value, struct http1_request *r)
{
    if (value.len > HTTP1_HOST_MAX)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.start[i];
        r->host[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if (!is_host_char(r->host[i]))
            return false;
    }
    r->host[value.len] = '\0';
    char *after_literal = strchr(r->host, ']');
    char *port = strchr(after_literal != NULL ? after_literal : r->host, ':');
    if (port != NULL)
        *port = '\0';
    return true;
}

static bool is_field_text(struct piece p)
{
    for (size_t i = 0; i < p.len; i++)
        if (((unsigned char)p.start[i] < ' ' && p.start[i] != '\t') || p.start[i] == 0x7f)
            return false;
    return true;
}

static struct piece trim(struct piece p)
{
    while (p.len > 0 && (*p.start == ' ' || *p.start == '\t')) {
        p.start++;
        p.len--;
    }
    while (p.len > 0 && (p.start[p.len - 1] == ' ' || p.start[p.len - 1] == '\t'))
        p.len--;
    return p;
}

/* A body is not read, so its bytes would be the next request to a proxy that sends others' over the same connection (RFC
 * 9112 section 11.2). An upgrade would have bytes of another protocol follow. */
static bool read_field(struct piece line, struct http1_request *r, bool *has_host)
{
    struct piece name;
    if (!take(&line, ":", &name) || !is_token(name) || !is_field_text(line))
        return false;
    struct piece value = trim(line);
    if (piece_is(name, "host")) {
        bool first = !*has_host;
        *has_host = true;
        return first && read_host(value, r);
    }
    if (piece_is(name, "content-length"))
        return piece_is(value, "0");
    return !piece_is(name, "transfer-encoding") && !piece_is(name, "upgrade");
}

int http1_request_read(const char *bytes, size_t len, struct http1_request *ret_request)
{
    size_t most = len < HTTP1_HEAD_MAX ? len : HTTP1_HEAD_MAX;
    const char *end = memmem(bytes, most, "\r\n\r\n", 4);
    if (end == NULL)
        return len < HTTP1_HEAD_MAX ? HTTP1_MORE : HEAD_TOO_LARGE;
    struct piece rest = {bytes, (size_t)(end - bytes) + 2}, line;
    struct http1_request r = {0};
    bool http11 = false, has_host = false;
    int status = take(&rest, "\r\n", &line) ? read_first_line(line, &r, &http11) : BAD_REQUEST;
    while (status == HTTP1_WHOLE && take(&rest, "\r\n", &line))
        if (!read_field(line, &r, &has_host))
            status = BAD_REQUEST;
    if (status == HTTP1_WHOLE && http11 && !has_host)
        status = BAD_REQUEST;
    if (status == HTTP1_WHOLE)
        *ret_request = r;
    return status;
}
