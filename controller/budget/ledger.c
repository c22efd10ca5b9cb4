/* SPDX-License-Identifier: Apache-2.0 */
#include "budget/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

/* A stored time that is further away is not one that we wrote. */
#define AWAY_MAX (400 * NS_PER_DAY)

struct bucket {
    enum budget_kind kind;
    int64_t full_at; /* all kinds but DAY */
    int64_t day;     /* DAY: days since the epoch, and how many were taken in it */
    int64_t used;
    int64_t reserved; /* units of orders that are being placed */
    int64_t held_until;
};

void budget_ledger_init(struct budget_ledger *l)
{
    *l = (struct budget_ledger){.buckets = MAP_INIT(free)};
}

void budget_ledger_release(struct budget_ledger *l)
{
    map_release(&l->buckets);
}

/* ---- buckets ---- */

static void name_of(enum budget_kind kind, const char *key, char out[BUDGET_NAME_MAX])
{
    str_copy(out, BUDGET_NAME_MAX, budget_kind_field(kind));
    size_t len = strlen(out);
    out[len] = ' ';
    str_copy(out + len + 1, BUDGET_NAME_MAX - len - 1, key);
}

void budget_need_name(const struct budget_need *need, char out[BUDGET_NAME_MAX])
{
    name_of(need->kind, need->key, out);
}

static const struct bucket *find(const struct budget_ledger *l, const struct budget_need *need)
{
    char name[BUDGET_NAME_MAX];
    budget_need_name(need, name);
    return map_get(&l->buckets, name);
}

static bool is_full(const struct bucket *b, int64_t now)
{
    if (b->held_until > now || b->reserved > 0)
        return false;
    return b->kind == BUDGET_DAY ? b->day != now / NS_PER_DAY : b->full_at <= now;
}

struct search {
    int64_t now;
    struct strlist full;
    const char *first; /* the key of the one that is full first */
    int64_t first_at;
};

static bool look_for_room(void *arg, const char *key, void *value)
{
    struct search *s = arg;
    const struct bucket *b = value;
    if (is_full(b, s->now))
        strlist_add(&s->full, key);
    if (b->kind != BUDGET_DAY && b->kind != BUDGET_ORDERS &&
        (s->first == NULL || b->full_at < s->first_at)) {
        s->first = key;
        s->first_at = b->full_at;
    }
    return true;
}

static void forget_full(struct budget_ledger *l, int64_t now, bool make_room)
{
    struct search s = {.now = now};
    map_each(&l->buckets, look_for_room, &s);
    if (make_room && s.full.len == 0 && s.first != NULL)
        strlist_add(&s.full, s.first);
    for (size_t i = 0; i < s.full.len; i++)
        map_remove(&l->buckets, s.full.items[i]);
    strlist_release(&s.full);
}

static struct bucket *get(struct budget_ledger *l, const struct budget_need *need, int64_t now)
{
    char name[BUDGET_NAME_MAX];
    budget_need_name(need, name);
    struct bucket *b = map_get(&l->buckets, name);
    if (b != NULL)
        return b;
    if (l->buckets.len >= BUDGET_BUCKETS_MAX)
        forget_full(l, now, true);
    b = x_calloc(1, sizeof(*b));
    b->kind = need->kind;
    map_put(&l->buckets, name, b);
    return b;
}

/* ---- counting ---- */

int64_t budget_interval(const struct budget_limit *limit)
{
    int64_t each = limit->count > 0 ? limit->period / limit->count : 1;
    return each > 0 ? each : 1;
}

static int64_t used_today(const struct bucket *b, int64_t now)
{
    return b != NULL && b->day == now / NS_PER_DAY ? b->used : 0;
}

static int64_t reserved(const struct bucket *b)
{
    return b != NULL ? b->reserved : 0;
}

/* When it would be full if what is reserved were spent now: until it is spent nothing of it comes back. */
static int64_t full_at(const struct bucket *b, const struct budget_limit *limit, int64_t now)
{
    int64_t spent = b != NULL && b->full_at > now ? b->full_at : now;
    return spent + reserved(b) * budget_interval(limit);
}

int64_t budget_left(const struct budget_ledger *l, const struct budget_need *need, int64_t now)
{
    const struct bucket *b = find(l, need);
    if (need->kind == BUDGET_DAY)
        return need->limit.count - used_today(b, now) - reserved(b);
    int64_t each = budget_interval(&need->limit);
    return need->limit.count - (full_at(b, &need->limit, now) - now + each - 1) / each;
}

static int64_t time_in_days(const struct budget_need *need, const struct bucket *b, int64_t n,
                            int64_t now)
{
    /* What was taken beyond the limit, as after a crash, is no debt: each day begins with all of it. */
    int64_t left = need->limit.count - used_today(b, now) - reserved(b);
    int64_t beyond = n - (left > 0 ? left : 0);
    if (beyond <= 0)
        return now;
    int64_t days = 1 + (beyond - 1) / need->limit.count;
    return (now / NS_PER_DAY + days) * NS_PER_DAY;
}

int64_t budget_time_of(const struct budget_ledger *l, const struct budget_need *need, int64_t n,
                       int64_t now)
{
    if (need->limit.count <= 0)
        return now;
    const struct bucket *b = find(l, need);
    int64_t at = now;
    if (need->kind == BUDGET_DAY)
        at = time_in_days(need, b, n, now);
    else {
        int64_t due =
            full_at(b, &need->limit, now) + (n - need->limit.count) * budget_interval(&need->limit);
        at = due > now ? due : now;
    }
    return b != NULL && b->held_until > at ? b->held_until : at;
}

void budget_take(struct budget_ledger *l, const struct budget_need *need, int64_t now)
{
    if (need->limit.count <= 0)
        return;
    struct bucket *b = get(l, need, now);
    if (need->kind == BUDGET_DAY && b->day > now / NS_PER_DAY)
        return; /* of a day that is over */
    if (need->kind == BUDGET_DAY) {
        b->used = used_today(b, now) + 1;
        b->day = now / NS_PER_DAY;
        return;
    }
    b->full_at = (b->full_at > now ? b->full_at : now) + budget_interval(&need->limit);
}

void budget_give_back(struct budget_ledger *l, const struct budget_need *need, int64_t at,
                      int64_t now)
{
    if (need->limit.count <= 0 || find(l, need) == NULL)
        return;
    struct bucket *b = get(l, need, now);
    int64_t left = budget_interval(&need->limit) - (now > at ? now - at : 0);
    if (need->kind == BUDGET_DAY)
        b->used -= used_today(b, at) > 0 ? 1 : 0;
    else if (left > 0)
        b->full_at -= left;
}

void budget_reserve(struct budget_ledger *l, const struct budget_need *need, int64_t now)
{
    if (need->limit.count > 0)
        get(l, need, now)->reserved++;
}

void budget_unreserve(struct budget_ledger *l, const struct budget_need *need, int64_t now)
{
    if (need->limit.count > 0 && reserved(find(l, need)) > 0) /* else it had to make room */
        get(l, need, now)->reserved--;
}

void budget_hold(struct budget_ledger *l, const struct budget_need *need, int64_t until)
{
    struct bucket *b = get(l, need, until);
    b->held_until = b->held_until > until ? b->held_until : until;
}

/* ---- the whole ---- */

struct emptiest {
    char prefix[BUDGET_NAME_MAX];
    size_t skip; /* up to the key */
    const char *key;
    const struct budget_limit *limit;
    int64_t now;
    int64_t full_at;
};

static bool look_for_emptiest(void *arg, const char *name, void *value)
{
    struct emptiest *e = arg;
    int64_t at = full_at(value, e->limit, e->now);
    if (str_starts(name, e->prefix) && at > e->full_at) {
        e->key = name + e->skip;
        e->full_at = at;
    }
    return true;
}

int64_t budget_least_left(const struct budget_ledger *l, enum budget_kind kind, const char *scope,
                          struct budget_limit limit, int64_t now)
{
    struct emptiest e = {
        .skip = strlen(budget_kind_field(kind)) + 1, .limit = &limit, .now = now, .full_at = now};
    char key[BUDGET_KEY_MAX];
    budget_key(scope, "", key);
    name_of(kind, key, e.prefix);
    map_each(&l->buckets, look_for_emptiest, &e);
    const struct budget_need need = {.kind = kind, .key = e.key, .limit = limit};
    return e.key != NULL ? budget_left(l, &need, now) : limit.count;
}

static bool encode_bucket(void *arg, const char *name, void *value)
{
    const struct bucket *b = value;
    const char *key = strchr(name, ' ') + 1;
    const char *field = budget_kind_field(b->kind);
    if (b->kind == BUDGET_DAY && b->used > 0)
        json_push(arg,
                  json_build("[s,s,I,I]", field, key, (json_int_t)b->day, (json_int_t)b->used));
    else if (b->kind != BUDGET_DAY && b->full_at > 0)
        json_push(arg, json_build("[s,s,I]", field, key, (json_int_t)b->full_at));
    return true;
}

json_t *budget_ledger_encode(struct budget_ledger *l, int64_t now)
{
    forget_full(l, now, false);
    json_t *rows = json_new_array();
    map_each(&l->buckets, encode_bucket, rows);
    return rows;
}

static void decode_row(struct budget_ledger *l, const json_t *row, int64_t now)
{
    int kind = budget_kind_of(JSTR(row, "0"));
    const char *key = JSTR(row, "1");
    int64_t first = JINT(row, 0, "2");
    int64_t used = JINT(row, 0, "3");
    if (kind < 0 || str_empty(key) || strlen(key) >= BUDGET_KEY_MAX)
        return;
    const struct budget_need need = {.kind = (enum budget_kind)kind, .key = key};
    bool today = kind == BUDGET_DAY && first == now / NS_PER_DAY && used > 0;
    /* Full by now: what was taken since it was written is yet to be counted on top of it. */
    bool spent = kind != BUDGET_DAY && first > now - AWAY_MAX && first < now + AWAY_MAX;
    if (!today && !spent)
        return;
    struct bucket *b = get(l, &need, now);
    if (kind == BUDGET_DAY) {
        b->day = first;
        b->used = used;
    } else {
        b->full_at = first;
    }
}

struct err *budget_ledger_decode(struct budget_ledger *l, const json_t *rows, int64_t now)
{
    if (json_count(rows) > BUDGET_BUCKETS_MAX)
        return err_new(ERR_INVALID, "BadLedger", "not a list of at most %d buckets",
                       BUDGET_BUCKETS_MAX);
    for (size_t i = 0; i < json_count(rows); i++)
        decode_row(l, json_item(rows, i), now);
    return NULL;
}
