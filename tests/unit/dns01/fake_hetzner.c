/* SPDX-License-Identifier: Apache-2.0 */
/* The Hetzner Cloud API v1 as https://docs.hetzner.cloud/reference/cloud documents zones, RRsets and actions. */
#include "fake_hetzner.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct fake_secret secrets[] = {
    {"hetzner", "token", "LRK9DAWQ1ZAEFSrCNEEzLCUwhYX1U3g7wMg4dTlkkDC96fyDuyJ39nVbVjCKSDfj"},
    {NULL, NULL, NULL},
};

static json_t *error(const char *code)
{
    return json_build("{s:{s:s,s:s,s:n}}", "error", "code", code, "message", "as documented",
                      "details");
}

static json_t *refusal(int status)
{
    static const struct {
        int status;
        const char *code;
    } codes[] = {
        {400, "json_error"},          {401, "unauthorized"},  {403, "token_readonly"},
        {404, "not_found"},           {422, "invalid_input"}, {423, "locked"},
        {429, "rate_limit_exceeded"},
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].status == status)
            return error(codes[i].code);
    return error("server_error");
}

static int64_t number(const char *id)
{
    int64_t n = 0;
    if (str_to_i64(id, 0, INT64_MAX, &n) != NULL)
        fail_msg("%s is no number", id);
    return n;
}

static void get_rrset(struct fake_cloud *c, const struct fake_zone *zone, const char *name)
{
    json_t *records = json_new_array();
    int64_t ttl = 0;
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (r->zone != zone || !str_eq(r->name, name))
            continue;
        auto_free char *value = dns_text_quoted(r->text);
        json_push(records, json_build("{s:s,s:s}", "value", value, "comment", ""));
        ttl = r->ttl;
    }
    if (json_count(records) == 0) {
        json_decref(records);
        fake_refuse(c, 404);
        return;
    }
    auto_free char *relative = dns_relative_name(name, zone->name);
    fake_say(c, 200,
             json_build("{s:{s:s,s:s,s:I,s:o}}", "rrset", "name", relative, "type", "TXT", "ttl",
                        (json_int_t)ttl, "records", records));
}

static void say_action(struct fake_cloud *c, int status, const char *id, const char *state)
{
    fake_say(c, status,
             json_build("{s:{s:I,s:s,s:s,s:n}}", "action", "id", (json_int_t)number(id), "command",
                        "change_rrset", "status", state, "error"));
}

/* The one value of a request, unquoted; NULL: it is not what the API takes. */
static char *value_of(const struct fake_call *call)
{
    static const char *const known[] = {"records", "ttl", NULL};
    const char *value = JSTR(call->body, "records", "0", "value");
    size_t len = value != NULL ? strlen(value) : 0;
    if (fake_has_others(call->body, known) || json_count(JGET(call->body, "records")) != 1 ||
        len < 3 || value[0] != '"' || value[len - 1] != '"')
        return NULL;
    return x_strndup(value + 1, len - 2);
}

static void add_record(struct fake_cloud *c, const struct fake_call *call,
                       const struct fake_zone *zone, const char *name)
{
    auto_free char *text = value_of(call);
    const struct fake_record *there = fake_record_with(c, zone, name, NULL);
    int64_t ttl = JINT(call->body, there != NULL ? there->ttl : 3600, "ttl");
    if (there != NULL && str_eq(there->text, "full")) {
        fake_say(c, 403, error("resource_limit_exceeded"));
        return;
    }
    if (text == NULL || ttl < 60 || (there != NULL && ttl != there->ttl) ||
        fake_record_with(c, zone, name, text) != NULL) {
        fake_refuse(c, 422);
        return;
    }
    struct fake_record *r = fake_record_add(c, zone, name, text);
    r->ttl = ttl;
    r->settles = 1;
    say_action(c, 201, r->id, "running");
}

static void remove_record(struct fake_cloud *c, const struct fake_call *call,
                          const struct fake_zone *zone, const char *name)
{
    auto_free char *text = value_of(call);
    if (text == NULL || JGET(call->body, "ttl") != NULL) {
        fake_refuse(c, 422);
        return;
    }
    struct fake_record *r = fake_record_with(c, zone, name, text);
    if (r == NULL) {
        fake_refuse(c, 404);
        return;
    }
    say_action(c, 201, r->id, "running");
    fake_record_drop(c, r);
}

/* Actions have the ids of the records that they made. */
static void get_action(struct fake_cloud *c, const char *id)
{
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (!str_eq(r->id, id))
            continue;
        say_action(c, 200, id,
                   str_eq(r->text, "unlucky") ? "error" : (r->settles > 0 ? "running" : "success"));
        return;
    }
    fake_refuse(c, 404);
}

static void rrset(struct fake_cloud *c, struct fake_call *call)
{
    bool get = fake_path(call, "GET", "/zones/*/rrsets/*/TXT");
    bool add = !get && fake_path(call, "POST", "/zones/*/rrsets/*/TXT/actions/add_records");
    bool drop =
        !get && !add && fake_path(call, "POST", "/zones/*/rrsets/*/TXT/actions/remove_records");
    const struct fake_zone *zone = fake_zone_of(c, call->parts[0]);
    if (!(get || add || drop) || zone == NULL) {
        fake_refuse(c, 404);
        return;
    }
    auto_free char *name = fake_absolute(zone, call->parts[1]);
    if (get)
        get_rrset(c, zone, name);
    else if (add)
        add_record(c, call, zone, name);
    else
        remove_record(c, call, zone, name);
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    auto_free char *bearer = x_printf("Bearer %s", secrets[0].value);
    if (!fake_authorized(c, call, "Authorization", bearer)) {
        fake_refuse(c, 401);
        return;
    }
    if (fake_path(call, "GET", "/actions/*")) {
        get_action(c, call->parts[0]);
        return;
    }
    if (!fake_path(call, "GET", "/zones/*")) {
        rrset(c, call);
        return;
    }
    const struct fake_zone *zone = fake_zone_named(c, call->parts[0]);
    if (zone == NULL)
        fake_refuse(c, 404);
    else
        fake_say(c, 200,
                 json_build("{s:{s:I,s:s,s:s}}", "zone", "id", (json_int_t)number(zone->id), "name",
                            zone->name, "mode", "primary"));
}

static const struct fake_dialect dialect = {
    .base = "https://api.hetzner.cloud/v1",
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
    .unsettled = true,
};

void fake_hetzner_open(struct provider_fake *f)
{
    fake_cloud_open(f, &dialect);
}
