/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/acme_account.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_binding.h"
#include "issuers/acme_key.h"
#include "issuers/acme_registry.h"
#include "pki/jws.h"

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
        AUTO_ERR missing = acme_key_read(env, issuer, &key);
        if (err_is(missing, ERR_NOT_FOUND))
            return not_ready(issuer, missing->message);
        TRY(TAKE(missing));
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

void acme_account_doubt(const struct issuer_env *env, const struct issuer *issuer)
{
    acme_registry_doubt(env, issuer);
}

/* ---- registration ---- */

/* One look at an Issuer. */
struct pass {
    const struct issuer_env *env;
    const struct issuer *issuer;
    const struct acme_issuer *acme;
    struct pki_key *key;
    char *hash;
    struct acme_ca *ca;
    struct acme_directory directory;
};

static void pass_release(struct pass *p)
{
    pki_key_free(p->key);
    free(p->hash);
    acme_ca_free(p->ca);
    acme_directory_release(&p->directory);
}

static const char *email_of(const struct pass *p)
{
    return str_empty(p->acme->email) ? NULL : p->acme->email;
}

static bool is_registered(const struct pass *p)
{
    const struct acme_issuer_status *s = &p->issuer->status.acme;
    return !str_empty(s->uri) && str_eq(s->last_private_key_hash, p->hash) &&
           str_eq(str_or(s->last_registered_email, ""), str_or(p->acme->email, ""));
}

/* A private CA is met first as a TLS error: say which field it is about. */
static struct err *trust_hint(const struct pass *p, struct err *e)
{
    if (e == NULL || !str_eq(e->reason, "TLSFailed"))
        return e;
    struct err *better = err_new(e->kind, e->reason, "%s: %s spec.acme.caBundle", e->message,
                                 str_empty(p->acme->ca_bundle)
                                     ? "for a CA that the system does not trust, put its root into"
                                     : "does the server's certificate chain up to");
    err_free(e);
    return better;
}

static struct err *no_binding(const struct pass *p, const char *cause)
{
    return err_new(ERR_INVALID, "ExternalAccountRequired",
                   "the CA %.200s serves known customers only (%s): write "
                   "spec.acme.externalAccountBinding with the key ID and the MAC key that it gave "
                   "you",
                   p->acme->server, cause);
}

/* What to do about a refusal of the CA, which knows nothing of our fields. */
static struct err *refusal_hint(const struct pass *p, struct err *e)
{
    if (e == NULL || (e->kind != ERR_DENIED && e->kind != ERR_INVALID))
        return e;
    struct err *better = NULL;
    const struct secret_key_selector *ref = &p->acme->private_key_secret_ref;
    if (str_eq(e->reason, "AccountNotValid"))
        better = err_new(
            ERR_DENIED, e->reason, "%s: delete Secret %s/%s%s to begin anew with another account",
            e->message, issuer_secret_namespace(p->env, p->issuer), ref->name,
            p->acme->disable_account_key_generation ? " or put another key there" : "");
    else if (p->acme->external_account_binding != NULL)
        better = err_new(ERR_DENIED, "ExternalAccountRefused",
                         "%s: do spec.acme.externalAccountBinding.keyID, keyAlgorithm and its "
                         "Secret hold what the CA gave you? Such keys expire, and some CAs take "
                         "each only once: then ask the CA for another",
                         e->message);
    else if (str_eq(e->reason, "ExternalAccountRequired"))
        better = no_binding(p, e->message);
    if (better == NULL)
        return e;
    err_free(e);
    return better;
}

/* Asking first costs a request, and not asking a binding that is good for one account only. */
static bool looks_first(const struct pass *p)
{
    return p->acme->external_account_binding != NULL || p->directory.external_account_required ||
           acme_registry_doubts(p->env, p->issuer);
}

static struct err *make_account(const struct pass *p, struct acme_registration *ret_registration)
{
    AUTO_ACME_BINDING b = {0};
    TRY(acme_binding_read(p->env, p->issuer, &b));
    if (p->directory.external_account_required && b.binding.key_id == NULL)
        return no_binding(p, "externalAccountRequired in its directory");
    return refusal_hint(p, acme_account_register(p->ca, p->key, email_of(p),
                                                 b.binding.key_id != NULL ? &b.binding : NULL,
                                                 ret_registration));
}

static struct err *find_or_make(const struct pass *p, struct acme_registration *ret_registration)
{
    if (!looks_first(p))
        return make_account(p, ret_registration);
    struct err *e = acme_account_find(p->ca, p->key, ret_registration);
    if (e == NULL || !str_eq(e->reason, "AccountDoesNotExist"))
        return e != NULL && str_eq(e->reason, "AccountNotValid") ? refusal_hint(p, e) : e;
    err_free(e);
    return make_account(p, ret_registration);
}

static struct err *register_account(const struct pass *p, char **ret_url)
{
    AUTO(acme_registration_release) struct acme_registration reg = {0};
    TRY(find_or_make(p, &reg));
    const struct acme_account account = {.ca = p->ca, .key = p->key, .url = reg.url};
    if (!reg.created && !str_eq(str_or(reg.email, ""), str_or(p->acme->email, "")))
        TRY(acme_account_update(&account, email_of(p)), "updating the contact");
    *ret_url = TAKE(reg.url);
    return NULL;
}

static void fill_ready(struct issuer_readiness *r, const struct pass *p, char *uri,
                       const char *terms)
{
    r->ready = true;
    r->reason = "ACMEAccountRegistered";
    r->message = x_strdup("The ACME account is registered with the ACME server");
    r->acme.uri = uri;
    r->acme.last_private_key_hash = x_strdup(p->hash);
    r->acme.last_registered_email = x_strdup_or_null(p->acme->email);
    r->acme.thumbprint = pki_jwk_thumbprint(p->key);
    r->acme.terms_of_service = x_strdup_or_null(terms);
}

struct err *acme_account_ensure(const struct issuer_env *env, const struct issuer *issuer,
                                struct issuer_readiness *ret_readiness)
{
    AUTO(pass_release)
    struct pass p = {.env = env, .issuer = issuer, .acme = issuer->spec.acme};
    TRY(acme_key_ensure(env, issuer, &p.key));
    p.hash = acme_key_hash(p.key, p.acme->server);
    acme_registry_put_key(env, issuer, p.key, p.hash);
    if (is_registered(&p) && !acme_registry_doubts(env, issuer)) {
        const struct acme_issuer_status *s = &issuer->status.acme;
        fill_ready(ret_readiness, &p, x_strdup(s->uri), s->terms_of_service);
        return NULL;
    }
    TRY(acme_registry_ca(env, issuer, &p.ca));
    TRY(trust_hint(&p, acme_ca_directory(p.ca, &p.directory)));
    char *url = NULL;
    TRY(register_account(&p, &url));
    acme_registry_trust(env, issuer);
    fill_ready(ret_readiness, &p, url, p.directory.terms_of_service);
    return NULL;
}
