/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DigitalOcean's API v2 (https://docs.digitalocean.com/reference/api). A domain's name is its id. Records have one value
 * each, and the API takes the same one twice: so what is there is looked at first. This file is the one to copy from: see "Add
 * a provider" in README.md.
 */
#include "base/mem.h"
#include "dns01/provider_http.h"
#include "dns01/provider_zone.h"

#define API "https://api.digitalocean.com/v2"
#define TTL 30
#define PAGES_MAX 50
#define RECORD "TXT record %s (a token needs the domain scopes)"

static struct err *refusal(const struct dns_env *env, const struct dns_http_answer *a,
                           const char *what)
{
    return dns_http_error(env, &a->response, what, JSTR(a->json, "id"), JSTR(a->json, "message"));
}

static struct err *find_zone(void *arg, const char *zone, char **ret_id)
{
    auto_free char *what = x_printf("domain %s (a token needs the scope domain:read)", zone);
    auto_free char *url = x_printf(API "/domains/%s", zone);
    json_auto_t *reply = NULL;
    struct err *e = dns_session_call(arg, "GET", url, NULL, what, &reply);
    if (e != NULL)
        return err_ignore(e, ERR_NOT_FOUND);
    TRY(dns_http_expect(JGET(reply, "domain", "name"), JSON_STRING, what));
    *ret_id = x_strdup(zone);
    return NULL;
}

/* The ids of all records with the value: a list that lagged behind may have let in a second one. */
static struct err *find_records(const struct dns_session *s, const struct dns_hosted_zone *zone,
                                const struct dns_value *v, struct strlist *ret_ids)
{
    auto_free char *what = x_printf(RECORD, v->name);
    bool more = true;
    for (int n = 1; more && n <= PAGES_MAX; n++) {
        auto_free char *url = x_printf(
            API "/domains/%s/records?type=TXT&name=%s&per_page=200&page=%d", zone->id, v->name, n);
        json_auto_t *reply = NULL;
        TRY(dns_hosted_zone_doubt(s->env, v, dns_session_call(s, "GET", url, NULL, what, &reply)));
        TRY(dns_http_expect(JGET(reply, "domain_records"), JSON_ARRAY, what));
        TRY(dns_record_ids(JGET(reply, "domain_records"), "data", v->text, ret_ids), "%s", what);
        more = JSTR(reply, "links", "pages", "next") != NULL;
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
    auto_free char *url = x_printf(API "/domains/%s/records", zone.id);
    auto_free char *name = dns_relative_name(v->name, zone.name);
    json_auto_t *record =
        json_build("{s:s,s:s*,s:s,s:i}", "type", "TXT", "name", name, "data", v->text, "ttl", TTL);
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
        auto_free char *url = x_printf(API "/domains/%s/records/%s", zone.id, ids.items[i]);
        TRY(dns_session_delete(&s, url, what));
    }
    return NULL;
}

const struct dns_provider dns_provider_digitalocean = {
    .name = "digitalocean",
    .config = &dns_token_config_table,
    .present = present,
    .clean_up = clean_up,
};
