/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_akamai.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "fake_front.h"

#define CLIENT_TOKEN "akab-client-token-xxx-xxxxxxxxxxxxxxxx"
#define CLIENT_SECRET "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx="
#define ACCESS_TOKEN "akab-access-token-xxx-xxxxxxxxxxxxxxxx"

static const struct fake_secret secrets[] = {{"akamai", "clientToken", CLIENT_TOKEN},
                                             {"akamai", "clientSecret", CLIENT_SECRET},
                                             {"akamai", "accessToken", ACCESS_TOKEN},
                                             {NULL, NULL, NULL}};
static char last_nonce[64];

/* ---- signatures ---- */

static char *mac(const char *key, const char *text)
{
    unsigned char sum[32];
    HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text, strlen(text), sum, NULL);
    return base64_encode(sum, sizeof(sum));
}

char *fake_edgegrid_signature(const struct fake_edgegrid *r)
{
    auto_free char *hash = NULL;
    if (str_eq(r->method, "POST") && *r->body != '\0') {
        unsigned char sum[32];
        EVP_Digest(r->body, strlen(r->body), sum, NULL, EVP_sha256(), NULL);
        hash = base64_encode(sum, sizeof(sum));
    }
    auto_free char *key = mac(r->secret, r->stamp);
    auto_free char *text = x_printf("%s\thttps\t%s\t%s\t\t%s\t%s", r->method, r->host, r->path,
                                    str_or(hash, ""), r->header);
    return mac(key, text);
}

/* "20260101T00:00:00+0000", and nothing that was sent before. */
static bool is_fresh(const char *header, char stamp[23])
{
    const char *at = strstr(header, ";timestamp=");
    const char *nonce = strstr(header, ";nonce=");
    if (at == NULL || nonce == NULL || strlen(at) < 34 || str_eq(nonce, last_nonce))
        return false;
    str_copy(last_nonce, sizeof(last_nonce), nonce);
    str_copy(stamp, 23, at + strlen(";timestamp="));
    return str_starts(stamp, "20260101T00:") && str_ends(stamp, ":00+0000") && stamp[22] == '\0';
}

static bool is_signed(const struct fake_call *call)
{
    static const char start[] =
        "EG1-HMAC-SHA256 client_token=" CLIENT_TOKEN ";access_token=" ACCESS_TOKEN ";timestamp=";
    const char *header = str_or(fake_header(call, "Authorization"), "");
    const char *end = strstr(header, ";signature=");
    char stamp[23] = "";
    if (!str_starts(header, start) || end == NULL || !is_fresh(header, stamp))
        return false;
    auto_free char *unsigned_header = x_strndup(header, (size_t)(end - header) + 1);
    const struct http_request *req = call->req;
    auto_free char *body = x_strndup(req->body_len > 0 ? req->body : "", req->body_len);
    const struct fake_edgegrid r = {CLIENT_SECRET,
                                    call->method,
                                    FAKE_AKAMAI_HOST,
                                    req->url + strlen("https://" FAKE_AKAMAI_HOST),
                                    body,
                                    stamp,
                                    unsigned_header};
    auto_free char *signature = fake_edgegrid_signature(&r);
    return str_eq(end + strlen(";signature="), signature);
}

/* ---- answers ---- */

static json_t *refusal(int status)
{
    return json_build("{s:s,s:s,s:i,s:s}", "type", "https://problems.luna.akamaiapis.net/x",
                      "title", "A title", "status", status, "detail", "said by Akamai");
}

static void say_set(struct fake_cloud *c, int status, const struct fake_zone *zone,
                    const char *name)
{
    fake_say(c, status,
             json_build("{s:s,s:s,s:I,s:o}", "name", name, "type", "TXT", "ttl",
                        (json_int_t)fake_set_ttl(c, zone, name), "rdata", fake_set(c, zone, name)));
}

static void write_set(struct fake_cloud *c, const struct fake_call *call,
                      const struct fake_zone *zone, const char *name)
{
    static const char *const known[] = {"name", "type", "ttl", "rdata", NULL};
    bool there = fake_record_with(c, zone, name, NULL) != NULL;
    bool create = str_eq(call->method, "POST");
    const json_t *rdata = JGET(call->body, "rdata");
    int64_t ttl = JINT(call->body, 0, "ttl");
    if (fake_has_others(call->body, known) || !str_eq(JSTR(call->body, "name"), name) ||
        !str_eq(JSTR(call->body, "type"), "TXT") || ttl < 30 || json_count(rdata) == 0)
        fake_refuse(c, 400);
    else if (create == there)
        fake_refuse(c, create ? 409 : 404);
    else if (!fake_set_put(c, zone, name, rdata, ttl))
        fake_refuse(c, 422);
    else
        say_set(c, create ? 201 : 200, zone, name);
}

static void answer_set(struct fake_cloud *c, const struct fake_call *call,
                       const struct fake_zone *zone, const char *name)
{
    if (str_eq(call->method, "POST") || str_eq(call->method, "PUT")) {
        write_set(c, call, zone, name);
    } else if (fake_record_with(c, zone, name, NULL) == NULL) {
        fake_refuse(c, 404);
    } else if (str_eq(call->method, "GET")) {
        say_set(c, 200, zone, name);
    } else {
        json_auto_t *none = json_new_array();
        fake_set_put(c, zone, name, none, 0);
        fake_say(c, 204, NULL);
    }
}

static void answer(struct fake_cloud *c, struct fake_call *call)
{
    static const char set[] = "/zones/*/names/*/types/TXT";
    if (c->revoked || !is_signed(call)) {
        fake_refuse(c, 401);
        return;
    }
    if (fake_path(call, "GET", "/zones/*")) {
        const struct fake_zone *zone = fake_zone_named(c, call->parts[0]);
        if (zone != NULL)
            fake_say(c, 200, json_build("{s:s,s:s}", "zone", zone->name, "type", "PRIMARY"));
        else
            fake_refuse(c, 404);
        return;
    }
    bool known = fake_path(call, "GET", set) || fake_path(call, "PUT", set) ||
                 fake_path(call, "POST", set) || fake_path(call, "DELETE", set);
    const struct fake_zone *zone = fake_zone_named(c, call->parts[0]);
    auto_free char *relative =
        known && zone != NULL ? dns_relative_name(call->parts[1], zone->name) : NULL;
    if (relative == NULL)
        fake_refuse(c, 404);
    else
        answer_set(c, call, zone, call->parts[1]);
}

static const struct fake_dialect dialect = {
    .base = "https://" FAKE_AKAMAI_HOST "/config-dns/v2",
    .secrets = secrets,
    .answer = answer,
    .refusal = refusal,
    .page_max = 2,
};

void fake_akamai_open(struct provider_fake *f)
{
    last_nonce[0] = '\0';
    fake_cloud_open(f, &dialect);
}
