/* SPDX-License-Identifier: Apache-2.0 */
/* Signed requests: RFC 8555 sections 6.2 to 6.5. */
#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "acme/problem.h"
#include "base/mem.h"
#include "net/http_share.h"
#include "pki/jws.h"

#define PAYLOAD_MAX (512 * 1024)
#define NONCE_RETRIES 20
#define NONCE_RETRY_TIME (20 * NS_PER_SEC)

/* What stays the same over the tries. */
struct post {
    const struct acme_account *account;
    const struct acme_message *message;
    struct acme_request request; /* without the JWS, which depends on the nonce */
    const char *payload;
};

static struct err *send_once(const struct post *p, const char *nonce, struct acme_reply *ret_reply)
{
    const struct pki_jws jws = {
        .key = p->account->key,
        .kid = p->account->url,
        .nonce = nonce,
        .url = p->request.url,
        .payload = p->payload,
    };
    auto_free char *body = NULL;
    TRY(pki_jws_sign(&jws, &body), "%s", p->request.action);
    struct acme_request r = p->request;
    r.jws = body;
    return acme_request_send(p->account->ca, &r, ret_reply);
}

static bool is_bad_nonce(const struct acme_reply *reply)
{
    return reply->status >= 400 && acme_problem_is(reply->json, "badNonce");
}

/* Moves the reply into an answer, or makes an error of it. */
static struct err *conclude(const struct post *p, struct acme_reply *reply,
                            struct acme_answer *ret_answer)
{
    struct acme_ca *ca = p->account->ca;
    acme_nonce_put(ca, reply->nonce);
    TRY(acme_reply_error(ca, &p->request, reply));
    struct acme_answer answer = {
        .status = reply->status,
        .body = TAKE(reply->json),
        .location = TAKE(reply->location),
        .links = reply->links,
        .retry_at = reply->retry_at,
    };
    reply->links = (struct acme_links){0};
    if (p->message->accept != NULL) {
        if (strlen(buf_str(&reply->body)) != reply->body.len) {
            acme_answer_release(&answer);
            return acme_invalid_answer("%s: the answer has NUL bytes", p->request.action);
        }
        answer.text = buf_take(&reply->body);
    }
    *ret_answer = answer;
    return NULL;
}

/* A refused nonce was not looked at by the server's logic: the same message may be sent again. */
static struct err *send_with_nonces(const struct post *p, struct acme_answer *ret_answer)
{
    struct acme_ca *ca = p->account->ca;
    int64_t deadline = clock_mono(ca->clock) + NONCE_RETRY_TIME;
    auto_free char *nonce = NULL;
    TRY(acme_nonce_take(ca, &nonce), "%s", p->request.action);
    for (unsigned retries = 0;; retries++) {
        AUTO(acme_reply_release) struct acme_reply reply = {0};
        struct err *e = send_once(p, nonce, &reply);
        if (http_share_held_back(e))
            acme_nonce_put(ca, nonce);
        if (e != NULL && reply.status != 0)
            *ret_answer =
                (struct acme_answer){.status = reply.status, .location = TAKE(reply.location)};
        TRY(e);
        if (!is_bad_nonce(&reply) || retries == NONCE_RETRIES || clock_mono(ca->clock) >= deadline)
            return conclude(p, &reply, ret_answer);
        free(nonce);
        nonce = TAKE(reply.nonce);
        if (nonce == NULL)
            TRY(acme_nonce_fetch(ca, &nonce), "%s", p->request.action);
    }
}

struct err *acme_send(const struct acme_account *account, const struct acme_message *m,
                      struct acme_answer *ret_answer)
{
    TRY(acme_ca_check_url(account->ca, m->url), "%s", m->action);
    TRY(acme_request_turn(account->ca, m->url), "%s", m->action);
    auto_free char *payload = NULL;
    if (m->payload != NULL)
        TRY(json_to_string(m->payload, PAYLOAD_MAX, &payload), "%s", m->action);
    const struct post p = {
        .account = account,
        .message = m,
        .request = {.action = m->action,
                    .method = "POST",
                    .url = m->url,
                    .accept = m->accept,
                    .max_body = m->max_body},
        .payload = payload != NULL ? payload : "",
    };
    return send_with_nonces(&p, ret_answer);
}

struct err *acme_post(const struct acme_account *account, const char *action, const char *url,
                      const json_t *payload, struct acme_answer *ret_answer)
{
    return acme_send(account,
                     &(struct acme_message){.action = action, .url = url, .payload = payload},
                     ret_answer);
}
