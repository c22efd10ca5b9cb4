/* SPDX-License-Identifier: Apache-2.0 */
/* Gandi's LiveDNS API v5 as https://api.gandi.net/docs/livedns documents domains and their sets of records. */
#include "fake_gandi.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct fake_secret secrets[] = {
    {"gandi", "token", "4a8f0c2b9e7d61358f2c4b6a0e9d7c5b3a1f"},
    {NULL, NULL, NULL},
};

static json_t *refusal(int status)
{
    if (status == 400)
        return json_build("{s:s,s:[{s:s,s:s,s:s}]}", "status", "error", "errors", "location",
                          "body", "name", "rrset_values", "description", "As documented.");
    const char *cause = status == 401   ? "Unauthorized"
                        : status == 403 ? "Forbidden"
                        : status == 404 ? "Not Found"
                        : status == 429 ? "Too Many Requests"
                                        : "Service Unavailable";
    return json_build("{s:s,s:i,s:s,s:s}", "cause", cause, "code", status, "message",
                      "As documented.", "object", "HTTPError");
}

static void get_values(struct fake_cloud *c, const struct fake_zone *zone, const char *name)
{
    json_t *values = json_new_array();
    int64_t ttl = 0;
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (r->zone != zone || !str_eq(r->name, name))
            continue;
        auto_free char *quoted = dns_text_quoted(r->text);
        json_push(values, json_new_string(quoted));
        ttl = r->ttl;
    }
    if (json_count(values) == 0) {
        json_decref(values);
        fake_refuse(c, 404);
        return;
    }
    auto_free char *relative = dns_relative_name(name, zone->name);
    fake_say(c, 200,
             json_build("{s:s,s:s,s:I,s:o}", "rrset_name", relative, "rrset_type", "TXT",
                        "rrset_ttl", (json_int_t)ttl, "rrset_values", values));
}

/* Returns whether there was any. */
static bool drop_all(struct fake_cloud *c, const struct fake_zone *zone, const char *name)
{
    bool any = false;
    struct fake_record *r;
    while ((r = fake_record_with(c, zone, name, NULL)) != NULL) {
        fake_record_drop(c, r);
        any = true;
    }
    return any;
}

/* Values with or without quotes; what is written is all that is there then. */
static void put_values(struct fake_cloud *c, const struct fake_call *call,
                       const struct fake_zone *zone, const char *name)
{
    static const char *const known[] = {"rrset_ttl", "rrset_values", NULL};
    const json_t *values = JGET(call->body, "rrset_values");
    int64_t ttl = JINT(call->body, 10800, "rrset_ttl");
    if (fake_has_others(call->body, known) || json_count(values) == 0 || ttl < 300 ||
        ttl > 2592000) {
        fake_refuse(c, 400);
        return;
    }
    drop_all(c, zone, name);
    for (size_t i = 0; i < json_count(values); i++) {
        const char *text = str_or(json_text(json_item(values, i)), "");
        size_t len = strlen(text);
        bool quoted = len >= 2 && text[0] == '"' && text[len - 1] == '"';
        auto_free char *bare = x_strndup(text + quoted, quoted ? len - 2 : len);
        fake_record_add(c, zone, name, bare)->ttl = ttl;
    }
    fake_say(c, 201, json_build("{s:s}", "message", "DNS Record Created"));
}

static void records(struct fake_cloud *c, struct fake_call *call)
{
    static const char path[] = "/domains/*/records/*/TXT";
    bool get = fake_path(call, "GET", path);
    bool put = !get && fake_path(call, "PUT", path);
    bool drop = !get && !put && fake_path(call, "DELETE", path);
    const struct fake_zone *zone = fake_zone_named(c, call->parts[0]);
    if (!(get || put || drop) || zone == NULL) {
        fake_refuse(c, 404);
        return;
    }
    auto_free char *name = fake_absolute(zone, call->parts[1]);
    if (get)
        get_values(c, zone, name);
    else if (put)
        put_values(c, call, zone, name);
    else if (drop_all(c, zone, name))
        fake_say(c, 204, NULL);
    else
        fake_refuse(c, 404);
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    auto_free char *bearer = x_printf("Bearer %s", secrets[0].value);
    if (!fake_authorized(c, call, "Authorization", bearer)) {
        fake_refuse(c, 401);
        return;
    }
    if (!fake_path(call, "GET", "/domains/*")) {
        records(c, call);
        return;
    }
    const struct fake_zone *zone = fake_zone_named(c, call->parts[0]);
    if (zone == NULL)
        fake_refuse(c, 404);
    else
        fake_say(c, 200, json_build("{s:s,s:b}", "fqdn", zone->name, "automatic_snapshots", 1));
}

static const struct fake_dialect dialect = {
    .base = "https://api.gandi.net/v5/livedns",
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
};

void fake_gandi_open(struct provider_fake *f)
{
    fake_cloud_open(f, &dialect);
}
