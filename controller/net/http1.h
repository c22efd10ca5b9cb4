/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1.1 request (RFC 9112), read strictly: what another reader could take for something else is refused
 * and not repaired. There is no body, no line folding, no space before a colon, no line that ends without CR LF. The
 * target is as it was sent: nothing in it is decoded, resolved or joined.
 */
#ifndef CERTROLL_NET_HTTP1_H
#define CERTROLL_NET_HTTP1_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP1_HEAD_MAX 4096
#define HTTP1_PATH_MAX 1024
#define HTTP1_HOST_MAX 263 /* a DNS name of 253 bytes and a port */

struct http1_request {
    bool head_only;                /* HEAD, else GET */
    char path[HTTP1_PATH_MAX + 1]; /* begins with "/" */
    bool has_query;                /* a "?" came after the path; what follows it is not kept */
    char host[HTTP1_HOST_MAX + 1]; /* without the port, lower case; "" when absent in HTTP/1.0 */
};

enum { HTTP1_WHOLE = 0, HTTP1_MORE = 1 };
/* HTTP1_WHOLE: bytes begin with a whole head, and ret_request says what it asks. HTTP1_MORE: what is there may be the
 * beginning of one. Else the status to refuse it with: 400, 405, 414 or 431. */
int http1_request_read(const char *bytes, size_t len, struct http1_request *ret_request);

#endif
