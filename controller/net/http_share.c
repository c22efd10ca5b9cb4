/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_share.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/url.h"

#define HOSTS_MAX 4096
#define TURN (50 * NS_PER_MS) /* who waits longer in line comes back later */
#define TURNS_MAX 200

/* A host with a call in flight, or with strikes; or that a tenant named, and that has answered. */
struct host {
    bool answered; /* a call that was shortened until then */
    unsigned in_flight;
    unsigned waiting;    /* were turned away since the last one that was not */
    unsigned strikes;    /* time-outs in a row */
    int64_t pause_until; /* mono */
};

struct http_share {
    struct http_transport transport;
    const struct http_transport *under;
    const struct clock *clock;
    pthread_mutex_t lock; /* everything below */
    struct map hosts;     /* key_of() -> struct host */
    unsigned threads;
    unsigned tenants; /* calls in flight to hosts that tenants named */
    unsigned doubted; /* those of them to who was silent the last time */
};

/* A call on its way out. */
struct passage {
    const char *origin;
    char *key; /* owned */
    bool tenant;
    bool mutates;
    bool doubted;    /* counted as such */
    int64_t timeout; /* what it is given */
};

static void passage_release(struct passage *p)
{
    free(TAKE(p->key));
}

static int64_t pause_after(unsigned strikes)
{
    int64_t pause = HTTP_SHARE_PAUSE_MIN;
    for (unsigned i = HTTP_SHARE_STRIKES; i < strikes && pause < HTTP_SHARE_PAUSE_MAX; i++)
        pause *= 2;
    return pause < HTTP_SHARE_PAUSE_MAX ? pause : HTTP_SHARE_PAUSE_MAX;
}

/* ---- before ---- */

static bool is_idle(const struct host *h)
{
    return h->in_flight == 0 && h->strikes == 0 && !h->answered;
}

static bool collect_unused(void *arg, const char *key, void *value)
{
    const struct host *h = value;
    if (h->in_flight == 0)
        strlist_add(arg, key);
    return true;
}

/* Full of hosts that did not answer: what is forgotten costs three calls. */
static void make_room(struct http_share *s)
{
    AUTO(strlist_release) struct strlist unused = {0};
    map_each(&s->hosts, collect_unused, &unused);
    for (size_t i = 0; i < unused.len; i++)
        map_remove(&s->hosts, unused.items[i]);
}

static struct host *host_of(struct http_share *s, const char *key)
{
    struct host *h = map_get(&s->hosts, key);
    if (h != NULL)
        return h;
    if (s->hosts.len >= HOSTS_MAX)
        make_room(s);
    h = x_calloc(1, sizeof(*h));
    map_put(&s->hosts, key, h);
    return h;
}

/* Who is turned away comes back after those before it. */
static int64_t turn(struct host *h)
{
    if (h->waiting < TURNS_MAX)
        h->waiting++;
    return h->waiting * TURN;
}

static struct err *not_answering(const struct http_share *s, const char *origin, int64_t wait)
{
    /* Without the time, which would make it another message each time it is shown. */
    struct err *e =
        err_new(ERR_TRANSIENT, "NotAnswering",
                "%s did not answer %d times in a row: it is asked less often until it does", origin,
                HTTP_SHARE_STRIKES);
    e->retry_at = clock_wall(s->clock) + wait;
    return e;
}

static struct err *busy(const struct http_share *s, struct host *h, const char *origin)
{
    struct err *e = err_new(ERR_CONFLICT, "Busy", "%s: other calls go first", origin);
    e->retry_at = clock_wall(s->clock) + turn(h);
    return e;
}

/* ---- who goes ---- */

static bool tenants_have_their_share(const struct http_share *s)
{
    unsigned kept_free = s->threads > 1 ? (s->threads + 3) / 4 : 0;
    return s->threads > 0 && s->tenants >= s->threads - kept_free;
}

/* However many hosts are silent, those that answer do not wait for them. */
static bool the_silent_have_their_share(const struct http_share *s)
{
    return s->threads > 0 && s->doubted >= (s->threads + 3) / 4;
}

static bool has_to_wait(const struct http_share *s, const struct host *h, bool doubted)
{
    return h->in_flight >= HTTP_SHARE_PER_HOST || tenants_have_their_share(s) ||
           (doubted && the_silent_have_their_share(s));
}

/* Nobody holds a thread for long who has never answered. One that is slow has its answer at a later try; what
 * changes something there is not cut off for that. */
static int64_t patience(const struct passage *p, const struct host *h)
{
    int64_t most = HTTP_SHARE_FIRST_ANSWER;
    for (unsigned i = 0; i < h->strikes && most < p->timeout; i++)
        most *= 2;
    return p->mutates || h->answered || p->timeout < most ? p->timeout : most;
}

/* A call that may take long, to who was silent the last time. A self-check does not: it is over soon. */
static bool is_doubted(const struct passage *p, const struct host *h)
{
    return p->tenant && h->strikes > 0 && p->timeout > HTTP_SHARE_FIRST_ANSWER;
}

/* Lock held. begins: the call is made, and not only asked for. */
static struct err *enter(struct http_share *s, struct passage *p, bool begins)
{
    struct host *h = host_of(s, p->key);
    int64_t now = clock_mono(s->clock);
    bool doubtful = h->strikes >= HTTP_SHARE_STRIKES;
    if (doubtful && (now < h->pause_until || h->in_flight > 0)) {
        int64_t wait = now < h->pause_until ? h->pause_until - now : pause_after(h->strikes);
        return not_answering(s, p->origin, wait + turn(h));
    }
    p->doubted = is_doubted(p, h);
    if (p->tenant && has_to_wait(s, h, p->doubted)) {
        struct err *e = busy(s, h, p->origin);
        if (is_idle(h))
            map_remove(&s->hosts, p->key);
        return e;
    }
    if (!begins) {
        if (is_idle(h))
            map_remove(&s->hosts, p->key);
        return NULL;
    }
    h->in_flight++;
    h->waiting -= h->waiting > 0;
    if (p->tenant)
        p->timeout = patience(p, h);
    s->tenants += p->tenant;
    s->doubted += p->doubted;
    return NULL;
}

static struct err *ask(struct http_share *s, struct passage *p, bool begins)
{
    pthread_mutex_lock(&s->lock);
    struct err *refused = enter(s, p, begins);
    pthread_mutex_unlock(&s->lock);
    return refused;
}

/* A host that tenants named is not the one that an administrator named, and one that is reached through the proxy not the
 * one that is dialled: where only the proxy gets out, whoever dials a CA would have it given a pause for all. */
static char *key_of(const struct http_request *req, const char *origin)
{
    return x_printf("%s%s%s", (req->flags & HTTP_GUARDED) != 0 ? "tenant " : "",
                    (req->flags & HTTP_PROXIED) != 0 ? "proxied " : "", origin);
}

static struct passage passage_of(const struct http_request *req, const char *origin)
{
    return (struct passage){.origin = origin,
                            .key = key_of(req, origin),
                            .tenant = (req->flags & HTTP_GUARDED) != 0,
                            .mutates = (req->flags & HTTP_MUTATES) != 0,
                            .timeout = req->timeout > 0 ? req->timeout : HTTP_TIMEOUT_DEFAULT};
}

static struct err *may_call(void *ctx, const struct http_request *req)
{
    auto_free char *origin = url_origin(req->url);
    if (origin == NULL)
        return NULL;
    AUTO(passage_release) struct passage p = passage_of(req, origin);
    return ask(ctx, &p, false);
}

/* ---- after ---- */

/* Lock held. What was cut off by us says nothing about the host. Answers that had no time to be waited for longer
 * than the first one has are not worth remembering: self-checks ask thousands of hosts. */
static void leave(struct http_share *s, const struct passage *p, int64_t asked, const struct err *e)
{
    struct host *h = map_get(&s->hosts, p->key); /* it is there while calls are in flight */
    h->in_flight--;
    s->tenants -= p->tenant;
    s->doubted -= p->doubted;
    if (e == NULL && p->tenant && asked > HTTP_SHARE_FIRST_ANSWER)
        h->answered = true;
    if (e != NULL && str_eq(e->reason, "Timeout")) {
        h->strikes++;
        h->pause_until = clock_mono(s->clock) + pause_after(h->strikes);
    } else if (!err_is(e, ERR_CANCELLED)) {
        h->strikes = 0;
    }
    if (is_idle(h))
        map_remove(&s->hosts, p->key);
}

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret_response)
{
    struct http_share *s = ctx;
    auto_free char *origin = url_origin(req->url);
    if (origin == NULL)
        return http_call(s->under, req, stop, ret_response); /* which says what is wrong with it */
    AUTO(passage_release) struct passage p = passage_of(req, origin);
    int64_t asked = p.timeout;
    TRY(ask(s, &p, true));
    struct http_request bounded = *req;
    bounded.timeout = p.timeout;
    struct err *e = http_call(s->under, &bounded, stop, ret_response);
    pthread_mutex_lock(&s->lock);
    leave(s, &p, asked, e);
    pthread_mutex_unlock(&s->lock);
    return e;
}

/* ---- the whole ---- */

struct http_share *http_share_new(const struct http_transport *under, const struct clock *clock)
{
    struct http_share *s = x_calloc(1, sizeof(*s));
    s->transport = (struct http_transport){.call = call, .ctx = s, .turn = may_call};
    s->under = under;
    s->clock = clock;
    s->hosts = MAP_INIT(free);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

void http_share_free(struct http_share *s)
{
    if (s == NULL)
        return;
    map_release(&s->hosts);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

void http_share_set_threads(struct http_share *s, unsigned threads)
{
    pthread_mutex_lock(&s->lock);
    s->threads = threads;
    pthread_mutex_unlock(&s->lock);
}

const struct http_transport *http_share_transport(struct http_share *s)
{
    return &s->transport;
}

bool http_share_held_back(const struct err *e)
{
    return e != NULL && (str_eq(e->reason, "Busy") || str_eq(e->reason, "NotAnswering"));
}
