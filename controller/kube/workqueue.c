/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/workqueue.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"

/* One key in so many is taken from the low list even while changes keep coming. */
#define LOW_SHARE 16
#define NOT_DELAYED SIZE_MAX

/* What is known of a key. It exists while any of this is not at rest. */
struct item {
    struct item *prev, *next; /* neighbours in a ready list */
    int64_t due;              /* mono; meaningful while in the heap */
    size_t heap_at;           /* NOT_DELAYED when not in the heap */
    unsigned failures;
    enum workqueue_priority priority; /* of the ready list, or of the next run */
    bool ready;
    bool processing;
    bool dirty; /* added while processing */
    char key[];
};

struct ready_list {
    struct item *head, *tail;
    size_t len;
};

struct workqueue {
    const struct clock *clock;
    const struct rng *rng;
    struct backoff backoff;
    pthread_mutex_t lock;
    struct map items; /* key -> struct item */
    struct ready_list ready[2];
    struct item **heap; /* a binary heap by due */
    size_t heap_len, heap_cap;
    unsigned taken;
    bool shut;
    void (*on_change)(void *arg);
    void *on_change_arg;
    unsigned calls;       /* of on_change that are running */
    pthread_cond_t quiet; /* calls is 0 */
};

struct workqueue *workqueue_new(const struct workqueue_options *o)
{
    struct workqueue *q = x_calloc(1, sizeof(*q));
    q->clock = o->clock;
    q->rng = o->rng;
    q->backoff = o->backoff;
    if (q->backoff.base == 0)
        q->backoff = (struct backoff){5 * NS_PER_MS, 1000 * NS_PER_SEC, 10};
    q->items = MAP_INIT(free);
    pthread_mutex_init(&q->lock, NULL);
    cond_init_mono(&q->quiet);
    return q;
}

void workqueue_free(struct workqueue *q)
{
    if (q == NULL)
        return;
    map_release(&q->items);
    free(q->heap);
    pthread_cond_destroy(&q->quiet);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

void workqueue_on_change(struct workqueue *q, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&q->lock);
    while (q->calls > 0)
        pthread_cond_wait(&q->quiet, &q->lock);
    q->on_change = fn;
    q->on_change_arg = arg;
    pthread_mutex_unlock(&q->lock);
}

/* ---- ready lists ----------------------------------------------------------------------------- */

static void ready_push(struct workqueue *q, struct item *it)
{
    struct ready_list *l = &q->ready[it->priority];
    it->ready = true;
    it->prev = l->tail;
    it->next = NULL;
    *(l->tail != NULL ? &l->tail->next : &l->head) = it;
    l->tail = it;
    l->len++;
}

static void ready_remove(struct workqueue *q, struct item *it)
{
    struct ready_list *l = &q->ready[it->priority];
    *(it->prev != NULL ? &it->prev->next : &l->head) = it->next;
    *(it->next != NULL ? &it->next->prev : &l->tail) = it->prev;
    l->len--;
    it->ready = false;
}

/* ---- the heap of delayed items --------------------------------------------------------------- */

static void heap_set(struct workqueue *q, size_t at, struct item *it)
{
    q->heap[at] = it;
    it->heap_at = at;
}

static void heap_up(struct workqueue *q, size_t at)
{
    struct item *it = q->heap[at];
    for (size_t up; at > 0 && q->heap[up = (at - 1) / 2]->due > it->due; at = up)
        heap_set(q, at, q->heap[up]);
    heap_set(q, at, it);
}

static void heap_down(struct workqueue *q, size_t at)
{
    struct item *it = q->heap[at];
    for (size_t child; (child = 2 * at + 1) < q->heap_len; at = child) {
        if (child + 1 < q->heap_len && q->heap[child + 1]->due < q->heap[child]->due)
            child++;
        if (q->heap[child]->due >= it->due)
            break;
        heap_set(q, at, q->heap[child]);
    }
    heap_set(q, at, it);
}

static void heap_insert(struct workqueue *q, struct item *it)
{
    if (q->heap_len == q->heap_cap) {
        q->heap_cap = q->heap_cap > 0 ? q->heap_cap * 2 : 16;
        q->heap = x_realloc(q->heap, q->heap_cap * sizeof(struct item *));
    }
    heap_set(q, q->heap_len++, it);
    heap_up(q, it->heap_at);
}

static void heap_remove(struct workqueue *q, struct item *it)
{
    size_t at = it->heap_at;
    it->heap_at = NOT_DELAYED;
    struct item *last = q->heap[--q->heap_len];
    if (last == it)
        return;
    heap_set(q, at, last);
    heap_up(q, at);
    heap_down(q, last->heap_at);
}

/* ---- items ----------------------------------------------------------------------------------- */

static struct item *item_get(struct workqueue *q, const char *key)
{
    struct item *it = map_get(&q->items, key);
    if (it != NULL)
        return it;
    size_t size = strlen(key) + 1;
    if (size > KUBE_KEY_MAX)
        x_abort("workqueue: the key is too long");
    it = x_calloc(1, sizeof(*it) + size);
    memcpy(it->key, key, size);
    it->heap_at = NOT_DELAYED;
    map_put(&q->items, key, it);
    return it;
}

static void item_drop_idle(struct workqueue *q, struct item *it)
{
    if (!it->ready && !it->processing && it->heap_at == NOT_DELAYED && it->failures == 0)
        map_remove(&q->items, it->key);
}

/* Returns whether there is one more to take. */
static bool item_make_ready(struct workqueue *q, struct item *it, enum workqueue_priority priority)
{
    bool waits = it->ready || it->dirty;
    if (waits && it->priority <= priority)
        return false;
    if (it->ready)
        ready_remove(q, it);
    it->priority = priority;
    it->dirty = it->processing;
    if (!it->processing)
        ready_push(q, it);
    return !waits && !it->processing;
}

static void promote_due(struct workqueue *q)
{
    if (q->heap_len == 0)
        return;
    int64_t now = clock_mono(q->clock);
    while (q->heap_len > 0 && q->heap[0]->due <= now) {
        struct item *it = q->heap[0];
        heap_remove(q, it);
        item_make_ready(q, it, WORKQUEUE_NORMAL);
    }
}

/* ---- the queue ------------------------------------------------------------------------------- */

/* Unlocks and tells whoever waits that there may be something to do, or to wait for less long. */
static void unlock_changed(struct workqueue *q)
{
    if (q->on_change != NULL) {
        void (*on_change)(void *arg) = q->on_change;
        void *arg = q->on_change_arg;
        q->calls++;
        pthread_mutex_unlock(&q->lock);
        on_change(arg);
        pthread_mutex_lock(&q->lock);
        if (--q->calls == 0)
            pthread_cond_broadcast(&q->quiet);
    }
    pthread_mutex_unlock(&q->lock);
}

void workqueue_add(struct workqueue *q, const char *key, enum workqueue_priority priority)
{
    pthread_mutex_lock(&q->lock);
    if (item_make_ready(q, item_get(q, key), priority))
        unlock_changed(q);
    else
        pthread_mutex_unlock(&q->lock);
}

void workqueue_add_after(struct workqueue *q, const char *key, int64_t delay)
{
    if (delay <= 0) {
        workqueue_add(q, key, WORKQUEUE_NORMAL);
        return;
    }
    pthread_mutex_lock(&q->lock);
    struct item *it = item_get(q, key);
    int64_t now = clock_mono(q->clock);
    int64_t due = delay > INT64_MAX - now ? INT64_MAX : now + delay;
    bool sooner = it->heap_at == NOT_DELAYED || due < it->due;
    if (it->heap_at == NOT_DELAYED) {
        it->due = due;
        heap_insert(q, it);
    } else if (sooner) {
        it->due = due;
        heap_up(q, it->heap_at);
    }
    if (sooner && it->heap_at == 0)
        unlock_changed(q);
    else
        pthread_mutex_unlock(&q->lock);
}

/* The next ready item becomes processing; NULL when none is ready. A look that was planned for later
 * is dropped: the run that now starts decides anew. */
static struct item *take_locked(struct workqueue *q)
{
    promote_due(q);
    bool low = q->ready[WORKQUEUE_NORMAL].len == 0 ||
               (q->ready[WORKQUEUE_LOW].len > 0 && q->taken % LOW_SHARE == LOW_SHARE - 1);
    struct item *it = q->ready[low ? WORKQUEUE_LOW : WORKQUEUE_NORMAL].head;
    if (it == NULL || q->shut)
        return NULL;
    q->taken++;
    ready_remove(q, it);
    if (it->heap_at != NOT_DELAYED)
        heap_remove(q, it);
    it->processing = true;
    return it;
}

static int64_t next_due_locked(const struct workqueue *q)
{
    return q->heap_len > 0 ? q->heap[0]->due : INT64_MAX;
}

bool workqueue_try_take(struct workqueue *q, char ret_key[KUBE_KEY_MAX])
{
    pthread_mutex_lock(&q->lock);
    struct item *it = take_locked(q);
    if (it != NULL)
        memcpy(ret_key, it->key, strlen(it->key) + 1);
    pthread_mutex_unlock(&q->lock);
    return it != NULL;
}

void workqueue_done(struct workqueue *q, const char *key)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = map_get(&q->items, key);
    if (it == NULL || !it->processing) {
        pthread_mutex_unlock(&q->lock);
        return;
    }
    it->processing = false;
    if (it->dirty) {
        it->dirty = false;
        ready_push(q, it);
        unlock_changed(q);
        return;
    }
    item_drop_idle(q, it);
    pthread_mutex_unlock(&q->lock);
}

int64_t workqueue_failed(struct workqueue *q, const char *key)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = item_get(q, key);
    int64_t delay = backoff_delay(&q->backoff, it->failures, q->rng);
    if (it->failures < UINT_MAX)
        it->failures++;
    pthread_mutex_unlock(&q->lock);
    return delay;
}

void workqueue_forget(struct workqueue *q, const char *key)
{
    pthread_mutex_lock(&q->lock);
    struct item *it = map_get(&q->items, key);
    if (it != NULL) {
        it->failures = 0;
        item_drop_idle(q, it);
    }
    pthread_mutex_unlock(&q->lock);
}

int64_t workqueue_next_due(struct workqueue *q)
{
    pthread_mutex_lock(&q->lock);
    int64_t due = next_due_locked(q);
    pthread_mutex_unlock(&q->lock);
    return due;
}

bool workqueue_has(struct workqueue *q, const char *key)
{
    pthread_mutex_lock(&q->lock);
    const struct item *i = map_get(&q->items, key);
    bool has = i != NULL && (i->ready || i->processing || i->heap_at != NOT_DELAYED);
    pthread_mutex_unlock(&q->lock);
    return has;
}

size_t workqueue_len(struct workqueue *q)
{
    pthread_mutex_lock(&q->lock);
    promote_due(q);
    size_t len = q->ready[WORKQUEUE_NORMAL].len + q->ready[WORKQUEUE_LOW].len;
    pthread_mutex_unlock(&q->lock);
    return len;
}

void workqueue_shutdown(struct workqueue *q)
{
    pthread_mutex_lock(&q->lock);
    q->shut = true;
    unlock_changed(q);
}
