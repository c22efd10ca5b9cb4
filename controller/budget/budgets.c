/* SPDX-License-Identifier: Apache-2.0 */
#include "budget/budgets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "budget/waiters.h"

#define GRANTS_MAX 65536
#define HOLD NS_PER_MIN
#define TEXT_MAX (2 * 1024 * 1024)
#define VERSION 1

/* Of an order that is not over yet. */
struct grant {
    int64_t at;
    struct budget_need *needs;
    size_t count;
    bool reserved; /* else it is taken */
};

struct budgets {
    const struct clock *clock;
    pthread_mutex_t lock;
    struct budget_ledger ledger;
    struct map waiters; /* server -> struct waiters */
    struct map grants;  /* id -> struct grant */
    bool changed;
    bool told; /* that it changed */
    bool loaded;
    int64_t text_at;
};

static void grant_free(void *value)
{
    struct grant *g = value;
    free(g->needs);
    free(g);
}

static void waiters_free(void *value)
{
    waiters_release(value);
    free(value);
}

static void forget_all(struct budgets *b)
{
    budget_ledger_release(&b->ledger);
    map_release(&b->waiters);
    map_release(&b->grants);
}

struct budgets *budgets_new(const struct clock *clock)
{
    struct budgets *b = x_calloc(1, sizeof(*b));
    b->clock = clock;
    pthread_mutex_init(&b->lock, NULL);
    budget_ledger_init(&b->ledger);
    b->waiters = MAP_INIT(waiters_free);
    b->grants = MAP_INIT(grant_free);
    return b;
}

void budgets_free(struct budgets *b)
{
    if (b == NULL)
        return;
    forget_all(b);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* The time is read under the lock: what is taken before a text is in it. */
static int64_t begin(struct budgets *b)
{
    pthread_mutex_lock(&b->lock);
    return clock_wall(b->clock);
}

static void end(struct budgets *b)
{
    pthread_mutex_unlock(&b->lock);
}

/* ---- asking ---- */

static struct waiters *waiters_of(struct budgets *b, const char *server)
{
    struct waiters *t = map_get(&b->waiters, server);
    if (t == NULL) {
        t = x_calloc(1, sizeof(*t));
        waiters_init(t);
        map_put(&b->waiters, server, t);
    }
    return t;
}

/* False when there are too many: it can be settled no more. */
static bool remember(struct budgets *b, const char *id, const struct budget_need *needs,
                     size_t count, int64_t at, bool reserved)
{
    if (b->grants.len >= GRANTS_MAX)
        return false;
    struct grant *g = x_calloc(1, sizeof(*g));
    g->at = at;
    g->needs = budget_needs_copy(needs, count);
    g->count = count;
    g->reserved = reserved;
    map_put(&b->grants, id, g);
    return true;
}

static void take(struct budgets *b, const struct budget_need *need, int64_t at)
{
    budget_take(&b->ledger, need, at);
    b->changed = true;
}

static void grant(struct budgets *b, const struct budget_ask *ask, int64_t now,
                  struct budget_answer *ret)
{
    bool reserved = remember(b, ask->id, ask->needs, ask->count, now, true);
    for (size_t i = 0; i < ask->count; i++) {
        const struct budget_need *need = &ask->needs[i];
        if (need->only_looked_at)
            continue;
        if (reserved)
            budget_reserve(&b->ledger, need, now);
        else
            take(b, need, now);
    }
    ret->granted = true;
    ret->at = now;
}

static bool is_there(const struct budgets *b, const struct budget_ask *ask, int64_t now)
{
    for (size_t i = 0; i < ask->count; i++)
        if (!ask->needs[i].never_waits && budget_time_of(&b->ledger, &ask->needs[i], 1, now) > now)
            return false;
    return true;
}

static void tell_to_wait(struct waiter *w, int64_t now, struct budget_answer *ret)
{
    const struct budget_need *need = &w->needs[w->lacks];
    int64_t look = w->when > now ? w->when : now + NS_PER_SEC;
    ret->at = look;
    ret->look_at = look < now + WAITERS_LOOK_MAX ? look : now + WAITERS_LOOK_MAX;
    ret->kind = need->kind;
    ret->limit = need->limit;
    ret->others_first = w->when_free <= now;
    str_copy(ret->key, sizeof(ret->key), need->key);
    w->expected_at = ret->look_at;
}

/* Nobody keeps a place any more: there are too many. */
static void turn_away(const struct budget_ask *ask, int64_t now, struct budget_answer *ret)
{
    const struct budget_need *first = &ask->needs[0];
    ret->at = ret->look_at = now + WAITERS_LOOK_MAX;
    ret->kind = first->kind;
    ret->limit = first->limit;
    ret->others_first = true;
    str_copy(ret->key, sizeof(ret->key), first->key);
}

/* Failures are counted whoever waits, so what the walk found may be gone. */
static bool may_go(struct budgets *b, struct waiters *t, const struct waiter *w,
                   const struct budget_ask *ask, int64_t now)
{
    waiters_walk(t, &b->ledger, now);
    if (w->may_go && !is_there(b, ask, now)) {
        t->walked_at = 0;
        waiters_walk(t, &b->ledger, now);
    }
    return w->may_go;
}

/* Who comes while others wait is told at the next walk, a second later at most. */
static void wait_in_turn(struct budgets *b, struct waiters *t, const struct budget_ask *ask,
                         int64_t now, struct budget_answer *ret)
{
    struct waiter *w = waiters_find(t, ask->id);
    bool came = w == NULL;
    if (came)
        w = waiters_add(t, ask->id, ask->ns, ask->needs, ask->count);
    if (w == NULL) {
        turn_away(ask, now, ret);
        return;
    }
    if (came && t->len == 1)
        t->walked_at = 0;
    waiters_change(t, w, ask->needs, ask->count);
    w->expected_at = now;
    if (may_go(b, t, w, ask, now)) {
        waiters_remove(t, w, true);
        grant(b, ask, now, ret);
        return;
    }
    ret->undecided = came && t->walked_at < now;
    if (ret->undecided)
        w->when = t->walked_at + NS_PER_SEC;
    tell_to_wait(w, now, ret);
}

/* ---- giving back ---- */

static bool leave(void *arg, const char *server, void *value)
{
    (void)server;
    struct waiters *t = value;
    struct waiter *w = waiters_find(t, arg);
    if (w != NULL)
        waiters_remove(t, w, false);
    return w == NULL;
}

static bool is_given_back(const struct budget_need *need, enum budget_outcome outcome)
{
    if (outcome == BUDGET_ISSUED)
        return false;
    return outcome == BUDGET_NOT_PLACED || need->kind != BUDGET_ORDERS;
}

static bool walk_again(void *arg, const char *server, void *value)
{
    (void)arg;
    (void)server;
    ((struct waiters *)value)->walked_at = 0;
    return true;
}

static void settle_need(struct budgets *b, const struct grant *g, const struct budget_need *need,
                        bool given_back, int64_t now)
{
    if (g->reserved)
        budget_unreserve(&b->ledger, need, now);
    if (g->reserved && !given_back)
        take(b, need, now);
    if (!g->reserved && given_back) {
        budget_give_back(&b->ledger, need, g->at, now);
        b->changed = true;
    }
    if (given_back)
        map_each(&b->waiters, walk_again, NULL);
}

static void settle(struct budgets *b, const char *id, enum budget_outcome outcome, int64_t now)
{
    struct grant *g = map_take(&b->grants, id);
    if (g == NULL)
        map_each(&b->waiters, leave, (char *)(uintptr_t)id);
    for (size_t i = 0; g != NULL && i < g->count; i++)
        if (!g->needs[i].only_looked_at)
            settle_need(b, g, &g->needs[i], is_given_back(&g->needs[i], outcome), now);
    if (g != NULL)
        grant_free(g);
}

static bool is_for(const struct grant *g, const struct budget_ask *ask)
{
    bool same = g->count == ask->count;
    for (size_t i = 0; same && i < g->count; i++)
        same = g->needs[i].kind == ask->needs[i].kind && str_eq(g->needs[i].key, ask->needs[i].key);
    return same;
}

/* Whoever asks again was not placed, and more may have been counted since it was granted: an order of an earlier process
 * that was found again, say. The server knows of that, too, and would refuse. */
static bool is_still_there(struct budgets *b, const struct grant *g, const struct budget_ask *ask,
                           int64_t now)
{
    if (!g->reserved)
        return true;
    for (size_t i = 0; i < ask->count; i++)
        if (!ask->needs[i].only_looked_at)
            budget_unreserve(&b->ledger, &ask->needs[i], now);
    bool there = is_there(b, ask, now);
    for (size_t i = 0; i < ask->count; i++)
        if (!ask->needs[i].only_looked_at)
            budget_reserve(&b->ledger, &ask->needs[i], now);
    return there;
}

void budgets_ask(struct budgets *b, const struct budget_ask *ask, struct budget_answer *ret_answer)
{
    *ret_answer = (struct budget_answer){0};
    int64_t now = begin(b);
    const struct grant *g = map_get(&b->grants, ask->id);
    /* Another account by now, or other limits. */
    if (g != NULL && (!is_for(g, ask) || !is_still_there(b, g, ask, now))) {
        settle(b, ask->id, BUDGET_NOT_PLACED, now);
        g = NULL;
    }
    struct waiters *t = waiters_of(b, ask->server);
    if (g != NULL) {
        ret_answer->granted = true;
        ret_answer->at = g->at;
    } else if (t->len == 0 && is_there(b, ask, now)) {
        grant(b, ask, now, ret_answer);
    } else {
        wait_in_turn(b, t, ask, now, ret_answer);
    }
    end(b);
}

/* ---- what came of it ---- */

int64_t budgets_placed(struct budgets *b, const char *id)
{
    int64_t now = begin(b);
    struct grant *g = map_get(&b->grants, id);
    if (g != NULL && g->reserved) {
        for (size_t i = 0; i < g->count; i++)
            if (!g->needs[i].only_looked_at)
                settle_need(b, g, &g->needs[i], false, now);
        g->reserved = false;
        g->at = now;
    }
    int64_t at = g != NULL ? g->at : 0;
    end(b);
    return at;
}

void budgets_settle(struct budgets *b, const char *id, enum budget_outcome outcome)
{
    settle(b, id, outcome, begin(b));
    end(b);
}

void budgets_refused(struct budgets *b, const char *id)
{
    int64_t now = begin(b);
    const struct grant *g = map_get(&b->grants, id);
    for (size_t i = 0; g != NULL && i < g->count; i++)
        if (g->needs[i].kind == BUDGET_ORDERS)
            budget_hold(&b->ledger, &g->needs[i], now + HOLD);
    end(b);
}

void budgets_count(struct budgets *b, const struct budget_need *needs, size_t count, int64_t at)
{
    int64_t now = begin(b);
    for (size_t i = 0; i < count; i++)
        budget_take(&b->ledger, &needs[i], at != 0 && at < now ? at : now);
    b->changed = b->changed || count > 0;
    end(b);
}

void budgets_adopt(struct budgets *b, const char *id, const struct budget_need *needs, size_t count,
                   int64_t at)
{
    begin(b);
    remember(b, id, needs, count, at, false);
    end(b);
}

/* ---- looking ---- */

int64_t budgets_left(struct budgets *b, const struct budget_need *need)
{
    int64_t now = begin(b);
    int64_t left = budget_left(&b->ledger, need, now);
    end(b);
    return left;
}

int64_t budgets_least_left(struct budgets *b, enum budget_kind kind, const char *scope,
                           struct budget_limit limit)
{
    int64_t now = begin(b);
    int64_t left = budget_least_left(&b->ledger, kind, scope, limit, now);
    end(b);
    return left;
}

struct count {
    enum budget_kind kind;
    size_t n;
};

static bool count_waiting(void *arg, const char *server, void *value)
{
    (void)server;
    struct count *c = arg;
    const struct waiters *t = value;
    for (size_t i = 0; i < t->len; i++)
        if (t->waiting[i]->needs[t->waiting[i]->lacks].kind == c->kind)
            c->n++;
    return true;
}

size_t budgets_waiting(struct budgets *b, enum budget_kind kind)
{
    struct count c = {.kind = kind};
    begin(b);
    map_each(&b->waiters, count_waiting, &c);
    end(b);
    return c.n;
}

/* ---- the text ---- */

bool budgets_has_news(struct budgets *b)
{
    begin(b);
    bool news = b->changed && !b->told;
    b->told = b->changed;
    end(b);
    return news;
}

bool budgets_changed(struct budgets *b, int64_t *ret_text_at)
{
    begin(b);
    bool changed = b->changed;
    *ret_text_at = b->text_at;
    end(b);
    return changed;
}

char *budgets_text(struct budgets *b)
{
    int64_t now = begin(b);
    json_auto_t *json = json_build("{s:i,s:I,s:o}", "version", VERSION, "at", (json_int_t)now,
                                   "spent", budget_ledger_encode(&b->ledger, now));
    b->changed = false;
    b->told = false;
    b->text_at = now;
    end(b);
    char *text = NULL;
    struct err *e = json_to_string(json, TEXT_MAX, &text);
    if (e != NULL)
        x_abort("the ledger is bounded and its text is not");
    return text;
}

void budgets_not_stored(struct budgets *b)
{
    begin(b);
    b->changed = true;
    end(b);
}

bool budgets_are_loaded(struct budgets *b)
{
    begin(b);
    bool loaded = b->loaded;
    end(b);
    return loaded;
}

void budgets_set_loaded(struct budgets *b)
{
    begin(b);
    b->loaded = true;
    end(b);
}

static struct err *read_text(struct budgets *b, const char *text, int64_t now, int64_t *ret_at)
{
    json_auto_t *json = NULL;
    TRY(json_parse(text, strnlen(text, TEXT_MAX), &json));
    if (JINT(json, 0, "version") != VERSION)
        return err_new(ERR_INVALID, "BadLedger", "not of version %d", VERSION);
    TRY(budget_ledger_decode(&b->ledger, JGET(json, "spent"), now));
    *ret_at = JINT(json, 0, "at");
    return NULL;
}

struct err *budgets_load(struct budgets *b, const char *text, int64_t *ret_at)
{
    int64_t now = begin(b);
    forget_all(b);
    b->changed = false;
    b->told = false;
    *ret_at = 0;
    struct err *e = text != NULL ? read_text(b, text, now, ret_at) : NULL;
    end(b);
    return e;
}
