/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Akamai Edge DNS, API v2 (https://techdocs.akamai.com/edge-dns/reference), with EdgeGrid signatures. A record set is
 * written as a whole, and without condition: what another writer does within the same second may be lost.
 */
#include <stdlib.h>
#include <time.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "dns01/provider_http.h"
#include "dns01/provider_zone.h"
#include "pki/key.h"
#include "pki/mac.h"

#define TTL 60
#define NONCE_LEN 16
#define SIGNED_MAX (64 * 1024)
#define BODY_MAX (64 * 1024) /* all of it is signed: up to 128 KiB would be */
#define HOST_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."
#define HOST_SUFFIX ".akamaiapis.net"

struct akamai {
    const char *host;
    struct dns_secret_ref client_token, client_secret, access_token;
};
static const struct bind_field akamai_fields[] = {
    BIND_ROW(struct akamai, STRING, host, "serviceConsumerDomain", .flags = BIND_REQUIRED),
    BIND_ROW(struct akamai, OBJECT, client_token, "clientTokenSecretRef", .flags = BIND_REQUIRED,
             .table = &dns_secret_ref_table),
    BIND_ROW(struct akamai, OBJECT, client_secret, "clientSecretSecretRef", .flags = BIND_REQUIRED,
             .table = &dns_secret_ref_table),
    BIND_ROW(struct akamai, OBJECT, access_token, "accessTokenSecretRef", .flags = BIND_REQUIRED,
             .table = &dns_secret_ref_table),
};
static const struct bind_table akamai_table = BIND_TABLE("Akamai", struct akamai, akamai_fields);

static struct err *check(const void *config)
{
    const struct akamai *c = config;
    if (strlen(c->host) > DNS_NAME_MAX || strspn(c->host, HOST_CHARS) != strlen(c->host) ||
        !str_ends(c->host, HOST_SUFFIX))
        return err_new(
            ERR_INVALID, "InvalidSolver",
            "serviceConsumerDomain: write the host of the API credential without https://, "
            "such as akab-abcdefgh-ijklmnop.luna.akamaiapis.net");
    return NULL;
}

/* ---- calls ---- */

struct session {
    const struct dns_env *env;
    const char *host;
    struct secret client_token, client_secret, access_token;
};

static void session_release(struct session *s)
{
    secret_release(&s->client_token);
    secret_release(&s->client_secret);
    secret_release(&s->access_token);
}

static struct err *open_session(const struct dns_env *env, const struct akamai *c,
                                struct session *s)
{
    s->env = env;
    s->host = c->host;
    TRY(dns_http_secret(env, &c->client_token, "clientTokenSecretRef", &s->client_token));
    TRY(dns_http_secret(env, &c->client_secret, "clientSecretSecretRef", &s->client_secret));
    return dns_http_secret(env, &c->access_token, "accessTokenSecretRef", &s->access_token);
}

/* base64 of the HMAC-SHA256; owned, to be wiped. */
static struct err *mac_of(const char *key, const char *text, char **ret_mac)
{
    unsigned char mac[PKI_HASH_MAX];
    TRY(pki_hmac(PKI_SHA256, (struct pki_bytes){key, strlen(key)},
                 (struct pki_bytes){text, strlen(text)}, mac));
    *ret_mac = base64_encode(mac, pki_hash_size(PKI_SHA256));
    return NULL;
}

static void wiped_text_free(char **text)
{
    if (*text != NULL)
        x_wipe_free(*text, strlen(*text));
}

/* EdgeGrid: the body counts for a POST only. */
static char *content_hash(const struct dns_http_request *r)
{
    if (!str_eq(r->method, "POST") || r->body_len == 0)
        return x_strdup("");
    unsigned char hash[32];
    pki_sha256(r->body, r->body_len, hash);
    return base64_encode(hash, sizeof(hash));
}

static struct err *sign(const struct session *s, const struct dns_http_request *r,
                        struct secret *ret_authorization)
{
    const time_t seconds = (time_t)(clock_wall(s->env->clock) / NS_PER_SEC);
    struct tm utc;
    char stamp[32];
    unsigned char random[NONCE_LEN];
    gmtime_r(&seconds, &utc);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H:%M:%S+0000", &utc);
    s->env->rng->fill(s->env->rng->ctx, random, sizeof(random));
    auto_free char *nonce = hex_encode(random, sizeof(random));
    auto_free char *hash = content_hash(r);
    AUTO(buf_release) struct buf header = BUF_INIT_SECRET(SIGNED_MAX);
    AUTO(buf_release) struct buf text = BUF_INIT_SECRET(SIGNED_MAX);
    TRY(buf_addf(&header, "EG1-HMAC-SHA256 client_token=%s;access_token=%s;timestamp=%s;nonce=%s;",
                 s->client_token.data, s->access_token.data, stamp, nonce));
    TRY(buf_addf(&text, "%s\thttps\t%s\t%s\t\t%s\t%s", r->method, s->host,
                 r->url + strlen("https://") + strlen(s->host), hash, buf_str(&header)));
    AUTO(wiped_text_free) char *key = NULL;
    auto_free char *signature = NULL;
    TRY(mac_of(s->client_secret.data, stamp, &key));
    TRY(mac_of(key, buf_str(&text), &signature));
    TRY(buf_addf(&header, "signature=%s", signature));
    *ret_authorization = secret_copy(header.data, header.len);
    return NULL;
}

struct request {
    const char *method;
    const char *path;
    const char *what;
    const json_t *body;
};

static struct err *ask(const struct session *s, const struct request *r,
                       struct dns_http_answer *ret_answer)
{
    AUTO(buf_release) struct buf body = BUF_INIT(BODY_MAX);
    if (r->body != NULL)
        TRY(json_print(r->body, &body), "%s", r->what);
    auto_free char *url = x_printf("https://%s%s", s->host, r->path);
    struct dns_http_request req = {
        .method = r->method, .url = url, .body = body.data, .body_len = body.len};
    AUTO(secret_release) struct secret authorization = {0};
    TRY(sign(s, &req, &authorization), "%s", r->what);
    const struct http_header header = {"Authorization", authorization.data};
    req.headers = &header;
    req.header_count = 1;
    return err_wrap(dns_http_ask(s->env, &req, NULL, ret_answer), "%s", r->what);
}

/* Problem details (RFC 9457). */
static struct err *refusal(const struct session *s, const struct dns_http_answer *a,
                           const char *what)
{
    return dns_http_error(s->env, &a->response, what, JSTR(a->json, "title"),
                          JSTR(a->json, "detail"));
}

/* ---- zones and record sets ---- */

static struct err *look_up_zone(void *arg, const char *zone, char **ret_id)
{
    auto_free char *name = percent_encode(zone);
    auto_free char *path = x_printf("/config-dns/v2/zones/%s", name);
    auto_free char *what = x_printf("zone %s", zone);
    AUTO_DNS_HTTP_ANSWER answer = {0};
    TRY(ask(arg, &(struct request){"GET", path, what, NULL}, &answer));
    if (answer.response.status == 404)
        return NULL;
    TRY(refusal(arg, &answer, what));
    TRY(dns_http_expect(JGET(answer.json, "zone"), JSON_STRING, what));
    *ret_id = x_strdup(zone);
    return NULL;
}

struct record {
    char *path, *what;
};

static void record_release(struct record *r)
{
    free(r->path);
    free(r->what);
}

static struct err *find_record(struct session *s, const struct dns_value *v, struct record *r)
{
    struct dns_hosted_zone zone;
    TRY(dns_hosted_zone_find(s->env, v, look_up_zone, s, &zone));
    auto_free char *zone_name = percent_encode(zone.name);
    auto_free char *name = percent_encode(v->name);
    r->path = x_printf("/config-dns/v2/zones/%s/names/%s/types/TXT", zone_name, name);
    r->what = x_printf("record %s in zone %s", v->name, zone.name);
    return NULL;
}

/* The set that is there, or NULL. */
static struct err *read_set(const struct session *s, const struct record *r, json_t **ret_set)
{
    AUTO_DNS_HTTP_ANSWER answer = {0};
    TRY(ask(s, &(struct request){"GET", r->path, r->what, NULL}, &answer));
    if (answer.response.status == 404)
        return NULL;
    TRY(refusal(s, &answer, r->what));
    TRY(dns_http_expect(JGET(answer.json, "rdata"), JSON_ARRAY, r->what));
    *ret_set = TAKE(answer.json);
    return NULL;
}

/* One look and one change. */
static struct err *put_or_take(struct session *s, const struct dns_value *v, bool put)
{
    AUTO(record_release) struct record r = {0};
    TRY(find_record(s, v, &r));
    json_auto_t *old = NULL;
    TRY(read_set(s, &r, &old));
    const json_t *before = JGET(old, "rdata");
    json_auto_t *values =
        put ? dns_values_with(before, v->text) : dns_values_without(before, v->text);
    if (values == NULL)
        return NULL;
    json_auto_t *body = NULL;
    if (json_count(values) > 0)
        body = json_build("{s:s,s:s,s:I,s:O}", "name", v->name, "type", "TXT", "ttl",
                          (json_int_t)JINT(old, TTL, "ttl"), "rdata", values);
    const char *method = body == NULL ? "DELETE" : old == NULL ? "POST" : "PUT";
    AUTO_DNS_HTTP_ANSWER answer = {0};
    TRY(ask(s, &(struct request){method, r.path, r.what, body}, &answer));
    return refusal(s, &answer, r.what);
}

static struct err *present(const struct dns_env *env, const void *config, const struct dns_value *v,
                           char **ret_id)
{
    (void)ret_id; /* a value is found by its text */
    AUTO(session_release) struct session s = {0};
    TRY(open_session(env, config, &s));
    return dns_hosted_zone_doubt(env, v, put_or_take(&s, v, true));
}

static struct err *clean_up(const struct dns_env *env, const void *config,
                            const struct dns_value *v)
{
    AUTO(session_release) struct session s = {0};
    TRY(open_session(env, config, &s));
    struct err *e = dns_hosted_zone_doubt(env, v, put_or_take(&s, v, false));
    return err_ignore(e, ERR_NOT_FOUND);
}

const struct dns_provider dns_provider_akamai = {
    .name = "akamai",
    .config = &akamai_table,
    .check = check,
    .present = present,
    .clean_up = clean_up,
};
