/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/order_recall.h"

#include <string.h>

#include "acme/order_list.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/http_share.h"
#include "pki/csr.h"
#include "pki/key.h"
#include "reconcilers/order_budget.h"
#include "reconcilers/request.h"

/* In env->lost, by uid of an Order; its time is since when. By URL of an account: the orders of its list that no Order
 * has, as lines "digest-of-names URL", and when that was read. */
#define NO_ANSWER 1u
#define SERVER_ERROR 2u
#define BEFORE_US 4u

#define PATIENCE NS_PER_MIN
#define LOOKING_MAX (20 * NS_PER_SEC)
#define CANDIDATES_MAX 16
#define CANDIDATES_TEXT_MAX (64 * 1024)
/* One that is about to expire is of no use. */
#define LEFT_MIN NS_PER_MIN

/* ---- which order is which ---- */

static void digest_of(const struct strlist *names, char out[PKI_SHA256_HEX])
{
    auto_free char *all = strlist_join(names, " ", 0);
    pki_sha256_hex(all, strlen(all), out);
}

static struct err *own_digest(const struct order_pass *p, char out[PKI_SHA256_HEX])
{
    AUTO(pki_csr_release) struct pki_csr csr = {0};
    TRY(request_csr(p->chain.request, &csr));
    size_t most = csr.names.dns.len + csr.names.ips.len + 1;
    auto_free struct acme_identifier *ids = x_calloc(most, sizeof(*ids));
    AUTO(strlist_release) struct strlist names = {0};
    size_t count = order_identifiers(&csr.names, ids);
    for (size_t i = 0; i < count; i++)
        strlist_add_take(&names, acme_identifier_text(ids[i].type, ids[i].value));
    strlist_sort(&names);
    digest_of(&names, out);
    return NULL;
}

static bool shares_a_name(const struct order_spec *a, const struct order_spec *b)
{
    for (size_t i = 0; i < a->dns_names.len; i++)
        if (bind_strings_has(&b->dns_names, a->dns_names.items[i]))
            return true;
    for (size_t i = 0; i < a->ip_addresses.len; i++)
        if (bind_strings_has(&b->ip_addresses, a->ip_addresses.items[i]))
            return true;
    return !str_empty(a->common_name) && str_eq(a->common_name, b->common_name);
}

/* Does another Order have it, or is about to place one for a name of these? Then whose it is cannot be known. */
static bool is_of_another(const struct order_pass *p, const char *url)
{
    AUTO_OBJECT_LIST all = {0};
    cache_all(p->env->orders.cache, &all);
    for (size_t i = 0; i < all.len; i++) {
        const struct order *o = all.items[i];
        if (str_eq(o->obj.meta.uid, p->order->obj.meta.uid))
            continue;
        bool may_place = str_empty(o->status.url) && !order_state_is_final(o->status.state);
        if (str_eq(o->status.url, url) || (may_place && shares_a_name(&o->spec, &p->order->spec)))
            return true;
    }
    return false;
}

static bool can_go_on(const struct order_pass *p, const struct acme_order *o)
{
    bool waits = str_eq(o->status, "pending") || str_eq(o->status, "ready");
    return waits && (o->expires == 0 || o->expires > p->now + LEFT_MIN);
}

static struct err *heard(const struct order_pass *p, struct err *e)
{
    return acme_chain_heard(p->env, &p->chain, e);
}

/* Profile and what is replaced, as far as the CA says them. */
static struct err *fits(const struct order_pass *p, const char *url, bool *ret_fits)
{
    AUTO(acme_directory_release) struct acme_directory d = {0};
    const char *profile = NULL;
    TRY(acme_chain_directory(p->env, &p->chain, &d));
    TRY(order_profile(p, &d, &profile));
    AUTO(acme_order_release) struct acme_order o = {0};
    TRY(heard(p, acme_order_get(&p->chain.account.account, url, &o)));
    const char *replaces = bind_map_get(&p->chain.request->obj.meta.annotations, API_REPLACES);
    *ret_fits = can_go_on(p, &o) &&
                (profile == NULL || o.profile == NULL || str_eq(o.profile, profile)) &&
                (o.replaces == NULL || str_eq(o.replaces, replaces));
    return NULL;
}

/* ---- the account's list ---- */

/* Refusals are the CA's word, and what is no answer now will be none later. */
static bool passes(const struct err *e)
{
    return e->kind == ERR_RATE_LIMITED ||
           (e->kind == ERR_TRANSIENT && !str_eq(e->reason, "InvalidAnswer"));
}

static void drop_known(const struct env *env, struct strlist *urls)
{
    AUTO_OBJECT_LIST all = {0};
    cache_all(env->orders.cache, &all);
    AUTO(strlist_release) struct strlist unknown = {0};
    for (size_t i = 0; i < urls->len; i++) {
        bool known = false;
        for (size_t n = 0; n < all.len && !known; n++)
            known = str_eq(((const struct order *)all.items[n])->status.url, urls->items[i]);
        if (!known)
            strlist_add(&unknown, urls->items[i]);
    }
    strlist_release(urls);
    *urls = unknown;
    unknown = (struct strlist){0};
}

static struct err *look_at(const struct order_pass *p, const char *url, struct buf *b)
{
    AUTO(acme_order_release) struct acme_order o = {0};
    struct err *e = heard(p, acme_order_get(&p->chain.account.account, url, &o));
    if (e != NULL && (passes(e) || e->kind == ERR_CANCELLED))
        return e;
    err_drop(e); /* gone, or none of ours */
    if (o.names.len == 0 || !can_go_on(p, &o))
        return NULL;
    char digest[PKI_SHA256_HEX];
    digest_of(&o.names, digest);
    buf_putf(b, "%s %s\n", digest, url);
    return NULL;
}

/* From both ends, because nothing says where the newest are. */
static struct err *read_list(const struct order_pass *p, char **ret_lines)
{
    const struct clock *clock = p->env->clock;
    int64_t deadline = clock_mono(clock) + LOOKING_MAX;
    AUTO(strlist_release) struct strlist urls = {0};
    TRY(heard(p, acme_order_list(&p->chain.account.account, &urls)));
    drop_known(p->env, &urls);
    AUTO(buf_release) struct buf b = BUF_INIT(CANDIDATES_TEXT_MAX);
    for (size_t i = 0; i < urls.len && i < CANDIDATES_MAX && clock_mono(clock) < deadline; i++)
        TRY(look_at(p, urls.items[i % 2 == 0 ? urls.len - 1 - i / 2 : i / 2], &b));
    *ret_lines = x_strdup(buf_str(&b));
    return NULL;
}

/* As it was at some time since then: a thousand Orders after a crash read it once. */
static struct err *list_since(const struct order_pass *p, int64_t since, char **ret_lines)
{
    const char *account = p->chain.account.url;
    *ret_lines = memo_text(p->env->lost, account);
    if (*ret_lines != NULL && memo_get(p->env->lost, account).time >= since)
        return NULL;
    auto_free char *lines = NULL;
    TRY(read_list(p, &lines));
    memo_set_text(p->env->lost, account, lines);
    memo_set(p->env->lost, account, p->now);
    free(*ret_lines);
    *ret_lines = TAKE(lines);
    return NULL;
}

static struct err *find(const struct order_pass *p, int64_t since, char **ret_url)
{
    char digest[PKI_SHA256_HEX];
    auto_free char *lines = NULL;
    TRY(own_digest(p, digest));
    TRY(list_since(p, since, &lines));
    for (const char *line = lines; *line != '\0'; line = strchrnul(line, '\n') + 1) {
        if (!str_starts(line, digest))
            continue;
        const char *url = line + strlen(digest) + 1;
        auto_free char *candidate = x_strndup(url, strcspn(url, "\n"));
        bool good = false;
        if (is_of_another(p, candidate))
            continue;
        TRY(fits(p, candidate, &good));
        if (good) {
            *ret_url = TAKE(candidate);
            return NULL;
        }
    }
    return NULL;
}

/* ---- the step ---- */

void order_recall_adopt(const struct env *env)
{
    int64_t now = clock_wall(env->clock);
    AUTO_OBJECT_LIST all = {0};
    cache_all(env->orders.cache, &all);
    for (size_t i = 0; i < all.len; i++) {
        const struct order *o = all.items[i];
        if (!str_empty(o->status.url) || order_state_is_final(o->status.state) ||
            o->status.waiting.until > now)
            continue;
        memo_mark(env->lost, o->obj.meta.uid, BEFORE_US);
        memo_set(env->lost, o->obj.meta.uid, now);
    }
}

void order_recall_note(const struct order_pass *p, const struct err *failed)
{
    const char *uid = p->order->obj.meta.uid;
    if (failed->kind != ERR_TRANSIENT || http_share_held_back(failed) ||
        str_eq(failed->reason, "ConnectFailed") || str_eq(failed->reason, "TLSFailed") ||
        (failed->http_status != 0 && failed->http_status < 500))
        return;
    memo_mark(p->env->lost, uid, failed->http_status == 0 ? NO_ANSWER : SERVER_ERROR);
    memo_set(p->env->lost, uid, clock_wall(p->env->clock));
}

bool order_recall_is_due(const struct env *env, const struct order *order)
{
    return (memo_get(env->lost, order->obj.meta.uid).marks & NO_ANSWER) != 0;
}

/* The CA has counted what is lost for good, unless it says that it failed. */
static void give_up(const struct order_pass *p)
{
    const char *uid = p->order->obj.meta.uid;
    if (order_recall_is_due(p->env, p->order))
        budgets_settle(p->env->budgets, uid, BUDGET_FAILED);
    memo_drop(p->env->lost, uid);
}

static struct err *go_on_with(struct order_pass *p, const char *url)
{
    const char *uid = p->order->obj.meta.uid;
    TRY(budget_recalled(p));
    if (p->stop)
        return NULL;
    log_info("an order whose URL was lost is found again", L_STR("url", url));
    memo_set_text(p->env->placed, uid, url);
    memo_drop(p->env->lost, uid);
    return NULL;
}

struct err *ensure_recalled(struct order_pass *p)
{
    struct memo_entry lost = memo_get(p->env->lost, p->order->obj.meta.uid);
    if (lost.marks == 0 || !str_empty(p->order->status.url))
        return NULL;
    auto_free char *url = NULL;
    struct err *e = find(p, lost.time, &url);
    bool again = e != NULL && (e->kind == ERR_CANCELLED || e->kind == ERR_CONFLICT ||
                               (passes(e) && p->now - lost.time < PATIENCE));
    if (again)
        return err_wrap(e, "an order may be at the CA, and its URL was lost");
    if (e != NULL)
        log_debug("a lost order is not looked for", L_ERR(e));
    err_free(e);
    if (url != NULL)
        return go_on_with(p, url);
    give_up(p);
    return NULL;
}
