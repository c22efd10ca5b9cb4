/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zones of the Hetzner Cloud API v1 (https://docs.hetzner.cloud/reference/cloud#zones). Values are added to and removed
 * from the set of a name one by one, so that others who write meanwhile lose nothing. A change is an action, and is on
 * the servers when that is "success": the action is what present() returns.
 */
#include <inttypes.h>

#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_http.h"
#include "dns01/provider_zone.h"

#define API "https://api.hetzner.cloud/v1"
#define TTL 60

static struct err *refusal(const struct dns_env *env, const struct dns_http_answer *a,
                           const char *what)
{
    const char *code = JSTR(a->json, "error", "code");
    if (str_eq(code, "resource_limit_exceeded"))
        return dns_http_quota(what, code);
    return dns_http_error(env, &a->response, what, code, JSTR(a->json, "error", "message"));
}

static struct err *find_zone(void *arg, const char *zone, char **ret_id)
{
    auto_free char *what = x_printf("zone %s", zone);
    auto_free char *url = x_printf(API "/zones/%s", zone);
    json_auto_t *reply = NULL;
    struct err *e = dns_session_call(arg, "GET", url, NULL, what, &reply);
    if (e != NULL)
        return err_ignore(e, ERR_NOT_FOUND);
    TRY(dns_http_expect(JGET(reply, "zone", "id"), JSON_INTEGER, what));
    *ret_id = x_printf("%" PRId64, JINT(reply, 0, "zone", "id"));
    return NULL;
}

/* Adds the value or removes it, unless that is so already: then ret_action is as it was. */
static struct err *change(const struct dns_env *env, const void *config, const struct dns_value *v,
                          bool add, int64_t *ret_action)
{
    AUTO_DNS_SESSION s = {0};
    struct dns_hosted_zone zone;
    TRY(dns_session_open_token(env, config, "Bearer", refusal, &s));
    TRY(dns_hosted_zone_find(env, v, find_zone, &s, &zone));
    auto_free char *what = x_printf("TXT record %s (a token needs Read & Write)", v->name);
    auto_free char *name = dns_relative_name(v->name, zone.name);
    auto_free char *set = x_printf(API "/zones/%s/rrsets/%s/TXT", zone.id, str_or(name, "@"));
    json_auto_t *there = NULL;
    struct err *e = dns_session_call(&s, "GET", set, NULL, what, &there);
    bool is_new = err_is(e, ERR_NOT_FOUND);
    TRY(err_ignore(e, ERR_NOT_FOUND));
    const json_t *records = JGET(there, "rrset", "records");
    if (!is_new)
        TRY(dns_http_expect(records, JSON_ARRAY, what));
    if ((dns_record_with(records, "value", v->text) != NULL) == add)
        return NULL;
    auto_free char *text = dns_text_quoted(v->text);
    json_auto_t *body = json_build("{s:[{s:s}]}", "records", "value", text);
    if (is_new) /* one that is there has a TTL, and no other is accepted */
        json_put(body, "ttl", json_build("i", TTL));
    auto_free char *url = x_printf("%s/actions/%s_records", set, add ? "add" : "remove");
    json_auto_t *reply = NULL;
    TRY(dns_hosted_zone_doubt(env, v, dns_session_call(&s, "POST", url, body, what, &reply)));
    *ret_action = JINT(reply, -1, "action", "id");
    return NULL;
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    int64_t action = -1;
    TRY(change(env, config, v, true, &action));
    if (action >= 0)
        *ret_id = x_printf("%" PRId64, action);
    return NULL;
}

static struct err *settled(const struct dns_env *env, const void *config, const struct dns_value *v,
                           bool *ret_settled)
{
    int64_t action = -1;
    AUTO_ERR lost = str_to_i64(str_or(v->id, ""), 0, INT64_MAX, &action);
    if (lost != NULL) { /* it was there before, or nobody knows the action: DNS will tell */
        *ret_settled = true;
        return NULL;
    }
    AUTO_DNS_SESSION s = {0};
    TRY(dns_session_open_token(env, config, "Bearer", refusal, &s));
    auto_free char *what = x_printf("action of TXT record %s", v->name);
    auto_free char *url = x_printf(API "/actions/%" PRId64, action);
    json_auto_t *reply = NULL;
    struct err *e = dns_session_call(&s, "GET", url, NULL, what, &reply);
    const char *status = JSTR(reply, "action", "status");
    if (str_eq(status, "error"))
        return err_new(ERR_TRANSIENT, "ProviderFailed", "%s: the provider could not carry it out",
                       what);
    *ret_settled = e != NULL || str_eq(status, "success");
    return err_ignore(e, ERR_NOT_FOUND);
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    int64_t action = -1;
    return dns_hosted_zone_gone(change(env, config, v, false, &action));
}

const struct dns_provider dns_provider_hetzner = {
    .name = "hetzner",
    .config = &dns_token_config_table,
    .present = present,
    .settled = settled,
    .clean_up = clean_up,
};
