/* SPDX-License-Identifier: Apache-2.0 */
#include "testca.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

static void set_subject(X509 *cert, const char *cn)
{
    X509_NAME *name = X509_NAME_new();
    if (cn != NULL)
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                    (const unsigned char *)cn, -1, -1, 0),
                         1);
    assert_int_equal(X509_set_subject_name(cert, name), 1);
    X509_NAME_free(name);
}

static void fill(X509 *cert, const struct issue_spec *spec)
{
    static long serial;
    int64_t until = spec->until != 0 ? spec->until : 90 * NS_PER_DAY;
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    ASN1_TIME_set(X509_getm_notBefore(cert), (TEST_NOW + spec->from) / NS_PER_SEC);
    ASN1_TIME_set(X509_getm_notAfter(cert), (TEST_NOW + until) / NS_PER_SEC);
    set_subject(cert, spec->cn);
    if (spec->is_ca)
        add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    if (spec->key_usage != NULL)
        add_extension(cert, NID_key_usage, spec->key_usage);
    if (spec->sans != NULL)
        add_extension(cert, NID_subject_alt_name, spec->sans);
}

void issue(const struct issue_spec *spec, struct issued *ret_issued)
{
    struct issued i = {.cert = X509_new()};
    i.key = spec->key != NULL ? spec->key : EVP_EC_gen("P-256");
    assert_non_null(i.key);
    if (spec->key != NULL)
        EVP_PKEY_up_ref(i.key);
    fill(i.cert, spec);
    X509_set_pubkey(i.cert, i.key);
    const X509 *issuer = spec->issuer != NULL ? spec->issuer->cert : i.cert;
    EVP_PKEY *signer = spec->issuer != NULL ? spec->issuer->key : i.key;
    X509_set_issuer_name(i.cert, X509_get_subject_name(issuer));
    const EVP_MD *md = spec->sha1 ? EVP_sha1() : EVP_sha256();
    if (EVP_PKEY_is_a(signer, "ED25519"))
        md = NULL;
    assert_true(X509_sign(i.cert, signer, md) > 0);
    i.pem = cert_pem(i.cert);
    i.key_pem = private_pem(i.key);
    *ret_issued = i;
}

void issued_release(struct issued *i)
{
    EVP_PKEY_free(i->key);
    X509_free(i->cert);
    free(i->pem);
    free(i->key_pem);
}

char *join(const char *a, const char *b)
{
    return x_printf("%s%s", a, b);
}

static char *take_text(BIO *bio)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    char *text = x_strndup(data, (size_t)len);
    BIO_free(bio);
    return text;
}

char *cert_pem(const X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
    return take_text(bio);
}

char *private_pem(const EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    return take_text(bio);
}

EVP_PKEY *private_from_pem(const char *pem, size_t len)
{
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(key);
    return key;
}

X509 *cert_from_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(cert);
    return cert;
}

X509_REQ *request_from_pem(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    BIO_free(bio);
    assert_non_null(req);
    return req;
}

struct pki_key *new_key(enum pki_key_algorithm algorithm, int size)
{
    struct pki_key *key = NULL;
    const struct pki_key_spec spec = {algorithm, size};
    assert_ok(pki_key_generate(&spec, &key));
    return key;
}

struct pki_names new_names(const char *cn, const char *dns)
{
    struct pki_names n = {.common_name = x_strdup_or_null(cn)};
    for (const char *s = dns; s != NULL && *s != '\0';) {
        size_t len = strcspn(s, ",");
        strlist_add_take(&n.dns, x_strndup(s, len));
        s += len + (s[len] == ',');
    }
    assert_ok(pki_names_normalize(&n));
    return n;
}

void assert_ok(struct err *e)
{
    if (e != NULL)
        fail_msg("%s: %s", e->reason, e->message);
    assert_int_equal(ERR_peek_error(), 0);
}

void assert_refused(struct err *e, const char *reason, const char *text)
{
    assert_int_equal(ERR_peek_error(), 0);
    if (e == NULL)
        fail_msg("accepted, but expected: %s", text);
    if (e->kind != ERR_INVALID || strcmp(e->reason, reason) != 0 ||
        strstr(e->message, text) == NULL)
        fail_msg("expected %s: ...%s..., got %s: %s", reason, text, e->reason, e->message);
    err_free(e);
}
