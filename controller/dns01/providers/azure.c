/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Azure DNS over the Resource Manager (https://learn.microsoft.com/rest/api/dns). A record set is written as a whole, on
 * condition that it is what was read (ETag, 412 otherwise). So no value of somebody else is lost. Private zones are
 * resources of another type.
 */
#include <stdlib.h>

#include "base/encode.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_memory.h"
#include "dns01/provider_token.h"
#include "dns01/provider_zone.h"

#define MEMORY_TOKEN "azure-token"
#define MACHINE_URL "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01"
#define TOKEN_FILE_MAX 16384
#define TTL 60
#define MAXIMUM "MaximumNumberOf" /* codes of limits begin so */
#define TRIES 2                   /* when somebody else was faster */

struct managed_identity {
    const char *client_id, *resource_id, *tenant_id;
};
struct azure {
    const char *client_id;
    struct dns_secret_ref client_secret;
    const char *subscription, *tenant_id, *group, *zone, *environment, *zone_type;
    struct managed_identity identity;
    struct dns_service_account_ref service_account;
};

/* The sovereign clouds, by the names of cert-manager's schema. */
static const struct cloud {
    const char *name, *login, *manager;
} clouds[] = {
    {"AzurePublicCloud", "https://login.microsoftonline.com", "https://management.azure.com"},
    {"AzureChinaCloud", "https://login.chinacloudapi.cn", "https://management.chinacloudapi.cn"},
    {"AzureGermanCloud", "https://login.microsoftonline.de",
     "https://management.microsoftazure.de"},
    {"AzureUSGovernmentCloud", "https://login.microsoftonline.us",
     "https://management.usgovcloudapi.net"},
};
static const char *const cloud_names[] = {"AzurePublicCloud", "AzureChinaCloud", "AzureGermanCloud",
                                          "AzureUSGovernmentCloud", NULL};
static const char *const zone_types[] = {"AzurePublicZone", "AzurePrivateZone", NULL};

static const struct bind_field identity_fields[] = {
    BIND_ROW(struct managed_identity, STRING, client_id, "clientID"),
    BIND_ROW(struct managed_identity, STRING, resource_id, "resourceID"),
    BIND_ROW(struct managed_identity, STRING, tenant_id, "tenantID"),
};
static const struct bind_table identity_table =
    BIND_TABLE("AzureManagedIdentity", struct managed_identity, identity_fields);
static const struct bind_field azure_fields[] = {
    BIND_ROW(struct azure, STRING, client_id, "clientID"),
    BIND_ROW(struct azure, OBJECT, client_secret, "clientSecretSecretRef",
             .table = &dns_secret_ref_table),
    BIND_ROW(struct azure, STRING, subscription, "subscriptionID", .flags = BIND_REQUIRED),
    BIND_ROW(struct azure, STRING, tenant_id, "tenantID"),
    BIND_ROW(struct azure, STRING, group, "resourceGroupName", .flags = BIND_REQUIRED),
    BIND_ROW(struct azure, STRING, zone, "hostedZoneName"),
    BIND_ROW(struct azure, STRING, environment, "environment", .dflt = "AzurePublicCloud",
             .enumeration = cloud_names),
    BIND_ROW(struct azure, OBJECT, identity, "managedIdentity", .table = &identity_table),
    BIND_ROW(struct azure, STRING, zone_type, "zoneType", .dflt = "AzurePublicZone",
             .enumeration = zone_types),
    BIND_ROW(struct azure, OBJECT, service_account, "serviceAccountRef",
             .table = &dns_service_account_ref_table),
};
static const struct bind_table azure_table = BIND_TABLE("AzureDNS", struct azure, azure_fields);

static struct err *check(const void *config)
{
    const struct azure *c = config;
    const bool secret = !str_empty(c->client_secret.name);
    const bool account = !str_empty(c->service_account.name);
    if (secret && account)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "write one of clientSecretSecretRef and serviceAccountRef, not both");
    if ((secret || account) && (str_empty(c->client_id) || str_empty(c->tenant_id)))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "%s: write clientID and tenantID, too, of the application that it is for",
                       secret ? "clientSecretSecretRef" : "serviceAccountRef");
    if (!str_empty(c->identity.client_id) && !str_empty(c->identity.resource_id))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "managedIdentity: write one of clientID and resourceID, not both");
    return NULL;
}

static const struct cloud *cloud_of(const struct azure *c)
{
    size_t i = ARRAY_LEN(clouds) - 1;
    while (i > 0 && !str_eq(clouds[i].name, c->environment))
        i--;
    return &clouds[i];
}

/* ---- who we are ---- */

struct application {
    const char *client_id, *tenant_id;
    const char *login;              /* "https://login.microsoftonline.com" */
    const struct secret *secret;    /* its client secret, or: */
    const struct secret *assertion; /* a token that it trusts (federated credential) */
};

static struct err *token_of_application(const struct dns_env *env, const struct azure *c,
                                        const struct application *a, struct secret *ret_token)
{
    AUTO(buf_release) struct buf form = BUF_INIT_SECRET(DNS_FORM_MAX);
    auto_free char *scope = x_printf("%s/.default", cloud_of(c)->manager);
    TRY(dns_form_add(&form, "grant_type", "client_credentials"));
    TRY(dns_form_add(&form, "client_id", a->client_id));
    TRY(dns_form_add(&form, "scope", scope));
    if (a->secret != NULL)
        TRY(dns_form_add(&form, "client_secret", a->secret->data));
    if (a->assertion != NULL) {
        TRY(dns_form_add(&form, "client_assertion_type",
                         "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"));
        TRY(dns_form_add(&form, "client_assertion", a->assertion->data));
    }
    auto_free char *tenant = percent_encode(a->tenant_id);
    auto_free char *url = x_printf("%s/%s/oauth2/v2.0/token", a->login, tenant);
    auto_free char *what = x_printf("application %s in tenant %s", a->client_id, a->tenant_id);
    const struct dns_token_source source = {MEMORY_TOKEN, url, what, &form};
    return dns_token_fetch(env, &source, ret_token);
}

static struct err *token_of_service_account(const struct dns_env *env, const struct azure *c,
                                            struct application *a, struct secret *ret_token)
{
    AUTO(secret_release) struct secret token = {0};
    TRY(dns_service_account_token(env, &c->service_account, "api://AzureADTokenExchange", &token));
    a->assertion = &token;
    return token_of_application(env, c, a, ret_token);
}

/* Azure's webhook for workload identity gives pods a token in a file. */
static struct err *token_of_file(const struct dns_env *env, const struct azure *c,
                                 struct application *a, struct secret *ret_token)
{
    AUTO(secret_release) struct secret token = {0};
    TRY(file_read_secret(env->variable(env, "AZURE_FEDERATED_TOKEN_FILE"), TOKEN_FILE_MAX, &token),
        "AZURE_FEDERATED_TOKEN_FILE");
    a->assertion = &token;
    return token_of_application(env, c, a, ret_token);
}

static struct err *token_of_machine(const struct dns_env *env, const struct azure *c,
                                    struct secret *ret_token)
{
    static const struct http_header metadata = {"Metadata", "true"};
    const struct managed_identity *id = &c->identity;
    const char *which = !str_empty(id->client_id)     ? "&client_id="
                        : !str_empty(id->resource_id) ? "&msi_res_id="
                                                      : "";
    auto_free char *value = percent_encode(str_or(str_or(id->client_id, id->resource_id), ""));
    auto_free char *resource = percent_encode(cloud_of(c)->manager);
    auto_free char *url = x_printf(MACHINE_URL "&resource=%s%%2F%s%s", resource, which, value);
    const struct dns_token_source source = {
        MEMORY_TOKEN, url,
        "the managed identity of certroll's node (clientSecretSecretRef names no secret)", NULL};
    return dns_token_of_machine(env, &source, &metadata, ret_token);
}

static struct err *find_token(const struct dns_env *env, const struct azure *c,
                              struct secret *ret_token)
{
    if (dns_token_known(env, MEMORY_TOKEN, ret_token))
        return NULL;
    struct application a = {
        .client_id = c->client_id, .tenant_id = c->tenant_id, .login = cloud_of(c)->login};
    if (!str_empty(c->service_account.name))
        return token_of_service_account(env, c, &a, ret_token);
    if (!str_empty(c->client_secret.name)) {
        AUTO(secret_release) struct secret secret = {0};
        TRY(dns_http_secret(env, &c->client_secret, "clientSecretSecretRef", &secret));
        a.secret = &secret;
        return token_of_application(env, c, &a, ret_token);
    }
    a.client_id = str_or(c->identity.client_id, env->variable(env, "AZURE_CLIENT_ID"));
    a.tenant_id = str_or(c->identity.tenant_id, env->variable(env, "AZURE_TENANT_ID"));
    if (!str_empty(env->variable(env, "AZURE_FEDERATED_TOKEN_FILE")) && !str_empty(a.client_id) &&
        !str_empty(a.tenant_id))
        return token_of_file(env, c, &a, ret_token);
    return token_of_machine(env, c, ret_token);
}

/* ---- calls ---- */

struct request {
    const char *method, *url, *what;
    const json_t *body;
    const char *if_match; /* an ETag; "" = there must be none; NULL = no condition */
};

static struct err *ask(const struct dns_env *env, const struct azure *c, const struct request *r,
                       struct dns_http_answer *ret_answer)
{
    AUTO(secret_release) struct secret token = {0}, authorization = {0};
    TRY(find_token(env, c, &token));
    TRY(dns_http_authorization("Bearer", &token, "access token", &authorization));
    struct http_header headers[2] = {{"Authorization", authorization.data}};
    if (r->if_match != NULL)
        headers[1] = *r->if_match != '\0' ? (struct http_header){"If-Match", r->if_match}
                                          : (struct http_header){"If-None-Match", "*"};
    const struct dns_http_request req = {.method = r->method,
                                         .url = r->url,
                                         .headers = headers,
                                         .header_count = r->if_match != NULL ? 2 : 1};
    struct err *e = dns_http_ask(env, &req, r->body, ret_answer);
    if (e == NULL && ret_answer->response.status == 401)
        dns_memory_drop(env, MEMORY_TOKEN);
    return err_wrap(e, "%s", r->what);
}

/* A zone that is full is a conflict, too (HTTP 409), whose details say MaximumNumberOfRecordSetsReached. */
static const char *quota_of(const json_t *error)
{
    const json_t *details = JGET(error, "details");
    const char *code = JSTR(error, "code");
    for (size_t i = 0; i < json_count(details) && !str_starts(code, MAXIMUM); i++)
        code = JSTR(json_item(details, i), "code");
    return str_starts(code, MAXIMUM) ? code : NULL;
}

/* The Resource Manager's errors are in a member "error", those of Azure DNS are bare. */
static struct err *refusal(const struct dns_env *env, const struct dns_http_answer *a,
                           const char *what)
{
    const json_t *inner = JGET(a->json, "error");
    const json_t *error = inner != NULL ? inner : a->json;
    const char *quota = a->response.status >= 400 ? quota_of(error) : NULL;
    if (quota != NULL)
        return dns_http_quota(what, quota);
    return dns_http_error(env, &a->response, what, JSTR(error, "code"), JSTR(error, "message"));
}

/* ---- zones ---- */

static bool is_private(const struct azure *c)
{
    return str_eq(c->zone_type, "AzurePrivateZone");
}

/* "https://.../dnsZones/example.com", owned. */
static char *zone_url(const struct azure *c, const char *zone)
{
    auto_free char *subscription = percent_encode(c->subscription);
    auto_free char *group = percent_encode(c->group);
    auto_free char *name = percent_encode(zone);
    return x_printf("%s/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Network/%s/%s",
                    cloud_of(c)->manager, subscription, group,
                    is_private(c) ? "privateDnsZones" : "dnsZones", name);
}

static const char *version(const struct azure *c)
{
    return is_private(c) ? "?api-version=2018-09-01" : "?api-version=2018-05-01";
}

struct account {
    const struct dns_env *env;
    const struct azure *config;
};

static struct err *look_up_zone(void *arg, const char *zone, char **ret_id)
{
    const struct account *a = arg;
    auto_free char *what = x_printf("zone %s in resource group %s", zone, a->config->group);
    auto_free char *base = zone_url(a->config, zone);
    auto_free char *url = x_printf("%s%s", base, version(a->config));
    AUTO_DNS_HTTP_ANSWER answer = {0};
    const struct request r = {.method = "GET", .url = url, .what = what};
    TRY(ask(a->env, a->config, &r, &answer));
    if (answer.response.status == 404)
        return NULL;
    TRY(refusal(a->env, &answer, what));
    TRY(dns_http_expect(JGET(answer.json, "name"), JSON_STRING, what));
    *ret_id = x_strdup(zone);
    return NULL;
}

/* ---- record sets ---- */

struct record {
    char *url, *what;
    const struct dns_value *value;
};

static void record_release(struct record *r)
{
    free(r->url);
    free(r->what);
}

static struct err *find_record(const struct dns_env *env, const struct azure *c,
                               const struct dns_value *v, struct record *ret_record)
{
    struct dns_hosted_zone found = {0};
    struct account a = {env, c};
    if (str_empty(c->zone))
        TRY(dns_hosted_zone_find(env, v, look_up_zone, &a, &found));
    const char *zone = str_or(c->zone, found.name);
    auto_free char *relative = dns_relative_name(v->name, zone);
    if (relative == NULL)
        return err_new(ERR_INVALID, "ZoneNotFound",
                       "hostedZoneName: %s is not in the zone %s: write the zone that it is in",
                       v->name, zone);
    auto_free char *name = percent_encode(relative);
    auto_free char *base = zone_url(c, zone);
    ret_record->url = x_printf("%s/TXT/%s%s", base, name, version(c));
    ret_record->what = x_printf("record %s in zone %s", v->name, zone);
    ret_record->value = v;
    return NULL;
}

/* Public and private zones spell their members differently. */
static const json_t *values_of(const json_t *set)
{
    const json_t *values = JGET(set, "properties", "TXTRecords");
    return values != NULL ? values : JGET(set, "properties", "txtRecords");
}

static int64_t ttl_of(const json_t *set)
{
    return JINT(set, JINT(set, TTL, "properties", "ttl"), "properties", "TTL");
}

/* The set that is there, or NULL. */
static struct err *read_set(const struct dns_env *env, const struct azure *c,
                            const struct record *r, json_t **ret_set)
{
    AUTO_DNS_HTTP_ANSWER answer = {0};
    TRY(ask(env, c, &(struct request){.method = "GET", .url = r->url, .what = r->what}, &answer));
    if (answer.response.status == 404)
        return NULL;
    TRY(refusal(env, &answer, r->what));
    TRY(dns_http_expect(JGET(answer.json, "etag"), JSON_STRING, r->what));
    TRY(dns_http_expect(values_of(answer.json), JSON_ARRAY, r->what));
    *ret_set = TAKE(answer.json);
    return NULL;
}

/* A value is a list of strings of which ours is one. */
static bool is_ours(const json_t *value, const char *text)
{
    return json_count(JGET(value, "value")) == 1 && str_eq(JSTR(value, "value", "0"), text);
}

/* The values that the set shall have. *ret_had: whether ours was among them. */
static json_t *other_values(const json_t *old, const char *text, bool put, bool *ret_had)
{
    json_t *values = json_new_array();
    const json_t *before = values_of(old);
    *ret_had = false;
    for (size_t i = 0; i < json_count(before); i++) {
        json_t *value = json_item(before, i);
        if (is_ours(value, text))
            *ret_had = true;
        else
            json_push(values, json_copy_deep(value));
    }
    if (put)
        json_push(values, json_build("{s:[s]}", "value", text));
    return values;
}

static json_t *new_set(const struct azure *c, const json_t *old, json_t *values)
{
    json_t *properties = json_new_object();
    const json_t *metadata = JGET(old, "properties", "metadata");
    if (metadata != NULL)
        json_put(properties, "metadata", json_copy_deep(metadata));
    json_put(properties, is_private(c) ? "ttl" : "TTL", json_build("I", (json_int_t)ttl_of(old)));
    json_put(properties, is_private(c) ? "txtRecords" : "TXTRecords", values);
    return json_build("{s:o}", "properties", properties);
}

/* One look and one change. */
static struct err *put_or_take(const struct dns_env *env, const struct azure *c,
                               const struct record *r, bool put)
{
    json_auto_t *old = NULL;
    TRY(read_set(env, c, r, &old));
    bool had;
    json_auto_t *values = other_values(old, r->value->text, put, &had);
    if (had == put)
        return NULL;
    const bool empty = json_count(values) == 0;
    json_auto_t *body = empty ? NULL : new_set(c, old, TAKE(values));
    const struct request change = {.method = empty ? "DELETE" : "PUT",
                                   .url = r->url,
                                   .what = r->what,
                                   .body = body,
                                   .if_match = str_or(JSTR(old, "etag"), "")};
    AUTO_DNS_HTTP_ANSWER answer = {0};
    TRY(ask(env, c, &change, &answer));
    return refusal(env, &answer, r->what);
}

static struct err *put_or_take_surely(const struct dns_env *env, const struct azure *c,
                                      const struct dns_value *v, bool put)
{
    AUTO(record_release) struct record r = {0};
    TRY(find_record(env, c, v, &r));
    struct err *e = NULL;
    for (unsigned i = 0; i < TRIES; i++) {
        err_free(e);
        e = put_or_take(env, c, &r, put);
        if (!err_is(e, ERR_CONFLICT))
            break;
    }
    return dns_hosted_zone_doubt(env, v, e);
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    (void)ret_id; /* a value is found by its text */
    return put_or_take_surely(env, config, v, true);
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    return dns_hosted_zone_gone(put_or_take_surely(env, config, v, false));
}

const struct dns_provider dns_provider_azure = {
    .name = "azureDNS",
    .config = &azure_table,
    .check = check,
    .present = present,
    .clean_up = clean_up,
};
