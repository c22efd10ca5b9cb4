/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another key for an account (RFC 8555 section 7.3.5), on demand and by age.
 *
 *   1. the next key is stored beside the present one
 *   2. keyChange
 *   3. the Secret holds only the new key
 *   4. the Issuer's status names it
 *
 * Two keys in the Secret mean that a change has begun. It is then always ended, whoever began it: the
 * CA is asked whether it knows the next key (onlyReturnExisting), which is right after a crash at any
 * point, and meanwhile nobody is given the account to sign with.
 */
#include "acme/account.h"
#include "api/group.h"
#include "api/order.h"
#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_pass.h"
#include "issuers/acme_registry.h"

/* An order that is under way is not disturbed, but not waited for without end: what is not being
 * validated at that very moment goes on with the new key. */
#define ORDERS_WAIT (10 * NS_PER_MIN)
#define ORDERS_POLL (10 * NS_PER_SEC)
#define CA_POLL NS_PER_MIN
/* After a refusal that will not pass by itself. */
#define REFUSED_WAIT NS_PER_DAY
#define WISH_MAX 1024 /* the schema has no more for status.acme.keyRotation */

/* ---- which key is it? ---- */

static struct err *knows(struct acme_pass *p, struct pki_key *key, bool *ret_knows)
{
    AUTO(acme_registration_release) struct acme_registration reg = {0};
    struct err *e = acme_account_find(p->ca, key, &reg);
    *ret_knows = e == NULL;
    if (!acme_account_is_gone(e))
        return e;
    err_free(e);
    return NULL;
}

static struct err *is_changed(struct acme_pass *p, bool *ret_changed)
{
    AUTO(acme_registration_release) struct acme_registration reg = {0};
    struct err *e = acme_account_find(p->ca, p->keys.next, &reg);
    *ret_changed = e == NULL;
    if (e == NULL || !str_eq(e->reason, "AccountNotValid")) {
        bool unknown = e != NULL && str_eq(e->reason, "AccountDoesNotExist");
        return unknown ? err_ignore(e, e->kind) : e;
    }
    err_free(e);
    /* The account of the next key has ended, or this CA says so of keys that it does not know. */
    bool old = false;
    TRY(knows(p, p->keys.key, &old));
    *ret_changed = !old;
    return NULL;
}

struct err *acme_rotation_settle(struct acme_pass *p)
{
    if (p->keys.next == NULL)
        return NULL;
    TRY(acme_pass_connect(p));
    bool changed = false;
    TRY(is_changed(p, &changed), "looking which of two keys the account has");
    if (changed)
        TRY(acme_keys_finish(p->env, p->issuer, &p->keys));
    return NULL;
}

/* ---- the change ---- */

char *acme_rotation_wish(const struct issuer *issuer)
{
    const char *wish = bind_map_get(&issuer->obj.meta.annotations, API_ROTATE_ACCOUNT_KEY);
    if (str_empty(wish))
        return NULL;
    return x_strndup(wish, strlen(wish) > WISH_MAX ? utf8_cut(wish, WISH_MAX) : strlen(wish));
}

/* What is asked for, and under which spec: a refusal is about that alone. Owned. */
static char *wish_of(const struct acme_pass *p)
{
    auto_free char *wish = acme_rotation_wish(p->issuer);
    return x_printf("%lld %s", (long long)p->issuer->obj.meta.generation, str_or(wish, ""));
}

/* 409: another account has the key (RFC 8555 section 7.3.5). */
static bool is_refusal(const struct err *e)
{
    return e->kind == ERR_INVALID || e->kind == ERR_DENIED ||
           (e->http_status == 409 && !e->by_api_server);
}

/* A CA that knows neither key has lost the account: the next key will be a new one's. One that ended
 * the account is not got around so. */
static struct err *change_at_ca(struct acme_pass *p)
{
    AUTO(acme_registration_release) struct acme_registration reg = {0};
    struct err *e = acme_account_find(p->ca, p->keys.key, &reg);
    if (e != NULL && str_eq(e->reason, "AccountDoesNotExist"))
        return err_ignore(e, e->kind);
    if (e != NULL && str_eq(e->reason, "AccountNotValid"))
        acme_registry_doubt(p->env, p->issuer);
    TRY(e);
    acme_registry_retire_key(p->env, p->keys.key);
    return acme_account_change_key(
        &(struct acme_account){.ca = p->ca, .key = p->keys.key, .url = reg.url}, p->keys.next);
}

static void note_refusal(const struct acme_pass *p, const char *why)
{
    auto_free char *wish = wish_of(p);
    acme_registry_rotation_failed(
        p->env, p->issuer,
        &(struct acme_refused_rotation){wish, why, clock_mono(p->env->clock) + REFUSED_WAIT});
}

struct err *acme_rotation_end(struct acme_pass *p)
{
    TRY(acme_rotation_settle(p));
    if (p->keys.next == NULL)
        return NULL;
    struct err *e = change_at_ca(p);
    if (e == NULL)
        e = acme_keys_finish(p->env, p->issuer, &p->keys);
    if (e == NULL || p->keys.next == NULL) {
        acme_registry_rotation_over(p->env, p->issuer);
        return e;
    }
    AUTO_ERR refused = e;
    TRY(acme_rotation_settle(p)); /* it may have been done all the same */
    if (p->keys.next == NULL)
        return NULL;
    if (!is_refusal(refused))
        return TAKE(refused);
    TRY(acme_keys_abandon(p->env, p->issuer, &p->keys));
    note_refusal(p, refused->message);
    return NULL;
}

/* ---- when ---- */

/* The wall time at which the key is too old; 0 = never. */
static int64_t due(const struct acme_pass *p)
{
    int64_t after = p->acme->account_key.rotate_after;
    int64_t since = p->issuer->status.acme.key_since;
    return after > 0 && since > 0 ? since + after : 0;
}

bool acme_rotation_is_wanted(const struct acme_pass *p)
{
    auto_free char *wish = acme_rotation_wish(p->issuer);
    int64_t at = due(p);
    return (wish != NULL && !str_eq(wish, p->issuer->status.acme.key_rotation)) ||
           (at != 0 && at <= clock_wall(p->env->clock));
}

static bool is_elsewhere(const struct acme_pass *p, const struct object_list *all)
{
    bool elsewhere = false;
    for (size_t i = 0; i < all->len; i++) {
        const struct issuer *other = all->items[i];
        elsewhere = elsewhere || (other->spec.acme != NULL &&
                                  !str_eq(other->spec.acme->server, p->acme->server));
    }
    return elsewhere;
}

/* The Secret has one key, so two CAs would have to change it at once. */
static struct err *is_shared_with_another_ca(const struct acme_pass *p, bool *ret_is)
{
    const struct issuer_env *env = p->env;
    const char *ns = issuer_secret_namespace(env, p->issuer);
    const char *name = p->acme->private_key_secret_ref.name;
    char key[KUBE_KEY_MAX];
    object_key(ns, name, key);
    AUTO_OBJECT_LIST here = {0};
    TRY(cache_by_index(env->issuers.cache, env->issuers_by_secret, key, &here));
    AUTO_OBJECT_LIST cluster = {0};
    if (str_eq(ns, env->cluster_resource_namespace))
        TRY(cache_by_index(env->cluster_issuers.cache, env->cluster_issuers_by_secret, name,
                           &cluster));
    *ret_is = is_elsewhere(p, &here) || is_elsewhere(p, &cluster);
    return NULL;
}

static struct err *has_orders(const struct acme_pass *p, bool *ret_has)
{
    const struct object_meta *meta = &p->issuer->obj.meta;
    auto_free char *key = x_printf("%s/%s", str_or(meta->namespace, ""), meta->name);
    AUTO_OBJECT_LIST all = {0};
    TRY(cache_by_index(p->env->orders.cache, p->env->orders_by_issuer, key, &all));
    *ret_has = false;
    for (size_t i = 0; i < all.len; i++) {
        const struct order *o = all.items[i];
        *ret_has = *ret_has || !order_state_is_final(o->status.state);
    }
    return NULL;
}

/* A CA that answers nothing without external account data does not say which of two keys the account has either: what
 * began could not be ended. */
static bool is_silent(const struct acme_pass *p)
{
    if (p->acme->external_account_binding == NULL && !p->directory.external_account_required)
        return false;
    AUTO(acme_registration_release) struct acme_registration reg = {0};
    AUTO_ERR e = acme_account_find(p->ca, p->keys.key, &reg);
    return e != NULL && str_eq(e->reason, "ExternalAccountRequired");
}

static struct err *begin(struct acme_pass *p, int64_t *ret_next)
{
    int64_t now = clock_wall(p->env->clock);
    int64_t wanted = acme_registry_rotation_wanted(p->env, p->issuer);
    bool shared = false, orders = false;
    TRY(is_shared_with_another_ca(p, &shared));
    TRY(has_orders(p, &orders));
    AUTO_ERR down = acme_pass_connect(p);
    if (down != NULL) {
        *ret_next = now + CA_POLL; /* the account is as good as before */
        return NULL;
    }
    const char *why = NULL;
    if (shared)
        why = "an Issuer of another CA uses the same Secret: give each its own "
              "spec.acme.privateKeySecretRef";
    else if (p->directory.key_change == NULL)
        why = "the CA offers no keyChange";
    if (why != NULL) {
        note_refusal(p, why);
        return NULL;
    }
    if (orders && clock_mono(p->env->clock) - wanted < ORDERS_WAIT) {
        *ret_next = now + ORDERS_POLL;
        return NULL;
    }
    if (is_silent(p)) {
        note_refusal(p, "the CA does not say which key an account has unless it is given external "
                        "account data, so a change could not be ended after a crash");
        return NULL;
    }
    TRY(acme_keys_begin(p->env, p->issuer, &p->keys));
    return acme_rotation_end(p);
}

struct err *acme_rotate(struct acme_pass *p, int64_t *ret_next)
{
    *ret_next = due(p);
    if (!acme_rotation_is_wanted(p)) {
        acme_registry_rotation_over(p->env, p->issuer);
        return NULL;
    }
    auto_free char *wish = wish_of(p);
    int64_t mono = clock_mono(p->env->clock);
    int64_t again = acme_registry_rotation_again(p->env, p->issuer, wish);
    if (again > mono) {
        *ret_next = clock_wall(p->env->clock) + (again - mono);
        return NULL;
    }
    return err_wrap(begin(p, ret_next), "changing the account key");
}
