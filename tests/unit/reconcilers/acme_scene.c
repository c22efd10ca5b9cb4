/* SPDX-License-Identifier: Apache-2.0 */
#include "acme_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "support/scripted_kube.h"

/* As certroll tells accounts apart: by key and server. */
static void account_hash(const struct pki_key *key, char out[PKI_SHA256_HEX])
{
    char spki[PKI_SHA256_HEX];
    pki_key_spki_sha256(key, spki);
    auto_free char *both = x_printf("%s %s", spki, ACME_CA "/dir");
    pki_sha256_hex(both, strlen(both), out);
}

/* ns: where its Secret is; metadata: what else its metadata has. */
static void put_issuer(struct scene *s, const struct store *store, const char *ns,
                       const char *metadata, const char *more)
{
    AUTO_KEY key = NULL;
    AUTO(secret_release) struct secret pem = {0};
    char hash[PKI_SHA256_HEX];
    expect_ok(pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &key));
    expect_ok(pki_key_pem(key, PKI_PKCS8, &pem));
    account_hash(key, hash);
    auto_free char *issuer = x_printf(
        "{\"metadata\":{\"name\":\"acme\",%s\"uid\":\"i\",\"resourceVersion\":\"2\"},"
        "\"spec\":{\"acme\":{\"server\":\"" ACME_CA "/dir\",\"privateKeySecretRef\":{"
        "\"name\":\"key\"}%s}},\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":"
        "\"True\"}],\"acme\":{\"uri\":\"" ACME_ACCOUNT "\",\"lastPrivateKeyHash\":\"%s\"}}}",
        metadata, more, hash);
    scene_put(store, issuer);
    auto_free char *data = base64_encode(pem.data, pem.len);
    auto_free char *secret =
        x_printf("{\"metadata\":{\"name\":\"key\",\"namespace\":\"%s\",\"resourceVersion\":"
                 "\"2\"},\"data\":{\"tls.key\":\"%s\"}}",
                 ns, data);
    auto_free char *read = x_printf("GET https://api/api/v1/namespaces/%s/secrets/key", ns);
    scripted_plan(&s->world, read, 200, secret);
}

void acme_scene_issuer(struct scene *s, const char *more)
{
    put_issuer(s, &s->env->issuers, "shop", "\"namespace\":\"shop\",", more);
}

void acme_scene_cluster_issuer(struct scene *s, const char *more)
{
    put_issuer(s, &s->env->cluster_issuers, "certroll", "", more);
}

void acme_scene_pending_order(struct scene *s)
{
    scene_put(&s->env->requests,
              "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\":\"r\","
              "\"resourceVersion\":\"2\"},\"spec\":{\"request\":\"" ACME_CSR "\"," ACME_REF "}}");
    scene_put(&s->env->orders,
              "{\"metadata\":{\"name\":\"o\",\"namespace\":\"shop\",\"uid\":\"o\","
              "\"resourceVersion\":\"2\"," ACME_OWNED(
                  "CertificateRequest", "web-1",
                  "r") "},\"spec\":{\"request\":\"" ACME_CSR "\"," ACME_REF
                       "},\"status\":{\"state\":\"pending\",\"url\":\"" ACME_CA
                       "/order/1\",\"authorizations\":[{\"url\":\"" ACME_CA "/authz/1\"}]}}");
}

void acme_scene_directory(struct scene *s, const char *more)
{
    auto_free char *body = x_printf("{" ACME_ENDPOINTS "%s}", more);
    scripted_plan(&s->world, "GET " ACME_CA "/dir", 200, body);
}

void acme_scene_post(struct scene *s, const char *path, int status, const char *headers,
                     const char *body)
{
    auto_free char *expected = x_printf("POST " ACME_CA "%s", path);
    scripted_plan_headers(&s->world, "HEAD " ACME_CA "/nonce", 200, "replay-nonce: n\n", "");
    scripted_plan_headers(&s->world, expected, status, headers, body);
}

json_t *acme_scene_payload(struct scene *s, size_t i)
{
    json_auto_t *jws = scripted_json(&s->world, i);
    const char *text = JSTR(jws, "payload");
    if (str_empty(text))
        return NULL;
    auto_free char *payload = NULL;
    size_t len = 0;
    expect_ok(base64url_decode(text, strlen(text), &payload, &len));
    return parsed(payload);
}
