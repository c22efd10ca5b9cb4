/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linode's API v4 (https://techdocs.akamai.com/linode-api/reference/api). Domains are found by a filter in a header, records
 * by reading the domain's list. The same value twice is taken, so what is there is looked at first. Changes reach the
 * servers within some minutes.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_http.h"
#include "dns01/provider_zone.h"

#define API "https://api.linode.com/v4/domains"
#define TTL 300
#define PAGES_MAX 30 /* of 500: an account has at most 12,000 records in a domain */
#define RECORD "TXT record %s (a token needs Domains Read/Write)"

static struct err *refusal(const struct dns_env *env, const struct dns_http_answer *a,
                           const char *what)
{
    return dns_http_error(env, &a->response, what, JSTR(a->json, "errors", "0", "field"),
                          JSTR(a->json, "errors", "0", "reason"));
}

static struct err *find_zone(void *arg, const char *zone, char **ret_id)
{
    struct dns_session filtered = *(const struct dns_session *)arg; /* borrows its secret */
    auto_free char *what = x_printf("domain %s (a token needs Domains Read/Write)", zone);
    auto_free char *filter = x_printf("{\"domain\":\"%s\"}", zone);
    filtered.headers[filtered.header_count++] = (struct http_header){"X-Filter", filter};
    json_auto_t *reply = NULL;
    TRY(dns_session_call(&filtered, "GET", API, NULL, what, &reply));
    TRY(dns_http_expect(JGET(reply, "data"), JSON_ARRAY, what));
    const json_t *domain = dns_record_with(JGET(reply, "data"), "domain", zone);
    if (domain == NULL)
        return NULL;
    TRY(dns_http_expect(JGET(domain, "id"), JSON_INTEGER, what));
    *ret_id = x_printf("%" PRId64, JINT(domain, 0, "id"));
    return NULL;
}

/* The records of a page that have the name: an array of their objects. */
static json_t *records_named(const json_t *page, const char *name)
{
    json_t *records = json_new_array();
    for (size_t i = 0; i < json_count(page); i++) {
        const json_t *record = json_item(page, i);
        if (str_eq(JSTR(record, "type"), "TXT") && str_eq(JSTR(record, "name"), name))
            json_push(records, json_incref(json_item(page, i)));
    }
    return records;
}

/* The domain itself has the empty name. */
static char *record_name(const struct dns_hosted_zone *zone, const struct dns_value *v)
{
    auto_free char *name = dns_relative_name(v->name, zone->name);
    return x_strdup(str_eq(name, "@") ? "" : str_or(name, ""));
}

/* The ids of all records with the value: a list that lagged behind may have let in a second one. */
static struct err *find_records(const struct dns_session *s, const struct dns_hosted_zone *zone,
                                const struct dns_value *v, struct strlist *ret_ids)
{
    auto_free char *what = x_printf(RECORD, v->name);
    auto_free char *name = record_name(zone, v);
    int64_t pages = 1;
    for (int64_t n = 1; n <= pages && n <= PAGES_MAX; n++) {
        auto_free char *url =
            x_printf(API "/%s/records?page=%" PRId64 "&page_size=500", zone->id, n);
        json_auto_t *reply = NULL;
        TRY(dns_hosted_zone_doubt(s->env, v, dns_session_call(s, "GET", url, NULL, what, &reply)));
        TRY(dns_http_expect(JGET(reply, "data"), JSON_ARRAY, what));
        json_auto_t *records = records_named(JGET(reply, "data"), name);
        TRY(dns_record_ids(records, "target", v->text, ret_ids), "%s", what);
        pages = JINT(reply, 1, "pages");
    }
    return NULL;
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    (void)ret_id; /* a record is found by its name and value */
    AUTO_DNS_SESSION s = {0};
    TRY(dns_session_open_token(env, config, "Bearer", refusal, &s));
    struct dns_hosted_zone zone;
    TRY(dns_hosted_zone_find(env, v, find_zone, &s, &zone));
    AUTO(strlist_release) struct strlist ids = {0};
    TRY(find_records(&s, &zone, v, &ids));
    if (ids.len > 0)
        return NULL;
    auto_free char *what = x_printf(RECORD, v->name);
    auto_free char *url = x_printf(API "/%s/records", zone.id);
    auto_free char *name = record_name(&zone, v);
    json_auto_t *record = json_build("{s:s,s:s,s:s,s:i}", "type", "TXT", "name", name, "target",
                                     v->text, "ttl_sec", TTL);
    return dns_session_call(&s, "POST", url, record, what, NULL);
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    AUTO_DNS_SESSION s = {0};
    TRY(dns_session_open_token(env, config, "Bearer", refusal, &s));
    struct dns_hosted_zone zone;
    struct err *e = dns_hosted_zone_find(env, v, find_zone, &s, &zone);
    if (e != NULL)
        return err_ignore(e, ERR_NOT_FOUND);
    AUTO(strlist_release) struct strlist ids = {0};
    TRY(find_records(&s, &zone, v, &ids));
    auto_free char *what = x_printf(RECORD, v->name);
    for (size_t i = 0; i < ids.len; i++) {
        auto_free char *url = x_printf(API "/%s/records/%s", zone.id, ids.items[i]);
        TRY(dns_session_delete(&s, url, what));
    }
    return NULL;
}

const struct dns_provider dns_provider_linode = {
    .name = "linode",
    .config = &dns_token_config_table,
    .present = present,
    .clean_up = clean_up,
};
