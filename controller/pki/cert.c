/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/cert.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/encode.h"
#include "pki/internal.h"

#define ISSUER_TEXT_MAX 512
#define SERIAL_BYTES_MAX 64 /* RFC 5280 allows 20; some CAs exceed it */
#define AKI_BYTES_MAX 64

/* Whole seconds that int64_t nanoseconds can hold: until the year 2262. */
#define SECONDS_MAX (INT64_MAX / NS_PER_SEC)
/* API objects have no times before 1970, and 0 means that there is none. */
#define SECONDS_MIN 1

static int64_t to_wall(const ASN1_TIME *t)
{
    struct tm tm;
    if (ASN1_TIME_to_tm(t, &tm) != 1)
        return 0;
    int64_t s = timegm(&tm);
    if (s > SECONDS_MAX)
        return INT64_MAX;
    return (s < SECONDS_MIN ? SECONDS_MIN : s) * NS_PER_SEC;
}

int64_t x509_not_before(const X509 *cert)
{
    return to_wall(X509_get0_notBefore(cert));
}

int64_t x509_not_after(const X509 *cert)
{
    return to_wall(X509_get0_notAfter(cert));
}

char *x509_pem(const X509 *cert)
{
    AUTO(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
    openssl_must(bio != NULL && PEM_write_bio_X509(bio, cert) == 1);
    return bio_to_string(bio);
}

struct err *x509_names_read(const X509 *cert, struct pki_names *names)
{
    TRY(pki_subject_read(X509_get_subject_name(cert), PKI_LENIENT, names));
    const struct pki_extensions out = {.names = names};
    TRY(pki_extensions_read(X509_get0_extensions(cert), PKI_LENIENT, &out));
    pki_names_canonicalize(names);
    return NULL;
}

static struct err *issuer_text(const X509 *cert, char **ret_text)
{
    AUTO(BIO_freep) BIO *bio = BIO_new(BIO_s_mem());
    openssl_must(bio != NULL);
    if (X509_NAME_print_ex(bio, X509_get_issuer_name(cert), 0, XN_FLAG_RFC2253) < 0)
        return openssl_err(ERR_INVALID, "InvalidCertificate", "its issuer's name is malformed");
    auto_free char *text = bio_to_string(bio);
    *ret_text = x_strndup(text, ISSUER_TEXT_MAX);
    return NULL;
}

static struct err *serial_text(const X509 *cert, char **ret_text)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    if (ASN1_STRING_length(serial) > SERIAL_BYTES_MAX)
        return err_new(ERR_INVALID, "InvalidCertificate", "the serial number is too long");
    AUTO(BN_freep) BIGNUM *n = ASN1_INTEGER_to_BN(serial, NULL);
    openssl_must(n != NULL);
    char *hex = BN_bn2hex(n);
    openssl_must(hex != NULL);
    for (char *c = hex; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'F')
            *c = (char)(*c - 'A' + 'a');
    }
    *ret_text = x_strdup(hex);
    OPENSSL_free(hex);
    return NULL;
}

/* base64url(key identifier of the AKI) "." base64url(serial number, its DER content octets). */
static char *ari_id(X509 *cert)
{
    const ASN1_OCTET_STRING *aki = X509_get0_authority_key_id(cert);
    if (aki == NULL || ASN1_STRING_length(aki) == 0 || ASN1_STRING_length(aki) > AKI_BYTES_MAX)
        return NULL;
    unsigned char *der = NULL;
    int len = i2d_ASN1_INTEGER(X509_get0_serialNumber(cert), &der);
    openssl_must(len > 2);
    /* The length was checked: the header is one byte of tag and one of length. */
    auto_free char *serial = base64url_encode(der + 2, (size_t)len - 2);
    OPENSSL_free(der);
    auto_free char *key =
        base64url_encode(ASN1_STRING_get0_data(aki), (size_t)ASN1_STRING_length(aki));
    return x_printf("%s.%s", key, serial);
}

static void fingerprint(const X509 *cert, char out[PKI_SHA256_HEX])
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    openssl_must(len > 0);
    pki_sha256_hex(der, (size_t)len, out);
    OPENSSL_free(der);
}

static struct err *read_cert(X509 *cert, struct pki_cert *c)
{
    TRY(pki_key_wrap(X509_get0_pubkey(cert), "InvalidCertificate", &c->public_key));
    TRY(x509_names_read(cert, &c->names));
    const struct pki_extensions out = {.usages = &c->usages, .is_ca = &c->is_ca};
    TRY(pki_extensions_read(X509_get0_extensions(cert), PKI_LENIENT, &out));
    TRY(serial_text(cert, &c->serial));
    TRY(issuer_text(cert, &c->issuer));
    c->ari_id = ari_id(cert);
    c->not_before = x509_not_before(cert);
    c->not_after = x509_not_after(cert);
    c->self_issued = X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
    fingerprint(cert, c->fingerprint);
    return NULL;
}

struct err *pki_cert_parse(const void *pem, size_t len, struct pki_cert *ret_cert)
{
    OPENSSL_SCOPE;
    AUTO(x509_chain_freep) x509_chain *chain = NULL;
    TRY(x509_chain_parse(pem, len, &chain));
    AUTO(pki_cert_release) struct pki_cert c = {0};
    TRY(err_as(read_cert(sk_X509_value(chain, 0), &c), "InvalidCertificate"), "certificate");
    *ret_cert = c;
    c = (struct pki_cert){0};
    return NULL;
}

struct err *pki_cert_der(const void *pem, size_t len, unsigned char **ret_der, size_t *ret_len)
{
    OPENSSL_SCOPE;
    AUTO(x509_chain_freep) x509_chain *chain = NULL;
    TRY(x509_chain_parse(pem, len, &chain));
    unsigned char *der = NULL;
    int size = i2d_X509(sk_X509_value(chain, 0), &der);
    openssl_must(size > 0);
    *ret_der = x_memdup(der, (size_t)size);
    *ret_len = (size_t)size;
    OPENSSL_free(der);
    return NULL;
}

void pki_cert_release(struct pki_cert *c)
{
    pki_names_release(&c->names);
    pki_usages_release(&c->usages);
    pki_key_free(c->public_key);
    free(c->issuer);
    free(c->serial);
    free(c->ari_id);
    *c = (struct pki_cert){0};
}
