/* SPDX-License-Identifier: Apache-2.0 */
#include "support/tls_identity.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "base/mem.h"

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static char *bio_text(BIO *bio)
{
    char *data;
    MUST(BIO_write(bio, "", 1) == 1);
    BIO_get_mem_data(bio, &data);
    char *text = x_strdup(data);
    BIO_free(bio);
    return text;
}

static X509 *read_cert(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    MUST(cert != NULL);
    return cert;
}

static EVP_PKEY *read_key(const char *pem)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    MUST(key != NULL);
    return key;
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

static X509 *make_cert(EVP_PKEY *key, const char *common_name)
{
    X509 *cert = X509_new();
    unsigned char serial[8];
    MUST(RAND_bytes(serial, sizeof(serial)) == 1);
    serial[0] &= 0x7f;
    BIGNUM *bn = BN_bin2bn(serial, sizeof(serial), NULL);
    MUST(BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) != NULL);
    BN_free(bn);
    MUST(X509_set_version(cert, X509_VERSION_3) == 1 && X509_set_pubkey(cert, key) == 1 &&
         X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                                    (const unsigned char *)common_name, -1, -1, 0) == 1 &&
         X509_gmtime_adj(X509_getm_notBefore(cert), -60) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(cert), 3600) != NULL);
    return cert;
}

struct tls_identity tls_identity_new(const struct tls_identity *issuer, const char *common_name,
                                     const char *san)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    MUST(key != NULL);
    X509 *cert = make_cert(key, common_name);
    X509 *ca = issuer != NULL ? read_cert(issuer->cert_pem) : cert;
    EVP_PKEY *ca_key = issuer != NULL ? read_key(issuer->key_pem) : key;
    MUST(X509_set_issuer_name(cert, X509_get_subject_name(ca)) == 1);
    add_extension(cert, ca, NID_basic_constraints,
                  issuer == NULL ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (issuer != NULL)
        add_extension(cert, ca, NID_subject_alt_name, san);
    MUST(X509_sign(cert, ca_key, EVP_sha256()) > 0);
    BIO *cert_bio = BIO_new(BIO_s_mem());
    BIO *key_bio = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_X509(cert_bio, cert) == 1 &&
         PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    if (issuer != NULL) {
        X509_free(ca);
        EVP_PKEY_free(ca_key);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return (struct tls_identity){.cert_pem = bio_text(cert_bio), .key_pem = bio_text(key_bio)};
}

char *tls_identity_sign(const struct tls_identity *issuer, const char *csr_pem, const char *san)
{
    BIO *in = BIO_new_mem_buf(csr_pem, -1);
    X509_REQ *csr = PEM_read_bio_X509_REQ(in, NULL, NULL, NULL);
    MUST(csr != NULL);
    EVP_PKEY *key = X509_REQ_get_pubkey(csr);
    X509 *cert = make_cert(key, "the leaf");
    X509 *ca = read_cert(issuer->cert_pem);
    EVP_PKEY *ca_key = read_key(issuer->key_pem);
    MUST(X509_set_issuer_name(cert, X509_get_subject_name(ca)) == 1 &&
         ASN1_TIME_set_string(X509_getm_notBefore(cert), "20200101000000Z") == 1 &&
         ASN1_TIME_set_string(X509_getm_notAfter(cert), "21000101000000Z") == 1);
    add_extension(cert, ca, NID_subject_alt_name, san);
    MUST(X509_sign(cert, ca_key, EVP_sha256()) > 0);
    BIO *out = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_X509(out, cert) == 1);
    BIO_free(in);
    X509_REQ_free(csr);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    X509_free(cert);
    X509_free(ca);
    return bio_text(out);
}

void tls_identity_release(struct tls_identity *id)
{
    free(id->cert_pem);
    free(id->key_pem);
    *id = (struct tls_identity){0};
}
