/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OVHcloud's API 1.0 (https://api.ovh.com). Each record is an object with an id and one value; what was changed is served
 * after the zone was refreshed. Calls are signed, for the server's time; or they carry the token of a service account
 * (OAuth 2.0).
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_http.h"
#include "dns01/provider_memory.h"
#include "dns01/provider_token.h"
#include "dns01/provider_zone.h"
#include "pki/mac.h"

#define TTL 60
#define RECORDS_MAX 24 /* of one name: each is a call */
#define SIGNED_MAX (64 * 1024)
#define MEMORY_TIME "ovh-time-ahead"
#define MEMORY_TOKEN "ovh-token"
#define TIME_KEPT NS_PER_HOUR
#define ID_DIGITS 20

struct ovh {
    const char *endpoint;
    struct dns_secret_ref application_key, application_secret, consumer_key; /* or: */
    const char *client_id;
    struct dns_secret_ref client_secret;
};

static const char *const endpoint_names[] = {"ovh-eu", "ovh-ca", "ovh-us", NULL};
static const struct endpoint {
    const char *base, *token;
} endpoints[] = {
    {"https://eu.api.ovh.com/1.0", "https://www.ovh.com/auth/oauth2/token"},
    {"https://ca.api.ovh.com/1.0", "https://ca.ovh.com/auth/oauth2/token"},
    {"https://api.us.ovhcloud.com/1.0", "https://us.ovhcloud.com/auth/oauth2/token"},
};

static const struct bind_field ovh_fields[] = {
    BIND_ROW(struct ovh, STRING, endpoint, "endpoint", .dflt = "ovh-eu",
             .enumeration = endpoint_names),
    BIND_ROW(struct ovh, OBJECT, application_key, "applicationKeySecretRef",
             .table = &dns_secret_ref_table),
    BIND_ROW(struct ovh, OBJECT, application_secret, "applicationSecretSecretRef",
             .table = &dns_secret_ref_table),
    BIND_ROW(struct ovh, OBJECT, consumer_key, "consumerKeySecretRef",
             .table = &dns_secret_ref_table),
    BIND_ROW(struct ovh, STRING, client_id, "clientID"),
    BIND_ROW(struct ovh, OBJECT, client_secret, "clientSecretSecretRef",
             .table = &dns_secret_ref_table),
};
static const struct bind_table ovh_table = BIND_TABLE("OVH", struct ovh, ovh_fields);

static struct err *check(const void *config)
{
    const struct ovh *c = config;
    const int keys = !str_empty(c->application_key.name) + !str_empty(c->application_secret.name) +
                     !str_empty(c->consumer_key.name);
    const int client = !str_empty(c->client_id) + !str_empty(c->client_secret.name);
    if ((keys == 3 && client == 0) || (keys == 0 && client == 2))
        return NULL;
    return err_new(ERR_INVALID, "InvalidSolver",
                   "write applicationKeySecretRef, applicationSecretSecretRef and "
                   "consumerKeySecretRef, or clientID and clientSecretSecretRef of a service "
                   "account");
}

/* ---- calls ---- */

struct session {
    const struct dns_env *env;
    const char *base;
    struct secret key, secret, consumer;
    int64_t ahead;               /* s that the server's clock is ahead of ours */
    struct secret authorization; /* of a service account: nothing of the above is used */
};

static void session_release(struct session *s)
{
    secret_release(&s->key);
    secret_release(&s->secret);
    secret_release(&s->consumer);
    secret_release(&s->authorization);
}

/* Seconds since the epoch, as a bare number. */
static struct err *ask_time(struct session *s)
{
    AUTO(secret_release) struct secret known = {0};
    dns_memory_get(s->env, MEMORY_TIME, &known);
    if (known.len > 0)
        return str_to_i64(known.data, INT64_MIN, INT64_MAX, &s->ahead);
    auto_free char *url = x_printf("%s/auth/time", s->base);
    const struct dns_http_request req = {.method = "GET", .url = url};
    json_auto_t *reply = NULL;
    TRY(dns_http_json(s->env, &req, NULL, "the time of OVH's API", &reply));
    TRY(dns_http_expect(reply, JSON_INTEGER, "the time of OVH's API"));
    const int64_t now = clock_wall(s->env->clock);
    s->ahead = json_number(reply, 0) - now / NS_PER_SEC;
    char text[ID_DIGITS + 2];
    const int len = snprintf(text, sizeof(text), "%" PRId64, s->ahead);
    const struct secret remembered = {text, (size_t)len};
    dns_memory_set(s->env, MEMORY_TIME, &remembered, now + TIME_KEPT);
    return NULL;
}

/* RFC 6749 section 4.4. */
static struct err *fetch_token(const struct dns_env *env, const struct ovh *c, const char *url,
                               struct secret *ret_token)
{
    AUTO(secret_release) struct secret secret = {0};
    if (dns_token_known(env, MEMORY_TOKEN, ret_token))
        return NULL;
    TRY(dns_http_secret(env, &c->client_secret, "clientSecretSecretRef", &secret));
    AUTO(buf_release) struct buf form = BUF_INIT_SECRET(DNS_FORM_MAX);
    TRY(dns_form_add(&form, "grant_type", "client_credentials"));
    TRY(dns_form_add(&form, "client_id", c->client_id));
    TRY(dns_form_add(&form, "client_secret", secret.data));
    TRY(dns_form_add(&form, "scope", "all"));
    auto_free char *what = x_printf("service account %s", c->client_id);
    const struct dns_token_source source = {MEMORY_TOKEN, url, what, &form};
    return dns_token_fetch(env, &source, ret_token);
}

static struct err *open_session(const struct dns_env *env, const struct ovh *c, struct session *s)
{
    size_t i = ARRAY_LEN(endpoints) - 1;
    while (i > 0 && !str_eq(endpoint_names[i], c->endpoint))
        i--;
    s->env = env;
    s->base = endpoints[i].base;
    if (!str_empty(c->client_id)) {
        AUTO(secret_release) struct secret token = {0};
        TRY(fetch_token(env, c, endpoints[i].token, &token));
        return dns_http_authorization("Bearer", &token, "access token", &s->authorization);
    }
    TRY(dns_http_secret(env, &c->application_key, "applicationKeySecretRef", &s->key));
    TRY(dns_http_secret(env, &c->application_secret, "applicationSecretSecretRef", &s->secret));
    TRY(dns_http_secret(env, &c->consumer_key, "consumerKeySecretRef", &s->consumer));
    return ask_time(s);
}

struct request {
    const char *method;
    const char *path; /* after the base, with the query */
    const char *what;
    const json_t *body;
};

/* "$1$" and a hash of what is sent, with both secrets in it. */
struct signature {
    char *seconds, *hash;
};

static void signature_release(struct signature *g)
{
    free(g->seconds);
    free(g->hash);
}

static struct err *sign(const struct session *s, const struct dns_http_request *r,
                        struct signature *g)
{
    AUTO(buf_release) struct buf b = BUF_INIT_SECRET(SIGNED_MAX);
    g->seconds = x_printf("%" PRId64, clock_wall(s->env->clock) / NS_PER_SEC + s->ahead);
    TRY(buf_addf(&b, "%s+%s+%s+%s+%.*s+%s", s->secret.data, s->consumer.data, r->method, r->url,
                 (int)r->body_len, r->body_len > 0 ? (const char *)r->body : "", g->seconds));
    unsigned char sum[PKI_HASH_MAX];
    TRY(pki_digest(PKI_SHA1, (struct pki_bytes){b.data, b.len}, sum));
    auto_free char *hash = hex_encode(sum, pki_hash_size(PKI_SHA1));
    g->hash = x_printf("$1$%s", hash);
    return NULL;
}

static struct err *refusal(const struct session *s, const struct dns_http_answer *a,
                           const char *what)
{
    const char *code = JSTR(a->json, "errorCode");
    /* The clocks have drifted apart, or it is a signature of other keys: look at the time again. */
    if (a->response.status == 400 && str_eq(code, "INVALID_SIGNATURE"))
        dns_memory_drop(s->env, MEMORY_TIME);
    if (a->response.status == 401)
        dns_memory_drop(s->env, MEMORY_TOKEN);
    struct http_response seen = a->response; /* 400 for wrong keys, too */
    if (seen.status == 400 && code != NULL &&
        (str_starts(code, "INVALID_") || str_starts(code, "NOT_CREDENTIAL")))
        seen.status = 401;
    return dns_http_error(s->env, &seen, what, code, JSTR(a->json, "message"));
}

static struct err *call(const struct session *s, const struct request *r, json_t **ret_reply)
{
    AUTO(buf_release) struct buf body = BUF_INIT(SIGNED_MAX / 2);
    if (r->body != NULL)
        TRY(json_print(r->body, &body), "%s", r->what);
    auto_free char *url = x_printf("%s%s", s->base, r->path);
    struct dns_http_request req = {
        .method = r->method, .url = url, .body = body.data, .body_len = body.len};
    struct http_header headers[4] = {{"Authorization", s->authorization.data}};
    AUTO(signature_release) struct signature g = {0};
    req.headers = headers;
    req.header_count = 1;
    if (s->authorization.len == 0) {
        TRY(sign(s, &req, &g), "%s", r->what);
        headers[0] = (struct http_header){"X-Ovh-Application", s->key.data};
        headers[1] = (struct http_header){"X-Ovh-Consumer", s->consumer.data};
        headers[2] = (struct http_header){"X-Ovh-Timestamp", g.seconds};
        headers[3] = (struct http_header){"X-Ovh-Signature", g.hash};
        req.header_count = ARRAY_LEN(headers);
    }
    AUTO_DNS_HTTP_ANSWER answer = {0};
    TRY(dns_http_ask(s->env, &req, NULL, &answer), "%s", r->what);
    TRY(refusal(s, &answer, r->what));
    *ret_reply = TAKE(answer.json);
    return NULL;
}

/* ---- zones ---- */

static struct err *look_up_zone(void *arg, const char *zone, char **ret_id)
{
    auto_free char *name = percent_encode(zone);
    auto_free char *path = x_printf("/domain/zone/%s", name);
    auto_free char *what = x_printf("zone %s", zone);
    json_auto_t *reply = NULL;
    const struct request r = {"GET", path, what, NULL};
    AUTO_ERR e = call(arg, &r, &reply);
    if (err_is(e, ERR_NOT_FOUND))
        return NULL;
    TRY(TAKE(e));
    TRY(dns_http_expect(JGET(reply, "name"), JSON_STRING, what));
    *ret_id = x_strdup(zone);
    return NULL;
}

/* ---- records ---- */

struct place {
    char *zone; /* path: "/domain/zone/example.com" */
    char *relative;
    char *what;
    const struct dns_value *value;
};

static void place_release(struct place *p)
{
    free(p->zone);
    free(p->relative);
    free(p->what);
}

static struct err *find_place(struct session *s, const struct dns_value *v, struct place *p)
{
    struct dns_hosted_zone zone;
    TRY(dns_hosted_zone_find(s->env, v, look_up_zone, s, &zone));
    auto_free char *name = percent_encode(zone.name);
    auto_free char *relative = dns_relative_name(v->name, zone.name);
    p->zone = x_printf("/domain/zone/%s", name);
    p->relative = x_strdup(str_eq(relative, "@") ? "" : str_or(relative, ""));
    p->what = x_printf("record %s in zone %s", v->name, zone.name);
    p->value = v;
    return NULL;
}

/* The target may come back in quotes. */
static bool same_text(const char *target, const char *text)
{
    if (target == NULL)
        return false;
    const size_t len = strlen(target);
    const bool quoted = len >= 2 && *target == '"' && target[len - 1] == '"';
    return len - (quoted ? 2 : 0) == strlen(text) &&
           memcmp(target + quoted, text, strlen(text)) == 0;
}

/* Ids of the records of that name, owned. */
static struct err *list_ids(const struct session *s, const struct place *p, json_t **ret_ids)
{
    auto_free char *relative = percent_encode(p->relative);
    auto_free char *path = x_printf("%s/record?fieldType=TXT&subDomain=%s", p->zone, relative);
    json_auto_t *ids = NULL;
    TRY(call(s, &(struct request){"GET", path, p->what, NULL}, &ids));
    TRY(dns_http_expect(ids, JSON_ARRAY, p->what));
    if (json_count(ids) > RECORDS_MAX)
        return err_new(
            ERR_INVALID, "RecordUnusable",
            "%s has %zu values, each of which is a call: remove those that are left over", p->what,
            json_count(ids));
    *ret_ids = TAKE(ids);
    return NULL;
}

static struct err *is_ours(const struct session *s, const struct place *p, int64_t id,
                           bool *ret_ours)
{
    auto_free char *path = x_printf("%s/record/%" PRId64, p->zone, id);
    json_auto_t *record = NULL;
    /* One that is not found has gone since the list was made. */
    TRY(err_ignore(call(s, &(struct request){"GET", path, p->what, NULL}, &record), ERR_NOT_FOUND));
    *ret_ours = same_text(JSTR(record, "target"), p->value->text);
    return NULL;
}

/* The id of our value, 0 when it is not there. */
static struct err *find_value(const struct session *s, const struct place *p, int64_t *ret_id)
{
    json_auto_t *ids = NULL;
    bool ours = false;
    TRY(list_ids(s, p, &ids));
    *ret_id = 0;
    for (size_t i = 0; i < json_count(ids) && !ours; i++) {
        const int64_t id = json_number(json_item(ids, i), 0);
        TRY(is_ours(s, p, id, &ours));
        *ret_id = ours ? id : 0;
    }
    return NULL;
}

/* Without it what was changed is not served. */
static struct err *refresh(const struct session *s, const struct place *p)
{
    auto_free char *path = x_printf("%s/refresh", p->zone);
    json_auto_t *reply = NULL;
    return call(s, &(struct request){"POST", path, p->what, NULL}, &reply);
}

static struct err *add(const struct session *s, const struct place *p, int64_t *ret_id)
{
    auto_free char *path = x_printf("%s/record", p->zone);
    json_auto_t *body = json_build("{s:s,s:s,s:s,s:i}", "fieldType", "TXT", "subDomain",
                                   p->relative, "target", p->value->text, "ttl", TTL);
    json_auto_t *reply = NULL;
    TRY(call(s, &(struct request){"POST", path, p->what, body}, &reply));
    TRY(dns_http_expect(JGET(reply, "id"), JSON_INTEGER, p->what));
    *ret_id = JINT(reply, 0, "id");
    return NULL;
}

/* A value that is there is refreshed all the same: the call that made it may have failed before. Ids and values are a
 * call each, so that a value that cannot be there is not looked for. */
static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    AUTO(session_release) struct session s = {0};
    AUTO(place_release) struct place p = {0};
    int64_t id = 0;
    TRY(open_session(env, config, &s));
    TRY(find_place(&s, v, &p));
    if (!v->fresh)
        TRY(dns_hosted_zone_doubt(env, v, find_value(&s, &p, &id)));
    if (id == 0)
        TRY(dns_hosted_zone_doubt(env, v, add(&s, &p, &id)));
    TRY(refresh(&s, &p));
    *ret_id = x_printf("%" PRId64, id);
    return NULL;
}

static struct err *remove_record(const struct session *s, const struct place *p, int64_t id)
{
    auto_free char *path = x_printf("%s/record/%" PRId64, p->zone, id);
    json_auto_t *reply = NULL;
    return call(s, &(struct request){"DELETE", path, p->what, NULL}, &reply);
}

/* All that have it: two calls at once may have added it twice. */
static struct err *remove_by_text(const struct session *s, const struct place *p)
{
    json_auto_t *ids = NULL;
    TRY(list_ids(s, p, &ids));
    for (size_t i = 0; i < json_count(ids); i++) {
        const int64_t id = json_number(json_item(ids, i), 0);
        bool ours = false;
        TRY(is_ours(s, p, id, &ours));
        if (ours)
            TRY(err_ignore(remove_record(s, p, id), ERR_NOT_FOUND));
    }
    return NULL;
}

/* The id is our own memory of minutes: nobody could write it into a status. */
static struct err *remove_value(struct session *s, const struct dns_value *v)
{
    AUTO(place_release) struct place p = {0};
    int64_t id = 0;
    TRY(find_place(s, v, &p));
    if (v->id != NULL)
        TRY(str_to_i64(v->id, 1, INT64_MAX, &id));
    struct err *e = id > 0 ? remove_record(s, &p, id) : remove_by_text(s, &p);
    if (id > 0 && err_is(e, ERR_NOT_FOUND)) {
        err_free(e);
        e = remove_by_text(s, &p);
    }
    TRY(e);
    return refresh(s, &p);
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    AUTO(session_release) struct session s = {0};
    TRY(open_session(env, config, &s));
    struct err *e = dns_hosted_zone_doubt(env, v, remove_value(&s, v));
    return err_ignore(e, ERR_NOT_FOUND);
}

const struct dns_provider dns_provider_ovh = {
    .name = "ovh",
    .config = &ovh_table,
    .check = check,
    .present = present,
    .clean_up = clean_up,
};
