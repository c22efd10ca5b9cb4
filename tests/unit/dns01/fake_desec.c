/* SPDX-License-Identifier: Apache-2.0 */
/* deSEC's API v1 as https://desec.readthedocs.io documents domains, RRsets and their bulk endpoint. */
#include "fake_desec.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define MINIMUM_TTL 3600

static const struct fake_secret secrets[] = {
    {"desec", "token", "i-T3b1h_OI-H9ab8tRS98stGtURe"},
    {NULL, NULL, NULL},
};

static json_t *refusal(int status)
{
    if (status == 400) /* the bulk endpoint's: what is wrong with each set */
        return json_build("[{s:[s]}]", "non_field_errors", "As documented.");
    const char *detail = status == 401   ? "Invalid token."
                         : status == 404 ? "Not found."
                         : status == 429 ? "Request was throttled. Expected available in 7 seconds."
                                         : "As documented.";
    return json_build("{s:s}", "detail", detail);
}

static json_t *rrset_json(struct fake_cloud *c, const struct fake_zone *zone, const char *name)
{
    json_t *records = json_new_array();
    int64_t ttl = 0;
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (r->zone != zone || !str_eq(r->name, name))
            continue;
        auto_free char *quoted = dns_text_quoted(r->text);
        json_push(records, json_new_string(quoted));
        ttl = r->ttl;
    }
    auto_free char *relative = dns_relative_name(name, zone->name);
    return json_build("{s:s,s:s,s:s,s:I,s:o}", "domain", zone->name, "subname",
                      str_eq(relative, "@") ? "" : relative, "type", "TXT", "ttl", (json_int_t)ttl,
                      "records", records);
}

static void get_rrset(struct fake_cloud *c, const struct fake_zone *zone, const char *subname)
{
    auto_free char *name = fake_absolute(zone, subname);
    if (fake_record_with(c, zone, name, NULL) == NULL)
        fake_refuse(c, 404);
    else
        fake_say(c, 200, rrset_json(c, zone, name));
}

/* Quoted strings, each once. */
static bool are_records(const json_t *records)
{
    for (size_t i = 0; i < json_count(records); i++) {
        const char *text = json_text(json_item(records, i));
        size_t len = text != NULL ? strlen(text) : 0;
        if (len < 3 || text[0] != '"' || text[len - 1] != '"')
            return false;
        for (size_t k = 0; k < i; k++)
            if (json_same(json_item(records, k), json_item(records, i)))
                return false;
    }
    return records != NULL;
}

static void replace(struct fake_cloud *c, const struct fake_zone *zone, const char *name,
                    const json_t *records, int64_t ttl)
{
    struct fake_record *r;
    while ((r = fake_record_with(c, zone, name, NULL)) != NULL)
        fake_record_drop(c, r);
    for (size_t i = 0; i < json_count(records); i++) {
        const char *text = json_text(json_item(records, i));
        auto_free char *bare = x_strndup(text + 1, strlen(text) - 2);
        fake_record_add(c, zone, name, bare)->ttl = ttl;
    }
}

/* PATCH of the bulk endpoint with one set; "@" is not taken there, and a new set needs a TTL. */
static void patch(struct fake_cloud *c, const struct fake_call *call, const struct fake_zone *zone)
{
    static const char *const known[] = {"subname", "type", "ttl", "records", NULL};
    const json_t *set = json_item(call->body, 0);
    const char *subname = str_or(JSTR(set, "subname"), "");
    auto_free char *name = fake_absolute(zone, subname);
    const struct fake_record *there = fake_record_with(c, zone, name, NULL);
    int64_t ttl = JINT(set, there != NULL ? there->ttl : 0, "ttl");
    const json_t *records = JGET(set, "records");
    if (json_count(call->body) != 1 || fake_has_others(set, known) || str_eq(subname, "@") ||
        !str_eq(JSTR(set, "type"), "TXT") || !are_records(records) ||
        (json_count(records) > 0 && ttl < MINIMUM_TTL)) {
        fake_refuse(c, 400);
        return;
    }
    replace(c, zone, name, records, ttl);
    json_t *sets = json_new_array();
    if (json_count(records) > 0)
        json_push(sets, rrset_json(c, zone, name));
    fake_say(c, 200, sets);
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    auto_free char *token = x_printf("Token %s", secrets[0].value);
    if (!fake_authorized(c, call, "Authorization", token)) {
        fake_refuse(c, 401);
        return;
    }
    bool domain = fake_path(call, "GET", "/domains/*/");
    bool get = !domain && fake_path(call, "GET", "/domains/*/rrsets/*/TXT/");
    bool bulk = !domain && !get && fake_path(call, "PATCH", "/domains/*/rrsets/");
    const struct fake_zone *zone = fake_zone_named(c, call->parts[0]);
    if (!(domain || get || bulk) || zone == NULL)
        fake_refuse(c, 404);
    else if (domain)
        fake_say(c, 200, json_build("{s:s,s:i}", "name", zone->name, "minimum_ttl", MINIMUM_TTL));
    else if (get)
        get_rrset(c, zone, call->parts[1]);
    else
        patch(c, call, zone);
}

static const struct fake_dialect dialect = {
    .base = "https://desec.io/api/v1",
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
};

void fake_desec_open(struct provider_fake *f)
{
    fake_cloud_open(f, &dialect);
}
