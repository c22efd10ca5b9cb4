/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/stream.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "kube/object_text.h"
#include "kube/status.h"

#define PAGE_LIMIT 500
#define ERROR_BODY_MAX ((size_t)64 << 10)
#define HEADERS_MAX 2
/* Three times of what fits into an answer, and names: whatever the server calls its versions. A URL that is too long is
 * refused by net, and is a failure as any. */
#define QUERY_MAX ((size_t)4 * INFORMER_LINE_MAX)
/* Of a continue token: encoded, it fits into a URL. Those of Kubernetes have some hundred bytes. */
#define TOKEN_MAX 2048

static int64_t mono_now(const struct stream *s)
{
    return clock_mono(s->env->clock);
}

static void report(struct stream *s, const char *event, const struct err *err)
{
    s->env->report(s->env->report_arg, s, event, err);
}

/* ---- opening --------------------------------------------------------------------------------- */

/* "&name=value". Left out when the value is NULL. */
static void add_param(struct buf *query, const char *name, const char *value)
{
    if (value == NULL)
        return;
    auto_free char *encoded = percent_encode(value);
    buf_putf(query, "%s%s=%s", query->len == 0 ? "?" : "&", name, encoded);
}

static const char *accept_of(const struct stream *s)
{
    if (!cache_kind(s->cache)->metadata_only)
        return "application/json";
    return s->state == STREAM_LIST
               ? "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
               : "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
}

static void close_exchange(struct stream *s)
{
    http_stream_close(TAKE(s->http));
    list_items_release(&s->items);
    buf_release(&s->error_body);
    s->status = 0;
    s->retry_at = 0;
    s->lines = 0;
}

static void open_exchange(struct stream *s, const struct buf *query, int64_t idle)
{
    close_exchange(s);
    auto_free char *target = x_printf("%s%s", s->path, buf_str(query));
    auto_free char *url = kube_client_url(s->env->client, target);
    char *authorization = kube_client_authorization(s->env->client);
    const struct http_header headers[HEADERS_MAX] = {
        {"Accept", accept_of(s)},
        {"Authorization", authorization},
    };
    struct http_request req = {
        .url = url,
        .headers = headers,
        .header_count = str_empty(authorization) ? 1 : 2,
        .tls = kube_client_tls(s->env->client),
    };
    s->error_body = BUF_INIT(ERROR_BODY_MAX);
    s->http =
        http_stream_open(s->env->http, &req, s->state == STREAM_LIST ? HTTP_CHUNKS : HTTP_LINES,
                         idle, s->env->inbox, s);
    if (authorization != NULL)
        x_wipe_free(authorization, strlen(authorization));
}

/* A watch, from the last resourceVersion; or a WatchList, which is a watch that begins with all
 * objects. */
static void open_watch(struct stream *s, enum stream_state state)
{
    const struct informers_timing *t = s->env->timing;
    s->state = state;
    int64_t seconds = rng_between(s->env->rng, t->watch_timeout_min / NS_PER_SEC,
                                  t->watch_timeout_max / NS_PER_SEC);
    auto_free char *timeout = x_printf("%lld", (long long)seconds);
    AUTO(buf_release) struct buf query = BUF_INIT(QUERY_MAX);
    add_param(&query, "watch", "true");
    add_param(&query, "allowWatchBookmarks", "true");
    add_param(&query, "timeoutSeconds", timeout);
    add_param(&query, "labelSelector", s->selector);
    if (state == STREAM_SYNC) {
        add_param(&query, "sendInitialEvents", "true");
        add_param(&query, "resourceVersionMatch", "NotOlderThan");
    }
    if (state == STREAM_WATCH || !s->from_head)
        add_param(&query, "resourceVersion", cache_fill_rv(s->fill));
    s->due = state == STREAM_SYNC ? mono_now(s) + t->slow_sync : INT64_MAX;
    open_exchange(s, &query, seconds * NS_PER_SEC + t->idle_margin);
}

static struct err *take_item(void *arg, const char *text, size_t len)
{
    struct stream *s = arg;
    json_auto_t *item = NULL;
    AUTO_ERR err = object_text_parse(&cache_fill_kind(s->fill)->res, text, len, &item);
    if (err == NULL)
        err = cache_fill_put_json(s->fill, item);
    if (err != NULL)
        report(s, "unreadable", err);
    return NULL;
}

/* One page of a list, or the whole. At "" it is consistent and paged; at a resourceVersion the server
 * answers from memory, in one piece. */
static void open_list(struct stream *s)
{
    s->state = STREAM_LIST;
    const char *rv = s->from_head || s->unpaged ? NULL : cache_fill_rv(s->fill);
    AUTO(buf_release) struct buf query = BUF_INIT(QUERY_MAX);
    add_param(&query, "labelSelector", s->selector);
    add_param(&query, "resourceVersion", rv);
    add_param(&query, "resourceVersionMatch", rv == NULL ? NULL : "NotOlderThan");
    if (rv == NULL && !s->unpaged) {
        auto_free char *limit = x_printf("%d", PAGE_LIMIT);
        add_param(&query, "limit", limit);
        add_param(&query, "continue", s->page);
    }
    s->due = mono_now(s) + s->env->timing->slow_sync;
    open_exchange(s, &query, s->env->timing->list_idle);
    list_items_init(&s->items, INFORMER_LINE_MAX, take_item, s);
}

/* From the beginning: everything anew, in the way that this server can do. */
static void start_list(struct stream *s)
{
    free(TAKE(s->page));
    free(TAKE(s->list_rv));
    cache_fill_replace_begin(s->fill);
    report(s, "list", NULL);
    if (s->has_list_mode)
        open_list(s);
    else
        open_watch(s, STREAM_SYNC);
}

/* ---- when something ends --------------------------------------------------------------------- */

/* Pauses, then goes on: a list that was begun (which the cache knows) starts anew, a watch goes on
 * where it was. */
static void back_off(struct stream *s, const struct err *err)
{
    const struct informers_timing *t = s->env->timing;
    if (cache_fill_is_replacing(s->fill))
        cache_fill_replace_begin(s->fill); /* drops what came in */
    int64_t now = mono_now(s);
    if (now - s->last_failure > t->backoff_reset)
        s->failures = 0;
    s->last_failure = now;
    int64_t delay = backoff_delay(&t->backoff, s->failures++, s->env->rng);
    int64_t asked = err->retry_at == 0 ? 0 : err->retry_at - clock_wall(s->env->clock);
    s->due = now + (asked > delay ? asked : delay);
    close_exchange(s);
    s->state = STREAM_BACKOFF;
    report(s, "failed", err);
}

static void back_off_and_list(struct stream *s, const struct err *err)
{
    cache_fill_replace_begin(s->fill);
    back_off(s, err);
}

/* In lists: no WatchList here, from now on. */
static void fall_back(struct stream *s, const struct err *err)
{
    s->has_list_mode = true;
    report(s, "fallback", err);
    start_list(s);
}

/* The server no longer knows the version we asked for, or not yet. */
static void on_bad_version(struct stream *s, const struct err *err)
{
    if (s->state == STREAM_WATCH) {
        /* Once at once: what follows proves whether that helped. */
        if (s->breaks++ > 0)
            back_off_and_list(s, err);
        else
            start_list(s);
    } else if (s->page != NULL && !s->unpaged) {
        s->unpaged = true;
        start_list(s);
    } else if (!s->from_head && cache_fill_rv(s->fill) != NULL) {
        s->from_head = true;
        start_list(s);
    } else {
        back_off(s, err);
    }
}

static bool is_bad_version(const struct err *err)
{
    return err->http_status == 410 || strcmp(err->reason, "ResourceVersionTooLarge") == 0;
}

/* 401, 403 and 429 say nothing about the request itself: it is made again as it was. */
static bool is_about_us(int status)
{
    return status == 401 || status == 403 || status == 429;
}

/* An answer other than 200, or an ERROR in the stream. */
static void on_refusal(struct stream *s, const struct err *err)
{
    int status = err->http_status;
    bool in_stream = s->status == 200;
    bool about_us = is_about_us(status);
    if (status == 401)
        kube_client_unauthorized(s->env->client);
    if (is_bad_version(err))
        on_bad_version(s, err);
    else if (s->state == STREAM_SYNC && !about_us && (in_stream || status == 400 || status == 422))
        fall_back(s, err);
    else if (s->state == STREAM_WATCH && !about_us && (in_stream || status < 500) &&
             s->breaks++ > 0)
        back_off_and_list(s, err);
    else
        back_off(s, err);
}

static void on_synced(struct stream *s)
{
    s->from_head = false;
    s->unpaged = false;
    report(s, "synced", NULL);
}

static void on_line(struct stream *s, const char *line, size_t len)
{
    s->lines++;
    struct watch_line w = watch_apply_line(s->fill, line, len);
    AUTO_ERR err = w.err;
    switch (w.verdict) {
    case WATCH_GO_ON:
        if (s->state == STREAM_WATCH)
            s->breaks = 0;
        if (err != NULL)
            report(s, "unreadable", err);
        break;
    case WATCH_SYNCED:
        s->state = STREAM_WATCH;
        s->due = INT64_MAX;
        on_synced(s);
        break;
    case WATCH_BROKEN:
        if (err->http_status != 0)
            on_refusal(s, err);
        else if (s->state == STREAM_WATCH && s->breaks++ > 0)
            back_off_and_list(s, err);
        else
            back_off(s, err);
        break;
    case WATCH_GONE:
    case WATCH_LATER:
    case WATCH_DENIED:
        on_refusal(s, err);
        break;
    }
}

static void on_page_end(struct stream *s)
{
    AUTO_ERR err = list_items_end(&s->items);
    if (err != NULL) {
        back_off(s, err);
        return;
    }
    /* Later pages of an expired snapshot may be newer: what counts is the oldest. */
    if (s->list_rv == NULL)
        s->list_rv = TAKE(s->items.rv);
    free(s->page);
    s->page = TAKE(s->items.next);
    if (s->page != NULL && strlen(s->page) > TOKEN_MAX && !s->unpaged) { /* as if it had expired */
        s->unpaged = true;
        start_list(s);
        return;
    }
    if (s->page != NULL) {
        open_list(s);
        return;
    }
    cache_fill_replace_end(s->fill, s->list_rv);
    on_synced(s);
    open_watch(s, STREAM_WATCH);
}

/* The server closes each watch after its timeout, and networks close them any time: a watch that was
 * good for something is simply opened again. */
static void on_watch_end(struct stream *s, const struct err *err)
{
    if (s->lines > 0 || mono_now(s) - s->opened_at >= s->env->timing->short_watch) {
        open_watch(s, STREAM_WATCH);
        return;
    }
    AUTO_ERR too_short =
        err_new(ERR_TRANSIENT, "ShortWatch", "the watch ended at once, without an event%s%s",
                err == NULL ? "" : ": ", err == NULL ? "" : err->message);
    back_off(s, too_short);
}

static void on_error_answer(struct stream *s)
{
    json_auto_t *body = NULL;
    /* A proxy's answer need not be JSON. */
    err_drop(json_parse(buf_str(&s->error_body), s->error_body.len, &body));
    AUTO_ERR err = kube_status_error(s->path, s->status, body, s->retry_at);
    on_refusal(s, err);
}

static void on_end(struct stream *s, const struct err *err)
{
    if (s->status != 0 && s->status != 200) {
        on_error_answer(s);
    } else if (s->state == STREAM_WATCH && s->status == 200) {
        on_watch_end(s, err);
    } else if (s->state == STREAM_LIST && err == NULL) {
        on_page_end(s);
    } else if (err != NULL) {
        back_off(s, err);
    } else {
        AUTO_ERR cut = err_new(ERR_TRANSIENT, "CutShort",
                               "the server ended the stream before it had sent all objects");
        back_off(s, cut);
    }
}

/* ---- events of the machine ------------------------------------------------------------------- */

static void on_head(struct stream *s, const struct http_message *m)
{
    s->status = m->status;
    s->opened_at = mono_now(s);
    if (m->retry_after != NULL)
        err_drop(retry_after_parse(m->retry_after, clock_wall(s->env->clock), &s->retry_at));
}

static void on_data(struct stream *s, const struct http_message *m)
{
    if (s->status != 200) {
        /* What does not fit is not worth reading. */
        err_drop(buf_add(&s->error_body, m->data, m->len));
    } else if (s->state == STREAM_LIST) {
        AUTO_ERR err = list_items_feed(&s->items, m->data, m->len);
        if (err != NULL)
            back_off(s, err);
    } else {
        on_line(s, m->data, m->len);
    }
}

void stream_on_message(struct stream *s, const struct http_message *m)
{
    switch (m->type) {
    case HTTP_MSG_HEAD:
        on_head(s, m);
        break;
    case HTTP_MSG_DATA:
        on_data(s, m);
        break;
    case HTTP_MSG_END:
        on_end(s, m->err);
        break;
    }
}

void stream_on_due(struct stream *s)
{
    if (s->state != STREAM_BACKOFF) {
        s->due = mono_now(s) + s->env->timing->slow_sync;
        report(s, "waiting", NULL);
    } else if (cache_fill_is_replacing(s->fill)) {
        start_list(s);
    } else {
        open_watch(s, STREAM_WATCH);
    }
}

struct err *stream_init(struct stream *s, const struct stream_env *env, struct cache *cache,
                        const char *ns, const char *selector)
{
    char *path = NULL;
    TRY(kube_path(&(struct kube_ref){.res = &cache_kind(cache)->res, .ns = ns}, &path));
    *s = (struct stream){
        .env = env,
        .cache = cache,
        .fill = cache_fill(cache, ns),
        .path = path,
        .selector = x_strdup_or_null(selector),
        .due = INT64_MAX,
    };
    return NULL;
}

void stream_release(struct stream *s)
{
    close_exchange(s);
    free(s->path);
    free(s->selector);
    free(s->page);
    free(s->list_rv);
    *s = (struct stream){0};
}

void stream_start(struct stream *s)
{
    start_list(s);
}
