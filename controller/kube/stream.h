/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream of an informer: a state machine that lists and watches one resource, in one namespace or
 * all. Decode thread only. Internal to informer.c and stream.c.
 *
 *   idle -> sync (WatchList) ------------------+-> watch -> watch ...
 *     |       `-> list (pages), if refused ----'     `-> sync or list on 410
 *     any failure -> backoff -> where it failed
 */
#ifndef CERTROLL_KUBE_STREAM_H
#define CERTROLL_KUBE_STREAM_H

#include "kube/informer.h"
#include "kube/list_items.h"

/* Bytes of one event or item. The API server stores at most 1.5 MiB, which its JSON escapes (\u003c
 * for "<") can make six times as long: a tenant may not be able to break a stream by such an object. */
#define INFORMER_LINE_MAX ((size_t)12 << 20)

enum stream_state { STREAM_IDLE, STREAM_LIST, STREAM_SYNC, STREAM_WATCH, STREAM_BACKOFF };

struct stream;

/* What the streams of one informer share. */
struct stream_env {
    struct kube_client *client;
    struct http_client *http;
    struct http_inbox *inbox;
    const struct clock *clock;
    const struct rng *rng;
    const struct informers_timing *timing;
    /* As informers_options.report; err may be NULL. */
    void (*report)(void *arg, struct stream *s, const char *event, const struct err *err);
    void *report_arg;
};

struct stream {
    const struct stream_env *env;
    struct cache *cache;
    struct cache_fill *fill;
    char *path;     /* of the collection */
    char *selector; /* label selector or NULL */

    enum stream_state state;
    bool has_list_mode; /* WatchList was refused: pages and watches for good */
    bool from_head;     /* list at "", not at the last resourceVersion */
    bool unpaged;       /* the continue token expired: everything in one answer */
    char *page;         /* continue token of the page being read, or NULL */
    char *list_rv;      /* of the first page */
    int64_t due;        /* mono: end of the back-off, or the next "waiting"; INT64_MAX = none */
    int64_t last_failure;
    unsigned failures;
    unsigned breaks; /* of the watch, since its last event */

    /* The open exchange. */
    struct http_stream *http;
    int status; /* 0 until the head came */
    int64_t retry_at;
    int64_t opened_at; /* mono, when the head came */
    uint64_t lines;
    struct list_items items;
    struct buf error_body;
};

/* The env is borrowed. ns is for the path and the cache. */
struct err *stream_init(struct stream *s, const struct stream_env *env, struct cache *cache,
                        const char *ns, const char *selector) MUST_CHECK;
/* Closes what is open; harmless when zero or released. */
void stream_release(struct stream *s);
void stream_start(struct stream *s);
/* A message of its open exchange; the caller releases it. */
void stream_on_message(struct stream *s, const struct http_message *m);
/* now >= due. */
void stream_on_due(struct stream *s);

#endif
