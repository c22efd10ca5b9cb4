/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cert-manager's webhook solvers as they are: a ChallengePayload is posted to the API server, which hands it to whoever
 * serves the vendor's group (an APIService). The reply is the same object with a response.
 */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_http.h"

#define MESSAGE_SHOWN 300
#define UID_SIZE 37
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789-."

struct config {
    const char *group_name;
    const char *solver_name;
    const char *config; /* the webhook's own, of any shape */
};
static const struct bind_field fields[] = {
    BIND_ROW(struct config, STRING, group_name, "groupName", .flags = BIND_REQUIRED),
    BIND_ROW(struct config, STRING, solver_name, "solverName", .flags = BIND_REQUIRED),
    BIND_ROW(struct config, JSON, config, "config"),
};
static const struct bind_table table = BIND_TABLE("WebhookConfig", struct config, fields);

/* Both become part of a path of the API server. */
static bool is_name(const char *s)
{
    size_t len = strlen(s);
    return len > 0 && len <= DNS_NAME_MAX && strspn(s, NAME_CHARS) == len &&
           strchr("-.", s[0]) == NULL && strchr("-.", s[len - 1]) == NULL &&
           strstr(s, "..") == NULL;
}

static struct err *check(const void *config)
{
    const struct config *c = config;
    if (!is_name(c->group_name) || strchr(c->group_name, '.') == NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "groupName: write the API group of the webhook, such as acme.example.com");
    if (!is_name(c->solver_name))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "solverName: write the name that the webhook's documentation says: lower "
                       "case letters, digits, '-' and '.'");
    return NULL;
}

static void make_uid(const struct rng *rng, char out[UID_SIZE])
{
    uint64_t high = rng_u64(rng);
    uint64_t low = rng_u64(rng);
    auto_free char *text =
        x_printf("%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64, high >> 32,
                 (high >> 16) & 0xffff, high & 0xfff, (low >> 48 & 0x3fff) | 0x8000,
                 low & UINT64_C(0xffffffffffff));
    str_copy(out, UID_SIZE, text);
}

/* Members in the order in which cert-manager writes them. */
static struct err *make_payload(const struct dns_env *env, const struct config *c,
                                const struct dns_value *v, const char *action, json_t **ret_payload)
{
    char uid[UID_SIZE];
    make_uid(env->rng, uid);
    auto_free char *fqdn = x_printf("%s.", v->name);
    auto_free char *zone = x_printf("%s.", v->zone);
    json_auto_t *request = json_build(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "uid", uid, "action", action, "type", "dns-01",
        "dnsName", v->domain, "key", v->text, "resourceNamespace", env->resource_namespace,
        "resolvedFQDN", fqdn, "resolvedZone", zone, "allowAmbientCredentials", env->ambient);
    if (c->config != NULL) {
        json_t *own = NULL;
        TRY(json_parse(c->config, strlen(c->config), &own), "config");
        json_put(request, "config", own);
    }
    *ret_payload = json_build("{s:s,s:s,s:O}", "kind", "ChallengePayload", "apiVersion",
                              "webhook.acme.cert-manager.io/v1alpha1", "request", request);
    return NULL;
}

/* What the API server says when the webhook was not heard: a Status. */
static struct err *refusal(const struct config *c, int status, const json_t *reply)
{
    const char *message = str_or(JSTR(reply, "message"), "no message");
    if (status == 401 || status == 403)
        return err_new(ERR_DENIED, "Unauthorized",
                       "webhook %s: certroll may not create %s.%s: list the group in the chart's "
                       "dns01.webhookGroups (HTTP %d)",
                       c->group_name, c->solver_name, c->group_name, status);
    if (status == 404)
        return err_new(ERR_NOT_FOUND, "WebhookNotFound",
                       "webhook %s: no APIService v1alpha1.%s with a solver %s is there: install "
                       "the webhook, or correct groupName and solverName",
                       c->group_name, c->group_name, c->solver_name);
    if (status == 503)
        return err_new(
            ERR_TRANSIENT, "ProviderFailed",
            "webhook %s: the API server does not reach it (HTTP 503: %.*s): look at "
            "kubectl get apiservice v1alpha1.%s; where that says Available, its caBundle "
            "is not that of its certificate",
            c->group_name, MESSAGE_SHOWN, message, c->group_name);
    enum err_kind kind =
        status >= 400 && status < 500 && status != 429 ? ERR_INVALID : ERR_TRANSIENT;
    return err_new(kind, kind == ERR_INVALID ? "InvalidRequest" : "ProviderFailed",
                   "webhook %s: HTTP %d: %.*s", c->group_name, status, MESSAGE_SHOWN, message);
}

static struct err *call(const struct dns_env *env, const struct config *c,
                        const struct dns_value *v, const char *action)
{
    auto_free char *path = x_printf("/apis/%s/v1alpha1/%s", c->group_name, c->solver_name);
    json_auto_t *payload = NULL;
    TRY(make_payload(env, c, v, action, &payload));
    int status = 0;
    json_auto_t *reply = NULL;
    TRY(env->cluster_post(env, path, payload, &status, &reply), "webhook %s", c->group_name);
    if (status < 200 || status >= 300)
        return refusal(c, status, reply);
    TRY(dns_http_expect(JGET(reply, "response"), JSON_OBJECT, c->group_name), "webhook");
    if (JBOOL(reply, "response", "success"))
        return NULL;
    return err_new(
        ERR_TRANSIENT, "ProviderFailed", "webhook %s: solver %s, %s of %s: %.*s", c->group_name,
        c->solver_name, action, v->name, MESSAGE_SHOWN,
        str_or(JSTR(reply, "response", "status", "message"), "failed without a message"));
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    (void)ret_id; /* the protocol has none */
    return call(env, config, v, "Present");
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    return call(env, config, v, "CleanUp");
}

const struct dns_provider dns_provider_webhook = {
    .name = "webhook",
    .config = &table,
    .check = check,
    .present = present,
    .clean_up = clean_up,
};
