/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_cloudflare.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct fake_secret secrets[] = {
    {"cloudflare", "api-token", "v1-0b1c2d3e4f5a6b7c8d9e0f1a"},
    {"cloudflare", "api-key", "c2547eb745079dac9320b638f5e22"},
    {NULL, NULL, NULL},
};

static json_t *envelope(json_t *result, int64_t code, const char *message)
{
    json_t *errors = json_new_array();
    if (code >= 0)
        json_push(errors, json_build("{s:I,s:s}", "code", code, "message", message));
    return json_build("{s:b,s:o,s:[],s:o}", "success", code < 0, "errors", errors, "messages",
                      "result", result);
}

static void refuse(struct fake_cloud *c, int status, int64_t code, const char *message)
{
    fake_say(c, status, envelope(json_build("n"), code, message));
}

static json_t *refusal(int status)
{
    if (status == 429)
        return envelope(json_build("n"), 971, "Please wait and consider throttling your requests");
    if (status == 400)
        return json_build("{s:b,s:[{s:i,s:s,s:[{s:i,s:s}]}],s:[],s:n}", "success", 0, "errors",
                          "code", 6003, "message", "Invalid request headers", "error_chain", "code",
                          6111, "message", "Invalid format for Authorization header", "messages",
                          "result");
    return envelope(json_build("n"), 10001, "Something went wrong");
}

static void say_page(struct fake_cloud *c, json_t *items, const struct fake_page *p)
{
    json_t *reply = envelope(items, -1, NULL);
    json_put(reply, "result_info",
             json_build("{s:i,s:i,s:i,s:i,s:i}", "page", (int)(p->first / p->size) + 1, "per_page",
                        (int)p->size, "count", (int)json_count(items), "total_count", (int)p->seen,
                        "total_pages", p->seen == 0 ? 0 : (int)fake_page_count(p)));
    fake_say(c, 200, reply);
}

/* Zones whose id starts with "moved" are another account's by now. */
static void list_zones(struct fake_cloud *c, const struct fake_call *call)
{
    static const char *const known[] = {"name", "status", "page", "per_page", NULL};
    auto_free char *name = fake_query(call, "name");
    if (fake_query_has_others(call, known)) {
        refuse(c, 400, 1000, "Invalid query");
        return;
    }
    struct fake_page p = fake_page(c, fake_query_number(call, "page", 1), 50);
    json_t *items = json_new_array();
    for (size_t i = 0; i < c->zone_count; i++) {
        const struct fake_zone *z = &c->zones[i];
        if ((name != NULL && !str_eq(z->name, name)) || !fake_on_page(&p))
            continue;
        json_push(items, json_build("{s:s,s:s,s:s}", "id", z->id, "name", z->name, "status",
                                    str_starts(z->id, "moved") ? "moved" : "active"));
    }
    say_page(c, items, &p);
}

static json_t *record_json(const struct fake_record *r)
{
    auto_free char *content = dns_text_quoted(r->text);
    return json_build("{s:s,s:s,s:s,s:s,s:I,s:b}", "id", r->id, "type", "TXT", "name", r->name,
                      "content", content, "ttl", r->ttl, "proxied", 0);
}

static void list_records(struct fake_cloud *c, const struct fake_call *call,
                         const struct fake_zone *zone)
{
    static const char *const known[] = {"type", "name", "page", "per_page", NULL};
    auto_free char *name = fake_query(call, "name");
    auto_free char *type = fake_query(call, "type");
    if (fake_query_has_others(call, known) || !str_eq(type, "TXT")) {
        refuse(c, 400, 1000, "Invalid query");
        return;
    }
    struct fake_page p =
        fake_page(c, fake_query_number(call, "page", 1), fake_query_number(call, "per_page", 100));
    json_t *items = json_new_array();
    for (size_t i = 0; i < c->record_count; i++) {
        const struct fake_record *r = &c->records[i];
        if (r->zone == zone && str_eq(r->name, name) && fake_on_page(&p))
            json_push(items, record_json(r));
    }
    say_page(c, items, &p);
}

static void add_record(struct fake_cloud *c, const struct fake_call *call,
                       const struct fake_zone *zone)
{
    static const char *const known[] = {"type", "name", "content", "ttl", "comment", NULL};
    const char *name = JSTR(call->body, "name");
    const char *content = JSTR(call->body, "content");
    int64_t ttl = JINT(call->body, 1, "ttl");
    size_t len = content != NULL ? strlen(content) : 0;
    auto_free char *relative = name != NULL ? dns_relative_name(name, zone->name) : NULL;
    if (fake_has_others(call->body, known) || !str_eq(JSTR(call->body, "type"), "TXT") ||
        relative == NULL || (ttl != 1 && (ttl < 60 || ttl > 86400)) || len < 3 ||
        content[0] != '"' || content[len - 1] != '"') {
        refuse(c, 400, 1004, "DNS Validation Error");
        return;
    }
    auto_free char *text = x_strndup(content + 1, len - 2);
    if (fake_record_with(c, zone, name, text) != NULL) {
        refuse(c, 400, 81058, "An identical record already exists.");
        return;
    }
    if (fake_record_with(c, zone, name, "full") != NULL) {
        refuse(c, 400, 81045, "Record quota exceeded.");
        return;
    }
    struct fake_record *r = fake_record_add(c, zone, name, text);
    r->ttl = ttl;
    fake_say(c, 200, envelope(record_json(r), -1, NULL));
}

static void drop_record(struct fake_cloud *c, const struct fake_zone *zone, const char *id)
{
    struct fake_record *r = fake_record_of(c, zone, id);
    if (r == NULL) {
        refuse(c, 404, 81044, "Record does not exist.");
        return;
    }
    fake_say(c, 200, envelope(json_build("{s:s}", "id", r->id), -1, NULL));
    fake_record_drop(c, r);
}

static bool is_authorized(const struct fake_cloud *c, const struct fake_call *call)
{
    auto_free char *bearer = x_printf("Bearer %s", secrets[0].value);
    return fake_authorized(c, call, "Authorization", bearer) ||
           (fake_authorized(c, call, "X-Auth-Key", secrets[1].value) &&
            fake_authorized(c, call, "X-Auth-Email", "dns@example.com"));
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    if (!is_authorized(c, call)) {
        refuse(c, 403, 9109, "Invalid access token");
        return;
    }
    if (fake_path(call, "GET", "/zones")) {
        list_zones(c, call);
        return;
    }
    bool list = fake_path(call, "GET", "/zones/*/dns_records");
    bool add = !list && fake_path(call, "POST", "/zones/*/dns_records");
    bool drop = !list && !add && fake_path(call, "DELETE", "/zones/*/dns_records/*");
    const struct fake_zone *zone = fake_zone_of(c, call->parts[0]);
    if (!(list || add || drop) || zone == NULL)
        refuse(c, 404, 7003, "Could not route, perhaps your object identifier is invalid?");
    else if (list)
        list_records(c, call, zone);
    else if (add)
        add_record(c, call, zone);
    else
        drop_record(c, zone, call->parts[1]);
}

static const struct fake_dialect dialect = {
    .base = "https://api.cloudflare.com/client/v4",
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
};

void fake_cloudflare_open(struct provider_fake *f)
{
    fake_cloud_open(f, &dialect);
}
