/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/acme_account.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "acme/account.h"
#include "acme/order.h"
#include "base/encode.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/secret.h"
#include "pki/cert.h"
#include "pki/jws.h"

#define CA_BUNDLE_MAX (256 * 1024)

struct acme_accounts {
    pthread_mutex_t lock;
    struct map cas;  /* "server|bundle hash|skip" -> struct acme_ca */
    struct map keys; /* uid of the Issuer -> struct account_key */
    struct map lost; /* uid of the Issuer -> its account's URL, which the CA has forgotten */
};

/* The key last read for an Issuer, and the hash it was registered under. */
struct account_key {
    struct pki_key *key;
    char *hash;
};

static void account_key_free(void *value)
{
    struct account_key *k = value;
    pki_key_free(k->key);
    free(k->hash);
    free(k);
}

static void ca_free(void *value)
{
    acme_ca_free(value);
}

struct acme_accounts *acme_accounts_new(void)
{
    struct acme_accounts *a = x_calloc(1, sizeof(*a));
    pthread_mutex_init(&a->lock, NULL);
    a->cas = MAP_INIT(ca_free);
    a->keys = MAP_INIT(account_key_free);
    a->lost = MAP_INIT(free);
    return a;
}

void acme_accounts_free(struct acme_accounts *a)
{
    if (a == NULL)
        return;
    map_release(&a->cas);
    map_release(&a->keys);
    map_release(&a->lost);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

void acme_handle_release(struct acme_handle *h)
{
    acme_ca_free(h->account.ca);
    pki_key_free(h->account.key);
    free(h->url);
    free(h->thumbprint);
    *h = (struct acme_handle){0};
}

/* ---- the CA of an Issuer ---- */

static struct err *bundle_of(const struct acme_issuer *acme, char **ret_pem)
{
    *ret_pem = NULL;
    if (str_empty(acme->ca_bundle))
        return NULL;
    size_t len = strnlen(acme->ca_bundle, CA_BUNDLE_MAX + 1);
    if (len > CA_BUNDLE_MAX)
        return err_new(ERR_INVALID, "InvalidConfig", "spec.acme.caBundle: over %d bytes",
                       CA_BUNDLE_MAX);
    auto_free char *pem = NULL;
    TRY(base64_decode(acme->ca_bundle, len, &pem, &len));
    AUTO(pki_cert_release) struct pki_cert first = {0};
    TRY(pki_cert_parse(pem, len, &first), "write PEM certificates in base64");
    *ret_pem = TAKE(pem);
    return NULL;
}

/* Issuers with the same server and trust share one CA, and with it directory and nonces. A CA made
 * for a tenant is guarded, so it is never shared with a ClusterIssuer's. */
static struct err *ca_of(const struct issuer_env *env, const struct issuer *issuer,
                         struct acme_ca **ret_ca)
{
    const struct acme_issuer *acme = issuer->spec.acme;
    bool tenant = issuer->obj.meta.namespace != NULL;
    auto_free char *pem = NULL;
    TRY(bundle_of(acme, &pem), "spec.acme.caBundle");
    char hash[PKI_SHA256_HEX] = "";
    if (pem != NULL)
        pki_sha256_hex(pem, strlen(pem), hash);
    auto_free char *key = x_printf("%s|%s|%d%d", acme->server, hash, acme->skip_tls_verify, tenant);
    struct acme_accounts *a = env->accounts;
    pthread_mutex_lock(&a->lock);
    struct acme_ca *ca = map_get(&a->cas, key);
    if (ca == NULL) {
        ca = acme_ca_new(&(struct acme_ca_options){
            .directory_url = acme->server,
            .ca_pem = pem,
            .skip_verify = acme->skip_tls_verify,
            .guarded = tenant,
            .transport = env->outside,
            .clock = env->clock,
            .stop = env->stop,
        });
        map_put(&a->cas, key, ca);
    }
    *ret_ca = acme_ca_ref(ca);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- the key of an Issuer ---- */

/* Which account this is: another key or another server is another account. */
static char *account_hash(const struct pki_key *key, const char *server)
{
    char spki[PKI_SHA256_HEX];
    pki_key_spki_sha256(key, spki);
    auto_free char *both = x_printf("%s %s", spki, server);
    char out[PKI_SHA256_HEX];
    pki_sha256_hex(both, strlen(both), out);
    return x_strdup(out);
}

static struct err *read_key(const struct issuer_env *env, const struct issuer *issuer,
                            struct pki_key **ret_key)
{
    const struct secret_key_selector *ref = &issuer->spec.acme->private_key_secret_ref;
    const char *ns = issuer_secret_namespace(env, issuer);
    AUTO(secret_release) struct secret pem = {0};
    TRY(kube_secret_value(env->kube, ns, ref->name, str_or(ref->key, "tls.key"), &pem));
    return err_wrap(pki_key_parse(pem.data, pem.len, ret_key),
                    "Secret %s/%s, spec.acme.privateKeySecretRef", ns, ref->name);
}

/* POST, never apply: of two writers one wins, and the other reads the winner's key. */
static struct err *create_key(const struct issuer_env *env, const struct issuer *issuer)
{
    const struct secret_key_selector *ref = &issuer->spec.acme->private_key_secret_ref;
    const char *ns = issuer_secret_namespace(env, issuer);
    AUTO_KEY key = NULL;
    TRY(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    AUTO(secret_release) struct secret pem = {0};
    TRY(pki_key_pem(key, PKI_PKCS8, &pem));
    json_auto_t *body =
        json_build("{s:s,s:s,s:s,s:{s:s,s:s},s:{}}", "apiVersion", "v1", "kind", "Secret", "type",
                   "Opaque", "metadata", "name", ref->name, "namespace", ns, "data");
    secret_json_put(JGET(body, "data"), str_or(ref->key, "tls.key"), pem.data, pem.len);
    const struct kube_ref to = {.res = &res_secret, .ns = ns, .name = ref->name};
    return err_ignore(kube_create(env->kube, &to, KUBE_SECRET, body, NULL), ERR_CONFLICT);
}

static struct err *ensure_key(const struct issuer_env *env, const struct issuer *issuer,
                              struct pki_key **ret_key)
{
    struct err *e = read_key(env, issuer, ret_key);
    if (!err_is(e, ERR_NOT_FOUND) || str_eq(e->reason, "MissingData"))
        return e;
    if (issuer->spec.acme->disable_account_key_generation)
        return err_wrap(e, "spec.acme.disableAccountKeyGeneration is set and the key is missing");
    err_free(e);
    TRY(create_key(env, issuer), "creating the account key");
    return read_key(env, issuer, ret_key);
}

static void remember_key(const struct issuer_env *env, const struct issuer *issuer,
                         struct pki_key *key, const char *hash)
{
    struct account_key *k = x_calloc(1, sizeof(*k));
    k->key = pki_key_ref(key);
    k->hash = x_strdup(hash);
    pthread_mutex_lock(&env->accounts->lock);
    map_put(&env->accounts->keys, issuer->obj.meta.uid, k);
    pthread_mutex_unlock(&env->accounts->lock);
}

static struct pki_key *recall_key(const struct issuer_env *env, const struct issuer *issuer)
{
    pthread_mutex_lock(&env->accounts->lock);
    const struct account_key *k = map_get(&env->accounts->keys, issuer->obj.meta.uid);
    struct pki_key *key = NULL;
    if (k != NULL && str_eq(k->hash, issuer->status.acme.last_private_key_hash))
        key = pki_key_ref(k->key);
    pthread_mutex_unlock(&env->accounts->lock);
    return key;
}

/* ---- the seam ---- */

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
    AUTO_KEY key = recall_key(env, issuer);
    if (key == NULL) {
        AUTO_ERR missing = read_key(env, issuer, &key);
        if (err_is(missing, ERR_NOT_FOUND))
            return not_ready(issuer, missing->message);
        TRY(TAKE(missing));
        auto_free char *hash = account_hash(key, issuer->spec.acme->server);
        if (!str_eq(hash, status->last_private_key_hash))
            return not_ready(issuer, "the account key or the server has changed; it is being "
                                     "registered again");
        remember_key(env, issuer, key, hash);
    }
    struct acme_ca *ca = NULL;
    TRY(ca_of(env, issuer, &ca));
    char *url = x_strdup(status->uri);
    *ret_handle = (struct acme_handle){
        .account = {.ca = ca, .key = TAKE(key), .url = url},
        .url = url,
    };
    ret_handle->thumbprint = pki_jwk_thumbprint(ret_handle->account.key);
    return NULL;
}

void acme_account_lost(const struct issuer_env *env, const struct issuer *issuer)
{
    pthread_mutex_lock(&env->accounts->lock);
    map_put(&env->accounts->lost, issuer->obj.meta.uid,
            x_strdup(str_or(issuer->status.acme.uri, "")));
    pthread_mutex_unlock(&env->accounts->lock);
}

static bool is_lost(const struct issuer_env *env, const struct issuer *issuer)
{
    pthread_mutex_lock(&env->accounts->lock);
    bool lost =
        str_eq(map_get(&env->accounts->lost, issuer->obj.meta.uid), issuer->status.acme.uri);
    pthread_mutex_unlock(&env->accounts->lock);
    return lost;
}

static void forget_loss(const struct issuer_env *env, const struct issuer *issuer)
{
    pthread_mutex_lock(&env->accounts->lock);
    map_remove(&env->accounts->lost, issuer->obj.meta.uid);
    pthread_mutex_unlock(&env->accounts->lock);
}

static bool is_registered(const struct issuer *issuer, const char *hash)
{
    const struct acme_issuer_status *s = &issuer->status.acme;
    return !str_empty(s->uri) && str_eq(s->last_private_key_hash, hash) &&
           str_eq(str_or(s->last_registered_email, ""), str_or(issuer->spec.acme->email, ""));
}

/* The strings of account are taken over. */
static void fill_ready(struct issuer_readiness *r, const struct issuer *issuer,
                       const struct pki_key *key, struct acme_issuer_status account)
{
    r->ready = true;
    r->reason = "ACMEAccountRegistered";
    r->message = x_strdup("The ACME account is registered with the ACME server");
    r->acme = account;
    r->acme.thumbprint = pki_jwk_thumbprint(key);
    r->acme.last_registered_email = x_strdup_or_null(issuer->spec.acme->email);
}

static struct err *register_account(struct acme_ca *ca, struct pki_key *key,
                                    const struct issuer *issuer, char **ret_url)
{
    const char *email = str_empty(issuer->spec.acme->email) ? NULL : issuer->spec.acme->email;
    AUTO(acme_registration_release) struct acme_registration reg = {0};
    TRY(acme_account_register(ca, key, email, &reg));
    const struct acme_account account = {.ca = ca, .key = key, .url = reg.url};
    if (!reg.created && !str_eq(str_or(reg.email, ""), str_or(email, "")))
        TRY(acme_account_update(&account, email), "updating the contact");
    *ret_url = TAKE(reg.url);
    return NULL;
}

/* A private CA is met first as a TLS error: say which field it is about. */
static struct err *trust_hint(const struct issuer *issuer, struct err *e)
{
    if (e == NULL || !str_eq(e->reason, "TLSFailed"))
        return e;
    struct err *better = err_new(e->kind, e->reason, "%s: %s spec.acme.caBundle", e->message,
                                 str_empty(issuer->spec.acme->ca_bundle)
                                     ? "for a CA that the system does not trust, put its root into"
                                     : "does the server's certificate chain up to");
    err_free(e);
    return better;
}

struct err *acme_account_ensure(const struct issuer_env *env, const struct issuer *issuer,
                                struct issuer_readiness *ret_readiness)
{
    AUTO_KEY key = NULL;
    TRY(ensure_key(env, issuer, &key));
    auto_free char *hash = account_hash(key, issuer->spec.acme->server);
    remember_key(env, issuer, key, hash);
    if (is_registered(issuer, hash) && !is_lost(env, issuer)) {
        fill_ready(ret_readiness, issuer, key,
                   (struct acme_issuer_status){
                       .uri = x_strdup(issuer->status.acme.uri),
                       .last_private_key_hash = TAKE(hash),
                       .terms_of_service = x_strdup_or_null(issuer->status.acme.terms_of_service)});
        return NULL;
    }
    struct acme_ca *ca_owned = NULL;
    TRY(ca_of(env, issuer, &ca_owned));
    AUTO_ACME_HANDLE holder = {.account.ca = ca_owned};
    AUTO(acme_directory_release) struct acme_directory directory = {0};
    TRY(trust_hint(issuer, acme_ca_directory(ca_owned, &directory)));
    char *url = NULL;
    TRY(register_account(ca_owned, key, issuer, &url));
    forget_loss(env, issuer);
    fill_ready(ret_readiness, issuer, key,
               (struct acme_issuer_status){.uri = url,
                                           .last_private_key_hash = TAKE(hash),
                                           .terms_of_service = TAKE(directory.terms_of_service)});
    return NULL;
}
