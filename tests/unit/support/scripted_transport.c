/* SPDX-License-Identifier: Apache-2.0 */
#include "scripted_transport.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static bool is_expected(const char *line, const char *expected)
{
    size_t len = strlen(expected);
    return strncmp(line, expected, len) == 0 && (line[len] == '\0' || line[len] == '?');
}

static struct err *out_of_turn(struct scripted_transport *t, const char *line)
{
    if (t->violation[0] == '\0')
        snprintf(t->violation, sizeof(t->violation), "%s came instead of %s", line,
                 t->done < t->planned ? t->exchanges[t->done].expected : "nothing");
    return err_new(ERR_BUG, "Unscripted", "%s", t->violation);
}

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret)
{
    struct scripted_transport *t = ctx;
    TRY(stop_check(stop));
    auto_free char *line = x_printf("%s %s", str_or(req->method, "GET"), req->url);
    if (t->done == t->planned || !is_expected(line, t->exchanges[t->done].expected))
        return out_of_turn(t, line);
    struct scripted_exchange *x = &t->exchanges[t->done++];
    x->sent = x_strndup(req->body_len > 0 ? req->body : "", req->body_len);
    x->flags = req->flags;
    x->timeout = req->timeout;
    x->max_body = req->max_body;
    x->connect_to = x_strdup_or_null(req->connect_to);
    x->skip_verify = req->tls != NULL && req->tls->skip_verify;
    if (x->err != NULL)
        return TAKE(x->err);
    ret->status = x->status;
    ret->headers = x_strdup(x->headers);
    ret->body = BUF_INIT(1024 * 1024);
    return buf_adds(&ret->body, x->body);
}

void scripted_init(struct scripted_transport *t)
{
    *t = (struct scripted_transport){.transport = {.call = call, .ctx = t}};
}

void scripted_finish(struct scripted_transport *t)
{
    for (size_t i = 0; i < t->planned; i++) {
        struct scripted_exchange *x = &t->exchanges[i];
        if (i == t->done && t->violation[0] == '\0')
            snprintf(t->violation, sizeof(t->violation), "%s did not come", x->expected);
        free(x->expected);
        free(x->headers);
        free(x->body);
        free(x->sent);
        free(x->connect_to);
        err_free(x->err);
    }
    t->planned = 0;
    if (t->violation[0] != '\0')
        fail_msg("%s", t->violation);
}

static struct scripted_exchange *plan(struct scripted_transport *t, const char *expected)
{
    assert_true(t->planned < SCRIPTED_MAX);
    struct scripted_exchange *x = &t->exchanges[t->planned++];
    x->expected = x_strdup(expected);
    return x;
}

void scripted_plan_headers(struct scripted_transport *t, const char *expected, int status,
                           const char *headers, const char *body)
{
    struct scripted_exchange *x = plan(t, expected);
    x->status = status;
    x->headers = x_strdup(headers);
    x->body = x_strdup(body);
}

void scripted_plan(struct scripted_transport *t, const char *expected, int status, const char *body)
{
    scripted_plan_headers(t, expected, status, "", body);
}

void scripted_plan_error(struct scripted_transport *t, const char *expected, struct err *err)
{
    plan(t, expected)->err = err;
}

const struct scripted_exchange *scripted_seen(const struct scripted_transport *t, size_t i)
{
    assert_true(i < t->done);
    return &t->exchanges[i];
}
