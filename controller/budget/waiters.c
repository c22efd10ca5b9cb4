/* SPDX-License-Identifier: Apache-2.0 */
#include "budget/waiters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define GONE_AFTER (2 * NS_PER_MIN)
#define NO_TAG UINT64_MAX

/* How many are ahead in one bucket: of those who may go now, and of all. */
struct waiters_plan {
    int64_t now;
    int64_t ahead;
};

void waiters_init(struct waiters *t)
{
    *t = (struct waiters){.plans = MAP_INIT(free), .tags = MAP_INIT(free)};
}

static void waiter_free(struct waiter *w)
{
    free(w->id);
    free(w->ns);
    free(w->needs);
    free(w);
}

void waiters_release(struct waiters *t)
{
    for (size_t i = 0; i < t->len; i++)
        waiter_free(t->waiting[i]);
    free(t->waiting);
    map_release(&t->plans);
    map_release(&t->tags);
    *t = (struct waiters){0};
}

struct budget_need *budget_needs_copy(const struct budget_need *needs, size_t count)
{
    size_t size = count * sizeof(*needs);
    for (size_t i = 0; i < count; i++)
        size += strlen(needs[i].key) + 1;
    struct budget_need *copy = x_alloc(size + 1);
    char *text = (char *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(needs[i].key) + 1;
        memcpy(text, needs[i].key, len);
        copy[i] = needs[i];
        copy[i].key = text;
        text += len;
    }
    return copy;
}

/* ---- coming and going ---- */

struct waiter *waiters_find(const struct waiters *t, const char *id)
{
    for (size_t i = 0; i < t->len; i++)
        if (str_eq(t->waiting[i]->id, id))
            return t->waiting[i];
    return NULL;
}

static int compare(const struct waiter *a, const struct waiter *b)
{
    if (a->tag != b->tag)
        return a->tag < b->tag ? -1 : 1;
    return (a->arrival > b->arrival) - (a->arrival < b->arrival);
}

static size_t place_of(const struct waiters *t, const struct waiter *w)
{
    size_t low = 0, high = t->len;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare(t->waiting[mid], w) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct waiter *waiters_add(struct waiters *t, const char *id, const char *ns,
                           const struct budget_need *needs, size_t count)
{
    if (t->len >= WAITERS_MAX)
        return NULL;
    if (t->len == t->cap) {
        t->cap = t->cap == 0 ? 16 : t->cap * 2;
        t->waiting = x_realloc(t->waiting, t->cap * sizeof(*t->waiting));
    }
    struct waiter *w = x_calloc(1, sizeof(*w));
    w->id = x_strdup(id);
    w->ns = x_strdup(ns);
    w->needs = budget_needs_copy(needs, count);
    w->count = count;
    w->tag = NO_TAG;
    w->arrival = ++t->arrivals;
    t->waiting[t->len++] = w;
    return w;
}

static bool same_need(const struct budget_need *a, const struct budget_need *b)
{
    return a->kind == b->kind && str_eq(a->key, b->key) && a->limit.count == b->limit.count &&
           a->limit.period == b->limit.period && a->never_waits == b->never_waits;
}

void waiters_change(struct waiters *t, struct waiter *w, const struct budget_need *needs,
                    size_t count)
{
    bool same = w->count == count;
    for (size_t i = 0; same && i < count; i++)
        same = same_need(&w->needs[i], &needs[i]);
    if (same)
        return;
    free(w->needs);
    w->needs = budget_needs_copy(needs, count);
    w->count = count;
    w->lacks = 0;
    t->walked_at = 0;
}

void waiters_remove(struct waiters *t, struct waiter *w, bool went)
{
    if (went && w->tag != NO_TAG && w->tag > t->gone)
        t->gone = w->tag;
    if (!went)
        t->walked_at = 0;
    size_t at = place_of(t, w);
    memmove(t->waiting + at, t->waiting + at + 1, (t->len - at - 1) * sizeof(*t->waiting));
    t->len--;
    waiter_free(w);
}

/* ---- who may go ---- */

static struct waiters_plan *plan_of(struct waiters *t, const struct budget_need *need)
{
    char name[BUDGET_NAME_MAX];
    budget_need_name(need, name);
    struct waiters_plan *p = map_get(&t->plans, name);
    if (p == NULL) {
        p = x_calloc(1, sizeof(*p));
        map_put(&t->plans, name, p);
    }
    return p;
}

static void judge(struct waiters *t, struct waiter *w, const struct budget_ledger *l, int64_t now)
{
    w->may_go = true;
    w->when = now;
    w->when_free = now;
    for (size_t i = 0; i < w->count; i++) {
        const struct budget_need *need = &w->needs[i];
        if (need->never_waits)
            continue;
        const struct waiters_plan *p = plan_of(t, need);
        int64_t others = need->only_looked_at ? 0 : p->now;
        if (budget_time_of(l, need, 1 + others, now) > now)
            w->may_go = false;
        others = need->only_looked_at ? 0 : p->ahead;
        int64_t when = budget_time_of(l, need, 1 + others, now);
        if (when > w->when || i == 0) {
            w->when = when;
            w->lacks = i;
            w->when_free = budget_time_of(l, need, 1, now);
        }
    }
}

/* Those behind come after it: in all that it takes when it goes soon, else in what it lacks. What comes again only after
 * it goes is kept for it, or it would never find all that it needs at once. */
static void stand_ahead(struct waiters *t, const struct waiter *w, int64_t now)
{
    bool soon = w->when <= now + WAITERS_LOOK_MAX;
    for (size_t i = 0; i < w->count; i++) {
        if (w->needs[i].only_looked_at)
            continue;
        struct waiters_plan *p = plan_of(t, &w->needs[i]);
        if (w->may_go || w->when <= now + budget_interval(&w->needs[i].limit))
            p->now++;
        if (soon || i == w->lacks)
            p->ahead++;
    }
}

static void drop_gone(struct waiters *t, int64_t now)
{
    for (size_t i = t->len; i-- > 0;)
        if (t->waiting[i]->expected_at != 0 && t->waiting[i]->expected_at + GONE_AFTER < now)
            waiters_remove(t, t->waiting[i], false);
}

static void judge_all(struct waiters *t, const struct budget_ledger *l, int64_t now)
{
    for (size_t i = 0; i < t->len; i++) {
        judge(t, t->waiting[i], l, now);
        stand_ahead(t, t->waiting[i], now);
    }
    map_clear(&t->plans);
}

/* ---- places ---- */

/* The tag of the first who lacks that bucket, or of the last of a namespace; NULL = none. */
static uint64_t *tag_of(struct waiters *t, const char *kind, const char *name, bool make)
{
    char key[BUDGET_NAME_MAX + 8];
    snprintf(key, sizeof(key), "%s %s", kind, name);
    uint64_t *tag = map_get(&t->tags, key);
    if (tag == NULL && make) {
        tag = x_calloc(1, sizeof(*tag));
        map_put(&t->tags, key, tag);
    }
    return tag;
}

static void note_tag(struct waiters *t, const struct waiter *w)
{
    char bucket[BUDGET_NAME_MAX];
    budget_need_name(&w->needs[w->lacks], bucket);
    uint64_t *first = tag_of(t, "first", bucket, true);
    if (*first == 0 || w->tag < *first)
        *first = w->tag;
    uint64_t *last = tag_of(t, "last", w->ns, true);
    *last = w->tag > *last ? w->tag : *last;
}

static void give_place(struct waiters *t, struct waiter *w)
{
    char bucket[BUDGET_NAME_MAX];
    budget_need_name(&w->needs[w->lacks], bucket);
    const uint64_t *first = tag_of(t, "first", bucket, false);
    const uint64_t *last = tag_of(t, "last", w->ns, false);
    w->tag = first != NULL ? *first : t->gone + 1;
    if (last != NULL && *last >= w->tag)
        w->tag = *last + 1;
    note_tag(t, w);
}

static bool has_come(const struct waiter *w)
{
    return w->tag == NO_TAG && !w->may_go;
}

static int by_place(const void *a, const void *b)
{
    return compare(*(const struct waiter *const *)a, *(const struct waiter *const *)b);
}

/* True when somebody has a place that had none. */
static bool place_all(struct waiters *t)
{
    size_t came = 0;
    for (size_t i = 0; i < t->len; i++)
        came += has_come(t->waiting[i]) ? 1 : 0;
    if (came == 0)
        return false;
    for (size_t i = 0; i < t->len; i++)
        if (t->waiting[i]->tag != NO_TAG)
            note_tag(t, t->waiting[i]);
    for (size_t i = 0; i < t->len; i++)
        if (has_come(t->waiting[i]))
            give_place(t, t->waiting[i]);
    qsort(t->waiting, t->len, sizeof(t->waiting[0]), by_place);
    map_clear(&t->tags);
    return true;
}

void waiters_walk(struct waiters *t, const struct budget_ledger *l, int64_t now)
{
    if (t->walked_at != 0 && t->walked_at <= now && now < t->walked_at + NS_PER_SEC)
        return;
    drop_gone(t, now);
    judge_all(t, l, now);
    if (place_all(t))
        judge_all(t, l, now);
    t->walked_at = now;
}
