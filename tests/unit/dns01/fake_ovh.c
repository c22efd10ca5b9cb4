/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_ovh.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fake_front.h"

#define KEY "7kbG7Bk7S9Nt7ZSV"
#define SECRET "EXEgWIz07P0HYwtQDs7cNIqCiQaWSuHF"
#define CONSUMER "MtSwSrPpNjqfVSmJhLbPyr2i45lSwPU1"
#define CLIENT_SECRET "8c9e1d2f3a4b5c6d7e8f9a0b1c2d3e4f"
#define TOKEN_URL "https://www.ovh.com/auth/oauth2/token"
#define TOKEN "eyJhbGciOiJFZERTQSJ9.token-of-ovh.c2ln"
#define PATIENCE 3600 /* s; the rows move our clock, and the server does not see it */

static const struct fake_secret secrets[] = {{"ovh", "application-key", KEY},
                                             {"ovh", "application-secret", SECRET},
                                             {"ovh", "consumer-key", CONSUMER},
                                             {"ovh", "client-secret", CLIENT_SECRET},
                                             {NULL, NULL, NULL}};
static int64_t server_ahead;
static bool stale;
static void (*cloud_values)(void *state, const char *zone, const char *name,
                            struct strlist *ret_values);

static json_t *error_json(const char *code)
{
    return json_build("{s:s,s:s,s:s}", "class", "Client", "message", "said by OVH", "errorCode",
                      code);
}

static json_t *refusal(int status)
{
    return error_json(status == 429 ? "TOO_MANY_REQUESTS" : "INTERNAL_ERROR");
}

static void refuse(struct fake_cloud *c, int status, const char *code)
{
    fake_say(c, status, error_json(code));
}

void fake_ovh_signature(const char *method, const char *url, const char *body, const char *stamp,
                        char out[FAKE_OVH_SIGNATURE])
{
    auto_free char *text = x_printf(SECRET "+" CONSUMER "+%s+%s+%s+%s", method, url, body, stamp);
    unsigned char sum[20];
    EVP_Digest(text, strlen(text), sum, NULL, EVP_sha1(), NULL);
    str_copy(out, FAKE_OVH_SIGNATURE, "$1$");
    for (size_t i = 0; i < sizeof(sum); i++)
        snprintf(out + 3 + 2 * i, 3, "%02x", sum[i]);
}

static bool is_signed(const struct fake_call *call)
{
    const char *stamp = str_or(fake_header(call, "X-Ovh-Timestamp"), "");
    const struct http_request *req = call->req;
    auto_free char *body = x_strndup(req->body_len > 0 ? req->body : "", req->body_len);
    char expected[FAKE_OVH_SIGNATURE];
    fake_ovh_signature(call->method, req->url, body, stamp, expected);
    int64_t late = CONTRACT_NOW / NS_PER_SEC + server_ahead - strtoll(stamp, NULL, 10);
    return str_eq(fake_header(call, "X-Ovh-Signature"), expected) && late <= 30 &&
           late >= -PATIENCE;
}

/* Values are kept without quotes, and come back in them. */
static void say_record(struct fake_cloud *c, const struct fake_record *r)
{
    auto_free char *relative = dns_relative_name(r->name, r->zone->name);
    auto_free char *target = x_printf("\"%s\"", r->text);
    fake_say(c, 200,
             json_build("{s:I,s:s,s:s,s:s,s:s,s:I}", "id", (json_int_t)strtoll(r->id, NULL, 10),
                        "zone", r->zone->name, "fieldType", "TXT", "subDomain",
                        str_eq(relative, "@") ? "" : relative, "target", target, "ttl",
                        (json_int_t)r->ttl));
}

static void list_records(struct fake_cloud *c, const struct fake_call *call,
                         const struct fake_zone *zone)
{
    static const char *const known[] = {"fieldType", "subDomain", NULL};
    auto_free char *type = fake_query(call, "fieldType");
    auto_free char *relative = fake_query(call, "subDomain");
    if (fake_query_has_others(call, known) || !str_eq(type, "TXT") || relative == NULL) {
        refuse(c, 400, "BAD_PARAMETER");
        return;
    }
    auto_free char *name = fake_absolute(zone, relative);
    json_t *ids = json_new_array();
    for (size_t i = 0; i < c->record_count; i++)
        if (c->records[i].zone == zone && str_eq(c->records[i].name, name))
            json_push(ids, json_build("I", (json_int_t)strtoll(c->records[i].id, NULL, 10)));
    fake_say(c, 200, ids);
}

static void add_record(struct fake_cloud *c, const struct fake_call *call,
                       const struct fake_zone *zone)
{
    static const char *const known[] = {"fieldType", "subDomain", "target", "ttl", NULL};
    const char *relative = JSTR(call->body, "subDomain");
    const char *target = JSTR(call->body, "target");
    int64_t ttl = JINT(call->body, 0, "ttl");
    if (fake_has_others(call->body, known) || !str_eq(JSTR(call->body, "fieldType"), "TXT") ||
        relative == NULL || str_eq(relative, "@") || str_empty(target) || ttl < 60) {
        refuse(c, 400, "BAD_PARAMETER");
        return;
    }
    auto_free char *name = fake_absolute(zone, relative);
    struct fake_record *r = fake_record_add(c, zone, name, target);
    r->ttl = ttl;
    stale = true;
    say_record(c, r);
}

static void answer_record(struct fake_cloud *c, struct fake_call *call,
                          const struct fake_zone *zone)
{
    struct fake_record *r = fake_record_of(c, zone, call->parts[1]);
    if (r == NULL) {
        refuse(c, 404, "NOT_FOUND");
    } else if (str_eq(call->method, "GET")) {
        say_record(c, r);
    } else {
        fake_record_drop(c, r);
        stale = true;
        fake_say(c, 200, json_build("n"));
    }
}

static void answer_zone(struct fake_cloud *c, struct fake_call *call, const struct fake_zone *zone)
{
    if (fake_path(call, "GET", "/domain/zone/*")) {
        fake_say(c, 200, json_build("{s:s,s:b}", "name", zone->name, "dnssecSupported", 1));
    } else if (fake_path(call, "GET", "/domain/zone/*/record")) {
        list_records(c, call, zone);
    } else if (fake_path(call, "POST", "/domain/zone/*/record")) {
        add_record(c, call, zone);
    } else if (fake_path(call, "POST", "/domain/zone/*/refresh")) {
        stale = false;
        fake_say(c, 200, json_build("n"));
    } else if (fake_path(call, "GET", "/domain/zone/*/record/*") ||
               fake_path(call, "DELETE", "/domain/zone/*/record/*")) {
        answer_record(c, call, zone);
    } else {
        refuse(c, 404, "NOT_FOUND");
    }
}

/* False: it has refused the call. */
static bool knows_caller(struct fake_cloud *c, const struct fake_call *call)
{
    if (fake_header(call, "Authorization") != NULL) {
        if (fake_authorized(c, call, "Authorization", "Bearer " TOKEN))
            return true;
        refuse(c, 401, "INVALID_CREDENTIAL");
        return false;
    }
    if (!fake_authorized(c, call, "X-Ovh-Application", KEY) ||
        !fake_authorized(c, call, "X-Ovh-Consumer", CONSUMER)) {
        refuse(c, 403, "INVALID_CREDENTIAL");
        return false;
    }
    if (!is_signed(call))
        refuse(c, 400, "INVALID_SIGNATURE");
    return is_signed(call);
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    if (fake_path(call, "GET", "/auth/time")) {
        fake_say(c, 200, json_build("I", (json_int_t)(CONTRACT_NOW / NS_PER_SEC + server_ahead)));
        return;
    }
    if (!knows_caller(c, call))
        return;
    auto_free char *path = x_strdup(call->path);
    char *name = str_starts(path, "/domain/zone/") ? path + strlen("/domain/zone/") : path;
    name[strcspn(name, "/")] = '\0';
    const struct fake_zone *zone = fake_zone_named(c, name);
    if (zone == NULL)
        refuse(c, 404, "NOT_FOUND");
    else
        answer_zone(c, call, zone);
}

/* Service accounts (https://help.ovhcloud.com, KB0059343): RFC 6749 section 4.4. */
static bool answer_token(struct fake_cloud *c, const struct http_request *req,
                         struct http_response *ret)
{
    if (!str_eq(req->url, TOKEN_URL))
        return false;
    auto_free char *grant = front_form(req, "grant_type");
    auto_free char *client = front_form(req, "client_id");
    auto_free char *secret = front_form(req, "client_secret");
    auto_free char *scope = front_form(req, "scope");
    if (!str_eq(req->method, "POST") || !str_eq(grant, "client_credentials") ||
        !str_eq(scope, "all"))
        fake_wrong(c, "%s %s is no request for a token", req->method, req->url);
    if (c->revoked || !str_eq(client, FAKE_OVH_CLIENT) || !str_eq(secret, CLIENT_SECRET))
        front_say(
            ret, 400,
            json_build("{s:s,s:s}", "error", "invalid_client", "error_description", "said by OVH"));
    else
        front_say(ret, 200,
                  json_build("{s:s,s:s,s:i,s:s}", "access_token", TOKEN, "token_type", "Bearer",
                             "expires_in", 3599, "scope", "all"));
    return true;
}

static const struct fake_dialect dialect = {
    .base = "https://eu.api.ovh.com/1.0",
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
};

static void values(void *state, const char *zone, const char *name, struct strlist *ret_values)
{
    cloud_values(state, zone, name, ret_values);
    if (stale)
        strlist_add(ret_values, "(not refreshed)");
}

void fake_ovh_open(struct provider_fake *f)
{
    server_ahead = 1000;
    stale = false;
    fake_cloud_open(f, &dialect);
    fake_front_open(f, answer_token);
    cloud_values = f->values;
    f->values = values;
}

void fake_ovh_clock(int64_t ahead)
{
    server_ahead = ahead;
}
