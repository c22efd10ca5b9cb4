/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/order_budget.h"

#include <stdlib.h>
#include <string.h>

#include "acme/renewal_info.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "reconcilers/budget_needs.h"
#include "reconcilers/order_recall.h"

/* Nobody knows when somebody visits the CA's page. */
#define PAUSED_LOOK NS_PER_HOUR
/* What was spent before is read once after a start. */
#define LOADED_SOON (200 * NS_PER_MS)
/* In env->placed: the CA refused to hear of what this order replaces; or it may be why the CA fails, once and twice. */
#define REPLACES_REFUSED 1u
#define REPLACES_DOUBTED 2u
#define REPLACES_DOUBTED_AGAIN 4u
#define URL_SHOWN_MAX 900 /* the schema has 1024 for nextAction */

/* ---- status ---- */

static void clear_waiting(struct order_pass *p)
{
    if (p->status.waiting.reason == NULL)
        return;
    p->status.waiting = (struct order_waiting){0};
    p->status.reason = NULL;
    p->status.next_action = NULL;
}

/* A time that was told stays until it is over, so that a wait costs no write each time it is guessed
 * anew. True when there is something new to say. */
static bool say_waiting(struct order_pass *p, const char *reason, int64_t until)
{
    const struct order_status *told = &p->order->status;
    bool stands = str_eq(told->waiting.reason, reason) &&
                  (told->waiting.until > p->now || (until == 0 && told->waiting.until == 0));
    p->status.waiting = stands ? told->waiting : (struct order_waiting){reason, until};
    p->status.reason = told->reason;
    p->status.next_action = told->next_action;
    return !stands;
}

static void set_texts(struct order_pass *p, char *reason, char *next_action)
{
    free(p->owned[0]);
    free(p->owned[2]);
    p->owned[0] = reason;
    p->owned[2] = next_action;
    p->status.reason = reason;
    p->status.next_action = next_action;
}

static char *at_about(const char *what, int64_t when)
{
    char text[RFC3339_MAX];
    rfc3339_format(when, text);
    return x_printf("%s at about %s", what, text);
}

/* ---- before newOrder ---- */

/* "example.com" of "host example.com". */
static const char *subject_of(const struct budget_answer *a)
{
    const char *space = strchr(a->key, ' ');
    return a->kind == BUDGET_ORDERS || space == NULL ? NULL : space + 1;
}

static char *explain(const struct budget_answer *a, const struct issuer *issuer)
{
    const char *field = budget_kind_field(a->kind);
    if (a->kind == BUDGET_DAY)
        return x_printf("%s of issuer %s is reached: %lld a day (UTC)", field,
                        issuer->obj.meta.name, (long long)a->limit.count);
    char period[DURATION_MAX];
    duration_format(a->limit.period, period);
    const char *subject = a->kind == BUDGET_SET ? "exactly these names" : subject_of(a);
    return x_printf("the CA's rate limit %s (%lld in %s)%s%s %s", field, (long long)a->limit.count,
                    period, subject != NULL ? " for " : "", str_or(subject, ""),
                    a->others_first ? "is shared and others are ahead" : "leaves none now");
}

static void wait_for(struct order_pass *p, const struct budget_answer *a)
{
    order_wait(p, a->look_at);
    const char *reason = a->kind == BUDGET_DAY ? "DailyCapReached" : "BudgetExhausted";
    if (!a->undecided && say_waiting(p, reason, a->at))
        set_texts(p, explain(a, p->chain.issuer), at_about("the order to be placed", a->at));
}

void budget_replaces_refused(struct order_pass *p)
{
    memo_mark(p->env->placed, p->order->obj.meta.uid, REPLACES_REFUSED);
    p->replaces = NULL;
    order_wait(p, p->now);
}

void budget_replaces_doubted(struct order_pass *p, const struct err *failed)
{
    if (p->replaces == NULL || !str_eq(failed->reason, "ServerInternal"))
        return;
    const char *uid = p->order->obj.meta.uid;
    unsigned marks = memo_get(p->env->placed, uid).marks;
    memo_mark(p->env->placed, uid,
              (marks & REPLACES_DOUBTED) == 0         ? REPLACES_DOUBTED
              : (marks & REPLACES_DOUBTED_AGAIN) == 0 ? REPLACES_DOUBTED_AGAIN
                                                      : REPLACES_REFUSED);
}

/* Only what the CA is really told makes an order exempt: decided here, and newOrder says that. */
static struct err *choose_replaces(struct order_pass *p)
{
    const char *id = bind_map_get(&p->chain.request->obj.meta.annotations, API_REPLACES);
    unsigned marks = memo_get(p->env->placed, p->order->obj.meta.uid).marks;
    if (!acme_certificate_id_is_valid(id) || (marks & REPLACES_REFUSED) != 0)
        return NULL;
    AUTO(acme_directory_release) struct acme_directory d = {0};
    TRY(acme_chain_directory(p->env, &p->chain, &d));
    p->replaces = d.renewal_info != NULL ? id : NULL;
    return NULL;
}

struct err *ensure_budget(struct order_pass *p)
{
    if (!str_empty(p->order->status.url)) {
        if (p->status.waiting.until <= p->now)
            clear_waiting(p);
        return NULL;
    }
    if (order_is_placed(p->env, p->order))
        return NULL;
    AUTO(budget_needs_release) struct budget_needs needs = {0};
    TRY(choose_replaces(p));
    bool renews = p->replaces != NULL && budget_is_renewal(p->env, p->chain.request);
    TRY(budget_needs_of_order(p->env, p->chain.issuer, p->chain.request, p->order, renews, &needs));
    if (needs.len == 0) {
        clear_waiting(p);
        return NULL;
    }
    if (!budgets_are_loaded(p->env->budgets)) {
        budget_store_wake(p->env);
        order_wait(p, p->now + LOADED_SOON);
        return NULL;
    }
    struct budget_answer answer;
    const struct budget_ask ask = {.id = p->order->obj.meta.uid,
                                   .ns = p->order->obj.meta.namespace,
                                   .server = needs.host,
                                   .needs = needs.items,
                                   .count = needs.len};
    budgets_ask(p->env->budgets, &ask, &answer);
    if (!answer.granted) {
        wait_for(p, &answer);
        return NULL;
    }
    clear_waiting(p);
    return NULL;
}

/* ---- found again at the CA ---- */

struct err *budget_recalled(struct order_pass *p)
{
    const char *uid = p->order->obj.meta.uid;
    AUTO(budget_needs_release) struct budget_needs needs = {0};
    TRY(choose_replaces(p));
    bool renews = p->replaces != NULL && budget_is_renewal(p->env, p->chain.request);
    TRY(budget_needs_of_order(p->env, p->chain.issuer, p->chain.request, p->order, renews, &needs));
    if (needs.len > 0 && !budgets_are_loaded(p->env->budgets)) {
        budget_store_wake(p->env);
        order_wait(p, p->now + LOADED_SOON);
        return NULL;
    }
    if (needs.len == 0 || budgets_placed(p->env->budgets, uid) != 0)
        return NULL;
    for (size_t i = 0; i < needs.len; i++)
        if (!needs.items[i].only_looked_at)
            budgets_count(p->env->budgets, &needs.items[i], 1, 0);
    budgets_adopt(p->env->budgets, uid, needs.items, needs.len, p->now);
    budget_store_wake(p->env);
    return NULL;
}

/* ---- refused by the CA ---- */

/* The page where a person lifts the pause of an account, out of the problem's text; owned or NULL. */
static char *unpause_url(const char *message)
{
    const char *found = strstr(message, "/unpause");
    const char *begin = found;
    while (begin != NULL && begin > message && begin[-1] != ' ')
        begin--;
    if (begin == NULL || !str_starts(begin, "https://"))
        return NULL;
    return x_strndup(begin, strcspn(begin, " "));
}

static struct err *show_refusal(struct order_pass *p, struct err *failed)
{
    auto_free char *url = unpause_url(failed->message);
    if (url != NULL && failed->retry_at == 0)
        failed->retry_at = p->now + PAUSED_LOOK;
    if (!say_waiting(p, url != NULL ? "Paused" : "RateLimited", failed->retry_at))
        return failed;
    if (url != NULL)
        set_texts(p, x_printf("paused by the CA: visit %s (%s)", url, failed->message),
                  x_printf("somebody to visit %s",
                           strlen(url) < URL_SHOWN_MAX ? url : "the page named in status.reason"));
    else
        set_texts(p, x_strdup(failed->message),
                  failed->retry_at != 0 ? at_about("the CA to be asked again", failed->retry_at)
                                        : x_strdup("the CA to be asked again soon"));
    /* The refusal decides, whatever becomes of the report. */
    err_drop(store_put_status(&p->env->orders, p->order, &order_status_table, &p->order->status,
                              &p->status));
    return failed;
}

/* Of an order that is not placed. */
static enum budget_outcome outcome_unplaced(const struct env *env, const struct order *order)
{
    return order_recall_is_due(env, order) ? BUDGET_FAILED : BUDGET_NOT_PLACED;
}

void budget_give_way(const struct order_pass *p)
{
    if (!order_is_placed(p->env, p->order))
        budgets_settle(p->env->budgets, p->order->obj.meta.uid, outcome_unplaced(p->env, p->order));
}

struct err *budget_failed(struct order_pass *p, struct err *failed)
{
    const char *uid = p->order->obj.meta.uid;
    bool limited = failed->kind == ERR_RATE_LIMITED;
    if (!order_is_placed(p->env, p->order) && limited) {
        budgets_refused(p->env->budgets, uid);
        budgets_settle(p->env->budgets, uid, BUDGET_FAILED);
    }
    return limited ? show_refusal(p, failed) : failed;
}

/* ---- what came of it ---- */

/* One that went while its URL was on the way into its status was placed, too. */
static enum budget_outcome outcome_of(const struct env *env, const struct order *order, bool exists)
{
    bool placed = order_is_placed(env, order);
    if (!placed && !str_eq(order->status.state, "valid"))
        return outcome_unplaced(env, order);
    /* One that is gone may be finalized at the CA, so what it took stays taken. */
    return !exists || str_eq(order->status.state, "valid") ? BUDGET_ISSUED : BUDGET_FAILED;
}

void budget_end_pass(const struct order_pass *p)
{
    const struct object_meta *m = &p->order->obj.meta;
    AUTO_OBJECT(struct order) now = cache_peek(p->env->orders.cache, m->namespace, m->name);
    if (now == NULL || !str_eq(now->obj.meta.uid, m->uid))
        budgets_settle(p->env->budgets, m->uid, outcome_of(p->env, p->order, false));
}

void budget_on_order(void *arg, const struct cache_change *change)
{
    const struct env *env = arg;
    const struct order *old = change->old;
    const struct order *now = change->now;
    bool was_over = old != NULL && order_state_is_final(old->status.state);
    bool is_over = now == NULL || order_state_is_final(now->status.state);
    const struct order *order = now != NULL ? now : old;
    if (change->initial || was_over || !is_over || order == NULL)
        return;
    budgets_settle(env->budgets, order->obj.meta.uid, outcome_of(env, order, now != NULL));
    budget_store_wake(env);
}

/* Only issuers that are there count: without one no order can follow. */
static const struct issuer *peek_issuer(const struct env *env, const struct issuer_ref *ref,
                                        const char *ns)
{
    bool cluster = str_eq(issuer_ref_kind(ref), "ClusterIssuer");
    const struct store *store = cluster ? &env->cluster_issuers : &env->issuers;
    return cache_peek(store->cache, cluster ? NULL : ns, ref->name);
}

void budget_on_challenge(void *arg, const struct cache_change *change)
{
    const struct env *env = arg;
    const struct challenge *old = change->old;
    const struct challenge *now = change->now;
    if (change->initial || now == NULL || !str_eq(now->status.state, "invalid") ||
        (old != NULL && str_eq(old->status.state, "invalid")))
        return;
    AUTO_OBJECT(struct issuer)
    issuer = peek_issuer(env, &now->spec.issuer_ref, now->obj.meta.namespace);
    if (issuer == NULL || issuer->spec.acme == NULL)
        return;
    AUTO(budget_needs_release) struct budget_needs needs = {0};
    budget_needs_of_failure(issuer, now->spec.dns_name, &needs);
    budgets_count(env->budgets, needs.items, needs.len, 0);
    budget_store_wake(env);
}
