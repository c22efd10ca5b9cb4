/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_google.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_front.h"

#define EMAIL "dns@my-project.iam.gserviceaccount.com"
#define TOKEN_URL "https://oauth2.googleapis.com/token"
#define MACHINE_URL                                                                                \
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token"
#define EXCHANGE_URL "https://sts.googleapis.com/v1/token"
#define CLUSTER_TOKEN "eyJhbGciOiJSUzI1NiJ9.e30.Y2x1c3Rlcg"
#define TOKEN "ya29.c.b0AXv0zTPexampletoken"

static EVP_PKEY *key;
static char *account; /* JSON; kept for the life of the program, as the key is */
static struct fake_secret secrets[] = {
    {"google", "key.json", NULL}, {"google", "token", TOKEN}, {NULL, NULL, NULL}};
static const char *rival, *exhausted;
static bool done;
static unsigned changes;

static void make_account(void)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *pem = NULL;
    key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    assert_non_null(key);
    PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    long len = BIO_get_mem_data(bio, &pem);
    auto_free char *text = x_strndup(pem, (size_t)len);
    json_auto_t *json =
        json_build("{s:s,s:s,s:s,s:s,s:s,s:s}", "type", "service_account", "project_id",
                   "my-project", "private_key_id", "key-1", "private_key", text, "client_email",
                   EMAIL, "token_uri", TOKEN_URL);
    assert_null(json_to_string(json, 65536, &account));
    BIO_free(bio);
    secrets[0].value = account;
}

/* ---- tokens ---- */

static json_t *part_json(const char *text, size_t len)
{
    auto_free char *bytes = NULL;
    size_t bytes_len = 0;
    json_t *json = NULL;
    err_free(base64url_decode(text, len, &bytes, &bytes_len));
    if (bytes != NULL)
        err_free(json_parse(bytes, bytes_len, &json));
    return json;
}

static bool verifies(const char *jwt, size_t signed_len)
{
    auto_free char *sig = NULL;
    size_t sig_len = 0;
    err_free(base64url_decode(jwt + signed_len + 1, strlen(jwt + signed_len + 1), &sig, &sig_len));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = sig != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestVerify(ctx, (unsigned char *)sig, sig_len, (const unsigned char *)jwt,
                               signed_len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* RFC 7523 section 3, and what Google wants besides. */
static bool is_assertion(const char *jwt)
{
    const char *first = jwt != NULL ? strchr(jwt, '.') : NULL;
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL;
    if (second == NULL || !verifies(jwt, (size_t)(second - jwt)))
        return false;
    json_auto_t *header = part_json(jwt, (size_t)(first - jwt));
    json_auto_t *claims = part_json(first + 1, (size_t)(second - first - 1));
    const int64_t issued = JINT(claims, 0, "iat"), end = JINT(claims, 0, "exp");
    return str_eq(JSTR(header, "alg"), "RS256") && str_eq(JSTR(header, "kid"), "key-1") &&
           str_eq(JSTR(claims, "iss"), EMAIL) && str_eq(JSTR(claims, "aud"), TOKEN_URL) &&
           str_eq(JSTR(claims, "scope"),
                  "https://www.googleapis.com/auth/ndev.clouddns.readwrite") &&
           issued >= CONTRACT_NOW / NS_PER_SEC && end > issued && end - issued <= 3600;
}

static void lend(struct http_response *ret)
{
    front_say(ret, 200,
              json_build("{s:s,s:i,s:s}", "access_token", TOKEN, "expires_in", 3599, "token_type",
                         "Bearer"));
}

/* RFC 8693 section 2, as Google's reference of the Security Token Service has it. */
static void exchange(const struct fake_cloud *c, const struct http_request *req,
                     struct http_response *ret)
{
    static const struct {
        const char *name, *value;
    } wanted[] = {
        {"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
        {"audience", "//iam.googleapis.com/" FAKE_GOOGLE_POOL},
        {"scope", "https://www.googleapis.com/auth/ndev.clouddns.readwrite"},
        {"requested_token_type", "urn:ietf:params:oauth:token-type:access_token"},
        {"subject_token_type", "urn:ietf:params:oauth:token-type:jwt"},
        {"subject_token", CLUSTER_TOKEN},
    };
    bool good = !c->revoked && front_header(req, "Authorization") == NULL;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        auto_free char *said = front_form(req, wanted[i].name);
        good = good && str_eq(said, wanted[i].value);
    }
    if (good)
        lend(ret);
    else
        front_say(ret, 400,
                  json_build("{s:s,s:s}", "error", "invalid_grant", "error_description",
                             "said by Google"));
}

static bool answer_token(struct fake_cloud *c, const struct http_request *req,
                         struct http_response *ret)
{
    if (str_starts(req->url, "http://metadata.")) {
        if (!str_eq(req->url, MACHINE_URL) || (req->flags & HTTP_GUARDED) != 0 ||
            !str_eq(front_header(req, "Metadata-Flavor"), "Google"))
            fake_wrong(c, "GET %s is no request of the metadata server", req->url);
        lend(ret);
        return true;
    }
    if (str_eq(req->url, EXCHANGE_URL)) {
        exchange(c, req, ret);
        return true;
    }
    if (!str_eq(req->url, TOKEN_URL))
        return false;
    auto_free char *grant = front_form(req, "grant_type");
    auto_free char *assertion = front_form(req, "assertion");
    if (c->revoked || !str_eq(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer") ||
        !is_assertion(assertion))
        front_say(ret, 400,
                  json_build("{s:s,s:s}", "error", "invalid_grant", "error_description",
                             "Invalid JWT Signature."));
    else
        lend(ret);
    return true;
}

/* ---- answers ---- */

static json_t *error_json(int status, const char *reason)
{
    return json_build("{s:{s:i,s:s,s:[{s:s,s:s,s:s}]}}", "error", "code", status, "message",
                      "said by Google", "errors", "message", "said by Google", "domain", "global",
                      "reason", reason);
}

static json_t *refusal(int status)
{
    return error_json(status, status == 429 ? "rateLimitExceeded" : "backendError");
}

static void refuse(struct fake_cloud *c, int status, const char *reason)
{
    fake_say(c, status, error_json(status, reason));
}

static void list_zones(struct fake_cloud *c, const struct fake_call *call)
{
    static const char *const known[] = {"dnsName", "pageToken", "maxResults", NULL};
    auto_free char *name = fake_query(call, "dnsName");
    if (fake_query_has_others(call, known) || !str_ends(name, ".")) {
        refuse(c, 400, "invalidParameter");
        return;
    }
    struct fake_page p = fake_page(c, fake_query_number(call, "pageToken", 1), 0);
    json_t *zones = json_new_array();
    for (size_t i = 0; i < c->zone_count; i++) {
        const struct fake_zone *z = &c->zones[i];
        auto_free char *dns_name = x_printf("%s.", z->name);
        if (str_eq(dns_name, name) && fake_on_page(&p))
            json_push(zones,
                      json_build("{s:s,s:s,s:s}", "name", z->id, "dnsName", dns_name, "visibility",
                                 str_starts(z->id, "private") ? "private" : "public"));
    }
    json_t *reply = json_build("{s:s}", "kind", "dns#managedZonesListResponse");
    if (json_count(zones) > 0)
        json_put(reply, "managedZones", zones);
    else
        json_decref(zones);
    auto_free char *next = x_printf("%u", p.first / p.size + 2);
    if (p.seen > p.first + p.size)
        json_put_str(reply, "nextPageToken", next);
    fake_say(c, 200, reply);
}

static void list_sets(struct fake_cloud *c, const struct fake_call *call,
                      const struct fake_zone *zone)
{
    static const char *const known[] = {"name", "type", "pageToken", "maxResults", NULL};
    auto_free char *name = fake_query(call, "name");
    auto_free char *type = fake_query(call, "type");
    if (fake_query_has_others(call, known) || !str_ends(name, ".") || !str_eq(type, "TXT")) {
        refuse(c, 400, "invalidParameter");
        return;
    }
    auto_free char *bare = x_strndup(name, strlen(name) - 1);
    json_t *values = fake_set(c, zone, bare);
    json_t *sets = json_new_array();
    if (json_count(values) > 0)
        json_push(sets, json_build("{s:s,s:s,s:I,s:O}", "name", name, "type", "TXT", "ttl",
                                   (json_int_t)fake_set_ttl(c, zone, bare), "rrdatas", values));
    json_decref(values);
    fake_say(c, 200,
             json_build("{s:s,s:o}", "kind", "dns#resourceRecordSetsListResponse", "rrsets", sets));
}

/* ---- changes: deletions have to match, then additions to be new ---- */

/* The absolute name of a set, NULL for what the schema does not have. */
static char *name_of(const struct fake_zone *zone, const json_t *set)
{
    static const char *const known[] = {"kind", "name", "type", "ttl", "rrdatas", NULL};
    const char *name = JSTR(set, "name");
    if (fake_has_others(set, known) || !str_eq(JSTR(set, "type"), "TXT") || !str_ends(name, ".") ||
        JINT(set, -1, "ttl") < 0 || json_count(JGET(set, "rrdatas")) == 0)
        return NULL;
    char *bare = x_strndup(name, strlen(name) - 1);
    auto_free char *relative = dns_relative_name(bare, zone->name);
    if (relative != NULL)
        return bare;
    free(bare);
    return NULL;
}

static bool delete_set(struct fake_cloud *c, const struct fake_zone *zone, const char *name,
                       const json_t *set)
{
    if (!fake_set_is(c, zone, name, JGET(set, "rrdatas")) ||
        fake_set_ttl(c, zone, name) != JINT(set, -1, "ttl"))
        return false;
    json_auto_t *none = json_new_array();
    return fake_set_put(c, zone, name, none, 0);
}

static void change(struct fake_cloud *c, const struct fake_call *call, const struct fake_zone *zone)
{
    static const char *const known[] = {"kind", "additions", "deletions", NULL};
    const json_t *old = JGET(call->body, "deletions", "0");
    const json_t *new = JGET(call->body, "additions", "0");
    auto_free char *old_name = old != NULL ? name_of(zone, old) : NULL;
    auto_free char *new_name = new != NULL ? name_of(zone, new) : NULL;
    const char *name = str_or(old_name, new_name);
    if (fake_has_others(call->body, known) || (old != NULL && old_name == NULL) ||
        (new != NULL &&new_name == NULL) || name == NULL) {
        refuse(c, 400, "invalid");
        return;
    }
    if (rival != NULL) {
        int64_t ttl = fake_set_ttl(c, zone, name);
        fake_record_add(c, zone, name, rival)->ttl = ttl > 0 ? ttl : 30;
        rival = NULL;
    }
    if (old != NULL && !delete_set(c, zone, name, old)) {
        refuse(c, 412, "conditionNotMet");
        return;
    }
    if (new != NULL && fake_record_with(c, zone, name, NULL) != NULL) {
        refuse(c, 409, "alreadyExists");
        return;
    }
    if (new != NULL && !fake_set_put(c, zone, name, JGET(new, "rrdatas"), JINT(new, 0, "ttl")))
        fake_wrong(c, "a value is not quoted");
    done = false;
    auto_free char *id = x_printf("%u", ++changes);
    fake_say(c, 200,
             json_build("{s:s,s:s,s:s}", "kind", "dns#change", "id", id, "status", "pending"));
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    if (!fake_authorized(c, call, "Authorization", "Bearer " TOKEN)) {
        refuse(c, 401, "authError");
        return;
    }
    if (exhausted != NULL) {
        refuse(c, 403, exhausted);
        exhausted = NULL;
        return;
    }
    if (fake_path(call, "GET", "/managedZones")) {
        list_zones(c, call);
        return;
    }
    bool list = fake_path(call, "GET", "/managedZones/*/rrsets");
    bool add = !list && fake_path(call, "POST", "/managedZones/*/changes");
    bool get = !list && !add && fake_path(call, "GET", "/managedZones/*/changes/*");
    const struct fake_zone *zone = fake_zone_of(c, call->parts[0]);
    if (!(list || add || get) || zone == NULL)
        refuse(c, 404, "notFound");
    else if (list)
        list_sets(c, call, zone);
    else if (add)
        change(c, call, zone);
    else
        fake_say(c, 200,
                 json_build("{s:s,s:s,s:s}", "kind", "dns#change", "id", call->parts[1], "status",
                            done ? "done" : "pending"));
}

static const struct fake_dialect dialect = {
    .base = "https://dns.googleapis.com/dns/v1/projects/my-project",
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
    .unsettled = true,
};

static void settle(void *state)
{
    (void)state;
    done = true;
}

void fake_google_open(struct provider_fake *f)
{
    if (account == NULL)
        make_account();
    rival = exhausted = NULL;
    done = false;
    changes = 0;
    fake_cloud_open(f, &dialect);
    fake_front_open(f, answer_token);
    f->settle = settle;
    f->token = CLUSTER_TOKEN;
}

void fake_google_rival(const char *value)
{
    rival = value;
}

void fake_google_exhaust(const char *reason)
{
    exhausted = reason;
}
