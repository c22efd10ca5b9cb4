/* SPDX-License-Identifier: Apache-2.0 */
#include "reconcilers/revocation.h"

#include <stdlib.h>
#include <string.h>

#include "acme/revoke.h"
#include "api/revocation.h"
#include "base/encode.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_registry.h"
#include "kube/secret.h"
#include "pki/cert.h"
#include "reconcilers/acme_wait.h"

/* What is to be revoked, and who can. */
struct target {
    const struct env *env;
    const struct certificate *crt;
    unsigned char *der;
    size_t der_len;
    struct pki_key *key; /* the certificate's own; NULL when it is not at hand */
    char *issuer_name;   /* who issued it */
    char *issuer_kind;
    char *issuer_group;
    const struct issuer *issuer;
};

static void target_release(struct target *t)
{
    object_unref(t->crt);
    object_unref(t->issuer);
    free(t->der);
    pki_key_free(t->key);
    free(t->issuer_name);
    free(t->issuer_kind);
    free(t->issuer_group);
}

bool revocation_is_open(const struct certificate *crt)
{
    const struct certificate_revocation *r = &crt->status.revocation;
    return !str_empty(r->request) && !str_empty(r->serial_number) && r->time == 0;
}

/* Of the wish that is in status: one for the same certificate may have another reason. Owned. */
static char *name_of_wish(const struct certificate *crt)
{
    const struct certificate_revocation *r = &crt->status.revocation;
    return x_printf("%s %s\n", r->serial_number, r->request);
}

static void set_end(const struct env *env, const struct certificate *crt, const char *message)
{
    auto_free char *wish = name_of_wish(crt);
    auto_free char *text = x_printf("%s%s", wish, message);
    memo_set_text(env->revoked, crt->obj.meta.uid, text);
}

char *revocation_end(const struct env *env, const struct certificate *crt)
{
    auto_free char *wish = name_of_wish(crt);
    auto_free char *text = memo_text(env->revoked, crt->obj.meta.uid);
    return str_starts(text, wish) ? x_strdup(text + strlen(wish)) : NULL;
}

static void came_from(struct target *t, const char *name, const char *kind, const char *group)
{
    t->issuer_name = x_strdup_or_null(name);
    t->issuer_kind = x_strdup_or_null(kind);
    t->issuer_group = x_strdup_or_null(group);
}

/* Takes the certificate when it is the one; everything else is none of our business. */
static bool take_if_meant(struct target *t, const void *pem, size_t len)
{
    AUTO(pki_cert_release) struct pki_cert cert = {0};
    AUTO_ERR unreadable = pki_cert_parse(pem, len, &cert);
    if (unreadable == NULL && str_eq(cert.serial, t->crt->status.revocation.serial_number))
        err_drop(pki_cert_der(pem, len, &t->der, &t->der_len)); /* it was parsed just now */
    return t->der != NULL;
}

/* The account of an issuer may be shared, and anyone who can write Secrets can put somebody else's certificate into
 * one: only with its private key beside it is it this Certificate's. */
static struct err *look_into_secret(struct target *t)
{
    const char *ns = t->crt->obj.meta.namespace;
    const struct kube_ref ref = {.res = &res_secret, .ns = ns, .name = t->crt->spec.secret_name};
    json_auto_t *json = NULL;
    AUTO(secret_release) struct secret chain = {0};
    AUTO(secret_release) struct secret pem = {0};
    AUTO(pki_cert_release) struct pki_cert cert = {0};
    AUTO_KEY key = NULL;
    TRY(err_ignore(kube_get(t->env->kube, &ref, KUBE_SECRET, &json), ERR_NOT_FOUND));
    AUTO_ERR unusable = json == NULL ? NULL : secret_json_value(json, "tls.crt", &chain);
    if (json == NULL || unusable != NULL)
        return NULL;
    unusable = secret_json_value(json, "tls.key", &pem);
    if (unusable == NULL)
        unusable = pki_key_parse(pem.data, pem.len, &key);
    if (unusable == NULL)
        unusable = pki_cert_parse(chain.data, chain.len, &cert);
    if (unusable != NULL || !pki_key_equal(key, cert.public_key) ||
        !take_if_meant(t, chain.data, chain.len))
        return NULL;
    t->key = TAKE(key);
    const struct api_names *n = api_names();
    const json_t *a = JGET(json, "metadata", "annotations");
    came_from(t, JSTR(a, n->issuer_name), JSTR(a, n->issuer_kind), JSTR(a, n->issuer_group));
    return NULL;
}

/* Only issuers write the status of a request, so what is there was issued for it. */
static struct err *look_into_requests(struct target *t)
{
    AUTO_OBJECT_LIST all = {0};
    TRY(cache_by_index(t->env->requests.cache, t->env->requests_by_owner, t->crt->obj.meta.uid,
                       &all));
    for (size_t i = 0; i < all.len && t->der == NULL; i++) {
        const struct certificate_request *r = all.items[i];
        auto_free char *pem = NULL;
        size_t len = 0;
        if (r->status.certificate == NULL)
            continue;
        AUTO_ERR unreadable =
            base64_decode(r->status.certificate, strlen(r->status.certificate), &pem, &len);
        if (unreadable == NULL && take_if_meant(t, pem, len))
            came_from(t, r->spec.issuer_ref.name, r->spec.issuer_ref.kind,
                      r->spec.issuer_ref.group);
    }
    return NULL;
}

static struct err *find_target(struct target *t)
{
    TRY(look_into_secret(t));
    if (t->der == NULL)
        TRY(look_into_requests(t));
    if (t->der == NULL)
        return err_new(ERR_INVALID, "CertificateNotFound",
                       "neither Secret %s nor a CertificateRequest of this Certificate has a "
                       "certificate with that serial number (and, in the Secret, its key)",
                       t->crt->spec.secret_name);
    const struct issuer_ref ref = {t->issuer_name, t->issuer_kind, t->issuer_group};
    if (!str_empty(ref.name) && issuer_ref_is_ours(&ref))
        TRY(env_issuer(t->env, &ref, t->crt->obj.meta.namespace, &t->issuer));
    if (t->issuer == NULL || t->issuer->spec.acme == NULL)
        return err_new(ERR_INVALID, "NotRevocable",
                       "%s %s is not an ACME issuer that certroll has: only those are told to "
                       "revoke; ask its CA",
                       issuer_ref_kind(&ref), str_or(ref.name, "(unknown)"));
    return NULL;
}

/* Whoever has the key may revoke (RFC 8555 section 7.6): what another account ordered, or one that cannot be used any
 * more or just now. */
static bool own_key_may_help(const struct target *t, const struct err *e)
{
    bool not_by_account =
        err_is(e, ERR_DENIED) && !e->by_api_server && !str_eq(e->reason, "AddressForbidden");
    return t->key != NULL && (not_by_account || (e != NULL && str_eq(e->reason, "IssuerNotReady")));
}

/* What the API server refuses says nothing of the CA: the right to read the Secret may come back in a moment. */
static bool is_final(const struct err *e)
{
    return (e->kind == ERR_INVALID || e->kind == ERR_DENIED) && !e->by_api_server;
}

static struct err *revoke_by_key(struct target *t, struct acme_handle *account, int reason)
{
    if (account->account.ca == NULL)
        TRY(acme_registry_ca(&t->env->issuer_env, t->issuer, &account->account.ca));
    const struct acme_account own = {.ca = account->account.ca, .key = t->key};
    return err_wrap(acme_revoke(&own, t->der, t->der_len, reason),
                    "by the certificate's own key, as the issuer's account cannot");
}

/* By the account that is the issuer's now, or else by the certificate's own key. A CA that does not take that one may
 * still take the account, when there is one again. */
static struct err *revoke(struct target *t)
{
    struct revocation_request wish;
    TRY(revocation_request_parse(t->crt->status.revocation.request, &wish));
    AUTO_ACME_HANDLE account = {0};
    AUTO_ERR by_account = acme_account_get(&t->env->issuer_env, t->issuer, &account);
    bool has_account = by_account == NULL;
    if (has_account)
        by_account = acme_revoke(&account.account, t->der, t->der_len, wish.reason);
    if (!own_key_may_help(t, by_account))
        return TAKE(by_account);
    struct err *e = revoke_by_key(t, &account, wish.reason);
    if (has_account || e == NULL || !is_final(e))
        return e;
    err_free(e);
    return TAKE(by_account);
}

static struct err *find_and_revoke(struct target *t)
{
    TRY(find_target(t));
    return revoke(t);
}

/* What is refused for good is told, what may pass is tried again: by the Certificate's passes, too, but not before the CA
 * allows it. */
struct err *revocation_reconcile(void *arg, const struct object_name *name, int64_t *ret_next)
{
    const struct env *env = arg;
    AUTO(target_release) struct target t = {.env = env};
    TRY(store_get(&env->certificates, name->ns, name->name, (const void **)&t.crt));
    if (t.crt == NULL || t.crt->obj.meta.deletion_timestamp != 0 || !revocation_is_open(t.crt))
        return NULL;
    const char *uid = t.crt->obj.meta.uid;
    auto_free char *ended = revocation_end(env, t.crt);
    if (ended != NULL || acme_is_held(env, uid, ret_next))
        return NULL;
    struct err *e = acme_hold(env, uid, find_and_revoke(&t));
    if (e != NULL && !is_final(e))
        return e;
    if (e == NULL)
        log_info("certificate revoked", L_STR("serial", t.crt->status.revocation.serial_number));
    set_end(env, t.crt, e != NULL ? e->message : "");
    controller_enqueue(env->controllers.certificate, name->ns, name->name);
    err_free(e);
    return NULL;
}
