/* SPDX-License-Identifier: Apache-2.0 */
/* DigitalOcean's API v2 as https://docs.digitalocean.com/reference/api documents domains and their records. */
#include "fake_digitalocean.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define BASE "https://api.digitalocean.com/v2"

static const struct fake_secret secrets[] = {
    {"digitalocean", "token", "dop_v1_4f1c2e3d4a5b6c7d8e9f"},
    {NULL, NULL, NULL},
};

static json_t *refusal(int status)
{
    static const struct {
        int status;
        const char *id;
    } ids[] = {
        {401, "Unauthorized"},         {403, "Forbidden"},         {404, "not_found"},
        {422, "unprocessable_entity"}, {429, "too_many_requests"}, {500, "server_error"},
    };
    const char *id = "server_error";
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (ids[i].status == status)
            id = ids[i].id;
    return json_build("{s:s,s:s}", "id", id, "message", "as documented");
}

static json_t *record_json(const struct fake_record *r)
{
    int64_t id = 0;
    if (str_to_i64(r->id, 0, INT64_MAX, &id) != NULL)
        fail_msg("%s is no number", r->id);
    auto_free char *name = dns_relative_name(r->name, r->zone->name);
    return json_build("{s:I,s:s,s:s,s:s,s:I,s:n}", "id", (json_int_t)id, "type", "TXT", "name",
                      name, "data", r->text, "ttl", (json_int_t)r->ttl, "priority");
}

static void list_records(struct fake_cloud *c, const struct fake_call *call,
                         const struct fake_zone *zone)
{
    static const char *const known[] = {"type", "name", "page", "per_page", NULL};
    auto_free char *name = fake_query(call, "name");
    if (fake_query_has_others(call, known)) {
        fake_refuse(c, 422);
        return;
    }
    unsigned number = fake_query_number(call, "page", 1);
    struct fake_page p = fake_page(c, number, fake_query_number(call, "per_page", 20));
    json_t *items = json_new_array();
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (r->zone == zone && (name == NULL || str_eq(r->name, name)) && fake_on_page(&p))
            json_push(items, record_json(r));
    }
    json_t *pages = json_new_object();
    auto_free char *next = x_printf(BASE "/domains/%s/records?page=%u", zone->name, number + 1);
    if (number < fake_page_count(&p))
        json_put_str(pages, "next", next);
    fake_say(c, 200,
             json_build("{s:o,s:{s:o},s:{s:i}}", "domain_records", items, "links", "pages", pages,
                        "meta", "total", (int)p.seen));
}

/* The same value twice is taken. */
static void add_record(struct fake_cloud *c, const struct fake_call *call,
                       const struct fake_zone *zone)
{
    static const char *const known[] = {"type", "name", "data", "ttl", NULL};
    const char *name = JSTR(call->body, "name");
    const char *data = JSTR(call->body, "data");
    int64_t ttl = JINT(call->body, 1800, "ttl");
    if (fake_has_others(call->body, known) || !str_eq(JSTR(call->body, "type"), "TXT") ||
        str_empty(name) || str_empty(data) || ttl < 30 || str_ends(name, zone->name)) {
        fake_refuse(c, 422);
        return;
    }
    auto_free char *absolute = fake_absolute(zone, name);
    struct fake_record *r = fake_record_add(c, zone, absolute, data);
    r->ttl = ttl;
    fake_say(c, 201, json_build("{s:o}", "domain_record", record_json(r)));
}

static void drop_record(struct fake_cloud *c, const struct fake_zone *zone, const char *id)
{
    struct fake_record *r = fake_record_of(c, zone, id);
    if (r == NULL) {
        fake_refuse(c, 404);
        return;
    }
    fake_record_drop(c, r);
    fake_say(c, 204, NULL);
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    auto_free char *bearer = x_printf("Bearer %s", secrets[0].value);
    if (!fake_authorized(c, call, "Authorization", bearer)) {
        fake_refuse(c, 401);
        return;
    }
    bool get = fake_path(call, "GET", "/domains/*");
    bool list = !get && fake_path(call, "GET", "/domains/*/records");
    bool add = !get && !list && fake_path(call, "POST", "/domains/*/records");
    bool drop = !get && !list && !add && fake_path(call, "DELETE", "/domains/*/records/*");
    const struct fake_zone *zone = fake_zone_named(c, call->parts[0]);
    if (!(get || list || add || drop) || zone == NULL)
        fake_refuse(c, 404);
    else if (get)
        fake_say(c, 200, json_build("{s:{s:s,s:i}}", "domain", "name", zone->name, "ttl", 1800));
    else if (list)
        list_records(c, call, zone);
    else if (add)
        add_record(c, call, zone);
    else
        drop_record(c, zone, call->parts[1]);
}

static const struct fake_dialect dialect = {
    .base = BASE,
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
};

void fake_digitalocean_open(struct provider_fake *f)
{
    fake_cloud_open(f, &dialect);
}
