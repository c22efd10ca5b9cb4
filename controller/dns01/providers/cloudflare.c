/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cloudflare's API v4 (https://developers.cloudflare.com/api). Each record is an object with an id and one value; an
 * answer is {success, errors: [{code, message}], result, result_info}.
 */
#include <inttypes.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_http.h"
#include "dns01/provider_zone.h"

#define API "https://api.cloudflare.com/client/v4"
#define TTL 120
#define PAGES_MAX 50
#define RECORD "TXT record %s (a token needs DNS:Edit)"

enum {
    MALFORMED_HEADERS = 6003, /* a 400; the token has another form than tokens have */
    QUOTA_REACHED = 81045,
    RECORD_EXISTS = 81057,
    SAME_RECORD_EXISTS = 81058,
};

struct config {
    const char *email;
    const struct dns_secret_ref *api_key;
    const struct dns_secret_ref *api_token;
};
static const struct bind_field fields[] = {
    BIND_ROW(struct config, STRING, email, "email"),
    BIND_ROW(struct config, POINTER, api_key, "apiKeySecretRef", .table = &dns_secret_ref_table),
    BIND_ROW(struct config, POINTER, api_token, "apiTokenSecretRef",
             .table = &dns_secret_ref_table),
};
static const struct bind_table table = BIND_TABLE("CloudflareConfig", struct config, fields);

static struct err *check(const void *config)
{
    const struct config *c = config;
    if ((c->api_key == NULL) == (c->api_token == NULL))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "write one of apiTokenSecretRef and apiKeySecretRef");
    if (c->api_key != NULL && str_empty(c->email))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "email: required beside apiKeySecretRef (an API token needs none)");
    return NULL;
}

/* "DNS Validation Error" is explained by what follows it. */
static const char *message_of(const json_t *answer)
{
    const char *cause = JSTR(answer, "errors", "0", "error_chain", "0", "message");
    return cause != NULL ? cause : JSTR(answer, "errors", "0", "message");
}

static struct err *refusal(const struct dns_env *env, const struct dns_http_answer *a,
                           const char *what)
{
    int64_t number = JINT(a->json, 0, "errors", "0", "code");
    auto_free char *code = x_printf("%" PRId64, number);
    if (number == RECORD_EXISTS || number == SAME_RECORD_EXISTS)
        return NULL;
    if (number == QUOTA_REACHED)
        return dns_http_quota(what, code);
    const struct http_response malformed = {.status = 401};
    return dns_http_error(env, number == MALFORMED_HEADERS ? &malformed : &a->response, what, code,
                          message_of(a->json));
}

static struct err *open_session(const struct dns_env *env, const struct config *c,
                                struct dns_session *ret_session)
{
    const struct dns_credential token = {c->api_token, "apiTokenSecretRef", NULL, "Bearer"};
    const struct dns_credential key = {c->api_key, "apiKeySecretRef", "X-Auth-Key", NULL};
    TRY(dns_session_open(env, c->api_token != NULL ? &token : &key, ret_session));
    ret_session->refusal = refusal;
    if (c->api_token == NULL)
        ret_session->headers[ret_session->header_count++] =
            (struct http_header){"X-Auth-Email", c->email};
    return NULL;
}

/* One that is active goes before one that is pending or has moved to another account. */
static struct err *find_zone(void *arg, const char *zone, char **ret_id)
{
    auto_free char *what = x_printf("zone %s (a token needs Zone:Read to find it)", zone);
    auto_free char *url = x_printf(API "/zones?name=%s&per_page=50", zone);
    json_auto_t *reply = NULL;
    TRY(dns_session_call(arg, "GET", url, NULL, what, &reply));
    const json_t *zones = JGET(reply, "result");
    TRY(dns_http_expect(zones, JSON_ARRAY, what));
    const json_t *active = dns_record_with(zones, "status", "active");
    const char *id = active != NULL ? JSTR(active, "id") : JSTR(zones, "0", "id");
    *ret_id = id != NULL ? percent_encode(id) : NULL;
    return NULL;
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    (void)ret_id; /* a record is found by its name and value */
    AUTO_DNS_SESSION s = {0};
    TRY(open_session(env, config, &s));
    struct dns_hosted_zone zone;
    TRY(dns_hosted_zone_find(env, v, find_zone, &s, &zone));
    auto_free char *what = x_printf(RECORD, v->name);
    auto_free char *url = x_printf(API "/zones/%s/dns_records", zone.id);
    auto_free char *content = dns_text_quoted(v->text);
    json_auto_t *record = json_build("{s:s,s:s,s:s,s:i}", "type", "TXT", "name", v->name, "content",
                                     content, "ttl", TTL);
    return dns_hosted_zone_doubt(env, v, dns_session_call(&s, "POST", url, record, what, NULL));
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    AUTO_DNS_SESSION s = {0};
    TRY(open_session(env, config, &s));
    struct dns_hosted_zone zone;
    struct err *e = dns_hosted_zone_find(env, v, find_zone, &s, &zone);
    if (e != NULL)
        return err_ignore(e, ERR_NOT_FOUND);
    auto_free char *what = x_printf(RECORD, v->name);
    int64_t pages = 1;
    for (int64_t n = 1; n <= pages && n <= PAGES_MAX; n++) {
        auto_free char *url = x_printf(API "/zones/%s/dns_records?type=TXT&name=%s&page=%" PRId64,
                                       zone.id, v->name, n);
        json_auto_t *reply = NULL;
        TRY(dns_hosted_zone_doubt(env, v, dns_session_call(&s, "GET", url, NULL, what, &reply)));
        TRY(dns_http_expect(JGET(reply, "result"), JSON_ARRAY, what));
        const json_t *record = dns_record_with(JGET(reply, "result"), "content", v->text);
        if (record != NULL) {
            auto_free char *id = percent_encode(str_or(JSTR(record, "id"), ""));
            auto_free char *ours = x_printf(API "/zones/%s/dns_records/%s", zone.id, id);
            return dns_session_delete(&s, ours, what);
        }
        pages = JINT(reply, 1, "result_info", "total_pages");
    }
    return NULL;
}

const struct dns_provider dns_provider_cloudflare = {
    .name = "cloudflare",
    .config = &table,
    .check = check,
    .present = present,
    .clean_up = clean_up,
};
