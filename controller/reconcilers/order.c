/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_share.h"
#include "pki/cert.h"
#include "pki/csr.h"
#include "reconcilers/acme_wait.h"
#include "reconcilers/order_abandon.h"
#include "reconcilers/order_alone.h"
#include "reconcilers/order_budget.h"
#include "reconcilers/order_chain.h"
#include "reconcilers/order_prepare.h"
#include "reconcilers/order_recall.h"
#include "reconcilers/request.h"

static struct err *ensure_created(struct order_pass *p);
static struct err *ensure_finalized(struct order_pass *p);

static const struct {
    const char *name;
    struct err *(*ensure)(struct order_pass *p);
    bool gives_way; /* what waits here may wait for long: others may have its place in the limits */
} steps[] = {
    {"Solvers", ensure_solvers, true},    /* where aliases lead, as far as it decides on a solver */
    {"Allowed", ensure_allowed, true},    /* the namespace may have these names */
    {"Alone", ensure_alone, true},        /* no other Order has the same one under way */
    {"Recalled", ensure_recalled, false}, /* an order that the CA made and we lost is found again */
    {"Budget", ensure_budget, false},     /* rate limits leave one */
    {"Checked", ensure_checked, true},    /* nothing is known by which it must fail */
    {"Prepared", ensure_prepared, false}, /* what the issuer wants done before is done; the last */
    {"Created", ensure_created, false},   /* the CA knows the order, and its URL is in status */
    {"Challenges", ensure_challenges, false}, /* each pending authorization has a Challenge */
    {"Presented", ensure_presented, false},   /* solver and route are up while one is pending */
    {"Finalized", ensure_finalized, false},   /* CSR sent, certificate fetched */
};

/* ---- helpers ---- */

void order_wait(struct order_pass *p, int64_t next)
{
    p->next = earlier(p->next, next);
    p->stop = true;
}

void order_fail(struct order_pass *p, const char *state, const char *reason)
{
    free(p->owned[0]);
    p->owned[0] = x_strdup(reason);
    p->status.state = state;
    p->status.reason = p->owned[0];
    p->status.failure_time = p->now;
    p->stop = true;
}

static void pass_release(struct order_pass *p)
{
    acme_chain_release(&p->chain);
    object_list_release(&p->challenges);
    strlist_release(&p->found.texts);
    free(p->found.items);
    pki_csr_release(&p->csr);
    free(p->identifiers);
    for (size_t i = 0; i < ARRAY_LEN(p->owned); i++)
        free(p->owned[i]);
}

/* ---- newOrder ---- */

size_t order_identifiers(const struct pki_names *names, struct acme_identifier *out)
{
    size_t n = 0;
    bool cn_listed = names->common_name == NULL || strlist_has(&names->dns, names->common_name) ||
                     strlist_has(&names->ips, names->common_name);
    if (!cn_listed)
        out[n++] = (struct acme_identifier){"dns", names->common_name};
    for (size_t i = 0; i < names->dns.len; i++)
        out[n++] = (struct acme_identifier){"dns", names->dns.items[i]};
    for (size_t i = 0; i < names->ips.len; i++)
        out[n++] = (struct acme_identifier){"ip", names->ips.items[i]};
    return n;
}

static struct err *put_status(struct order_pass *p)
{
    return store_put_status(&p->env->orders, p->order, &order_status_table, &p->order->status,
                            &p->status);
}

/* The URL is in status before anything is done with the order: whoever comes after a crash goes on
 * with this one. */
static struct err *persist(struct order_pass *p, const struct acme_order *o)
{
    size_t n = o->authorizations.len;
    auto_free struct order_authorization *authz = x_calloc(n + 1, sizeof(*authz));
    for (size_t i = 0; i < n; i++)
        authz[i].url = o->authorizations.items[i];
    p->status.url = o->url;
    p->status.finalize_url = o->finalize;
    p->status.authorizations.items = authz;
    p->status.authorizations.len = n;
    p->status.aliases = p->chain.aliases;
    order_note_judged(p);
    p->status.state = "pending";
    struct err *e = put_status(p);
    p->status = p->order->status; /* the strings above end here; the next pass reads them back */
    return e;
}

static struct err *heard(const struct order_pass *p, struct err *e)
{
    return acme_chain_heard(p->env, &p->chain, e);
}

static struct err *place_order(struct order_pass *p, struct acme_order *ret_order)
{
    if (p->ask.count == 0) { /* it was placed when that was checked, and is not known to be now */
        order_wait(p, p->now);
        return NULL;
    }
    struct err *e = heard(p, acme_order_new(&p->chain.account.account, &p->ask, ret_order));
    if (err_is(e, ERR_CONFLICT) && str_eq(e->reason, "ReplacesRefused")) {
        err_free(e);
        budget_replaces_refused(p);
        return NULL;
    }
    if (e != NULL && ret_order->url == NULL) {
        budget_replaces_doubted(p, e);
        order_recall_note(p, e);
        return e;
    }
    AUTO_ERR unread = e; /* the next pass reads it */
    order_alone_check(p, ret_order->url);
    if (p->stop)
        return NULL;
    log_info("order created", L_STR("url", ret_order->url));
    memo_set_text(p->env->placed, p->order->obj.meta.uid, ret_order->url);
    return TAKE(unread);
}

/* An order that was placed and could not be read, or whose URL could not be stored, is not placed again. */
static struct err *recall_order(struct order_pass *p, const char *url, struct acme_order *ret_order)
{
    const char *uid = p->order->obj.meta.uid;
    struct err *e = acme_order_get(&p->chain.account.account, url, ret_order);
    if (err_is(e, ERR_NOT_FOUND)) {
        memo_drop(p->env->placed, uid);
        budgets_settle(p->env->budgets, uid, BUDGET_FAILED); /* the CA has counted it */
    }
    return e;
}

char *order_url(const struct env *env, const struct order *o)
{
    return str_empty(o->status.url) ? memo_text(env->placed, o->obj.meta.uid)
                                    : x_strdup(o->status.url);
}

bool order_is_placed(const struct env *env, const struct order *o)
{
    auto_free char *url = order_url(env, o);
    return url != NULL;
}

static struct err *create(struct order_pass *p)
{
    const char *uid = p->order->obj.meta.uid;
    AUTO(acme_order_release) struct acme_order o = {0};
    auto_free char *url = memo_text(p->env->placed, uid);
    if (url == NULL)
        TRY(place_order(p, &o));
    else
        TRY(heard(p, recall_order(p, url, &o)));
    if (p->stop) {
        budget_give_way(p);
        return NULL;
    }
    p->status.placed_time = budgets_placed(p->env->budgets, uid);
    budget_store_wake(p->env);
    TRY(persist(p, &o), "order %s is at the CA and its URL could not be stored", o.url);
    order_wait(p, p->now);
    return NULL;
}

static struct err *ensure_created(struct order_pass *p)
{
    const char *uid = p->order->obj.meta.uid;
    if (!str_empty(p->order->status.url)) {
        memo_drop(p->env->placed, uid);
        memo_drop(p->env->aliases, uid);
        return NULL;
    }
    char *turn = NULL;
    TRY(order_alone_begin(p, &turn));
    if (turn == NULL) {
        budget_give_way(p);
        return NULL;
    }
    struct err *e = create(p);
    order_alone_end(p, turn);
    return e;
}

/* ---- finalize ---- */

/* A CA may hand one order to all who ask for its names with an account, also to another cluster: the certificate is for
 * the key of whoever finalized it. One that cannot be read is refused where it is installed. */
static struct err *is_of_request(const struct order_pass *p, const char *pem, bool *ret_is)
{
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    AUTO(pki_cert_release) struct pki_cert leaf = {0};
    TRY(request_csr(p->chain.request, &csr));
    AUTO_ERR unreadable = pki_cert_parse(pem, strlen(pem), &leaf);
    *ret_is = unreadable != NULL || pki_csr_is_for(&csr, leaf.public_key);
    return NULL;
}

static struct err *download(struct order_pass *p, const struct acme_order *o)
{
    bool ours = false;
    auto_free char *pem = NULL;
    AUTO(strlist_release) struct strlist others = {0};
    TRY(acme_certificate_get(&p->chain.account.account, o->certificate, &pem, &others));
    TRY(is_of_request(p, pem, &ours));
    if (!ours) {
        order_fail(p, "errored",
                   "the certificate of the CA's order is for another key: somebody else who uses "
                   "this account, "
                   "another cluster maybe, has finalized it; give each its own account");
        return NULL;
    }
    TRY(order_choose_chain(p, &others, &pem));
    p->owned[1] = base64_encode(pem, strlen(pem));
    p->status.certificate = p->owned[1];
    p->status.state = "valid";
    p->stop = true;
    return NULL;
}

static struct err *send_csr(struct order_pass *p, struct acme_order *ret_order)
{
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    TRY(request_csr(p->chain.request, &csr));
    return acme_order_finalize(&p->chain.account.account, p->order->status.finalize_url, csr.der,
                               csr.der_len, ret_order);
}

static char *finalize_key(const struct order_pass *p)
{
    return x_printf("%s/finalize", p->order->obj.meta.uid);
}

static struct err *follow(struct order_pass *p, const struct acme_order *o)
{
    if (str_eq(o->status, "valid") && o->certificate != NULL)
        return download(p, o);
    if (str_eq(o->status, "invalid")) {
        order_fail(p, "invalid", str_or(o->error, "the CA says invalid and gives no reason"));
        return NULL;
    }
    auto_free char *key = finalize_key(p);
    auto_free char *overdue = acme_overdue(p->env, key, o);
    if (overdue != NULL)
        order_fail(p, "expired", overdue);
    else
        order_wait(p, acme_next_poll(p->env, p->chain.issuer, p->order->obj.meta.uid, o->retry_at));
    return NULL;
}

/* Is each of its names proven to us? */
static bool is_proven(const struct order_pass *p)
{
    size_t count = p->challenges.len;
    if (count == 0 || count < p->order->status.authorizations.len)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!str_eq(challenge_state(p->env, p->challenges.items[i]), "valid"))
            return false;
    return true;
}

/* It is ready then, which the CA need not be asked for: once, as an answer may be lost. Where it is not after all,
 * ret_order stays empty. */
static struct err *finalize_at_once(struct order_pass *p, struct acme_order *ret_order)
{
    auto_free char *key = finalize_key(p);
    if (!is_proven(p) || memo_get(p->env->polls, key).count > 0)
        return NULL;
    struct err *e = heard(p, send_csr(p, ret_order));
    if (!http_share_held_back(e))
        memo_count(p->env->polls, key, p->now);
    if (e == NULL || !str_eq(e->reason, "OrderNotReady"))
        return e;
    err_free(e);
    return NULL;
}

static struct err *ensure_finalized(struct order_pass *p)
{
    AUTO(acme_order_release) struct acme_order at_once = {0};
    TRY(finalize_at_once(p, &at_once), "finalize");
    if (at_once.status != NULL)
        return follow(p, &at_once);
    AUTO(acme_order_release) struct acme_order o = {0};
    TRY(heard(p, acme_order_get(&p->chain.account.account, p->order->status.url, &o)));
    if (!str_eq(o.status, "ready"))
        return follow(p, &o);
    AUTO(acme_order_release) struct acme_order after = {0};
    TRY(heard(p, send_csr(p, &after)), "finalize");
    return follow(p, &after);
}

/* ---- one pass ---- */

static struct err *run_steps(struct order_pass *p)
{
    TRY(acme_chain_of_order(p->env, p->order, &p->chain));
    order_abandon_note(p);
    TRY(cache_by_index(p->env->challenges.cache, p->env->challenges_by_owner,
                       p->order->obj.meta.uid, &p->challenges));
    for (size_t i = 0; i < ARRAY_LEN(steps) && !p->stop; i++) {
        TRY(steps[i].ensure(p), "%s", steps[i].name);
        if (p->stop && steps[i].gives_way)
            budget_give_way(p);
    }
    return NULL;
}

/* What the CA refuses for good ends the Order; what may pass does not. Rights and quotas of the cluster are put right
 * by people, and an API server that has just started lacks rights for moments: no attempt is spent on that. */
static bool is_final(const struct err *e)
{
    return e->kind == ERR_INVALID || (e->kind == ERR_DENIED && !e->by_api_server);
}

/* Told once, in the words that it has then: those about a quota have numbers in them. */
static void denied_here(struct order_pass *p, const struct err *failed)
{
    budget_give_way(p);
    if (str_starts(p->order->status.reason, DENIED_HERE))
        return;
    free(p->owned[0]);
    p->owned[0] = x_printf(DENIED_HERE "%s", failed->message);
    p->status.state = str_or(p->status.state, "pending");
    p->status.reason = p->owned[0];
    err_drop(put_status(p)); /* the refusal decides, whatever becomes of the report */
}

static void doubt_account(const struct order_pass *p)
{
    const struct issuer *issuer = p->chain.issuer;
    acme_account_doubt(&p->env->issuer_env, issuer);
    controller_enqueue(p->env->controllers.issuer, str_or(issuer->obj.meta.namespace, ""),
                       issuer->obj.meta.name);
}

/* The CA forgot the account: nothing is wrong with the order, it waits for another registration. */
static struct err *account_lost(const struct order_pass *p, struct err *failed)
{
    doubt_account(p);
    struct err *e = err_new(ERR_TRANSIENT, "AccountLost", "%s", failed->message);
    err_free(failed);
    return e;
}

/* By the CA; the order is not there any more. */
static bool is_gone(const struct order_pass *p, const struct err *e)
{
    return e->kind == ERR_NOT_FOUND && !e->by_api_server && !str_empty(p->order->status.url);
}

/* NULL: that was the Order's end. */
static struct err *judge(struct order_pass *p, struct err *failed)
{
    if (failed->by_api_server && !is_final(failed)) {
        if (failed->kind == ERR_DENIED)
            denied_here(p, failed);
        return failed;
    }
    if (str_eq(failed->reason, "AccountDoesNotExist"))
        return account_lost(p, failed);
    if (str_eq(failed->reason, "IssuerNotReady")) {
        budget_give_way(p);
        return failed;
    }
    if (str_eq(failed->reason, "Unauthorized") && str_empty(p->order->status.url))
        doubt_account(p); /* newOrder asks for nothing else that could be refused so */
    bool gone = is_gone(p, failed);
    if (!gone && !is_final(failed))
        return budget_failed(p, failed);
    order_fail(p, gone ? "expired" : "errored", failed->message);
    err_free(failed);
    return NULL;
}

static struct err *finish(struct order_pass *p, struct err *failed)
{
    failed = acme_chain_judge(p->env, &p->chain, failed);
    if (failed != NULL)
        TRY(judge(p, failed));
    TRY(put_status(p));
    return order_abandon(p);
}

static struct err *settle(struct order_pass *p)
{
    TRY(cache_by_index(p->env->challenges.cache, p->env->challenges_by_owner,
                       p->order->obj.meta.uid, &p->challenges));
    TRY(order_clean_up(p));
    order_challenges_forget(p);
    order_chain_forget(p);
    memo_drop(p->env->aliases, p->order->obj.meta.uid);
    return order_prepare_undo(p);
}

/* A CA that asks to wait is waited for, and not the one that another spec of the issuer names. */
static char *hold_key(const struct env *env, const struct order *order)
{
    AUTO_OBJECT(struct issuer) issuer = NULL;
    err_drop(env_issuer(env, &order->spec.issuer_ref, order->obj.meta.namespace,
                        &issuer)); /* then there is nobody to wait for */
    int64_t generation = issuer != NULL ? issuer->obj.meta.generation : 0;
    return x_printf("%s/%lld", order->obj.meta.uid, (long long)generation);
}

static struct err *walk(struct order_pass *p, int64_t *ret_next)
{
    auto_free char *hold = hold_key(p->env, p->order);
    struct err *e = NULL;
    if (!acme_is_held(p->env, hold, &p->next)) {
        e = acme_hold(p->env, hold, finish(p, run_steps(p)));
        budget_end_pass(p);
        if (e != NULL && !acme_is_held(p->env, hold, &p->next))
            p->next = 0;
    }
    TRY(order_prepare_pause(p, e));
    *ret_next = p->next;
    return NULL;
}

struct err *order_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    const struct env *env = arg;
    char key[KUBE_KEY_MAX];
    object_key(name->ns, name->name, key);
    AUTO_OBJECT(struct order) order = NULL;
    TRY(store_get(&env->orders, name->ns, name->name, (const void **)&order));
    if (order == NULL || order->obj.meta.deletion_timestamp != 0)
        TRY(order_clear_routes(env, key,
                               &(struct http01_order){.ns = name->ns, .name = name->name}));
    if (order == NULL)
        return order_abandon_removed(env, key, ret_next);
    AUTO(pass_release)
    struct order_pass p = {.env = env,
                           .order = order,
                           .key = key,
                           .now = clock_wall(env->clock),
                           .status = order->status};
    if (order->obj.meta.deletion_timestamp == 0 && !order_state_is_final(order->status.state))
        return walk(&p, ret_next);
    if (order->obj.meta.deletion_timestamp != 0)
        TRY(order_prepare_undo(&p));
    else
        TRY(settle(&p));
    *ret_next = p.next;
    return NULL;
}
