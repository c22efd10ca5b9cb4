/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "kube/credentials.h"
#include "kube/object_text.h"
#include "kube/status.h"

#define BODY_MAX (8 * 1024 * 1024) /* of a request and of an answer */
#define TIMEOUT (30 * NS_PER_SEC)
#define QUERY_MAX 16384
#define LIST_PAGE 500
#define LIST_MAX 50000

struct kube_client {
    char *server;
    struct credentials *credentials;
    const struct http_transport *transport;
    const struct clock *clock;
    const struct stop *stop;
    int64_t timeout;
};

struct err *kube_client_new(const struct kube_config *config,
                            const struct http_transport *transport, const struct clock *clock,
                            const struct stop *stop, struct kube_client **ret_client)
{
    struct credentials *credentials = NULL;
    TRY(credentials_new(config, clock, &credentials));
    struct kube_client *c = x_calloc(1, sizeof(*c));
    c->server = x_strdup(config->server);
    c->credentials = credentials;
    c->transport = transport;
    c->clock = clock;
    c->stop = stop;
    c->timeout = TIMEOUT;
    *ret_client = c;
    return NULL;
}

void kube_client_free(struct kube_client *c)
{
    if (c == NULL)
        return;
    free(c->server);
    credentials_free(c->credentials);
    free(c);
}

void kube_client_set_timeout(struct kube_client *c, int64_t timeout)
{
    c->timeout = timeout;
}

char *kube_client_url(const struct kube_client *c, const char *path_and_query)
{
    return x_printf("%s%s", c->server, path_and_query);
}

const struct http_tls *kube_client_tls(const struct kube_client *c)
{
    return credentials_tls(c->credentials);
}

char *kube_client_authorization(struct kube_client *c)
{
    return credentials_authorization(c->credentials);
}

void kube_client_unauthorized(struct kube_client *c)
{
    credentials_refused(c->credentials);
}

/* ---- one exchange ---------------------------------------------------------------------------- */

struct call {
    const char *method;
    const struct kube_ref *ref;
    bool collection; /* ref names an object, but its collection is asked */
    const char *query;
    const char *content_type;
    const json_t *body;
    unsigned flags;
};

/* "PATCH certificates.certroll.dev/status ns/name" */
static char *describe(const struct call *call)
{
    const struct kube_ref *r = call->ref;
    const char *group = str_or(r->res->group, ""), *sub = str_or(r->subresource, "");
    const char *ns = str_or(r->ns, ""), *name = str_or(r->name, "");
    return x_printf("%s %s%s%s%s%s%s%s%s%s", call->method, r->res->plural,
                    *group != '\0' ? "." : "", group, *sub != '\0' ? "/" : "", sub,
                    *ns != '\0' || *name != '\0' ? " " : "", ns,
                    *ns != '\0' && *name != '\0' ? "/" : "", name);
}

static const char *accept_of(unsigned flags)
{
    if ((flags & KUBE_METADATA) == 0)
        return "application/json";
    return "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
           "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
}

static struct err *send_once(struct kube_client *c, const struct call *call, const char *url,
                             const struct buf *body, struct http_response *ret_response)
{
    char *authorization = credentials_authorization(c->credentials);
    struct http_header headers[3] = {{"Accept", accept_of(call->flags)}};
    size_t n = 1;
    if (call->content_type != NULL)
        headers[n++] = (struct http_header){"Content-Type", call->content_type};
    if (authorization != NULL)
        headers[n++] = (struct http_header){"Authorization", authorization};
    bool mutates = !str_eq(call->method, "GET");
    const struct http_request req = {
        .method = call->method,
        .url = url,
        .headers = headers,
        .header_count = n,
        .body = body->data,
        .body_len = body->len,
        .tls = credentials_tls(c->credentials),
        .timeout = c->timeout,
        .max_body = BODY_MAX,
        .flags = ((call->flags & KUBE_SECRET) ? HTTP_SECRET : 0u) | (mutates ? HTTP_MUTATES : 0u),
    };
    struct err *e = http_call(c->transport, &req, c->stop, ret_response);
    if (authorization != NULL)
        x_wipe_free(authorization, strlen(authorization));
    return err_wrap(e, "API server");
}

static struct err *exchange(struct kube_client *c, const struct call *call, const char *url,
                            struct http_response *ret_response)
{
    AUTO(buf_release)
    struct buf body = {.max = BODY_MAX, .secret = (call->flags & KUBE_SECRET) != 0};
    if (call->body != NULL)
        TRY(json_print(call->body, &body));
    AUTO_RESPONSE first = {0};
    TRY(send_once(c, call, url, &body, &first));
    if (first.status != 401) {
        *ret_response = first;
        first = (struct http_response){0};
        return NULL;
    }
    /* A token may just have been rotated: read it again and try once more. */
    credentials_refused(c->credentials);
    return send_once(c, call, url, &body, ret_response);
}

/* The error of any answer but 2xx; body is the parsed one, or NULL. */
static struct err *check_answer(const struct kube_client *c, const char *what,
                                const struct http_response *res, const json_t *body)
{
    if (res->status >= 200 && res->status <= 299)
        return NULL;
    auto_free char *text = http_header_get(res, "retry-after", 0);
    int64_t retry_at = 0;
    if (text != NULL)
        err_drop(
            retry_after_parse(text, clock_wall(c->clock), &retry_at)); /* unreadable: back-off */
    return kube_status_error(what, res->status, body, retry_at);
}

static struct err *call_ref(struct kube_client *c, const struct call *call, json_t **ret_object)
{
    struct kube_ref target = *call->ref;
    if (call->collection)
        target.name = NULL;
    auto_free char *path = NULL;
    TRY(kube_path(&target, &path));
    auto_free char *url = x_printf("%s%s%s", c->server, path, str_or(call->query, ""));
    auto_free char *what = describe(call);
    AUTO_RESPONSE res = {0};
    TRY(exchange(c, call, url, &res), "%s", what);
    if (ret_object == NULL && res.status >= 200 && res.status <= 299)
        return NULL; /* nobody reads it */
    json_auto_t *body = NULL;
    AUTO_ERR bad = object_text_parse(call->ref->res, buf_str(&res.body), res.body.len, &body);
    TRY(check_answer(c, what, &res, body)); /* a proxy's page need not be JSON */
    TRY(TAKE(bad), "%s: the answer", what);
    if (ret_object != NULL)
        *ret_object = TAKE(body);
    return NULL;
}

/* ---- the verbs ------------------------------------------------------------------------------- */

/* A continue token is opaque. */
static struct err *add_query(struct buf *b, const char *name, const char *value)
{
    auto_free char *encoded = percent_encode(value);
    return buf_addf(b, "%s%s=%s", b->len == 0 ? "?" : "&", name, encoded);
}

struct err *kube_get(struct kube_client *c, const struct kube_ref *ref, unsigned flags,
                     json_t **ret_object)
{
    const struct call call = {.method = "GET", .ref = ref, .flags = flags};
    return call_ref(c, &call, ret_object);
}

struct err *kube_create(struct kube_client *c, const struct kube_ref *ref, unsigned flags,
                        const json_t *object, json_t **ret_object)
{
    const struct call call = {.method = "POST",
                              .ref = ref,
                              .collection = ref->subresource == NULL,
                              .content_type = "application/json",
                              .body = object,
                              .flags = flags};
    return call_ref(c, &call, ret_object);
}

struct err *kube_update(struct kube_client *c, const struct kube_ref *ref, const json_t *object,
                        json_t **ret_object)
{
    const struct call call = {
        .method = "PUT", .ref = ref, .content_type = "application/json", .body = object};
    return call_ref(c, &call, ret_object);
}

struct err *kube_apply(struct kube_client *c, const struct kube_ref *ref, unsigned flags,
                       const char *field_manager, const json_t *object, json_t **ret_object)
{
    AUTO(buf_release) struct buf query = BUF_INIT(QUERY_MAX);
    TRY(add_query(&query, "fieldManager", field_manager));
    TRY(add_query(&query, "force", "true"));
    const struct call call = {.method = "PATCH",
                              .ref = ref,
                              .query = buf_str(&query),
                              .content_type = "application/apply-patch+yaml",
                              .body = object,
                              .flags = flags};
    return call_ref(c, &call, ret_object);
}

struct err *kube_merge_patch(struct kube_client *c, const struct kube_ref *ref, const json_t *patch,
                             json_t **ret_object)
{
    const struct call call = {.method = "PATCH",
                              .ref = ref,
                              .content_type = "application/merge-patch+json",
                              .body = patch};
    return call_ref(c, &call, ret_object);
}

struct err *kube_delete(struct kube_client *c, const struct kube_ref *ref, const char *uid)
{
    json_auto_t *options = json_build("{s:s,s:s,s:s}", "apiVersion", "v1", "kind", "DeleteOptions",
                                      "propagationPolicy", "Background");
    if (uid != NULL)
        json_put(options, "preconditions", json_build("{s:s}", "uid", uid));
    const struct call call = {
        .method = "DELETE", .ref = ref, .content_type = "application/json", .body = options};
    return err_ignore(call_ref(c, &call, NULL), ERR_NOT_FOUND);
}

/* ---- collections ----------------------------------------------------------------------------- */

struct listing {
    const struct kube_ref *ref;
    const char *label_selector; /* or NULL */
    char *token;                /* of the next page; NULL = the first */
    unsigned limit;
};

static struct err *ask_page(struct kube_client *c, const struct listing *l, json_t **ret_page)
{
    auto_free char *limit = x_printf("%u", l->limit);
    AUTO(buf_release) struct buf query = BUF_INIT(QUERY_MAX);
    TRY(add_query(&query, "limit", limit));
    if (l->label_selector != NULL)
        TRY(add_query(&query, "labelSelector", l->label_selector));
    if (l->token != NULL)
        TRY(add_query(&query, "continue", l->token));
    const struct call call = {.method = "GET", .ref = l->ref, .query = buf_str(&query)};
    return call_ref(c, &call, ret_page);
}

/* The next page: of fewer objects when they are too big together. A token that has expired says
 * nothing about the collection: it is to be read again from the start. */
static struct err *next_page(struct kube_client *c, struct listing *l, json_t **ret_page)
{
    struct err *e = ask_page(c, l, ret_page);
    while (e != NULL && str_eq(e->reason, "TooLarge") && l->limit > 1) {
        err_free(e);
        l->limit /= 8;
        l->limit = l->limit > 0 ? l->limit : 1;
        e = ask_page(c, l, ret_page);
    }
    if (e != NULL && e->http_status == 410)
        e->kind = ERR_TRANSIENT;
    if (e != NULL)
        return e;
    free(l->token);
    const char *token = JSTR(*ret_page, "metadata", "continue");
    l->token = str_empty(token) ? NULL : x_strdup(token);
    return NULL;
}

struct err *kube_list(struct kube_client *c, const struct kube_ref *ref, const char *label_selector,
                      struct err *(*fn)(void *arg, const json_t *item), void *arg)
{
    struct listing l = {.ref = ref, .label_selector = label_selector, .limit = LIST_PAGE};
    struct err *e = NULL;
    size_t seen = 0;
    do {
        json_auto_t *page = NULL;
        e = next_page(c, &l, &page);
        const json_t *items = JGET(page, "items");
        seen += json_count(items) > 0 ? json_count(items) : 1; /* empty pages end, too */
        if (e == NULL && seen > LIST_MAX)
            e = err_new(ERR_INVALID, "TooLarge", "listing %s: over %d objects", ref->res->plural,
                        LIST_MAX);
        for (size_t i = 0; e == NULL && i < json_count(items); i++)
            e = fn(arg, json_item(items, i));
    } while (e == NULL && l.token != NULL);
    free(l.token);
    return e;
}

struct err *kube_raw_post(struct kube_client *c, const char *path, const json_t *body,
                          int *ret_status, json_t **ret_reply)
{
    const struct call call = {.method = "POST", .content_type = "application/json", .body = body};
    auto_free char *url = kube_client_url(c, path);
    AUTO_RESPONSE res = {0};
    TRY(exchange(c, &call, url, &res));
    *ret_status = res.status;
    *ret_reply = NULL;
    err_drop(json_parse(buf_str(&res.body), res.body.len, ret_reply)); /* a proxy's page */
    return NULL;
}
