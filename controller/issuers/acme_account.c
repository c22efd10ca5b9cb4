/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/acme_account.h"

#include <stdlib.h>
#include <string.h>

#include "acme/account.h"
#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_key.h"
#include "issuers/acme_pass.h"
#include "issuers/acme_registry.h"
#include "net/url.h"
#include "pki/jws.h"

/* An account is looked after once a day, and first within an hour of a process' start. */
#define LOOK_EVERY NS_PER_DAY
#define FIRST_LOOK NS_PER_HOUR

char *acme_account_name(const struct issuer *issuer)
{
    const char *uri = issuer->status.acme.uri;
    if (str_empty(uri) || issuer->spec.acme == NULL)
        return NULL;
    auto_free char *account = url_origin(uri);
    auto_free char *server = url_origin(issuer->spec.acme->server);
    if (account != NULL && str_eq(account, server))
        return x_strdup(uri);
    return x_printf("%s of %s", uri, issuer->spec.acme->server);
}

bool acme_account_is_shared(const struct issuer *a, const struct issuer *b)
{
    auto_free char *one = acme_account_name(a);
    auto_free char *other = acme_account_name(b);
    return str_eq(a->obj.meta.uid, b->obj.meta.uid) || (one != NULL && str_eq(one, other));
}

void acme_handle_release(struct acme_handle *h)
{
    acme_ca_free(h->account.ca);
    pki_key_free(h->account.key);
    free(h->url);
    free(h->thumbprint);
    *h = (struct acme_handle){0};
}

/* ---- use ---- */

static struct err *not_ready(const struct issuer *issuer, const char *why)
{
    return err_new(ERR_NOT_FOUND, "IssuerNotReady", "issuer %s: %s", issuer->obj.meta.name, why);
}

struct err *acme_account_get(const struct issuer_env *env, const struct issuer *issuer,
                             struct acme_handle *ret_handle)
{
    const struct acme_issuer_status *status = &issuer->status.acme;
    if (str_empty(status->uri))
        return not_ready(issuer, "it has no ACME account yet");
    AUTO_KEY key = acme_registry_key(env, issuer);
    if (key == NULL) {
        AUTO_ACME_KEYS keys = {0};
        AUTO_ERR missing = acme_keys_read(env, issuer, &keys);
        if (err_is(missing, ERR_NOT_FOUND))
            return not_ready(issuer, missing->message);
        TRY(TAKE(missing));
        if (keys.next != NULL)
            return not_ready(issuer, "its account is being given another key");
        key = TAKE(keys.key);
        auto_free char *hash = acme_key_hash(key, issuer->spec.acme->server);
        if (!str_eq(hash, status->last_private_key_hash))
            return not_ready(issuer, "the account key or the server has changed; it is being "
                                     "registered again");
        acme_registry_put_key(env, issuer, key, hash);
    }
    struct acme_ca *ca = NULL;
    TRY(acme_registry_ca(env, issuer, &ca));
    char *url = x_strdup(status->uri);
    *ret_handle = (struct acme_handle){
        .account = {.ca = ca, .key = TAKE(key), .url = url},
        .url = url,
    };
    ret_handle->thumbprint = pki_jwk_thumbprint(ret_handle->account.key);
    return NULL;
}

bool acme_account_key_changed(const struct issuer_env *env, const struct issuer *issuer,
                              const struct acme_handle *handle)
{
    return handle->account.key != NULL && !acme_registry_is_key(env, issuer, handle->account.key);
}

void acme_account_doubt(const struct issuer_env *env, const struct issuer *issuer)
{
    acme_registry_doubt(env, issuer);
}

/* ---- what the CA knows, once a day ---- */

/* Terms of service may change, and an account may end or be lost long before the next order: then
 * there is time to say so. A CA that does not answer is asked later; nothing else depends on this. */
static void look_again(struct acme_pass *p, char **ret_terms)
{
    AUTO(acme_registration_release) struct acme_registration reg = {0};
    AUTO_ERR e = acme_pass_connect(p);
    if (e != NULL)
        return;
    free(*ret_terms);
    *ret_terms = x_strdup_or_null(p->directory.terms_of_service);
    e = acme_account_find(p->ca, p->keys.key, &reg);
    if (acme_account_is_gone(e))
        acme_registry_doubt(p->env, p->issuer);
}

/* Looks when it is time; the wall time of the next look. The first one of a process comes within an
 * hour, spread by chance. */
static int64_t regular_look(struct acme_pass *p, char **ret_terms)
{
    int64_t now = clock_mono(p->env->clock);
    int64_t at = acme_registry_next_look(p->env, p->issuer);
    if (at != 0 && now >= at) {
        look_again(p, ret_terms);
        at = now + LOOK_EVERY;
    } else if (at == 0) {
        at = now + rng_between(p->env->rng, 0, FIRST_LOOK);
    }
    acme_registry_plan_look(p->env, p->issuer, at);
    return clock_wall(p->env->clock) + (at - now);
}

/* ---- the seam ---- */

static bool is_registered(const struct acme_pass *p)
{
    const struct acme_issuer_status *s = &p->issuer->status.acme;
    return !str_empty(s->uri) && str_eq(s->last_private_key_hash, p->hash) &&
           str_eq(str_or(s->last_registered_email, ""), str_or(p->acme->email, ""));
}

/* The status of the account, with all that is as it was. */
static void fill_ready(struct issuer_readiness *r, const struct acme_pass *p, char *uri,
                       const char *terms)
{
    const struct acme_issuer_status *old = &p->issuer->status.acme;
    bool same = str_eq(old->last_private_key_hash, p->hash);
    int64_t now = clock_wall(p->env->clock) / NS_PER_SEC * NS_PER_SEC;
    auto_free char *problem = acme_registry_rotation_problem(p->env, p->issuer);
    r->ready = true;
    r->has_acme = true;
    r->reason = "ACMEAccountRegistered";
    r->message =
        x_printf("The ACME account is registered with the ACME server%s%s",
                 problem != NULL ? "; its key was not changed: " : "", str_or(problem, ""));
    r->acme.uri = uri;
    r->acme.last_private_key_hash = x_strdup(p->hash);
    r->acme.last_registered_email = x_strdup_or_null(p->acme->email);
    r->acme.thumbprint = pki_jwk_thumbprint(p->keys.key);
    r->acme.terms_of_service = x_strdup_or_null(terms);
    bool counts = !same || p->acme->account_key.rotate_after > 0;
    r->acme.key_since = (same && old->key_since != 0) || !counts ? old->key_since : now;
    r->acme.key_rotation =
        same ? x_strdup_or_null(old->key_rotation) : acme_rotation_wish(p->issuer);
}

static struct err *be_registered(struct acme_pass *p, struct issuer_readiness *ret_readiness)
{
    char *url = NULL;
    TRY(acme_register(p, &url));
    acme_registry_trust(p->env, p->issuer);
    acme_registry_plan_look(p->env, p->issuer, clock_mono(p->env->clock) + LOOK_EVERY);
    fill_ready(ret_readiness, p, url, p->directory.terms_of_service);
    bool another =
        str_eq(p->issuer->status.acme.last_private_key_hash, p->hash) && acme_rotation_is_wanted(p);
    ret_readiness->next = clock_wall(p->env->clock) + (another ? 0 : LOOK_EVERY);
    return NULL;
}

static void use_key(struct acme_pass *p)
{
    free(p->hash);
    p->hash = acme_key_hash(p->keys.key, p->acme->server);
    acme_registry_put_key(p->env, p->issuer, p->keys.key, p->hash);
}

/* The account is registered as far as the status says. */
static struct err *stay_registered(struct acme_pass *p, struct issuer_readiness *ret_readiness)
{
    auto_free char *terms = x_strdup_or_null(p->issuer->status.acme.terms_of_service);
    int64_t look = regular_look(p, &terms), rotation = 0;
    if (!acme_registry_doubts(p->env, p->issuer))
        TRY(acme_rotate(p, &rotation));
    use_key(p);
    if (!is_registered(p) || acme_registry_doubts(p->env, p->issuer))
        return be_registered(p, ret_readiness);
    ret_readiness->next = rotation != 0 && rotation < look ? rotation : look;
    fill_ready(ret_readiness, p, x_strdup(p->issuer->status.acme.uri), terms);
    return NULL;
}

struct err *acme_account_ensure(const struct issuer_env *env, const struct issuer *issuer,
                                struct issuer_readiness *ret_readiness)
{
    AUTO(acme_pass_release)
    struct acme_pass p = {.env = env, .issuer = issuer, .acme = issuer->spec.acme};
    if (acme_is_given_up(issuer))
        return acme_give_up(&p, ret_readiness);
    TRY(acme_keys_ensure(env, issuer, &p.keys));
    if (p.keys.next != NULL)
        TRY(acme_rotation_end(&p), "changing the account key");
    use_key(&p);
    return is_registered(&p) ? stay_registered(&p, ret_readiness)
                             : be_registered(&p, ret_readiness);
}
