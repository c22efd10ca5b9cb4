/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_binding.h"
#include "issuers/acme_pass.h"
#include "issuers/acme_registry.h"

void acme_pass_release(struct acme_pass *p)
{
    acme_keys_release(&p->keys);
    free(p->hash);
    acme_ca_free(p->ca);
    acme_directory_release(&p->directory);
}

static const char *email_of(const struct acme_pass *p)
{
    return str_empty(p->acme->email) ? NULL : p->acme->email;
}

struct err *acme_pass_connect(struct acme_pass *p)
{
    if (p->directory.new_account != NULL)
        return NULL;
    if (p->ca == NULL)
        TRY(acme_registry_ca(p->env, p->issuer, &p->ca));
    return http_trust_advice(acme_ca_directory(p->ca, &p->directory),
                             str_empty(p->acme->ca_bundle)
                                 ? "for a CA that the system does not trust, put its root into "
                                   "spec.acme.caBundle"
                                 : "does the server's certificate chain up to spec.acme.caBundle");
}

bool acme_account_is_gone(const struct err *e)
{
    return e != NULL && (str_eq(e->reason, "AccountDoesNotExist") ||
                         str_eq(e->reason, "AccountNotValid") || str_eq(e->reason, "Unauthorized"));
}

/* ---- refusals ---- */

static struct err *no_binding(const struct acme_pass *p, const char *cause)
{
    return err_new(ERR_INVALID, "ExternalAccountRequired",
                   "the CA %.200s serves known customers only (%s): write "
                   "spec.acme.externalAccountBinding with the key ID and the MAC key that it gave "
                   "you",
                   p->acme->server, cause);
}

/* CAs refuse a binding by one of these types, or by none. Contact and key have types of their own. */
static bool is_about_binding(const struct err *e)
{
    return str_starts(e->reason, "ExternalAccount") || str_eq(e->reason, "Unauthorized") ||
           str_eq(e->reason, "Malformed") || str_starts(e->reason, "HTTP");
}

/* What to do about a refusal of the CA, which knows nothing of our fields. */
static struct err *refusal_hint(const struct acme_pass *p, struct err *e)
{
    if (e == NULL || (e->kind != ERR_DENIED && e->kind != ERR_INVALID))
        return e;
    struct err *better = NULL;
    const struct secret_key_selector *ref = &p->acme->private_key_secret_ref;
    if (str_eq(e->reason, "UserActionRequired"))
        return e; /* it says itself what to do */
    bool unknown = str_eq(e->reason, "Unauthorized") && p->acme->external_account_binding == NULL;
    if (str_eq(e->reason, "AccountNotValid") || unknown)
        better =
            err_new(ERR_DENIED, "AccountNotValid",
                    "%s: delete Secret %s/%s%s to begin anew with another account", e->message,
                    issuer_secret_namespace(p->env, p->issuer), ref->name,
                    p->acme->disable_account_key_generation ? " or put another key there" : "");
    else if (p->acme->external_account_binding != NULL && is_about_binding(e))
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

/* ---- find, or make ---- */

/* Asking first costs a request, and not asking a binding that is good for one account only. */
static bool looks_first(const struct acme_pass *p)
{
    return p->acme->external_account_binding != NULL || p->directory.external_account_required ||
           acme_registry_doubts(p->env, p->issuer);
}

static struct err *make_account(const struct acme_pass *p,
                                struct acme_registration *ret_registration)
{
    AUTO_ACME_BINDING b = {0};
    TRY(acme_binding_read(p->env, p->issuer, &b));
    if (p->directory.external_account_required && b.binding.key_id == NULL)
        return no_binding(p, "externalAccountRequired in its directory");
    return refusal_hint(p, acme_account_register(p->ca, p->keys.key, email_of(p),
                                                 b.binding.key_id != NULL ? &b.binding : NULL,
                                                 ret_registration));
}

/* Some CAs answer nothing without external account data, not even whether they know a key. */
static bool is_unknown(const struct acme_pass *p, const struct err *e)
{
    return str_eq(e->reason, "AccountDoesNotExist") ||
           (str_eq(e->reason, "ExternalAccountRequired") &&
            p->acme->external_account_binding != NULL);
}

static struct err *find_or_make(const struct acme_pass *p,
                                struct acme_registration *ret_registration)
{
    if (!looks_first(p))
        return make_account(p, ret_registration);
    struct err *e = acme_account_find(p->ca, p->keys.key, ret_registration);
    if (e == NULL || !is_unknown(p, e))
        return e != NULL && str_eq(e->reason, "AccountNotValid") ? refusal_hint(p, e) : e;
    err_free(e);
    return make_account(p, ret_registration);
}

struct err *acme_register(struct acme_pass *p, char **ret_url)
{
    TRY(acme_pass_connect(p));
    AUTO(acme_registration_release) struct acme_registration reg = {0};
    TRY(find_or_make(p, &reg));
    const struct acme_account account = {.ca = p->ca, .key = p->keys.key, .url = reg.url};
    if (!reg.created && !str_eq(str_or(reg.email, ""), str_or(p->acme->email, "")))
        TRY(acme_account_update(&account, email_of(p)), "updating the contact");
    *ret_url = TAKE(reg.url);
    return NULL;
}
