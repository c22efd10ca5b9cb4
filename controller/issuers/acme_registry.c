/* SPDX-License-Identifier: Apache-2.0 */
#include "issuers/acme_registry.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "issuers/acme_account.h"
#include "metrics/metrics.h"
#include "pki/cert.h"

#define CA_BUNDLE_MAX (256 * 1024)

struct acme_accounts {
    pthread_mutex_t lock;
    struct map cas;     /* "server|bundle hash|skip" -> struct shared_ca */
    struct map issuers; /* uid of the Issuer -> struct known */
};

struct shared_ca {
    struct acme_ca *ca;
    size_t users; /* Issuers; none: it goes */
};

struct known {
    char *ca;    /* key into cas, or NULL */
    char *asked; /* what that was looked up for, in short */
    struct pki_key *key;
    char *hash; /* of the account that the key is for */
    struct pki_key *read_key;
    char *read_hash;   /* of the text that it was read from */
    int64_t next_look; /* mono ns */
    struct rotation {
        int64_t since; /* mono ns, as below; 0 = not wanted */
        int64_t again; /* 0 = it was not refused */
        char *wish, *why;
    } rotation;
    char *doubted; /* URL of the account that the CA may have forgotten, or NULL */
};

static void shared_ca_free(void *value)
{
    struct shared_ca *s = value;
    acme_ca_free(s->ca);
    free(s);
}

static void known_free(void *value)
{
    struct known *k = value;
    pki_key_free(k->key);
    pki_key_free(k->read_key);
    free(k->read_hash);
    free(k->ca);
    free(k->asked);
    free(k->hash);
    free(k->doubted);
    free(k->rotation.wish);
    free(k->rotation.why);
    free(k);
}

struct acme_accounts *acme_accounts_new(void)
{
    struct acme_accounts *a = x_calloc(1, sizeof(*a));
    pthread_mutex_init(&a->lock, NULL);
    a->cas = MAP_INIT(shared_ca_free);
    a->issuers = MAP_INIT(known_free);
    return a;
}

void acme_accounts_free(struct acme_accounts *a)
{
    if (a == NULL)
        return;
    map_release(&a->cas);
    map_release(&a->issuers);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* Lock held, here and below. */
static struct known *known_of(struct acme_accounts *a, const char *uid)
{
    struct known *k = map_get(&a->issuers, uid);
    if (k == NULL) {
        k = x_calloc(1, sizeof(*k));
        map_put(&a->issuers, uid, k);
    }
    return k;
}

/* ---- what is counted ---- */

static struct metric *requests, *seconds;

static void make_metrics(void)
{
    requests = metrics_counter(metrics_default(), "certroll_acme_requests_total",
                               "Requests to ACME servers; status 0: no answer. host is empty for "
                               "Issuers.",
                               "host", "action", "status");
    seconds = metrics_histogram(metrics_default(), "certroll_acme_request_duration_seconds",
                                "Time of one request to an ACME server.", &metric_seconds, "host");
}

/* Hosts of tenants are not told apart: there may be any number of them. */
static void count_request(const char *host, const char *action, int status, int64_t duration)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char code[12];
    pthread_once(&once, make_metrics);
    snprintf(code, sizeof(code), "%d", status);
    metric_add(requests, 1, host, action, code);
    metric_observe(seconds, (double)duration / (double)NS_PER_SEC, host);
}

static void on_request(void *arg, const char *host, const char *action, int status,
                       int64_t duration)
{
    (void)arg;
    count_request(host, action, status, duration);
}

static void on_request_of_tenant(void *arg, const char *host, const char *action, int status,
                                 int64_t duration)
{
    (void)arg, (void)host;
    count_request("", action, status, duration);
}

/* ---- servers ---- */

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

static void leave_ca(struct acme_accounts *a, struct known *k)
{
    struct shared_ca *s = k->ca != NULL ? map_get(&a->cas, k->ca) : NULL;
    if (s != NULL && --s->users == 0)
        map_remove(&a->cas, k->ca);
    free(k->ca);
    k->ca = NULL;
}

/* The CA under that key with one more user, made when it is new. */
static void join_ca(struct acme_accounts *a, struct known *k, const char *key,
                    const struct acme_ca_options *o)
{
    struct shared_ca *s = map_get(&a->cas, key);
    if (s == NULL) {
        s = x_calloc(1, sizeof(*s));
        s->ca = acme_ca_new(o);
        map_put(&a->cas, key, s);
    }
    s->users++;
    k->ca = x_strdup(key);
}

/* The CA that the Issuer had the last time, when it asks for the same; or NULL. */
static struct acme_ca *ca_as_before(struct acme_accounts *a, const char *uid, const char *asked)
{
    const struct known *k = map_get(&a->issuers, uid);
    bool same = k != NULL && k->ca != NULL && str_eq(k->asked, asked);
    const struct shared_ca *s = same ? map_get(&a->cas, k->ca) : NULL;
    return s != NULL ? acme_ca_ref(s->ca) : NULL;
}

/* Tells one Issuer's wishes apart, a tenth of the work of ca_key(): each step of an order asks. */
static char *asked_of(const struct acme_issuer *acme, bool tenant)
{
    const char *bundle = str_or(acme->ca_bundle, "");
    return x_printf("%s|%zx|%d%d", acme->server, map_hash(bundle, strlen(bundle)),
                    acme->skip_tls_verify, tenant);
}

/* A CA made for a tenant is guarded, so it is never shared with a ClusterIssuer's. */
static char *ca_key(const struct acme_issuer *acme, bool tenant)
{
    char hash[PKI_SHA256_HEX] = "";
    if (!str_empty(acme->ca_bundle))
        pki_sha256_hex(acme->ca_bundle, strlen(acme->ca_bundle), hash);
    return x_printf("%s|%s|%d%d", acme->server, hash, acme->skip_tls_verify, tenant);
}

struct err *acme_registry_ca(const struct issuer_env *env, const struct issuer *issuer,
                             struct acme_ca **ret_ca)
{
    const struct acme_issuer *acme = issuer->spec.acme;
    bool tenant = issuer->obj.meta.namespace != NULL;
    auto_free char *asked = asked_of(acme, tenant);
    struct acme_accounts *a = env->accounts;
    pthread_mutex_lock(&a->lock);
    struct acme_ca *ca = ca_as_before(a, issuer->obj.meta.uid, asked);
    pthread_mutex_unlock(&a->lock);
    if (ca != NULL) {
        *ret_ca = ca;
        return NULL;
    }
    auto_free char *key = ca_key(acme, tenant);
    auto_free char *pem = NULL;
    TRY(bundle_of(acme, &pem), "spec.acme.caBundle");
    const struct acme_ca_options options = {
        .directory_url = acme->server,
        .ca_pem = pem,
        .skip_verify = acme->skip_tls_verify,
        .guarded = tenant,
        .transport = env->outside,
        .clock = env->clock,
        .stop = env->stop,
        .observe = tenant ? on_request_of_tenant : on_request,
    };
    pthread_mutex_lock(&a->lock);
    struct known *k = known_of(a, issuer->obj.meta.uid);
    if (!str_eq(k->ca, key)) {
        leave_ca(a, k);
        join_ca(a, k, key, &options);
    }
    free(k->asked);
    k->asked = TAKE(asked);
    const struct shared_ca *shared = map_get(&a->cas, key);
    *ret_ca = acme_ca_ref(shared->ca);
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* ---- keys ---- */

void acme_registry_put_key(const struct issuer_env *env, const struct issuer *issuer,
                           struct pki_key *key, const char *hash)
{
    struct acme_accounts *a = env->accounts;
    pthread_mutex_lock(&a->lock);
    struct known *k = known_of(a, issuer->obj.meta.uid);
    pki_key_free(k->key);
    k->key = pki_key_ref(key);
    free(k->hash);
    k->hash = x_strdup(hash);
    pthread_mutex_unlock(&a->lock);
}

void acme_registry_put_read(const struct issuer_env *env, const struct issuer *issuer,
                            struct pki_key *key, const char *text_hash)
{
    struct acme_accounts *a = env->accounts;
    pthread_mutex_lock(&a->lock);
    struct known *k = known_of(a, issuer->obj.meta.uid);
    pki_key_free(k->read_key);
    free(k->read_hash);
    k->read_key = pki_key_ref(key);
    k->read_hash = x_strdup(text_hash);
    pthread_mutex_unlock(&a->lock);
}

struct pki_key *acme_registry_read(const struct issuer_env *env, const struct issuer *issuer,
                                   const char *text_hash)
{
    struct acme_accounts *a = env->accounts;
    pthread_mutex_lock(&a->lock);
    const struct known *k = map_get(&a->issuers, issuer->obj.meta.uid);
    bool same = k != NULL && str_eq(k->read_hash, text_hash);
    struct pki_key *key = same ? pki_key_ref(k->read_key) : NULL;
    pthread_mutex_unlock(&a->lock);
    return key;
}

struct pki_key *acme_registry_key(const struct issuer_env *env, const struct issuer *issuer)
{
    struct acme_accounts *a = env->accounts;
    pthread_mutex_lock(&a->lock);
    const struct known *k = map_get(&a->issuers, issuer->obj.meta.uid);
    struct pki_key *key = NULL;
    if (k != NULL && k->key != NULL && str_eq(k->hash, issuer->status.acme.last_private_key_hash))
        key = pki_key_ref(k->key);
    pthread_mutex_unlock(&a->lock);
    return key;
}

static bool retire(void *arg, const char *uid, void *value)
{
    (void)uid;
    struct known *k = value;
    if (k->key != NULL && pki_key_equal(k->key, arg)) {
        pki_key_free(k->key);
        k->key = NULL;
    }
    return true;
}

void acme_registry_retire_key(const struct issuer_env *env, const struct pki_key *key)
{
    pthread_mutex_lock(&env->accounts->lock);
    map_each(&env->accounts->issuers, retire, (void *)(uintptr_t)key);
    pthread_mutex_unlock(&env->accounts->lock);
}

bool acme_registry_is_key(const struct issuer_env *env, const struct issuer *issuer,
                          const struct pki_key *key)
{
    pthread_mutex_lock(&env->accounts->lock);
    const struct known *k = map_get(&env->accounts->issuers, issuer->obj.meta.uid);
    bool is = k != NULL && k->key != NULL && pki_key_equal(k->key, key);
    pthread_mutex_unlock(&env->accounts->lock);
    return is;
}

/* ---- doubts ---- */

static void set_doubt(const struct issuer_env *env, const struct issuer *issuer, char *url)
{
    pthread_mutex_lock(&env->accounts->lock);
    struct known *k = known_of(env->accounts, issuer->obj.meta.uid);
    free(k->doubted);
    k->doubted = url;
    pthread_mutex_unlock(&env->accounts->lock);
}

void acme_registry_doubt(const struct issuer_env *env, const struct issuer *issuer)
{
    set_doubt(env, issuer, x_strdup(str_or(issuer->status.acme.uri, "")));
}

void acme_registry_trust(const struct issuer_env *env, const struct issuer *issuer)
{
    set_doubt(env, issuer, NULL);
}

bool acme_registry_doubts(const struct issuer_env *env, const struct issuer *issuer)
{
    pthread_mutex_lock(&env->accounts->lock);
    const struct known *k = map_get(&env->accounts->issuers, issuer->obj.meta.uid);
    bool doubted = k != NULL && k->doubted != NULL && str_eq(k->doubted, issuer->status.acme.uri);
    pthread_mutex_unlock(&env->accounts->lock);
    return doubted;
}

/* ---- another key ---- */

int64_t acme_registry_rotation_wanted(const struct issuer_env *env, const struct issuer *issuer)
{
    pthread_mutex_lock(&env->accounts->lock);
    struct rotation *r = &known_of(env->accounts, issuer->obj.meta.uid)->rotation;
    if (r->since == 0)
        r->since = clock_mono(env->clock);
    int64_t since = r->since;
    pthread_mutex_unlock(&env->accounts->lock);
    return since;
}

static void set_rotation(const struct issuer_env *env, const struct issuer *issuer,
                         struct rotation now)
{
    pthread_mutex_lock(&env->accounts->lock);
    struct rotation *r = &known_of(env->accounts, issuer->obj.meta.uid)->rotation;
    free(r->wish);
    free(r->why);
    *r = now;
    pthread_mutex_unlock(&env->accounts->lock);
}

void acme_registry_rotation_failed(const struct issuer_env *env, const struct issuer *issuer,
                                   const struct acme_refused_rotation *r)
{
    set_rotation(
        env, issuer,
        (struct rotation){.again = r->again, .wish = x_strdup(r->wish), .why = x_strdup(r->why)});
}

void acme_registry_rotation_over(const struct issuer_env *env, const struct issuer *issuer)
{
    set_rotation(env, issuer, (struct rotation){0});
}

int64_t acme_registry_rotation_again(const struct issuer_env *env, const struct issuer *issuer,
                                     const char *wish)
{
    pthread_mutex_lock(&env->accounts->lock);
    const struct rotation *r = &known_of(env->accounts, issuer->obj.meta.uid)->rotation;
    int64_t again = str_eq(r->wish, wish) ? r->again : 0;
    pthread_mutex_unlock(&env->accounts->lock);
    return again;
}

char *acme_registry_rotation_problem(const struct issuer_env *env, const struct issuer *issuer)
{
    pthread_mutex_lock(&env->accounts->lock);
    char *why = x_strdup_or_null(known_of(env->accounts, issuer->obj.meta.uid)->rotation.why);
    pthread_mutex_unlock(&env->accounts->lock);
    return why;
}

/* ---- regular looks ---- */

int64_t acme_registry_next_look(const struct issuer_env *env, const struct issuer *issuer)
{
    pthread_mutex_lock(&env->accounts->lock);
    const struct known *k = map_get(&env->accounts->issuers, issuer->obj.meta.uid);
    int64_t at = k != NULL ? k->next_look : 0;
    pthread_mutex_unlock(&env->accounts->lock);
    return at;
}

void acme_registry_plan_look(const struct issuer_env *env, const struct issuer *issuer, int64_t at)
{
    pthread_mutex_lock(&env->accounts->lock);
    known_of(env->accounts, issuer->obj.meta.uid)->next_look = at;
    pthread_mutex_unlock(&env->accounts->lock);
}

/* ---- the end ---- */

void acme_accounts_forget(struct acme_accounts *a, const char *uid)
{
    pthread_mutex_lock(&a->lock);
    struct known *k = map_get(&a->issuers, uid);
    if (k != NULL)
        leave_ca(a, k);
    map_remove(&a->issuers, uid);
    pthread_mutex_unlock(&a->lock);
}

static bool has_key(void *arg, const char *uid, void *value)
{
    (void)uid;
    const struct known *k = value;
    *(size_t *)arg += k->key != NULL;
    return true;
}

void acme_accounts_count(struct acme_accounts *a, size_t *ret_cas, size_t *ret_keys)
{
    size_t keys = 0;
    pthread_mutex_lock(&a->lock);
    map_each(&a->issuers, has_key, &keys);
    *ret_cas = a->cas.len;
    pthread_mutex_unlock(&a->lock);
    *ret_keys = keys;
}
