/* SPDX-License-Identifier: Apache-2.0 */
#include "dns01/access.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "kube/secret.h"
#include "pki/key.h"

#define SECRETS_MAX 16 /* references of one solver */
#define TOKEN_SECONDS 3600
#define SEGMENT_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789.-"

struct credential {
    char *name;
    char *key;
    struct secret bytes;
};

struct dns_access {
    struct dns_env env;
    struct dns_config config;
    struct kube_client *kube;
    char *ns;
    char *scope;
    struct credential credentials[SECRETS_MAX];
    size_t count;
};

void dns_access_free(struct dns_access *a)
{
    if (a == NULL)
        return;
    for (size_t i = 0; i < a->count; i++) {
        free(a->credentials[i].name);
        free(a->credentials[i].key);
        secret_release(&a->credentials[i].bytes);
    }
    dns_config_release(&a->config);
    free(a->ns);
    free(a->scope);
    free(a);
}

void dns_access_freep(struct dns_access **a)
{
    dns_access_free(*a);
}

const struct dns_config *dns_access_config(const struct dns_access *a)
{
    return &a->config;
}

const struct dns_env *dns_access_env(const struct dns_access *a)
{
    return &a->env;
}

/* ---- Secrets ---- */

static const struct credential *find(const struct dns_access *a, const struct dns_secret_ref *ref)
{
    for (size_t i = 0; i < a->count; i++)
        if (str_eq(a->credentials[i].name, ref->name) && str_eq(a->credentials[i].key, ref->key))
            return &a->credentials[i];
    return NULL;
}

/* A file that an editor wrote ends in a line break. */
static void trim(struct secret *s)
{
    while (s->len > 0 && strchr(" \t\r\n", s->data[s->len - 1]) != NULL)
        s->data[--s->len] = '\0';
}

static struct err *describe(const struct dns_access *a, const char *field,
                            const struct dns_secret_ref *ref, struct err *e)
{
    if (!err_is(e, ERR_NOT_FOUND))
        return err_wrap(e, "%s", field);
    err_free(e);
    return err_new(
        ERR_NOT_FOUND, "SecretNotFound",
        "%s: there is no Secret %s/%s with a value under \"%s\": create it, or correct the "
        "reference",
        field, a->ns, ref->name, ref->key);
}

static struct err *read_secret(void *arg, const char *field, const struct dns_secret_ref *ref)
{
    struct dns_access *a = arg;
    if (find(a, ref) != NULL)
        return NULL;
    if (a->count == SECRETS_MAX || !name_is_subdomain(ref->name) || str_empty(ref->key))
        return err_new(ERR_INVALID, "InvalidSecret", "%s: write name and key of a Secret", field);
    struct secret bytes = {0};
    TRY(describe(a, field, ref, kube_secret_value(a->kube, a->ns, ref->name, ref->key, &bytes)));
    trim(&bytes);
    struct credential *c = &a->credentials[a->count++];
    *c = (struct credential){x_strdup(ref->name), x_strdup(ref->key), bytes};
    if (bytes.len == 0)
        return err_new(ERR_INVALID, "InvalidSecret", "%s: \"%s\" of Secret %s/%s is white space",
                       field, ref->key, a->ns, ref->name);
    return NULL;
}

static struct err *get_secret(const struct dns_env *env, const struct dns_secret_ref *ref,
                              const char *field, struct secret *ret_secret)
{
    const struct dns_access *a = env->ctx;
    const struct credential *c = find(a, ref);
    if (c == NULL)
        return err_new(ERR_NOT_FOUND, "SecretNotFound", "%s: write name and key of a Secret",
                       field);
    *ret_secret = secret_copy(c->bytes.data, c->bytes.len);
    return NULL;
}

/* ---- what else Kubernetes gives ---- */

static json_t *token_request(const struct dns_token_request *r)
{
    json_t *audiences = json_new_array();
    for (size_t i = 0; i < r->audience_count; i++)
        json_push(audiences, json_new_string(r->audiences[i]));
    return json_build("{s:s,s:s,s:{s:o,s:i}}", "apiVersion", "authentication.k8s.io/v1", "kind",
                      "TokenRequest", "spec", "audiences", audiences, "expirationSeconds",
                      TOKEN_SECONDS);
}

static struct err *get_token(const struct dns_env *env, const struct dns_token_request *request,
                             struct secret *ret_token)
{
    static const struct kube_resource accounts = {"", "v1", "serviceaccounts", "ServiceAccount",
                                                  true};
    const struct dns_access *a = env->ctx;
    const struct kube_ref ref = {
        .res = &accounts, .ns = a->ns, .name = request->service_account, .subresource = "token"};
    json_auto_t *body = token_request(request);
    json_auto_t *answer = NULL;
    struct err *e = kube_create(a->kube, &ref, KUBE_SECRET, body, &answer);
    if (err_is(e, ERR_DENIED))
        e = err_wrap(e,
                     "the chart's value dns01.serviceAccountTokens lets certroll ask for tokens");
    TRY(e, "token of ServiceAccount %s/%s", a->ns, request->service_account);
    const char *token = JSTR(answer, "status", "token");
    if (str_empty(token))
        return err_new(ERR_TRANSIENT, "ProviderFailed", "the API server made no token for %s/%s",
                       a->ns, request->service_account);
    *ret_token = secret_copy(token, strlen(token));
    return NULL;
}

/* /apis/GROUP/VERSION/NAME: nothing that is in a namespace, and nothing of Kubernetes' own. */
static bool is_aggregated(const char *path)
{
    if (!str_starts(path, "/apis/"))
        return false;
    const char *at = path + strlen("/apis/");
    for (int segment = 0; segment < 3; segment++) {
        size_t len = strspn(at, SEGMENT_CHARACTERS);
        bool dotted = segment > 0 || memchr(at, '.', len) != NULL;
        if (len == 0 || *at == '.' || !dotted || at[len] != (segment < 2 ? '/' : '\0'))
            return false;
        at += len + 1;
    }
    return true;
}

static struct err *cluster_post(const struct dns_env *env, const char *path, const json_t *body,
                                int *ret_status, json_t **ret_reply)
{
    const struct dns_access *a = env->ctx;
    if (!is_aggregated(path))
        return err_new(ERR_INVALID, "InvalidSolver", "%.200s is no path of an aggregated API",
                       path);
    return kube_raw_post(a->kube, path, body, ret_status, ret_reply);
}

static const char *variable(const struct dns_env *env, const char *name)
{
    return env->ambient ? getenv(name) : NULL;
}

/* ---- one access ---- */

/* Another spec or another credential is another scope: nothing is remembered across. */
static void set_scope(struct dns_access *a, const char *issuer_uid, const char *text)
{
    AUTO(buf_release) struct buf b = BUF_INIT_SECRET(64 * 1024 * 1024);
    buf_putf(&b, "%s %s", a->ns, text);
    for (size_t i = 0; i < a->count; i++) {
        const struct credential *c = &a->credentials[i];
        buf_putf(&b, " %s %s %zu ", c->name, c->key, c->bytes.len);
        err_drop(buf_add(&b, c->bytes.data, c->bytes.len)); /* fits: each has a maximum */
    }
    char hex[PKI_SHA256_HEX];
    pki_sha256_hex(buf_str(&b), b.len, hex);
    a->scope = x_printf("%s %s", issuer_uid, hex);
    a->env.scope = a->scope;
}

struct err *dns_access_new(const struct dns_services *services, const struct dns_tenant *tenant,
                           const char *text, const char *wait_instead,
                           struct dns_access **ret_access)
{
    AUTO(dns_access_freep) struct dns_access *a = x_calloc(1, sizeof(*a));
    a->kube = services->kube;
    a->ns = x_strdup(tenant->secret_namespace);
    TRY(dns_config_parse(text, wait_instead, &a->config));
    TRY(dns_config_secrets(&a->config, read_secret, a), "%s", a->config.provider->name);
    a->env = (struct dns_env){
        .clock = services->clock,
        .rng = services->rng,
        .stop = services->stop,
        .http = services->http,
        .dns = services->dns,
        .memory = services->memory,
        .resource_namespace = a->ns,
        .ambient = tenant->ambient,
        .secret = get_secret,
        .token = get_token,
        .cluster_post = cluster_post,
        .variable = variable,
        .ctx = a,
    };
    set_scope(a, tenant->issuer_uid, text);
    *ret_access = TAKE(a);
    return NULL;
}

/* ---- those that are held ---- */

struct dns_held {
    pthread_mutex_t lock;
    struct map by_key; /* -> struct held */
};

struct held {
    char *uid;
    struct dns_access *access;
};

static void held_free(void *value)
{
    struct held *one = value;
    free(one->uid);
    dns_access_free(one->access);
    free(one);
}

struct dns_held *dns_held_new(void)
{
    struct dns_held *h = x_calloc(1, sizeof(*h));
    pthread_mutex_init(&h->lock, NULL);
    h->by_key = MAP_INIT(held_free);
    return h;
}

void dns_held_free(struct dns_held *h)
{
    if (h == NULL)
        return;
    map_release(&h->by_key);
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void dns_held_put(struct dns_held *h, const char *key, const char *uid, struct dns_access *access)
{
    struct held *one = x_calloc(1, sizeof(*one));
    *one = (struct held){x_strdup(uid), access};
    pthread_mutex_lock(&h->lock);
    map_put(&h->by_key, key, one);
    pthread_mutex_unlock(&h->lock);
}

struct dns_access *dns_held_get(struct dns_held *h, const char *key, const char *uid)
{
    pthread_mutex_lock(&h->lock);
    const struct held *one = map_get(&h->by_key, key);
    struct dns_access *a = one != NULL && str_eq(one->uid, uid) ? one->access : NULL;
    pthread_mutex_unlock(&h->lock);
    return a;
}

void dns_held_drop(struct dns_held *h, const char *key)
{
    pthread_mutex_lock(&h->lock);
    map_remove(&h->by_key, key);
    pthread_mutex_unlock(&h->lock);
}
