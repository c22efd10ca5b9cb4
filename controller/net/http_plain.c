/* SPDX-License-Identifier: Apache-2.0 */
#include <curl/curl.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/exchange.h"
#include "net/http_client.h"

#define POLL_MS 60000

/* A multi for one transfer: unlike curl_easy_perform() a stop token can wake it. */
struct http_plain {
    struct http_transport transport;
    struct exchange_policy policy;
    struct err *unusable; /* the options are wrong: each call says so */
    CURLM *multi;
    CURL *easy;
};

static void on_stop(void *arg)
{
    struct http_plain *p = arg;
    curl_multi_wakeup(p->multi);
}

/* Runs the handle until it is done; false when the token was set before. */
static bool run(struct http_plain *p, const struct stop *stop, CURLcode *ret_code)
{
    for (;;) {
        int running, left;
        curl_multi_perform(p->multi, &running);
        CURLMsg *msg = curl_multi_info_read(p->multi, &left);
        if (msg != NULL) {
            *ret_code = msg->data.result;
            return true;
        }
        if (stop_is_set(stop))
            return false;
        curl_multi_poll(p->multi, NULL, 0, POLL_MS, NULL);
    }
}

static struct err *exchange(struct http_plain *p, const struct http_request *req,
                            const struct stop *stop, struct http_response *ret_response)
{
    AUTO(exchange_release) struct exchange x;
    TRY(exchange_init(&x, &p->policy, req, NULL, p->easy));
    CURLcode code = CURLE_OK;
    bool done;
    do {
        curl_multi_add_handle(p->multi, p->easy);
        done = run(p, stop, &code);
        curl_multi_remove_handle(p->multi, p->easy);
    } while (done && exchange_continue(&x, code));
    return done ? exchange_verdict(&x, code, ret_response) : exchange_cancelled(req);
}

static struct err *plain_call(void *ctx, const struct http_request *req, const struct stop *stop,
                              struct http_response *ret_response)
{
    struct http_plain *p = ctx;
    if (p->unusable != NULL)
        return err_dup(p->unusable);
    if (stop_is_set(stop))
        return exchange_cancelled(req);
    /* Listening does not change what the token says. */
    struct stop *token = (struct stop *)(uintptr_t)stop;
    struct stop_listener listener;
    if (token != NULL)
        stop_listen(token, &listener, on_stop, p);
    struct err *e = exchange(p, req, stop, ret_response);
    if (token != NULL)
        stop_unlisten(token, &listener);
    if ((req->flags & HTTP_SECRET) != 0) {
        curl_easy_cleanup(p->easy);
        p->easy = curl_easy_init();
    } else {
        curl_easy_reset(p->easy);
    }
    return e;
}

struct http_plain *http_plain_new(const struct http_client_options *o)
{
    struct http_plain *p = x_calloc(1, sizeof(*p));
    p->transport = (struct http_transport){.call = plain_call, .ctx = p};
    p->unusable = exchange_policy_init(&p->policy, o);
    p->multi = curl_multi_init();
    p->easy = curl_easy_init();
    if (p->multi == NULL || p->easy == NULL)
        abort();
    return p;
}

void http_plain_free(struct http_plain *p)
{
    if (p == NULL)
        return;
    curl_easy_cleanup(p->easy);
    curl_multi_cleanup(p->multi);
    exchange_policy_release(&p->policy);
    err_free(p->unusable);
    free(p);
}

const struct http_transport *http_plain_transport(struct http_plain *p)
{
    return &p->transport;
}
