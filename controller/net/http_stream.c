/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/client_internal.h"
#include "net/inbox.h"

struct http_stream {
    struct io_transfer transfer;
    struct io_timer idle;
    struct io_task start, resume, abort, close;
    struct io_latch closed;
    struct http_client *client;
    struct inflow *flow;
    struct http_request req; /* a copy, but for its TLS */
    int64_t idle_timeout;
    struct exchange exchange;
};

#define STREAM_OF(ptr, member)                                                                     \
    ((struct http_stream *)(void *)((char *)(ptr)-offsetof(struct http_stream, member)))

/* ---- the request's copy ----------------------------------------------------------------------- */

static struct http_request request_copy(const struct http_request *req)
{
    struct http_request copy = *req;
    struct http_header *headers = x_calloc(req->header_count, sizeof(*headers));
    for (size_t i = 0; i < req->header_count; i++) {
        headers[i].name = x_strdup(req->headers[i].name);
        headers[i].value = x_strdup(req->headers[i].value);
    }
    copy.headers = headers;
    copy.method = x_strdup_or_null(req->method);
    copy.url = x_strdup_or_null(req->url);
    copy.connect_to = x_strdup_or_null(req->connect_to);
    copy.body = x_memdup(req->body, req->body_len);
    return copy;
}

/* The copies are ours, whatever their type says; header values may be bearer tokens. */
static void free_copy(const void *p, size_t wipe_len)
{
    x_wipe_free((void *)(uintptr_t)p, wipe_len);
}

static void request_release(struct http_request *req)
{
    for (size_t i = 0; i < req->header_count; i++) {
        free_copy(req->headers[i].name, 0);
        free_copy(req->headers[i].value, strlen(req->headers[i].value));
    }
    free_copy(req->headers, 0);
    free_copy(req->method, 0);
    free_copy(req->url, 0);
    free_copy(req->connect_to, 0);
    free_copy(req->body, req->body_len);
}

/* ---- the I/O thread --------------------------------------------------------------------------- */

static void touch(struct http_stream *s)
{
    io_timer_set(s->client->loop, &s->idle, clock_mono(clock_system()) + s->idle_timeout);
}

/* Stops the transfer; harmless when it has ended. */
static void end_transfer(struct http_stream *s)
{
    io_timer_clear(s->client->loop, &s->idle);
    io_transfer_end(s->client->loop, &s->transfer, (s->req.flags & HTTP_SECRET) != 0);
    exchange_release(&s->exchange);
}

static void finish(struct http_stream *s, struct err *e)
{
    end_transfer(s);
    inflow_end(s->flow, e);
}

static void on_ended(struct io_transfer *t, CURLcode code, bool cancelled)
{
    struct http_stream *s = STREAM_OF(t, transfer);
    finish(s, cancelled ? exchange_cancelled(&s->req) : exchange_verdict(&s->exchange, code, NULL));
}

static void on_idle(struct io_timer *t)
{
    struct http_stream *s = STREAM_OF(t, idle);
    finish(s, exchange_failed(&s->req, err_new(ERR_TRANSIENT, "Idle", "nothing arrived for %lld s",
                                               (long long)(s->idle_timeout / NS_PER_SEC))));
}

static void on_head(struct exchange *x)
{
    struct http_stream *s = STREAM_OF(x, exchange);
    struct http_response head = {.headers = x->head.data};
    inflow_head(s->flow, x->status, http_header_get(&head, "retry-after", 0));
    touch(s);
}

static size_t on_body(struct exchange *x, const char *data, size_t len)
{
    struct http_stream *s = STREAM_OF(x, exchange);
    switch (inflow_data(s->flow, data, len)) {
    case INFLOW_TAKEN:
        touch(s);
        return len;
    case INFLOW_PAUSED: /* we are the one who does not read */
        io_timer_clear(s->client->loop, &s->idle);
        return CURL_WRITEFUNC_PAUSE;
    case INFLOW_OVER:
        break;
    }
    return 0;
}

static const struct exchange_sink sink = {.head = on_head, .body = on_body};

static void run_start(struct io_task *task)
{
    struct http_stream *s = STREAM_OF(task, start);
    s->transfer.easy = io_loop_take_easy(s->client->loop);
    struct err *e =
        exchange_init(&s->exchange, &s->client->policy, &s->req, &sink, s->transfer.easy);
    if (e != NULL)
        finish(s, e);
    else if (!io_transfer_start(s->client->loop, &s->transfer))
        finish(s, exchange_cancelled(&s->req));
    else
        touch(s);
}

static void run_resume(struct io_task *task)
{
    struct http_stream *s = STREAM_OF(task, resume);
    if (s->transfer.easy == NULL)
        return;
    touch(s);
    CURLcode code = curl_easy_pause(s->transfer.easy, CURLPAUSE_CONT);
    if (code != CURLE_OK)
        finish(s, exchange_verdict(&s->exchange, code, NULL));
}

static void run_abort(struct io_task *task)
{
    end_transfer(STREAM_OF(task, abort));
}

static void run_close(struct io_task *task)
{
    struct http_stream *s = STREAM_OF(task, close);
    end_transfer(s);
    io_latch_open(&s->closed);
}

/* ---- the consumer ----------------------------------------------------------------------------- */

static void post_resume(struct inflow *f)
{
    io_loop_post(f->stream->client->loop, &f->stream->resume);
}

static void post_abort(struct inflow *f)
{
    io_loop_post(f->stream->client->loop, &f->stream->abort);
}

struct http_stream *http_stream_open(struct http_client *c, const struct http_request *req,
                                     enum http_framing framing, int64_t idle_timeout,
                                     struct http_inbox *inbox, void *arg)
{
    struct http_stream *s = x_calloc(1, sizeof(*s));
    s->transfer.ended = on_ended;
    s->idle.fire = on_idle;
    s->start.run = run_start;
    s->resume.run = run_resume;
    s->abort.run = run_abort;
    s->close.run = run_close;
    io_latch_init(&s->closed);
    s->client = c;
    s->req = request_copy(req);
    s->idle_timeout = idle_timeout;
    s->flow = inflow_new(inbox);
    s->flow->stream = s;
    s->flow->arg = arg;
    s->flow->framing = framing;
    s->flow->secret = (req->flags & HTTP_SECRET) != 0;
    s->flow->partial.secret = s->flow->secret;
    s->flow->resume = post_resume;
    s->flow->abort = post_abort;
    io_loop_post(c->loop, &s->start);
    return s;
}

void http_stream_close(struct http_stream *s)
{
    if (s == NULL)
        return;
    io_loop_post(s->client->loop, &s->close);
    io_latch_wait(&s->closed);
    io_latch_release(&s->closed);
    inflow_close(s->flow);
    /* Until then whoever released a message may have posted it, after the close task. */
    io_loop_unpost(s->client->loop, &s->resume);
    request_release(&s->req);
    free(s);
}
