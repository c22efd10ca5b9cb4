/* SPDX-License-Identifier: Apache-2.0 */
#include "prepare/http_hook.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/secret.h"
#include "net/url.h"

#define TIMEOUT (10 * NS_PER_SEC)
#define HEADERS_MAX 16
#define VALUE_MAX 4096
#define ANSWER_MAX 65536
#define BODY_MAX (512 * 1024)
#define TOKEN_CHARS                                                                                \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._" /* keys of a Secret */

struct headers {
    struct http_header items[HEADERS_MAX + 1]; /* and the content type */
    struct secret values[HEADERS_MAX];
    size_t len;
    json_t *secret; /* names are borrowed from it */
    struct err *bad;
};

static void headers_release(struct headers *h)
{
    for (size_t i = 0; i < HEADERS_MAX; i++)
        secret_release(&h->values[i]);
    json_decref(h->secret);
    err_free(h->bad);
}

static bool is_printable(const struct secret *value)
{
    for (size_t i = 0; i < value->len; i++)
        if (value->data[i] < ' ' || value->data[i] > '~')
            return false;
    return value->len > 0 && value->len <= VALUE_MAX;
}

static bool add_header(void *arg, const char *key, json_t *unused)
{
    (void)unused;
    struct headers *h = arg;
    if (h->len == HEADERS_MAX)
        h->bad =
            err_new(ERR_INVALID, "InvalidHook", "headersFrom: more than %d headers", HEADERS_MAX);
    else if (strspn(key, TOKEN_CHARS) != strlen(key))
        h->bad =
            err_new(ERR_INVALID, "InvalidHook", "headersFrom: \"%s\" is no name of a header", key);
    else
        h->bad = secret_json_value(h->secret, key, &h->values[h->len]);
    if (h->bad == NULL && !is_printable(&h->values[h->len]))
        h->bad = err_new(ERR_INVALID, "InvalidHook",
                         "headersFrom: the value of %s is no header: write 1 to %d printable ASCII "
                         "characters, without a line break at the end",
                         key, VALUE_MAX);
    if (h->bad != NULL)
        return false;
    h->items[h->len] = (struct http_header){key, h->values[h->len].data};
    h->len++;
    return true;
}

static struct err *read_headers(struct kube_client *kube, const char *ns, const char *name,
                                struct headers *h)
{
    if (str_empty(name))
        return NULL;
    const struct kube_ref ref = {.res = &res_secret, .ns = ns, .name = name};
    TRY(kube_get(kube, &ref, KUBE_SECRET, &h->secret), "headersFrom");
    if (!str_eq(JSTR(h->secret, "metadata", "labels", PREPARE_HEADERS_LABEL), "true"))
        return err_new(ERR_INVALID, "InvalidHook",
                       "headersFrom: Secret %s/%s lacks the label " PREPARE_HEADERS_LABEL
                       ": \"true\": without it nothing of it is sent",
                       ns, name);
    json_each(JGET(h->secret, "data"), add_header, h);
    return TAKE(h->bad);
}

static struct err *make_body(const char *action, const struct prepare_order *o, char **ret_body)
{
    json_auto_t *body =
        json_build("{s:s,s:s,s:s,s:s,s:o}", "action", action, "namespace", o->ns, "order", o->name,
                   "issuer", o->issuer, "names", json_new_array());
    for (size_t i = 0; i < o->names->len; i++)
        json_push(JGET(body, "names"), json_new_string(o->names->items[i]));
    return json_to_string(body, BODY_MAX, ret_body);
}

struct err *prepare_http(struct kube_client *kube, const struct http_transport *t,
                         const struct stop *stop, const struct acme_prepare_http *spec,
                         const char *action, const struct prepare_order *order)
{
    AUTO(headers_release) struct headers h = {0};
    TRY(read_headers(kube, order->secret_ns, spec->headers_from.name, &h));
    auto_free char *body = NULL;
    TRY(make_body(action, order, &body));
    h.items[h.len] = (struct http_header){"Content-Type", "application/json"};
    const struct http_request req = {
        .method = str_or(spec->method, "POST"),
        .url = spec->url,
        .headers = h.items,
        .header_count = h.len + 1,
        .body = body,
        .body_len = strlen(body),
        .timeout = spec->timeout > 0 ? spec->timeout : TIMEOUT,
        .max_body = ANSWER_MAX,
        .flags = HTTP_GUARDED | HTTP_MUTATES | HTTP_SECRET | HTTP_NO_REUSE,
    };
    AUTO_RESPONSE res = {0};
    TRY(http_call(t, &req, stop, &res), "%s hook", action);
    if (res.status >= 200 && res.status < 300)
        return NULL;
    auto_free char *shown = url_shown(spec->url);
    return err_new(ERR_TRANSIENT, "HookFailed", "%s hook: %s %s answered %d, expected 2xx", action,
                   req.method, shown, res.status);
}
