/* SPDX-License-Identifier: Apache-2.0 */
/* Linode's API v4 as https://techdocs.akamai.com/linode-api/reference/api documents domains, records, filters and pages. */
#include "fake_linode.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct fake_secret secrets[] = {
    {"linode", "token", "9c1b6ae0f3d24e0db8a7c5e4f3021b0a"},
    {NULL, NULL, NULL},
};

static json_t *refusal(int status)
{
    const char *reason = status == 401   ? "Invalid Token"
                         : status == 404 ? "Not found"
                         : status == 429 ? "Too many requests"
                                         : "as documented";
    return json_build("{s:[{s:s}]}", "errors", "reason", reason);
}

static int64_t number(const char *id)
{
    int64_t n = 0;
    if (str_to_i64(id, 0, INT64_MAX, &n) != NULL)
        fail_msg("%s is no number", id);
    return n;
}

static void say_page(struct fake_cloud *c, json_t *items, const struct fake_page *p)
{
    fake_say(c, 200,
             json_build("{s:o,s:i,s:i,s:i}", "data", items, "page", (int)(p->first / p->size) + 1,
                        "pages", (int)fake_page_count(p), "results", (int)p->seen));
}

/* A page_size below 25 or above 500 is refused, as are numbers that are no page. */
static bool is_page(const struct fake_call *call)
{
    static const char *const known[] = {"page", "page_size", NULL};
    unsigned size = fake_query_number(call, "page_size", 100);
    return !fake_query_has_others(call, known) && size >= 25 && size <= 500 &&
           fake_query_number(call, "page", 1) >= 1;
}

static void list_domains(struct fake_cloud *c, const struct fake_call *call)
{
    static const char *const known[] = {"domain", NULL};
    const char *text = str_or(fake_header(call, "X-Filter"), "{}");
    json_auto_t *filter = NULL;
    err_drop(json_parse(text, strlen(text), &filter)); /* then it is refused below */
    if (filter == NULL || fake_has_others(filter, known) || !is_page(call)) {
        fake_refuse(c, 400);
        return;
    }
    struct fake_page p = fake_page(c, fake_query_number(call, "page", 1), 100);
    json_t *items = json_new_array();
    for (size_t i = 0; i < c->zone_count; i++) {
        const struct fake_zone *z = &c->zones[i];
        const char *wanted = JSTR(filter, "domain");
        if ((wanted == NULL || str_eq(z->name, wanted)) && fake_on_page(&p))
            json_push(items, json_build("{s:I,s:s,s:s,s:s}", "id", (json_int_t)number(z->id),
                                        "domain", z->name, "type", "master", "status", "active"));
    }
    say_page(c, items, &p);
}

static json_t *record_json(const struct fake_record *r)
{
    auto_free char *name = dns_relative_name(r->name, r->zone->name);
    return json_build("{s:I,s:s,s:s,s:s,s:I}", "id", (json_int_t)number(r->id), "type", "TXT",
                      "name", str_eq(name, "@") ? "" : name, "target", r->text, "ttl_sec",
                      (json_int_t)r->ttl);
}

static void list_records(struct fake_cloud *c, const struct fake_call *call,
                         const struct fake_zone *zone)
{
    if (!is_page(call)) {
        fake_refuse(c, 400);
        return;
    }
    struct fake_page p =
        fake_page(c, fake_query_number(call, "page", 1), fake_query_number(call, "page_size", 100));
    json_t *items = json_new_array();
    for (size_t i = 0; i < c->record_count; i++)
        if (c->records[i].zone == zone && fake_on_page(&p))
            json_push(items, record_json(&c->records[i]));
    say_page(c, items, &p);
}

static void add_record(struct fake_cloud *c, const struct fake_call *call,
                       const struct fake_zone *zone)
{
    static const char *const known[] = {"type", "name", "target", "ttl_sec", NULL};
    const char *name = JSTR(call->body, "name");
    const char *target = JSTR(call->body, "target");
    if (fake_has_others(call->body, known) || !str_eq(JSTR(call->body, "type"), "TXT") ||
        name == NULL || str_empty(target) || str_eq(name, "@") || str_ends(name, zone->name)) {
        fake_refuse(c, 400);
        return;
    }
    auto_free char *absolute = fake_absolute(zone, name);
    struct fake_record *r = fake_record_add(c, zone, absolute, target);
    r->ttl = JINT(call->body, 0, "ttl_sec");
    fake_say(c, 200, record_json(r));
}

static void drop_record(struct fake_cloud *c, const struct fake_zone *zone, const char *id)
{
    struct fake_record *r = fake_record_of(c, zone, id);
    if (r == NULL) {
        fake_refuse(c, 404);
        return;
    }
    fake_record_drop(c, r);
    fake_say(c, 200, json_new_object());
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    auto_free char *bearer = x_printf("Bearer %s", secrets[0].value);
    if (!fake_authorized(c, call, "Authorization", bearer)) {
        fake_refuse(c, 401);
        return;
    }
    if (fake_path(call, "GET", "/domains")) {
        list_domains(c, call);
        return;
    }
    bool list = fake_path(call, "GET", "/domains/*/records");
    bool add = !list && fake_path(call, "POST", "/domains/*/records");
    bool drop = !list && !add && fake_path(call, "DELETE", "/domains/*/records/*");
    const struct fake_zone *zone = fake_zone_of(c, call->parts[0]);
    if (!(list || add || drop) || zone == NULL)
        fake_refuse(c, 404);
    else if (list)
        list_records(c, call, zone);
    else if (add)
        add_record(c, call, zone);
    else
        drop_record(c, zone, call->parts[1]);
}

static const struct fake_dialect dialect = {
    .base = "https://api.linode.com/v4",
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
};

void fake_linode_open(struct provider_fake *f)
{
    fake_cloud_open(f, &dialect);
}
