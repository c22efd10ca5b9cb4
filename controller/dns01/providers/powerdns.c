/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PowerDNS Authoritative's HTTP API (https://doc.powerdns.com/authoritative/http-api). Newer servers (4.9.17) add and
 * remove one value (EXTEND, PRUNE). For older ones the values of a name are one record set that is read and replaced as a
 * whole: what others have put there goes back with it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_http.h"
#include "dns01/provider_memory.h"
#include "dns01/provider_zone.h"
#include "net/url.h"
#include "pki/cert.h"

#define CA_BUNDLE_MAX (256 * 1024)
#define TTL_MAX 86400
#define MEMORY_OLDER "powerdns-older" /* whole record sets are all that the server knows */
#define OLDER_KEPT NS_PER_HOUR
#define SERVER_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"

struct config {
    const char *url;
    struct dns_secret_ref api_key;
    const char *server_id;
    const char *ca_bundle;
    int64_t ttl; /* s */
};
static const struct bind_field fields[] = {
    BIND_ROW(struct config, STRING, url, "url", .flags = BIND_REQUIRED),
    BIND_ROW(struct config, OBJECT, api_key, "apiKeySecretRef", .flags = BIND_REQUIRED,
             .table = &dns_secret_ref_table),
    BIND_ROW(struct config, STRING, server_id, "serverID", .dflt = "localhost"),
    BIND_ROW(struct config, STRING, ca_bundle, "caBundle"),
    BIND_ROW(struct config, INT, ttl, "ttl", .dflt = "60"),
};
static const struct bind_table table = BIND_TABLE("PowerDNSConfig", struct config, fields);

/* ret_pem stays NULL when there is none. */
static struct err *bundle_of(const struct config *c, char **ret_pem)
{
    if (str_empty(c->ca_bundle))
        return NULL;
    size_t len = strnlen(c->ca_bundle, CA_BUNDLE_MAX + 1);
    if (len > CA_BUNDLE_MAX)
        return err_new(ERR_INVALID, "InvalidSolver", "caBundle: over %d bytes", CA_BUNDLE_MAX);
    auto_free char *pem = NULL;
    TRY(base64_decode(c->ca_bundle, len, &pem, &len), "caBundle");
    AUTO(pki_cert_release) struct pki_cert first = {0};
    TRY(pki_cert_parse(pem, len, &first), "caBundle: write PEM certificates in base64");
    *ret_pem = TAKE(pem);
    return NULL;
}

static struct err *check(const void *config)
{
    const struct config *c = config;
    auto_free char *origin = url_origin(c->url);
    bool is_http = str_starts(c->url, "http://") || str_starts(c->url, "https://");
    if (origin == NULL || !is_http || strpbrk(c->url, "?#@") != NULL)
        return err_new(ERR_INVALID, "InvalidSolver",
                       "url: write where the API is, without user, query and /api/v1, such as "
                       "https://pdns.example.com:8081");
    if (str_empty(c->server_id) || strspn(c->server_id, SERVER_CHARS) != strlen(c->server_id))
        return err_new(ERR_INVALID, "InvalidSolver",
                       "serverID: write the server's id in the API, which is localhost");
    if (c->ttl < 1 || c->ttl > TTL_MAX)
        return err_new(ERR_INVALID, "InvalidSolver", "ttl: write 1 to %d (seconds)", TTL_MAX);
    auto_free char *pem = NULL;
    return bundle_of(c, &pem);
}

/* ---- calls ---- */

struct session {
    const struct dns_env *env;
    const struct config *config;
    char *zones; /* URL of all zones */
    char *ca_pem;
    struct http_tls tls;
    struct secret key;
};

static void session_release(struct session *s)
{
    free(s->zones);
    free(s->ca_pem);
    secret_release(&s->key);
}

/* s is zero, and to be released whatever comes of it. */
static struct err *session_open(struct session *s, const struct dns_env *env,
                                const struct config *c)
{
    TRY(dns_http_secret(env, &c->api_key, "apiKeySecretRef", &s->key));
    TRY(bundle_of(c, &s->ca_pem));
    size_t len = strlen(c->url);
    while (len > 0 && c->url[len - 1] == '/')
        len--;
    s->env = env;
    s->config = c;
    s->tls.ca_pem = s->ca_pem;
    s->zones = x_printf("%.*s/api/v1/servers/%s/zones", (int)len, c->url, c->server_id);
    return NULL;
}

/* The URL is a tenant's: of an answer that is no success only the status is shown. */
static struct err *ask(const struct session *s, const char *method, const char *url,
                       const json_t *body, struct dns_http_answer *ret_answer)
{
    const struct http_header key = {"X-API-Key", s->key.data};
    const struct dns_http_request r = {
        .method = method,
        .url = url,
        .headers = &key,
        .header_count = 1,
        .tls = s->ca_pem != NULL ? &s->tls : NULL,
    };
    return http_trust_advice(dns_http_ask(s->env, &r, body, ret_answer),
                             s->ca_pem == NULL
                                 ? "for a CA that the system does not trust, write it into caBundle"
                                 : "does the server's certificate chain up to caBundle");
}

static char *zone_url(const struct session *s, const char *zone)
{
    auto_free char *escaped = percent_encode(zone);
    return x_printf("%s/%s.", s->zones, escaped);
}

/* A zone's id is its name, so its kind is what is remembered. */
static struct err *find_zone(void *arg, const char *zone, char **ret_id)
{
    const struct session *s = arg;
    auto_free char *what = x_printf("zone %s", zone);
    auto_free char *base = zone_url(s, zone);
    auto_free char *url = x_printf("%s?rrsets=false", base);
    AUTO_DNS_HTTP_ANSWER a = {0};
    TRY(ask(s, "GET", url, NULL, &a), "%s", what);
    if (a.response.status == 404)
        return NULL;
    TRY(dns_http_error(s->env, &a.response, what, NULL, NULL));
    TRY(dns_http_expect(JGET(a.json, "kind"), JSON_STRING, what));
    *ret_id = x_strdup(JSTR(a.json, "kind"));
    return NULL;
}

static bool is_any_of(const char *kind, const char *const *names)
{
    for (; *names != NULL; names++)
        if (str_eq(kind, *names))
            return true;
    return false;
}

/* Its secondaries hear of the change now, not at PowerDNS' next look at all serial numbers, a minute later. */
static void notify(const struct session *s, const struct dns_hosted_zone *zone)
{
    static const char *const primaries[] = {"Master", "Primary", "Producer", NULL};
    if (!is_any_of(zone->id, primaries))
        return;
    auto_free char *base = zone_url(s, zone->name);
    auto_free char *url = x_printf("%s/notify", base);
    AUTO_DNS_HTTP_ANSWER a = {0};
    err_drop(ask(s, "PUT", url, NULL, &a)); /* then they hear of it a minute later */
}

/* Changes one record set; the answer says how that went. */
static struct err *patch(const struct session *s, const struct dns_hosted_zone *zone,
                         const json_t *set, struct dns_http_answer *ret_answer)
{
    auto_free char *url = zone_url(s, zone->name);
    json_auto_t *body = json_build("{s:[O]}", "rrsets", set);
    return ask(s, "PATCH", url, body, ret_answer);
}

/* ---- record sets ---- */

struct rrset {
    json_t *others; /* records of the name that are not the value */
    int64_t ttl;
    bool has_value; /* and it is served */
};

static void rrset_release(struct rrset *r)
{
    json_decref(r->others);
}

static void split(struct rrset *r, const json_t *records, const char *text)
{
    for (size_t i = 0; i < json_count(records); i++) {
        const json_t *record = json_item(records, i);
        const char *content = JSTR(record, "content");
        bool disabled = JBOOL(record, "disabled");
        if (dns_text_is(content, text))
            r->has_value = r->has_value || !disabled;
        else if (content != NULL)
            json_push(r->others, json_build("{s:s,s:b}", "content", content, "disabled", disabled));
    }
}

/* Servers that are older than the filter of the query answer with all of the zone; those that know no include_disabled
 * (4.7) show no disabled records. */
static struct err *read_rrset(const struct session *s, const struct dns_hosted_zone *zone,
                              const struct dns_value *v, const char *what, struct rrset *r)
{
    auto_free char *base = zone_url(s, zone->name);
    auto_free char *name = percent_encode(v->name);
    auto_free char *url =
        x_printf("%s?rrset_name=%s.&rrset_type=TXT&include_disabled=true", base, name);
    auto_free char *absolute = x_printf("%s.", v->name);
    AUTO_DNS_HTTP_ANSWER a = {0};
    TRY(ask(s, "GET", url, NULL, &a), "%s", what);
    TRY(dns_hosted_zone_doubt(s->env, v, dns_http_error(s->env, &a.response, what, NULL, NULL)));
    const json_t *all = JGET(a.json, "rrsets");
    TRY(dns_http_expect(all, JSON_ARRAY, what));
    r->others = json_new_array();
    r->ttl = s->config->ttl;
    for (size_t i = 0; i < json_count(all); i++) {
        const json_t *one = json_item(all, i);
        if (!str_eq(JSTR(one, "type"), "TXT") ||
            strcasecmp(str_or(JSTR(one, "name"), ""), absolute) != 0)
            continue;
        r->ttl = JINT(one, r->ttl, "ttl");
        split(r, JGET(one, "records"), v->text);
    }
    return NULL;
}

static struct err *write_rrset(const struct session *s, const struct dns_hosted_zone *zone,
                               const struct dns_value *v, const char *what, const struct rrset *r)
{
    auto_free char *name = x_printf("%s.", v->name);
    json_auto_t *set = json_build(
        "{s:s,s:s,s:I,s:s,s:O}", "name", name, "type", "TXT", "ttl", (json_int_t)r->ttl,
        "changetype", json_count(r->others) > 0 ? "REPLACE" : "DELETE", "records", r->others);
    AUTO_DNS_HTTP_ANSWER a = {0};
    TRY(patch(s, zone, set, &a), "%s", what);
    TRY(dns_hosted_zone_doubt(s->env, v, dns_http_error(s->env, &a.response, what, NULL, NULL)));
    notify(s, zone);
    return NULL;
}

/* ---- one value ---- */

static bool is_older(const struct session *s)
{
    AUTO(secret_release) struct secret known = {0};
    dns_memory_get(s->env, MEMORY_OLDER, &known);
    return known.len > 0;
}

static void note_older(const struct session *s)
{
    static const char yes[] = "yes";
    const struct secret text = {.data = (char *)(uintptr_t)yes, .len = sizeof(yes) - 1};
    dns_memory_set(s->env, MEMORY_OLDER, &text, clock_wall(s->env->clock) + OLDER_KEPT);
}

/* EXTEND or PRUNE. ret_done is false when the server would not: it is an older one, which says so, or the change of the
 * whole set will say why. */
static struct err *change_value(const struct session *s, const struct dns_hosted_zone *zone,
                                const struct dns_value *v, const char *what, const char *type,
                                bool *ret_done)
{
    *ret_done = false;
    if (is_older(s))
        return NULL;
    auto_free char *name = x_printf("%s.", v->name);
    auto_free char *content = dns_text_quoted(v->text);
    json_auto_t *set = json_build("{s:s,s:s,s:I,s:s,s:[{s:s,s:b}]}", "name", name, "type", "TXT",
                                  "ttl", (json_int_t)s->config->ttl, "changetype", type, "records",
                                  "content", content, "disabled", 0);
    AUTO_DNS_HTTP_ANSWER a = {0};
    TRY(patch(s, zone, set, &a), "%s", what);
    if (a.response.status == 422) {
        if (str_starts(str_or(JSTR(a.json, "error"), ""), "Changetype"))
            note_older(s);
        return NULL;
    }
    TRY(dns_hosted_zone_doubt(s->env, v, dns_http_error(s->env, &a.response, what, NULL, NULL)));
    notify(s, zone);
    *ret_done = true;
    return NULL;
}

/* ---- the provider ---- */

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    static const char *const copies[] = {"Slave", "Secondary", "Consumer", NULL};
    (void)ret_id; /* a value is found by its name and text */
    AUTO(session_release) struct session s = {0};
    TRY(session_open(&s, env, config));
    struct dns_hosted_zone zone;
    TRY(dns_hosted_zone_find(env, v, find_zone, &s, &zone));
    if (is_any_of(zone.id, copies))
        return err_new(ERR_INVALID, "InvalidRequest",
                       "zone %s is a copy (kind %s) on this server: let url be that of its primary",
                       zone.name, zone.id);
    auto_free char *what =
        x_printf("TXT record %s in zone %s (no CNAME may be at its name)", v->name, zone.name);
    AUTO(rrset_release) struct rrset r = {0};
    bool done = false;
    TRY(change_value(&s, &zone, v, what, "EXTEND", &done));
    if (done)
        return NULL;
    TRY(read_rrset(&s, &zone, v, what, &r));
    if (r.has_value)
        return NULL;
    auto_free char *content = dns_text_quoted(v->text);
    json_push(r.others, json_build("{s:s,s:b}", "content", content, "disabled", 0));
    return write_rrset(&s, &zone, v, what, &r);
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    AUTO(session_release) struct session s = {0};
    TRY(session_open(&s, env, config));
    struct dns_hosted_zone zone;
    struct err *e = dns_hosted_zone_find(env, v, find_zone, &s, &zone);
    if (e != NULL)
        return err_ignore(e, ERR_NOT_FOUND);
    auto_free char *what = x_printf("TXT record %s in zone %s", v->name, zone.name);
    AUTO(rrset_release) struct rrset r = {0};
    bool done = false;
    e = change_value(&s, &zone, v, what, "PRUNE", &done);
    if (e == NULL && !done)
        e = read_rrset(&s, &zone, v, what, &r);
    if (e != NULL || done || !r.has_value)
        return err_ignore(e, ERR_NOT_FOUND);
    return write_rrset(&s, &zone, v, what, &r);
}

const struct dns_provider dns_provider_powerdns = {
    .name = "powerdns",
    .config = &table,
    .check = check,
    .present = present,
    .clean_up = clean_up,
};
