/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Cloud DNS, API v1 (https://cloud.google.com/dns/docs/reference/rest/v1). A record set is changed as a whole: a
 * change deletes the set that was read and adds what it shall be, and is refused (409, 412) when the set is another one
 * meanwhile. So no value of somebody else is lost.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_memory.h"
#include "dns01/provider_token.h"
#include "dns01/provider_zone.h"
#include "pki/jws.h"

#define API "https://dns.googleapis.com/dns/v1/projects/"
#define TOKEN_URL "https://oauth2.googleapis.com/token"
#define EXCHANGE_URL "https://sts.googleapis.com/v1/token"
#define SCOPE "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
#define MACHINE_URL                                                                                \
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
#define MEMORY_TOKEN "google-token"
#define TTL 60
#define TRIES 2         /* when somebody else was faster */
#define PAGES_MAX 20    /* of zones of one name */
#define TOKEN_LIFE 3600 /* s, the longest that is allowed */
#define CLAIMS_MAX 4096
#define CHANGE_ID_MAX 64

struct google {
    const char *project;
    struct dns_secret_ref account;
    const char *zone; /* the managed zone's name at Google */
    struct dns_service_account_ref service_account;
    const char *pool; /* "projects/1/locations/global/workloadIdentityPools/a/providers/b" */
};
static const struct bind_field google_fields[] = {
    BIND_ROW(struct google, STRING, project, "project", .flags = BIND_REQUIRED),
    BIND_ROW(struct google, OBJECT, account, "serviceAccountSecretRef",
             .table = &dns_secret_ref_table),
    BIND_ROW(struct google, STRING, zone, "hostedZoneName"),
    BIND_ROW(struct google, OBJECT, service_account, "serviceAccountRef",
             .table = &dns_service_account_ref_table),
    BIND_ROW(struct google, STRING, pool, "workloadIdentityProvider"),
};
static const struct bind_table google_table = BIND_TABLE("CloudDNS", struct google, google_fields);

static struct err *check(const void *config)
{
    const struct google *c = config;
    const bool account = !str_empty(c->service_account.name);
    if (account && !str_empty(c->account.name))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "write one of serviceAccountSecretRef and serviceAccountRef, not both");
    if (account == !str_empty(c->pool))
        return NULL;
    return err_new(ERR_INVALID, "InvalidSolver",
                   "serviceAccountRef and workloadIdentityProvider belong together: write both, or "
                   "none");
}

/* ---- who we are ---- */

/* What Google hands out for a service account; texts point into json. To be released, whatever reading it returned. */
struct account {
    json_t *json;
    const char *email, *key_id;
    struct pki_key *key;
};

static void account_release(struct account *a)
{
    json_decref(a->json);
    pki_key_free(a->key);
}

static struct err *read_account(const struct dns_env *env, const struct dns_secret_ref *ref,
                                struct account *a)
{
    AUTO(secret_release) struct secret text = {0};
    TRY(env->secret(env, ref, "serviceAccountSecretRef", &text));
    struct err *e = json_parse(text.data, text.len, &a->json);
    a->email = JSTR(a->json, "client_email");
    a->key_id = JSTR(a->json, "private_key_id");
    const char *pem = JSTR(a->json, "private_key");
    if (e == NULL && (str_empty(a->email) || str_empty(pem)))
        e = err_new(ERR_INVALID, "InvalidSecret", "client_email or private_key is missing");
    if (e == NULL)
        e = pki_key_parse(pem, strlen(pem), &a->key);
    if (e != NULL) {
        struct err *told =
            err_new(ERR_INVALID, "InvalidSecret",
                    "serviceAccountSecretRef: Secret %s, key %s is no service account "
                    "key in JSON, as the Google Cloud console makes it (%s)",
                    ref->name, ref->key, e->message);
        err_free(e);
        return told;
    }
    return NULL;
}

/* RFC 7523 section 2.1: a JWT of the account is traded for a token. */
static struct err *token_of_account(const struct dns_env *env, const struct dns_secret_ref *ref,
                                    struct secret *ret_token)
{
    AUTO(account_release) struct account a = {0};
    TRY(read_account(env, ref, &a));
    const json_int_t now = clock_wall(env->clock) / NS_PER_SEC;
    const json_int_t end = now + TOKEN_LIFE;
    json_auto_t *claims = json_build("{s:s,s:s,s:s,s:I,s:I}", "iss", a.email, "scope", SCOPE, "aud",
                                     TOKEN_URL, "iat", now, "exp", end);
    auto_free char *text = NULL, *jwt = NULL;
    TRY(json_to_string(claims, CLAIMS_MAX, &text), "client_email");
    TRY(pki_jwt_sign(a.key, a.key_id, text, &jwt));
    AUTO(buf_release) struct buf form = BUF_INIT_SECRET(DNS_FORM_MAX);
    TRY(dns_form_add(&form, "grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"));
    TRY(dns_form_add(&form, "assertion", jwt));
    auto_free char *what = x_printf("service account %s", a.email);
    const struct dns_token_source source = {MEMORY_TOKEN, TOKEN_URL, what, &form};
    return dns_token_fetch(env, &source, ret_token);
}

/* RFC 8693: a token of the cluster is traded for one of Google, which trusts the cluster by a workload identity pool. */
static struct err *token_of_pool(const struct dns_env *env, const struct google *c,
                                 struct secret *ret_token)
{
    auto_free char *pool = x_printf("//iam.googleapis.com/%s", c->pool);
    auto_free char *usual = x_printf("https:%s", pool);
    AUTO(secret_release) struct secret token = {0};
    TRY(dns_service_account_token(env, &c->service_account, usual, &token));
    AUTO(buf_release) struct buf form = BUF_INIT_SECRET(DNS_FORM_MAX);
    TRY(dns_form_add(&form, "grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"));
    TRY(dns_form_add(&form, "audience", pool));
    TRY(dns_form_add(&form, "scope", SCOPE));
    TRY(dns_form_add(&form, "requested_token_type",
                     "urn:ietf:params:oauth:token-type:access_token"));
    TRY(dns_form_add(&form, "subject_token_type", "urn:ietf:params:oauth:token-type:jwt"));
    TRY(dns_form_add(&form, "subject_token", token.data));
    auto_free char *what = x_printf("ServiceAccount %s at %s", c->service_account.name, c->pool);
    const struct dns_token_source source = {MEMORY_TOKEN, EXCHANGE_URL, what, &form};
    return dns_token_fetch(env, &source, ret_token);
}

static struct err *find_token(const struct dns_env *env, const struct google *c,
                              struct secret *ret_token)
{
    static const struct http_header flavor = {"Metadata-Flavor", "Google"};
    static const struct dns_token_source machine = {
        MEMORY_TOKEN, MACHINE_URL,
        "the service account of certroll's pod (serviceAccountSecretRef names none)", NULL};
    if (dns_token_known(env, MEMORY_TOKEN, ret_token))
        return NULL;
    if (!str_empty(c->account.name))
        return token_of_account(env, &c->account, ret_token);
    if (!str_empty(c->service_account.name))
        return token_of_pool(env, c, ret_token);
    return dns_token_of_machine(env, &machine, &flavor, ret_token);
}

/* ---- calls ---- */

static struct err *refusal(const struct dns_env *env, const struct dns_http_answer *a,
                           const char *what)
{
    const char *reason = JSTR(a->json, "error", "errors", "0", "reason");
    if (a->response.status == 401)
        dns_memory_drop(env, MEMORY_TOKEN);
    /* Both are documented, the first for the cloud as a whole. */
    if (a->response.status == 413 || (a->response.status == 403 && str_eq(reason, "quotaExceeded")))
        return dns_http_quota(what, JSTR(a->json, "error", "message"));
    struct http_response seen =
        a->response; /* the same answer with the status that says what it means */
    if (str_eq(reason, "rateLimitExceeded") || str_eq(reason, "userRateLimitExceeded"))
        seen.status = 429;
    return dns_http_error(env, &seen, what, reason, JSTR(a->json, "error", "message"));
}

struct request {
    const char *method, *url, *what;
    const json_t *body;
};

/* The token goes with each call; ret_reply is never NULL. */
static struct err *call(const struct dns_env *env, const struct google *c, const struct request *r,
                        json_t **ret_reply)
{
    AUTO(secret_release) struct secret token = {0}, authorization = {0};
    TRY(find_token(env, c, &token));
    TRY(dns_http_authorization("Bearer", &token, "access token", &authorization));
    const struct http_header header = {"Authorization", authorization.data};
    const struct dns_http_request req = {
        .method = r->method, .url = r->url, .headers = &header, .header_count = 1};
    AUTO_DNS_HTTP_ANSWER answer = {0};
    TRY(dns_http_ask(env, &req, r->body, &answer), "%s", r->what);
    TRY(refusal(env, &answer, r->what));
    TRY(dns_http_expect(answer.json, JSON_OBJECT, r->what));
    *ret_reply = TAKE(answer.json);
    return NULL;
}

/* A list may be left out when it is empty, but an answer always says of what kind it is. */
static struct err *expect_list(const json_t *reply, const char *member, const char *kind,
                               const char *what)
{
    const json_t *list = JGET(reply, member);
    if (list == NULL && str_eq(JSTR(reply, "kind"), kind))
        return NULL;
    return dns_http_expect(list, JSON_ARRAY, what);
}

/* ---- zones ---- */

struct search {
    const struct dns_env *env;
    const struct google *config;
    char *id;       /* the managed zone's name */
    unsigned found; /* public ones */
    char *page;     /* token of the next one */
};

static void read_zones(struct search *s, const json_t *zones)
{
    for (size_t i = 0; i < json_count(zones); i++) {
        const json_t *zone = json_item(zones, i);
        const char *name = JSTR(zone, "name");
        if (name == NULL || str_eq(JSTR(zone, "visibility"), "private"))
            continue;
        if (s->found++ == 0)
            s->id = x_strdup(name);
    }
}

static struct err *read_zone_page(struct search *s, const char *zone)
{
    auto_free char *project = percent_encode(s->config->project);
    auto_free char *page = percent_encode(str_or(s->page, ""));
    auto_free char *url = x_printf(API "%s/managedZones?dnsName=%s.%s%s", project, zone,
                                   *page != '\0' ? "&pageToken=" : "", page);
    auto_free char *what = x_printf("zone %s in project %s", zone, s->config->project);
    json_auto_t *reply = NULL;
    TRY(call(s->env, s->config, &(struct request){"GET", url, what, NULL}, &reply));
    TRY(expect_list(reply, "managedZones", "dns#managedZonesListResponse", what));
    read_zones(s, JGET(reply, "managedZones"));
    free(s->page);
    s->page = x_strdup_or_null(JSTR(reply, "nextPageToken"));
    return NULL;
}

static struct err *look_up_zone(void *arg, const char *zone, char **ret_id)
{
    struct search *s = arg;
    unsigned pages = 0;
    do {
        TRY(read_zone_page(s, zone));
    } while (!str_empty(s->page) && ++pages < PAGES_MAX);
    if (s->found > 1)
        return err_new(ERR_INVALID, "ZoneAmbiguous",
                       "project %s has %u public zones %s: write the name of the one that is "
                       "delegated to in hostedZoneName",
                       s->config->project, s->found, zone);
    *ret_id = TAKE(s->id);
    return NULL;
}

static void search_release(struct search *s)
{
    free(s->id);
    free(s->page);
}

/* "https://.../managedZones/ZONE", owned. */
static struct err *find_zone(const struct dns_env *env, const struct google *c,
                             const struct dns_value *v, char **ret_url)
{
    struct dns_hosted_zone found = {0};
    AUTO(search_release) struct search s = {.env = env, .config = c};
    if (str_empty(c->zone))
        TRY(dns_hosted_zone_find(env, v, look_up_zone, &s, &found));
    auto_free char *project = percent_encode(c->project);
    auto_free char *zone = percent_encode(str_or(c->zone, found.id));
    *ret_url = x_printf(API "%s/managedZones/%s", project, zone);
    return NULL;
}

/* ---- record sets ---- */

struct record {
    char *zone_url, *what;
    const struct dns_value *value;
};

static void record_release(struct record *r)
{
    free(r->zone_url);
    free(r->what);
}

/* The set that is there, or NULL. */
static struct err *read_set(const struct dns_env *env, const struct google *c,
                            const struct record *r, json_t **ret_set)
{
    auto_free char *url = x_printf("%s/rrsets?name=%s.&type=TXT", r->zone_url, r->value->name);
    json_auto_t *reply = NULL;
    TRY(call(env, c, &(struct request){"GET", url, r->what, NULL}, &reply));
    TRY(expect_list(reply, "rrsets", "dns#resourceRecordSetsListResponse", r->what));
    const json_t *set = json_item(JGET(reply, "rrsets"), 0);
    if (set == NULL)
        return NULL;
    TRY(dns_http_expect(JGET(set, "rrdatas"), JSON_ARRAY, r->what));
    *ret_set = json_copy_deep(set);
    return NULL;
}

/* Takes values over: the set that shall be there, NULL for none. */
static json_t *new_set(const json_t *old, const struct record *r, json_t *values)
{
    if (json_count(values) == 0) {
        json_decref(values);
        return NULL;
    }
    auto_free char *name = x_printf("%s.", r->value->name);
    return json_build("{s:s,s:s,s:I,s:o}", "name", name, "type", "TXT", "ttl",
                      (json_int_t)JINT(old, TTL, "ttl"), "rrdatas", values);
}

/* One look and one change; ret_id may be NULL. */
static struct err *put_or_take(const struct dns_env *env, const struct google *c,
                               const struct record *r, bool put, char **ret_id)
{
    json_auto_t *old = NULL;
    TRY(read_set(env, c, r, &old));
    const json_t *before = JGET(old, "rrdatas");
    json_t *values =
        put ? dns_values_with(before, r->value->text) : dns_values_without(before, r->value->text);
    if (values == NULL)
        return NULL;
    json_auto_t *new = new_set(old, r, values);
    json_auto_t *body = json_new_object();
    if (old != NULL)
        json_put(body, "deletions", json_build("[O]", old));
    if (new != NULL)
        json_put(body, "additions", json_build("[O]", new));
    auto_free char *url = x_printf("%s/changes", r->zone_url);
    json_auto_t *reply = NULL;
    TRY(call(env, c, &(struct request){"POST", url, r->what, body}, &reply));
    const char *id = JSTR(reply, "id");
    if (ret_id != NULL && !str_empty(id) && strlen(id) <= CHANGE_ID_MAX)
        *ret_id = x_strdup(id);
    return NULL;
}

static struct err *put_or_take_surely(const struct dns_env *env, const struct google *c,
                                      const struct dns_value *v, bool put, char **ret_id)
{
    AUTO(record_release) struct record r = {.value = v};
    TRY(find_zone(env, c, v, &r.zone_url));
    r.what = x_printf("record %s in zone %s", v->name, v->zone);
    struct err *e = NULL;
    for (unsigned i = 0; i < TRIES; i++) {
        err_free(e);
        e = put_or_take(env, c, &r, put, ret_id);
        if (!err_is(e, ERR_CONFLICT))
            break;
    }
    return dns_hosted_zone_doubt(env, v, e);
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    return put_or_take_surely(env, config, v, true, ret_id);
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    return dns_hosted_zone_gone(put_or_take_surely(env, config, v, false, NULL));
}

static struct err *settled(const struct dns_env *env, const void *config, const struct dns_value *v,
                           bool *ret_settled)
{
    *ret_settled = true;
    if (str_empty(v->id))
        return NULL;
    auto_free char *zone = NULL;
    TRY(find_zone(env, config, v, &zone));
    auto_free char *id = percent_encode(v->id);
    auto_free char *url = x_printf("%s/changes/%s", zone, id);
    auto_free char *what = x_printf("change %s of zone %s", v->id, v->zone);
    json_auto_t *reply = NULL;
    TRY(call(env, config, &(struct request){"GET", url, what, NULL}, &reply));
    *ret_settled = str_eq(JSTR(reply, "status"), "done");
    return NULL;
}

const struct dns_provider dns_provider_google = {
    .name = "cloudDNS",
    .config = &google_table,
    .check = check,
    .present = present,
    .settled = settled,
    .clean_up = clean_up,
};
