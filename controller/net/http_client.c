/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_client.h"

#include <stdlib.h>

#include "base/mem.h"
#include "net/client_internal.h"

/* One blocking call; lives on its caller's stack. */
struct call {
    struct io_transfer transfer; /* first: the I/O thread finds the call by it */
    struct io_task start;
    struct io_task cancel;
    struct http_client *client;
    const struct http_request *req;
    struct exchange exchange;
    struct http_response response;
    struct err *err;
    bool finished;      /* of the I/O thread: the latch is or is about to be open */
    bool cancel_posted; /* by the stop token */
    struct io_latch latch;
};

#define CALL_OF(ptr, member) ((struct call *)(void *)((char *)(ptr)-offsetof(struct call, member)))

/* The last the I/O thread does with a call. */
static void finish(struct call *c, struct err *e)
{
    io_transfer_end(c->client->loop, &c->transfer, (c->req->flags & HTTP_SECRET) != 0);
    exchange_release(&c->exchange);
    c->err = e;
    c->finished = true;
    io_latch_open(&c->latch);
}

static void on_ended(struct io_transfer *t, CURLcode code, bool cancelled)
{
    struct call *c = CALL_OF(t, transfer);
    if (!cancelled && exchange_continue(&c->exchange, code)) {
        if (io_transfer_start(c->client->loop, t))
            return;
        cancelled = true;
    }
    finish(c, cancelled ? exchange_cancelled(c->req)
                        : exchange_verdict(&c->exchange, code, &c->response));
}

static void run_start(struct io_task *task)
{
    struct call *c = CALL_OF(task, start);
    c->transfer.easy = io_loop_take_easy(c->client->loop);
    struct err *e = exchange_init(&c->exchange, &c->client->policy, c->req, NULL, c->transfer.easy);
    if (e != NULL)
        finish(c, e);
    else if (!io_transfer_start(c->client->loop, &c->transfer))
        finish(c, exchange_cancelled(c->req));
}

static void run_cancel(struct io_task *task)
{
    struct call *c = CALL_OF(task, cancel);
    if (!c->finished)
        finish(c, exchange_cancelled(c->req));
}

static void on_stop(void *arg)
{
    struct call *c = arg;
    c->cancel_posted = true;
    io_loop_post(c->client->loop, &c->cancel);
}

static bool enter(struct http_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool open = !client->closing;
    if (open)
        client->callers++;
    pthread_mutex_unlock(&client->lock);
    return open;
}

static void leave(struct http_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->callers--;
    if (client->callers == 0)
        pthread_cond_signal(&client->drained);
    pthread_mutex_unlock(&client->lock);
}

static void perform(struct call *c, const struct stop *stop)
{
    /* Listening does not change what the token says. */
    struct stop *token = (struct stop *)(uintptr_t)stop;
    struct stop_listener listener;
    io_latch_init(&c->latch);
    io_loop_post(c->client->loop, &c->start);
    if (token != NULL)
        stop_listen(token, &listener, on_stop, c);
    io_latch_wait(&c->latch);
    if (token != NULL)
        stop_unlisten(token, &listener);
    if (c->cancel_posted)
        io_loop_unpost(c->client->loop, &c->cancel);
    io_latch_release(&c->latch);
}

static struct err *client_call(void *ctx, const struct http_request *req, const struct stop *stop,
                               struct http_response *ret_response)
{
    struct http_client *client = ctx;
    if (stop_is_set(stop) || !enter(client))
        return exchange_cancelled(req);
    struct call c = {
        .transfer = {.ended = on_ended},
        .start = {.run = run_start},
        .cancel = {.run = run_cancel},
        .client = client,
        .req = req,
    };
    perform(&c, stop);
    leave(client);
    if (c.err == NULL || c.response.headers != NULL)
        *ret_response = c.response;
    return c.err;
}

struct err *http_client_new(const struct http_client_options *o, struct http_client **ret_client)
{
    struct exchange_policy policy;
    TRY(exchange_policy_init(&policy, o));
    struct io_loop *loop;
    struct err *e = io_loop_new(&loop);
    if (e != NULL) {
        exchange_policy_release(&policy);
        return e;
    }
    struct http_client *client = x_calloc(1, sizeof(*client));
    client->policy = policy;
    client->loop = loop;
    client->transport = (struct http_transport){.call = client_call, .ctx = client};
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->drained, NULL);
    *ret_client = client;
    return NULL;
}

void http_client_free(struct http_client *client)
{
    if (client == NULL)
        return;
    pthread_mutex_lock(&client->lock);
    client->closing = true;
    io_loop_cancel_all(client->loop);
    while (client->callers > 0)
        pthread_cond_wait(&client->drained, &client->lock);
    pthread_mutex_unlock(&client->lock);
    io_loop_free(client->loop);
    exchange_policy_release(&client->policy);
    pthread_cond_destroy(&client->drained);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

const struct http_transport *http_client_transport(struct http_client *client)
{
    return &client->transport;
}
