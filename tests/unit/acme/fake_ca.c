/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_ca.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/jws.h"

static const char default_directory[] =
    "{\"newNonce\":\"" FAKE_HOST "/nonce\",\"newAccount\":\"" FAKE_HOST "/new-acct\","
    "\"newOrder\":\"" FAKE_HOST "/new-order\",\"revokeCert\":\"" FAKE_HOST "/revoke\","
    "\"keyChange\":\"" FAKE_HOST "/key-change\"}";

/* ---- judging ---- */

/* The first one counts. Lock held. */
__attribute__((format(printf, 2, 3))) static void wrong(struct fake_ca *f, const char *fmt, ...)
{
    if (f->violation[0] != '\0')
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->violation, sizeof(f->violation), fmt, ap);
    va_end(ap);
}

static const char *header_of(const struct http_request *req, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < req->header_count; i++) {
        if (strcasecmp(req->headers[i].name, name) == 0)
            value = req->headers[i].value;
    }
    return value;
}

/* A base64url member as bytes, owned. */
static char *decoded(struct fake_ca *f, const json_t *object, const char *name, size_t *ret_len)
{
    const char *text = JSTR(object, name);
    char *bytes = NULL;
    *ret_len = 0;
    struct err *e = text != NULL ? base64url_decode(text, strlen(text), &bytes, ret_len) : NULL;
    if (text == NULL || e != NULL)
        wrong(f, "%s is not base64url", name);
    err_free(e);
    return bytes != NULL ? bytes : x_strdup("");
}

static EVP_PKEY *public_key(struct fake_ca *f, const json_t *jwk)
{
    size_t x_len, y_len;
    auto_free char *x = decoded(f, jwk, "x", &x_len);
    auto_free char *y = decoded(f, jwk, "y", &y_len);
    unsigned char point[65] = {4};
    char group[] = "prime256v1";
    if (!str_eq(JSTR(jwk, "kty"), "EC") || !str_eq(JSTR(jwk, "crv"), "P-256") || x_len != 32 ||
        y_len != 32 || JGET(jwk, "d") != NULL || json_count(jwk) != 4) {
        wrong(f, "the JWK is not a public key on P-256");
        return NULL;
    }
    memcpy(point + 1, x, 32);
    memcpy(point + 33, y, 32);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        wrong(f, "the JWK is not a point of P-256");
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* ES256: r || s over "protected.payload" (RFC 7515 section 5.2, RFC 7518 section 3.4). */
static void judge_signature(struct fake_ca *f, const json_t *jws, EVP_PKEY *key)
{
    size_t len;
    auto_free char *raw = decoded(f, jws, "signature", &len);
    if (len != 64) {
        wrong(f, "the signature has %zu bytes", len);
        return;
    }
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn((unsigned char *)raw, 32, NULL),
                   BN_bin2bn((unsigned char *)raw + 32, 32, NULL));
    unsigned char *der = NULL;
    int der_len = i2d_ECDSA_SIG(sig, &der);
    auto_free char *input = x_printf("%s.%s", JSTR(jws, "protected"), JSTR(jws, "payload"));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestVerify(ctx, der, (size_t)der_len, (unsigned char *)input, strlen(input)) != 1)
        wrong(f, "the signature is not that of the account's key");
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
    ECDSA_SIG_free(sig);
}

/* Exactly one of jwk and kid; the key that has signed. */
static EVP_PKEY *judge_signer(struct fake_ca *f, const json_t *protected)
{
    const json_t *jwk = JGET(protected, "jwk");
    const char *kid = JSTR(protected, "kid");
    if ((jwk == NULL) == (kid == NULL))
        wrong(f, "not exactly one of jwk and kid");
    if (kid != NULL && !str_eq(kid, FAKE_ACCOUNT))
        wrong(f, "the kid is %s", kid);
    json_auto_t *ours = pki_jwk(f->key);
    if (jwk != NULL && !json_same(jwk, ours))
        wrong(f, "the jwk is another key");
    return public_key(f, ours);
}

static void judge_nonce(struct fake_ca *f, const char *nonce)
{
    unsigned n = 0;
    char text[16];
    while (n <= f->issued && n <= FAKE_NONCES_MAX) {
        snprintf(text, sizeof(text), "n%u", n);
        if (n > 0 && str_eq(text, nonce))
            break;
        n++;
    }
    if (n > f->issued || n > FAKE_NONCES_MAX)
        wrong(f, "the nonce %s was never issued", str_or(nonce, "(none)"));
    else if (f->used[n])
        wrong(f, "the nonce %s was used before", nonce);
    else
        f->used[n] = true;
    f->nonce = n;
}

static json_t *parsed(struct fake_ca *f, const char *what, const char *text, size_t len)
{
    json_t *value = NULL;
    struct err *e = json_parse(text, len, &value);
    if (e != NULL)
        wrong(f, "%s: %s", what, e->message);
    err_free(e);
    return value;
}

static void judge_post(struct fake_ca *f, const struct http_request *req)
{
    if (!str_eq(header_of(req, "content-type"), "application/jose+json"))
        wrong(f, "the Content-Type is %s", str_or(header_of(req, "content-type"), "missing"));
    if ((req->flags & HTTP_MUTATES) == 0)
        wrong(f, "a POST without HTTP_MUTATES");
    json_auto_t *jws = parsed(f, "JWS", req->body, req->body_len);
    if (json_count(jws) != 3)
        wrong(f, "the JWS has other members than protected, payload, signature");
    size_t len, payload_len;
    auto_free char *header = decoded(f, jws, "protected", &len);
    auto_free char *payload = decoded(f, jws, "payload", &payload_len);
    json_decref(f->protected);
    json_decref(f->payload);
    f->protected = parsed(f, "protected", header, len);
    f->payload = payload_len > 0 ? parsed(f, "payload", payload, payload_len) : NULL;
    if (!str_eq(JSTR(f->protected, "alg"), "ES256") || json_count(f->protected) != 4)
        wrong(f, "the protected header is %s", header);
    if (!str_eq(JSTR(f->protected, "url"), req->url))
        wrong(f, "the url in the protected header is not the request's");
    judge_nonce(f, JSTR(f->protected, "nonce"));
    EVP_PKEY *key = judge_signer(f, f->protected);
    if (key != NULL)
        judge_signature(f, jws, key);
    EVP_PKEY_free(key);
}

static void keep(char **to, const char *text)
{
    free(*to);
    *to = x_strdup_or_null(text);
}

static void judge(struct fake_ca *f, const struct http_request *req)
{
    keep(&f->method, str_or(req->method, "GET"));
    keep(&f->url, req->url);
    keep(&f->accept, header_of(req, "accept"));
    keep(&f->user_agent, header_of(req, "user-agent"));
    f->flags = req->flags;
    f->max_body = req->max_body;
    f->timeout = req->timeout;
    f->tls = req->tls;
    if (!str_eq(header_of(req, "accept-language"), "en"))
        wrong(f, "no Accept-Language");
    if ((req->flags & HTTP_FOLLOW) != 0)
        wrong(f, "redirects would be followed");
    if (!str_starts(req->url, "https://"))
        wrong(f, "%s is not https", req->url);
    if (str_eq(f->method, "POST"))
        judge_post(f, req);
    else if (req->body_len > 0 || (req->flags & HTTP_MUTATES) != 0)
        wrong(f, "a %s with a body or HTTP_MUTATES", f->method);
}

/* ---- answering ---- */

static void respond(struct http_response *r, int status, const char *headers, const void *body,
                    size_t len)
{
    *r = (struct http_response){.status = status, .body = BUF_INIT((size_t)1 << 20)};
    r->headers = x_strdup(headers);
    assert_ok(buf_add(&r->body, body, len));
}

/* Replay-Nonce and more headers, owned. */
static char *with_nonce(struct fake_ca *f, const char *headers)
{
    return x_printf("replay-nonce: n%u\n%s", ++f->issued, headers);
}

static struct err *answer_queued(struct fake_ca *f, struct http_response *r)
{
    if (f->answered == f->queued) {
        if (!f->any_post)
            wrong(f, "%s %s was not expected", f->method, f->url);
        auto_free char *headers = with_nonce(f, "");
        respond(r, 200, headers, "{}", 2);
        return NULL;
    }
    struct fake_reply *q = &f->replies[f->answered++];
    if (q->err != NULL) {
        if (q->headers != NULL && (f->flags & HTTP_KEEP_HEAD) != 0)
            *r = (struct http_response){.status = q->status, .headers = x_strdup(q->headers)};
        return TAKE(q->err);
    }
    auto_free char *headers = f->no_nonces ? x_strdup(q->headers) : with_nonce(f, q->headers);
    respond(r, q->status, headers, q->body, q->len);
    return NULL;
}

static struct err *answer_post(struct fake_ca *f, struct http_response *r)
{
    f->posts++;
    if (f->bad_nonces == 0)
        return answer_queued(f, r);
    static const char body[] = PROBLEM("badNonce", "try again");
    f->bad_nonces--;
    auto_free char *headers =
        f->bad_without ? x_strdup(PROBLEM_HEADER) : with_nonce(f, PROBLEM_HEADER);
    respond(r, 400, headers, body, sizeof(body) - 1);
    return NULL;
}

static struct err *answer(struct fake_ca *f, struct http_response *r)
{
    if (str_eq(f->url, FAKE_DIRECTORY)) {
        f->directories++;
        if (*f->directory == '\0')
            return answer_queued(f, r);
        respond(r, 200, "content-type: application/json\n", f->directory, strlen(f->directory));
        return NULL;
    }
    if (str_eq(f->method, "GET"))
        return answer_queued(f, r);
    if (!str_eq(f->method, "HEAD"))
        return answer_post(f, r);
    f->nonces++;
    if (f->queue_nonces)
        return answer_queued(f, r);
    auto_free char *headers = with_nonce(f, "");
    respond(r, 200, headers, "", 0);
    return NULL;
}

static struct err *call(void *ctx, const struct http_request *req, const struct stop *stop,
                        struct http_response *ret_response)
{
    struct fake_ca *f = ctx;
    TRY(stop_check(stop));
    pthread_mutex_lock(&f->lock);
    judge(f, req);
    clock_manual_advance(&f->clock, f->takes);
    struct err *e = answer(f, ret_response);
    pthread_mutex_unlock(&f->lock);
    return e;
}

/* ---- life ---- */

struct acme_ca_options fake_ca_options(struct fake_ca *f)
{
    return (struct acme_ca_options){
        .directory_url = FAKE_DIRECTORY,
        .transport = &f->transport,
        .clock = &f->clock.clock,
    };
}

void fake_ca_init(struct fake_ca *f)
{
    json_room_init();
    pki_init();
    clock_manual_init(&f->clock, FAKE_NOW);
    pthread_mutex_init(&f->lock, NULL);
    f->transport = (struct http_transport){.call = call, .ctx = f};
    if (f->directory == NULL)
        f->directory = default_directory;
    assert_ok(
        pki_key_generate(&(struct pki_key_spec){.algorithm = PKI_ECDSA, .size = 256}, &f->key));
    struct acme_ca_options o = fake_ca_options(f);
    f->ca = acme_ca_new(&o);
    f->account = (struct acme_account){.ca = f->ca, .key = f->key, .url = FAKE_ACCOUNT};
}

void fake_ca_release(struct fake_ca *f)
{
    acme_ca_free(f->ca);
    pki_key_free(f->key);
    for (unsigned i = 0; i < f->queued; i++) {
        err_free(f->replies[i].err);
        free(f->replies[i].headers);
        free(f->replies[i].body);
    }
    keep(&f->method, NULL);
    keep(&f->url, NULL);
    keep(&f->accept, NULL);
    keep(&f->user_agent, NULL);
    json_decref(f->protected);
    json_decref(f->payload);
    pthread_mutex_destroy(&f->lock);
    if (f->violation[0] != '\0')
        fail_msg("%s", f->violation);
    if (f->answered != f->queued)
        fail_msg("%u of %u answers were not asked for", f->queued - f->answered, f->queued);
}

void fake_answer_bytes(struct fake_ca *f, int status, const char *headers, const void *body,
                       size_t len)
{
    assert_true(f->queued < FAKE_REPLIES_MAX);
    f->replies[f->queued++] = (struct fake_reply){
        .status = status, .headers = x_strdup(headers), .body = x_memdup(body, len), .len = len};
}

void fake_answer(struct fake_ca *f, int status, const char *headers, const char *body)
{
    fake_answer_bytes(f, status, headers, body, strlen(body));
}

void fake_fail(struct fake_ca *f, struct err *e)
{
    assert_true(f->queued < FAKE_REPLIES_MAX);
    f->replies[f->queued++] = (struct fake_reply){.err = e};
}

void fake_fail_after_head(struct fake_ca *f, int status, const char *headers, struct err *e)
{
    fake_fail(f, e);
    struct fake_reply *q = &f->replies[f->queued - 1];
    q->status = status;
    q->headers = x_strdup(headers);
}

bool fake_violated(struct fake_ca *f, const char *what)
{
    bool found = strstr(f->violation, what) != NULL;
    f->violation[0] = '\0';
    return found;
}

void assert_ok(struct err *e)
{
    if (e != NULL)
        fail_msg("%s %s: %s", err_kind_str(e->kind), e->reason, e->message);
}

void assert_error(struct err *e, enum err_kind kind, const char *reason, const char *text)
{
    assert_non_null(e);
    if (e->kind != kind || (reason != NULL && !str_eq(e->reason, reason)) ||
        (text != NULL && strstr(e->message, text) == NULL))
        fail_msg("got %s %s: %s", err_kind_str(e->kind), e->reason, e->message);
    err_free(e);
}
