/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define SERVER "https://api"
#define BODY_MAX (8 << 20)

static const struct fake_request *remember(struct fake_api *f, const struct http_request *req)
{
    struct buf headers = BUF_INIT(65536);
    for (size_t i = 0; i < req->header_count; i++)
        buf_putf(&headers, "%s: %s\n", req->headers[i].name, req->headers[i].value);
    const char *target = req->url;
    if (str_starts(target, SERVER))
        target += strlen(SERVER);
    struct fake_request *seen = x_alloc(sizeof(*seen));
    *seen = (struct fake_request){
        .line = x_printf("%s %s", req->method, target),
        .headers = buf_take(&headers),
        .body = x_strndup(req->body != NULL ? req->body : "", req->body_len),
        .flags = req->flags,
        .timeout = req->timeout,
        .tls = req->tls,
    };
    if (f->count == f->cap) {
        f->cap = f->cap == 0 ? 64 : 2 * f->cap;
        f->requests = x_realloc(f->requests, f->cap * sizeof(*f->requests));
    }
    f->requests[f->count++] = seen;
    return seen;
}

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret)
{
    struct fake_api *f = ctx;
    TRY(stop_check(stop));
    pthread_mutex_lock(&f->lock);
    const struct fake_request *seen = remember(f, req);
    pthread_cond_broadcast(&f->changed);
    bool scripted = f->reply_next < f->reply_count;
    size_t i = f->reply_next;
    f->reply_next += scripted;
    pthread_mutex_unlock(&f->lock);
    if (!scripted && f->handler == NULL)
        return err_new(ERR_BUG, "Unscripted", "%s", seen->line);
    if (!scripted)
        return f->handler(f->arg, seen, ret);
    if (f->replies[i].err != NULL)
        return TAKE(f->replies[i].err);
    fake_answer(ret, f->replies[i].status, f->replies[i].body);
    ret->headers = x_strdup_or_null(f->replies[i].headers);
    return NULL;
}

void fake_api_init(struct fake_api *f)
{
    *f = (struct fake_api){.transport = {.call = call, .ctx = f}};
    pthread_mutex_init(&f->lock, NULL);
    cond_init_mono(&f->changed);
}

void fake_api_release(struct fake_api *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->requests[i]->line);
        free(f->requests[i]->headers);
        free(f->requests[i]->body);
        free(f->requests[i]);
    }
    free(f->requests);
    for (size_t i = 0; i < f->reply_count; i++) {
        free(f->replies[i].headers);
        free(f->replies[i].body);
        err_free(f->replies[i].err);
    }
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
}

void fake_api_reply(struct fake_api *f, int status, const char *headers, const char *body)
{
    pthread_mutex_lock(&f->lock);
    assert_true(f->reply_count < FAKE_REPLIES_MAX);
    f->replies[f->reply_count].status = status;
    f->replies[f->reply_count].headers = x_strdup_or_null(headers);
    f->replies[f->reply_count++].body = x_strdup(body);
    pthread_mutex_unlock(&f->lock);
}

void fake_api_fail(struct fake_api *f, enum err_kind kind, const char *reason)
{
    pthread_mutex_lock(&f->lock);
    assert_true(f->reply_count < FAKE_REPLIES_MAX);
    f->replies[f->reply_count++].err = err_new(kind, reason, "scripted");
    pthread_mutex_unlock(&f->lock);
}

const struct fake_request *fake_api_request(struct fake_api *f, size_t i)
{
    pthread_mutex_lock(&f->lock);
    const struct fake_request *req = i < f->count ? f->requests[i] : NULL;
    pthread_mutex_unlock(&f->lock);
    assert_non_null(req);
    return req;
}

bool fake_api_wait(struct fake_api *f, size_t count)
{
    int64_t deadline = clock_mono(clock_system()) + 10 * NS_PER_SEC;
    pthread_mutex_lock(&f->lock);
    while (f->count < count && cond_wait_until(&f->changed, &f->lock, deadline))
        continue;
    bool there = f->count >= count;
    pthread_mutex_unlock(&f->lock);
    return there;
}

json_t *fake_api_sent(struct fake_api *f, size_t i)
{
    const struct fake_request *req = fake_api_request(f, i);
    json_t *body = NULL;
    assert_null(json_parse(req->body, strlen(req->body), &body));
    return body;
}

void fake_answer(struct http_response *ret, int status, const char *body)
{
    ret->status = status;
    ret->body = BUF_INIT(BODY_MAX);
    buf_puts(&ret->body, body);
}

void fake_answer_json(struct http_response *ret, int status, const json_t *body)
{
    auto_free char *text = NULL;
    assert_null(json_to_string(body, BODY_MAX, &text));
    fake_answer(ret, status, text);
}

struct kube_client *fake_api_client(struct fake_api *f, const struct clock *clock)
{
    char server[] = SERVER, token[] = "t0";
    const struct kube_config config = {.server = server, .token = {token, strlen(token)}};
    struct kube_client *c = NULL;
    assert_null(
        kube_client_new(&config, &f->transport, clock != NULL ? clock : clock_system(), NULL, &c));
    return c;
}
