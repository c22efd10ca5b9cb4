/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/jws.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "pki/internal.h"
#include "testca.h"

/* RFC 7638 section 3.1 */
#define RFC7638_N                                                                                  \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"      \
    "BJECPe"                                                                                       \
    "bWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"           \
    "FDW2QvzqY36"                                                                                  \
    "8QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"                       \
    "bFTWhAI4vMQFh6WeZu0fM4l"                                                                      \
    "Fd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"

static struct pki_key *rsa_of_jwk(const char *n_text, unsigned e)
{
    auto_free char *n = NULL;
    size_t len = 0;
    assert_ok(base64url_decode(n_text, strlen(n_text), &n, &len));
    unsigned char little[512];
    for (size_t i = 0; i < len; i++)
        little[i] = (unsigned char)n[len - 1 - i];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, little, len),
        OSSL_PARAM_construct_uint(OSSL_PKEY_PARAM_RSA_E, &e),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    EVP_PKEY *evp = NULL;
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &evp, EVP_PKEY_PUBLIC_KEY, params), 1);
    struct pki_key *key = NULL;
    assert_ok(pki_key_wrap(evp, "InvalidKey", &key));
    EVP_PKEY_free(evp);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static void assert_jwk(const struct pki_key *key, const char *expected)
{
    json_auto_t *jwk = pki_jwk(key);
    auto_free char *text = NULL;
    assert_ok(json_to_string(jwk, 4096, &text));
    assert_string_equal(text, expected);
}

static void assert_thumbprint(const struct pki_key *key, const char *expected)
{
    auto_free char *thumbprint = pki_jwk_thumbprint(key);
    assert_string_equal(thumbprint, expected);
}

static void the_rsa_vector_of_rfc_7638(void **state)
{
    (void)state;
    AUTO_KEY key = rsa_of_jwk(RFC7638_N, 65537);
    assert_jwk(key, "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" RFC7638_N "\"}");
    assert_thumbprint(key, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

static struct pki_key *ed25519_of_rfc_8037(void)
{
    static const char d[] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
    auto_free char *raw = NULL;
    size_t len = 0;
    assert_ok(base64url_decode(d, strlen(d), &raw, &len));
    EVP_PKEY *evp = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, (unsigned char *)raw, len);
    struct pki_key *key = NULL;
    assert_ok(pki_key_wrap(evp, "InvalidKey", &key));
    EVP_PKEY_free(evp);
    return key;
}

static void the_ed25519_vector_of_rfc_8037(void **state)
{
    (void)state;
    AUTO_KEY key = ed25519_of_rfc_8037();
    assert_jwk(key, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
                    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}");
    assert_thumbprint(key, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

/* A P-256 key whose x coordinate begins with a zero byte. */
static const char leading_zero[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg42Tw2GI7iMECtf1f\n"
    "oV7iG/YF7kVBc0sDoTN/Tw3d6rWhRANCAAQAkZ4sTMsH9hfXT7zCx+Pue2S+Qyf0\n"
    "f5BDFfNnvGDzazBnml1mrbxD8VP+Z5dc3Z/ybzn0Ji1LCHSEhJYG14Fo\n"
    "-----END PRIVATE KEY-----\n";

static void coordinates_have_the_width_of_the_field(void **state)
{
    (void)state;
    AUTO_KEY key = NULL;
    assert_ok(pki_key_parse(leading_zero, strlen(leading_zero), &key));
    json_auto_t *jwk = pki_jwk(key);
    auto_free char *x = NULL;
    size_t len = 0;
    const char *text = JSTR(jwk, "x");
    assert_ok(base64url_decode(text, strlen(text), &x, &len));
    assert_int_equal(len, 32);
    assert_int_equal(x[0], 0);
    assert_string_equal(JSTR(jwk, "crv"), "P-256");

    AUTO_KEY wide = new_key(PKI_ECDSA, 521);
    json_auto_t *wide_jwk = pki_jwk(wide);
    assert_string_equal(JSTR(wide_jwk, "crv"), "P-521");
    assert_int_equal(strlen(JSTR(wide_jwk, "y")), 88); /* 66 bytes */
}

static void the_algorithm_follows_the_key(void **state)
{
    (void)state;
    static const struct {
        struct pki_key_spec spec;
        const char *alg;
    } cases[] = {
        {{PKI_RSA, 2048}, "RS256"},  {{PKI_ECDSA, 256}, "ES256"}, {{PKI_ECDSA, 384}, "ES384"},
        {{PKI_ECDSA, 521}, "ES512"}, {{PKI_ED25519, 0}, "EdDSA"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_KEY key = new_key(cases[i].spec.algorithm, cases[i].spec.size);
        assert_string_equal(pki_jws_alg(key), cases[i].alg);
    }
}

/* r || s back to DER; the widths are checked. */
static int raw_to_der(const unsigned char *raw, size_t len, size_t width, unsigned char **ret_der)
{
    assert_int_equal(len, 2 * width);
    ECDSA_SIG *sig = ECDSA_SIG_new();
    ECDSA_SIG_set0(sig, BN_bin2bn(raw, (int)width, NULL), BN_bin2bn(raw + width, (int)width, NULL));
    int der_len = i2d_ECDSA_SIG(sig, ret_der);
    ECDSA_SIG_free(sig);
    return der_len;
}

/* Verifies with OpenSSL alone. width 0: the signature is not ECDSA. */
static void verify(EVP_PKEY *key, const EVP_MD *md, size_t width, const char *input,
                   const char *signature)
{
    auto_free char *raw = NULL;
    size_t len = 0;
    assert_ok(base64url_decode(signature, strlen(signature), &raw, &len));
    unsigned char *der = NULL;
    const unsigned char *sig = (const unsigned char *)raw;
    if (width != 0) {
        len = (size_t)raw_to_der(sig, len, width, &der);
        sig = der;
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, md, NULL, key), 1);
    assert_int_equal(EVP_DigestVerify(ctx, sig, len, (const unsigned char *)input, strlen(input)),
                     1);
    EVP_MD_CTX_free(ctx);
    OPENSSL_free(der);
}

static EVP_PKEY *independent(const struct pki_key *key)
{
    AUTO(secret_release) struct secret pem = {0};
    assert_ok(pki_key_pem(key, PKI_PKCS8, &pem));
    return private_from_pem(pem.data, pem.len);
}

static json_t *sign(const struct pki_jws *jws)
{
    auto_free char *body = NULL;
    assert_ok(pki_jws_sign(jws, &body));
    json_t *value = NULL;
    assert_ok(json_parse(body, strlen(body), &value));
    assert_int_equal(json_count(value), 3);
    return value;
}

static char *decoded(const json_t *jws, const char *member)
{
    const char *text = JSTR(jws, member);
    char *out = NULL;
    size_t len = 0;
    assert_ok(base64url_decode(text, strlen(text), &out, &len));
    assert_int_equal(strlen(out), len);
    return out;
}

static void signatures_verify_with_every_kind_of_key(void **state)
{
    (void)state;
    static const struct {
        struct pki_key_spec spec;
        const EVP_MD *(*md)(void);
        size_t width;
    } cases[] = {
        {{PKI_RSA, 2048}, EVP_sha256, 0},   {{PKI_ECDSA, 256}, EVP_sha256, 32},
        {{PKI_ECDSA, 384}, EVP_sha384, 48}, {{PKI_ECDSA, 521}, EVP_sha512, 66},
        {{PKI_ED25519, 0}, NULL, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_KEY key = new_key(cases[i].spec.algorithm, cases[i].spec.size);
        EVP_PKEY *evp = independent(key);
        /* What the first leaves with the key must not tell in those after it. */
        for (int n = 0; n < 3; n++) {
            auto_free char *said = x_printf("{\"a\":%d}", n);
            json_auto_t *jws = sign(&(struct pki_jws){
                .key = key, .nonce = "n1", .url = "https://ca.example/x", .payload = said});
            auto_free char *input = x_printf("%s.%s", JSTR(jws, "protected"), JSTR(jws, "payload"));
            verify(evp, cases[i].md != NULL ? cases[i].md() : NULL, cases[i].width, input,
                   JSTR(jws, "signature"));
        }
        EVP_PKEY_free(evp);
    }
}

/* One signature in 128 has a short r or s: 1000 of them hit it but with probability 0.0004. */
/* RFC 7519 section 3.1: header, claims, signature. */
static void a_token_is_its_header_its_claims_and_their_signature(void **state)
{
    (void)state;
    static const struct {
        struct pki_key_spec spec;
        const EVP_MD *(*md)(void);
        size_t width;
        const char *kid, *header;
    } cases[] = {
        {{PKI_RSA, 2048},
         EVP_sha256,
         0,
         "k1",
         "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}"},
        {{PKI_ECDSA, 256}, EVP_sha256, 32, NULL, "{\"alg\":\"ES256\",\"typ\":\"JWT\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_KEY key = new_key(cases[i].spec.algorithm, cases[i].spec.size);
        auto_free char *token = NULL;
        assert_ok(pki_jwt_sign(key, cases[i].kid, "{\"iss\":\"a\"}", &token));
        auto_free char *header = base64url_encode(cases[i].header, strlen(cases[i].header));
        auto_free char *input = x_printf("%s.eyJpc3MiOiJhIn0", header);
        assert_true(str_starts(token, input) && token[strlen(input)] == '.');
        EVP_PKEY *evp = independent(key);
        verify(evp, cases[i].md(), cases[i].width, input, token + strlen(input) + 1);
        EVP_PKEY_free(evp);
    }
}

static void es256_signatures_have_a_fixed_width(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    EVP_PKEY *evp = independent(key);
    for (int i = 0; i < 1000; i++) {
        json_auto_t *jws =
            sign(&(struct pki_jws){.key = key, .kid = "k", .url = "u", .payload = ""});
        auto_free char *input = x_printf("%s.", JSTR(jws, "protected"));
        verify(evp, EVP_sha256(), 32, input, JSTR(jws, "signature"));
    }
    EVP_PKEY_free(evp);
}

static void the_header_holds_the_jwk_or_the_kid(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    json_auto_t *jwk = pki_jwk(key);
    json_auto_t *with_jwk = sign(&(struct pki_jws){
        .key = key, .nonce = "abc", .url = "https://ca.example/new", .payload = "{}"});
    auto_free char *protected = decoded(with_jwk, "protected");
    json_auto_t *header = NULL;
    assert_ok(json_parse(protected, strlen(protected), &header));
    assert_int_equal(json_count(header), 4);
    assert_string_equal(JSTR(header, "alg"), "ES256");
    assert_string_equal(JSTR(header, "nonce"), "abc");
    assert_string_equal(JSTR(header, "url"), "https://ca.example/new");
    assert_true(json_same(JGET(header, "jwk"), jwk));

    json_auto_t *with_kid = sign(&(struct pki_jws){.key = key,
                                                   .kid = "https://ca.example/acct/1",
                                                   .nonce = "abc",
                                                   .url = "https://ca.example/order",
                                                   .payload = "{\"x\":\"\xC3\xA9\"}"});
    auto_free char *kid_header = decoded(with_kid, "protected");
    assert_string_equal(kid_header, "{\"alg\":\"ES256\",\"kid\":\"https://ca.example/acct/1\","
                                    "\"nonce\":\"abc\",\"url\":\"https://ca.example/order\"}");
    auto_free char *payload = decoded(with_kid, "payload");
    assert_string_equal(payload, "{\"x\":\"\xC3\xA9\"}");
}

static void post_as_get_and_inner_jws_leave_out_what_they_must(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ED25519, 0);
    json_auto_t *get =
        sign(&(struct pki_jws){.key = key, .kid = "k", .nonce = "n", .url = "u", .payload = ""});
    assert_string_equal(JSTR(get, "payload"), "");
    json_auto_t *inner = sign(&(struct pki_jws){.key = key, .url = "u", .payload = "{}"});
    auto_free char *protected = decoded(inner, "protected");
    assert_null(strstr(protected, "nonce"));
    assert_non_null(strstr(protected, "\"jwk\":{"));
}

static void assert_signature(const struct pki_jws *jws, const char *input, const char *expected)
{
    AUTO(buf_release) struct buf b = BUF_INIT(4096);
    buf_puts(&b, input);
    auto_free char *signature = NULL;
    assert_ok(pki_jws_signature(jws, &b, &signature));
    assert_string_equal(signature, expected);
}

/* RFC 7515 appendix A.1 and RFC 8037 appendix A.4: those that sign the same each time. */
static void the_vectors_of_rfc_7515_and_rfc_8037(void **state)
{
    (void)state;
    static const char k[] =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    auto_free char *secret = NULL;
    size_t len = 0;
    assert_ok(base64url_decode(k, strlen(k), &secret, &len));
    assert_signature(
        &(struct pki_jws){.mac = &(struct pki_mac){256, secret, len}},
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ",
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    AUTO_KEY key = ed25519_of_rfc_8037();
    assert_signature(&(struct pki_jws){.key = key},
                     "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
                     "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvp"
                     "Ar_MuM0KAg");
}

/* RFC 4231 section 4.3. */
static void longer_macs_are_those_of_rfc_4231(void **state)
{
    (void)state;
    static const char input[] = "what do ya want for nothing?";
    assert_signature(&(struct pki_jws){.mac = &(struct pki_mac){256, "Jefe", 4}}, input,
                     "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM");
    assert_signature(&(struct pki_jws){.mac = &(struct pki_mac){384, "Jefe", 4}}, input,
                     "r0XS43ZIQDFhf3jStYprG5x-9GT1oBtH5C7Dc2MiRF6OIkDKXmnix4syOez6shZJ");
    assert_signature(
        &(struct pki_jws){.mac = &(struct pki_mac){512, "Jefe", 4}}, input,
        "Fkt6e_z4GeLjlfvnO1bgo4e9ZCIugx_WECcM1-olBVSXWL91wFqZSm0DT2X48Ob9yuqxo01Ka0tjbgcKOLznNw");
}

/* The inner JWS of RFC 8555 section 7.3.4: a kid, a URL, no nonce. */
static void a_binding_names_its_key(void **state)
{
    (void)state;
    json_auto_t *jws = sign(&(struct pki_jws){.mac = &(struct pki_mac){384, "key", 3},
                                              .kid = "kid-1",
                                              .url = "https://ca.example/new",
                                              .payload = "{}"});
    auto_free char *protected = decoded(jws, "protected");
    assert_string_equal(protected, "{\"alg\":\"HS384\",\"kid\":\"kid-1\","
                                   "\"url\":\"https://ca.example/new\"}");
    assert_int_equal(strlen(JSTR(jws, "signature")), 64);
}

static void a_payload_without_end_is_refused(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ED25519, 0);
    size_t len = (size_t)2 << 20;
    auto_free char *payload = x_alloc(len + 1);
    memset(payload, ' ', len);
    payload[len] = '\0';
    char *body = NULL;
    assert_refused(
        pki_jws_sign(&(struct pki_jws){.key = key, .kid = "k", .url = "u", .payload = payload},
                     &body),
        "TooLarge", "JWS payload");
    assert_null(body);
}

static void *sign_often(void *arg)
{
    for (int i = 0; i < 50; i++) {
        auto_free char *body = NULL;
        AUTO_ERR e = pki_jws_sign(
            &(struct pki_jws){.key = arg, .nonce = "n", .url = "u", .payload = "{}"}, &body);
        auto_free char *thumbprint = pki_jwk_thumbprint(arg);
        if (e != NULL || strlen(thumbprint) != 43)
            abort();
    }
    return NULL;
}

static void threads_may_sign_with_one_key(void **state)
{
    (void)state;
    AUTO_KEY key = new_key(PKI_ECDSA, 256);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_often, key), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
}

static int setup(void **state)
{
    (void)state;
    json_room_init();
    pki_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rsa_vector_of_rfc_7638),
        cmocka_unit_test(the_ed25519_vector_of_rfc_8037),
        cmocka_unit_test(coordinates_have_the_width_of_the_field),
        cmocka_unit_test(the_algorithm_follows_the_key),
        cmocka_unit_test(signatures_verify_with_every_kind_of_key),
        cmocka_unit_test(a_token_is_its_header_its_claims_and_their_signature),
        cmocka_unit_test(es256_signatures_have_a_fixed_width),
        cmocka_unit_test(the_header_holds_the_jwk_or_the_kid),
        cmocka_unit_test(post_as_get_and_inner_jws_leave_out_what_they_must),
        cmocka_unit_test(the_vectors_of_rfc_7515_and_rfc_8037),
        cmocka_unit_test(longer_macs_are_those_of_rfc_4231),
        cmocka_unit_test(a_binding_names_its_key),
        cmocka_unit_test(a_payload_without_end_is_refused),
        cmocka_unit_test(threads_may_sign_with_one_key),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
