/* SPDX-License-Identifier: Apache-2.0 */
#include "leaf_scene.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"
#include "base/mem.h"
#include "base/str.h"
#include "support/expect.h"

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

static char *pem_of(X509 *cert)
{
    BIO *out = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(out, cert), 1);
    char *data = NULL;
    long len = BIO_get_mem_data(out, &data);
    char *pem = x_strndup(data, (size_t)len);
    BIO_free(out);
    return pem;
}

static struct pki_key *key_of(EVP_PKEY *key)
{
    struct pki_key *parsed = NULL;
    BIO *out = BIO_new(BIO_s_mem());
    char *pem = NULL;
    assert_int_equal(PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(out, &pem);
    expect_ok(pki_key_parse(pem, (size_t)len, &parsed));
    BIO_free(out);
    return parsed;
}

void leaf_issue(const char *sans, int64_t not_after, struct leaf *ret_leaf)
{
    static long serial = 1000;
    X509 *cert = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(cert), (SCENE_NOW - 300 * NS_PER_DAY) / NS_PER_SEC);
    ASN1_TIME_set(X509_getm_notAfter(cert), not_after / NS_PER_SEC);
    assert_int_equal(X509_set_pubkey(cert, key), 1);
    add_extension(cert, NID_subject_alt_name, sans);
    add_extension(cert, NID_subject_key_identifier, "hash");
    add_extension(cert, NID_authority_key_identifier, "keyid:always");
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    auto_free char *pem = pem_of(cert);
    *ret_leaf = (struct leaf){.text = base64_encode(pem, strlen(pem)), .key = key_of(key)};
    expect_ok(pki_cert_parse(pem, strlen(pem), &ret_leaf->cert));
    assert_non_null(ret_leaf->cert.ari_id);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void leaf_release(struct leaf *l)
{
    free(l->text);
    pki_cert_release(&l->cert);
    pki_key_free(l->key);
}

void leaf_put_request(struct scene *s, const struct leaf_request *r, const struct leaf *leaf)
{
    auto_free char *text = x_printf(
        "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%s\",\"uid\":\"%s\",\"resourceVersion\":"
        "\"2\",\"ownerReferences\":[{\"apiVersion\":\"certroll.dev/v1\",\"kind\":\"Certificate\","
        "\"name\":\"web\",\"uid\":\"%s\",\"controller\":true}]},\"spec\":{\"request\":\"Q1NS\","
        "\"issuerRef\":{\"name\":\"%s\",\"kind\":\"ClusterIssuer\"}},\"status\":{\"certificate\":"
        "\"%s\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\",\"reason\":\"r\","
        "\"message\":\"m\"}]}}",
        r->name, r->ns, r->name, r->owner_uid, r->issuer, leaf->text, str_or(r->ready, "True"));
    scene_put(&s->env->requests, text);
}
