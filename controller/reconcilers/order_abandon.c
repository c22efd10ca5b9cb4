/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/order_abandon.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

/* In env->abandoned by uid of an Order. By "ns/name" of a removed one: "kind issuer", then a line for each
 * authorization; its time is when to begin. */
#define WALKED 1u

#define AUTHORIZATIONS_MAX 100
#define WORKING_MAX (10 * NS_PER_SEC)
#define WAIT (30 * NS_PER_SEC)
#define TEXT_MAX (256 * 1024)

/* ---- who else may need it ---- */

static bool names_authorization(const struct order *o, const char *url)
{
    for (size_t i = 0; i < o->status.authorizations.len; i++)
        if (str_eq(o->status.authorizations.items[i].url, url))
            return true;
    return false;
}

static bool names_identifier(const struct order *o, const char *identifier)
{
    for (size_t i = 0; i < o->spec.dns_names.len; i++) {
        const char *name = o->spec.dns_names.items[i];
        if (str_eq(str_starts(name, "*.") ? name + 2 : name, identifier))
            return true;
    }
    return bind_strings_has(&o->spec.ip_addresses, identifier) ||
           str_eq(o->spec.common_name, identifier);
}

/* A CA may give a pending authorization to another order of the account: one that is known, or is being placed. */
static bool is_needed(const struct env *env, const char *url, const char *identifier)
{
    AUTO_OBJECT_LIST all = {0};
    cache_all(env->orders.cache, &all);
    for (size_t i = 0; i < all.len; i++) {
        const struct order *o = all.items[i];
        if (order_state_is_final(o->status.state))
            continue;
        if (names_authorization(o, url) ||
            (str_empty(o->status.url) && names_identifier(o, identifier)))
            return true;
    }
    return false;
}

/* ---- one after the other ---- */

static struct err *abandon_one(const struct env *env, const struct acme_account *account,
                               const char *url)
{
    AUTO(acme_authz_release) struct acme_authz a = {0};
    TRY(acme_authz_get(account, url, &a));
    if (!str_eq(a.status, "pending") || is_needed(env, url, a.identifier))
        return NULL;
    TRY(acme_authz_deactivate(account, url));
    log_info("a pending authorization that nobody needs is deactivated",
             L_STR("identifier", a.identifier), L_STR("url", url));
    return NULL;
}

/* The first that does not answer ends it. */
static struct err *abandon_all(const struct env *env, const struct acme_account *account,
                               const struct strlist *urls)
{
    int64_t deadline = clock_mono(env->clock) + WORKING_MAX;
    struct err *e = NULL;
    for (size_t i = 0; i < urls->len && e == NULL && clock_mono(env->clock) < deadline; i++)
        e = err_ignore(abandon_one(env, account, urls->items[i]), ERR_NOT_FOUND);
    if (err_is(e, ERR_CANCELLED))
        return e;
    if (e != NULL)
        log_debug("authorizations stay pending until they expire", L_ERR(e));
    err_free(e);
    return NULL;
}

static void list_authorizations(const struct order *o, struct strlist *ret_urls)
{
    for (size_t i = 0; i < o->status.authorizations.len && i < AUTHORIZATIONS_MAX; i++)
        if (!str_empty(o->status.authorizations.items[i].url))
            strlist_add(ret_urls, o->status.authorizations.items[i].url);
}

struct err *order_abandon(const struct order_pass *p)
{
    AUTO(strlist_release) struct strlist urls = {0};
    bool has_failed = order_state_is_final(p->status.state) && !str_eq(p->status.state, "valid");
    if (!has_failed || p->chain.account.url == NULL)
        return NULL;
    memo_drop(p->env->abandoned, p->order->obj.meta.uid);
    list_authorizations(p->order, &urls);
    return abandon_all(p->env, &p->chain.account.account, &urls);
}

/* ---- Orders that were removed ---- */

void order_abandon_note(const struct order_pass *p)
{
    if (p->order->status.authorizations.len > 0)
        memo_mark(p->env->abandoned, p->order->obj.meta.uid, WALKED);
}

void order_abandon_on_change(void *arg, const struct cache_change *change)
{
    const struct env *env = arg;
    const struct order *old = change->old;
    if (old == NULL)
        return;
    const struct object_meta *meta = &old->obj.meta;
    if (change->now != NULL) {
        if (str_eq(((const struct order *)change->now)->status.state, "valid"))
            memo_drop(env->abandoned, meta->uid);
        return;
    }
    bool walked = (memo_get(env->abandoned, meta->uid).marks & WALKED) != 0;
    memo_drop(env->abandoned, meta->uid);
    if (!walked || order_state_is_final(old->status.state))
        return;
    AUTO(strlist_release) struct strlist lines = {0};
    strlist_add_take(&lines, x_printf("%s %s", issuer_ref_kind(&old->spec.issuer_ref),
                                      old->spec.issuer_ref.name));
    list_authorizations(old, &lines);
    auto_free char *text = strlist_join(&lines, "\n", 0);
    if (strlen(text) > TEXT_MAX)
        return;
    char key[KUBE_KEY_MAX];
    object_key(meta->namespace, meta->name, key);
    memo_set_text(env->abandoned, key, text);
    memo_set(env->abandoned, key, clock_wall(env->clock) + WAIT);
}

static struct err *account_of(const struct env *env, const char *key, const char *line,
                              struct acme_handle *ret_account)
{
    size_t len = strcspn(line, " ");
    auto_free char *kind = x_strndup(line, len);
    auto_free char *ns = x_strndup(key, strcspn(key, "/"));
    const struct issuer_ref ref = {.kind = kind, .name = line + len + (line[len] == ' ')};
    AUTO_OBJECT(struct issuer) issuer = NULL;
    TRY(env_issuer(env, &ref, ns, &issuer));
    if (issuer == NULL || issuer->spec.acme == NULL)
        return err_new(ERR_NOT_FOUND, "IssuerNotReady", "%s %s is gone", kind, ref.name);
    return acme_account_get(&env->issuer_env, issuer, ret_account);
}

static void split_lines(char *text, struct strlist *ret_lines)
{
    for (char *line = text, *end; line != NULL; line = end) {
        end = strchr(line, '\n');
        if (end != NULL)
            *end++ = '\0';
        strlist_add(ret_lines, line);
    }
}

struct err *order_abandon_removed(const struct env *env, const char *key, int64_t *ret_next)
{
    auto_free char *text = memo_text(env->abandoned, key);
    if (text == NULL)
        return NULL;
    int64_t at = memo_get(env->abandoned, key).time;
    if (at > clock_wall(env->clock)) {
        *ret_next = at;
        return NULL;
    }
    memo_drop(env->abandoned, key);
    AUTO(strlist_release) struct strlist lines = {0};
    split_lines(text, &lines);
    AUTO_ACME_HANDLE account = {0};
    AUTO_ERR gone = account_of(env, key, lines.items[0], &account);
    if (gone != NULL)
        return err_is(gone, ERR_CANCELLED) ? TAKE(gone) : NULL;
    const struct strlist urls = {.items = lines.items + 1, .len = lines.len - 1};
    return abandon_all(env, &account.account, &urls);
}
