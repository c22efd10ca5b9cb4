/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/order_alone.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/turns.h"
#include "pki/key.h"

#define UNDER_WAY "OrderUnderWay"

/* What takes longer than this to prove waits for a person, and stands in nobody's way. */
#define PROVEN_BY (10 * NS_PER_MIN)
/* Whoever is over wakes the next one. */
#define LOOK_FIRST (5 * NS_PER_SEC)
#define LOOK_LAST (5 * NS_PER_MIN)
#define LOOKS_UNTOLD 2
#define TURN_AGAIN (200 * NS_PER_MS)

/* ---- which have the same names ---- */

static void digest_of(const struct order_spec *o, char out[PKI_SHA256_HEX])
{
    AUTO(strlist_release) struct strlist names = {0};
    for (size_t i = 0; i < o->dns_names.len; i++)
        strlist_add(&names, o->dns_names.items[i]);
    for (size_t i = 0; i < o->ip_addresses.len; i++)
        strlist_add(&names, o->ip_addresses.items[i]);
    if (!str_empty(o->common_name))
        strlist_add(&names, o->common_name);
    strlist_sort(&names);
    strlist_uniq(&names);
    auto_free char *all = strlist_join(&names, " ", 0);
    pki_sha256_hex(all, strlen(all), out);
}

void index_order_names(const void *object, void (*emit)(void *arg, const char *value), void *arg)
{
    const struct order *o = object;
    char digest[PKI_SHA256_HEX];
    if (order_state_is_final(o->status.state))
        return;
    digest_of(&o->spec, digest);
    emit(arg, digest);
}

static bool same_account(const struct order_pass *p, const struct order *o)
{
    AUTO_OBJECT(struct issuer) issuer = NULL;
    const struct issuer *own = p->chain.issuer;
    /* Of an issuer that is gone: nobody goes on with it. */
    err_drop(env_issuer(p->env, &o->spec.issuer_ref, o->obj.meta.namespace, &issuer));
    return issuer != NULL && acme_account_is_shared(issuer, own);
}

/* Of these the one that has this URL, or with NULL a young one that has any; referenced, NULL for none. */
static const struct order *rival_among(const struct order_pass *p, const struct object_list *found,
                                       const char *url)
{
    for (size_t i = 0; i < found->len; i++) {
        const struct order *o = found->items[i];
        auto_free char *has = order_url(p->env, o);
        bool young = p->now - o->obj.meta.creation_timestamp < PROVEN_BY;
        bool meant = has != NULL && (url != NULL ? str_eq(has, url) : young);
        if (meant && !str_eq(o->obj.meta.uid, p->order->obj.meta.uid) && same_account(p, o))
            return object_ref(o);
    }
    return NULL;
}

static struct err *find_rival(const struct order_pass *p, const struct order **ret_rival)
{
    AUTO_OBJECT_LIST found = {0};
    char digest[PKI_SHA256_HEX];
    digest_of(&p->order->spec, digest);
    TRY(cache_by_index(p->env->orders.cache, p->env->orders_by_names, digest, &found));
    *ret_rival = rival_among(p, &found, NULL);
    return NULL;
}

/* Who has this URL. It never fails, or what the CA has just made would be lost: a URL is known here before it is written,
 * so that a write that has not come back hides none. */
static const struct order *find_holder(const struct order_pass *p, const char *url)
{
    AUTO_OBJECT_LIST found = {0};
    char digest[PKI_SHA256_HEX];
    digest_of(&p->order->spec, digest);
    cache_peek_index(p->env->orders.cache, p->env->orders_by_names, digest, &found);
    return rival_among(p, &found, url);
}

/* ---- waiting ---- */

/* In env->polls: how often was waited, and with what order of another the CA has answered. */
static char *wait_key(const struct order_pass *p)
{
    return x_printf("%s/alone", p->order->obj.meta.uid);
}

/* Most are over within seconds, which is not worth a write. */
static void wait_for(struct order_pass *p, const struct order *rival)
{
    auto_free char *key = wait_key(p);
    unsigned looks = memo_count(p->env->polls, key, p->now).count;
    int64_t delay = LOOK_FIRST;
    for (unsigned i = 0; i < looks && delay < LOOK_LAST; i++)
        delay *= 2;
    order_wait(p, p->now + (delay < LOOK_LAST ? delay : LOOK_LAST));
    if (looks < LOOKS_UNTOLD)
        return;
    bool here = str_eq(rival->obj.meta.namespace, p->order->obj.meta.namespace);
    free(p->owned[0]);
    p->owned[0] = x_printf(UNDER_WAY ": %s%s has an order for the same names with the same account "
                                     "under way, which a CA may hand to both: it is waited for",
                           here ? "Order " : "another namespace", here ? rival->obj.meta.name : "");
    p->status.state = "pending";
    p->status.reason = p->owned[0];
}

/* What the CA has lent once it would lend again: it is not asked before that is over. */
static struct err *wait_for_rival(struct order_pass *p)
{
    auto_free char *key = wait_key(p);
    auto_free char *lent = memo_text(p->env->polls, key);
    AUTO_OBJECT(struct order) rival = lent != NULL ? find_holder(p, lent) : NULL;
    if (rival == NULL)
        TRY(find_rival(p, &rival));
    if (rival != NULL)
        wait_for(p, rival);
    return NULL;
}

struct err *ensure_alone(struct order_pass *p)
{
    if (order_is_placed(p->env, p->order))
        return NULL;
    TRY(wait_for_rival(p));
    if (!p->stop && str_starts(p->status.reason, UNDER_WAY))
        p->status.reason = NULL;
    return NULL;
}

struct err *order_alone_begin(struct order_pass *p, char **ret_turn)
{
    char digest[PKI_SHA256_HEX];
    digest_of(&p->order->spec, digest);
    auto_free char *turn = x_printf("order %s", digest);
    if (!turns_take(p->env->turns, turn, 1)) {
        order_wait(p, p->now + TURN_AGAIN);
        return NULL;
    }
    struct err *e = order_is_placed(p->env, p->order) ? NULL : wait_for_rival(p);
    if (e != NULL || p->stop)
        turns_give(p->env->turns, turn);
    else
        *ret_turn = TAKE(turn);
    return e;
}

void order_alone_end(const struct order_pass *p, char *turn)
{
    if (turn == NULL)
        return;
    turns_give(p->env->turns, turn);
    free(turn);
}

void order_alone_check(struct order_pass *p, const char *url)
{
    AUTO_OBJECT(struct order) rival = find_holder(p, url);
    auto_free char *key = wait_key(p);
    if (rival == NULL) {
        memo_drop(p->env->polls, key);
        return;
    }
    log_info("the CA has answered with the order of another Order", L_STR("url", url));
    budgets_settle(p->env->budgets, p->order->obj.meta.uid, BUDGET_FAILED); /* it may count that */
    memo_set_text(p->env->polls, key, url);
    wait_for(p, rival);
}

/* ---- over ---- */

void order_alone_on_change(void *arg, const struct cache_change *change)
{
    const struct env *env = arg;
    const struct order *old = change->old, *now = change->now;
    if (old == NULL || order_state_is_final(old->status.state) ||
        (now != NULL && !order_state_is_final(now->status.state)))
        return;
    AUTO_OBJECT_LIST found = {0};
    char digest[PKI_SHA256_HEX];
    digest_of(&old->spec, digest);
    cache_peek_index(env->orders.cache, env->orders_by_names, digest, &found);
    for (size_t i = 0; i < found.len; i++) {
        const struct object_meta *m = &((const struct order *)found.items[i])->obj.meta;
        controller_enqueue(env->controllers.order, m->namespace, m->name);
    }
}
