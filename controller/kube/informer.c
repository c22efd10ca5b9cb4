/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/informer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "kube/stream.h"

/* Bytes of one stream that may wait for the decode thread. */
#define INBOX_QUOTA ((size_t)256 << 10)
#define NAMED_MAX 8
#define MISSING_TEXT_MAX 2048

const struct informers_timing informers_timing_default = {
    .watch_timeout_min = 300 * NS_PER_SEC,
    .watch_timeout_max = 600 * NS_PER_SEC,
    .idle_margin = 5 * NS_PER_SEC,
    .list_idle = 2 * NS_PER_MIN,
    .short_watch = NS_PER_SEC,
    .slow_sync = 10 * NS_PER_SEC,
    .backoff = {.base = 800 * NS_PER_MS, .cap = 30 * NS_PER_SEC, .jitter_percent = 100},
    .backoff_reset = 2 * NS_PER_MIN,
};

struct entry {
    struct stream stream;
    struct cache *cache;
    char *ns;
    char *selector;
    bool synced;         /* guarded by the lock, as the next */
    struct err *failure; /* the last one since the last success */
};

struct informers {
    struct informers_options o;
    struct stream_env env;
    struct entry **entries;
    size_t count;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool running;
    atomic_bool stopping;
    size_t missing; /* entries that are not synced; guarded by the lock */
};

static struct entry *entry_of(struct stream *s)
{
    return (struct entry *)(void *)((char *)s - offsetof(struct entry, stream));
}

/* Keeps for informers_wait() what it will have to say, then tells whoever listens. */
static void on_report(void *arg, struct stream *s, const char *event, const struct err *err)
{
    struct informers *in = arg;
    struct entry *e = entry_of(s);
    bool is_success = strcmp(event, "synced") == 0;
    if (is_success || strcmp(event, "failed") == 0) {
        pthread_mutex_lock(&in->lock);
        err_free(e->failure);
        e->failure = err_dup(err);
        if (is_success && !e->synced) {
            e->synced = true;
            in->missing--;
        }
        pthread_cond_broadcast(&in->changed);
        pthread_mutex_unlock(&in->lock);
    }
    if (in->o.report != NULL)
        in->o.report(in->o.report_arg, e->cache, event, err);
}

struct informers *informers_new(const struct informers_options *o)
{
    struct informers *in = x_calloc(1, sizeof(*in));
    in->o = *o;
    in->env = (struct stream_env){
        .client = o->client,
        .http = o->http,
        .inbox = http_inbox_new(INBOX_QUOTA, INFORMER_LINE_MAX),
        .clock = o->clock,
        .rng = o->rng,
        .timing = o->timing != NULL ? o->timing : &informers_timing_default,
        .report = on_report,
        .report_arg = in,
    };
    pthread_mutex_init(&in->lock, NULL);
    cond_init_mono(&in->changed);
    return in;
}

void informers_add(struct informers *in, struct cache *cache, const char *ns,
                   const char *label_selector)
{
    struct entry *e = x_calloc(1, sizeof(*e));
    e->cache = cache;
    e->ns = x_strdup(str_or(ns, ""));
    e->selector = str_empty(label_selector) ? NULL : x_strdup(label_selector);
    in->entries = x_realloc(in->entries, (in->count + 1) * sizeof(struct entry *));
    in->entries[in->count++] = e;
    in->missing++;
}

/* ---- the decode thread ----------------------------------------------------------------------- */

static int64_t earliest_due(const struct informers *in)
{
    int64_t due = INT64_MAX;
    for (size_t i = 0; i < in->count; i++)
        if (in->entries[i]->stream.due < due)
            due = in->entries[i]->stream.due;
    return due;
}

static void run_due(struct informers *in)
{
    int64_t now = clock_mono(in->env.clock);
    for (size_t i = 0; i < in->count; i++)
        if (in->entries[i]->stream.due <= now)
            stream_on_due(&in->entries[i]->stream);
}

static void *decode(void *arg)
{
    struct informers *in = arg;
    for (size_t i = 0; i < in->count; i++)
        stream_start(&in->entries[i]->stream);
    int64_t due = earliest_due(in);
    while (!atomic_load(&in->stopping)) {
        struct http_message m;
        if (http_inbox_next(in->env.inbox, due, &m)) {
            struct stream *s = m.arg;
            int64_t before = s->due;
            stream_on_message(s, &m);
            http_message_release(&m);
            if (s->due != before)
                due = earliest_due(in);
        }
        if (clock_mono(in->env.clock) >= due) {
            run_due(in);
            due = earliest_due(in);
        }
    }
    return NULL;
}

struct err *informers_start(struct informers *in)
{
    for (size_t i = 0; i < in->count; i++) {
        struct entry *e = in->entries[i];
        TRY(stream_init(&e->stream, &in->env, e->cache, e->ns, e->selector),
            "watching %s in namespace %s", cache_kind(e->cache)->res.plural, e->ns);
    }
    if (pthread_create(&in->thread, NULL, decode, in) != 0)
        x_abort("informers_start: no more threads");
    pthread_setname_np(in->thread, "informers");
    in->running = true;
    return NULL;
}

void informers_stop(struct informers *in)
{
    if (!in->running)
        return;
    atomic_store(&in->stopping, true);
    http_inbox_wake(in->env.inbox);
    pthread_join(in->thread, NULL);
    in->running = false;
    for (size_t i = 0; i < in->count; i++)
        stream_release(&in->entries[i]->stream);
}

void informers_free(struct informers *in)
{
    if (in == NULL)
        return;
    informers_stop(in);
    for (size_t i = 0; i < in->count; i++) {
        struct entry *e = in->entries[i];
        stream_release(&e->stream);
        err_free(e->failure);
        free(e->ns);
        free(e->selector);
        free(e);
    }
    free(in->entries);
    http_inbox_free(in->env.inbox);
    pthread_cond_destroy(&in->changed);
    pthread_mutex_destroy(&in->lock);
    free(in);
}

/* ---- waiting --------------------------------------------------------------------------------- */

bool informers_synced(struct informers *in)
{
    pthread_mutex_lock(&in->lock);
    bool synced = in->missing == 0;
    pthread_mutex_unlock(&in->lock);
    return synced;
}

static void wake_waiters(void *arg)
{
    struct informers *in = arg;
    pthread_mutex_lock(&in->lock);
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
}

/* Lock held. */
static struct err *missing_error(const struct informers *in)
{
    AUTO(buf_release) struct buf text = BUF_INIT(MISSING_TEXT_MAX);
    size_t named = 0;
    for (size_t i = 0; i < in->count && named < NAMED_MAX; i++) {
        const struct entry *e = in->entries[i];
        if (e->synced)
            continue;
        const char *where = e->ns[0] == '\0' ? "" : " in namespace ";
        /* A text that is cut still names the first kinds. */
        err_drop(buf_addf(&text, "%s%s%s%s (%s)", named++ > 0 ? ", " : "",
                          cache_kind(e->cache)->res.plural, where, e->ns,
                          e->failure == NULL ? "no answer yet" : e->failure->message));
    }
    size_t more = in->missing - named;
    if (more > 0)
        err_drop(buf_addf(&text, " and %zu more", more));
    return err_new(ERR_TRANSIENT, "CacheNotSynced", "not read from the API server yet: %s",
                   buf_str(&text));
}

struct err *informers_wait(struct informers *in, const struct stop *stop, int64_t mono_deadline)
{
    /* The token is the caller's to set, so it is only listened to. */
    struct stop *token = (struct stop *)(uintptr_t)stop;
    struct stop_listener listener;
    if (token != NULL)
        stop_listen(token, &listener, wake_waiters, in);
    pthread_mutex_lock(&in->lock);
    bool in_time = true;
    while (in->missing > 0 && !stop_is_set(stop) && in_time)
        in_time = cond_wait_until(&in->changed, &in->lock, mono_deadline);
    struct err *err = stop_check(stop);
    if (err == NULL && in->missing > 0)
        err = missing_error(in);
    pthread_mutex_unlock(&in->lock);
    if (token != NULL)
        stop_unlisten(token, &listener);
    return err;
}
