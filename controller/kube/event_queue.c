/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/event_queue.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/backoff.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "base/timefmt.h"

#define NOTE_MAX 1024 /* bytes; these are the API server's limits */
#define FIELD_MAX 128

static const struct kube_resource res_event = {"events.k8s.io", "v1", "events", "Event", true};
static const struct backoff retry_backoff = {
    .base = NS_PER_SEC, .cap = 30 * NS_PER_SEC, .jitter_percent = 50};

/* What an Event is made of, while it waits: hundreds may, and as JSON they take ten times as much. */
struct told {
    struct event event;
    struct object_meta about; /* what an Event says of it */
    int64_t time;             /* wall */
    char text[];              /* of both */
};

/* One Event object: what happened first, and how often it did since. */
struct series {
    TAILQ_ENTRY(series) by_age;
    TAILQ_ENTRY(series) by_turn; /* while waiting */
    char *key;
    char *ns;
    char *name;
    struct told *told; /* to be created; NULL once it was. The writer's, without the lock */
    int64_t count;
    int64_t written; /* the count that the server knows */
    int64_t last_mono;
    int64_t last_wall;
    int64_t due; /* mono: not to be written before */
    unsigned tries;
    bool is_waiting;
    bool is_writing;
};
TAILQ_HEAD(series_list, series);

struct event_queue {
    struct kube_client *client;
    const struct clock *clock;
    char *controller;
    char *instance;
    pthread_mutex_t lock;       /* of what follows */
    struct map by_key;          /* -> struct series */
    struct series_list by_age;  /* all, the longest silent first */
    struct series_list waiting; /* in the order of arrival */
    size_t waiting_count;
    uint64_t dropped;
};

/* ---- the objects ----------------------------------------------------------------------------- */

static char *cut(const char *s, size_t max)
{
    size_t len = strlen(s);
    return x_strndup(s, len <= max ? len : utf8_cut(s, max));
}

/* "<name>.<16 hex digits>"; a cut name may not end in a dot or hyphen. */
static char *event_name(const char *regarding)
{
    size_t len = strnlen(regarding, KUBE_NAME_MAX - 17);
    while (len > 0 && strchr(".-", regarding[len - 1]) != NULL)
        len--;
    return x_printf("%.*s%s%016" PRIx64, (int)len, regarding, len > 0 ? "." : "",
                    rng_u64(rng_system()));
}

/* One block. */
static struct told *tell(const struct event *e, int64_t time)
{
    const struct object_meta *m = e->regarding;
    auto_free char *note = cut(str_or(e->note, ""), NOTE_MAX);
    auto_free char *reason = cut(e->reason, FIELD_MAX);
    auto_free char *action = cut(e->action, FIELD_MAX);
    struct told t = {.event = {.res = e->res, .warning = e->warning}, .time = time};
    const struct {
        const char *from, **to;
    } texts[] = {
        {note, &t.event.note},
        {reason, &t.event.reason},
        {action, &t.event.action},
        {m->name, &t.about.name},
        {m->namespace, &t.about.namespace},
        {m->uid, &t.about.uid},
        {m->resource_version, &t.about.resource_version},
    };
    size_t size = sizeof(t);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        size += texts[i].from != NULL ? strlen(texts[i].from) + 1 : 0;
    struct told *told = x_alloc(size);
    char *end = told->text;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (texts[i].from == NULL)
            continue;
        size_t len = strlen(texts[i].from) + 1;
        *texts[i].to = memcpy(end, texts[i].from, len);
        end += len;
    }
    *told = t;
    told->event.regarding = &told->about;
    return told;
}

static json_t *event_json(const struct event_queue *q, const struct series *s)
{
    const struct event *e = &s->told->event;
    const struct object_meta *about = e->regarding;
    char version[KUBE_NAME_MAX], then[RFC3339_MAX];
    resource_api_version(e->res, version);
    rfc3339_format_micro(s->told->time, then);
    json_t *regarding = json_build("{s:s,s:s,s:s,s:s*,s:s*,s:s*}", "apiVersion", version, "kind",
                                   e->res->kind, "name", about->name, "namespace", about->namespace,
                                   "uid", about->uid, "resourceVersion", about->resource_version);
    return json_build("{s:s,s:s,s:{s:s,s:s},s:s,s:s,s:s,s:s,s:s,s:o,s:s,s:s}", "apiVersion",
                      "events.k8s.io/v1", "kind", "Event", "metadata", "name", s->name, "namespace",
                      s->ns, "eventTime", then, "reportingController", q->controller,
                      "reportingInstance", q->instance, "action", e->action, "reason", e->reason,
                      "regarding", regarding, "note", e->note, "type",
                      e->warning ? "Warning" : "Normal");
}

static json_t *repeats_json(int64_t count, int64_t last_wall)
{
    char last[RFC3339_MAX];
    rfc3339_format_micro(last_wall, last);
    return json_build("{s:{s:I,s:s}}", "series", "count", (json_int_t)count, "lastObservedTime",
                      last);
}

/* ---- series: lock held ----------------------------------------------------------------------- */

static void series_free(struct series *s)
{
    free(s->key);
    free(s->ns);
    free(s->name);
    free(s->told);
    free(s);
}

static void enqueue(struct event_queue *q, struct series *s, int64_t due)
{
    s->due = due;
    s->is_waiting = true;
    TAILQ_INSERT_TAIL(&q->waiting, s, by_turn);
    q->waiting_count++;
}

static void dequeue(struct event_queue *q, struct series *s)
{
    s->is_waiting = false;
    TAILQ_REMOVE(&q->waiting, s, by_turn);
    q->waiting_count--;
}

static void forget(struct event_queue *q, struct series *s)
{
    map_take(&q->by_key, s->key);
    TAILQ_REMOVE(&q->by_age, s, by_age);
    series_free(s);
}

/* Drops the series that ended, and as many more as make room for one. */
static void forget_old(struct event_queue *q, int64_t now)
{
    struct series *next;
    for (struct series *s = TAILQ_FIRST(&q->by_age); s != NULL; s = next) {
        next = TAILQ_NEXT(s, by_age);
        if (now - s->last_mono < EVENT_SERIES_GAP && q->by_key.len < EVENT_SERIES_MAX)
            return;
        if (!s->is_waiting && !s->is_writing)
            forget(q, s);
    }
}

static struct series *begin(struct event_queue *q, const struct event *e, char *key_take)
{
    struct series *s = x_calloc(1, sizeof(*s));
    s->key = key_take;
    s->ns = x_strdup(str_or(e->regarding->namespace, "default"));
    s->name = event_name(e->regarding->name);
    s->last_wall = clock_wall(q->clock);
    s->told = tell(e, s->last_wall);
    TAILQ_INSERT_TAIL(&q->by_age, s, by_age);
    map_put(&q->by_key, s->key, s);
    return s;
}

static void observe(struct event_queue *q, struct series *s, int64_t now)
{
    s->count++;
    s->last_mono = now;
    s->last_wall = clock_wall(q->clock);
    TAILQ_REMOVE(&q->by_age, s, by_age);
    TAILQ_INSERT_TAIL(&q->by_age, s, by_age);
    if (!s->is_waiting && !s->is_writing)
        enqueue(q, s, s->due > now ? s->due : now);
}

void event_queue_add(struct event_queue *q, const struct event *e)
{
    char object[KUBE_KEY_MAX];
    object_key(e->regarding->namespace, e->regarding->name, object);
    auto_free char *note = cut(str_or(e->note, ""), NOTE_MAX);
    auto_free char *key = x_printf("%s\n%s\n%d\n%s\n%s", str_or(e->regarding->uid, ""), object,
                                   e->warning, e->reason, note);
    pthread_mutex_lock(&q->lock);
    int64_t now = clock_mono(q->clock);
    forget_old(q, now);
    struct series *s = map_get(&q->by_key, key);
    bool is_full = q->waiting_count >= EVENT_WAITING_MAX;
    if (is_full && (s == NULL || (!s->is_waiting && !s->is_writing))) {
        q->dropped++;
    } else {
        if (s == NULL)
            s = begin(q, e, TAKE(key));
        observe(q, s, now);
    }
    pthread_mutex_unlock(&q->lock);
}

/* ---- writing --------------------------------------------------------------------------------- */

static struct series *first_due(const struct event_queue *q, int64_t now, int64_t *ret_due)
{
    int64_t next = INT64_MAX;
    struct series *s;
    TAILQ_FOREACH(s, &q->waiting, by_turn)
    {
        if (s->due <= now)
            return s;
        next = s->due < next ? s->due : next;
    }
    *ret_due = next;
    return NULL;
}

/* Creates the Event, or tells the server how often it happened since. */
static struct err *send_series(struct event_queue *q, const struct series *s, int64_t counted,
                               int64_t last_wall)
{
    const struct kube_ref ref = {.res = &res_event, .ns = s->ns, .name = s->name};
    json_auto_t *repeats = counted > 1 ? repeats_json(counted, last_wall) : json_new_object();
    if (s->told != NULL) {
        json_auto_t *event = event_json(q, s);
        json_merge_patch(event, repeats);
        struct err *err = kube_create(q->client, &ref, 0, event, NULL);
        if (!err_is(err, ERR_CONFLICT))
            return err;
        err_free(err); /* it is there: the answer to an earlier try was lost */
        if (counted == 1)
            return NULL;
    }
    return kube_merge_patch(q->client, &ref, repeats, NULL);
}

static bool is_worth_a_retry(const struct err *e)
{
    return err_is(e, ERR_TRANSIENT) || err_is(e, ERR_RATE_LIMITED);
}

static int64_t retry_time(const struct event_queue *q, const struct series *s, const struct err *e)
{
    int64_t delay = backoff_delay(&retry_backoff, s->tries - 1, rng_system());
    int64_t asked = e->retry_at == 0 ? 0 : e->retry_at - clock_wall(q->clock);
    return clock_mono(q->clock) + (asked > delay ? asked : delay);
}

/* After a try: a written series rests, a failed one waits or is dropped. Lock held. */
static void settle(struct event_queue *q, struct series *s, const struct err *e, bool flush)
{
    if (e == NULL) {
        free(TAKE(s->told));
        s->tries = 0;
        s->due = clock_mono(q->clock) + EVENT_REPEAT_PERIOD;
        if (s->count > s->written)
            enqueue(q, s, s->due);
    } else if (!flush && is_worth_a_retry(e) && ++s->tries < EVENT_TRIES) {
        enqueue(q, s, retry_time(q, s, e));
    } else {
        q->dropped++;
        forget(q, s);
    }
}

bool event_queue_write(struct event_queue *q, bool flush, int64_t *ret_due)
{
    pthread_mutex_lock(&q->lock);
    struct series *s = first_due(q, flush ? INT64_MAX : clock_mono(q->clock), ret_due);
    if (s == NULL) {
        pthread_mutex_unlock(&q->lock);
        return false;
    }
    dequeue(q, s);
    s->is_writing = true;
    s->written = s->count;
    int64_t counted = s->count, last_wall = s->last_wall;
    pthread_mutex_unlock(&q->lock);

    AUTO_ERR e = send_series(q, s, counted, last_wall);

    pthread_mutex_lock(&q->lock);
    s->is_writing = false;
    settle(q, s, e, flush);
    pthread_mutex_unlock(&q->lock);
    return true;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct event_queue *event_queue_new(struct kube_client *client, const struct clock *clock,
                                    const char *controller, const char *instance)
{
    struct event_queue *q = x_calloc(1, sizeof(*q));
    q->client = client;
    q->clock = clock;
    q->controller = x_strdup(controller);
    q->instance = cut(instance, FIELD_MAX);
    pthread_mutex_init(&q->lock, NULL);
    q->by_key = MAP_INIT(NULL);
    TAILQ_INIT(&q->by_age);
    TAILQ_INIT(&q->waiting);
    return q;
}

void event_queue_free(struct event_queue *q)
{
    if (q == NULL)
        return;
    while (!TAILQ_EMPTY(&q->by_age))
        forget(q, TAILQ_FIRST(&q->by_age));
    map_release(&q->by_key);
    pthread_mutex_destroy(&q->lock);
    free(q->controller);
    free(q->instance);
    free(q);
}

uint64_t event_queue_dropped(struct event_queue *q)
{
    pthread_mutex_lock(&q->lock);
    uint64_t n = q->dropped;
    pthread_mutex_unlock(&q->lock);
    return n;
}
