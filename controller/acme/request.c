/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "acme/internal.h"
#include "acme/problem.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "net/http_share.h"

/* Some CAs work for half a minute before they answer newOrder or finalize. */
#define POST_TIMEOUT (60 * NS_PER_SEC)

#define PROBLEM_TYPE "application/problem+json"

void acme_reply_release(struct acme_reply *r)
{
    buf_release(&r->body);
    json_decref(r->json);
    free(r->nonce);
    free(r->location);
    acme_links_release(&r->links);
    *r = (struct acme_reply){0};
}

static void observe(struct acme_ca *ca, const struct acme_request *r, int status, int64_t start)
{
    if (ca->observe == NULL)
        return;
    struct acme_url url;
    AUTO_ERR e = acme_url_parse(r->url, &url);
    if (e == NULL) /* each URL was parsed before it was sent to */
        ca->observe(ca->observe_arg, url.host, r->action, status, clock_mono(ca->clock) - start);
}

static int64_t retry_at(struct acme_ca *ca, const struct http_response *response)
{
    auto_free char *text = http_header_get(response, "retry-after", 0);
    int64_t at = 0;
    if (text != NULL)
        err_drop(retry_after_parse(text, clock_wall(ca->clock), &at)); /* then as if absent */
    return at;
}

/* Absolute where it leads to an https URL at all; whose it is is judged when it is used. */
static char *location(const struct http_response *response, const char *url)
{
    auto_free char *text = http_header_get(response, "location", 0);
    if (str_empty(text) || strlen(text) > ACME_URL_MAX)
        return NULL;
    char *absolute = acme_url_resolve(url, text);
    return absolute != NULL ? absolute : TAKE(text);
}

/* By its media type, or by what it says: text of anything else is not shown to anyone. */
static bool is_problem(const struct http_response *response, const json_t *json)
{
    auto_free char *type = http_header_get(response, "content-type", 0);
    if (json == NULL)
        return false;
    return (type != NULL && strncasecmp(type, PROBLEM_TYPE, strlen(PROBLEM_TYPE)) == 0) ||
           str_starts(JSTR(json, "type"), ACME_PROBLEM_PREFIX);
}

/* A header per link, or several links in one. */
static void read_links(const struct http_response *response, const char *url,
                       struct acme_links *ret_links)
{
    for (unsigned n = 0; n < ACME_LINKS_MAX; n++) {
        auto_free char *header = http_header_get(response, "link", n);
        if (header == NULL)
            return;
        acme_links_add(ret_links, url, header);
    }
}

static void read_reply(struct acme_ca *ca, const struct acme_request *r,
                       struct http_response *response, struct acme_reply *ret_reply)
{
    struct acme_reply reply = {
        .status = response->status,
        .nonce = http_header_get(response, "replay-nonce", 0),
        .location = location(response, r->url),
        .retry_at = retry_at(ca, response),
    };
    read_links(response, r->url, &reply.links);
    if (!acme_nonce_is_valid(reply.nonce)) {
        free(reply.nonce);
        reply.nonce = NULL;
    }
    if (response->body.len > 0) /* what is not JSON has no use for its parse error */
        err_drop(json_parse(response->body.data, response->body.len, &reply.json));
    reply.problem = is_problem(response, reply.json);
    reply.body = response->body;
    response->body = (struct buf){0};
    *ret_reply = reply;
}

static unsigned way_to(const struct acme_ca *ca)
{
    return (ca->guarded ? HTTP_GUARDED : 0U) | HTTP_PROXIED;
}

struct err *acme_request_turn(const struct acme_ca *ca, const char *url)
{
    const struct http_request req = {.url = url, .flags = way_to(ca)};
    return http_call_turn(ca->transport, &req);
}

struct err *acme_request_send(struct acme_ca *ca, const struct acme_request *r,
                              struct acme_reply *ret_reply)
{
    struct http_header headers[4] = {
        {"Accept", r->accept != NULL ? r->accept : "application/json"},
        {"Accept-Language", "en"},
    };
    size_t count = 2;
    if (r->jws != NULL)
        headers[count++] = (struct http_header){"Content-Type", "application/jose+json"};
    if (ca->user_agent != NULL)
        headers[count++] = (struct http_header){"User-Agent", ca->user_agent};
    const struct http_request req = {
        .method = r->method,
        .url = r->url,
        .headers = headers,
        .header_count = count,
        .body = r->jws,
        .body_len = r->jws != NULL ? strlen(r->jws) : 0,
        .tls = &ca->tls,
        .timeout = r->jws != NULL ? POST_TIMEOUT : 0,
        .max_body = r->max_body,
        .flags = (r->jws != NULL ? HTTP_MUTATES | HTTP_ONCE | HTTP_KEEP_HEAD : 0U) | way_to(ca),
    };
    int64_t start = clock_mono(ca->clock);
    AUTO_RESPONSE response = {0};
    struct err *e = http_call(ca->transport, &req, ca->stop, &response);
    if (!http_share_held_back(e))
        observe(ca, r, e == NULL ? response.status : 0, start);
    if (e == NULL) {
        read_reply(ca, r, &response, ret_reply);
    } else if (response.headers != NULL) {
        ret_reply->status = response.status;
        ret_reply->location = location(&response, r->url);
    }
    return err_wrap(e, "%s", r->action);
}

struct err *acme_reply_error(struct acme_ca *ca, const struct acme_request *r,
                             const struct acme_reply *reply)
{
    if (reply->status >= 200 && reply->status < 300)
        return NULL;
    if (reply->status == 404)
        acme_directory_doubt(ca, r->url);
    return acme_problem_error(&(struct acme_refusal){
        .action = r->action,
        .url = r->url,
        .status = reply->status,
        .body = reply->problem ? reply->json : NULL,
        .from_ca = reply->nonce != NULL,
        .links = &reply->links,
        .retry_at = reply->retry_at,
    });
}
