/* SPDX-License-Identifier: Apache-2.0 */
/* The latest Events of a chain: of any reporter, one list of the namespace. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/lookup.h"

static const struct kube_resource res_event = {"events.k8s.io", "v1", "events", "Event", true};

static bool has_uid(const void *object, const char *uid)
{
    return object != NULL && str_eq(((const struct kube_object *)object)->meta.uid, uid);
}

static bool is_of_chain(const struct chain *c, const char *uid)
{
    bool found = has_uid(c->crt, uid) || has_uid(c->issuer, uid) || has_uid(c->request, uid) ||
                 has_uid(c->order, uid);
    for (size_t i = 0; i < c->challenges.len; i++)
        found = found || has_uid(c->challenges.items[i], uid);
    return found;
}

/* When it was seen last, by whichever API and reporter wrote it. */
static int64_t last_seen(const json_t *event)
{
    const char *const times[] = {
        JSTR(event, "series", "lastObservedTime"),
        JSTR(event, "deprecatedLastTimestamp"),
        JSTR(event, "eventTime"),
        JSTR(event, "metadata", "creationTimestamp"),
    };
    int64_t time = 0;
    for (size_t i = 0; i < ARRAY_LEN(times) && time == 0; i++)
        if (times[i] != NULL)
            err_drop(rfc3339_parse(times[i], &time)); /* unreadable: the next one */
    return time;
}

static json_t *summary(const json_t *event, int64_t time)
{
    char when[RFC3339_MAX];
    rfc3339_format(time, when);
    auto_free char *object = x_printf("%s/%s", str_or(JSTR(event, "regarding", "kind"), "?"),
                                      str_or(JSTR(event, "regarding", "name"), "?"));
    json_t *out = json_build("{s:s,s:s*,s:s*,s:s,s:s*}", "lastSeen", when, "type",
                             JSTR(event, "type"), "reason", JSTR(event, "reason"), "object", object,
                             "message", JSTR(event, "note"));
    int64_t count = JINT(event, JINT(event, 1, "deprecatedCount"), "series", "count");
    if (count > 1)
        json_put(out, "count", json_build("I", (json_int_t)count));
    return out;
}

/* Keeps the latest ones: insertion into a short sorted list. */
static struct err *take(void *arg, const json_t *event)
{
    struct chain *c = arg;
    struct chain_events *l = &c->events;
    if (!is_of_chain(c, JSTR(event, "regarding", "uid")))
        return NULL;
    int64_t time = last_seen(event);
    size_t at = l->len;
    while (at > 0 && l->items[at - 1].time > time)
        at--;
    bool full = l->len == CHAIN_EVENTS_MAX;
    if (full && at == 0)
        return NULL;
    if (full) { /* the oldest makes room */
        json_decref(l->items[0].event);
        at--;
        memmove(&l->items[0], &l->items[1], at * sizeof(l->items[0]));
    } else {
        memmove(&l->items[at + 1], &l->items[at], (l->len - at) * sizeof(l->items[0]));
        l->len++;
    }
    l->items[at].time = time;
    l->items[at].event = summary(event, time);
    return NULL;
}

struct err *lookup_events(const struct cli *cli, struct chain *chain)
{
    const struct kube_ref all = {.res = &res_event, .ns = cli->ns};
    return kube_list(cli->kube, &all, NULL, take, chain);
}
