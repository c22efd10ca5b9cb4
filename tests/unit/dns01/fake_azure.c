/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_azure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fake_front.h"

#define SECRET "Xyz8Q~client-secret_0123456789abcdef"
#define TOKEN "eyJ0eXAiOiJKV1QifQ.azure-access-token.c2ln"
#define LOGIN "https://login.microsoftonline.com/tenant-1/oauth2/v2.0/token"
#define MACHINE "http://169.254.169.254/metadata/identity/oauth2/token"
#define GROUP "/subscriptions/sub-1/resourceGroups/dns%20zones/providers/Microsoft.Network"

static const struct fake_secret secrets[] = {
    {"azure", "client-secret", SECRET}, {"azure", "token", TOKEN}, {NULL, NULL, NULL}};
static const char *rival;
static bool full;
static char asked[256];
static unsigned version; /* of all sets: ETags */

/* ---- tokens ---- */

static bool answer_machine(struct fake_cloud *c, const struct http_request *req,
                           struct http_response *ret)
{
    if (!str_starts(req->url, MACHINE "?api-version=2018-02-01&resource=https%3A%2F%2Fmanagement."
                                      "azure.com%2F") ||
        (req->flags & HTTP_GUARDED) != 0 || !str_eq(front_header(req, "Metadata"), "true"))
        fake_wrong(c, "GET %s is no request of the metadata service", req->url);
    snprintf(asked, sizeof(asked), "machine%s", strchr(req->url, '?'));
    /* Numbers are strings here. */
    front_say(ret, 200,
              json_build("{s:s,s:s,s:s}", "access_token", TOKEN, "expires_in", "86399",
                         "token_type", "Bearer"));
    return true;
}

static bool answer_token(struct fake_cloud *c, const struct http_request *req,
                         struct http_response *ret)
{
    if (str_starts(req->url, "http://169.254.169.254/"))
        return answer_machine(c, req, ret);
    if (!str_starts(req->url, "https://login."))
        return false;
    auto_free char *grant = front_form(req, "grant_type");
    auto_free char *client = front_form(req, "client_id");
    auto_free char *scope = front_form(req, "scope");
    auto_free char *secret = front_form(req, "client_secret");
    auto_free char *type = front_form(req, "client_assertion_type");
    auto_free char *assertion = front_form(req, "client_assertion");
    bool trusted = str_eq(secret, SECRET) ||
                   (str_eq(type, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer") &&
                    str_eq(assertion, FAKE_AZURE_TOKEN));
    str_copy(asked, sizeof(asked), secret != NULL ? "secret" : "assertion");
    if (c->revoked || !trusted || !str_eq(req->url, LOGIN) || !str_eq(client, "app-1") ||
        !str_eq(grant, "client_credentials") ||
        !str_eq(scope, "https://management.azure.com/.default"))
        front_say(ret, 401,
                  json_build("{s:s,s:s}", "error", "invalid_client", "error_description",
                             "AADSTS7000215: Invalid client secret provided."));
    else
        front_say(ret, 200,
                  json_build("{s:s,s:i,s:s}", "token_type", "Bearer", "expires_in", 3599,
                             "access_token", TOKEN));
    return true;
}

/* ---- answers ---- */

static json_t *error_json(const char *code)
{
    return json_build("{s:{s:s,s:s}}", "error", "code", code, "message", "said by Azure");
}

static json_t *refusal(int status)
{
    return error_json(status == 429 ? "TooManyRequests" : "InternalServerError");
}

static void refuse(struct fake_cloud *c, int status, const char *code)
{
    fake_say(c, status, error_json(code));
}

/* A text per value: public zones spell members in capitals. */
static void say_set(struct fake_cloud *c, const struct fake_zone *zone, const char *name,
                    bool is_private)
{
    json_auto_t *quoted = fake_set(c, zone, name);
    json_t *values = json_new_array();
    for (size_t i = 0; i < json_count(quoted); i++) {
        const char *text = json_text(json_item(quoted, i));
        auto_free char *bare = x_strndup(text + 1, strlen(text) - 2);
        json_push(values, json_build("{s:[s]}", "value", bare));
    }
    auto_free char *etag = x_printf("etag-%u", version);
    json_t *properties = json_build("{s:s,s:I,s:o}", "fqdn", name, is_private ? "ttl" : "TTL",
                                    (json_int_t)fake_set_ttl(c, zone, name),
                                    is_private ? "txtRecords" : "TXTRecords", values);
    fake_say(c, 200,
             json_build("{s:s,s:s,s:o}", "name", name, "etag", etag, "properties", properties));
}

/* The texts in quotes; NULL for what the schema does not have. */
static json_t *texts_of(const json_t *properties, bool is_private)
{
    const json_t *values = JGET(properties, is_private ? "txtRecords" : "TXTRecords");
    json_t *texts = json_new_array();
    for (size_t i = 0; i < json_count(values); i++) {
        const char *text = JSTR(json_item(values, i), "value", "0");
        auto_free char *quoted = x_printf("\"%s\"", str_or(text, ""));
        json_push(texts, json_new_string(quoted));
    }
    if (json_count(texts) > 0)
        return texts;
    json_decref(texts);
    return NULL;
}

static bool fits(struct fake_cloud *c, const struct fake_call *call, const struct fake_zone *zone,
                 const char *name)
{
    bool there = fake_record_with(c, zone, name, NULL) != NULL;
    auto_free char *etag = x_printf("etag-%u", version);
    const char *match = fake_header(call, "If-Match"), *none = fake_header(call, "If-None-Match");
    if (none != NULL)
        return !there && str_eq(none, "*");
    return match == NULL || (there && str_eq(match, etag));
}

static void change(struct fake_cloud *c, const struct fake_call *call, const struct fake_zone *zone,
                   const char *name, bool is_private)
{
    static const char *const known[] = {"properties", "etag", NULL};
    bool drop = str_eq(call->method, "DELETE");
    const json_t *properties = JGET(call->body, "properties");
    int64_t ttl = JINT(properties, -1, is_private ? "ttl" : "TTL");
    json_auto_t *texts = drop ? json_new_array() : texts_of(properties, is_private);
    if (texts == NULL || fake_has_others(call->body, known) || (!drop && ttl < 1)) {
        refuse(c, 400, "BadRequest");
        return;
    }
    if (full) {
        full = false;
        fake_say(c, 409,
                 json_build("{s:s,s:s,s:[{s:s}]}", "code", "Conflict", "message", "10000 of 10000",
                            "details", "code", "MaximumNumberOfRecordSetsReached"));
        return;
    }
    if (rival != NULL) {
        fake_record_add(c, zone, name, rival)->ttl = 30;
        rival = NULL;
        version++;
    }
    if (!fits(c, call, zone, name)) {
        refuse(c, 412, "PreconditionFailed");
        return;
    }
    version++;
    bool new = fake_record_with(c, zone, name, NULL) == NULL;
    if (!fake_set_put(c, zone, name, texts, ttl))
        fake_wrong(c, "a value is empty");
    if (drop)
        fake_say(c, new ? 204 : 200, NULL);
    else
        say_set(c, zone, name, is_private);
    if (!drop && new)
        c->reply->status = 201;
}

static void answer_records(struct fake_cloud *c, struct fake_call *call, bool is_private)
{
    const struct fake_zone *zone = fake_zone_named(c, call->parts[0]);
    if (zone == NULL) {
        refuse(c, 404, "ParentResourceNotFound");
        return;
    }
    auto_free char *name = fake_absolute(zone, call->parts[1]);
    if (!str_eq(call->method, "GET"))
        change(c, call, zone, name, is_private);
    else if (fake_record_with(c, zone, name, NULL) == NULL)
        refuse(c, 404, "NotFound");
    else
        say_set(c, zone, name, is_private);
}

static bool is_record(struct fake_call *call, const char *pattern)
{
    return fake_path(call, "GET", pattern) || fake_path(call, "PUT", pattern) ||
           fake_path(call, "DELETE", pattern);
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    static const char *const known[] = {"api-version", NULL};
    if (!fake_authorized(c, call, "Authorization", "Bearer " TOKEN)) {
        refuse(c, 401, "InvalidAuthenticationToken");
        return;
    }
    auto_free char *wanted = fake_query(call, "api-version");
    bool is_private = strstr(call->path, "/privateDnsZones/") != NULL;
    if (fake_query_has_others(call, known) ||
        !str_eq(wanted, is_private ? "2018-09-01" : "2018-05-01")) {
        refuse(c, 400, "InvalidApiVersionParameter");
        return;
    }
    if (is_record(call,
                  is_private ? GROUP "/privateDnsZones/*/TXT/*" : GROUP "/dnsZones/*/TXT/*")) {
        answer_records(c, call, is_private);
        return;
    }
    bool zone =
        fake_path(call, "GET", is_private ? GROUP "/privateDnsZones/*" : GROUP "/dnsZones/*");
    if (zone && fake_zone_named(c, call->parts[0]) != NULL)
        fake_say(c, 200, json_build("{s:s,s:s}", "name", call->parts[0], "etag", "zone"));
    else
        refuse(c, 404, "ResourceNotFound");
}

static const struct fake_dialect dialect = {
    .base = "https://management.azure.com",
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
};

void fake_azure_open(struct provider_fake *f)
{
    rival = NULL;
    full = false;
    asked[0] = '\0';
    version = 1;
    fake_cloud_open(f, &dialect);
    fake_front_open(f, answer_token);
    f->token = FAKE_AZURE_TOKEN;
}

void fake_azure_rival(const char *value)
{
    rival = value;
}

void fake_azure_fill(void)
{
    full = true;
}

const char *fake_azure_asked(void)
{
    return asked;
}
