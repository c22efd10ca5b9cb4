/* SPDX-License-Identifier: Apache-2.0 */
#include "lease_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

void lease_server_init(struct lease_server *s)
{
    *s = (struct lease_server){0};
    pthread_mutex_init(&s->lock, NULL);
}

void lease_server_release(struct lease_server *s)
{
    json_decref(s->lease);
    pthread_mutex_destroy(&s->lock);
}

/* ---- lock held ---- */

static void store(struct lease_server *s, json_t *lease_take)
{
    auto_free char *version = x_printf("%u", ++s->version);
    json_put_str(JGET(lease_take, "metadata"), "resourceVersion", version);
    json_decref(s->lease);
    s->lease = lease_take;
}

static void set(struct lease_server *s, const char *holder, int seconds, const char *renewed,
                int transitions)
{
    store(s,
          json_build("{s:{s:s,s:s},s:{s:s,s:i,s:s,s:s,s:i,s:s}}", "metadata", "name",
                     "certroll-controller", "namespace", "certroll", "spec", "holderIdentity",
                     holder, "leaseDurationSeconds", seconds, "renewTime", renewed, "acquireTime",
                     renewed, "leaseTransitions", transitions, "strategy", "kept"));
}

static void refuse(struct http_response *ret, int status, const char *reason)
{
    json_auto_t *body = json_build("{s:s,s:s,s:s}", "kind", "Status", "reason", reason, "message",
                                   "by the test's server");
    fake_answer_json(ret, status, body);
}

static void write_lease(struct lease_server *s, const struct fake_request *req,
                        struct http_response *ret)
{
    bool creates = str_starts(req->line, "POST ");
    json_t *sent = NULL;
    struct err *e = json_parse(req->body, strlen(req->body), &sent);
    const char *version = JSTR(sent, "metadata", "resourceVersion");
    if (e != NULL)
        refuse(ret, 400, "BadRequest");
    else if (creates && s->lease != NULL)
        refuse(ret, 409, "AlreadyExists");
    else if (!creates && s->lease == NULL)
        refuse(ret, 404, "NotFound");
    else if (!creates && !str_eq(version, JSTR(s->lease, "metadata", "resourceVersion")))
        refuse(ret, 409, "Conflict");
    else
        store(s, json_incref(sent));
    json_decref(sent);
    err_free(e);
    if (ret->status == 0)
        fake_answer_json(ret, creates ? 201 : 200, s->lease);
}

static struct err *answer(struct lease_server *s, const struct fake_request *req,
                          struct http_response *ret)
{
    if (s->fail)
        return err_new(ERR_TRANSIENT, "ConnectFailed", "by the test");
    if (str_starts(req->line, "GET ")) {
        if (s->lease == NULL)
            refuse(ret, 404, "NotFound");
        else
            fake_answer_json(ret, 200, s->lease);
        return NULL;
    }
    if (s->rival != NULL)
        set(s, TAKE(s->rival), 15, "2001-01-01T00:00:00.000000Z", 9);
    write_lease(s, req, ret);
    if (!s->lose_answer)
        return NULL;
    s->lose_answer = false;
    http_response_release(ret);
    return err_new(ERR_TRANSIENT, "Timeout", "by the test");
}

struct err *lease_server_answer(void *arg, const struct fake_request *req,
                                struct http_response *ret)
{
    struct lease_server *s = arg;
    pthread_mutex_lock(&s->lock);
    struct err *e = answer(s, req, ret);
    if (s->clock != NULL)
        clock_manual_advance(s->clock, s->delay_after);
    s->delay_after = 0;
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* ---- what others do ---- */

void lease_server_set(struct lease_server *s, const char *holder, int seconds, const char *renewed,
                      int transitions)
{
    pthread_mutex_lock(&s->lock);
    set(s, holder, seconds, renewed, transitions);
    pthread_mutex_unlock(&s->lock);
}

void lease_server_touch(struct lease_server *s)
{
    pthread_mutex_lock(&s->lock);
    json_t *next = json_copy_deep(s->lease);
    json_auto_t *label = json_build("{s:{s:{s:s}}}", "metadata", "labels", "edited", "yes");
    json_merge_patch(next, label);
    store(s, next);
    pthread_mutex_unlock(&s->lock);
}

void lease_server_delete(struct lease_server *s)
{
    pthread_mutex_lock(&s->lock);
    json_decref(TAKE(s->lease));
    pthread_mutex_unlock(&s->lock);
}

char *lease_server_holder(struct lease_server *s)
{
    pthread_mutex_lock(&s->lock);
    char *holder = x_strdup(str_or(JSTR(s->lease, "spec", "holderIdentity"), ""));
    pthread_mutex_unlock(&s->lock);
    return holder;
}
