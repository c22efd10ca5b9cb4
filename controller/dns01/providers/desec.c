/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deSEC's API v1 (https://desec.readthedocs.io). Sets of records are read, and written as a whole: by the bulk endpoint,
 * which makes, replaces and (with no values) deletes alike. Domains have a least TTL, which is kept as their id.
 * Writes are scarce (15 a minute and 300 a day for each domain), so nothing is written that is there already.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_http.h"
#include "dns01/provider_zone.h"

#define API "https://desec.io/api/v1/domains"
#define RECORD "RRset TXT %s"

/* What is wrong with a set is said by the field that it is about, in a list for each set. */
static const char *message_of(const json_t *answer)
{
    static const char *const fields[] = {"non_field_errors", "records", "ttl", "subname", "type"};
    const char *message = JSTR(answer, "detail");
    for (size_t i = 0; i < ARRAY_LEN(fields) && message == NULL; i++)
        message = JSTR(answer, "0", fields[i], "0");
    return message;
}

static struct err *refusal(const struct dns_env *env, const struct dns_http_answer *a,
                           const char *what)
{
    return dns_http_error(env, &a->response, what, NULL, message_of(a->json));
}

static struct err *find_zone(void *arg, const char *zone, char **ret_id)
{
    auto_free char *what = x_printf("domain %s", zone);
    auto_free char *url = x_printf(API "/%s/", zone);
    json_auto_t *reply = NULL;
    struct err *e = dns_session_call(arg, "GET", url, NULL, what, &reply);
    if (e != NULL)
        return err_ignore(e, ERR_NOT_FOUND);
    TRY(dns_http_expect(JGET(reply, "minimum_ttl"), JSON_INTEGER, what));
    *ret_id = x_printf("%" PRId64, JINT(reply, 0, "minimum_ttl"));
    return NULL;
}

/* The values of the name; NULL when it has none. */
static struct err *read_values(const struct dns_session *s, const struct dns_hosted_zone *zone,
                               const char *subname, const char *what, json_t **ret_values)
{
    auto_free char *url = x_printf(API "/%s/rrsets/%s/TXT/", zone->name, subname);
    json_auto_t *reply = NULL;
    struct err *e = dns_session_call(s, "GET", url, NULL, what, &reply);
    if (e != NULL)
        return err_ignore(e, ERR_NOT_FOUND);
    TRY(dns_http_expect(JGET(reply, "records"), JSON_ARRAY, what));
    *ret_values = json_incref(JGET(reply, "records"));
    return NULL;
}

/* Reads, and writes what edit() makes of the values; edit() returns NULL where nothing is to be done. */
static struct err *change(const struct dns_env *env, const void *config, const struct dns_value *v,
                          json_t *(*edit)(const json_t *values, const char *text))
{
    AUTO_DNS_SESSION s = {0};
    struct dns_hosted_zone zone;
    TRY(dns_session_open_token(env, config, "Token", refusal, &s));
    TRY(dns_hosted_zone_find(env, v, find_zone, &s, &zone));
    auto_free char *what = x_printf(RECORD, v->name);
    auto_free char *subname = dns_relative_name(v->name, zone.name);
    json_auto_t *values = NULL;
    TRY(read_values(&s, &zone, str_or(subname, "@"), what, &values));
    json_auto_t *wanted = edit(values, v->text);
    if (wanted == NULL)
        return NULL;
    /* In bodies the domain itself is "", in paths "@". */
    json_auto_t *body =
        json_build("[{s:s,s:s,s:O}]", "subname", str_eq(subname, "@") ? "" : str_or(subname, ""),
                   "type", "TXT", "records", wanted);
    int64_t ttl = 3600;
    err_drop(str_to_i64(zone.id, 0, INT32_MAX, &ttl)); /* it was a number before */
    if (values == NULL)
        json_put(json_item(body, 0), "ttl", json_build("I", (json_int_t)ttl));
    auto_free char *url = x_printf(API "/%s/rrsets/", zone.name);
    return dns_hosted_zone_doubt(env, v, dns_session_call(&s, "PATCH", url, body, what, NULL));
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

const struct dns_provider dns_provider_desec = {
    .name = "desec",
    .config = &dns_token_config_table,
    .present = present,
    .clean_up = clean_up,
};
