/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client as a seam: callers see struct http_transport and cannot tell production (one I/O
 * thread over curl_multi, http_client.h), a command line tool (the calling thread) and the
 * simulator apart. HTTP/1.1 keep-alive unless a request asks for HTTP/2; TLS 1.2 or later; no cookies, no proxy and no redirects unless
 * asked for.
 */
#ifndef CERTROLL_NET_HTTP_H
#define CERTROLL_NET_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/stop.h"

#define HTTP_URL_MAX 8192
#define HTTP_HEADERS_MAX 65536 /* bytes of all response headers */

/* How to talk TLS to one peer. Borrowed by requests; must outlive them. */
struct http_tls {
    const char *ca_pem;   /* trust anchors; NULL = the system's */
    const char *cert_pem; /* client certificate; NULL = none */
    const struct secret *key_pem;
    bool skip_verify; /* users ask for it by name (skipTLSVerify, self-checks) */
};

struct http_header {
    const char *name;
    const char *value;
};

enum http_flag {
    HTTP_SECRET = 1 << 0,  /* request and response bodies are wiped */
    HTTP_FOLLOW = 1 << 1,  /* GET and HEAD follow up to 10 redirects to http and https on ports 80
                             and 443; headers and client certificate stay within the origin */
    HTTP_GUARDED = 1 << 2, /* a tenant named this URL: refuse loopback, link-local and the forbidden
                               addresses after resolution and after each redirect */
    HTTP_MUTATES = 1 << 3, /* changes the world: asks the gate after connect, before the request */
    HTTP_NO_REUSE = 1 << 4, /* a fresh connection, closed after use */
    HTTP_PROXIED = 1 << 5,  /* through the operator's proxy, where there is one */
    HTTP_ONCE = 1 << 6, /* libcurl does not repeat it by itself when a kept connection ends before
                               an answer: the server may have carried it out */
    HTTP_VERSION_2 =
        1 << 7, /* HTTP/2 where the server speaks it, on a connection like HTTP_NO_REUSE's */
    HTTP_KEEP_HEAD = 1 << 8, /* what goes wrong within the body leaves status and headers in the
                               response beside the error */
};

#define HTTP_TIMEOUT_DEFAULT (30 * NS_PER_SEC)

struct http_request {
    const char *method; /* "GET" when NULL */
    const char *url;    /* http or https */
    const struct http_header *headers;
    size_t header_count;
    const void *body;
    size_t body_len;
    const struct http_tls *tls; /* NULL = defaults */
    int64_t timeout;            /* ns for the whole exchange; 0 = HTTP_TIMEOUT_DEFAULT */
    int64_t connect_timeout;    /* ns; 0 = 5 s */
    size_t max_body;            /* bytes of the response; 0 = 1 MiB */
    unsigned flags;             /* enum http_flag */
    const char *connect_to; /* "host:port" dialled instead of the URL's, or NULL; after a redirect
                                   it still stands for that host, on the redirect's port */
};

struct http_response {
    int status;
    struct buf body;
    char *headers; /* "name: value\n" lines, names in lower case, last response only */
};
void http_response_release(struct http_response *r);
#define AUTO_RESPONSE AUTO(http_response_release) struct http_response

/* The value of the n-th (from 0) header of that lower-case name: owned, or NULL. */
char *http_header_get(const struct http_response *r, const char *name, unsigned n);

struct http_transport {
    /* One exchange. Any HTTP status is success here; an error is ERR_TRANSIENT (reason
     * ConnectFailed, NoRoute, ConnectionLost, Timeout, TLSFailed, TooLarge, TooManyRedirects), ERR_DENIED
     * (AddressForbidden by the guard, RedirectForbidden), ERR_CANCELLED (Cancelled by the stop
     * token, or what the gate says) or ERR_INVALID (InvalidURL, InvalidRequest). Blocks. Messages
     * name the URL's scheme, host and path, not its query. */
    struct err *(*call)(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret_response);
    void *ctx;
    /* Would such a call be made now? The error that it would be held back with (http_share.h), before anything was
     * spent on it. May be NULL: yes. */
    struct err *(*turn)(void *ctx, const struct http_request *req);
};

struct err *http_call(const struct http_transport *t, const struct http_request *req,
                      const struct stop *stop, struct http_response *ret_response) MUST_CHECK;
struct err *http_call_turn(const struct http_transport *t, const struct http_request *req)
    MUST_CHECK;

/* The error of a call, taken over: where TLS failed (reason TLSFailed), with what to do at its end, since a private CA is
 * met first like that. NULL stays NULL. */
struct err *http_trust_advice(struct err *e, const char *advice) MUST_CHECK;

#endif
