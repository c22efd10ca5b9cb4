/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Informers: keep caches equal to the API server. Each stream is a state machine (idle, list, sync,
 * watch, backoff) and all of them run on ONE decode thread: WatchList (KEP-3157) with fallback to
 * paged lists, bookmarks, 410, 429, idle guard; rules and numbers in controller/kube/README.md.
 */
#ifndef CERTROLL_KUBE_INFORMER_H
#define CERTROLL_KUBE_INFORMER_H

#include "base/backoff.h"
#include "base/clock.h"
#include "base/rand.h"
#include "kube/cache.h"
#include "kube/client.h"
#include "net/http_client.h"

struct informers;

/* All in ns. Production takes the defaults; tests make them short. */
struct informers_timing {
    int64_t watch_timeout_min; /* timeoutSeconds is drawn from [min, max): 300 s, 600 s */
    int64_t watch_timeout_max;
    int64_t idle_margin;    /* idle guard of a watch: its timeout and this: 5 s */
    int64_t list_idle;      /* idle guard of a list: 2 min */
    int64_t short_watch;    /* a watch that ends sooner without an event is a failure: 1 s */
    int64_t slow_sync;      /* "waiting" is reported this often while a list takes: 10 s */
    struct backoff backoff; /* 800 ms, 30 s, 100 % */
    int64_t backoff_reset;  /* failures are forgotten after this long without one: 2 min */
};
extern const struct informers_timing informers_timing_default;

struct informers_options {
    struct kube_client *client;
    struct http_client *http;
    const struct clock *clock; /* clock_system(): the thread waits in real time */
    const struct rng *rng;
    const struct informers_timing *timing; /* NULL = the defaults; borrowed */
    /* Called on the decode thread when something is worth telling, for logs and metrics; err is
     * borrowed. May be NULL. Events: "list" (a full list was asked for), "synced" (it is in),
     * "fallback" (no WatchList here; err says why), "failed" (trying again after a pause),
     * "unreadable" (one object was left out), "waiting" (a list takes long). */
    void (*report)(void *arg, const struct cache *cache, const char *event, const struct err *err);
    void *report_arg;
};

struct informers *informers_new(const struct informers_options *o);
/* Adds a stream before the start. ns "" or NULL = all namespaces; label_selector may be NULL. Several
 * streams may fill one cache (one per namespace). */
void informers_add(struct informers *in, struct cache *cache, const char *ns,
                   const char *label_selector);
/* Starts the thread. ERR_INVALID for a namespace that is not a name. */
struct err *informers_start(struct informers *in) MUST_CHECK;
/* Ends the streams and joins the thread; the caches stay. Harmless when not started. */
void informers_stop(struct informers *in);
/* Stops, too. Accepts NULL. */
void informers_free(struct informers *in);
bool informers_synced(struct informers *in);
/* Blocks until all are synced; ERR_TRANSIENT with the names of the missing kinds and their last
 * errors at the mono deadline, ERR_CANCELLED on stop. */
struct err *informers_wait(struct informers *in, const struct stop *stop, int64_t mono_deadline)
    MUST_CHECK;

/* ---- the pure part: one watch stream's bytes -> cache, also driven by the simulator ------------- */

enum watch_verdict {
    WATCH_GO_ON,
    WATCH_SYNCED, /* the initial-events-end bookmark came: cache_fill_replace_end() was called */
    WATCH_GONE,   /* 410: list again */
    WATCH_LATER,  /* 429 in the stream: watch again after a pause */
    WATCH_DENIED, /* 401, 403 in the stream */
    WATCH_BROKEN, /* any other ERROR (err has its http_status), or a line that is no event (0) */
};
struct watch_line {
    enum watch_verdict verdict;
    /* Owned. NULL for WATCH_SYNCED and mostly for WATCH_GO_ON, where it tells of one object that
     * could not be read and was left out. */
    struct err *err;
};
/* Applies one line of a watch stream. Whoever opens a WatchList calls cache_fill_replace_begin()
 * first; where to watch from next is cache_fill_rv(), which synthetic ADDED events do not move. */
struct watch_line watch_apply_line(struct cache_fill *fill, const char *line, size_t len)
    MUST_CHECK;

#endif
