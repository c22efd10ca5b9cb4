/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP exchange on one easy handle: set-up, checks, bounds, redirects and the verdict, whoever
 * drives the handle. Used by one thread at a time: the I/O thread of a client, or a plain
 * transport's caller. Internal to this room.
 */
#ifndef CERTROLL_NET_EXCHANGE_H
#define CERTROLL_NET_EXCHANGE_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/guard.h"
#include "net/http.h"
#include "net/http_client.h"
#include "net/proxy.h"
#include "net/trust.h"

/* What holds for all exchanges of a transport; immutable once made. */
struct exchange_policy {
    char *user_agent;
    http_gate gate;
    void *gate_arg;
    struct guard guard;
    struct proxy proxy;
    struct trust trust;
};
struct err *exchange_policy_init(struct exchange_policy *p, const struct http_client_options *o)
    MUST_CHECK;
void exchange_policy_release(struct exchange_policy *p);

struct exchange;

/* Takes the response in pieces instead of collecting it (streams). */
struct exchange_sink {
    /* The head of the last response is complete: status and head are set. */
    void (*head)(struct exchange *x);
    /* Returns len, CURL_WRITEFUNC_PAUSE, or 0 to end the transfer. */
    size_t (*body)(struct exchange *x, const char *data, size_t len);
};

struct exchange {
    const struct exchange_policy *policy;
    const struct http_request *req;   /* borrowed */
    const struct exchange_sink *sink; /* NULL: head and body are collected */
    CURL *easy;                       /* borrowed */
    int64_t deadline;                 /* mono ns; 0 = none */
    struct curl_slist *header_list;
    struct curl_slist *connect_to;
    char *url; /* of this hop; NULL = the request's */
    unsigned hops;
    bool connected; /* at least once */
    bool proxied;   /* it takes the proxy: the address that is dialled is the operator's choice */
    bool foreign;   /* a redirect left the request's origin: no credentials any more */
    int status;
    struct buf head; /* "name: value\n" lines of the last response */
    bool head_done;
    struct buf body;
    struct err *refused; /* by a callback: guard, gate or a bound */
    char detail[CURL_ERROR_SIZE];
};

/* Prepares easy, which must be new or reset, for the first hop. After an error and after the
 * verdict: exchange_release(). The request (and its TLS) must live until then. */
struct err *exchange_init(struct exchange *x, const struct exchange_policy *policy,
                          const struct http_request *req, const struct exchange_sink *sink,
                          CURL *easy) MUST_CHECK;
void exchange_release(struct exchange *x);

/* The driver finished one hop with that code. True: a redirect is to be followed and the handle is
 * set up for it. */
bool exchange_continue(struct exchange *x, CURLcode code);

/* The verdict: NULL (ret_response is filled when not NULL), or the error, which names the URL (HTTP_KEEP_HEAD: beside a
 * head that has come). */
struct err *exchange_verdict(struct exchange *x, CURLcode code, struct http_response *ret_response)
    MUST_CHECK;

/* Puts the method and the URL before the message. */
struct err *exchange_failed(const struct http_request *req, struct err *e) MUST_CHECK;
/* ERR_CANCELLED for an exchange that was given up. */
struct err *exchange_cancelled(const struct http_request *req) MUST_CHECK;

#endif
