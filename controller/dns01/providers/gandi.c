/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gandi's LiveDNS API v5 (https://api.gandi.net/docs/livedns). Sets of records are read and replaced as a whole: the
 * values of others are written back as they were read.
 */
#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_http.h"
#include "dns01/provider_zone.h"

#define API "https://api.gandi.net/v5/livedns/domains"
#define TTL 300 /* the least that is accepted */
#define RECORD "TXT record %s (a token needs Manage domain name technical configurations)"

/* A set that is not as it has to be is refused in another shape than all else. */
static struct err *refusal(const struct dns_env *env, const struct dns_http_answer *a,
                           const char *what)
{
    const json_t *first = JGET(a->json, "errors", "0");
    return dns_http_error(env, &a->response, what, JSTR(a->json, "cause"),
                          str_or(JSTR(a->json, "message"), JSTR(first, "description")));
}

static struct err *find_zone(void *arg, const char *zone, char **ret_id)
{
    auto_free char *what = x_printf("domain %s (is it on LiveDNS?)", zone);
    auto_free char *url = x_printf(API "/%s", zone);
    json_auto_t *reply = NULL;
    struct err *e = dns_session_call(arg, "GET", url, NULL, what, &reply);
    if (e != NULL)
        return err_ignore(e, ERR_NOT_FOUND);
    TRY(dns_http_expect(JGET(reply, "fqdn"), JSON_STRING, what));
    *ret_id = x_strdup(zone);
    return NULL;
}

/* Writes what edit() makes of the values that are there; edit() returns NULL where nothing is to be done. */
static struct err *change(const struct dns_env *env, const void *config, const struct dns_value *v,
                          json_t *(*edit)(const json_t *values, const char *text))
{
    AUTO_DNS_SESSION s = {0};
    struct dns_hosted_zone zone;
    TRY(dns_session_open_token(env, config, "Bearer", refusal, &s));
    TRY(dns_hosted_zone_find(env, v, find_zone, &s, &zone));
    auto_free char *what = x_printf(RECORD, v->name);
    auto_free char *name = dns_relative_name(v->name, zone.name);
    auto_free char *url = x_printf(API "/%s/records/%s/TXT", zone.id, str_or(name, "@"));
    json_auto_t *there = NULL;
    struct err *e = dns_session_call(&s, "GET", url, NULL, what, &there);
    bool absent = err_is(e, ERR_NOT_FOUND);
    TRY(err_ignore(e, ERR_NOT_FOUND));
    if (!absent)
        TRY(dns_http_expect(JGET(there, "rrset_values"), JSON_ARRAY, what));
    json_auto_t *wanted = edit(JGET(there, "rrset_values"), v->text);
    if (wanted == NULL)
        return NULL;
    if (json_count(wanted) == 0)
        return dns_session_delete(&s, url, what);
    json_auto_t *body =
        json_build("{s:I,s:O}", "rrset_ttl", (json_int_t)JINT(there, TTL, "rrset_ttl"),
                   "rrset_values", wanted);
    return dns_hosted_zone_doubt(env, v, dns_session_call(&s, "PUT", url, body, what, NULL));
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    (void)ret_id; /* values have none */
    return change(env, config, v, dns_values_with);
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    return dns_hosted_zone_gone(change(env, config, v, dns_values_without));
}

const struct dns_provider dns_provider_gandi = {
    .name = "gandi",
    .config = &dns_token_config_table,
    .present = present,
    .clean_up = clean_up,
};
