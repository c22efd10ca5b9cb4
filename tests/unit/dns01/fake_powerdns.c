/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_powerdns.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "fake_cloud.h"

static unsigned notified;
static bool older;      /* than EXTEND and PRUNE */
static const char *why; /* of a 422 */

static const struct fake_secret secrets[] = {{"pdns", "api-key", "pdns-API-key-1"}, {0}};

static json_t *refusal(int status)
{
    return json_build("{s:s}", "error", status == 404 ? "Not Found" : why);
}

/* "example.com." is example.com; NULL without the dot. Owned. */
static char *without_dot(const char *name)
{
    size_t len = name != NULL ? strlen(name) : 0;
    return len > 1 && name[len - 1] == '.' ? x_strndup(name, len - 1) : NULL;
}

static bool is_in(const char *name, const char *zone)
{
    return str_eq(name, zone) ||
           (str_ends(name, zone) && name[strlen(name) - strlen(zone) - 1] == '.');
}

/* ---- reading ---- */

/* The records of one name as a record set; NULL when it has none. */
static json_t *rrset_of(const struct fake_cloud *c, const struct fake_zone *zone, const char *name)
{
    json_auto_t *records = json_new_array();
    int64_t ttl = 0;
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (r->zone != zone || !str_eq(r->name, name))
            continue;
        auto_free char *content = x_printf("\"%s\"", r->text);
        json_push(records, json_build("{s:s,s:b,s:i}", "content", content, "disabled", 0,
                                      "modified_at", 1767225600));
        ttl = r->ttl;
    }
    if (json_count(records) == 0)
        return NULL;
    auto_free char *absolute = x_printf("%s.", name);
    return json_build("{s:s,s:s,s:I,s:O,s:[]}", "name", absolute, "type", "TXT", "ttl",
                      (json_int_t)ttl, "records", records, "comments");
}

static void get_zone(struct fake_cloud *c, struct fake_call *call, const struct fake_zone *zone)
{
    static const char *const known[] = {"rrsets", "rrset_name", "rrset_type", "include_disabled",
                                        NULL};
    if (fake_query_has_others(call, known))
        fake_wrong(c, "the query %s", call->query);
    const char *kind = zone->id[0] >= '0' && zone->id[0] <= '9' ? "Native" : zone->id;
    auto_free char *id = x_printf("%s.", zone->name);
    json_auto_t *body = json_build("{s:s,s:s,s:s}", "id", id, "name", id, "kind", kind);
    auto_free char *sets = fake_query(call, "rrsets");
    if (!str_eq(sets, "false")) {
        auto_free char *wanted = fake_query(call, "rrset_name");
        auto_free char *name = without_dot(wanted);
        json_put(body, "rrsets", json_new_array());
        json_t *set = name != NULL ? rrset_of(c, zone, name) : NULL;
        if (set != NULL)
            json_push(JGET(body, "rrsets"), set);
    }
    fake_say(c, 200, json_incref(body));
}

/* ---- writing ---- */

static bool is_record(const json_t *record)
{
    static const char *const known[] = {"content", "disabled", NULL};
    const char *content = JSTR(record, "content");
    size_t len = content != NULL ? strlen(content) : 0;
    return !fake_has_others(record, known) && len > 2 && content[0] == '"' &&
           content[len - 1] == '"';
}

static bool is_of_one(const char *change)
{
    return str_eq(change, "EXTEND") || str_eq(change, "PRUNE");
}

static bool is_known(const char *change)
{
    return str_eq(change, "REPLACE") || str_eq(change, "DELETE") || (is_of_one(change) && !older);
}

static bool is_change(const json_t *set, const char *name)
{
    static const char *const known[] = {"name", "type", "ttl", "changetype", "records", NULL};
    const char *change = JSTR(set, "changetype");
    const json_t *records = JGET(set, "records");
    size_t n = json_count(records);
    why = is_known(change) ? "Unprocessable" : "Changetype not understood";
    bool good = is_known(change) && name != NULL && !fake_has_others(set, known) &&
                str_eq(JSTR(set, "type"), "TXT") && JINT(set, 0, "ttl") > 0;
    for (size_t i = 0; i < n; i++)
        good = good && is_record(json_item(records, i));
    return good && (!str_eq(change, "REPLACE") || n > 0) && (!is_of_one(change) || n == 1);
}

static void replace(struct fake_cloud *c, const struct fake_zone *zone, const char *name,
                    const json_t *set)
{
    struct fake_record *old;
    while ((old = fake_record_with(c, zone, name, NULL)) != NULL)
        fake_record_drop(c, old);
    const json_t *records = JGET(set, "records");
    for (size_t i = 0; i < json_count(records); i++) {
        const char *content = JSTR(json_item(records, i), "content");
        auto_free char *text = x_strndup(content + 1, strlen(content) - 2);
        fake_record_add(c, zone, name, text)->ttl = JINT(set, 0, "ttl");
    }
}

/* One that is there, or is not there, already is no change. The set's ttl stays as it is. */
static void change_one(struct fake_cloud *c, const struct fake_zone *zone, const char *name,
                       const json_t *set)
{
    const char *content = JSTR(json_item(JGET(set, "records"), 0), "content");
    auto_free char *text = x_strndup(content + 1, strlen(content) - 2);
    struct fake_record *there = fake_record_with(c, zone, name, text);
    const struct fake_record *any = fake_record_with(c, zone, name, NULL);
    int64_t ttl = any != NULL ? any->ttl : JINT(set, 0, "ttl");
    if (there != NULL && str_eq(JSTR(set, "changetype"), "PRUNE"))
        fake_record_drop(c, there);
    else if (there == NULL && str_eq(JSTR(set, "changetype"), "EXTEND"))
        fake_record_add(c, zone, name, text)->ttl = ttl;
}

static void patch_zone(struct fake_cloud *c, struct fake_call *call, const struct fake_zone *zone)
{
    const json_t *sets = JGET(call->body, "rrsets");
    const json_t *set = json_item(sets, 0);
    auto_free char *name = without_dot(JSTR(set, "name"));
    if (json_count(sets) != 1 || !is_change(set, name) || !is_in(name, zone->name)) {
        fake_refuse(c, 422);
        return;
    }
    if (is_of_one(JSTR(set, "changetype")))
        change_one(c, zone, name, set);
    else
        replace(c, zone, name, set);
    fake_say(c, 204, NULL);
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    if (!fake_authorized(c, call, "X-API-Key", secrets[0].value)) {
        fake_say(c, 401, NULL);
        return;
    }
    bool get = fake_path(call, "GET", "/zones/*");
    bool patch = !get && fake_path(call, "PATCH", "/zones/*");
    bool notify = !get && !patch && fake_path(call, "PUT", "/zones/*/notify");
    auto_free char *name = without_dot(call->parts[0]);
    const struct fake_zone *zone = name != NULL ? fake_zone_named(c, name) : NULL;
    if (zone == NULL) {
        fake_refuse(c, 404);
    } else if (get) {
        get_zone(c, call, zone);
    } else if (patch) {
        patch_zone(c, call, zone);
    } else if (notify) {
        notified++;
        fake_say(c, 200, json_build("{s:s}", "result", "Notification queued"));
    } else {
        fake_refuse(c, 404);
    }
}

void fake_powerdns_open(struct provider_fake *f)
{
    static const struct fake_dialect dialect = {
        .base = "https://pdns.test/api/v1/servers/localhost",
        .secrets = secrets,
        .answer = answer,
        .refusal = refusal,
        .page_max = 1,
    };
    notified = 0;
    older = false;
    why = "";
    fake_cloud_open(f, &dialect);
}

void fake_powerdns_open_older(struct provider_fake *f)
{
    fake_powerdns_open(f);
    older = true;
}

unsigned fake_powerdns_notified(void)
{
    return notified;
}
